/* What a container may use: the tightest limit of the process's control groups and of the groups above them,
 * version 2 or 1. Inside a container the mount point is its own group.
 *
 * Threading: pure functions that read files. Ownership: none. Errors: a limit that is not there is 0. */
#ifndef IFM_LIMITS_H
#define IFM_LIMITS_H

#include <stdint.h>

struct ifm_limits {
    double cpus;          /* quota over period; 0: none */
    int64_t memory_bytes; /* 0: none */
};
/* root: "" for this machine, or the folder of a recorded tree. */
void ifm_limits_read(const char *root, struct ifm_limits *out);

#endif
