/* Peak memory as the kernel accounts it to a control group, where this process has one to itself.
 *
 * A group that others share, such as a login session's or a container's, says nothing of one model
 * and is not reported. Both hierarchies: v1 memory.max_usage_in_bytes, v2 memory.peak. The page
 * cache that the process filled is part of it (measurement.md 8.2): not comparable with RSS.
 * Threading: one thread at a time. Errors: none; what cannot be read is IFM_JSON_ABSENT. */
#ifndef IFM_CGROUP_H
#define IFM_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

/* root: "" or the root of a recorded tree. pid: of this process, which must be the only member. */
int64_t ifm_cgroup_peak(const char *root, pid_t pid);

#endif
