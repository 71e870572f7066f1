#include "agents/cli/progress.h"

#include <stdio.h>

#include "agents/executors/executor.h"
#include "agents/plan/plan.h"
#include "core/clock.h"

#define PLAIN_EVERY_NS INT64_C(10000000000)

void ifm_progress_init(struct ifm_progress *progress, const struct ifm_cli *cli,
                       int64_t invocations)
{
    *progress = (struct ifm_progress){ .cli = cli, .invocations = invocations, .left_ns = -1 };
    progress->plain_ns = ifm_clock_ns();
}

static const char *words(int step)
{
    static const char *const texts[] = {
        "starting", "probing", "loading",          "binding", "first inference, warm-up",
        "warm-up",  "timing",  "checking outputs", "closing"
    };
    return texts[step >= 0 && step <= IFM_STEP_CLOSE ? step : 0];
}

void ifm_progress_step(void *arg, int step, int64_t elapsed_ns)
{
    struct ifm_progress *p = arg;
    char left[40] = "", elapsed[40];
    if (p->cli->common->quiet || (!p->cli->terminal_err && !p->cli->ci))
        return;
    if (p->left_ns > 0)
        ifm_plan_time_text(p->left_ns, left, sizeof left);
    ifm_plan_time_text(elapsed_ns, elapsed, sizeof elapsed);
    const char *then = left[0] ? ", then about " : "", *more = left[0] ? " more" : "";
    if (p->cli->terminal_err) {
        fprintf(stderr, "\r\x1b[K[%lld/%lld] %s, %s%s%s%s", (long long)p->n + 1,
                (long long)p->invocations, words(step), elapsed, then, left, more);
        fflush(stderr);
        p->drawn = true;
    } else if (ifm_clock_ns() - p->plain_ns >= PLAIN_EVERY_NS) {
        p->plain_ns = ifm_clock_ns();
        fprintf(stderr, "invocation %lld of %lld: %s, %s%s%s%s\n", (long long)p->n + 1,
                (long long)p->invocations, words(step), elapsed, then, left, more);
    }
}

void ifm_progress_clear(struct ifm_progress *progress)
{
    if (progress->drawn)
        fprintf(stderr, "\r\x1b[K");
    progress->drawn = false;
}
