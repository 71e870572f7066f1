/* A runtime that does what no runtime should: --option act=connect|exec|… at=open|run|thread. It
 * fails with the system's own words when it is stopped, and measures on when it is not. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "inferometer/runtime.h"

#define ACTS                                                                                       \
    "none|connect|unix|pair|exec|ptrace|memory|bpf|keys|mount|namespace|perf|uring|threads|crash"
enum act {
    NONE,
    CONNECT,
    UNIX,
    PAIR,
    EXEC,
    PTRACE,
    MEMORY,
    BPF,
    KEYS,
    MOUNT,
    NAMESPACE,
    PERF,
    URING,
    THREADS,
    CRASH
};
enum at { AT_OPEN, AT_RUN, AT_THREAD };

struct hostile_state {
    int act, at;
    pthread_t thread; /* from before the filter */
    sem_t asked, answered;
    bool started;
    int said;
    char error[128];
    struct ifm_tensor tensor;
    float value;
};

static const struct ifm_host *host;
static volatile int *bad_address;
static const struct ifm_tensor_info info = {
    .name = "x", .dtype = IFM_DTYPE_F32, .rank = 1, .dims = { 1 }
};
static const struct ifm_option options[] = {
    { .name = "act",
      .type = IFM_OPT_CHOICE,
      .offset = offsetof(struct hostile_state, act),
      .fallback = "none",
      .choices = ACTS,
      .value = "WHAT",
      .help = "what it tries" },
    { .name = "at",
      .type = IFM_OPT_CHOICE,
      .offset = offsetof(struct hostile_state, at),
      .fallback = "open",
      .choices = "open|run|thread",
      .value = "WHEN",
      .help = "where it tries it" },
    IFM_OPTION_END,
};

/* Each returns 0, or the errno that stopped it. */
static int closed(int fd)
{
    return fd < 0 ? errno : close(fd);
}

static int try_connect(void)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(9),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) {
        return errno;
    }
    const int code = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
    close(fd);
    return code;
}

static int try_pair(void)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
        return errno;
    }
    close(fds[0]);
    return closed(fds[1]);
}

/* In a child, so that this process goes on: what it ends with is what it was told. */
static int in_child(int act)
{
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        char *arguments[] = { (char *)(uintptr_t) "/bin/true", NULL };
        if (act == PTRACE) {
            _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : errno);
        }
        execv(arguments[0], arguments);
        _exit(errno);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int try_memory(void)
{
    char from = 1, to = 0;
    const struct iovec here = { &to, 1 }, there = { &from, 1 };
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1 ? 0 : errno;
}

static void *nothing(void *arg)
{
    return arg;
}

/* What must go on working: threads, memory, a file. */
static int try_threads(void)
{
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        const int code = pthread_create(&threads[i], NULL, nothing, NULL);
        if (code != 0) {
            return code;
        }
        pthread_join(threads[i], NULL);
    }
    void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED || munmap(p, 1 << 20) != 0 ? errno : 0;
}

static int try_unix(void)
{
    return closed(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_exec(void)
{
    return in_child(EXEC);
}

static int try_ptrace(void)
{
    return in_child(PTRACE);
}

static int try_mount(void)
{
    return syscall(SYS_mount, "none", "/nonexistent", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int try_perf(void)
{
    const long zero[16] = { 0 };
    return syscall(SYS_perf_event_open, zero, 0, -1, -1, 0) < 0 ? errno : 0;
}

static int crash(void)
{
    *bad_address = 1;
    return 0;
}

static int attempt(int act)
{
    static int (*const calls[])(void) = {
        [CONNECT] = try_connect, [UNIX] = try_unix,     [PAIR] = try_pair,   [EXEC] = try_exec,
        [PTRACE] = try_ptrace,   [MEMORY] = try_memory, [MOUNT] = try_mount, [PERF] = try_perf,
        [THREADS] = try_threads, [CRASH] = crash,
    };
    static const long numbers[] = { [BPF] = SYS_bpf,
                                    [KEYS] = SYS_keyctl,
                                    [NAMESPACE] = SYS_unshare,
                                    [URING] = SYS_io_uring_setup };
    errno = 0;
    if (act == NONE) {
        return 0;
    }
    if (calls[act]) {
        return calls[act]();
    }
    return syscall(numbers[act], 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static void *waiting(void *arg)
{
    struct hostile_state *s = arg;
    sem_wait(&s->asked);
    s->said = attempt(s->act);
    sem_post(&s->answered);
    return NULL;
}

static int act(struct hostile_state *s)
{
    int code;
    if (s->at == AT_THREAD) {
        sem_post(&s->asked);
        sem_wait(&s->answered);
        code = s->said;
    } else {
        code = attempt(s->act);
    }
    if (code != 0) {
        snprintf(s->error, sizeof s->error, "the runtime was stopped: %s", strerror(code));
        return host->fail(host->context, "%s", s->error);
    }
    return 0;
}

static int hostile_probe(void *state, struct ifm_runtime_info *out)
{
    struct hostile_state *s = state;
    snprintf(out->version, sizeof out->version, "1");
    snprintf(out->providers, sizeof out->providers, "none");
    sem_init(&s->asked, 0, 0);
    sem_init(&s->answered, 0, 0);
    s->started = s->at == AT_THREAD && pthread_create(&s->thread, NULL, waiting, s) == 0;
    return 0;
}

static int hostile_open(void *state, const char *path)
{
    struct hostile_state *s = state;
    (void)path;
    return s->at == AT_RUN ? 0 : act(s);
}

static int hostile_describe(void *state, const struct ifm_tensor_info **in, size_t *in_count,
                            const struct ifm_tensor_info **out, size_t *out_count)
{
    (void)state;
    *in = *out = &info;
    *in_count = *out_count = 1;
    return 0;
}

static int hostile_bind(void *state, const struct ifm_tensor *inputs, size_t count)
{
    struct hostile_state *s = state;
    (void)count;
    s->tensor = inputs[0];
    s->tensor.data = &s->value;
    return 0;
}

static int hostile_run(void *state)
{
    struct hostile_state *s = state;
    return s->at == AT_RUN ? act(s) : 0;
}

static int hostile_fetch(void *state, const struct ifm_tensor **outputs, size_t *count)
{
    *outputs = &((struct hostile_state *)state)->tensor;
    *count = 1;
    return 0;
}

static void hostile_close(void *state)
{
    struct hostile_state *s = state;
    if (s->started) {
        sem_post(&s->asked);
        pthread_join(s->thread, NULL);
    }
}

static const char *hostile_errdetails(void *state)
{
    return ((struct hostile_state *)state)->error;
}

static const struct ifm_runtime_ops ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "hostile",
    .summary = "does what no runtime should, for tests",
    .caps = IFM_CAP_MODELLESS,
    .state_size = sizeof(struct hostile_state),
    .options = options,
    .probe = hostile_probe,
    .open = hostile_open,
    .describe = hostile_describe,
    .bind = hostile_bind,
    .run = hostile_run,
    .fetch = hostile_fetch,
    .close = hostile_close,
    .errdetails = hostile_errdetails,
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *lent)
{
    host = lent;
    return &ops;
}
