/* inferometer-worker: reads one spec line on stdin, writes events as NDJSON on stdout, measures,
 * ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/preload.h"
#include "agents/worker/report.h"
#include "agents/worker/run.h"
#include "agents/worker/sandbox.h"
#include "core/clock.h"
#include "core/wire.h"

/* Vendor libraries print to stdout: events go to a private copy of it, and descriptor 1 to stderr.
 */
static int take_stdout(void)
{
    const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        return -1;
    }
    return fd;
}

/* Replaces a path by its last part: an error is stored and pushed with its run, local folders are
 * not. */
static void hide_folder(struct ifm_err *error, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash) {
        return;
    }
    const size_t folder = (size_t)(slash + 1 - path);
    for (char *at = strstr(error->text, path); at; at = strstr(at, path)) {
        memmove(at, at + folder, strlen(at + folder) + 1);
    }
}

static void hide_folders(struct ifm_err *error, const struct ifm_msg_spec *spec)
{
    const struct ifm_msg_spec_input *inputs = spec->inputs.items;
    const struct ifm_msg_spec_expect *expect = spec->expect.items;
    hide_folder(error, spec->model);
    hide_folder(error, spec->library);
    hide_folder(error, spec->sysroot);
    for (size_t i = 0; i < spec->inputs.count; i++) {
        hide_folder(error, inputs[i].file);
    }
    for (size_t i = 0; i < spec->expect.count; i++) {
        hide_folder(error, expect[i].file);
    }
}

static int report_error(int fd, const struct ifm_err *error, enum ifm_run_step step)
{
    struct ifm_msg_event e;
    ifm_report_init(&e, IFM_EVENT_ERROR);
    e.message = ifm_report_text(error->text, 1000);
    e.step = (int)step;
    e.exit_status = ifm_err_exit(error->code);
    ifm_report_event(fd, &e, NULL);
    const int status = (int)e.exit_status;
    ifm_report_done(&e);
    return status;
}

static int read_spec(struct ifm_msg_spec *spec, struct ifm_err *err)
{
    struct ifm_buf line;
    ifm_buf_init(&line, IFM_WIRE_SPEC_MAX + 1);
    int code = ifm_wire_read_line(STDIN_FILENO, IFM_WIRE_SPEC_MAX, &line, err);
    if (code == 0) {
        code = ifm_json_decode(&ifm_spec_table, line.data ? line.data : "", line.len, spec, err);
        if (code != 0 && err->where[0] == '/') {
            char place[sizeof err->where];
            snprintf(place, sizeof place, "%s", err->where);
            ifm_err_prefix(err, "%s", place);
        }
    }
    if (code != 0) {
        ifm_err_prefix(err, "spec");
    }
    ifm_buf_done(&line);
    return code;
}

int main(int argc, char **argv)
{
    const int64_t main_ns = ifm_clock_ns();
    const pid_t parent = getppid();
    const bool version = argc == 2 && strcmp(argv[1], "--version") == 0;
    ifm_preload_settle();
    if (argc > 1) {
        fprintf(version ? stdout : stderr, version
                                               ? "inferometer-worker " IFM_VERSION "\n"
                                               : "inferometer-worker takes no arguments: it reads "
                                                 "a spec on stdin; use `inferometer run`\n");
        return version ? 0 : 64;
    }
    const int events = take_stdout();
    if (events < 0) {
        fprintf(stderr, "inferometer-worker: stdout or stderr is closed: %s\n", strerror(errno));
        return 74;
    }
    struct ifm_msg_spec spec;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_log log;
    struct ifm_run_context context = { .events_fd = events, .main_ns = main_ns, .log = &log };
    ifm_log_init(&log, STDERR_FILENO, IFM_LOG_WARN, IFM_LOG_AUTO, "worker");
    ifm_json_init(&ifm_spec_table, &spec);
    int code = read_spec(&spec, &err);
    if (code == 0) {
        code = ifm_sandbox_limits(parent, spec.memory_limit_bytes, &err);
    }
    if (code == 0 && spec.action == IFM_ACTION_ALLOCATIONS && !ifm_preload_active()) {
        code = ifm_preload_again(&spec, events, &err);
    }
    if (code == 0) {
        code = ifm_run_spec(&spec, &context, &err);
    }
    hide_folders(&err, &spec);
    const int status = code == 0 ? 0 : report_error(events, &err, context.step);
    ifm_json_free(&ifm_spec_table, &spec);
    return status;
}
