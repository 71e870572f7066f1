#include "agents/worker/observe_group.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "core/clock.h"
#include "core/energy.h"
#include "core/mem.h"
#include "core/text.h"

/* -- Open -----------------------------------------------------------------------------------------
 */
int ifm_observe_group_check(const struct ifm_sampler_ops *ops, struct ifm_err *err)
{
    const char *name = ops->name ? ops->name : "without a name";
    if (ops->abi != IFM_SAMPLER_ABI || ops->size != sizeof *ops) {
        return ifm_err_set(
            err, IFM_ERR_INTERNAL, "sampler",
            "sampler %.40s is made for ABI %u of %u bytes, this worker has %u of %zu", name,
            ops->abi, ops->size, IFM_SAMPLER_ABI, sizeof *ops);
    }
    if (!ops->name || !ops->summary || !ops->probe || !ops->open || !ops->sample || !ops->close) {
        return ifm_err_set(err, IFM_ERR_INTERNAL, "sampler", "sampler %.40s lacks a slot", name);
    }
    if (!ops->metrics || ops->metric_count == 0 || ops->metric_count > IFM_SAMPLER_METRICS_MAX) {
        return ifm_err_set(err, IFM_ERR_INTERNAL, "sampler",
                           "sampler %.40s has %zu metrics; 1 to %d are possible", name,
                           ops->metric_count, IFM_SAMPLER_METRICS_MAX);
    }
    return 0;
}

static int host_fail(void *context, const char *format, ...)
{
    struct ifm_observe_group *g = context;
    char text[sizeof g->failed];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ifm_text_clip(g->failed, sizeof g->failed, text, n < 0 ? 0 : strlen(text));
    return -1;
}

/* Touched now: a page fault of a sampler would count as one of the model's. */
static void *map_pages(struct ifm_observe_group *g, size_t bytes, struct ifm_err *err)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        ifm_err_set(err, IFM_ERR_NOMEM, "sampler", "no memory for what sampler %.40s reads",
                    g->ops->name);
        return NULL;
    }
    g->bytes += (int64_t)bytes;
    return memory;
}

static void switch_off(struct ifm_observe_group *g, const char *slot)
{
    g->on = false;
    if (!g->failed[0]) {
        snprintf(g->failed, sizeof g->failed, "its %s failed without a reason", slot);
    }
}

static size_t state_bytes(const struct ifm_sampler_ops *ops)
{
    return ((ops->state_size ? ops->state_size : 1) + 4095) & ~(size_t)4095;
}

static size_t point_bytes(const struct ifm_observe_group *g)
{
    return sizeof *g->points + g->lanes * sizeof *g->values;
}

int ifm_observe_group_open(struct ifm_observe_group *g, const struct ifm_sampler_ops *ops,
                           const struct ifm_sampler_host *host, struct ifm_err *err)
{
    uint32_t present = 0;
    g->ops = ops;
    g->host = *host;
    g->host.context = g;
    g->host.fail = host_fail;
    g->state = map_pages(g, state_bytes(ops), err);
    if (!g->state) {
        return IFM_ERR_NOMEM;
    }
    const int status = ops->probe(g->state, &g->host, &present);
    if (status != 0) {
        if (status != IFM_SAMPLER_ABSENT) {
            switch_off(g, "probe");
        }
        return 0;
    }
    for (size_t i = 0; i < ops->metric_count; i++) {
        if (present & 1u << i) {
            g->metric[g->lanes++] = (unsigned char)i;
        }
    }
    if (g->lanes == 0) {
        return 0;
    }
    g->points = map_pages(g, IFM_LANE_POINTS_MAX * point_bytes(g), err);
    if (!g->points) {
        return IFM_ERR_NOMEM;
    }
    g->capacity = IFM_LANE_POINTS_MAX;
    g->values = (int64_t *)(g->points + g->capacity);
    g->on = true;
    if (ops->open(g->state, &g->host) != 0) {
        switch_off(g, "open");
    }
    return 0;
}

bool ifm_observe_group_has_energy(const struct ifm_observe_group *g)
{
    for (size_t i = 0; i < g->lanes; i++) {
        if (g->ops->metrics[g->metric[i]].kind == IFM_SAMPLER_ENERGY) {
            return true;
        }
    }
    return false;
}

/* -- Reads ----------------------------------------------------------------------------------------
 */
static int64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void copy_point(struct ifm_observe_group *g, size_t to, size_t from)
{
    if (to != from) {
        g->points[to] = g->points[from];
        memcpy(g->values + to * g->lanes, g->values + from * g->lanes,
               g->lanes * sizeof *g->values);
    }
}

bool ifm_observe_group_thin(struct ifm_observe_group *g, int64_t before_ns)
{
    const size_t before = g->count;
    size_t kept = 0, others = 0;
    for (size_t i = 0; i < before; i++) {
        const bool stays = g->points[i].edge != IFM_OBSERVE_TIMED || g->points[i].t_ns >= before_ns;
        if (stays || others++ % 2 == 0) {
            copy_point(g, kept++, i);
        }
    }
    g->count = kept;
    return kept < before;
}

static void count_moves(struct ifm_observe_group *g, const int64_t *now, uint32_t valid, int edge)
{
    const int64_t *last = g->count > 0 ? g->values + (g->count - 1) * g->lanes : now;
    for (size_t i = 0; i < g->lanes; i++) {
        g->moves[i] += (valid & 1u << i) && now[i] != last[i];
        if (edge == IFM_OBSERVE_STEADY_BEGIN) {
            g->updates[i] = -g->moves[i];
        } else if (edge == IFM_OBSERVE_STEADY_END) {
            g->updates[i] += g->moves[i];
        }
    }
}

/* A value that was not read repeats the last one: a file that is being written is empty for a
 * moment. */
static void store(struct ifm_observe_group *g, const int64_t *values, uint32_t valid,
                  const struct ifm_observe_point *point)
{
    int64_t row[IFM_SAMPLER_METRICS_MAX];
    uint32_t lanes = 0;
    for (size_t i = 0; i < g->lanes; i++) {
        const bool read = valid & 1u << g->metric[i];
        row[i] = read           ? values[g->metric[i]]
                 : g->count > 0 ? g->values[(g->count - 1) * g->lanes + i]
                                : 0;
        lanes |= (uint32_t)read << i;
    }
    count_moves(g, row, lanes, point->edge);
    g->points[g->count] = *point;
    g->points[g->count].valid = lanes | (g->count > 0 ? g->points[g->count - 1].valid : 0);
    memcpy(g->values + g->count * g->lanes, row, g->lanes * sizeof *row);
    g->count++;
}

/* The time of a read is on the far side of the phase it belongs to: after it at a begin, before it
 * at an end, so that a window between two edges holds the whole phase. */
void ifm_observe_group_read(struct ifm_observe_group *g, int edge)
{
    int64_t values[IFM_SAMPLER_METRICS_MAX];
    struct ifm_observe_point point = { .edge = edge };
    uint32_t valid = 0;
    if (!g->on) {
        return;
    }
    if (g->count == g->capacity) {
        if (!ifm_observe_group_thin(g, INT64_MAX)) {
            return;
        }
        g->period_ns *= 2; /* a long phase: half as often from here on */
    }
    const int64_t cpu_ns = thread_cpu_ns(), before_ns = ifm_clock_ns();
    const int status = g->ops->sample(g->state, values, &valid);
    const int64_t after_ns = ifm_clock_ns();
    g->cost_ns += thread_cpu_ns() - cpu_ns;
    if (status != 0) {
        switch_off(g, "read");
        return;
    }
    const bool begin = edge != IFM_OBSERVE_TIMED && (edge - IFM_OBSERVE_LOAD_BEGIN) % 2 == 0;
    point.t_ns = begin ? after_ns : before_ns;
    store(g, values, valid, &point);
}

/* -- Results --------------------------------------------------------------------------------------
 */
static void settle_lane(struct ifm_observe_group *g, size_t lane)
{
    size_t first = 0;
    while (first < g->count && !(g->points[first].valid & 1u << lane)) {
        first++;
    }
    if (first == g->count) {
        return;
    }
    const bool level = g->ops->metrics[g->metric[lane]].kind == IFM_SAMPLER_GAUGE;
    const int64_t known = g->values[first * g->lanes + lane], zero = level ? 0 : known;
    for (size_t i = 0; i < g->count; i++) {
        int64_t *value = &g->values[i * g->lanes + lane];
        const uint64_t read = (uint64_t)(i < first ? known : *value);
        *value =
            (int64_t)(read - (uint64_t)zero); /* unsigned: whatever a sampler says, no overflow */
    }
}

void ifm_observe_group_settle(struct ifm_observe_group *g)
{
    for (size_t lane = 0; lane < g->lanes; lane++) {
        settle_lane(g, lane);
    }
}

static bool lane_known(const struct ifm_observe_group *g, size_t lane)
{
    return g->count > 0 && (g->points[g->count - 1].valid & 1u << lane);
}

static size_t digits(int64_t value)
{
    size_t n = value < 0 ? 3 : 2; /* comma, sign, first digit */
    for (; value > 9 || value < -9; value /= 10) {
        n++;
    }
    return n;
}

size_t ifm_observe_group_text(const struct ifm_observe_group *g, int64_t begin_ns)
{
    size_t bytes = 128 + g->lanes * 128;
    for (size_t i = 0; i < g->count; i++) {
        bytes += digits(g->points[i].t_ns - begin_ns);
        for (size_t lane = 0; lane < g->lanes; lane++) {
            bytes += digits(g->values[i * g->lanes + lane]);
        }
    }
    return g->count > 0 ? bytes : 0;
}

static int fill_lane(const struct ifm_observe_group *g, size_t lane, struct ifm_msg_lane *out)
{
    const struct ifm_sampler_metric *metric = &g->ops->metrics[g->metric[lane]];
    *out = (struct ifm_msg_lane){ .name = ifm_dup(metric->name),
                                  .unit = ifm_dup(metric->unit),
                                  .kind = (int)metric->kind,
                                  .scope = (int)metric->scope };
    out->values.items = ifm_alloc_array(g->count, sizeof(int64_t));
    if (!out->name || !out->unit || !out->values.items) {
        return IFM_ERR_NOMEM;
    }
    out->values.count = g->count;
    for (size_t i = 0; i < g->count; i++) {
        out->values.items[i] = g->values[i * g->lanes + lane];
    }
    return 0;
}

int ifm_observe_group_lanes(const struct ifm_observe_group *g, int64_t begin_ns,
                            struct ifm_msg_lanes *out, struct ifm_err *err)
{
    int code = 0;
    *out = (struct ifm_msg_lanes){ .sampler = ifm_dup(g->ops->name),
                                   .sparse = g->period_ns == 0,
                                   .period_ns = g->period_ns,
                                   .cost_ns = g->cost_ns };
    out->t_ns.items = ifm_alloc_array(g->count, sizeof(int64_t));
    struct ifm_msg_lane *lanes = ifm_alloc_array(g->lanes, sizeof *lanes);
    out->lanes.items = lanes;
    if (!out->sampler || !out->t_ns.items || !lanes) {
        code = IFM_ERR_NOMEM;
    }
    for (size_t i = 0; code == 0 && i < g->count; i++) {
        out->t_ns.items[out->t_ns.count++] = g->points[i].t_ns - begin_ns;
    }
    for (size_t lane = 0; code == 0 && lane < g->lanes; lane++) {
        if (lane_known(g, lane)) {
            code = fill_lane(g, lane, &lanes[out->lanes.count++]);
        }
    }
    return code == 0 ? 0
                     : ifm_err_set(err, code, "sampler", "out of memory for the samplers' lanes");
}

/* Index of the last point at this edge; count when it was not read. */
static size_t at_edge(const struct ifm_observe_group *g, int edge)
{
    for (size_t i = g->count; i > 0; i--) {
        if (g->points[i - 1].edge == edge) {
            return i - 1;
        }
    }
    return g->count;
}

/* Energy and time between two edges; false where one of them is missing. */
static bool between(const struct ifm_observe_group *g, size_t lane, int begin, int end,
                    int64_t *energy_uj, int64_t *window_ns)
{
    const size_t from = at_edge(g, begin), to = at_edge(g, end);
    if (from == g->count || to == g->count || to <= from) {
        return false;
    }
    *energy_uj = g->values[to * g->lanes + lane] - g->values[from * g->lanes + lane];
    *window_ns = g->points[to].t_ns - g->points[from].t_ns;
    return *energy_uj >= 0 && *window_ns > 0;
}

int ifm_observe_group_energy(const struct ifm_observe_group *g, struct ifm_list *rails,
                             struct ifm_err *err)
{
    struct ifm_msg_energy rail;
    int64_t idle_uj = 0, idle_ns = 0;
    for (size_t lane = 0; lane < g->lanes && rails->count < IFM_LANES_MAX; lane++) {
        const struct ifm_sampler_metric *metric = &g->ops->metrics[g->metric[lane]];
        rail = (struct ifm_msg_energy){ .counted = metric->overlaps == 0,
                                        .idle_uw = IFM_JSON_ABSENT,
                                        .updates = g->updates[lane] };
        if (metric->kind != IFM_SAMPLER_ENERGY || rail.updates <= 0 ||
            !between(g, lane, IFM_OBSERVE_STEADY_BEGIN, IFM_OBSERVE_STEADY_END, &rail.energy_uj,
                     &rail.window_ns)) {
            continue; /* not there, or there and standing still: absent, not zero */
        }
        if (between(g, lane, IFM_OBSERVE_IDLE_BEGIN, IFM_OBSERVE_IDLE_END, &idle_uj, &idle_ns)) {
            rail.idle_uw = ifm_energy_power_uw(idle_uj, idle_ns);
        }
        const size_t len = strlen(metric->name);
        const bool unit = len > 3 && strcmp(metric->name + len - 3, "_uj") == 0;
        struct ifm_msg_energy *items =
            ifm_resize_array(rails->items, rails->count + 1, sizeof *items);
        rail.rail = ifm_dup_bytes(metric->name, unit ? len - 3 : len);
        if (!items || !rail.rail) {
            rails->items = items ? items : rails->items;
            ifm_free(rail.rail);
            return ifm_err_set(err, IFM_ERR_NOMEM, "sampler", "out of memory for the rails");
        }
        rails->items = items;
        items[rails->count++] = rail;
    }
    return 0;
}

void ifm_observe_group_close(struct ifm_observe_group *g)
{
    if (g->state) { /* also where open failed or never came */
        g->ops->close(g->state);
    }
    if (g->points) {
        munmap(g->points, IFM_LANE_POINTS_MAX * point_bytes(g));
    }
    if (g->state) {
        munmap(g->state, state_bytes(g->ops));
    }
    *g = (struct ifm_observe_group){ .ops = NULL };
}
