/* Limits that a worker puts on itself before it loads code that is not ours.
 *
 * Order in a worker: ifm_sandbox_limits -> dlopen of the module and its vendor library -> (system
 * call filter, not there yet) -> the model is opened. Threading: before the first thread starts. */
#ifndef IFM_SANDBOX_H
#define IFM_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>
#include "core/err.h"

/* Dies with the parent (whose pid was `parent` when the process began), writes no core file, gains
 * no privilege by exec, and takes at most memory_limit_bytes of private memory (0: no limit). The
 * limit is RLIMIT_DATA: RLIMIT_AS would also count what is only mapped, such as weights and
 * reserved heaps. */
int ifm_sandbox_limits(pid_t parent, int64_t memory_limit_bytes, struct ifm_err *err);

#endif
