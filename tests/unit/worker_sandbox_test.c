/* The system call filter: what is refused, in which threads, and what goes on working. Each case is
 * a process of its own, because a filter stays for good. */
#include "tests/lib/testlib.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/worker/sandbox.h"

enum { CHILD_GOOD = 0, CHILD_BAD = 1, CHILD_UNAVAILABLE = 77 };

static int in_child(int (*body)(void))
{
    int status = 0;
    const pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ifm_err err = IFM_ERR_INIT;
        _exit(ifm_sandbox_limits(parent, 0, &err) == 0 ? body() : CHILD_BAD);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Skips where the kernel has no seccomp; then the worker measures without, and says so. */
static void expect_good(int (*body)(void))
{
    const int status = in_child(body);
    if (status == CHILD_UNAVAILABLE) {
        print_message("SKIP: the kernel refuses system call filters\n");
        skip();
    }
    assert_int_equal(status, CHILD_GOOD);
}

static int filter(void)
{
    struct ifm_err err = IFM_ERR_INIT;
    const int code = ifm_sandbox_filter(&err);
    return code == 0 ? CHILD_GOOD : code == IFM_ERR_UNAVAILABLE ? CHILD_UNAVAILABLE : CHILD_BAD;
}

static bool refused(long result)
{
    return result == -1 && errno == EPERM;
}

/* Numbers alone: the filter answers before the kernel looks at arguments. */
static const long forbidden[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_execve,
    SYS_execveat,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_bpf,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_kexec_load,
    SYS_perf_event_open,
    SYS_io_uring_setup,
    SYS_userfaultfd,
#if !defined(__SANITIZE_ADDRESS__)
    SYS_ptrace,
#endif
};

static int all_refused(void)
{
    const int code = filter();
    if (code != CHILD_GOOD) {
        return code;
    }
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (!refused(syscall(forbidden[i], 0, 0, 0, 0, 0))) {
            return CHILD_BAD;
        }
    }
    return refused(socket(AF_UNIX, SOCK_DGRAM, 0)) && refused(socket(AF_NETLINK, SOCK_RAW, 0))
               ? CHILD_GOOD
               : CHILD_BAD;
}

/* A pool that a vendor's library started when it was loaded would escape a filter of one thread. */
static sem_t go, told;
static bool thread_was_refused;

static void *pool_thread(void *arg)
{
    sem_wait(&go);
    thread_was_refused = refused(socket(AF_INET, SOCK_STREAM, 0));
    sem_post(&told);
    return arg;
}

static int older_threads_too(void)
{
    pthread_t thread;
    sem_init(&go, 0, 0);
    sem_init(&told, 0, 0);
    if (pthread_create(&thread, NULL, pool_thread, NULL) != 0) {
        return CHILD_BAD;
    }
    const int code = filter();
    sem_post(&go);
    sem_wait(&told);
    return code != CHILD_GOOD ? code : thread_was_refused ? CHILD_GOOD : CHILD_BAD;
}

static void *answer(void *arg)
{
    *(int *)arg = 42;
    return NULL;
}

static int the_rest_works(void)
{
    pthread_t thread;
    int value = 0, status = 0;
    const int code = filter();
    if (code != CHILD_GOOD) {
        return code;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM ? 7 : 8); /* inherited */
    }
    const bool forked = waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7;
    const bool threaded = pthread_create(&thread, NULL, answer, &value) == 0 &&
                          pthread_join(thread, NULL) == 0 && value == 42;
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    char text[16];
    const bool reads = fd >= 0 && read(fd, text, sizeof text) > 0;
    return forked && threaded && reads ? CHILD_GOOD : CHILD_BAD;
}

static int twice(void)
{
    const int code = filter();
    return code == CHILD_GOOD ? filter() : code;
}

static void sockets_exec_and_the_rest_are_refused(void **state)
{
    (void)state;
    expect_good(all_refused);
}

static void threads_from_before_the_filter_are_under_it(void **state)
{
    (void)state;
    expect_good(older_threads_too);
}

static void threads_fork_and_files_go_on_working(void **state)
{
    (void)state;
    expect_good(the_rest_works);
}

static void a_second_filter_does_no_harm(void **state)
{
    (void)state;
    expect_good(twice);
}

/* A misspelt name would be left out without a word. */
static void the_names_are_known(void **state)
{
    (void)state;
    assert_true(ifm_sandbox_denied() >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_exec_and_the_rest_are_refused),
        cmocka_unit_test(threads_from_before_the_filter_are_under_it),
        cmocka_unit_test(threads_fork_and_files_go_on_working),
        cmocka_unit_test(a_second_filter_does_no_harm),
        cmocka_unit_test(the_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
