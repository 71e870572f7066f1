#include "core/scenario.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/opt.h"

int64_t ifm_scenario_inferences(const struct ifm_msg_invocation *body)
{
    const int64_t each = body->query_calls > 1 ? body->query_calls : 1;
    return body->iterations <= 0 ? 0 : body->iterations < INT64_MAX / each ? body->iterations * each : INT64_MAX;
}

#define MINUTE_NS      INT64_C(60000000000)
#define PERCENTILE_DEF 9900

static const char *const kinds[] = { "single", "multi", "offline", "paced", "server", "sustained" };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* -- What was asked -------------------------------------------------------------------------------
 */
const char *ifm_scenario_name(int kind)
{
    return kinds[kind >= 0 && kind < KINDS ? kind : 0];
}

static const char *value_of(const struct ifm_map *config, const char *key)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->items[i].key, key) == 0) {
            return config->items[i].value;
        }
    }
    return NULL;
}

static int64_t whole(const struct ifm_map *config, const char *key, int64_t least, int64_t absent)
{
    const char *text = value_of(config, key);
    char *end = NULL;
    errno = 0;
    const long long value = text ? strtoll(text, &end, 10) : 0;
    return !text || end == text || *end || errno || value < least ? absent : (int64_t)value;
}

void ifm_scenario_from_config(const struct ifm_map *config, struct ifm_scenario_setup *out)
{
    const char *kind = value_of(config, "scenario"), *rate = value_of(config, "rate");
    const char *arrival = value_of(config, "arrival");
    char *end = NULL;
    *out = (struct ifm_scenario_setup){ .kind = IFM_SCENARIO_SINGLE, .rate_per_s = (double)NAN };
    for (int i = 0; kind && i < KINDS; i++) {
        out->kind = strcmp(kind, kinds[i]) == 0 ? i : out->kind;
    }
    out->streams = whole(config, "streams", 1, 1);
    out->batch = whole(config, "batch", 1, 1);
    out->period_ns = whole(config, "period_ns", 1, 0);
    out->bound_ns = whole(config, "bound_ns", 1, 0);
    out->percentile = (unsigned)whole(config, "bound_percentile", 1, PERCENTILE_DEF);
    out->percentile = out->percentile > 9999 ? PERCENTILE_DEF : out->percentile;
    out->arrival = arrival && strcmp(arrival, "fixed") == 0;
    if (rate) {
        const double value = strtod(rate, &end);
        out->rate_per_s = end != rate && !*end && value > 0 ? value : (double)NAN;
    }
}

/* "p99.9": 9990, in integers: two digits after the point. 0: it is none. */
static unsigned parse_percentile(const char *text)
{
    unsigned value = 0, decimals = 0;
    bool point = false;
    if (*text != 'p' || text[1] < '0' || text[1] > '9') {
        return 0;
    }
    for (text++; *text && decimals <= 2; text++) {
        if (*text == '.' && !point) {
            point = true;
        } else if (*text >= '0' && *text <= '9' && value < 100000) {
            value = value * 10 + (unsigned)(*text - '0');
            decimals += point;
        } else {
            return 0;
        }
    }
    for (; decimals < 2; decimals++) {
        value *= 10;
    }
    return *text || decimals > 2 || value > 9999 ? 0 : value;
}

int ifm_scenario_parse_bound(const char *text, int64_t *bound_ns, unsigned *percentile,
                             struct ifm_err *err)
{
    char time[32];
    const size_t len = strcspn(text, "@");
    *percentile = text[len] ? parse_percentile(text + len + 1) : PERCENTILE_DEF;
    snprintf(time, sizeof time, "%.*s", (int)(len < sizeof time ? len : 0), text);
    if (ifm_opt_parse_duration(time, bound_ns) != 0 || *bound_ns <= 0 || *percentile == 0) {
        return ifm_err_set(err, IFM_ERR_USAGE, "bound",
                           "'%.40s' is not a bound; write a time and a percentile, e.g. 10ms@p99",
                           text);
    }
    return 0;
}

int64_t ifm_scenario_late_limit(const struct ifm_scenario_setup *setup)
{
    const int64_t of = setup->kind == IFM_SCENARIO_PACED ? setup->period_ns : setup->bound_ns;
    const double share = IFM_SCENARIO_LATE_SHARE * (double)of;
    return share > (double)IFM_SCENARIO_LATE_NS ? (int64_t)share : IFM_SCENARIO_LATE_NS;
}

/* -- One invocation -------------------------------------------------------------------------------
 */
static int64_t percentile_of(const int64_t *values, size_t n, unsigned per_10000, int64_t *scratch)
{
    if (n == 0) {
        return -1;
    }
    memcpy(scratch, values, n * sizeof *values);
    ifm_stat_sort(scratch, n);
    return ifm_stat_percentile(scratch, n, per_10000);
}

/* A sample of several calls is shown as one of them. */
static int64_t per_call(const struct ifm_scenario_input *in, int64_t ns)
{
    return in->batch_calls > 1 && ns > 0 ? (ns + in->batch_calls / 2) / in->batch_calls : ns;
}

static int64_t count_over(const int64_t *values, size_t n, int64_t limit)
{
    int64_t over = 0;
    for (size_t i = 0; i < n; i++) {
        over += values[i] > limit;
    }
    return over;
}

/* Unfinished queries stand at the end of the order, as +infinity. */
static void bound(const struct ifm_scenario_setup *setup, const struct ifm_scenario_input *in,
                  int64_t *scratch, struct ifm_scenario_figures *out)
{
    const size_t all = in->n + (size_t)out->unfinished;
    out->bound_ns = setup->bound_ns;
    if (setup->bound_ns <= 0 || all == 0) {
        return;
    }
    const size_t rank = ifm_stat_rank(all, setup->percentile);
    percentile_of(in->latency_ns, in->n, setup->percentile, scratch);
    out->at_bound_ns = rank <= in->n ? scratch[rank - 1] : INT64_MAX;
    out->over_bound = count_over(in->latency_ns, in->n, setup->bound_ns) + out->unfinished;
    out->passed = ifm_scenario_early_pass((int64_t)all, out->over_bound, setup->percentile);
    out->early_ns =
        out->unfinished == 0 ? ifm_scenario_early_estimate(scratch, in->n, setup->percentile) : -1;
}

/* Poisson arrivals make the offered rate of n queries itself vary by 1/sqrt(n): three of those are
 * allowed beside the 5 %. */
bool ifm_scenario_fell_behind(const struct ifm_scenario_setup *setup, double achieved_per_s,
                              size_t n)
{
    const bool paced = setup->kind == IFM_SCENARIO_PACED;
    const bool random = !paced && setup->arrival == 0;
    const double offered =
        paced && setup->period_ns > 0 ? 1e9 / (double)setup->period_ns : setup->rate_per_s;
    const double allowed = 0.05 + (random ? 3 / sqrt((double)n) : 0);
    return (paced || setup->kind == IFM_SCENARIO_SERVER) && n >= 20 &&
           achieved_per_s < offered * (1 - allowed);
}

static void judge(const struct ifm_scenario_setup *setup, const struct ifm_scenario_input *in,
                  struct ifm_scenario_figures *out)
{
    const bool paced = setup->kind == IFM_SCENARIO_PACED;
    const double offered =
        paced && setup->period_ns > 0 ? 1e9 / (double)setup->period_ns : setup->rate_per_s;
    const int64_t limit = ifm_scenario_late_limit(setup);
    out->valid = out->lateness_p99_ns <= limit;
    out->overloaded = ((paced || setup->kind == IFM_SCENARIO_SERVER) && out->unfinished > 0) ||
                      ifm_scenario_fell_behind(setup, out->achieved_per_s, in->n);
    if (out->overloaded) { /* the greater trouble is named first */
        snprintf(out->reason, sizeof out->reason,
                 "answers fell behind the schedule: %.4g of %.4g queries a second%s%s",
                 out->achieved_per_s, offered,
                 out->unfinished > 0 ? ", some without an answer" : "",
                 out->valid ? "" : "; the load generator was late, too");
    } else if (!out->valid) {
        snprintf(out->reason, sizeof out->reason,
                 "the load generator was late: P99 %.3g ms, at most %.3g ms are allowed",
                 (double)out->lateness_p99_ns / 1e6, (double)limit / 1e6);
    }
}

static void over_time(const struct ifm_scenario_input *in, int64_t *scratch,
                      struct ifm_scenario_figures *out)
{
    struct ifm_scenario_window windows[IFM_SCENARIO_WINDOWS_MAX];
    int64_t width = 0, span = 0, t = 0, begin = 0;
    size_t first = 0, last = in->n;
    const size_t count = ifm_scenario_windows(in, &width, scratch, windows);
    out->knee_ns = ifm_scenario_knee(windows, count);
    for (size_t i = 0; i < in->n; i++) {
        span += in->latency_ns[i] + (in->gaps_ns ? in->gaps_ns[i] : 0);
    }
    const int64_t part = span / 3 < MINUTE_NS ? span / 3 : MINUTE_NS;
    for (size_t i = 0; i < in->n; i++) {
        begin = t + (in->gaps_ns ? in->gaps_ns[i] : 0);
        t = begin + in->latency_ns[i];
        first += begin < part;
        last -= begin >= span - part;
    }
    out->first_p50_ns = per_call(in, percentile_of(in->latency_ns, first, 5000, scratch));
    out->last_p50_ns =
        per_call(in, percentile_of(in->latency_ns + last, in->n - last, 5000, scratch));
}

void ifm_scenario_assess(const struct ifm_scenario_setup *setup,
                         const struct ifm_scenario_input *in, int64_t *scratch,
                         struct ifm_scenario_figures *out)
{
    const double calls = in->batch_calls > 1 ? (double)in->batch_calls : 1;
    const double items = setup->kind == IFM_SCENARIO_OFFLINE ? (double)setup->batch : 1;
    *out = (struct ifm_scenario_figures){ .kind = setup->kind,
                                          .rate_per_s = setup->rate_per_s,
                                          .achieved_per_s = (double)NAN,
                                          .queries = (int64_t)in->n,
                                          .unfinished = in->unfinished > 0 ? in->unfinished : 0,
                                          .period_ns = setup->period_ns,
                                          .missed_share = (double)NAN,
                                          .at_bound_ns = -1,
                                          .early_ns = -1,
                                          .lateness_p99_ns = -1,
                                          .knee_ns = -1,
                                          .first_p50_ns = -1,
                                          .last_p50_ns = -1 };
    if (in->steady_ns > 0) {
        out->achieved_per_s = (double)in->n * calls * items / ((double)in->steady_ns / 1e9);
    }
    if (in->lateness_ns) {
        out->lateness_p99_ns = percentile_of(in->lateness_ns, in->n, 9900, scratch);
    }
    if (setup->kind == IFM_SCENARIO_PACED && in->n + (size_t)out->unfinished > 0) {
        out->missed = count_over(in->latency_ns, in->n, setup->period_ns) + out->unfinished;
        out->missed_share = (double)out->missed / (double)(in->n + (size_t)out->unfinished);
    }
    bound(setup, in, scratch, out);
    judge(setup, in, out);
    if (setup->kind == IFM_SCENARIO_SUSTAINED) {
        over_time(in, scratch, out);
    }
}

/* -- A run ----------------------------------------------------------------------------------------
 */
/* Median over the invocations that have it; a knee counts where most have one. */
static int64_t middle(const struct ifm_scenario_figures *items, size_t count, size_t offset,
                      bool most)
{
    int64_t values[IFM_INVOCATIONS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count && i < IFM_INVOCATIONS_MAX; i++) {
        int64_t value;
        memcpy(&value, (const char *)&items[i] + offset, sizeof value);
        if (value >= 0) {
            values[n++] = value;
        }
    }
    ifm_stat_sort(values, n);
    return n == 0 || (most && 2 * n <= count) ? -1 : ifm_stat_percentile(values, n, 5000);
}

static double middle_rate(const struct ifm_scenario_figures *items, size_t count)
{
    double values[IFM_INVOCATIONS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count && i < IFM_INVOCATIONS_MAX; i++) {
        if (!isnan(items[i].achieved_per_s)) {
            values[n++] = items[i].achieved_per_s;
        }
    }
    return n ? ifm_stat_median(values, n) : (double)NAN;
}

void ifm_scenario_merge(const struct ifm_scenario_setup *setup,
                        const struct ifm_scenario_figures *items, size_t count,
                        struct ifm_scenario_figures *out)
{
    const struct ifm_scenario_input nothing = { .n = 0 };
    ifm_scenario_assess(setup, &nothing, NULL, out);
    out->achieved_per_s = middle_rate(items, count);
#define MIDDLE(field, most)                                                                        \
    out->field = middle(items, count, offsetof(struct ifm_scenario_figures, field), most)
    MIDDLE(at_bound_ns, false);
    MIDDLE(early_ns, false);
    MIDDLE(first_p50_ns, false);
    MIDDLE(last_p50_ns, false);
    MIDDLE(knee_ns, true);
#undef MIDDLE
    out->passed = count > 0 && setup->bound_ns > 0;
    for (size_t i = 0; i < count; i++) {
        const struct ifm_scenario_figures *f = &items[i];
        out->queries += f->queries;
        out->unfinished += f->unfinished;
        out->missed += f->missed;
        out->over_bound += f->over_bound;
        out->passed = out->passed && f->passed;
        out->overloaded = out->overloaded || f->overloaded;
        out->lateness_p99_ns =
            f->lateness_p99_ns > out->lateness_p99_ns ? f->lateness_p99_ns : out->lateness_p99_ns;
        if (f->reason[0] && (!out->reason[0] || (out->valid && !f->valid))) {
            memcpy(out->reason, f->reason, sizeof out->reason);
        }
        out->valid = out->valid && f->valid;
    }
    if (setup->kind == IFM_SCENARIO_PACED && out->queries + out->unfinished > 0) {
        out->missed_share = (double)out->missed / (double)(out->queries + out->unfinished);
    }
}

/* -- Windows --------------------------------------------------------------------------------------
 */
static int64_t start_of(const struct ifm_scenario_input *in, size_t i, int64_t previous_end)
{
    return previous_end + (in->gaps_ns ? in->gaps_ns[i] : 0);
}

static int64_t last_start(const struct ifm_scenario_input *in)
{
    int64_t end = 0, start = 0;
    for (size_t i = 0; i < in->n; i++) {
        start = start_of(in, i, end);
        end = start + in->latency_ns[i];
    }
    return start > 0 ? start : 0;
}

static void fill(const struct ifm_scenario_input *in, size_t first, size_t n, int64_t *scratch,
                 struct ifm_scenario_window *w)
{
    w->n = (int64_t)n;
    w->p50_ns = per_call(in, percentile_of(in->latency_ns + first, n, 5000, scratch));
    w->p90_ns = n > 0 ? per_call(in, ifm_stat_percentile(scratch, n, 9000)) : -1;
    w->lateness_p99_ns =
        in->lateness_ns ? percentile_of(in->lateness_ns + first, n, 9900, scratch) : -1;
}

size_t ifm_scenario_windows(const struct ifm_scenario_input *in, int64_t *width_ns,
                            int64_t *scratch, struct ifm_scenario_window *windows)
{
    const int64_t span = last_start(in) + 1;
    const int64_t parts = *width_ns > 0 ? IFM_SCENARIO_WINDOWS_MAX : IFM_SCENARIO_WINDOWS;
    const int64_t least = (span + parts - 1) / parts;
    if (*width_ns < least) {
        *width_ns = least;
    }
    const size_t count = in->n == 0 ? 0 : (size_t)((span + *width_ns - 1) / *width_ns);
    int64_t end = 0;
    size_t i = 0;
    for (size_t w = 0; w < count; w++) { /* starts ascend: a window is a run of samples */
        const int64_t until = (int64_t)(w + 1) * *width_ns;
        const size_t first = i;
        while (i < in->n && start_of(in, i, end) < until) {
            end = start_of(in, i, end) + in->latency_ns[i];
            i++;
        }
        windows[w].t_ns = (int64_t)w * *width_ns;
        fill(in, first, i - first, scratch, &windows[w]);
    }
    return count;
}

static double log_mean(const double *sums, size_t from, size_t to)
{
    return (sums[to] - sums[from]) / (double)(to - from);
}

/* The split of log P50 that leaves the least squares, if what follows it is slower as a whole and
 * nearly throughout: one stall is no knee. */
int64_t ifm_scenario_knee(const struct ifm_scenario_window *windows, size_t count)
{
    double sums[IFM_SCENARIO_WINDOWS_MAX + 1] = { 0 }, values[IFM_SCENARIO_WINDOWS_MAX], best = 0;
    int64_t times[IFM_SCENARIO_WINDOWS_MAX];
    size_t n = 0, at = 0, slow = 0;
    for (size_t i = 0; i < count && i < IFM_SCENARIO_WINDOWS_MAX; i++) {
        if (windows[i].p50_ns > 0) {
            times[n] = windows[i].t_ns;
            values[n] = log((double)windows[i].p50_ns);
            sums[n + 1] = sums[n] + values[n];
            n++;
        }
    }
    for (size_t k = 2; k + 2 <= n && n >= 6; k++) { /* gain = squares between the two parts */
        const double step = log_mean(sums, k, n) - log_mean(sums, 0, k);
        const double gain = step * step * (double)k * (double)(n - k) / (double)n;
        if (step > 0 && gain > best) {
            best = gain;
            at = k;
        }
    }
    if (at == 0) {
        return -1;
    }
    const double before = log_mean(sums, 0, at);
    for (size_t i = at; i < n; i++) {
        slow += values[i] - before > log(IFM_SCENARIO_KNEE) / 2;
    }
    const bool lasting = 10 * slow >= 9 * (n - at);
    return lasting && log_mean(sums, at, n) - before >= log(IFM_SCENARIO_KNEE) ? times[at] : -1;
}

/* -- Early stopping -------------------------------------------------------------------------------
 */
/* P(Bin(h + t, 1 - p) <= t) = I_p(h, t + 1), which falls as h grows. */
static bool rejects(int64_t h, int64_t t, double p)
{
    return h > 0 && ifm_stat_betai((double)h, (double)t + 1, p) < 1 - IFM_SCENARIO_CONFIDENCE;
}

int64_t ifm_scenario_early_h(int64_t t, double p)
{
    int64_t low = 0, high = 1;
    if (t < 0 || !(p > 0 && p < 1)) {
        return -1;
    }
    while (!rejects(high, t, p)) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        const int64_t middle_h = low + (high - low) / 2;
        if (rejects(middle_h, t, p)) {
            high = middle_h;
        } else {
            low = middle_h;
        }
    }
    return high;
}

int64_t ifm_scenario_early_least(double p)
{
    return ifm_scenario_early_h(1, p) + 1;
}

int64_t ifm_scenario_early_t(int64_t n, double p)
{
    int64_t low = 0, high = n;
    while (high - low > 1) { /* h(t) + t <= n is: n - t rejects; it holds up to some t */
        const int64_t t = low + (high - low) / 2;
        if (rejects(n - t, t, p)) {
            low = t;
        } else {
            high = t;
        }
    }
    return low;
}

int64_t ifm_scenario_early_estimate(const int64_t *sorted, size_t n, unsigned per_10000)
{
    const int64_t t = ifm_scenario_early_t((int64_t)n, per_10000 / 1e4);
    return t > 0 ? sorted[n - (size_t)t] : -1;
}

bool ifm_scenario_early_pass(int64_t n, int64_t over, unsigned per_10000)
{
    return over >= 0 && rejects(n - over, over, per_10000 / 1e4);
}
