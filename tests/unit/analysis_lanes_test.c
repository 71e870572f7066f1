/* What goes with samples: lanes and rails that are refused, the lateness of open loops, batches of calls. */
#include "tests/lib/testlib.h"

#include <math.h>

#include "core/codec.h"
#include "core/mem.h"
#include "daemon/analysis/rollup.h"

static struct ifm_err err;
static struct ifm_invocation_stats stats;
static bool has_stats;

static void encode(struct ifm_block *out, const int64_t *values, size_t count)
{
    ifm_free(out->bytes);
    assert_int_equal(ifm_codec_encode(values, count, out, &err), 0);
}

/* One steady block of ten samples for each of `blocks`, of 1,000 ns each, with pauses of 10 ns. */
static struct ifm_msg_invocation make(size_t blocks)
{
    struct ifm_msg_invocation body;
    int64_t values[10], gaps[10];
    ifm_json_init(&ifm_invocation_table, &body);
    struct ifm_msg_block *all = ifm_alloc_array(blocks, sizeof *all);
    body.samples = (struct ifm_list){ all, blocks };
    for (int i = 0; i < 10; i++) {
        values[i] = 1000;
        gaps[i] = 10;
    }
    for (size_t b = 0; b < blocks; b++) {
        all[b] = (struct ifm_msg_block){ .phase = 1, .first = (int64_t)(10 * b), .count = 10 };
        encode(&all[b].block, values, 10);
        encode(&all[b].gaps, gaps, 10);
    }
    return body;
}

static struct ifm_msg_block *block_of(struct ifm_msg_invocation *body, size_t i)
{
    return (struct ifm_msg_block *)body->samples.items + i;
}

static void set_lanes(struct ifm_msg_invocation *body)
{
    struct ifm_msg_lanes *groups = ifm_alloc_array(2, sizeof *groups);
    body->lanes = (struct ifm_list){ groups, 2 };
    for (int g = 0; g < 2; g++) {
        struct ifm_msg_lane *lanes = ifm_alloc_array(2, sizeof *lanes);
        groups[g] = (struct ifm_msg_lanes){ .sampler = ifm_dup(g ? "freq" : "proc"), .lanes = { lanes, 2 } };
        groups[g].t_ns = (struct ifm_ints){ ifm_alloc_array(3, sizeof(int64_t)), 3 };
        for (int i = 0; i < 3; i++) groups[g].t_ns.items[i] = i * 100 - 100;
        for (int k = 0; k < 2; k++) {
            lanes[k] = (struct ifm_msg_lane){ .name = ifm_dup(k ? "b" : "a"), .unit = ifm_dup("ns") };
            lanes[k].values = (struct ifm_ints){ ifm_alloc_array(3, sizeof(int64_t)), 3 };
        }
    }
}

static struct ifm_msg_lanes *group_of(struct ifm_msg_invocation *body, size_t i)
{
    return (struct ifm_msg_lanes *)body->lanes.items + i;
}

static void refused(struct ifm_msg_invocation *body, const char *where, const char *part)
{
    t_assert_error(ifm_rollup(body, &stats, &has_stats, &err), IFM_ERR_INVALID, &err, part);
    assert_string_equal(err.where, where);
    assert_false(has_stats);
    ifm_json_free(&ifm_invocation_table, body);
}

static void lanes_that_cannot_be(void **state)
{
    (void)state;
    struct ifm_msg_invocation body = make(1);
    set_lanes(&body);
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    group_of(&body, 1)->t_ns.items[2] = 0; /* two reads at one time pass */
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    group_of(&body, 1)->t_ns.items[2] = -1;
    refused(&body, "/lanes/1/t_ns/2", "times ascend");

    body = make(1);
    set_lanes(&body);
    ((struct ifm_msg_lane *)group_of(&body, 0)->lanes.items)[1].values.count = 2;
    refused(&body, "/lanes/0/lanes/1/values", "one value for each of t_ns");

    body = make(1);
    set_lanes(&body);
    ((struct ifm_msg_lane *)group_of(&body, 1)->lanes.items)[1].name[0] = 'a';
    refused(&body, "/lanes/1/lanes/1/name", "an earlier lane");

    body = make(1);
    set_lanes(&body);
    ifm_free(group_of(&body, 1)->sampler);
    group_of(&body, 1)->sampler = ifm_dup("proc");
    refused(&body, "/lanes/1/sampler", "an earlier group");

    body = make(1);
    struct ifm_msg_energy *rails = ifm_alloc_array(2, sizeof *rails);
    body.energy = (struct ifm_list){ rails, 2 };
    rails[0].rail = ifm_dup("package_0");
    rails[1].rail = ifm_dup("package_0");
    refused(&body, "/energy/1/rail", "stands there already");
}

static void lateness_belongs_to_each_sample_or_to_none(void **state)
{
    (void)state;
    static const int64_t late[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 900 }, negative[10] = { 0, -1 };
    static const int64_t gaps[10] = { 10, -500, -500, 10, 10, 10, 10, 10, 10, 10 };
    struct ifm_msg_invocation body = make(2);
    encode(&block_of(&body, 0)->lateness, late, 10);
    refused(&body, "/samples/1/lateness", "in each or in none");

    body = make(2);
    encode(&block_of(&body, 0)->lateness, late, 10);
    encode(&block_of(&body, 1)->lateness, negative, 10);
    refused(&body, "/samples/1/lateness", "-1 ns");

    body = make(1);
    encode(&block_of(&body, 0)->lateness, late, 9);
    refused(&body, "/samples/0/lateness", "one value for each sample");

    body = make(1);
    encode(&block_of(&body, 0)->gaps, gaps, 10);
    refused(&body, "/samples/0/gaps", "-500 ns"); /* a closed loop has none below 0 */

    body = make(2);
    for (size_t i = 0; i < 2; i++) {
        encode(&block_of(&body, i)->lateness, late, 10);
        encode(&block_of(&body, i)->gaps, gaps, 10);
    }
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_int_equal(stats.lateness_p99_ns, 900);
    assert_int_equal(stats.lateness_max_ns, 900);
    /* wall time: 20 latencies of 1,000 and pauses of 16 x 10 - 4 x 500 */
    assert_true(fabs(stats.throughput_per_s - 20 * 1e9 / (20000 + 160 - 2000)) < 1e-3);
    struct ifm_msg_invocation closed = make(2); /* nothing of the open loop is left in the thread's space */
    assert_int_equal(ifm_rollup(&closed, &stats, &has_stats, &err), 0);
    assert_int_equal(stats.lateness_p99_ns, -1);
    ifm_json_free(&ifm_invocation_table, &closed);
    ifm_json_free(&ifm_invocation_table, &body);
}

static void pauses_that_cannot_be_even_in_an_open_loop(void **state)
{
    (void)state;
    int64_t gaps[10] = { 0, -IFM_ROLLUP_LATENCY_MAX_NS - 1 };
    static const int64_t late[10] = { 0 };
    struct ifm_msg_invocation body = make(1);
    encode(&block_of(&body, 0)->lateness, late, 10);
    encode(&block_of(&body, 0)->gaps, gaps, 10);
    refused(&body, "/samples/0/gaps", "not within");
}

/* An overloaded open loop: each latency holds the queue before it, so they add up to far more than the phase took.
 * Expected: 800 latencies of an hour in a phase of two hours are taken; buggy: refused as longer than 30 days. */
static void queued_latencies_may_add_up_to_more_than_the_phase(void **state)
{
    (void)state;
    int64_t values[10], gaps[10];
    static const int64_t late[10] = { 0 };
    const int64_t hour_ns = IFM_ROLLUP_LATENCY_MAX_NS;
    struct ifm_msg_invocation body = make(80), closed = make(80);
    for (int i = 0; i < 10; i++) {
        values[i] = hour_ns;
        gaps[i] = 1000 - hour_ns; /* due 1 us after the one before it was due */
    }
    for (size_t b = 0; b < 80; b++) {
        encode(&block_of(&body, b)->block, values, 10);
        encode(&block_of(&body, b)->gaps, gaps, 10);
        encode(&block_of(&body, b)->lateness, late, 10);
        encode(&block_of(&closed, b)->block, values, 10);
    }
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_int_equal(stats.n, 800);
    ifm_json_free(&ifm_invocation_table, &body);
    refused(&closed, "/samples/72/block", "more than 30 days"); /* 720 hours of a closed loop are too long */
}

static void batches_are_counted_as_calls(void **state)
{
    (void)state;
    struct ifm_msg_invocation body = make(2);
    body.batch_calls = 50;
    body.iterations = 20;
    refused(&body, "/iterations", "says 20, but there are 1000");
    body = make(2);
    body.batch_calls = 50;
    body.iterations = 1000;
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_int_equal(stats.n, 20);
    assert_int_equal(stats.batch_calls, 50);
    assert_int_equal(stats.p50_ns, 20); /* of 1,000 ns for 50 calls */
    assert_false(stats.p90_enough);
    assert_false(stats.p99_enough);
    assert_true(fabs(stats.throughput_per_s - 1000 * 1e9 / 20200) < 1e-3);
    ifm_json_free(&ifm_invocation_table, &body);
}

/* A client that says its clock ticks once a second would make everything flat. */
static void a_resolution_is_believed_up_to_a_millisecond(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static int64_t values[COUNT];
    enum ifm_steady_class found[3];
    static const int64_t claims[] = { 0, 1000000, INT64_C(2592000000000000) };
    for (int i = 0; i < COUNT; i++) values[i] = 1000000000 + (i < 500 ? 0 : 200000000) + i * 7919 % 1000;
    for (size_t c = 0; c < 3; c++) {
        struct ifm_msg_invocation body = make(1);
        encode(&block_of(&body, 0)->block, values, COUNT);
        ifm_free(block_of(&body, 0)->gaps.bytes);
        block_of(&body, 0)->gaps = (struct ifm_block){ NULL, 0 };
        block_of(&body, 0)->count = COUNT;
        body.clock.resolution_ns = claims[c];
        assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
        found[c] = stats.steady.steady;
        ifm_json_free(&ifm_invocation_table, &body);
    }
    assert_int_equal(found[0], IFM_STEADY_SLOWDOWN);
    assert_int_equal(found[1], found[0]);
    assert_int_equal(found[2], found[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_that_cannot_be),
        cmocka_unit_test(lateness_belongs_to_each_sample_or_to_none),
        cmocka_unit_test(queued_latencies_may_add_up_to_more_than_the_phase),
        cmocka_unit_test(pauses_that_cannot_be_even_in_an_open_loop),
        cmocka_unit_test(batches_are_counted_as_calls),
        cmocka_unit_test(a_resolution_is_believed_up_to_a_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
