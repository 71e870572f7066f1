/* Runs workers on this machine. The only user of libuv. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "agents/executors/executor.h"
#include "agents/executors/interrupt.h"
#include "agents/executors/memory_cgroup.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/wire.h"

#define READ_BYTES 65536
#define TICK_MS    500
#define DRAIN_MS   2000 /* for what is still in the pipes when the worker has ended */

struct ifm_executor {
    uv_loop_t loop;
    char buffer[READ_BYTES];
};

struct job { /* one run; lives on the stack of local_run until every handle is closed */
    struct ifm_executor *executor;
    const struct ifm_exec_request *request;
    struct ifm_collect collect;
    struct ifm_exec_end end;
    struct ifm_wire wire;
    uv_process_t process;
    uv_pipe_t in, out, err;
    uv_timer_t timeout, tick;
    uv_poll_t interrupt;
    uv_write_t write;
    struct ifm_buf spec_line;
    struct ifm_memory_cgroup group; /* keeps the memory limit, where one can be made */
    char stderr_text[IFM_EXEC_STDERR_MAX + 1];
    size_t stderr_len;
    int64_t spawn_ns, oom_kills_before;
    int open_streams; /* stdout and stderr that have not ended */
    int shown_step;
    bool exited, polling;
};

static void stop_worker(struct job *job)
{
    if (!job->exited &&
        job->process.pid > 0) /* its own session: whatever it started goes with it */
        if (kill(-job->process.pid, SIGKILL))
            uv_process_kill(&job->process, SIGKILL);
}

static void close_handle(uv_handle_t *handle)
{
    if (handle->type && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct job *job)
{
    close_handle((uv_handle_t *)&job->in);
    close_handle((uv_handle_t *)&job->out);
    close_handle((uv_handle_t *)&job->err);
    close_handle((uv_handle_t *)&job->timeout);
    close_handle((uv_handle_t *)&job->tick);
    if (job->polling)
        close_handle((uv_handle_t *)&job->interrupt);
    if (job->process.type)
        close_handle((uv_handle_t *)&job->process);
}

static void maybe_finish(struct job *job)
{
    if (job->exited && job->open_streams == 0)
        close_all(job);
}

static void show(struct job *job)
{
    job->shown_step = job->collect.step;
    if (job->request->progress)
        job->request->progress(job->request->arg, job->collect.step,
                               ifm_clock_ns() - job->spawn_ns);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct job *job = handle->data;
    *buffer = uv_buf_init(job->executor->buffer, READ_BYTES);
}

static void break_protocol(struct job *job, const struct ifm_err *err)
{
    if (job->end.broken)
        return;
    job->end.broken = true;
    job->end.protocol = *err;
    stop_worker(job);
}

static void read_events(struct job *job, const char *bytes, size_t len)
{
    struct ifm_err err = IFM_ERR_INIT;
    int rc = ifm_wire_feed(&job->wire, bytes, len, &err);
    const char *line;
    size_t line_len;
    while (!rc && ifm_wire_next(&job->wire, &line, &line_len))
        rc = ifm_collect_line(&job->collect, line, line_len, &err);
    if (rc)
        break_protocol(job, &err);
    if (job->collect.step != job->shown_step)
        show(job);
}

static void on_events(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct job *job = stream->data;
    if (count > 0) {
        if (!job->end.broken)
            read_events(job, buffer->base, (size_t)count);
    } else if (count < 0) {
        job->open_streams--;
        uv_close((uv_handle_t *)stream, NULL);
        maybe_finish(job);
    }
}

/* Keeps the last IFM_EXEC_STDERR_MAX bytes. */
static void keep_tail(struct job *job, const char *bytes, size_t len)
{
    if (len >= IFM_EXEC_STDERR_MAX) {
        memcpy(job->stderr_text, bytes + len - IFM_EXEC_STDERR_MAX, IFM_EXEC_STDERR_MAX);
        job->stderr_len = IFM_EXEC_STDERR_MAX;
    } else {
        size_t over = job->stderr_len + len > IFM_EXEC_STDERR_MAX
                          ? job->stderr_len + len - IFM_EXEC_STDERR_MAX
                          : 0;
        memmove(job->stderr_text, job->stderr_text + over, job->stderr_len - over);
        job->stderr_len -= over;
        memcpy(job->stderr_text + job->stderr_len, bytes, len);
        job->stderr_len += len;
    }
    job->stderr_text[job->stderr_len] = '\0';
}

static void on_stderr(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct job *job = stream->data;
    if (count > 0) {
        keep_tail(job, buffer->base, (size_t)count);
    } else if (count < 0) {
        job->open_streams--;
        uv_close((uv_handle_t *)stream, NULL);
        maybe_finish(job);
    }
}

/* A grandchild that escaped still holds the pipes: stop listening. */
static void on_drained(uv_timer_t *timer)
{
    struct job *job = timer->data;
    job->open_streams = 0;
    maybe_finish(job);
}

static void on_ended(uv_process_t *process, int64_t status, int signal_number)
{
    struct job *job = process->data;
    job->exited = true;
    job->end.exit_status = signal_number ? -1 : status;
    job->end.signal = signal_number;
    kill(-process->pid, SIGKILL); /* what it started and left behind */
    uv_timer_start(&job->timeout, on_drained, DRAIN_MS, 0);
    maybe_finish(job);
}

static void on_timeout(uv_timer_t *timer)
{
    struct job *job = timer->data;
    job->end.timed_out = true;
    stop_worker(job);
}

static void on_tick(uv_timer_t *timer)
{
    show(timer->data);
}

static void on_interrupt(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct job *job = poll->data;
    uint64_t count;
    ssize_t got = read(ifm_interrupt_fd(), &count, sizeof count);
    (void)got;
    job->end.interrupted = true;
    stop_worker(job);
}

static void on_spec_written(uv_write_t *write_request, int status)
{
    (void)status; /* a worker that dies before it read its spec tells more by its end */
    struct job *job = write_request->data;
    if (!uv_is_closing((uv_handle_t *)&job->in))
        uv_close((uv_handle_t *)&job->in, NULL);
}

static void init_handles(struct job *job)
{
    uv_loop_t *loop = &job->executor->loop;
    uv_pipe_init(loop, &job->in, 0);
    uv_pipe_init(loop, &job->out, 0);
    uv_pipe_init(loop, &job->err, 0);
    uv_timer_init(loop, &job->timeout);
    uv_timer_init(loop, &job->tick);
    job->in.data = job->out.data = job->err.data = job->timeout.data = job->tick.data = job;
    job->process.data = job->write.data = job;
    if (ifm_interrupt_fd() >= 0 && uv_poll_init(loop, &job->interrupt, ifm_interrupt_fd()) == 0) {
        job->polling = true;
        job->interrupt.data = job;
        uv_poll_start(&job->interrupt, UV_READABLE, on_interrupt);
    }
}

static int spawn(struct job *job, struct ifm_err *err)
{
    char *arguments[] = { (char *)(uintptr_t)job->request->worker, NULL };
    uv_stdio_container_t stdio[3] = {
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&job->in },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&job->out },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&job->err },
    };
    uv_process_options_t options = {
        .file = job->request->worker,
        .args = arguments,
        .exit_cb = on_ended,
        .flags = UV_PROCESS_DETACHED, /* setsid: Ctrl-C on the terminal reaches only us */
        .stdio = stdio,
        .stdio_count = 3,
    };
    job->oom_kills_before = ifm_executor_oom_kills();
    job->spawn_ns = ifm_clock_ns();
    int rc = uv_spawn(&job->executor->loop, &job->process, &options);
    if (rc)
        return ifm_err_set(
            err, rc == UV_ENOENT ? IFM_ERR_CONFIG : IFM_ERR_INTERNAL, "executor",
            "cannot start the worker %s: %s; reinstall, or set INFEROMETER_WORKER to its path",
            job->request->worker, uv_strerror(rc));
    return 0;
}

static void start_streams(struct job *job)
{
    job->open_streams = 2;
    uv_read_start((uv_stream_t *)&job->out, on_alloc, on_events);
    uv_read_start((uv_stream_t *)&job->err, on_alloc, on_stderr);
    uv_buf_t line = uv_buf_init(job->spec_line.data, (unsigned)job->spec_line.len);
    if (uv_write(&job->write, (uv_stream_t *)&job->in, &line, 1, on_spec_written))
        close_handle((uv_handle_t *)&job->in);
    /* The loop's clock stood still since it last ran: a cool-down is not the worker's time. */
    uv_update_time(&job->executor->loop);
    if (job->request->spec->timeout_ns > 0)
        uv_timer_start(&job->timeout, on_timeout,
                       (uint64_t)(job->request->spec->timeout_ns / 1000000), 0);
    if (job->request->progress)
        uv_timer_start(&job->tick, on_tick, TICK_MS, TICK_MS);
}

static int encode_spec(struct job *job, struct ifm_err *err)
{
    struct ifm_msg_spec spec = *job->request->spec;
    if (job->group.folder[0]) /* the kernel keeps it: RLIMIT_DATA would also count the untouched */
        spec.memory_limit_bytes = 0;
    ifm_buf_done(&job->spec_line);
    ifm_buf_init(&job->spec_line, IFM_WIRE_SPEC_MAX);
    ifm_json_encode(&ifm_spec_table, &spec, &job->spec_line);
    if (job->spec_line.len && job->spec_line.data[job->spec_line.len - 1] != '\n')
        ifm_buf_addc(&job->spec_line, '\n');
    int rc = ifm_buf_check(&job->spec_line, err);
    if (rc == IFM_ERR_TOO_LARGE)
        ifm_err_set(err, IFM_ERR_USAGE, "spec",
                    "the options and inputs make a spec of more than %d bytes", IFM_WIRE_SPEC_MAX);
    return rc;
}

/* The worker waits for its spec, so that it is in the group before it has taken anything. */
static int limit_memory(struct job *job, struct ifm_err *err)
{
    if (!job->group.folder[0] || ifm_memory_cgroup_enter(&job->group, job->process.pid))
        return 0;
    ifm_memory_cgroup_done(&job->group);
    return encode_spec(job, err); /* now with the limit for the worker itself */
}

static void finish(struct job *job, struct ifm_exec_result *result)
{
    struct ifm_msg_invocation *inv = &result->invocation;
    const int64_t oom_kills = ifm_executor_oom_kills(), in_group = ifm_memory_cgroup_kills(&job->group);
    job->end.oom_kills = oom_kills < 0 ? -1 : oom_kills > job->oom_kills_before;
    if (in_group >= 0)
        job->end.oom_kills = in_group > 0;
    job->end.stderr_text = job->stderr_text;
    for (size_t i = 0; i < job->stderr_len;
         i++) /* the tail may begin within a character, or hold anything */
        if ((unsigned char)job->stderr_text[i] >= 0x80 ||
            ((unsigned char)job->stderr_text[i] < 0x20 && job->stderr_text[i] != '\n'))
            job->stderr_text[i] = job->stderr_text[i] == '\t' ? ' ' : '?';
    inv->n = job->request->n;
    inv->order = job->request->interleaved ? job->request->order : IFM_JSON_ABSENT;
    inv->spawn_ns = job->collect.first_event_ns ? job->collect.first_event_ns - job->spawn_ns : 0;
    ifm_outcome_set(job->request, &job->collect, &job->end);
}

static int local_run(struct ifm_executor *executor, const struct ifm_exec_request *request,
                     struct ifm_exec_result *result, struct ifm_err *err)
{
    memset(result, 0, sizeof *result);
    ifm_json_init(&ifm_invocation_table, &result->invocation);
    result->error_exit = IFM_JSON_ABSENT;
    struct job job = { .executor = executor, .request = request };
    job.collect.result = result;
    char started[IFM_TIME_TEXT_MAX];
    ifm_clock_format(ifm_clock_wall_ms(), started);
    result->invocation.v = IFM_MSG_VERSION;
    result->invocation.started_at = ifm_dup(started);
    ifm_wire_init(&job.wire, IFM_WIRE_EVENT_MAX);
    ifm_memory_cgroup_make(&job.group, request->spec->memory_limit_bytes);
    int rc = encode_spec(&job, err);
    if (!rc) {
        init_handles(&job);
        rc = spawn(&job, err);
        if (!rc)
            rc = limit_memory(&job, err);
        if (rc)
            close_all(&job);
        else
            start_streams(&job);
        if (!rc && request->progress)
            show(&job);
        uv_run(&executor->loop, UV_RUN_DEFAULT);
    }
    if (!rc)
        finish(&job, result);
    else
        ifm_exec_result_done(result);
    ifm_memory_cgroup_done(&job.group);
    ifm_wire_done(&job.wire);
    ifm_buf_done(&job.spec_line);
    return rc;
}

static struct ifm_executor *local_open(struct ifm_err *err)
{
    signal(SIGPIPE, SIG_IGN); /* a worker may die before it has read its spec */
    struct ifm_executor *executor = ifm_alloc(sizeof *executor);
    if (!executor || uv_loop_init(&executor->loop)) {
        ifm_err_set(err, IFM_ERR_NOMEM, "executor", "cannot make an event loop");
        ifm_free(executor);
        return NULL;
    }
    return executor;
}

static void local_close(struct ifm_executor *executor)
{
    if (!executor)
        return;
    uv_loop_close(&executor->loop);
    ifm_free(executor);
}

const struct ifm_executor_ops ifm_executor_local = {
    .name = "local", .open = local_open, .run = local_run, .close = local_close
};
