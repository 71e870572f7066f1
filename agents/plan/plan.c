#include "agents/plan/plan.h"

#include <stdio.h>

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

/* A second of idling before each invocation of the default plan, less where invocations are short:
 * a third of a typed duration, nothing before a typed count of inferences, which may be over in a
 * millisecond. */
static int64_t cooldown(const struct ifm_plan_asked *asked)
{
    int64_t third = asked->duration_ns / 3;
    if (asked->has_cooldown)
        return asked->cooldown_ns;
    if (asked->duration_ns > 0)
        return third < IFM_PLAN_COOLDOWN_NS ? third : IFM_PLAN_COOLDOWN_NS;
    if (asked->iterations > 0)
        return 0;
    return asked->quick ? IFM_PLAN_QUICK_COOLDOWN_NS : IFM_PLAN_COOLDOWN_NS;
}

/* The longest warm-up, in proportion to what follows it: a noisy machine never settles. */
static int64_t warmup_max(const struct ifm_plan_asked *asked)
{
    int64_t longest = 3 * asked->duration_ns;
    if (asked->warmup_max_ns > 0)
        return asked->warmup_max_ns;
    if (asked->quick)
        return IFM_PLAN_QUICK_WARMUP_MAX_NS;
    if (asked->duration_ns <= 0)
        return IFM_PLAN_WARMUP_MAX_NS;
    if (longest < IFM_PLAN_QUICK_WARMUP_MAX_NS)
        return IFM_PLAN_QUICK_WARMUP_MAX_NS;
    return longest < IFM_PLAN_ASKED_WARMUP_MAX_NS ? longest : IFM_PLAN_ASKED_WARMUP_MAX_NS;
}

/* A user who names one of count and duration means that one; who names none gets both minima. */
void ifm_plan_make(const struct ifm_plan_asked *asked, struct ifm_plan *out)
{
    bool counted = asked->iterations > 0, timed = asked->duration_ns > 0;
    out->invocations = or_default(asked->invocations,
                                  asked->quick ? IFM_PLAN_QUICK_INVOCATIONS : IFM_PLAN_INVOCATIONS);
    if (counted || timed) {
        out->iterations = counted ? asked->iterations : 1;
        out->duration_ns = timed ? asked->duration_ns : 0;
        out->max_ns = or_default(asked->max_ns, IFM_PLAN_MAX_ASKED_NS);
    } else if (asked->quick) {
        out->iterations = 1;
        out->duration_ns = IFM_PLAN_QUICK_NS;
        out->max_ns = or_default(asked->max_ns, IFM_PLAN_QUICK_NS + 700000000);
    } else {
        out->iterations = IFM_PLAN_ITERATIONS;
        out->duration_ns = IFM_PLAN_DURATION_NS;
        out->max_ns = or_default(asked->max_ns, IFM_PLAN_MAX_NS);
    }
    if (out->max_ns < out->duration_ns && asked->max_ns <= 0)
        out->max_ns = out->duration_ns;
    out->warmup_iterations = asked->warmup_iterations > 0 ? asked->warmup_iterations : 0;
    out->warmup_ns = asked->warmup_iterations > 0 ? 0 : IFM_PLAN_WARMUP_NS;
    out->warmup_max_ns = asked->warmup_iterations > 0 ? 0 : warmup_max(asked);
    if (out->warmup_ns > out->warmup_max_ns)
        out->warmup_ns = out->warmup_max_ns;
    out->cooldown_ns = cooldown(asked);
    out->spin_ns = out->cooldown_ns > 0 ? IFM_PLAN_SPIN_NS : 0;
    out->timeout_ns = or_default(asked->timeout_ns, out->max_ns + IFM_PLAN_TIMEOUT_EXTRA_NS);
}

void ifm_plan_bounds(const struct ifm_plan *plan, int64_t *least_ns, int64_t *most_ns)
{
    int64_t fixed = IFM_PLAN_OVERHEAD_NS + plan->warmup_ns + plan->spin_ns;
    int64_t pauses = (plan->invocations - 1) * plan->cooldown_ns;
    int64_t settle = plan->warmup_max_ns - plan->warmup_ns; /* beyond the least */
    int64_t least = plan->duration_ns < plan->max_ns ? plan->duration_ns : plan->max_ns;
    int64_t most = plan->iterations > 1 ? plan->max_ns : plan->duration_ns;
    *least_ns = plan->invocations * (fixed + least) + pauses;
    *most_ns = plan->invocations * (fixed + settle + (most > least ? most : least)) + pauses;
}

void ifm_plan_spec(const struct ifm_plan *plan, struct ifm_msg_spec *spec)
{
    spec->warmup_iterations = plan->warmup_iterations;
    spec->warmup_ns = plan->warmup_ns;
    spec->warmup_max_ns = plan->warmup_max_ns;
    spec->iterations = plan->iterations;
    spec->duration_ns = plan->duration_ns;
    spec->max_ns = plan->max_ns;
    spec->timeout_ns = plan->timeout_ns;
    spec->spin_ns = plan->spin_ns;
}

void ifm_plan_time_text(int64_t ns, char *text, size_t size)
{
    int64_t seconds = (ns + 500000000) / 1000000000;
    if (ns > 0 && ns < 1000000000)
        snprintf(text, size, "%lld ms", (long long)((ns + 500000) / 1000000));
    else if (ns < INT64_C(9950000000) && ns / 100000000 % 10)
        snprintf(text, size, "%.1f s", (double)ns / 1e9);
    else if (seconds < 60)
        snprintf(text, size, "%lld s", (long long)(seconds > 0 ? seconds : 1));
    else if (seconds < 3600 && seconds % 60 == 0)
        snprintf(text, size, "%lld min", (long long)(seconds / 60));
    else if (seconds < 3600)
        snprintf(text, size, "%lld min %lld s", (long long)(seconds / 60),
                 (long long)(seconds % 60));
    else
        snprintf(text, size, "%lld h %lld min", (long long)(seconds / 3600),
                 (long long)(seconds / 60 % 60));
}
