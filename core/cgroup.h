/* The control group that the kernel accounts this process's memory to.
 *
 * Both hierarchies: v1 (controller "memory") and v2. A peak is told only where the process has a
 * group to itself: one that others share, such as a login session's or a container's, says nothing
 * of one model. The page cache that a process filled is part of it (measurement.md 8.2): not
 * comparable with RSS. Threading: one thread at a time. Errors: none; what cannot be read is
 * IFM_JSON_ABSENT or false. */
#ifndef IFM_CGROUP_H
#define IFM_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum ifm_cgroup_version { IFM_CGROUP_V1, IFM_CGROUP_V2 };

/* Folder of this process's group, without `root`; false where that hierarchy is not there. root: ""
 * or the root of a recorded tree. */
bool ifm_cgroup_folder(const char *root, enum ifm_cgroup_version version, char *folder,
                       size_t size);
/* Peak in bytes. pid: of this process, which must be the only member of its group. */
int64_t ifm_cgroup_peak(const char *root, pid_t pid);

#endif
