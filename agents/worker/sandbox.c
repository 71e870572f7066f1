#include "agents/worker/sandbox.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int ifm_sandbox_limits(pid_t parent, int64_t memory_limit_bytes, struct ifm_err *err)
{
    const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return ifm_err_errno(err, errno, "sandbox",
                             "cannot ask for a signal at the parent's death");
    }
    if (getppid() != parent) { /* it ended before the request: the signal will never come */
        return ifm_err_set(err, IFM_ERR_INTERRUPTED, "sandbox",
                           "the process that started the worker ended");
    }
    if (setrlimit(RLIMIT_CORE, &none) != 0) {
        return ifm_err_errno(err, errno, "sandbox", "cannot switch core files off");
    }
    if (memory_limit_bytes > 0) {
        const struct rlimit data = { .rlim_cur = (rlim_t)memory_limit_bytes,
                                     .rlim_max = (rlim_t)memory_limit_bytes };
        if (setrlimit(RLIMIT_DATA, &data) != 0) {
            return ifm_err_errno(err, errno, "sandbox", "cannot set the memory limit");
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ifm_err_errno(err, errno, "sandbox", "cannot give up new privileges");
    }
    return 0;
}
