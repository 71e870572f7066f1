/* What pages are drawn from: samples in buckets, histograms, comparisons. Expected values are worked out by
 * hand or by a plain second computation over the same samples. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/analysis/compare.h"
#include "daemon/analysis/histogram.h"
#include "daemon/analysis/loghist.h"
#include "daemon/analysis/rollup.h"
#include "daemon/analysis/samples.h"
#include "tests/unit/store_fixture.h"

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;
static unsigned next_id;

static int open_store(void **state)
{
    (void)state;
    char *dir = t_temp_path("views");
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

struct part { int phase; int64_t first; const int64_t *values; size_t count; int64_t gap; }; /* gap < 0: none */

static void put_parts(const char *id, int64_t n, int status, const struct part *parts, size_t count)
{
    struct sf_invocation made;
    bool has_stats = false;
    assert_int_equal(sf_invocation_init(&made, n, 1, 1, 1000), 0);
    struct ifm_msg_block *old = made.body.samples.items, *blocks = ifm_alloc_array(count, sizeof *blocks);
    ifm_free(old->block.bytes);
    ifm_free(old->gaps.bytes);
    ifm_free(old);
    made.body.samples = (struct ifm_list){ blocks, count };
    made.body.iterations = 0;
    made.body.status = status;
    for (size_t p = 0; p < count; p++) {
        int64_t *gaps = ifm_alloc_array(parts[p].count, sizeof *gaps);
        for (size_t i = 0; i < parts[p].count; i++) gaps[i] = parts[p].gap;
        blocks[p] = (struct ifm_msg_block){ .phase = parts[p].phase, .first = parts[p].first,
                                            .count = (int64_t)parts[p].count };
        assert_int_equal(ifm_codec_encode(parts[p].values, parts[p].count, &blocks[p].block, &err), 0);
        if (parts[p].gap >= 0) assert_int_equal(ifm_codec_encode(gaps, parts[p].count, &blocks[p].gaps, &err), 0);
        ifm_free(gaps);
    }
    assert_int_equal(ifm_rollup(&made.body, &made.stats, &has_stats, &err), 0);
    assert_int_equal(sf_put_invocation(store, id, &made, NULL, &err), 0);
    sf_invocation_done(&made);
}

static const char *samples(const char *id, int64_t invocation, int phase, int buckets)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_samples_json(store, id, invocation, phase, buckets, NULL, &out, &err), 0);
    return out.data;
}

static void buckets_keep_every_outlier(void **state)
{
    (void)state;
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    static const int64_t warm[] = { 90, 50 }, a[] = { 10, 20, 30, 40, 500 }, b[] = { 11, 1, 13 };
    const struct part parts[] = { { 0, 0, warm, 2, 1 }, { 1, 0, a, 5, 3 }, { 1, 5, b, 3, 3 } };
    put_parts(id, 0, 0, parts, 3);
    /* 8 steady samples in 3 buckets end before 2, 5, 8; starts: 3; 3+10+3+20+3 = 39; then 30, 40, 500, gaps */
    assert_string_equal(samples(id, -1, -1, 3),
        "{\"run\":\"019388a0-0000-7000-8000-000000000001\",\"unit\":\"ns\",\"invocations\":[{\"n\":0,"
        "\"warmup\":{\"count\":2,\"t_ns\":[1,92],\"min\":[90,50],\"max\":[90,50],\"p50\":[90,50],\"n\":[1,1]},"
        "\"steady\":{\"count\":8,\"t_ns\":[3,39,618],\"min\":[10,30,1],\"max\":[20,500,13],\"p50\":[10,40,11],"
        "\"n\":[2,3,3]}}]}");
    assert_string_equal(samples(id, 0, 1, 1),
        "{\"run\":\"019388a0-0000-7000-8000-000000000001\",\"unit\":\"ns\",\"invocations\":[{\"n\":0,"
        "\"steady\":{\"count\":8,\"t_ns\":[3],\"min\":[1],\"max\":[500],\"p50\":[13],\"n\":[8]}}]}");
    put_parts(id, 1, 1, parts, 1); /* failed after its warm-up: shown all the same */
    t_assert_contains(samples(id, -1, -1, 600), "{\"n\":1,\"warmup\":{\"count\":2");
    t_assert_contains(out.data, "\"steady\":{\"count\":0,\"t_ns\":[],\"min\":[],\"max\":[],\"p50\":[],\"n\":[]}");
    t_assert_error(ifm_samples_json(store, id, -1, -1, 2001, NULL, &out, &err), IFM_ERR_BAD_REQUEST, &err, "1..2000");
    t_assert_error(ifm_samples_json(store, id, 7, -1, 10, NULL, &out, &err), IFM_ERR_NOT_FOUND, &err, "no invocation 7");
    sf_id(id, 99999);
    t_assert_error(ifm_samples_json(store, id, -1, -1, 10, NULL, &out, &err), IFM_ERR_NOT_FOUND, &err, id);
}

/* Sums the numbers of a column "key":[...] after `from`. */
static int64_t sum_column(const char *from, const char *key, int64_t *most)
{
    const char *at = strstr(from, key) + strlen(key);
    int64_t sum = 0;
    for (*most = 0; *at != ']'; at += *at == ',') {
        char *end;
        int64_t value = strtoll(at, &end, 10);
        sum += value;
        if (value > *most) *most = value;
        at = end;
    }
    return sum;
}

/* 400,000 samples over seven blocks: in one bucket its median is estimated, in two it is exact. */
static void large_runs_fit_small_pictures(void **state)
{
    (void)state;
    enum { TOTAL = 400000, EACH = 65000 };
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    int64_t *values = ifm_alloc_array(TOTAL, sizeof *values), most;
    struct part parts[7];
    for (int i = 0; i < TOTAL; i++) values[i] = 1000000 + i;
    values[123456] = 77000000;
    for (int p = 0; p < 7; p++) {
        int first = p * EACH;
        parts[p] = (struct part){ 1, first, values + first, (size_t)(TOTAL - first < EACH ? TOTAL - first : EACH), 0 };
    }
    put_parts(id, 0, 0, parts, 7);
    t_assert_contains(samples(id, -1, 1, 2), "\"p50\":[1099999,1299999],\"n\":[200000,200000]");
    samples(id, -1, 1, 1);
    assert_int_equal(sum_column(out.data, "\"n\":[", &most), TOTAL);
    sum_column(out.data, "\"p50\":[", &most);
    assert_true(llabs(most - 1200000) < 12000); /* within 1 % */
    for (int buckets = 3; buckets <= 2000; buckets += 333) {
        samples(id, -1, 1, buckets);
        assert_int_equal(sum_column(out.data, "\"n\":[", &most), TOTAL);
        assert_true(most - TOTAL / buckets <= 1);
        sum_column(out.data, "\"max\":[", &most);
        assert_int_equal(most, 77000000);
    }
    ifm_free(values);
}

static const char *histogram(const char *id, int64_t invocation, int bins, int64_t low, int64_t high)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_histogram_json(store, id, invocation, bins, low, high, &out, &err), 0);
    return out.data;
}

static void histograms_pool_the_ok_invocations(void **state)
{
    (void)state;
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    static const int64_t a[] = { 100, 110, 119, 120, 199 }, b[] = { 99, 200, 150, 150 }, failed[] = { 130, 130 };
    const struct part of_a = { 1, 0, a, 5, -1 }, of_b = { 1, 0, b, 4, -1 }, of_failed = { 1, 0, failed, 2, -1 };
    put_parts(id, 0, 0, &of_a, 1);
    put_parts(id, 1, 0, &of_b, 1);
    put_parts(id, 2, 1, &of_failed, 1);
    assert_string_equal(histogram(id, -1, 5, 100, 200),
        "{\"low_ns\":100,\"high_ns\":200,\"bin_ns\":20,\"counts\":[3,1,2,0,1],\"below\":1,\"above\":1,\"n\":9}");
    assert_string_equal(histogram(id, 2, 5, 100, 200),
        "{\"low_ns\":100,\"high_ns\":200,\"bin_ns\":20,\"counts\":[0,2,0,0,0],\"below\":0,\"above\":0,\"n\":2}");
    /* default range: 99 to P99.9, here the largest, inclusive: 102 values in 4 bins of 26 */
    assert_string_equal(histogram(id, -1, 4, -1, -1),
        "{\"low_ns\":99,\"high_ns\":203,\"bin_ns\":26,\"counts\":[5,2,0,2],\"below\":0,\"above\":0,\"n\":9}");
    t_assert_error(ifm_histogram_json(store, id, -1, 5, 200, 200, &out, &err), IFM_ERR_BAD_REQUEST, &err, "below");
    t_assert_error(ifm_histogram_json(store, id, -1, 5, 1, INT64_MAX, &out, &err), IFM_ERR_BAD_REQUEST, &err, "hour");
    t_assert_error(ifm_histogram_json(store, id, -1, 2001, -1, -1, &out, &err), IFM_ERR_BAD_REQUEST, &err, "1..2000");
    t_assert_error(ifm_histogram_json(store, id, 9, 5, -1, -1, &out, &err), IFM_ERR_NOT_FOUND, &err, "invocation 9");
}

static void histograms_of_nothing_and_of_one_value(void **state)
{
    (void)state;
    char id[IFM_UUID_TEXT];
    sf_id(id, ++next_id);
    static const int64_t same[] = { 0, 0, 0 };
    const struct part warm = { 0, 0, same, 3, -1 }, steady = { 1, 0, same, 3, -1 };
    put_parts(id, 0, 1, &warm, 1);
    assert_string_equal(histogram(id, -1, 0, -1, -1),
        "{\"low_ns\":null,\"high_ns\":null,\"bin_ns\":null,\"counts\":[],\"below\":0,\"above\":0,\"n\":0}");
    put_parts(id, 1, 0, &steady, 1);
    assert_string_equal(histogram(id, -1, 2, -1, -1),
        "{\"low_ns\":0,\"high_ns\":2,\"bin_ns\":1,\"counts\":[3,0],\"below\":0,\"above\":0,\"n\":3}");
}

static void quantiles_of_the_log_histogram_are_within_one_percent(void **state)
{
    (void)state;
    static struct ifm_loghist hist;
    ifm_loghist_reset(&hist);
    assert_int_equal(ifm_loghist_percentile(&hist, 5000), 0);
    const int64_t edges[] = { 0, 1, 127, 128, 129, 255, 256, 65535, 1000000007, INT64_MAX };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        ifm_loghist_reset(&hist);
        ifm_loghist_add(&hist, edges[i]);
        assert_int_equal(ifm_loghist_percentile(&hist, 5000), edges[i]); /* clamped to what was seen */
    }
    ifm_loghist_reset(&hist);
    for (int64_t i = 1; i <= 100000; i++) ifm_loghist_add(&hist, i * 1000);
    for (unsigned p = 100; p <= 10000; p += 300) {
        double exact = (double)p * 10 * 1000, found = (double)ifm_loghist_percentile(&hist, p);
        assert_true(found >= exact && found <= exact * 1.01);
    }
}

static void add_run(char id[IFM_UUID_TEXT], int64_t invocations, int64_t centre_ns, const struct sf_facts *facts)
{
    sf_id(id, ++next_id);
    assert_int_equal(sf_store_run(store, id, invocations, 1795000000000 + next_id, facts, centre_ns, &err), 0);
}

static const char *compare(const char *a, const char *b, double delta)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_compare_json(store, a, b, delta, &out, &err), 0);
    return out.data;
}

/* From {"metric":"name" to the next metric. */
static void metric(const char *reply, const char *name, char text[2048])
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "{\"metric\":\"%s\"", name);
    const char *at = strstr(reply, wanted);
    assert_non_null(at);
    const char *end = strstr(at + 1, "{\"metric\"");
    size_t len = end ? (size_t)(end - at) : strlen(at);
    assert_true(len < 2048);
    memcpy(text, at, len);
    text[len] = '\0';
}

static void a_slower_run_is_a_regression(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT], same[IFM_UUID_TEXT], few[IFM_UUID_TEXT], text[2048];
    add_run(a, 10, 1000000, NULL);
    add_run(b, 10, 1100000, NULL);
    add_run(same, 10, 1000000, NULL);
    add_run(few, 1, 1100000, NULL); /* 1 of 11 orders: 9 %, no interval at 95 % */
    const char *reply = compare(a, b, 0.02);
    t_assert_contains(reply, "\"interleaved\":false,\"caption\":\"sequential, not interleaved\",\"pairs\":null,"
                             "\"precision\":null,\"accuracy\":null,\"comparable\":true,\"reason\":null,\"differences\":[]");
    metric(reply, "p50_ns", text);
    t_assert_contains(text, "\"verdict\":\"regression\"");
    t_assert_contains(text, "\"k\":10");
    t_assert_contains(reply, "],\"verdict\":\"regression\"}");
    metric(reply, "throughput_per_s", text); /* more is better: lower throughput is one too */
    t_assert_contains(text, "\"less_is_better\":false");
    t_assert_contains(text, "\"verdict\":\"regression\"");
    metric(reply, "p99_ns", text); /* 50 samples are too few for a P99 */
    t_assert_contains(text, "\"enough\":false");
    t_assert_contains(text, "\"verdict\":\"inconclusive\"");
    t_assert_contains(compare(b, a, 0.02), "],\"verdict\":\"improvement\"}");
    t_assert_contains(compare(a, same, 0.02), "],\"verdict\":\"equivalent\"}");
    t_assert_contains(compare(a, b, 0.5), "],\"verdict\":\"equivalent\"}");
    t_assert_contains(compare(a, few, 0.02), "],\"verdict\":\"inconclusive\"}");
}

static void another_device_decides_nothing(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT];
    const struct sf_facts here = { "nmp", "onnxruntime", "bench-1", NULL, NULL, NULL, 0 };
    const struct sf_facts there = { "nmp", "onnxruntime", "bench-2", NULL, NULL, NULL, 0 };
    add_run(a, 8, 1000000, &here);
    add_run(b, 8, 2000000, &there);
    const char *reply = compare(a, b, 0.02);
    t_assert_contains(reply, "\"comparable\":false,\"reason\":\"another device: cpu_model\","
                             "\"differences\":[{\"kind\":\"device\",\"field\":\"cpu_model\",\"a\":\"bench-1\","
                             "\"b\":\"bench-2\"}]"); /* load_average is soft: not named */
    assert_null(strstr(reply, "regression"));
    assert_int_equal(sf_count(reply, "\"verdict\":\"inconclusive\""), IFM_METRIC_COUNT + 1);
}

/* One invocation out of eight was wrong, and the run says that all was verified. */
static void wrong_outputs_are_never_an_improvement(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT];
    add_run(a, 8, 2000000, NULL);
    sf_id(b, ++next_id);
    for (int64_t n = 0; n < 8; n++) {
        struct sf_invocation made;
        assert_int_equal(sf_invocation_init(&made, n, (uint64_t)n, 50, 1000000), 0);
        if (n == 3) made.body.verification.state = IFM_VERIFY_WRONG;
        assert_int_equal(sf_put_invocation(store, b, &made, NULL, &err), 0);
        sf_invocation_done(&made);
    }
    struct sf_run run;
    sf_run_init(&run, b, 8, 1795000000000 + next_id, NULL);
    assert_int_equal(sf_put_run(store, &run, NULL, &err), 0);
    sf_run_done(&run);
    const char *reply = compare(a, b, 0.02);
    t_assert_contains(reply, "\"comparable\":false,\"reason\":\"the outputs of B are WRONG");
    assert_int_equal(sf_count(reply, "\"verdict\":\"inconclusive\""), IFM_METRIC_COUNT + 1);
    t_assert_contains(compare(b, a, 0.02), "the outputs of A are WRONG");
    t_assert_contains(compare(b, b, 0.02), "the outputs of both are WRONG");
}

/* A label is anybody's word, also one that is called like a field. */
static void labels_are_no_verdicts(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT];
    const struct sf_facts wrong = { "nmp", "onnxruntime", "bench-1", NULL, "verification", "wrong", 0 };
    const struct sf_facts untrusted = { "nmp", "onnxruntime", "bench-1", NULL, "trust", "untrusted", 0 };
    add_run(a, 8, 1000000, &wrong);
    add_run(b, 8, 1100000, &untrusted);
    t_assert_contains(compare(a, b, 0.02), "\"comparable\":true,\"reason\":null");
}

static void configuration_and_variant_are_what_is_compared(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT];
    const struct sf_facts one = { "nmp", "onnxruntime", "bench-1", NULL, NULL, NULL, 0 };
    const struct sf_facts two = { "nmp2", "null", "bench-1", NULL, NULL, NULL, 0 };
    add_run(a, 8, 1000000, &one);
    add_run(b, 8, 2000000, &two);
    const char *reply = compare(a, b, 0.02);
    t_assert_contains(reply, "\"comparable\":true");
    t_assert_contains(reply, "{\"kind\":\"configuration\",\"field\":\"runtime\",\"a\":\"onnxruntime\",\"b\":\"null\"}");
    t_assert_contains(reply, "{\"kind\":\"variant\",\"field\":\"model\",\"a\":\"nmp\",\"b\":\"nmp2\"}");
    t_assert_contains(reply, "],\"verdict\":\"regression\"}");
}

static void comparisons_that_cannot_be(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT];
    add_run(a, 1, 1000, NULL);
    const double bad[] = { 0, -1, 10, (double)NAN, (double)INFINITY };
    for (int i = 0; i < 5; i++) {
        t_assert_error(ifm_compare_json(store, a, a, bad[i], &out, &err), IFM_ERR_BAD_REQUEST, &err, "delta");
    }
    t_assert_error(ifm_compare_json(store, a, "019388a0-ffff-7000-8000-000000000000", 0.02, &out, &err),
                   IFM_ERR_NOT_FOUND, &err, "019388a0-ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_keep_every_outlier),
        cmocka_unit_test(large_runs_fit_small_pictures),
        cmocka_unit_test(histograms_pool_the_ok_invocations),
        cmocka_unit_test(histograms_of_nothing_and_of_one_value),
        cmocka_unit_test(quantiles_of_the_log_histogram_are_within_one_percent),
        cmocka_unit_test(a_slower_run_is_a_regression),
        cmocka_unit_test(another_device_decides_nothing),
        cmocka_unit_test(wrong_outputs_are_never_an_improvement),
        cmocka_unit_test(labels_are_no_verdicts),
        cmocka_unit_test(configuration_and_variant_are_what_is_compared),
        cmocka_unit_test(comparisons_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
