/* inferometer compare */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/compare.h"
#include "agents/cli/locate.h"

struct compare_options {
    struct ifm_cli_common common;
    const char *fail_above;
    double delta;
    bool strict;
};
static const struct ifm_option compare_options[] = {
    { .name = "fail-above",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct compare_options, fail_above),
      .max = 512,
      .value = "LIMITS",
      .help = "like p50:5%,rss:10%: exit 1 when B is shown to be worse by more" },
    { .name = "strict",
      .type = IFM_OPT_BOOL,
      .offset = offsetof(struct compare_options, strict),
      .help = "inconclusive counts as failed: exit 1 instead of 3" },
    { .name = "delta",
      .type = IFM_OPT_DOUBLE,
      .offset = offsetof(struct compare_options, delta),
      .fallback = "0.02",
      .value = "X",
      .help = "what counts as a change, as a part" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

/* The worst of the gates: exceeded, then inconclusive, then held. */
static int judge(struct ifm_cli *cli, const struct ifm_compared *c, const struct ifm_gate *gates,
                 size_t count, bool strict)
{
    static const char *const words[] = { "holds", "EXCEEDED", "", "inconclusive" };
    int worst = 0;
    for (size_t i = 0; i < count; i++) {
        int one = ifm_gate_judge(c, &gates[i]);
        if (cli->format == IFM_FORMAT_HUMAN)
            ifm_buf_addf(&cli->out, "  limit %s %g %%: %s\n",
                         ifm_metrics[gates[i].metric].word, gates[i].limit * 100, words[one]);
        if (one == 1 || (one == 3 && worst == 0))
            worst = one;
    }
    if (count && c->b->run.verification == IFM_VERIFY_WRONG)
        return ifm_err_exit(IFM_ERR_WRONG_OUTPUT);
    return worst == IFM_EXIT_INCONCLUSIVE && strict ? IFM_EXIT_GATE : worst;
}

static int run_compare(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    const struct compare_options *o = options;
    struct ifm_gate gates[IFM_METRIC_COUNT];
    struct ifm_view views[2] = { { .closed = false }, { .closed = false } };
    struct ifm_compared compared = { .a = NULL };
    size_t gate_count = 0;
    int rc = ifm_cli_arguments(argc, argv, 2, 2, "two RUNs: the base, then the candidate", err);
    if (!rc && !(o->delta > 0 && o->delta < 10))
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "--delta must be above 0 and below 10");
    if (!rc && o->fail_above)
        rc = ifm_gate_parse(o->fail_above, gates, &gate_count, err);
    for (int i = 0; !rc && i < 2; i++) {
        struct ifm_located located;
        rc = ifm_locate(argv[i], &located, err);
        if (!rc)
            rc = ifm_view_init(&views[i], false);
        if (!rc)
            rc = ifm_locate_view(&located, &views[i], err);
    }
    if (!rc)
        rc = ifm_compared_make(&views[0], &views[1], o->delta, &compared, err);
    if (!rc)
        rc = ifm_compared_print(cli, &compared, err);
    if (!rc)
        rc = judge(cli, &compared, gates, gate_count, o->strict);
    ifm_compared_done(&compared);
    ifm_view_done(&views[0]);
    ifm_view_done(&views[1]);
    return rc;
}

const struct ifm_verb ifm_verb_compare = {
    .name = "compare",
    .arguments = "A B",
    .summary = "what changed from run A to run B",
    .examples =
        "  inferometer compare @2 @1\n  inferometer compare @2 @1 --fail-above p50:5%,rss:10%\n"
        "  inferometer compare http://127.0.0.1:8417/runs/ID @1 --json\n",
    .notes = "Metrics: p50 p90 p99 throughput load first rss cpu. With --fail-above the exit "
             "status is 1 when B is\n"
             "shown to be worse by more than a limit, 0 when it is shown to be within all, 3 when "
             "neither is shown.\n"
             "Runs of one experiment (`inferometer run A B`) are compared round by round; others are "
             "\"sequential, not\n"
             "interleaved\": what drifted between them is in the ratio. Runs from different devices "
             "and untrusted ones are\n"
             "shown, but every verdict is inconclusive. Works without a daemon, on what is kept "
             "here.\n",
    .options = compare_options,
    .options_size = sizeof(struct compare_options),
    .run = run_compare
};
