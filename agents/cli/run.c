/* inferometer run */
#include <stdio.h>
#include <string.h>

#include "agents/agent/client.h"
#include "agents/cli/format.h"
#include "agents/cli/measure.h"
#include "agents/cli/print.h"
#include "agents/cli/send.h"
#include "agents/executors/interrupt.h"
#include "agents/plan/keys.h"
#include "core/mem.h"

struct run_options {
    struct ifm_cli_common common;
    const char *runtime, *provider, *variant, *name, *commit, *expect;
    int64_t threads, batch, warmup, iterations, duration, maximum, invocations, seed, memory_limit,
        timeout;
    double rtol, atol;
    bool quick;
    struct ifm_option_list options, inputs, shapes, ranges, labels;
};
#define AT(field) offsetof(struct run_options, field)
#define MINUTE    INT64_C(60000000000)

static const struct ifm_option run_options[] = {
    { .name = "runtime",
      .type = IFM_OPT_STRING,
      .offset = AT(runtime),
      .max = 64,
      .value = "NAME",
      .help =
          "what executes the model (ort and tflite are aliases); default: by the file's format" },
    { .name = "provider",
      .type = IFM_OPT_STRING,
      .offset = AT(provider),
      .max = 64,
      .value = "NAME",
      .help = "execution provider, delegate or backend of the runtime" },
    { .name = "threads",
      .type = IFM_OPT_INT,
      .offset = AT(threads),
      .min = 0,
      .max = 1024,
      .value = "N",
      .help = "threads of the runtime; 0: its own choice" },
    { .name = "batch",
      .type = IFM_OPT_INT,
      .offset = AT(batch),
      .min = 0,
      .max = 1000000,
      .value = "N",
      .help = "value of a dynamic first dimension; 0: 1" },
    { .name = "option",
      .type = IFM_OPT_LIST,
      .offset = AT(options),
      .value = "KEY=VALUE",
      .letter = 'O',
      .help = "an option of the runtime itself, like -O graph-optimization=basic" },
    { .name = "input",
      .type = IFM_OPT_LIST,
      .offset = AT(inputs),
      .value = "NAME=F.npy",
      .help = "values of an input; others are made from the seed" },
    { .name = "shape",
      .type = IFM_OPT_LIST,
      .offset = AT(shapes),
      .value = "NAME:1x3x224x224",
      .help = "shape of an input whose dimensions are open" },
    { .name = "range",
      .type = IFM_OPT_LIST,
      .offset = AT(ranges),
      .value = "NAME:LOW..HIGH",
      .help = "range of the seeded values of an input" },
    { .name = "expect",
      .type = IFM_OPT_STRING,
      .offset = AT(expect),
      .value = "F.npz",
      .help = "reference outputs by name; outputs that differ are WRONG" },
    { .name = "rtol",
      .type = IFM_OPT_DOUBLE,
      .offset = AT(rtol),
      .fallback = "-1",
      .value = "X",
      .help = "allowed relative difference; -1: by precision (1e-4)" },
    { .name = "atol",
      .type = IFM_OPT_DOUBLE,
      .offset = AT(atol),
      .fallback = "-1",
      .value = "X",
      .help = "allowed absolute difference; -1: by precision (1e-5)" },
    { .name = "variant",
      .type = IFM_OPT_STRING,
      .offset = AT(variant),
      .max = 128,
      .value = "NAME",
      .help = "variant of a bundle; default: the first that a runtime here reads" },
    { .name = "invocations",
      .type = IFM_OPT_INT,
      .offset = AT(invocations),
      .min = 0,
      .max = IFM_INVOCATIONS_MAX,
      .value = "K",
      .help = "fresh processes, the unit of the statistics; 0: 10 (3 with --quick)" },
    { .name = "iterations",
      .type = IFM_OPT_INT,
      .offset = AT(iterations),
      .min = 0,
      .max = IFM_RUN_SAMPLES_MAX,
      .value = "N",
      .help = "timed inferences in each invocation, at least" },
    { .name = "duration",
      .type = IFM_OPT_DURATION,
      .offset = AT(duration),
      .min = 0,
      .max = 10 * MINUTE,
      .value = "TIME",
      .help = "timed phase of each invocation, at least, like 10s" },
    { .name = "maximum",
      .type = IFM_OPT_DURATION,
      .offset = AT(maximum),
      .min = 0,
      .max = 10 * MINUTE,
      .value = "TIME",
      .help = "timed phase of each invocation, at most; 0: 30s, or 10m where you set the size" },
    { .name = "warmup",
      .type = IFM_OPT_INT,
      .offset = AT(warmup),
      .min = 0,
      .max = 1000000,
      .value = "N",
      .help = "inferences before the timed ones; 0: by time (0.5 s, at least three)" },
    { .name = "quick",
      .type = IFM_OPT_BOOL,
      .offset = AT(quick),
      .help = "3 invocations, about 10 s in all: no interval" },
    { .name = "seed",
      .type = IFM_OPT_INT,
      .offset = AT(seed),
      .fallback = "1",
      .min = 0,
      .max = INT64_MAX,
      .value = "N",
      .help = "seed of the inputs" },
    { .name = "memory-limit",
      .type = IFM_OPT_SIZE,
      .offset = AT(memory_limit),
      .min = 0,
      .max = INT64_MAX,
      .value = "SIZE",
      .help = "data memory of each worker, like 1.5GB; exit 6 when it is exceeded" },
    { .name = "timeout",
      .type = IFM_OPT_DURATION,
      .offset = AT(timeout),
      .min = 0,
      .max = 24 * 60 * MINUTE,
      .value = "TIME",
      .help = "of each invocation, whole process; 0: the maximum and 3 minutes" },
    { .name = "name",
      .type = IFM_OPT_STRING,
      .offset = AT(name),
      .max = 128,
      .value = "NAME",
      .help = "what people call the model; default: the file's name" },
    { .name = "commit",
      .type = IFM_OPT_STRING,
      .offset = AT(commit),
      .max = 128,
      .value = "HASH",
      .help = "version of your code that this run belongs to" },
    { .name = "label",
      .type = IFM_OPT_LIST,
      .offset = AT(labels),
      .value = "KEY=VALUE",
      .help = "kept with the run, to filter by" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static int key_values(const struct ifm_option_list *list, const char *option, struct ifm_map *map,
                      struct ifm_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        char key[128];
        if (!equals || equals == list->items[i] ||
            (size_t)(equals - list->items[i]) >= sizeof key || !equals[1])
            return ifm_err_set(err, IFM_ERR_USAGE, "", "--%s wants KEY=VALUE, got \"%.60s\"",
                               option, list->items[i]);
        memcpy(key, list->items[i], (size_t)(equals - list->items[i]));
        key[equals - list->items[i]] = '\0';
        rc = ifm_map_set(map, key, equals + 1, err);
        if (!rc && map->count > 48)
            rc = ifm_err_set(err, IFM_ERR_USAGE, "", "more than 48 of --%s", option);
    }
    return rc;
}

/* --threads and --provider are options of the runtime with names of their own. */
static int runtime_options(const struct run_options *o, struct ifm_map *map, struct ifm_err *err)
{
    char threads[24];
    int rc = key_values(&o->options, "option", map, err);
    snprintf(threads, sizeof threads, "%lld", (long long)o->threads);
    if (!rc && o->threads)
        rc = ifm_map_set(map, "threads", threads, err);
    if (!rc && o->provider)
        rc = ifm_map_set(map, "provider", o->provider, err);
    return rc;
}

/* "at least 3 s and 1,024 inferences each, at most 30 s" */
static void size_text(const struct ifm_plan *p, char *text, size_t size)
{
    char count[IFM_FORMAT_MAX], least[40], most[40];
    ifm_format_count(p->iterations, count);
    ifm_plan_time_text(p->duration_ns, least, sizeof least);
    ifm_plan_time_text(p->max_ns, most, sizeof most);
    if (p->duration_ns && p->iterations > 1)
        snprintf(text, size, "at least %s and %s inferences each, at most %s", least, count, most);
    else if (p->duration_ns)
        snprintf(text, size, "%s each", least);
    else
        snprintf(text, size, "%s inference%s each", count, p->iterations == 1 ? "" : "s");
}

static void show_plan(struct ifm_cli *cli, const struct ifm_measure *m)
{
    const struct ifm_plan *p = &m->plan;
    int64_t least, most;
    char low[40], high[40], size[200], total[120];
    ifm_plan_bounds(p, &least, &most);
    ifm_plan_time_text(least, low, sizeof low);
    ifm_plan_time_text(most, high, sizeof high);
    size_text(p, size, sizeof size);
    if (!p->duration_ns) /* how long a count takes only the model can say */
        snprintf(total, sizeof total, "at least %s in all", low);
    else if (strcmp(low, high) != 0)
        snprintf(total, sizeof total, "%s to %s in all", low, high);
    else
        snprintf(total, sizeof total, "about %s in all", low);
    ifm_cli_note(cli, "plan: %s with %s, %lld invocation%s of %s: %s", m->subject->variant,
                 m->subject->runtime, (long long)p->invocations, p->invocations == 1 ? "" : "s",
                 size, total);
    if (m->subject->reference)
        ifm_cli_note(cli, "reference outputs by %s", m->subject->reference);
    if (m->subject->bundle.manifest.inputs.count > 1)
        ifm_cli_note(cli, "of the bundle's %zu sets of inputs only the first is measured",
                     m->subject->bundle.manifest.inputs.count);
}

/* Seeded inputs and what was assumed for them: said, not hidden. */
static void show_assumed(struct ifm_cli *cli, const struct ifm_msg_run *run)
{
    const struct ifm_msg_tensor *t = run->inputs.items;
    if (cli->format == IFM_FORMAT_HUMAN)
        return; /* the table has it */
    for (size_t i = 0; i < run->inputs.count; i++)
        for (size_t k = 0; k < t[i].assumed.count; k++)
            ifm_cli_note(cli, "assumed for input %s: %s", t[i].name ? t[i].name : "?",
                         t[i].assumed.items[k]);
}

static int exit_status(const struct ifm_measure *m)
{
    if (m->interrupted)
        return ifm_interrupt_exit() ? ifm_interrupt_exit() : 130;
    if (m->view.run.verification == IFM_VERIFY_WRONG)
        return ifm_err_exit(IFM_ERR_WRONG_OUTPUT);
    if (m->over_memory)
        return ifm_err_exit(IFM_ERR_MEMORY_LIMIT);
    return m->view.ok == m->view.count && m->view.ok ? 0 : ifm_err_exit(IFM_ERR_MEASUREMENT);
}

static bool cancelled(void)
{
    return ifm_interrupt_count() > 1;
}

/* After the table: where the run is, and whether a daemon has it. */
static int report(struct ifm_cli *cli, struct ifm_measure *m,
                  const struct ifm_daemon_address *daemon, struct ifm_err *err)
{
    const char *id = m->view.run.id;
    show_assumed(cli, &m->view.run);
    int rc = ifm_print_view(cli, &m->view, err);
    struct ifm_err sending = IFM_ERR_INIT;
    bool sent = !rc && daemon->url[0] &&
                ifm_send_run(daemon, m->spool.folder, id, cancelled, &sending) == 0;
    if (!rc && daemon->url[0] && !sent)
        ifm_cli_warn(cli, "not sent: %s; the run is kept, `inferometer push` sends it later",
                     sending.text);
    if (cli->format == IFM_FORMAT_HUMAN) {
        ifm_buf_addf(&cli->out, "  run             %s\n  kept in         %s\n", id,
                     m->spool.folder);
        if (sent)
            ifm_buf_addf(&cli->out, "  open            %s/runs/%s\n", daemon->url, id);
    } else if (sent) {
        ifm_cli_note(cli, "open %s/runs/%s", daemon->url, id);
    }
    return rc ? rc : exit_status(m);
}

static int measure(struct ifm_cli *cli, const struct run_options *o,
                   const struct ifm_subject *subject, const struct ifm_daemon_address *daemon,
                   struct ifm_err *err)
{
    struct ifm_measure m = {
        .cli = cli, .subject = subject, .commit = o->commit, .provider = o->provider
    };
    struct ifm_plan_asked asked = { .quick = o->quick,
                                    .invocations = o->invocations,
                                    .iterations = o->iterations,
                                    .duration_ns = o->duration,
                                    .max_ns = o->maximum,
                                    .warmup_iterations = o->warmup,
                                    .timeout_ns = o->timeout };
    char runtime[32];
    snprintf(runtime, sizeof runtime, "%s", subject->runtime);
    m.spec = (struct ifm_msg_spec){ .v = IFM_MSG_VERSION,
                                    .runtime = runtime,
                                    .model = subject->path,
                                    .inputs = subject->inputs,
                                    .expect = subject->expect,
                                    .batch = o->batch,
                                    .seed = o->seed,
                                    .memory_limit_bytes = o->memory_limit };
    ifm_plan_make(&asked, &m.plan);
    ifm_plan_spec(&m.plan, &m.spec);
    int rc = runtime_options(o, &m.spec.options, err);
    if (!rc)
        rc = key_values(&o->labels, "label", &m.labels, err);
    if (!rc) {
        show_plan(cli, &m);
        rc = ifm_measure_run(&m, err);
    }
    int status = rc;
    if (!rc && m.bad_input) {
        *err = m.refusal;
        status = m.bad_input;
    } else if (!rc && m.view.count == 0) {
        ifm_cli_note(cli, "interrupted before the first invocation ended: nothing to keep");
        status = ifm_interrupt_exit() ? ifm_interrupt_exit() : 130;
    } else if (!rc) {
        status = report(cli, &m, daemon, err);
    }
    ifm_map_done(&m.spec.options);
    ifm_map_done(&m.labels);
    ifm_measure_done(&m);
    return status;
}

static int check_numbers(const struct run_options *o, struct ifm_err *err)
{
    if (o->maximum && o->duration > o->maximum)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--duration is longer than --maximum");
    if ((o->rtol < 0 && o->rtol > -1) || o->rtol < -1 || (o->atol < 0 && o->atol > -1) ||
        o->atol < -1)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--rtol and --atol must not be negative");
    if (o->quick && (o->iterations || o->duration))
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--quick sets the size itself: leave out --iterations and --duration");
    return 0;
}

static int run_run(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct run_options *o = options;
    struct ifm_subject subject = { 0 };
    struct ifm_daemon_address daemon;
    if (argc > 1)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "run takes one MODEL or BUNDLE; for two, run each and use "
                           "`inferometer compare`");
    int rc = check_numbers(o, err);
    if (!rc)
        rc = ifm_config_daemon(cli->common->daemon, &daemon, err);
    if (!rc)
        rc = ifm_interrupt_install(err);
    struct ifm_subject_asked asked = { .model = argc ? argv[0] : NULL,
                                       .runtime = o->runtime,
                                       .variant = o->variant,
                                       .name = o->name,
                                       .inputs = o->inputs,
                                       .shapes = o->shapes,
                                       .ranges = o->ranges,
                                       .expect = o->expect,
                                       .rtol = o->rtol,
                                       .atol = o->atol };
    if (!rc)
        rc = ifm_subject_open(&asked, &subject, err);
    if (!rc)
        rc = measure(cli, o, &subject, &daemon, err);
    ifm_subject_done(&subject);
    return rc;
}

const struct ifm_verb ifm_verb_run = {
    .name = "run",
    .arguments = "MODEL|BUNDLE",
    .summary = "measure a model",
    .examples =
        "  inferometer run model.onnx                               10 invocations, with "
        "intervals\n"
        "  inferometer run model.onnx --quick                       about ten seconds\n"
        "  inferometer run model.onnx --threads 1 --label team=vision\n"
        "  inferometer run model.onnx --input image=x.npy --expect outputs.npz --rtol 1e-3\n"
        "  inferometer run model.onnx --shape image:1x3x224x224 --range image:0..255\n"
        "  inferometer run bundle.tar.zst --variant onnx-fp32       checked against its reference\n"
        "  inferometer run model.onnx -O graph-optimization=basic --json\n",
    .notes = "Each invocation is a fresh process; the interval is over invocations. Any model runs "
             "without a\n"
             "reference: its inputs are made from the seed, and everything that was assumed is "
             "printed.\n"
             "A crash, a hang or an abort is a result with a reason: the run goes on with the next "
             "invocation, stops\n"
             "when the first two fail the same way, and ends with 4 if any invocation failed. "
             "WRONG outputs end with\n"
             "5, a memory limit with 6, Ctrl-C with 130 (finished invocations are kept; a second "
             "one ends at once).\n"
             "What a worker refuses at once (a corrupt model, a wrong input) is no run and is not "
             "kept.\n",
    .options = run_options,
    .options_size = sizeof(struct run_options),
    .run = run_run
};
