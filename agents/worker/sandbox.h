/* Limits that a worker puts on itself before it loads code that is not ours, and the system calls
 * that it gives up before it opens a model that is not ours either.
 *
 * Order in a worker: ifm_sandbox_limits -> samplers open their counters -> dlopen of the module and
 * its vendor library -> ifm_sandbox_filter -> the model is opened. Threading: limits before the
 * first thread starts; the filter takes every thread of the process along. */
#ifndef IFM_SANDBOX_H
#define IFM_SANDBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/err.h"

/* Dies with the parent (whose pid was `parent` when the process began), writes no core file, gains
 * no privilege by exec, and takes at most memory_limit_bytes of private memory (0: no limit). The
 * limit is RLIMIT_DATA: RLIMIT_AS would also count what is only mapped, such as weights and
 * reserved heaps. */
int ifm_sandbox_limits(pid_t parent, int64_t memory_limit_bytes, struct ifm_err *err);

/* A deny-list: sockets of every family, exec, ptrace and the memory of other processes, mounts,
 * bpf, keys, kernel modules, namespaces, perf_event_open, io_uring answer EPERM from now on, in all
 * threads and for good. Threads, fork, files and memory stay as they were. With ifm_sandbox_limits
 * before it needs no privilege. IFM_ERR_UNAVAILABLE where the kernel refuses: nothing is filtered
 * then and the caller may go on. What a deny-list cannot do: namespaces by clone3, whose flags lie
 * in memory; without mount, exec and sockets they lead nowhere. */
int ifm_sandbox_filter(struct ifm_err *err);
/* How many system calls the list names on this machine. */
size_t ifm_sandbox_denied(void);

#endif
