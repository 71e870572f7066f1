#include "agents/executors/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t signal_count;
static volatile sig_atomic_t first_signal;
static int wake_fd = -1;

/* Only async-signal-safe calls: the counter, one write, and _exit for those who insist. */
static void on_signal(int number)
{
    int saved = errno;
    if (!signal_count)
        first_signal = number;
    signal_count = signal_count + 1;
    if (signal_count >= 3)
        _exit(128 + number);
    uint64_t one = 1;
    ssize_t written = write(wake_fd, &one, sizeof one);
    (void)written;
    errno = saved;
}

int ifm_interrupt_install(struct ifm_err *err)
{
    if (wake_fd >= 0)
        return 0;
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return ifm_err_errno(err, errno, "interrupt", "cannot make an event descriptor");
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        /* nohup and background shells set "ignore" on purpose: leave it so */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN &&
            numbers[i] != SIGTERM)
            continue;
        sigaction(numbers[i], &action, NULL);
    }
    return 0;
}

int ifm_interrupt_count(void)
{
    return signal_count;
}

int ifm_interrupt_signal(void)
{
    return first_signal;
}

int ifm_interrupt_exit(void)
{
    return first_signal ? 128 + first_signal : 0;
}

int ifm_interrupt_fd(void)
{
    return wake_fd;
}
