/* Whether a run and its repetition agree. The rule stands in rerun.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/rerun.h"
#include "core/trust.h"

static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

/* What is not "trusted" of either side is part of the answer. */
static void add_trust(const struct ifm_compared *c, char *text, size_t size)
{
    const struct {
        const char *name;
        const struct ifm_view *view;
    } sides[] = { { "the stored run", c->a }, { "the new run", c->b } };
    for (size_t i = 0; i < 2; i++) {
        char line[160];
        if (sides[i].view->run.trust == IFM_TRUST_TRUSTED)
            continue;
        ifm_compared_trust(sides[i].view, line, sizeof line);
        append(text, size, "; ");
        append(text, size, sides[i].name);
        append(text, size, " is ");
        append(text, size, line);
    }
}

/* The first differences, each with both values. */
static void name_differences(const struct ifm_compared *c, char *text, size_t size)
{
    size_t shown = 0;
    for (size_t i = 0; i < c->difference_count; i++) {
        const struct ifm_difference *d = &c->differences[i];
        char one[200];
        if (shown == 3) {
            snprintf(one, sizeof one, " and %zu more", c->difference_count - shown);
            append(text, size, one);
            return;
        }
        snprintf(one, sizeof one, "%s %s %s was %.40s and is %.40s", shown ? "," : ":", d->kind, d->field,
                 d->a[0] ? d->a : "absent", d->b[0] ? d->b : "absent");
        append(text, size, one);
        shown++;
    }
}

static enum ifm_agreement not_comparable(const char *why, char *text, size_t size)
{
    snprintf(text, size, "not comparable%s%s", why[0] ? ": " : "", why);
    return IFM_NOT_COMPARABLE;
}

enum ifm_agreement ifm_rerun_judge(const struct ifm_compared *c, double within, char *text, size_t size)
{
    const struct ifm_comparison_result *p50 = &c->metrics[IFM_METRIC_P50];
    char change[96], percent[32], seen[80] = "";
    enum ifm_agreement answer;
    bool wrong = c->a->run.verification == IFM_VERIFY_WRONG || c->b->run.verification == IFM_VERIFY_WRONG;
    bool method = c->a->run.method_version != c->b->run.method_version;
    if (wrong || method)
        return not_comparable(c->reason, text, size);
    if (c->difference_count) {
        not_comparable("", text, size);
        name_differences(c, text, size);
        return IFM_NOT_COMPARABLE;
    }
    ifm_compared_change(p50, change, sizeof change);
    if (!isfinite(p50->low) || !isfinite(p50->high)) {
        snprintf(text, size, "not comparable: too few invocations for an interval (%zu and %zu, P50 %s)",
                 p50->k_a, p50->k_b, change);
        add_trust(c, text, size);
        return IFM_NOT_COMPARABLE;
    }
    ifm_compared_percent(c->detectable[IFM_METRIC_P50], percent, sizeof percent);
    if (isfinite(c->detectable[IFM_METRIC_P50]))
        snprintf(seen, sizeof seen, "; %s would have been seen", percent);
    bool none = p50->low <= 1 && p50->high >= 1;
    bool small = p50->low >= 1 - within && p50->high <= 1 + within;
    answer = none || small ? IFM_AGREES : IFM_DIFFERS;
    if (answer == IFM_AGREES)
        snprintf(text, size, "agrees: P50 %s, %s%s", change, none ? "no difference seen" : "within the tolerance",
                 seen);
    else
        snprintf(text, size, "differs by %s in P50", change);
    add_trust(c, text, size);
    if (!c->capped[0])
        return answer;
    char whole[512];
    snprintf(whole, sizeof whole, "%s", text);
    snprintf(text, size, "cannot tell: %s", whole);
    return IFM_NOT_COMPARABLE;
}
