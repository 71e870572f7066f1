#include "agents/worker/sandbox.h"
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
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

/* -- System calls ---------------------------------------------------------------------------------
 */
/* By name: libseccomp knows the numbers, and a call that this machine has not is left out. A vendor
 * that asks for one of these gets EPERM, not a signal: most of them do without. */
static const char *const denied[] = {
    /* the network; pairs too, no runtime needs them */
    "socket",
    "socketpair",
    "socketcall",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "setsockopt",
    /* other programs and other processes */
    "execve",
    "execveat",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "pidfd_getfd",
    "pidfd_open",
    "process_madvise",
    /* file systems and namespaces */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "setns",
    "unshare",
    "swapon",
    "swapoff",
    "quotactl",
    "open_by_handle_at",
    "name_to_handle_at",
    /* the kernel */
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "perf_event_open",
    "userfaultfd",
    "fanotify_init",
    "syslog",
    "acct",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "vhangup",
    "lookup_dcookie",
    /* system calls that go past any filter */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
#if !defined(__SANITIZE_ADDRESS__) /* its leak check looks at its own process that way */
    "ptrace",
#endif
};

static int number_of(const char *name)
{
    return seccomp_syscall_resolve_name(name);
}

size_t ifm_sandbox_denied(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        count += number_of(denied[i]) >= 0;
    }
    return count;
}

/* Negative errno. EPERM for the calls of another architecture as well: the default would end the
 * process without a word. */
static int build(scmp_filter_ctx filter)
{
    int code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (code == 0) {
        code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    }
    if (code == 0) { /* a tree instead of a list: fewer steps for each call that is allowed */
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    for (size_t i = 0; code == 0 && i < sizeof denied / sizeof *denied; i++) {
        const int number = number_of(denied[i]);
        if (number >= 0) { /* below: not on this architecture */
            code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        }
    }
    return code;
}

int ifm_sandbox_filter(struct ifm_err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int code = filter ? build(filter) : -ENOMEM;
    if (code == 0) {
        code = seccomp_load(filter);
    }
    seccomp_release(filter);
    if (code != 0) {
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "sandbox",
                           "measured without the system call filter: the kernel refused it (%s)",
                           strerror(-code));
    }
    return 0;
}
