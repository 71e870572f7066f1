/* The rollup: statistics from blocks, plain latencies turned into blocks, and blocks that are refused. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "daemon/analysis/rollup.h"

static struct ifm_err err;
static struct ifm_invocation_stats stats;
static bool has_stats;

struct part { int phase; int64_t first; size_t count; int64_t base, gap; }; /* gap -1: no gaps */

/* Sample i of a part is base + i. */
static struct ifm_msg_invocation make(const struct part *parts, size_t count)
{
    struct ifm_msg_invocation body = { .v = 1 };
    struct ifm_msg_block *blocks = ifm_alloc_array(count, sizeof *blocks);
    body.samples = (struct ifm_list){ blocks, count };
    for (size_t p = 0; p < count; p++) {
        int64_t *values = ifm_alloc_array(parts[p].count, sizeof *values);
        for (size_t i = 0; i < parts[p].count; i++) values[i] = parts[p].base + (int64_t)i;
        blocks[p] = (struct ifm_msg_block){ .phase = parts[p].phase, .first = parts[p].first,
                                            .count = (int64_t)parts[p].count };
        assert_int_equal(ifm_codec_encode(values, parts[p].count, &blocks[p].block, &err), 0);
        for (size_t i = 0; i < parts[p].count; i++) values[i] = parts[p].gap;
        if (parts[p].gap != -1) assert_int_equal(ifm_codec_encode(values, parts[p].count, &blocks[p].gaps, &err), 0);
        ifm_free(values);
    }
    return body;
}

static struct ifm_msg_block *block_of(struct ifm_msg_invocation *body, size_t i)
{
    return (struct ifm_msg_block *)body->samples.items + i;
}

static void refused(struct ifm_msg_invocation *body, int code, const char *where, const char *part)
{
    t_assert_error(ifm_rollup(body, &stats, &has_stats, &err), code, &err, part);
    assert_string_equal(err.where, where);
    assert_false(has_stats);
    ifm_json_free(&ifm_invocation_table, body);
}

static void steady_samples_of_all_blocks_count(void **state)
{
    (void)state;
    const struct part parts[] = { { 0, 0, 10, 900000, 5 }, { 1, 0, 600, 1001, 10 }, { 1, 600, 400, 1601, 10 } };
    struct ifm_msg_invocation body = make(parts, 3);
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_true(has_stats);
    assert_int_equal(stats.n, 1000); /* 1001..2000 */
    assert_int_equal(stats.min_ns, 1001);
    assert_int_equal(stats.max_ns, 2000);
    assert_int_equal(stats.p50_ns, 1500);
    assert_int_equal(stats.p90_ns, 1900);
    assert_int_equal(stats.p99_ns, 1990);
    assert_true(stats.p99_enough);
    assert_true(stats.mean_ns == 1500.5);
    assert_int_equal(body.iterations, 1000);
    assert_int_equal(body.warmup_iterations, 10);
    /* wall time: sum 1,500,500 and 1,000 gaps of 10 */
    assert_true(fabs(stats.throughput_per_s - 1000 * 1e9 / 1510500) < 1e-6);
    ifm_json_free(&ifm_invocation_table, &body);
}

static void a_clients_wall_time_is_believed_only_when_near(void **state)
{
    (void)state;
    const struct part parts[] = { { 1, 0, 1000, 1000000, 0 } };
    int64_t shown = 1000LL * 1000000 + 999 * 1000 / 2;
    const struct { int64_t claimed, used; } cases[] = {
        { 0, shown }, { shown + 500000, shown + 500000 }, { shown * 2, shown }, { shown / 2, shown }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ifm_msg_invocation body = make(parts, 1);
        body.steady_ns = cases[i].claimed;
        assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
        assert_true(fabs(stats.throughput_per_s * (double)cases[i].used / 1e12 - 1) < 1e-12);
        ifm_json_free(&ifm_invocation_table, &body);
    }
}

static void plain_latencies_become_blocks(void **state)
{
    (void)state;
    struct ifm_msg_invocation body = { .v = 1 };
    size_t count = IFM_CODEC_SAMPLES_MAX + 100;
    body.latency_ns = (struct ifm_ints){ ifm_alloc_array(count, sizeof(int64_t)), count };
    for (size_t i = 0; i < count; i++) body.latency_ns.items[i] = (int64_t)(i * 7919 % 100003);
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_int_equal(body.latency_ns.count, 0);
    assert_int_equal(body.samples.count, 2);
    assert_int_equal(block_of(&body, 1)->first, IFM_CODEC_SAMPLES_MAX);
    assert_int_equal(block_of(&body, 1)->count, 100);
    int64_t values[100];
    size_t got;
    const struct ifm_block *block = &block_of(&body, 1)->block;
    assert_int_equal(ifm_codec_decode(block->bytes, block->len, values, 100, &got, &err), 0);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(values[i], (int64_t)((i + IFM_CODEC_SAMPLES_MAX) * 7919 % 100003));
    }
    assert_int_equal(stats.n, count);
    assert_int_equal(body.iterations, count);
    ifm_json_free(&ifm_invocation_table, &body);
}

static void plain_latencies_that_cannot_be(void **state)
{
    (void)state;
    const int64_t bad[] = { -1, INT64_MIN, IFM_ROLLUP_LATENCY_MAX_NS + 1, INT64_MAX };
    for (size_t i = 0; i < 4; i++) {
        struct ifm_msg_invocation body = { .v = 1 };
        body.latency_ns = (struct ifm_ints){ ifm_alloc_array(3, sizeof(int64_t)), 3 };
        body.latency_ns.items[2] = bad[i];
        refused(&body, IFM_ERR_INVALID, "/latency_ns/2", "0 to one hour");
    }
    const struct part parts[] = { { 1, 0, 10, 1000, -1 } };
    struct ifm_msg_invocation body = make(parts, 1);
    body.latency_ns = (struct ifm_ints){ ifm_alloc_array(3, sizeof(int64_t)), 3 };
    refused(&body, IFM_ERR_INVALID, "/latency_ns", "send one of the two");
}

static void layouts_that_cannot_be(void **state)
{
    (void)state;
    const struct part good[] = { { 0, 0, 5, 100, -1 }, { 1, 0, 10, 1000, 1 }, { 1, 10, 10, 1000, 1 } };
    struct ifm_msg_invocation body = make(good, 3);
    block_of(&body, 2)->first = 11;
    refused(&body, IFM_ERR_INVALID, "/samples/2/first", "go on where");
    body = make(good, 3);
    block_of(&body, 1)->count = 9;
    refused(&body, IFM_ERR_INVALID, "/samples/1/count", "differs");
    body = make(good, 3);
    block_of(&body, 0)->phase = 1;
    refused(&body, IFM_ERR_INVALID, "/samples/1/first", "go on where");
    body = make(good, 3);
    block_of(&body, 2)->phase = 0;
    refused(&body, IFM_ERR_INVALID, "/samples/2/phase", "warm-up after");
    body = make(good, 3);
    body.iterations = 21;
    refused(&body, IFM_ERR_INVALID, "/iterations", "says 21, but there are 20");
    body = make(good, 3);
    body.warmup_iterations = 4;
    refused(&body, IFM_ERR_INVALID, "/warmup_iterations", "says 4, but there are 5");
    body = make(good, 1);
    refused(&body, IFM_ERR_INVALID, "/samples", "must have steady samples");
    body = (struct ifm_msg_invocation){ .v = 1 };
    refused(&body, IFM_ERR_INVALID, "/samples", "must have steady samples");
}

static void values_that_cannot_be(void **state)
{
    (void)state;
    const struct part negative[] = { { 1, 0, 10, -5, -1 } }, long_ago[] = { { 1, 0, 10, INT64_MAX - 20, -1 } };
    const struct part warm[] = { { 0, 0, 10, -5, -1 }, { 1, 0, 10, 5, -1 } }, gap[] = { { 1, 0, 10, 5, -3 } };
    struct ifm_msg_invocation body = make(negative, 1);
    refused(&body, IFM_ERR_INVALID, "/samples/0/block", "-5 ns");
    body = make(long_ago, 1);
    refused(&body, IFM_ERR_INVALID, "/samples/0/block", "not within 0 to one hour");
    body = make(warm, 2);
    refused(&body, IFM_ERR_INVALID, "/samples/0/block", "-5 ns");
    body = make(gap, 1);
    refused(&body, IFM_ERR_INVALID, "/samples/0/gaps", "-3 ns");
    const struct part month[] = { { 1, 0, 1000, IFM_ROLLUP_LATENCY_MAX_NS - 1000, -1 } };
    body = make(month, 1);
    refused(&body, IFM_ERR_INVALID, "/samples/0/block", "30 days");
}

/* Every single changed byte, and every shorter length: refused, or the same number of possible latencies. */
static void damaged_blocks_never_do_harm(void **state)
{
    (void)state;
    const struct part parts[] = { { 1, 0, 300, 1000000, 40 } };
    struct ifm_msg_invocation body = make(parts, 1);
    struct ifm_msg_block *block = block_of(&body, 0);
    for (size_t len = 0; len < block->block.len; len++) {
        struct ifm_block whole = block->block;
        block->block.len = len;
        assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), IFM_ERR_INVALID);
        block->block = whole;
    }
    int refusals = 0;
    for (size_t i = 0; i < block->block.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            block->block.bytes[i] ^= (uint8_t)(1 << bit);
            body.iterations = 0;
            int rc = ifm_rollup(&body, &stats, &has_stats, &err);
            assert_true(rc == 0 || rc == IFM_ERR_INVALID);
            if (rc == 0) assert_int_equal(stats.n, 300);
            refusals += rc != 0;
            block->block.bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(refusals > 0);
    ifm_json_free(&ifm_invocation_table, &body);
}

static void a_failed_invocation_may_have_no_samples(void **state)
{
    (void)state;
    struct ifm_msg_invocation body = { .v = 1, .status = 1, .failure = IFM_FAIL_CRASH };
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_false(has_stats);
    const struct part parts[] = { { 0, 0, 5, 100, -1 } };
    body = make(parts, 1);
    body.status = 1;
    assert_int_equal(ifm_rollup(&body, &stats, &has_stats, &err), 0);
    assert_false(has_stats);
    ifm_json_free(&ifm_invocation_table, &body);
}

/* The same block 306 times is more than an invocation may have; it is found out before anything is decoded. */
static void too_many_samples_are_counted_not_decoded(void **state)
{
    (void)state;
    const struct part parts[] = { { 1, 0, IFM_CODEC_SAMPLES_MAX, 1000, -1 } };
    struct ifm_msg_invocation one = make(parts, 1), body = { .v = 1 };
    enum { BLOCKS = IFM_RUN_SAMPLES_MAX / IFM_CODEC_SAMPLES_MAX + 1 };
    static struct ifm_msg_block blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = *block_of(&one, 0);
        blocks[i].first = (int64_t)(i * IFM_CODEC_SAMPLES_MAX);
    }
    body.samples = (struct ifm_list){ blocks, BLOCKS };
    t_alloc_start();
    t_assert_error(ifm_rollup(&body, &stats, &has_stats, &err), IFM_ERR_TOO_LARGE, &err, "20000000");
    assert_int_equal(t_alloc_count(), 0);
    t_alloc_stop();
    ifm_json_free(&ifm_invocation_table, &one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_samples_of_all_blocks_count),
        cmocka_unit_test(a_clients_wall_time_is_believed_only_when_near),
        cmocka_unit_test(plain_latencies_become_blocks),
        cmocka_unit_test(plain_latencies_that_cannot_be),
        cmocka_unit_test(layouts_that_cannot_be),
        cmocka_unit_test(values_that_cannot_be),
        cmocka_unit_test(damaged_blocks_never_do_harm),
        cmocka_unit_test(a_failed_invocation_may_have_no_samples),
        cmocka_unit_test(too_many_samples_are_counted_not_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
