/* A memory limit as the kernel keeps it: a control group made for one worker, which is killed when
 * it goes over. Unlike RLIMIT_DATA it counts what is resident, page cache included as far as the
 * worker was the first to touch it, and never what is only reserved.
 *
 * The group lies below the one this process is in or, in v2, where groups with members have no
 * children of that kind, beside it. It is there only while one worker runs; what a killed process
 * left behind is removed by the next one. That takes root, or a delegated v2 group (systemd's user
 * manager delegates memory): elsewhere make says false and RLIMIT_DATA does the job. Threading: one
 * thread. Ownership: a group that was made must be given to ifm_memory_cgroup_done after its worker
 * was waited for. */
#ifndef IFM_MEMORY_CGROUP_H
#define IFM_MEMORY_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/cgroup.h"

struct ifm_memory_cgroup {
    char folder[PATH_MAX]; /* "": none was made */
    enum ifm_cgroup_version version;
};

/* False, and none made, where this process may not. bytes: the limit, swap included. */
bool ifm_memory_cgroup_make(struct ifm_memory_cgroup *group, int64_t bytes);
/* Moves a process, before it has taken what is to be limited. */
bool ifm_memory_cgroup_enter(const struct ifm_memory_cgroup *group, pid_t pid);
/* Processes of the group that the kernel killed; -1: it does not say. */
int64_t ifm_memory_cgroup_kills(const struct ifm_memory_cgroup *group);
void ifm_memory_cgroup_done(struct ifm_memory_cgroup *group); /* accepts one that was not made */

#endif
