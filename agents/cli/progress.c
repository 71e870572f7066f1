#include "agents/cli/progress.h"

#include <stdio.h>

#include "agents/executors/executor.h"
#include "agents/plan/plan.h"
#include "core/clock.h"

#define PLAIN_EVERY_NS INT64_C(10000000000)

void ifm_progress_init(struct ifm_progress *progress, const struct ifm_cli *cli,
                       int64_t invocations)
{
    *progress = (struct ifm_progress){ .cli = cli, .invocations = invocations, .arm = "" };
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

static void draw(struct ifm_progress *p, const char *what, int64_t elapsed_ns)
{
    char left[40] = "", elapsed[40];
    if (p->cli->common->quiet || (!p->cli->terminal_err && !p->cli->ci))
        return;
    if (p->left_ns > 0)
        ifm_plan_time_text(p->left_ns, left, sizeof left);
    ifm_plan_time_text(elapsed_ns, elapsed, sizeof elapsed);
    const char *then = left[0] ? ", then about " : "", *more = left[0] ? " more" : "";
    const char *most = p->at_most ? "at most " : "", *colon = p->arm[0] ? ": " : "";
    if (p->cli->terminal_err) {
        fprintf(stderr, "\r\x1b[K[%lld/%s%lld] %.40s%s%s, %s%s%s%s", (long long)p->n + 1, most,
                (long long)p->invocations, p->arm, colon, what, elapsed, then, left, more);
        fflush(stderr);
        p->drawn = true;
    } else if (ifm_clock_ns() - p->plain_ns >= PLAIN_EVERY_NS) {
        p->plain_ns = ifm_clock_ns();
        fprintf(stderr, "invocation %lld of %s%lld: %.40s%s%s, %s%s%s%s\n", (long long)p->n + 1,
                most, (long long)p->invocations, p->arm, colon, what, elapsed, then, left, more);
    }
}

void ifm_progress_step(void *arg, int step, int64_t elapsed_ns)
{
    draw(arg, words(step), elapsed_ns);
}

void ifm_progress_pause(struct ifm_progress *progress, const char *what, int64_t elapsed_ns)
{
    draw(progress, what, elapsed_ns);
}

void ifm_progress_clear(struct ifm_progress *progress)
{
    if (progress->drawn)
        fprintf(stderr, "\r\x1b[K");
    progress->drawn = false;
}
