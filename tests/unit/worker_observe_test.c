#include "tests/contract/sampler_tree.h"
#include <math.h>
#include <sched.h>
#include <time.h>
#include "agents/worker/observe_group.h"
#include "agents/worker/report.h"
#include "core/clock.h"
#include "core/energy.h"

/* -- Samplers that do as they are told ------------------------------------------------------------
 */
enum { FAKE_LEVEL, FAKE_COUNT, FAKE_ENERGY, FAKE_PART, FAKE_NEVER, FAKE_METRICS };
static struct {
    int64_t reads, fail_at, skip_every, step, base;
    int opens, closes;
} fake;
static const struct ifm_sampler_metric fake_metrics[] = {
    { "level", "count", IFM_SAMPLER_GAUGE, IFM_SAMPLER_HOST, "a level", 0 },
    { "steps", "count", IFM_SAMPLER_COUNTER, IFM_SAMPLER_PROCESS, "a counter", 0 },
    { "rail_uj", "uJ", IFM_SAMPLER_ENERGY, IFM_SAMPLER_DEVICE, "a rail", 0 },
    { "part_uj", "uJ", IFM_SAMPLER_ENERGY, IFM_SAMPLER_DEVICE, "a part of it", 1 },
    { "never", "count", IFM_SAMPLER_GAUGE, IFM_SAMPLER_HOST, "present, and never read", 0 },
};

static int fake_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    (void)state, (void)host;
    *present = (1u << FAKE_METRICS) - 1;
    return 0;
}

static int fake_open(void *state, const struct ifm_sampler_host *host)
{
    *(const struct ifm_sampler_host **)state = host;
    fake.opens++;
    return 0;
}

static int fake_sample(void *state, int64_t *values, uint32_t *valid)
{
    const struct ifm_sampler_host *host = *(const struct ifm_sampler_host **)state;
    fake.reads++;
    if (fake.fail_at && fake.reads >= fake.fail_at) {
        return (host->fail)(host->context, "the bus is gone at read %d", (int)fake.reads);
    }
    if (fake.skip_every && fake.reads % fake.skip_every == 0) {
        return 0;
    }
    values[FAKE_LEVEL] = 50 + fake.reads;
    values[FAKE_COUNT] = fake.base + fake.reads;
    values[FAKE_ENERGY] = fake.base + fake.reads * fake.step;
    values[FAKE_PART] = fake.reads * fake.step / 2;
    *valid = 1u << FAKE_LEVEL | 1u << FAKE_COUNT | 1u << FAKE_ENERGY | 1u << FAKE_PART;
    return 0;
}

static void fake_close(void *state)
{
    (void)state;
    fake.closes++;
}

static const struct ifm_sampler_ops fake_ops = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "fake",
    .summary = "as told",
    .state_size = sizeof(void *),
    .metrics = fake_metrics,
    .metric_count = FAKE_METRICS,
    .min_period_ns = 1000000,
    .probe = fake_probe,
    .open = fake_open,
    .sample = fake_sample,
    .close = fake_close,
};
static const struct ifm_sampler_ops *const fakes[] = { &fake_ops, NULL };

static int fresh(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.step = 1000;
    fake.base = 7000000000000;
    return 0;
}

/* -- Helpers --------------------------------------------------------------------------------------
 */
static struct ifm_observe *open_fakes(const struct ifm_msg_spec *spec)
{
    struct ifm_observe *o = NULL;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_observe_open_with(fakes, spec, &o, &err), 0);
    return o;
}

static void all_edges(struct ifm_observe *o, int64_t *begin_ns, int64_t *end_ns)
{
    for (int edge = IFM_OBSERVE_LOAD_BEGIN; edge <= IFM_OBSERVE_STEADY_BEGIN; edge++) {
        ifm_observe_edge(o, (enum ifm_observe_edge)edge);
    }
    *begin_ns = ifm_clock_ns();
    while (ifm_clock_ns() < *begin_ns + 1000000) {
    }
    *end_ns = ifm_clock_ns();
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_END);
}

static const struct ifm_msg_lanes *group_of(const struct ifm_msg_event *event, const char *name)
{
    const struct ifm_msg_lanes *groups = event->lanes.items;
    for (size_t i = 0; i < event->lanes.count; i++) {
        if (strcmp(groups[i].sampler, name) == 0) {
            return &groups[i];
        }
    }
    return NULL;
}

static const struct ifm_msg_lane *lane_of(const struct ifm_msg_lanes *group, const char *name)
{
    const struct ifm_msg_lane *lanes = group->lanes.items;
    for (size_t i = 0; i < group->lanes.count; i++) {
        if (strcmp(lanes[i].name, name) == 0) {
            return &lanes[i];
        }
    }
    return NULL;
}

/* -- What is asked for ----------------------------------------------------------------------------
 */
static void an_unknown_sampler_names_the_nearest(void **state)
{
    struct ifm_observe *o = NULL;
    struct ifm_err err = IFM_ERR_INIT;
    char *names[] = { "thermla", "proc" };
    struct ifm_msg_spec spec = { .samplers = { .items = names, .count = 2 } };
    (void)state;
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err,
                   "unknown sampler 'thermla'; did you mean thermal?");
    assert_null(o);
    names[0] = "none";
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err, "no other beside it");
    names[1] = "";
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err, "none");
}

static void none_means_none(void **state)
{
    char *names[] = { "none" };
    const struct ifm_msg_spec spec = { .samplers = { .items = names, .count = 1 }, .threads = 1 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    cpu_set_t before, after;
    int64_t begin_ns, end_ns;
    (void)state;
    sched_getaffinity(0, sizeof before, &before);
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(event.lanes.count + event.energy.count + event.warnings.count, 0);
    assert_int_equal(fake.reads + fake.opens, 0);
    ifm_observe_close(o);
    ifm_report_done(&event);
    sched_getaffinity(0, sizeof after, &after);
    assert_true(CPU_EQUAL(&before, &after)); /* and no processor is kept back for it */
}

static void nothing_is_asked_of_nobody(void **state)
{
    struct ifm_observe_use use;
    struct ifm_msg_event event;
    (void)state;
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_edge(NULL, IFM_OBSERVE_LOAD_BEGIN);
    ifm_observe_idle(NULL);
    ifm_observe_use(NULL, &use);
    assert_int_equal(use.cpu_ns, 0);
    assert_int_equal(ifm_observe_bytes(NULL), 0);
    assert_int_equal(ifm_observe_take(NULL, 0, &event, NULL), 0);
    ifm_observe_close(NULL);
    ifm_report_done(&event);
}

static void processors_and_trees_that_are_not_there_are_refused(void **state)
{
    struct ifm_observe *o = NULL;
    struct ifm_err err = IFM_ERR_INIT;
    int64_t cpus[] = { 0, 1000 };
    struct ifm_msg_spec spec = { .cpus = { .items = cpus, .count = 2 } };
    (void)state;
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err, "processor 1000");
    cpus[1] = -1;
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err, "processor -1");
    cpus[1] = INT64_MAX;
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_USAGE, &err, "processor 9223");
    spec = (struct ifm_msg_spec){ .sysroot = "/nonexistent/tree" };
    t_assert_error(ifm_observe_open(&spec, &o, &err), IFM_ERR_NOT_FOUND, &err, "/nonexistent/tree");
}

static void a_sampler_of_another_abi_is_refused(void **state)
{
    struct ifm_sampler_ops wrong = fake_ops;
    const struct ifm_sampler_ops *const list[] = { &wrong, NULL };
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_observe *o = NULL;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    wrong.abi = 9;
    t_assert_error(ifm_observe_open_with(list, &spec, &o, &err), IFM_ERR_INTERNAL, &err, "fake");
    assert_null(o);
    wrong.abi = IFM_SAMPLER_ABI;
    wrong.size = 16;
    t_assert_error(ifm_observe_open_with(list, &spec, &o, &err), IFM_ERR_INTERNAL, &err,
                   "16 bytes");
}

/* -- Where and when -------------------------------------------------------------------------------
 */
static void without_a_spare_processor_only_edges_are_read(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0 }; /* nobody counted them */
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    struct ifm_observe_use use;
    int64_t begin_ns, end_ns;
    (void)state;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    all_edges(o, &begin_ns, &end_ns);
    ifm_observe_use(o, &use);
    assert_int_equal(use.cpu_ns, 0);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(event.lanes.count, 1);
    const struct ifm_msg_lanes *g = group_of(&event, "fake");
    assert_true(g->sparse && g->period_ns == 0 && g->cost_ns > 0);
    assert_int_equal(g->t_ns.count, 8);
    for (size_t i = 1; i < 8; i++) {
        assert_true(g->t_ns.items[i] >= g->t_ns.items[i - 1]);
    }
    assert_true(g->t_ns.items[6] <= 0);                 /* the last at or before the begin */
    assert_true(g->t_ns.items[7] >= end_ns - begin_ns); /* the first at or after the end */
    assert_int_equal(lane_of(g, "level")->values.items[0], 51); /* a level as read … */
    assert_int_equal(lane_of(g, "steps")->values.items[0], 0); /* … a counter from its first read */
    assert_int_equal(lane_of(g, "steps")->values.items[7], 7);
    assert_null(lane_of(g, "never"));
    ifm_observe_close(o);
    ifm_report_done(&event);
    assert_int_equal(fake.closes, 1);
}

static void a_spare_processor_gets_the_samplers(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 1, .sampler_period_ns = 2000000 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    struct ifm_observe_use use;
    cpu_set_t before, after;
    (void)state;
    sched_getaffinity(0, sizeof before, &before);
    if (CPU_COUNT(&before) < 2) {
        printf("SKIP: one processor, none is spare\n");
        skip();
    }
    struct ifm_observe *o = open_fakes(&spec);
    sched_getaffinity(0, sizeof after, &after);
    assert_int_equal(CPU_COUNT(&after), CPU_COUNT(&before) - 1);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_BEGIN);
    const int64_t begin_ns = ifm_clock_ns();
    while (ifm_clock_ns() < begin_ns + 60000000) {
    }
    const int64_t end_ns = ifm_clock_ns();
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_END);
    ifm_observe_use(o, &use);
    assert_true(use.cpu_ns > 0);
    assert_true(ifm_observe_bytes(o) > 0);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    const struct ifm_msg_lanes *g = group_of(&event, "fake");
    assert_true(!g->sparse && g->period_ns == 2000000);
    assert_true(g->t_ns.count > 3);
    assert_true(g->t_ns.items[0] <= 0);
    assert_true(g->t_ns.items[g->t_ns.count - 1] >= end_ns - begin_ns);
    ifm_observe_close(o);
    ifm_report_done(&event);
    sched_setaffinity(0, sizeof before, &before);
}

static void processors_asked_for_leave_the_rest_to_the_samplers(void **state)
{
    cpu_set_t before, after;
    int64_t first = -1;
    (void)state;
    sched_getaffinity(0, sizeof before, &before);
    for (int cpu = 0; cpu < CPU_SETSIZE && first < 0; cpu++) {
        first = CPU_ISSET((size_t)cpu, &before) ? cpu : -1;
    }
    const struct ifm_msg_spec spec = { .cpus = { .items = &first, .count = 1 } };
    struct ifm_observe *o = open_fakes(&spec);
    sched_getaffinity(0, sizeof after, &after);
    assert_true(CPU_COUNT(&after) == 1 && CPU_ISSET((size_t)first, &after));
    struct ifm_msg_event event;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_edge(o, IFM_OBSERVE_LOAD_BEGIN);
    assert_int_equal(ifm_observe_take(o, 0, &event, &err), 0);
    assert_int_equal(group_of(&event, "fake")->sparse, CPU_COUNT(&before) == 1);
    ifm_observe_close(o);
    ifm_report_done(&event);
    sched_setaffinity(0, sizeof before, &before);
}

/* -- What goes wrong ------------------------------------------------------------------------------
 */
static void a_sampler_that_fails_is_off_and_said(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    int64_t begin_ns, end_ns;
    (void)state;
    fake.fail_at = 3;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(fake.reads, 3); /* not asked again */
    assert_int_equal(event.warnings.count, 1);
    assert_string_equal(event.warnings.items[0],
                        "sampler fake was switched off: the bus is gone at read 3");
    assert_int_equal(event.energy.count, 0);
    assert_int_equal(group_of(&event, "fake")->t_ns.count, 2);
    ifm_observe_close(o);
    ifm_report_done(&event);
    assert_int_equal(fake.closes, 1);
}

static void a_value_that_is_missing_repeats_the_last(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    int64_t begin_ns, end_ns;
    (void)state;
    fake.skip_every = 4; /* edges 4 and 8 */
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    const struct ifm_msg_lanes *g = group_of(&event, "fake");
    const int64_t *level = lane_of(g, "level")->values.items;
    assert_int_equal(level[3], level[2]);
    assert_int_equal(level[4], 55);
    assert_int_equal(lane_of(g, "steps")->values.items[7], 6);
    ifm_observe_close(o);
    ifm_report_done(&event);
}

static void a_long_phase_is_thinned_and_keeps_its_edges(void **state)
{
    const struct ifm_sampler_host host = { .abi = IFM_SAMPLER_ABI, .size = sizeof host };
    struct ifm_observe_group g = { .period_ns = 1000 };
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    fake.skip_every = 7;
    assert_int_equal(ifm_observe_group_open(&g, &fake_ops, &host, &err), 0);
    ifm_observe_group_read(&g, IFM_OBSERVE_STEADY_BEGIN);
    for (int i = 0; i < 10000; i++) {
        ifm_observe_group_read(&g, IFM_OBSERVE_TIMED);
    }
    ifm_observe_group_read(&g, IFM_OBSERVE_STEADY_END);
    assert_in_range(g.count, IFM_LANE_POINTS_MAX / 2, IFM_LANE_POINTS_MAX);
    assert_true(g.period_ns >= 16000);
    assert_int_equal(g.points[0].edge, IFM_OBSERVE_STEADY_BEGIN);
    assert_int_equal(g.points[g.count - 1].edge, IFM_OBSERVE_STEADY_END);
    assert_int_equal(g.updates[2],
                     10001 - 10002 / 7); /* all moves are counted, also of dropped reads */
    ifm_observe_group_settle(&g);
    for (size_t i = 1; i < g.count; i++) {
        assert_true(g.points[i].t_ns >= g.points[i - 1].t_ns);
        assert_true(g.values[i * g.lanes + 1] >= g.values[(i - 1) * g.lanes + 1]);
    }
    ifm_observe_group_close(&g);
}

static void a_long_warm_up_is_thinned_first(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    size_t before = 0, within = 0;
    (void)state;
    fake.step = 123456789012345;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    for (int i = 0; i < 900; i++) {
        ifm_observe_edge(o, (enum ifm_observe_edge)IFM_OBSERVE_TIMED);
    }
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_BEGIN);
    const int64_t begin_ns = ifm_clock_ns();
    for (int i = 0; i < 100; i++) {
        ifm_observe_edge(o, (enum ifm_observe_edge)IFM_OBSERVE_TIMED);
    }
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_END);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    const struct ifm_msg_lanes *g = group_of(&event, "fake");
    for (size_t i = 0; i < g->t_ns.count; i++) {
        *(g->t_ns.items[i] < 0 ? &before : &within) += 1;
    }
    assert_int_equal(within, 101);
    assert_true(before < 900);
    ifm_observe_close(o);
    ifm_report_done(&event);
}

static void all_lanes_together_stay_small(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    struct ifm_buf text;
    (void)state;
    fake.step = 123456789;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    for (int i = 0; i < 1000;
         i++) { /* the edges of a thousand phases: more than there is room for */
        ifm_observe_edge(o, i < 999 ? (enum ifm_observe_edge)IFM_OBSERVE_TIMED
                                    : IFM_OBSERVE_STEADY_END);
    }
    assert_int_equal(ifm_observe_take(o, ifm_clock_ns() - 1000000000000, &event, &err), 0);
    ifm_buf_init(&text, 1 << 20);
    ifm_json_encode(&ifm_event_table, &event, &text);
    assert_in_range(text.len, 10000, IFM_OBSERVE_TEXT_MAX + 1024);
    ifm_buf_done(&text);
    ifm_observe_close(o);
    ifm_report_done(&event);
}

/* -- Energy ---------------------------------------------------------------------------------------
 */
static void rails_have_energy_updates_and_idle_power(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0, .idle_ns = 2000000 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    int64_t begin_ns, end_ns;
    (void)state;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_idle(o);
    assert_int_equal(fake.reads, 2);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(event.energy.count, 2);
    const struct ifm_msg_energy *rails = event.energy.items;
    assert_string_equal(rails[0].rail, "rail");
    assert_string_equal(rails[1].rail, "part");
    assert_true(rails[0].counted && !rails[1].counted);
    assert_int_equal(rails[0].energy_uj, 1000);
    assert_int_equal(rails[1].energy_uj, 500);
    assert_int_equal(rails[0].updates, 1);
    assert_true(rails[0].window_ns >= end_ns - begin_ns);
    /* 1000 uJ in at least 2 ms */
    assert_in_range(rails[0].idle_uw, 1, 500000);
    ifm_observe_close(o);
    ifm_report_done(&event);
}

static void energy_that_stands_still_is_absent_not_zero(void **state)
{
    const struct ifm_msg_spec spec = { .threads = 0, .idle_ns = 1000 };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    int64_t begin_ns, end_ns;
    (void)state;
    fake.step = 0;
    struct ifm_observe *o = open_fakes(&spec);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_idle(o);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(event.energy.count, 0);
    ifm_observe_close(o);
    ifm_report_done(&event);
}

static void a_wrap_in_the_timed_phase_is_undone(void **state)
{
    char *tree = tree_copy("laptop-x86", "wrap");
    const struct ifm_msg_spec spec = { .threads = 0, .sysroot = tree };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    struct ifm_observe *o = NULL;
    struct ifm_energy energy;
    char text[IFM_ENERGY_TEXT_MAX];
    (void)state;
    assert_int_equal(ifm_observe_open(&spec, &o, &err), 0);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_BEGIN);
    const int64_t begin_ns = ifm_clock_ns();
    tree_set(tree, "sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
    tree_set(tree, "sys/class/powercap/intel-rapl:0:0/energy_uj", "91000200000\n");
    tree_set(tree, "sys/class/powercap/intel-rapl:0:2/energy_uj", "51000300000\n");
    tree_set(tree, "sys/class/powercap/intel-rapl:1/energy_uj", "120002000000\n");
    ifm_observe_edge(o, IFM_OBSERVE_STEADY_END);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    ifm_energy_assess(&event.energy, 100, &energy);
    assert_int_equal(energy.rails, 4); /* uncore stood still */
    assert_int_equal(energy.counted, 2);
    assert_true(fabs(energy.gross_uj - (1328850 + 300000) / 100.0) < 1e-6);
    assert_true(isnan(energy.net_uj));
    ifm_energy_coverage(&event.energy, &energy, text);
    t_assert_contains(text, "package_0 + dram_0 (not added: core_0, psys), 1 update in");
    t_assert_contains(text, "few updates");
    ifm_observe_close(o);
    ifm_report_done(&event);
    ifm_free(tree);
}

static void a_board_without_energy_has_none(void **state)
{
    char *tree = tree_copy("arm-board", "board");
    char *names[] = { "rapl", "thermal", "freq" };
    const struct ifm_msg_spec spec = { .threads = 0,
                                       .sysroot = tree,
                                       .idle_ns = 3600000000000, /* would be noticed */
                                       .samplers = { .items = names, .count = 3 } };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_event event;
    struct ifm_observe *o = NULL;
    int64_t begin_ns, end_ns;
    (void)state;
    assert_int_equal(ifm_observe_open(&spec, &o, &err), 0);
    ifm_report_init(&event, IFM_EVENT_RESULT);
    ifm_observe_idle(o);
    all_edges(o, &begin_ns, &end_ns);
    assert_int_equal(ifm_observe_take(o, begin_ns, &event, &err), 0);
    assert_int_equal(event.energy.count, 0);
    assert_int_equal(event.lanes.count, 2);
    assert_non_null(lane_of(group_of(&event, "thermal"), "max_mc"));
    assert_null(lane_of(group_of(&event, "thermal"), "throttle_count"));
    assert_int_equal(event.warnings.count, 1); /* it was asked for by name */
    t_assert_contains(event.warnings.items[0], "sampler rapl");
    ifm_observe_close(o);
    ifm_report_done(&event);
    ifm_free(tree);
}

static int take_once(void *argument, struct ifm_err *err)
{
    const struct ifm_msg_spec spec = { .threads = 0 };
    struct ifm_msg_event event;
    struct ifm_observe *o = NULL;
    int64_t begin_ns, end_ns;
    (void)argument;
    ifm_report_init(&event, IFM_EVENT_RESULT);
    int code = ifm_observe_open_with(fakes, &spec, &o, err);
    if (code == 0) {
        all_edges(o, &begin_ns, &end_ns);
        code = ifm_observe_take(o, begin_ns, &event, err);
    }
    ifm_observe_close(o);
    ifm_report_done(&event);
    return code;
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    t_alloc_start();
    assert_true(t_sweep_strict("take", take_once, NULL) > 10);
    t_alloc_stop();
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_sampler_names_the_nearest),
        TEST(none_means_none),
        TEST(nothing_is_asked_of_nobody),
        TEST(processors_and_trees_that_are_not_there_are_refused),
        TEST(a_sampler_of_another_abi_is_refused),
        TEST(without_a_spare_processor_only_edges_are_read),
        TEST(a_spare_processor_gets_the_samplers),
        TEST(processors_asked_for_leave_the_rest_to_the_samplers),
        TEST(a_sampler_that_fails_is_off_and_said),
        TEST(a_value_that_is_missing_repeats_the_last),
        TEST(a_long_phase_is_thinned_and_keeps_its_edges),
        TEST(a_long_warm_up_is_thinned_first),
        TEST(all_lanes_together_stay_small),
        TEST(rails_have_energy_updates_and_idle_power),
        TEST(energy_that_stands_still_is_absent_not_zero),
        TEST(a_wrap_in_the_timed_phase_is_undone),
        TEST(a_board_without_energy_has_none),
        TEST(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
