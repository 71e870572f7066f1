/* inferometer run */
#include <stdio.h>
#include <string.h>

#include "agents/agent/client.h"
#include "agents/cli/arms.h"
#include "agents/cli/capacity_run.h"
#include "agents/cli/experiment.h"
#include "agents/cli/print.h"
#include "agents/cli/run_options.h"
#include "agents/cli/send.h"
#include "agents/executors/interrupt.h"
#include "core/clock.h"
#include "core/trust.h"

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

/* -- How it ends --------------------------------------------------------------------------------
 */

static bool requirement_met(const struct ifm_run_asked *asked, const struct ifm_measure *m)
{
    const char *colon = m->name[0] ? ": " : "";
    char line[256];
    if (asked->require_verified && m->view.run.verification != IFM_VERIFY_VERIFIED) {
        ifm_cli_warn(m->cli, "%s%sverified results were required, and they are not", m->name,
                     colon);
        return false;
    }
    if (asked->require_trusted && m->view.run.trust != IFM_TRUST_TRUSTED) {
        ifm_trust_line(&m->view.run, line, sizeof line);
        ifm_cli_warn(m->cli, "%s%sa trusted run was required, and this one is %s", m->name, colon,
                     line);
        return false;
    }
    return true;
}

static int arm_status(const struct ifm_run_asked *asked, const struct ifm_measure *m)
{
    if (m->bad_input)
        return ifm_err_exit(m->bad_input);
    if (m->view.count && m->view.run.verification == IFM_VERIFY_WRONG)
        return ifm_err_exit(IFM_ERR_WRONG_OUTPUT);
    if (m->over_memory)
        return ifm_err_exit(IFM_ERR_MEMORY_LIMIT);
    if (!m->view.count) /* its turn never came: time was over */
        return IFM_EXIT_INCONCLUSIVE;
    if (m->view.ok < m->view.count)
        return ifm_err_exit(IFM_ERR_MEASUREMENT);
    return requirement_met(asked, m) ? 0 : IFM_EXIT_INCONCLUSIVE;
}

/* The gravest of all arms: wrong results, memory, failed measurements, inputs that were refused,
 * requirements. */
static int exit_status(const struct ifm_run_asked *asked, const struct ifm_experiment *x)
{
    static const int gravest_first[] = { IFM_ERR_WRONG_OUTPUT, IFM_ERR_MEMORY_LIMIT,
                                         IFM_ERR_MEASUREMENT };
    int statuses[IFM_EXPERIMENT_ARMS_MAX], worst = 0;
    if (x->interrupted || ifm_interrupt_count()) /* also after the last invocation */
        return ifm_interrupt_exit() ? ifm_interrupt_exit() : 130;
    for (size_t i = 0; i < x->count; i++) {
        statuses[i] = arm_status(asked, &x->arms[i]);
        worst = statuses[i] > worst ? statuses[i] : worst;
    }
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < x->count; i++)
            if (statuses[i] == ifm_err_exit(gravest_first[k]))
                return statuses[i];
    return worst;
}

static bool cancelled(void)
{
    return ifm_interrupt_count() > 1;
}

/* Brings an arm to the daemon; a daemon that is away costs one warning and no result. */
static void send(struct ifm_cli *cli, const struct ifm_measure *m,
                 const struct ifm_daemon_address *daemon, bool *reachable)
{
    struct ifm_err why = IFM_ERR_INIT;
    const char *id = m->view.run.id;
    bool sent = daemon->url[0] && *reachable &&
                ifm_send_run(daemon, m->spool.folder, id, cancelled, &why) == 0;
    if (daemon->url[0] && *reachable && !sent)
        ifm_cli_warn(cli, "not sent: %s; the run is kept, `inferometer push` sends it later",
                     why.text);
    *reachable = sent;
    if (cli->format != IFM_FORMAT_HUMAN && sent)
        ifm_cli_note(cli, "open %s/runs/%s", daemon->url, id);
    if (cli->format != IFM_FORMAT_HUMAN || m->name[0])
        return;
    ifm_buf_addf(&cli->out, "  run             %s\n  kept in         %s\n", id, m->spool.folder);
    if (sent)
        ifm_buf_addf(&cli->out, "  open            %s/runs/%s\n", daemon->url, id);
}

static int report(struct ifm_cli *cli, const struct ifm_run_asked *asked,
                  const struct ifm_experiment *x, const struct ifm_daemon_address *daemon,
                  struct ifm_err *err)
{
    bool reachable = true;
    for (size_t i = 0; i < x->count; i++)
        if (x->arms[i].view.count && (i == 0 || x->arms[i].subject != x->arms[i - 1].subject))
            show_assumed(cli, &x->arms[i].view.run);
    int rc =
        x->count == 1 ? ifm_print_view(cli, &x->arms[0].view, err) : ifm_experiment_print(x, err);
    for (size_t i = 0; !rc && i < x->count; i++)
        if (x->arms[i].view.count)
            send(cli, &x->arms[i], daemon, &reachable);
    return rc ? rc : exit_status(asked, x);
}

/* Nothing of it was a measurement. */
static int nothing_kept(struct ifm_cli *cli, const struct ifm_experiment *x, struct ifm_err *err)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->arms[i].bad_input) {
            *err = x->arms[i].refusal;
            return err->code;
        }
    if (x->out_of_time)
        return ifm_err_set(
            err, IFM_ERR_MEASUREMENT, "",
            "--max-time was over before the first invocation ended: nothing to keep");
    ifm_cli_note(cli, "interrupted before the first invocation ended: nothing to keep");
    return ifm_interrupt_exit() ? ifm_interrupt_exit() : 130;
}

/* A full disk in mid-run and its like: what is on it stays. */
static int broken_off(const struct ifm_experiment *x, int rc, struct ifm_err *err)
{
    struct ifm_err why = *err;
    if (x->made)
        ifm_err_set(err, why.code, "",
                    "%.300s; the %lld invocations before that are kept, see "
                    "`inferometer list`",
                    why.text, (long long)x->made);
    return rc;
}

/* Of --max-time the search leaves what the measurement needs at least, but never takes less than half. */
static int64_t search_budget(const struct ifm_run_asked *asked)
{
    int64_t least, most, whole = asked->o->max_time;
    ifm_plan_bounds(&asked->plan, &least, &most);
    return whole - least > whole / 2 ? whole - least : whole / 2;
}

static int search(const struct ifm_run_asked *asked, struct ifm_experiment *x,
                  struct ifm_capacity_run *found, struct ifm_err *err)
{
    int64_t begin_ns = ifm_clock_ns();
    if (!asked->o->find_max_qps)
        return 0;
    int rc = ifm_capacity_prepare(&x->arms[0], asked->bound_ns, asked->bound_percentile,
                                  search_budget(asked), asked->o->seed, found, err);
    int64_t left_ns = x->max_ns - (ifm_clock_ns() - begin_ns);
    if (x->max_ns) /* "never longer in all": the search counts */
        x->max_ns = left_ns > 0 ? left_ns : 1;
    return rc;
}

static int measure(struct ifm_cli *cli, const struct ifm_run_asked *asked, struct ifm_arms *arms,
                   const struct ifm_daemon_address *daemon, struct ifm_err *err)
{
    struct ifm_experiment x = { .cli = cli,
                                .arms = arms->items,
                                .count = arms->count,
                                .rounds = asked->plan.invocations,
                                .max_rounds = asked->max_rounds,
                                .max_ns = asked->o->max_time,
                                .target_count = asked->target_count,
                                .sysroot = asked->o->sysroot,
                                .seed = asked->o->order_seed };
    struct ifm_capacity_run found = { .capacity = { .bound_ns = 0 } };
    size_t ok = 0;
    memcpy(x.targets, asked->targets, sizeof x.targets);
    int rc = ifm_experiment_begin(&x, err);
    if (rc)
        return rc;
    if (asked->o->sysroot)
        ifm_cli_note(cli, "samplers read the recorded tree %s, not this machine",
                     asked->o->sysroot);
    rc = search(asked, &x, &found, err);
    if (!rc) {
        ifm_experiment_plan(&x);
        rc = ifm_experiment_run(&x, err);
    }
    ifm_capacity_run_done(&found);
    if (rc == IFM_ERR_INTERRUPTED && ifm_interrupt_exit()) {
        ifm_cli_note(cli, "interrupted in the search: nothing to keep");
        return ifm_interrupt_exit();
    }
    if (rc)
        return broken_off(&x, rc, err);
    for (size_t i = 0; i < x.count; i++)
        ok += x.arms[i].view.count;
    return ok ? report(cli, asked, &x, daemon, err) : nothing_kept(cli, &x, err);
}

/* What is known to fail before anything is measured. */
static int check_arms(const struct ifm_run_asked *asked, const struct ifm_arms *arms,
                      struct ifm_err *err)
{
    for (size_t i = 0; i < arms->count; i++) {
        const struct ifm_measure *m = &arms->items[i];
        if (asked->require_verified && !m->subject->expect.count)
            return ifm_err_set(
                err, IFM_ERR_USAGE, "",
                "--require verified needs a reference for %.80s: add --expect FILE.npz",
                m->subject->variant);
        if (asked->o->cold == IFM_COLD_C0 && !m->subject->path)
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--cold C0 drops a model file from the page cache, and %s has none",
                               m->subject->runtime);
    }
    if (asked->o->find_max_qps && arms->count > 1)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--find-max-qps searches for one arm, not for %zu", arms->count);
    return 0;
}

static int run_run(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    struct ifm_run_asked asked;
    struct ifm_daemon_address daemon;
    struct ifm_arms arms = { .count = 0 };
    int rc = ifm_run_options_read(options, &asked, err);
    if (!rc)
        rc = ifm_config_daemon(cli->common->daemon, &daemon, err);
    if (!rc)
        rc = ifm_interrupt_install(err);
    if (!rc)
        rc = ifm_arms_make(cli, &asked, argc, argv, &arms, err);
    if (!rc)
        rc = check_arms(&asked, &arms, err);
    if (!rc)
        rc = measure(cli, &asked, &arms, &daemon, err);
    ifm_arms_done(&arms);
    return rc;
}

const struct ifm_verb ifm_verb_run = {
    .name = "run",
    .arguments = "MODEL|BUNDLE...",
    .summary = "measure a model, or several against each other",
    .examples =
        "  inferometer run model.onnx                               10 invocations, with "
        "intervals\n"
        "  inferometer run model.onnx --quick                       about ten seconds\n"
        "  inferometer run fp32.onnx int8.onnx                      interleaved: which is faster\n"
        "  inferometer run model.onnx --threads 1,2 --batch 1,8     a sweep\n"
        "  inferometer run model.onnx --until p50:1%                as many invocations as it "
        "takes\n"
        "  inferometer run model.onnx --runtime all                 every runtime that reads it\n"
        "  inferometer run model.onnx --input image=x.npy --expect outputs.npz --rtol 1e-3\n"
        "  inferometer run model.onnx --shape image:1x3x224x224 --range image:0..255\n"
        "  inferometer run bundle.tar.zst --variant all             checked against its reference\n"
        "  inferometer run model.onnx --scenario server --rate 200 --bound 10ms@p99\n"
        "  inferometer run model.onnx -O graph-optimization=basic --json\n",
    .notes = "Each invocation is a fresh process; the interval is over invocations. Any model runs "
             "without a\n"
             "reference: its inputs are made from the seed, and everything that was assumed is "
             "printed.\n"
             "Several models, variants, runtimes, --batch, --threads or --vary values make one "
             "experiment: "
             "rounds in\n"
             "random order, each arm a run of its own, compared over the rounds in which both "
             "delivered.\n"
             "A crash, a hang or an abort is a result with a reason: the run goes on with the next "
             "invocation, stops\n"
             "when the first two fail the same way, and ends with 4 if any invocation failed. "
             "WRONG outputs "
             "end with\n"
             "5 and are never ranked, a memory limit with 6, --require with 3, Ctrl-C with 130 "
             "(finished "
             "invocations are\n"
             "kept; a second one ends at once).\n"
             "What a worker refuses at once (a corrupt model, a wrong input) is no run and is not "
             "kept.\n",
    .options = ifm_run_option_rows,
    .options_size = sizeof(struct ifm_run_options),
    .run = run_run
};
