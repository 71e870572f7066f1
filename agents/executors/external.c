/* Starts another program for each invocation, keeps what it prints, and says how it ended. Plain fork and poll:
 * there is no protocol to speak with it. */
#include "agents/executors/external.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/executors/interrupt.h"
#include "agents/executors/memory_cgroup.h"
#include "core/clock.h"
#include "core/mem.h"

#define MS         INT64_C(1000000)
#define TICK_NS    (500 * MS)
#define DRAIN_NS   (2000 * MS) /* for what is still in the pipes when it has ended */
#define LOOK_MS    20
#define READ_BYTES 65536
#define PIPE_BYTES 1048576

struct job {
    const struct ifm_exec_request *request;
    struct ifm_exec_end end;
    struct ifm_buf output;
    struct ifm_memory_cgroup group;
    pid_t pid;
    int out, err, start, failed; /* pipes: its stdout, its stderr, the go, what it says before exec */
    int64_t inherited_bytes;     /* peak of the child before exec, which wait reports as its own */
    char stderr_text[IFM_EXEC_STDERR_MAX + 1];
    size_t stderr_len;
    int64_t begin_ns, shown_ns, ended_ns, peak_bytes, oom_kills_before;
    bool ended, too_much;
};

/* -- The child ----------------------------------------------------------------------------------- */

static int64_t own_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_maxrss * INT64_C(1024);
}

static void confine(const struct ifm_msg_spec *spec, bool grouped)
{
    const struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    if (spec->memory_limit_bytes > 0 && !grouped) {
        const rlim_t bytes = (rlim_t)spec->memory_limit_bytes;
        const struct rlimit limit = { bytes, bytes };
        setrlimit(RLIMIT_DATA, &limit);
    }
    if (spec->cpus.count) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (size_t i = 0; i < spec->cpus.count; i++)
            CPU_SET((size_t)spec->cpus.items[i], &set);
        sched_setaffinity(0, sizeof set, &set);
    }
}

static _Noreturn void child(const struct job *job, pid_t parent, const int fds[4])
{
    const struct ifm_exec_request *q = job->request;
    char go;
    sigset_t none;
    setsid(); /* Ctrl-C on the terminal reaches only us */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(fds[0], 1) < 0 || dup2(fds[1], 2) < 0)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < 32; s++) /* what we ignore or handle is none of its business */
        signal(s, SIG_DFL);
    confine(q->spec, job->group.folder[0] != '\0');
    const int64_t inherited = own_peak();
    if (read(fds[2], &go, 1) == 1 && write(fds[3], &inherited, sizeof inherited) > 0)
        execv(q->command[0], (char *const *)(uintptr_t)q->command);
    int why = errno;
    ssize_t said = write(fds[3], &why, sizeof why);
    _exit(said > 0 ? 127 : 126);
}

/* -- Starting ------------------------------------------------------------------------------------ */

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int pipes(int p[4][2], struct ifm_err *err)
{
    for (int i = 0; i < 4; i++)
        p[i][0] = p[i][1] = -1;
    for (int i = 0; i < 4; i++)
        if (pipe2(p[i], O_CLOEXEC))
            return ifm_err_errno(err, errno, "executor", "cannot make a pipe");
    return 0;
}

/* Whether exec was reached: its pipe closes by itself then. */
static int started(struct job *job, struct ifm_err *err)
{
    int why = 0;
    if (read(job->failed, &job->inherited_bytes, sizeof job->inherited_bytes) <= 0 ||
        read(job->failed, &why, sizeof why) != (ssize_t)sizeof why)
        return 0;
    waitpid(job->pid, NULL, 0);
    job->ended = true;
    return ifm_err_set(err, why == ENOENT ? IFM_ERR_NOT_FOUND : IFM_ERR_PERMISSION, "executor",
                       "cannot start %.200s: %s", job->request->command[0], strerror(why));
}

static int start(struct job *job, struct ifm_err *err)
{
    int p[4][2];
    int rc = pipes(p, err);
    const int theirs[4] = { p[0][1], p[1][1], p[2][0], p[3][1] };
    const pid_t parent = getpid();
    job->begin_ns = ifm_clock_ns();
    job->pid = rc ? -1 : fork();
    if (job->pid == 0)
        child(job, parent, theirs);
    if (!rc && job->pid < 0)
        rc = ifm_err_errno(err, errno, "executor", "cannot start a process");
    for (int i = 0; i < 4; i++) {
        shut(&p[i][i == 2 ? 0 : 1]);
    }
    job->out = p[0][0];
    job->err = p[1][0];
    job->start = p[2][1];
    job->failed = p[3][0];
    if (rc)
        return rc;
    if (job->group.folder[0] && !ifm_memory_cgroup_enter(&job->group, job->pid))
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "executor", "the memory limit cannot be set");
    if (!rc && write(job->start, "g", 1) != 1)
        rc = ifm_err_errno(err, errno, "executor", "cannot start a process");
    shut(&job->start); /* a child that got no go ends by itself */
    return rc ? rc : started(job, err);
}

/* -- While it runs ------------------------------------------------------------------------------- */

static void stop(struct job *job)
{
    if (!job->ended && kill(-job->pid, SIGKILL)) /* its own session: whatever it started goes with it */
        kill(job->pid, SIGKILL);
}

static void look_at_memory(struct job *job)
{
    char path[64], line[128];
    long long kb;
    snprintf(path, sizeof path, "/proc/%d/status", (int)job->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kb = strtoll(line + 6, NULL, 10);
            job->peak_bytes = kb * 1024 > job->peak_bytes ? kb * 1024 : job->peak_bytes;
        }
    if (file)
        fclose(file);
}

static void keep_tail(struct job *job, const char *bytes, size_t len)
{
    size_t room = IFM_EXEC_STDERR_MAX;
    if (len > room) {
        bytes += len - room;
        len = room;
    }
    size_t over = job->stderr_len + len > room ? job->stderr_len + len - room : 0;
    memmove(job->stderr_text, job->stderr_text + over, job->stderr_len - over);
    job->stderr_len -= over;
    memcpy(job->stderr_text + job->stderr_len, bytes, len);
    job->stderr_len += len;
}

/* All that a pipe holds now; closes it at its end. */
static void drain(struct job *job, int *fd)
{
    static char bytes[READ_BYTES];
    ssize_t n = 0;
    while (*fd >= 0 && (n = read(*fd, bytes, sizeof bytes)) > 0) {
        if (fd == &job->err) {
            keep_tail(job, bytes, (size_t)n);
        } else if (!job->too_much) {
            job->too_much = job->output.len + (size_t)n > IFM_EXTERNAL_OUTPUT_MAX;
            if (job->too_much)
                stop(job);
            else
                ifm_buf_add(&job->output, bytes, (size_t)n);
        }
    }
    if (*fd >= 0 && (n == 0 || (errno != EINTR && errno != EAGAIN)))
        shut(fd);
}

static void reap(struct job *job)
{
    struct rusage usage;
    int status;
    if (job->ended || wait4(job->pid, &status, WNOHANG, &usage) != job->pid)
        return;
    kill(-job->pid, SIGKILL); /* what it started and left behind */
    job->ended = true;
    job->ended_ns = ifm_clock_ns();
    job->end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    job->end.exit_status = WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
    int64_t peak = usage.ru_maxrss * INT64_C(1024);
    if (peak > job->inherited_bytes && peak > job->peak_bytes)
        job->peak_bytes = peak; /* else what was seen while it ran, if it ran long enough */
}

static void watch(struct job *job, int64_t now)
{
    const int64_t timeout_ns = job->request->spec->timeout_ns;
    if (!job->ended && timeout_ns > 0 && now - job->begin_ns > timeout_ns && !job->end.timed_out) {
        job->end.timed_out = true;
        stop(job);
    }
    if (now - job->shown_ns >= TICK_NS && job->request->progress) {
        job->shown_ns = now;
        job->request->progress(job->request->arg, IFM_STEP_STEADY, now - job->begin_ns);
    }
    if (!job->ended)
        look_at_memory(job);
}

static void on_interrupt(struct job *job)
{
    uint64_t count;
    ssize_t got = read(ifm_interrupt_fd(), &count, sizeof count);
    (void)got;
    job->end.interrupted = true;
    stop(job);
}

static bool more(const struct job *job)
{
    if (!job->ended)
        return true;
    return (job->out >= 0 || job->err >= 0) && ifm_clock_ns() - job->ended_ns < DRAIN_NS;
}

/* Looks every 20 ms and not at every line: the program shall have the processor. Its pipe holds a megabyte. */
static void listen_to(struct job *job)
{
    fcntl(job->out, F_SETPIPE_SZ, PIPE_BYTES);
    fcntl(job->out, F_SETFL, O_NONBLOCK);
    fcntl(job->err, F_SETFL, O_NONBLOCK);
    while (more(job)) {
        struct pollfd fd = { .fd = ifm_interrupt_fd(), .events = POLLIN };
        if (poll(&fd, 1, LOOK_MS) > 0 && (fd.revents & POLLIN))
            on_interrupt(job);
        reap(job); /* before the pipes: what it wrote last is in them then */
        drain(job, &job->out);
        drain(job, &job->err);
        watch(job, ifm_clock_ns());
    }
}

/* -- What it means ------------------------------------------------------------------------------- */

static void printable(struct job *job)
{
    for (size_t i = 0; i < job->stderr_len; i++) {
        unsigned char c = (unsigned char)job->stderr_text[i];
        if (c >= 0x80 || (c < 0x20 && c != '\n'))
            job->stderr_text[i] = c == '\t' ? ' ' : '?';
    }
    job->stderr_text[job->stderr_len] = '\0';
    job->end.stderr_text = job->stderr_text;
}

static int judge_output(struct job *job, struct ifm_msg_invocation *inv, struct ifm_err *why)
{
    struct ifm_external_output output;
    int64_t given = job->request->spec->warmup_iterations;
    int rc = ifm_external_read(job->output.data ? job->output.data : "", job->output.len, &output, why);
    if (!rc && given > 0 && !output.warmup)
        output.warmup = (size_t)given < output.count ? (size_t)given : output.count;
    if (!rc && output.count == output.warmup)
        rc = ifm_err_set(why, IFM_ERR_INVALID, "",
                         output.count ? "it printed latencies of the warm-up alone"
                                      : "it printed no line {\"latency_ns\":N}");
    if (!rc)
        rc = ifm_external_store(&output, inv, why);
    ifm_external_output_done(&output);
    return rc;
}

static int finish(struct job *job, struct ifm_exec_result *result, struct ifm_err *err)
{
    struct ifm_msg_invocation *inv = &result->invocation;
    struct ifm_collect collect = { .result = result, .step = IFM_STEP_STEADY, .ended = true };
    struct ifm_err why = IFM_ERR_INIT;
    const int64_t kills = ifm_memory_cgroup_kills(&job->group), now = ifm_executor_oom_kills();
    job->end.oom_kills = kills >= 0 ? kills > 0 : now < 0 ? -1 : now > job->oom_kills_before;
    printable(job);
    inv->n = job->request->n;
    inv->order = job->request->interleaved ? job->request->order : IFM_JSON_ABSENT;
    inv->memory_steady.peak_rss_bytes = job->peak_bytes;
    inv->deterministic = true; /* there are no outputs that could differ */
    if (job->too_much)
        ifm_err_set(&why, IFM_ERR_TOO_LARGE, "", "it printed more than %zu bytes", IFM_EXTERNAL_OUTPUT_MAX);
    else if (!job->end.signal && !job->end.exit_status && judge_output(job, inv, &why) == IFM_ERR_NOMEM)
        return ifm_err_set(err, IFM_ERR_NOMEM, "executor", "out of memory");
    if (why.code) {
        const char *slash = strrchr(job->request->command[0], '/');
        collect.failed = true;
        snprintf(collect.message, sizeof collect.message, "%.40s: %.150s",
                 slash ? slash + 1 : job->request->command[0], why.text);
    }
    ifm_outcome_set(job->request, &collect, &job->end);
    return 0;
}

static int external_run(struct ifm_executor *executor, const struct ifm_exec_request *request,
                        struct ifm_exec_result *result, struct ifm_err *err)
{
    char started_at[IFM_TIME_TEXT_MAX];
    struct job job = { .request = request, .out = -1, .err = -1, .start = -1, .failed = -1 };
    (void)executor;
    memset(result, 0, sizeof *result);
    ifm_json_init(&ifm_invocation_table, &result->invocation);
    result->error_exit = IFM_JSON_ABSENT;
    result->effective = ifm_dup("provider=external"); /* what tables show beside the runtime */
    ifm_clock_format(ifm_clock_wall_ms(), started_at);
    result->invocation.v = IFM_MSG_VERSION;
    result->invocation.started_at = ifm_dup(started_at);
    ifm_buf_init(&job.output, IFM_EXTERNAL_OUTPUT_MAX);
    ifm_memory_cgroup_make(&job.group, request->spec->memory_limit_bytes);
    job.oom_kills_before = ifm_executor_oom_kills();
    int rc = start(&job, err);
    if (!rc) {
        listen_to(&job);
        rc = finish(&job, result, err);
    } else if (job.pid > 0 && !job.ended) {
        stop(&job);
        waitpid(job.pid, NULL, 0);
    }
    shut(&job.out);
    shut(&job.err);
    shut(&job.start);
    shut(&job.failed);
    ifm_memory_cgroup_done(&job.group);
    ifm_buf_done(&job.output);
    if (rc)
        ifm_exec_result_done(result);
    return rc;
}

static struct ifm_executor *external_open(struct ifm_err *err)
{
    (void)err;
    return NULL;
}

static void external_close(struct ifm_executor *executor)
{
    (void)executor;
}

const struct ifm_executor_ops ifm_executor_external = {
    .name = "external", .open = external_open, .run = external_run, .close = external_close
};
