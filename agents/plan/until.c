#include "agents/plan/until.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/opt.h"

static int metric_of(const char *word, enum ifm_metric *metric, struct ifm_err *err)
{
    const char *names[IFM_METRIC_COUNT + 1] = { NULL };
    for (size_t i = 0; i < IFM_METRIC_COUNT; i++) {
        names[i] = ifm_metrics[i].word;
        if (strcmp(word, names[i]) == 0) {
            *metric = (enum ifm_metric)i;
            return 0;
        }
    }
    const char *near = ifm_opt_nearest(word, names);
    return ifm_err_set(err, IFM_ERR_USAGE, "", "--until: unknown metric \"%s\"%s%s%s", word,
                       near ? "; did you mean "
                            : "; it may be p50, p90, p99, throughput, load, first, rss, cpu",
                       near ? near : "", near ? "?" : "");
}

/* "1%" or "1", up to the comma; 0 when it is no percentage. */
static double percent_of(const char *text, size_t len)
{
    char *end;
    double percent = strtod(text, &end);
    bool whole = end != text && (size_t)(end - text) + (*end == '%') == len;
    return whole && isfinite(percent) && percent > 0 && percent < 100 ? percent : 0;
}

static int parse_one(const char *text, size_t len, struct ifm_target *target, struct ifm_err *err)
{
    char word[32];
    const char *colon = memchr(text, ':', len);
    size_t n = colon ? (size_t)(colon - text) : len;
    snprintf(word, sizeof word, "%.*s", (int)(n < 30 ? n : 30), text);
    int rc = metric_of(word, &target->metric, err);
    target->share = colon ? percent_of(colon + 1, len - n - 1) / 100 : 0;
    if (!rc && target->share <= 0)
        rc = ifm_err_set(err, IFM_ERR_USAGE, "",
                         "--until wants METRIC:PERCENT, like p50:1%%,p99:5%%, got \"%.*s\"",
                         (int)(len < 60 ? len : 60), text);
    return rc;
}

int ifm_targets_parse(const char *text, struct ifm_target targets[IFM_TARGETS_MAX], size_t *count,
                      struct ifm_err *err)
{
    *count = 0;
    if (!*text)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--until wants METRIC:PERCENT, like p50:1%%,p99:5%%");
    while (*text) {
        size_t len = strcspn(text, ",");
        if (*count == IFM_TARGETS_MAX)
            return ifm_err_set(err, IFM_ERR_USAGE, "", "--until: more than %d targets",
                               IFM_TARGETS_MAX);
        int rc = parse_one(text, len, &targets[*count], err);
        if (rc)
            return rc;
        for (size_t i = 0; i < *count; i++)
            if (targets[i].metric == targets[*count].metric)
                return ifm_err_set(err, IFM_ERR_USAGE, "", "--until names %s twice",
                                   ifm_metrics[targets[i].metric].word);
        ++*count;
        text += len + (text[len] == ',');
    }
    return 0;
}

void ifm_target_judge(const struct ifm_target *target, const struct ifm_estimate *estimate,
                      struct ifm_target_state *out)
{
    const struct ifm_estimate *e = estimate;
    *out = (struct ifm_target_state){ .share = NAN, .countable = e->enough };
    if (!isfinite(e->low) || !isfinite(e->high) || !(e->value > 0))
        return;
    out->share = (e->high - e->low) / 2 / e->value;
    out->reached = e->enough && out->share <= target->share;
    double ratio = out->share / target->share;
    double needed = ceil((double)e->k * ratio * ratio);
    out->needed = needed < IFM_INTERVAL_MIN_K ? IFM_INTERVAL_MIN_K
                  : needed > 1e15             ? INT64_C(1000000000000000)
                                              : (int64_t)needed;
}

int64_t ifm_target_samples(enum ifm_metric metric)
{
    return metric == IFM_METRIC_P99 ? 459 : metric == IFM_METRIC_P90 ? 44 : 1;
}
