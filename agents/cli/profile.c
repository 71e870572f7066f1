/* inferometer profile */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/arms.h"
#include "agents/cli/locate.h"
#include "agents/cli/profile.h"
#include "agents/cli/program.h"
#include "agents/cli/send.h"
#include "agents/executors/interrupt.h"
#include "core/mem.h"

#define TRACE_MAX (64 * 1024 * 1024)

struct profile_options {
    struct ifm_run_options run; /* those of `run` that have a row below; the others stay at their defaults */
    const char *trace;
    int64_t inferences, top;
};
#define AT(field) offsetof(struct profile_options, field)
static const struct ifm_option profile_options[] = {
    { .name = "trace",
      .type = IFM_OPT_STRING,
      .offset = AT(trace),
      .value = "FILE",
      .help = "write the average inference as a Chrome trace, for Perfetto" },
    { .name = "iterations",
      .type = IFM_OPT_INT,
      .offset = AT(inferences),
      .fallback = "50",
      .min = 1,
      .max = 10000,
      .value = "N",
      .help = "inferences to profile" },
    { .name = "top",
      .type = IFM_OPT_INT,
      .offset = AT(top),
      .fallback = "20",
      .min = 0,
      .max = IFM_OPS_MAX,
      .value = "N",
      .help = "operators to show; 0: all" },
    { .name = "runtime",
      .type = IFM_OPT_STRING,
      .offset = AT(run.runtime),
      .value = "NAME",
      .help = "what executes the model; default: by the file's format" },
    { .name = "provider",
      .type = IFM_OPT_STRING,
      .offset = AT(run.provider),
      .max = 128,
      .value = "NAME",
      .help = "part of the runtime that computes" },
    { .name = "threads",
      .type = IFM_OPT_STRING,
      .offset = AT(run.threads),
      .value = "N",
      .help = "threads of the runtime; 0: its own choice" },
    { .name = "batch",
      .type = IFM_OPT_STRING,
      .offset = AT(run.batch),
      .value = "N",
      .help = "value of a dynamic first dimension; 0: 1" },
    { .name = "option",
      .type = IFM_OPT_LIST,
      .offset = AT(run.options),
      .value = "KEY=VALUE",
      .help = "an option of the runtime itself",
      .letter = 'O' },
    { .name = "variant",
      .type = IFM_OPT_STRING,
      .offset = AT(run.variant),
      .max = 128,
      .value = "NAME",
      .help = "variant of a bundle" },
    { .name = "input",
      .type = IFM_OPT_LIST,
      .offset = AT(run.inputs),
      .value = "NAME=F.npy",
      .help = "values of an input; others are made from the seed" },
    { .name = "shape",
      .type = IFM_OPT_LIST,
      .offset = AT(run.shapes),
      .value = "NAME:1x3x224x224",
      .help = "shape of an input whose dimensions are open" },
    { .name = "invocations",
      .type = IFM_OPT_INT,
      .offset = AT(run.invocations),
      .fallback = "3",
      .min = 1,
      .max = IFM_INVOCATIONS_MAX,
      .value = "K",
      .help = "fresh processes of the short run without a profiler" },
    { .name = "duration",
      .type = IFM_OPT_DURATION,
      .offset = AT(run.duration),
      .fallback = "1s",
      .min = 0,
      .max = INT64_C(600000000000),
      .value = "TIME",
      .help = "timed phase of each of them, at least" },
    { .name = "warmup",
      .type = IFM_OPT_INT,
      .offset = AT(run.warmup),
      .min = 0,
      .max = 1000000,
      .value = "N",
      .help = "inferences before the timed ones; 0: until it has settled" },
    { .name = "cooldown",
      .type = IFM_OPT_STRING,
      .offset = AT(run.cooldown),
      .fallback = NULL,
      .value = "TIME",
      .help = "pause between processes, as for run" },
    { .name = "name",
      .type = IFM_OPT_STRING,
      .offset = AT(run.name),
      .max = 128,
      .value = "NAME",
      .help = "what people call the model; default: the file's name" },
    { .name = "label",
      .type = IFM_OPT_LIST,
      .offset = AT(run.labels),
      .value = "KEY=VALUE",
      .help = "kept with the run, to filter by" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static size_t size_of(enum ifm_option_type type)
{
    return type == IFM_OPT_BOOL     ? sizeof(bool)
           : type == IFM_OPT_DOUBLE ? sizeof(double)
           : type == IFM_OPT_STRING ? sizeof(const char *)
           : type == IFM_OPT_CHOICE ? sizeof(int)
           : type == IFM_OPT_LIST   ? sizeof(struct ifm_option_list)
                                    : sizeof(int64_t);
}

/* The defaults of `run`, and over them what was given here. */
static int run_options(const struct profile_options *o, struct ifm_run_options *out, struct ifm_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = ifm_opt_defaults(ifm_run_option_rows, out, err);
    for (const struct ifm_option *row = profile_options; !rc && row->name; row++) {
        size_t size = size_of(row->type);
        bool text = row->type == IFM_OPT_STRING;
        const char *given = (const char *)o + row->offset;
        if (row->offset + size > sizeof *out || (text && !*(const char *const *)(const void *)given))
            continue; /* of profile alone, or left to the default of `run` */
        memcpy((char *)out + row->offset, given, size);
    }
    out->iterations = o->inferences;
    return rc;
}

/* -- The pass -------------------------------------------------------------------------------------- */

/* What the worker's error event asks the command line to end with. */
static int error_code(const struct ifm_exec_result *result)
{
    static const int codes[] = { IFM_ERR_USAGE,       IFM_ERR_INVALID,    IFM_ERR_NOT_FOUND,   IFM_ERR_UNSUPPORTED,
                                 IFM_ERR_UNAVAILABLE, IFM_ERR_PERMISSION, IFM_ERR_MEMORY_LIMIT, IFM_ERR_CONFIG };
    if (result->invocation.failure == IFM_FAIL_ERROR)
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            if (ifm_err_exit(codes[i]) == result->error_exit)
                return codes[i];
    return IFM_ERR_MEASUREMENT;
}

/* A worker of action profile with the spec of the run. Its failure is that of the verb. */
static int profile_worker(const struct ifm_measure *m, int64_t inferences, struct ifm_msg_profile *out,
                          struct ifm_err *err)
{
    char worker[4096], folder[1024];
    const char *path = m->subject->path ? m->subject->path : "", *slash = strrchr(path, '/');
    struct ifm_exec_result result;
    struct ifm_msg_spec spec = m->spec;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    const char *const private_paths[] = { m->subject->temp.path, folder, NULL };
    spec.action = IFM_ACTION_PROFILE;
    spec.iterations = inferences;
    spec.duration_ns = 0;
    int rc = ifm_place_worker(worker, sizeof worker, err);
    struct ifm_executor *executor = rc ? NULL : ifm_executor_local.open(err);
    if (!executor)
        return rc ? rc : err->code;
    struct ifm_exec_request request = { .worker = worker, .spec = &spec, .private_paths = private_paths };
    rc = ifm_executor_local.run(executor, &request, &result, err);
    ifm_executor_local.close(executor);
    if (rc)
        return rc;
    if (result.invocation.failure == IFM_FAIL_INTERRUPTED)
        rc = ifm_err_set(err, IFM_ERR_INTERRUPTED, "", "interrupted: nothing to keep");
    else if (result.invocation.status || result.profile.inferences <= 0)
        rc = ifm_err_set(err, error_code(&result), "", "%s",
                         result.invocation.failure_text ? result.invocation.failure_text
                                                        : "the worker gave no profile");
    else {
        *out = result.profile;
        result.profile = (struct ifm_msg_profile){ .inferences = 0 };
    }
    ifm_exec_result_done(&result);
    return rc;
}

/* Into the run before it is closed, so that it is stored and pushed with it. */
static int keep_profile(struct ifm_measure *m, void *arg, struct ifm_err *err)
{
    struct ifm_msg_profile *profile = arg;
    (void)err;
    m->view.run.profile = *profile;
    *profile = (struct ifm_msg_profile){ .inferences = 0 };
    return 0;
}

/* -- What comes out -------------------------------------------------------------------------------- */

static int write_trace(struct ifm_cli *cli, const char *path, const struct ifm_view *view, struct ifm_err *err)
{
    struct ifm_buf out;
    ifm_buf_init(&out, TRACE_MAX);
    ifm_profile_trace(view, &out);
    int rc = ifm_buf_check(&out, err);
    if (!rc)
        rc = ifm_cli_write(path, &out, err);
    ifm_buf_done(&out);
    if (!rc)
        ifm_cli_note(cli, "trace in %s: open it in https://ui.perfetto.dev or chrome://tracing", path);
    return rc;
}

static int show(struct ifm_cli *cli, const struct profile_options *o, const struct ifm_view *view,
                struct ifm_err *err)
{
    int rc = o->trace ? write_trace(cli, o->trace, view, err) : 0;
    if (cli->format == IFM_FORMAT_HUMAN)
        ifm_profile_human(cli, view, (size_t)o->top);
    else if (cli->format == IFM_FORMAT_CSV || cli->format == IFM_FORMAT_MD)
        ifm_profile_table(cli, view);
    else
        ifm_profile_json(cli, view);
    return rc;
}

static bool cancelled(void)
{
    return ifm_interrupt_count() > 1;
}

static void send(struct ifm_cli *cli, const struct ifm_measure *m, const struct ifm_daemon_address *daemon)
{
    struct ifm_err why = IFM_ERR_INIT;
    const char *id = m->view.run.id;
    bool sent = daemon->url[0] && ifm_send_run(daemon, m->spool.folder, id, cancelled, &why) == 0;
    if (daemon->url[0] && !sent)
        ifm_cli_warn(cli, "not sent: %s; the run is kept, `inferometer push` sends it later", why.text);
    if (cli->format != IFM_FORMAT_HUMAN)
        return;
    ifm_buf_addf(&cli->out, "  run            %s\n", id);
    if (sent)
        ifm_buf_addf(&cli->out, "  open           %s/runs/%s\n", daemon->url, id);
}

static int interrupted(void)
{
    return ifm_interrupt_exit() ? ifm_interrupt_exit() : 130;
}

static int report(struct ifm_cli *cli, const struct profile_options *o, const struct ifm_measure *m,
                  const struct ifm_daemon_address *daemon, struct ifm_err *err)
{
    const struct ifm_view *view = &m->view;
    int rc = show(cli, o, view, err);
    send(cli, m, daemon);
    if (rc)
        return rc;
    if (m->interrupted)
        return interrupted();
    return view->ok == view->count && view->ok ? 0 : ifm_err_exit(IFM_ERR_MEASUREMENT);
}

/* The profile first: what a runtime or a model refuses is known before the run without it is measured. */
static int perform(struct ifm_cli *cli, const struct profile_options *o, struct ifm_measure *m,
                   const struct ifm_daemon_address *daemon, struct ifm_err *err)
{
    struct ifm_msg_profile profile = { .inferences = 0 };
    ifm_cli_note(cli, "profiling %lld inferences of %s with %s, then a short run without the profiler",
                 (long long)o->inferences, m->subject->variant, m->subject->runtime);
    int rc = profile_worker(m, o->inferences, &profile, err);
    if (rc == IFM_ERR_INTERRUPTED) {
        ifm_cli_note(cli, "%s", err->text);
        return interrupted();
    }
    if (rc)
        return rc;
    m->extra = keep_profile;
    m->extra_arg = &profile;
    rc = ifm_measure_run(m, err);
    if (!rc && m->bad_input) {
        *err = m->refusal;
        rc = m->bad_input;
    } else if (!rc && m->view.run.profile.inferences <= 0) {
        ifm_cli_note(cli, "the run without the profiler did not succeed: the profile is not kept");
        rc = m->interrupted ? interrupted() : ifm_err_exit(IFM_ERR_MEASUREMENT);
    } else if (!rc) {
        rc = report(cli, o, m, daemon, err);
    }
    struct ifm_exec_result holder = { .profile = profile }; /* frees what was not kept */
    ifm_exec_result_done(&holder);
    return rc;
}

/* "@1", an id, an address: a run that has its profile already. Files win. */
static bool is_run(const char *name, struct ifm_located *located)
{
    return access(name, F_OK) != 0 && ifm_locate(name, located, NULL) == 0;
}

static int show_stored(struct ifm_cli *cli, const struct profile_options *o, const struct ifm_located *located,
                       struct ifm_err *err)
{
    struct ifm_view view;
    int rc = ifm_view_init(&view, false);
    if (rc)
        return ifm_err_set(err, rc, "", "out of memory");
    rc = ifm_locate_view(located, &view, err);
    if (!rc && view.run.profile.inferences <= 0)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "", "the run %s has no profile: it was made by `run`", located->id);
    else if (!rc && !view.run.profile.ops.count)
        rc = ifm_err_set(err, IFM_ERR_UNSUPPORTED, "", "a daemon shows the operators itself: %s/runs/%s", located->daemon,
                         located->id);
    if (!rc)
        rc = show(cli, o, &view, err);
    ifm_view_done(&view);
    return rc;
}

static int run_profile(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct profile_options *o = options;
    struct ifm_run_options run;
    struct ifm_run_asked asked;
    struct ifm_daemon_address daemon;
    struct ifm_arms arms = { .count = 0 };
    struct ifm_located located;
    if (argc == 1 && is_run(argv[0], &located))
        return show_stored(cli, o, &located, err);
    int rc = argc > 1 ? ifm_cli_arguments(argc, argv, 0, 1, "one MODEL or BUNDLE", err)
                      : run_options(o, &run, err);
    if (!rc && ifm_program_is(&run))
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "a program that is not ours has no operator profile");
    if (!rc)
        rc = ifm_run_options_read(&run, &asked, err);
    if (!rc)
        rc = ifm_config_daemon(cli->common->daemon, &daemon, err);
    if (!rc)
        rc = ifm_interrupt_install(err);
    if (!rc)
        rc = ifm_arms_make(cli, &asked, argc, argv, &arms, err);
    if (!rc && arms.count != 1)
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "profile takes one model, runtime, batch and thread count at a time");
    if (!rc)
        rc = perform(cli, o, &arms.items[0], &daemon, err);
    ifm_arms_done(&arms);
    return rc;
}

const struct ifm_verb ifm_verb_profile = {
    .name = "profile",
    .arguments = "MODEL|BUNDLE|RUN",
    .summary = "where the time goes, operator by operator",
    .examples = "  inferometer profile model.onnx\n"
                "  inferometer profile model.onnx --threads 1 --trace t.json     for ui.perfetto.dev\n"
                "  inferometer profile bundle.tar.zst --top 0 --format csv\n"
                "  inferometer profile @1 --trace t.json                         a kept one again, without "
                "measuring\n",
    .notes = "A profiler slows what it looks at. So this is a pass of its own: a process profiles after its "
             "warm-up, between two\n"
             "blocks of plain inferences, and the ratio of their P50s is printed as the perturbation "
             "(above 1.10: distorted).\n"
             "The latency beside it comes from a short run without the profiler. Operators' times are means "
             "per inference;\n"
             "what no operator accounts for is named. The run is kept with its profile.\n",
    .options = profile_options,
    .options_size = sizeof(struct profile_options),
    .run = run_profile
};
