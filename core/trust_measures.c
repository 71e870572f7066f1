#include <math.h>
#include <string.h>

#include "core/stat.h"
#include "core/trust_parts.h"

#define DRIFT_P        0.01
#define LATE_SHARE     0.10 /* of the timed phase, by MSER-5 */
#define PRACTICAL      0.02 /* a difference of levels below this matters to nobody */
#define NARROW         0.01 /* (P75 - P25) / P50 */
#define SWITCHES_PER_S 10.0 /* fewer are the kernel's own work, however long one inference is */
#define CLOCK_SLACK_NS 1e6  /* two clocks are not read at the same instant */
#define SUSPEND_NS     1e7
#define BUSY_SLACK_NS  5e7 /* /proc/stat counts in ticks of 10 ms, per CPU */
#define STEAL_SLACK_NS 2e7
#define WARMUP_CAP     2   /* of IFM_WARMUP_END_CHOICES */
#define END_MAXIMUM    2   /* of IFM_END_CHOICES */
#define BACKLOG_RATIO  2.0 /* last third over first third of an open loop that cannot keep up */

/* -- What the samples say ---------------------------------------------------------------------- */

bool ifm_trust_within_spread(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                             double *amount, double *per)
{
    (void)setup;
    *amount = item->stats->steady.iqr_ratio;
    *per = 1.0;
    return !isnan(*amount);
}

bool ifm_trust_outliers(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                        double *amount, double *per)
{
    (void)setup;
    *per = (double)item->stats->n;
    *amount = item->stats->steady.outlier_share * *per;
    return !isnan(*amount);
}

/* Of a spread below 1 % it does not matter whether it comes in waves. */
bool ifm_trust_autocorrelation(const struct ifm_trust_setup *setup,
                               const struct ifm_trust_item *item, double *amount, double *per)
{
    const struct ifm_steadiness *steady = &item->stats->steady;
    (void)setup;
    *amount = steady->iqr_ratio > NARROW ? steady->autocorrelation : 0.0;
    *per = 1.0;
    return item->stats->n >= 20 && !isnan(steady->autocorrelation);
}

/* A test and a size: with a thousand iterations a trend of a tenth of a percent is significant too.
 */
bool ifm_trust_drift(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                     double *amount, double *per)
{
    const struct ifm_steadiness *steady = &item->stats->steady;
    (void)setup;
    if (isnan(steady->drift_p) || isnan(steady->drift_ratio))
        return false;
    *amount = steady->drift_p < DRIFT_P ? steady->drift_ratio - 1.0 : 0.0;
    *per = 1.0;
    return true;
}

bool ifm_trust_not_steady(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                          double *amount, double *per)
{
    const enum ifm_steady_class steady = item->stats->steady.steady;
    (void)setup;
    *amount = steady == IFM_STEADY_SLOWDOWN || steady == IFM_STEADY_NO_STEADY_STATE;
    *per = 1.0;
    return steady != IFM_STEADY_TOO_FEW;
}

/* A warm-up that was cut short did no harm where the timed phase was flat. */
bool ifm_trust_warmup_cap(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                          double *amount, double *per)
{
    (void)setup;
    *amount = item->body->warmup_end == WARMUP_CAP && item->stats->steady.steady != IFM_STEADY_FLAT;
    *per = 1.0;
    return true;
}

bool ifm_trust_late_warmup(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                           double *amount, double *per)
{
    const struct ifm_steadiness *steady = &item->stats->steady;
    (void)setup;
    *amount = steady->mser_ratio > 1.0 + PRACTICAL ? steady->mser_share : 0.0;
    *per = 1.0;
    return !isnan(steady->mser_share);
}

bool ifm_trust_few_samples(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                           double *amount, double *per)
{
    (void)setup;
    *amount = item->stats->batch_calls <= 1 && !item->stats->p99_enough;
    *per = 1.0;
    return true;
}

bool ifm_trust_lateness(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                        double *amount, double *per)
{
    (void)setup;
    *amount = (double)item->stats->lateness_p99_ns;
    *per = 1.0;
    return item->stats->lateness_p99_ns >= 0;
}

/* Open loops and paced ones: what is not answered in time piles up, and latency measures the length
 * of the run instead of the model. */
bool ifm_trust_overloaded(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                          double *amount, double *per)
{
    const struct ifm_invocation_stats *stats = item->stats;
    const int kind = setup->scenario.kind;
    if (kind != IFM_SCENARIO_SERVER && kind != IFM_SCENARIO_PACED)
        return false;
    bool grows = stats->steady.drift_p < DRIFT_P && stats->steady.drift_ratio > BACKLOG_RATIO;
    bool behind =
        ifm_scenario_fell_behind(&setup->scenario, stats->throughput_per_s, (size_t)stats->n);
    *amount = item->body->unfinished > 0 ? (double)item->body->unfinished : grows || behind;
    *per = 1.0;
    return true;
}

/* -- What the worker noted --------------------------------------------------------------------- */

bool ifm_trust_preempted(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                         double *amount, double *per)
{
    const struct ifm_msg_invocation *body = item->body;
    (void)setup;
    if (body->involuntary_switches < 0 || body->iterations <= 0 || body->steady_ns <= 0)
        return false;
    double switches = (double)body->involuntary_switches;
    *amount = switches > SWITCHES_PER_S * (double)body->steady_ns / 1e9 ? switches : 0.0;
    *per = (double)body->iterations;
    return true;
}

bool ifm_trust_major_faults(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                            double *amount, double *per)
{
    (void)setup;
    *amount = (double)item->body->memory_steady.major_faults;
    *per = 1.0;
    return item->body->memory_steady.major_faults >= 0;
}

bool ifm_trust_clock(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                     double *amount, double *per)
{
    const struct ifm_msg_invocation *body = item->body;
    (void)setup;
    if (!(body->clock_ratio > 0.0) || body->steady_ns <= 0)
        return false;
    double off = fabs(body->clock_ratio - 1.0) - CLOCK_SLACK_NS / (double)body->steady_ns;
    *amount = off > 0.0 ? off : 0.0;
    *per = 1.0;
    return true;
}

bool ifm_trust_suspended(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                         double *amount, double *per)
{
    (void)setup;
    *amount = (double)item->body->suspended_ns > SUSPEND_NS ? (double)item->body->suspended_ns : 0;
    *per = 1.0;
    return true;
}

bool ifm_trust_maximum(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                       double *amount, double *per)
{
    (void)setup;
    *amount = item->body->end_reason == END_MAXIMUM;
    *per = 1.0;
    return true;
}

/* Bodies that a script made do not say; a worker's have a clock. */
bool ifm_trust_nondeterministic(const struct ifm_trust_setup *setup,
                                const struct ifm_trust_item *item, double *amount, double *per)
{
    (void)setup;
    *amount = !item->body->deterministic;
    *per = 1.0;
    return item->body->clock.resolution_ns > 0;
}

bool ifm_trust_memory(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                      double *amount, double *per)
{
    const struct ifm_msg_memory *phases[] = { &item->body->memory_load, &item->body->memory_first,
                                              &item->body->memory_steady };
    *amount = 0.0;
    *per = 1.0;
    if (setup->memory_limit_bytes <= 0)
        return false;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        if (phases[i]->peak_rss_bytes > setup->memory_limit_bytes)
            *amount = fmax(*amount, (double)phases[i]->peak_rss_bytes);
    return true;
}

bool ifm_trust_batched(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                       double *amount, double *per)
{
    (void)setup;
    *amount = item->stats->batch_calls > 1 ? (double)item->stats->batch_calls : 0.0;
    *per = 1.0;
    return true;
}

/* Part of the model file's pages that were in memory though a cold load was asked for; all of them
 * where nobody could look. */
bool ifm_trust_cold(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                    double *amount, double *per)
{
    const struct ifm_msg_cold *cold = &item->body->cold;
    (void)setup;
    if (cold->level != IFM_COLD_C0)
        return false;
    bool known = cold->pages > 0 && cold->resident >= 0;
    *amount = known ? (double)cold->resident : 1.0;
    *per = known ? (double)cold->pages : 1.0;
    return true;
}

/* -- What the samplers read -------------------------------------------------------------------- */

struct lane {
    const struct ifm_msg_lanes *group;
    const int64_t *values;
    size_t count;
};

static bool find_lane(const struct ifm_msg_invocation *body, const char *sampler, const char *name,
                      struct lane *out)
{
    const struct ifm_msg_lanes *groups = body->lanes.items;
    for (size_t g = 0; g < body->lanes.count; g++) {
        if (!groups[g].sampler || strcmp(groups[g].sampler, sampler) != 0)
            continue;
        const struct ifm_msg_lane *lanes = groups[g].lanes.items;
        for (size_t i = 0; i < groups[g].lanes.count; i++)
            if (lanes[i].name && strcmp(lanes[i].name, name) == 0) {
                size_t times = groups[g].t_ns.count, values = lanes[i].values.count;
                *out = (struct lane){ &groups[g], lanes[i].values.items,
                                      times < values ? times : values };
                return out->count > 0;
            }
    }
    return false;
}

/* The last reading at or before the begin of the timed phase and the first at or after its end; the
 * outermost where there is none. */
static bool edges(const struct lane *lane, int64_t steady_ns, size_t *from, size_t *to)
{
    const int64_t *t = lane->group->t_ns.items;
    *from = 0;
    *to = lane->count - 1;
    for (size_t i = 0; i < lane->count && t[i] <= 0; i++)
        *from = i;
    for (size_t i = lane->count; i-- > 0 && t[i] >= steady_ns;)
        *to = i;
    return *from < *to && t[*to] > t[*from];
}

/* A sampler that ended in the warm-up saw nothing of what counts. */
bool ifm_trust_has_lane(const struct ifm_msg_invocation *body, const char *sampler,
                        const char *name)
{
    struct lane lane;
    size_t from, to;
    return find_lane(body, sampler, name, &lane) && edges(&lane, body->steady_ns, &from, &to);
}

/* How far a counter moved over the timed phase, and the time between the two readings. */
static bool moved(const struct ifm_msg_invocation *body, const char *sampler, const char *name,
                  double *by, double *window_ns)
{
    struct lane lane;
    size_t from, to;
    if (!find_lane(body, sampler, name, &lane) || !edges(&lane, body->steady_ns, &from, &to))
        return false;
    *by = (double)lane.values[to] - (double)lane.values[from];
    *by = *by > 0.0 ? *by : 0.0; /* a counter that was reset */
    *window_ns = (double)lane.group->t_ns.items[to] - (double)lane.group->t_ns.items[from];
    return true;
}

bool ifm_trust_heat(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                    double *amount, double *per)
{
    double window;
    (void)setup;
    *per = 1.0;
    return moved(item->body, "thermal", "throttle_count", amount, &window);
}

/* A level, not a count: a CPU that was held back before the phase began is held back in it. */
bool ifm_trust_cooling(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                       double *amount, double *per)
{
    struct lane lane;
    size_t from, to;
    (void)setup;
    *amount = 0.0;
    *per = 1.0;
    if (!find_lane(item->body, "thermal", "cooling_state", &lane) ||
        !edges(&lane, item->body->steady_ns, &from, &to))
        return false;
    for (size_t i = from; i <= to; i++)
        *amount = fmax(*amount, (double)lane.values[i]);
    return true;
}

bool ifm_trust_quota(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                     double *amount, double *per)
{
    double window;
    (void)setup;
    *per = 1.0;
    return moved(item->body, "proc", "cgroup_throttled", amount, &window);
}

/* Fall of the busy CPUs' clock: the median of the readings in the second half of the timed phase,
 * or the first after it, against the last one before it. */
bool ifm_trust_frequency(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                         double *amount, double *per)
{
    enum { MOST = 256 };
    double late[MOST];
    struct lane lane;
    size_t from, to, count = 0;
    const int64_t end = item->body->steady_ns;
    (void)setup;
    if (!find_lane(item->body, "freq", "busy_khz", &lane) || !edges(&lane, end, &from, &to))
        return false;
    const int64_t *t = lane.group->t_ns.items;
    for (size_t i = from + 1; i < lane.count && count < MOST; i++)
        if (t[i] >= end / 2 && t[i] <= end && lane.values[i] > 0)
            late[count++] = (double)lane.values[i];
    double after = count ? ifm_stat_median(late, count) : (double)lane.values[to];
    double before = (double)lane.values[from];
    if (before <= 0.0 || after <= 0.0)
        return false;
    *amount = before - after;
    *per = before;
    return true;
}

/* Of the CPU time that somebody on this machine wanted, the part that the hypervisor gave to
 * others. */
bool ifm_trust_steal(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                     double *amount, double *per)
{
    double window, busy;
    (void)setup;
    if (!moved(item->body, "proc", "steal_ns", amount, &window))
        return false;
    *per = moved(item->body, "proc", "host_busy_ns", &busy, &window) ? busy + *amount : window;
    *amount = *amount > STEAL_SLACK_NS ? *amount : 0.0;
    *per = *per > 0.0 ? *per : window;
    return true;
}

/* CPUs that other processes used. */
bool ifm_trust_others(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                      double *amount, double *per)
{
    double all, own;
    (void)setup;
    if (!moved(item->body, "proc", "host_busy_ns", &all, per) ||
        !moved(item->body, "proc", "process_cpu_ns", &own, per))
        return false;
    *amount = all - own > BUSY_SLACK_NS ? all - own : 0.0;
    return true;
}

static bool pressure(const struct ifm_trust_item *item, const char *name, double *amount,
                     double *per)
{
    if (!moved(item->body, "proc", name, amount, per))
        return false;
    *amount *= 1e3; /* the kernel counts microseconds */
    return true;
}

bool ifm_trust_cpu_pressure(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                            double *amount, double *per)
{
    (void)setup;
    return pressure(item, "psi_cpu_some_us", amount, per);
}

bool ifm_trust_memory_pressure(const struct ifm_trust_setup *setup,
                               const struct ifm_trust_item *item, double *amount, double *per)
{
    (void)setup;
    return pressure(item, "psi_memory_some_us", amount, per);
}

bool ifm_trust_sparse(const struct ifm_trust_setup *setup, const struct ifm_trust_item *item,
                      double *amount, double *per)
{
    const struct ifm_msg_lanes *groups = item->body->lanes.items;
    (void)setup;
    *amount = 0.0;
    *per = 1.0;
    for (size_t g = 0; g < item->body->lanes.count; g++)
        *amount = groups[g].sparse ? 1.0 : *amount;
    return item->body->lanes.count > 0;
}

double ifm_trust_value(const struct ifm_trust_item *item, enum ifm_metric metric)
{
    const struct ifm_msg_invocation *body = item->body;
    const struct ifm_invocation_stats *stats = item->stats;
    switch (metric) {
    case IFM_METRIC_P50:
        return (double)stats->p50_ns;
    case IFM_METRIC_P90:
        return (double)stats->p90_ns;
    case IFM_METRIC_P99:
        return (double)stats->p99_ns;
    case IFM_METRIC_THROUGHPUT:
        return stats->throughput_per_s;
    case IFM_METRIC_LOAD:
        return body->load_ns > 0 ? (double)body->load_ns : NAN;
    case IFM_METRIC_FIRST:
        return body->first_inference_ns > 0 ? (double)body->first_inference_ns : NAN;
    default:
        return NAN;
    }
}
