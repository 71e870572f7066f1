/* Windows and scenario figures from stored samples, and /samples of a part of a phase. Expected values by hand. */
#include "tests/lib/testlib.h"

#include <stdlib.h>

#include "daemon/analysis/ops.h"
#include "daemon/analysis/rollup.h"
#include "daemon/analysis/samples.h"
#include "daemon/analysis/scenario.h"
#include "tests/unit/store_fixture.h"

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;
static unsigned next_id;

static int open_store(void **state)
{
    (void)state;
    char *dir = t_temp_path("scenario");
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    ifm_free(dir);
    ifm_buf_init(&out, 64 << 20);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    ifm_buf_done(&out);
    ifm_store_close(store);
    return 0;
}

/* One steady block. lateness NULL: closed loop. */
static void put(const char *id, int64_t n, const int64_t *latency, const int64_t *gaps, const int64_t *lateness,
                size_t count)
{
    struct sf_invocation made;
    bool has_stats;
    assert_int_equal(sf_invocation_init(&made, n, 1, 1, 1000), 0);
    struct ifm_msg_block *block = made.body.samples.items;
    ifm_free(block->block.bytes);
    ifm_free(block->gaps.bytes);
    block->count = (int64_t)count;
    made.body.iterations = 0;
    assert_int_equal(ifm_codec_encode(latency, count, &block->block, &err), 0);
    assert_int_equal(ifm_codec_encode(gaps, count, &block->gaps, &err), 0);
    if (lateness) assert_int_equal(ifm_codec_encode(lateness, count, &block->lateness, &err), 0);
    assert_int_equal(ifm_rollup(&made.body, &made.stats, &has_stats, &err), 0);
    assert_int_equal(sf_put_invocation(store, id, &made, NULL, &err), 0);
    sf_invocation_done(&made);
}

static void set(struct ifm_msg_run *run, size_t i, const char *key, const char *value)
{
    run->config.items[i] = (struct ifm_map_entry){ ifm_dup(key), ifm_dup(value) };
}

static void close_run(const char *id, int64_t invocations, const char *scenario, const char *key, const char *value)
{
    struct sf_run run;
    sf_run_init(&run, id, invocations, 1795000000000 + next_id, NULL);
    for (size_t i = 0; i < run.body.config.count; i++) {
        ifm_free(run.body.config.items[i].key);
        ifm_free(run.body.config.items[i].value);
    }
    set(&run.body, 0, key, value);
    set(&run.body, 1, "scenario", scenario);
    assert_int_equal(sf_put_run(store, &run, NULL, &err), 0);
    sf_run_done(&run);
}

static const char *windows(const char *id, int64_t invocation, int64_t width_ns)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_windows_json(store, id, invocation, width_ns, &out, &err), 0);
    return out.data;
}

static const char *figures(const char *id)
{
    ifm_buf_reset(&out);
    ifm_buf_adds(&out, "{\"run\":1}");
    assert_int_equal(ifm_figures_add(store, id, &out, &err), 0);
    return out.data;
}

/* Starts at 0, 100, 200, 1000, 1100: two windows of 500 hold three and none, the third two. */
static void windows_hold_what_began_in_them(void **state)
{
    (void)state;
    static const int64_t latency[] = { 100, 90, 300, 100, 50 }, gaps[] = { 0, 0, 10, 500, 0 };
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    put(id, 0, latency, gaps, NULL, 5);
    t_assert_contains(windows(id, -1, 500), "\"invocation\":0,\"width_ns\":500,\"t_ns\":[0,500,1000],\"p50_ns\":[100,null,50],"
                                            "\"p90_ns\":[300,null,100],\"n\":[3,0,2],\"lateness_p99_ns\":null}");
    windows(id, 0, 0); /* 60 windows over 1,101 ns: 19 ns each */
    t_assert_contains(out.data, "\"width_ns\":19,\"t_ns\":[0,19,");
    windows(id, 0, 1); /* more than 600 would be needed: raised to 2 */
    t_assert_contains(out.data, "\"width_ns\":2,");
    assert_true(sf_count(strstr(out.data, "\"t_ns\":["), ",") < 4 * 600 + 10);
    t_assert_error(ifm_windows_json(store, id, 4, 0, &out, &err), IFM_ERR_NOT_FOUND, &err, "no invocation 4");
    t_assert_contains(figures(id), "{\"run\":1,\"scenario\":null,\"energy\":null}"); /* not closed */
}

static void a_paced_run_tells_its_missed_deadlines(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    int64_t latency[COUNT], gaps[COUNT], lateness[COUNT];
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    for (int64_t n = 0; n < 2; n++) {
        for (int i = 0; i < COUNT; i++) { /* every 10 ms; each tenth takes 12 ms, so that the next waits */
            latency[i] = i % 10 == 9 ? 12000000 : 4000000;
            lateness[i] = 1000 * i;
            gaps[i] = i ? 10000000 - latency[i - 1] : 0;
        }
        put(id, n, latency, gaps, lateness, COUNT);
    }
    close_run(id, 2, "paced", "period_ns", "10000000");
    t_assert_contains(figures(id), "{\"run\":1,\"scenario\":{\"kind\":\"paced\",");
    t_assert_contains(out.data, "\"queries\":200,\"unfinished\":0,\"period_ns\":10000000,\"missed\":20,\"missed_share\":0.1,");
    t_assert_contains(out.data, "\"lateness_p99_ns\":98000,\"bound_ns\":null,");
    t_assert_contains(out.data, "\"valid\":true,");
    t_assert_contains(windows(id, 1, 500000000), "\"n\":[50,50],\"lateness_p99_ns\":[49000,99000]}");
    struct ifm_store_filter filter = { .scenario = "paced" };
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &filter, &out, &err), 0);
    assert_int_equal(sf_count(out.data, "\"scenario\":\"paced\""), 1);
}

static void a_late_generator_is_not_valid(void **state)
{
    (void)state;
    static const int64_t latency[] = { 5000000, 5000000 }, gaps[] = { 0, 5000000 }, lateness[] = { 0, 4000000 };
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    put(id, 0, latency, gaps, lateness, 2);
    close_run(id, 1, "server", "rate", "100");
    t_assert_contains(figures(id), "\"kind\":\"server\",\"rate_per_s\":100,");
    t_assert_contains(out.data, "\"valid\":false,");
    assert_null(strstr(out.data, "\"reason\":null"));
}

static void a_word_that_is_no_scenario_has_no_figures(void **state)
{
    (void)state;
    static const int64_t latency[] = { 5, 6 }, gaps[] = { 0, 0 };
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    put(id, 0, latency, gaps, NULL, 2);
    close_run(id, 1, "sideways", "batch", "1");
    t_assert_contains(figures(id), "{\"run\":1,\"scenario\":null,\"energy\":null}");
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &(struct ifm_store_filter){ .id_prefix = id }, &out, &err), 0);
    t_assert_contains(out.data, "\"scenario\":null,");
}

static void too_many_samples_for_windows_are_not_gathered(void **state)
{
    (void)state;
    static int64_t values[IFM_CODEC_SAMPLES_MAX];
    char id[IFM_UUID_TEXT];
    struct sf_invocation made;
    enum { BLOCKS = IFM_WINDOWS_SAMPLES_MAX / IFM_CODEC_SAMPLES_MAX + 1 };
    sf_id(id, ++next_id);
    assert_int_equal(sf_invocation_init(&made, 0, 1, 1, 1000), 0);
    struct ifm_msg_block *old = made.body.samples.items, *blocks = ifm_alloc_array(BLOCKS, sizeof *blocks);
    ifm_free(old->block.bytes);
    ifm_free(old->gaps.bytes);
    ifm_free(old);
    made.body.samples = (struct ifm_list){ blocks, BLOCKS };
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = (struct ifm_msg_block){ .phase = 1, .first = (int64_t)i * IFM_CODEC_SAMPLES_MAX,
                                            .count = IFM_CODEC_SAMPLES_MAX };
        assert_int_equal(ifm_codec_encode(values, IFM_CODEC_SAMPLES_MAX, &blocks[i].block, &err), 0);
    }
    assert_int_equal(sf_put_invocation(store, id, &made, NULL, &err), 0);
    sf_invocation_done(&made);
    t_assert_error(ifm_windows_json(store, id, 0, 0, &out, &err), IFM_ERR_INVALID, &err, "more than 4194304 timed samples");
    close_run(id, 1, "sustained", "batch", "1");
    t_assert_contains(figures(id), "\"scenario\":null,"); /* the run can be looked at all the same */
}

static void samples_of_a_part_of_a_phase(void **state)
{
    (void)state;
    static const int64_t latency[] = { 100, 90, 300, 100, 50 }, gaps[] = { 0, 0, 10, 500, 0 };
    static const struct { int64_t from, to; const char *wanted; } parts[] = {
        { 0, 100, "\"steady\":{\"count\":1,\"t_ns\":[0],\"min\":[100],\"max\":[100],\"p50\":[100],\"n\":[1]}" },
        { 1100, IFM_SAMPLES_NS_MAX, "\"count\":1,\"t_ns\":[1100],\"min\":[50]" },
        { 1101, 2000, "\"invocations\":[]" },
        { 0, IFM_SAMPLES_NS_MAX, "\"count\":5," },
    };
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    put(id, 0, latency, gaps, NULL, 5);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct ifm_samples_range range = { parts[i].from, parts[i].to };
        ifm_buf_reset(&out);
        assert_int_equal(ifm_samples_json(store, id, -1, -1, 2, &range, &out, &err), 0);
        t_assert_contains(out.data, parts[i].wanted);
    }
    struct ifm_samples_range range = { 100, 1001 };
    ifm_buf_reset(&out);
    assert_int_equal(ifm_samples_json(store, id, -1, 1, 3, &range, &out, &err), 0);
    t_assert_contains(out.data, "\"steady\":{\"count\":3,\"t_ns\":[100,200,1000],\"min\":[90,300,100],");
    range.to_ns = range.from_ns;
    t_assert_error(ifm_samples_json(store, id, -1, 1, 3, &range, &out, &err), IFM_ERR_BAD_REQUEST, &err, "below to");
}

static void operators_with_what_follows_from_them(void **state)
{
    (void)state;
    char id[IFM_UUID_TEXT];
    struct sf_run run;
    sf_id(id, ++next_id);
    sf_run_init(&run, id, 0, 1795000000000, NULL);
    struct ifm_msg_op *op = ifm_alloc(sizeof *op);
    *op = (struct ifm_msg_op){ ifm_dup("conv"), ifm_dup("Conv"), ifm_dup("cpu"), NULL, 50, 900000, 1000 };
    run.body.profile = (struct ifm_msg_profile){ .ops = { op, 1 }, .inferences = 50, .p50_ns = 30000,
                                                 .unprofiled_p50_ns = 24000, .attributed_ns = 18000,
                                                 .fallback_share = 0.5 };
    assert_int_equal(sf_put_run(store, &run, NULL, &err), 0);
    sf_run_done(&run);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_ops_json(store, id, &out, &err), 0);
    t_assert_contains(out.data, "\"profile\":{\"ops\":[{\"name\":\"conv\",\"type\":\"Conv\",\"provider\":\"cpu\",\"shapes\":null,"
                                "\"calls\":50,\"total_ns\":900000,\"start_ns\":1000}],\"inferences\":50,\"p50_ns\":30000,"
                                "\"unprofiled_p50_ns\":24000,\"attributed_ns\":18000,\"fallback_share\":0.5,"
                                "\"perturbation\":1.25,\"unattributed_ns\":12000}}");
    sf_id(id, ++next_id);
    assert_int_equal(sf_store_run(store, id, 1, 1795000001000, NULL, 1000, &err), 0);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_ops_json(store, id, &out, &err), 0);
    t_assert_contains(out.data, "\"profile\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_what_began_in_them),
        cmocka_unit_test(a_paced_run_tells_its_missed_deadlines),
        cmocka_unit_test(a_late_generator_is_not_valid),
        cmocka_unit_test(a_word_that_is_no_scenario_has_no_figures),
        cmocka_unit_test(too_many_samples_for_windows_are_not_gathered),
        cmocka_unit_test(samples_of_a_part_of_a_phase),
        cmocka_unit_test(operators_with_what_follows_from_them),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
