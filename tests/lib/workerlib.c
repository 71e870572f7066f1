#include "tests/lib/workerlib.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/mem.h"

static const char *worker_path(void)
{
    static char *path;
    if (!path) {
        path = t_build_path("bin/inferometer-worker");
        unsetenv("INFEROMETER_MODULE_DIR"); /* the worker finds its modules from where it lies */
    }
    return path;
}

static void read_both(int out, int err, struct ifm_buf *stdout_text, struct ifm_buf *stderr_text)
{
    struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        assert_true(poll(fds, 2, 60000) > 0);
        for (int i = 0; i < 2; i++) {
            char chunk[65536];
            if (fds[i].fd < 0 || !fds[i].revents) {
                continue;
            }
            const ssize_t n = read(fds[i].fd, chunk, sizeof chunk);
            if (n <= 0) {
                close(fds[i].fd);
                fds[i].fd = -1;
            } else {
                ifm_buf_add(i == 0 ? stdout_text : stderr_text, chunk, (size_t)n);
            }
        }
    }
}

static void decode(struct t_outcome *o, const char *text)
{
    struct ifm_err err = IFM_ERR_INIT;
    for (const char *line = text; line && *line;) {
        const char *end = strchr(line, '\n');
        assert_non_null(end); /* no half line */
        assert_true(o->count < T_WORKER_EVENTS_MAX);
        if (ifm_json_decode(&ifm_event_table, line, (size_t)(end - line), &o->events[o->count++],
                            &err) != 0) {
            fail_msg("%s %s in: %.200s", err.where, err.text, line);
        }
        line = end + 1;
    }
}

struct t_outcome *t_worker_bytes(const char *spec, size_t len)
{
    int in[2], out[2], err[2];
    struct ifm_buf stdout_text, stderr_text;
    struct t_outcome *o = ifm_alloc(sizeof *o);
    const char *path = worker_path();
    assert_true(o && pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0);
    ifm_buf_init(&stdout_text, 64 << 20);
    ifm_buf_init(&stderr_text, 64 << 20);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        signal(SIGPIPE, SIG_DFL);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    for (size_t done = 0; done < len;) {
        const ssize_t n = write(in[1], spec + done, len - done);
        if (n <= 0) {
            break; /* the worker has seen enough */
        }
        done += (size_t)n;
    }
    close(in[1]);
    read_both(out[0], err[0], &stdout_text, &stderr_text);
    assert_int_equal(waitpid(pid, &o->status, 0), pid);
    decode(o, stdout_text.data);
    o->log = stderr_text.data ? ifm_buf_take(&stderr_text) : ifm_dup("");
    ifm_buf_done(&stdout_text);
    ifm_buf_done(&stderr_text);
    return o;
}

struct t_outcome *t_worker_run(const char *spec)
{
    char line[8192];
    const int n = snprintf(line, sizeof line, "%s\n", spec);
    return t_worker_bytes(line, (size_t)n);
}

void t_worker_done(struct t_outcome *o)
{
    for (size_t i = 0; i < o->count; i++) {
        ifm_json_free(&ifm_event_table, &o->events[i]);
    }
    ifm_free(o->log);
    ifm_free(o);
}

const struct ifm_msg_event *t_worker_last(const struct t_outcome *o)
{
    assert_true(o->count > 0);
    return &o->events[o->count - 1];
}

void t_worker_error(const char *spec, const char *part, int step, int exit_status)
{
    struct t_outcome *o = t_worker_run(spec);
    const struct ifm_msg_event *e = t_worker_last(o);
    assert_int_equal(e->event, IFM_EVENT_ERROR);
    t_assert_contains(e->message, part);
    assert_int_equal(e->step, step);
    assert_int_equal(e->exit_status, exit_status);
    assert_true(WIFEXITED(o->status));
    assert_int_equal(WEXITSTATUS(o->status), exit_status);
    t_worker_done(o);
}
