/* Numbers as people read them, views made from samples, comparisons and their limits. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <string.h>

#include "agents/cli/compare.h"
#include "agents/cli/format.h"
#include "agents/cli/view.h"
#include "core/codec.h"
#include "core/mem.h"

static void nanoseconds(double ns, const char *expected)
{
    char text[IFM_FORMAT_MAX];
    ifm_format_ns(ns, text);
    assert_string_equal(text, expected);
}

static void numbers_read_well(void **state)
{
    (void)state;
    char text[IFM_FORMAT_MAX];
    nanoseconds(0, "0 ns");
    nanoseconds(412, "412 ns");
    nanoseconds(12345, "12.35 \xc2\xb5s");
    nanoseconds(30120000, "30.12 ms");
    nanoseconds(123400000, "123.4 ms");
    nanoseconds(1500000000, "1.500 s");
    nanoseconds(NAN, "\xe2\x80\x93");
    ifm_format_ns_interval(30120000, 30050000, 30310000, text);
    assert_string_equal(text, "[30.05 .. 30.31]");
    ifm_format_bytes(46200000, text);
    assert_string_equal(text, "46.20 MB");
    ifm_format_count(1024, text);
    assert_string_equal(text, "1,024");
    ifm_format_count(-1234567, text);
    assert_string_equal(text, "-1,234,567");
    ifm_format_count(999, text);
    assert_string_equal(text, "999");
    ifm_format_rate(13477726, text);
    assert_string_equal(text, "13,477,726 /s");
    ifm_format_rate(33.1234, text);
    assert_string_equal(text, "33.12 /s");
    assert_int_equal(ifm_format_width("12 \xc2\xb5s"), 5);
}

/* An invocation whose steady latencies are base, base + step, …, in two blocks. */
static void add(struct ifm_view *view, int64_t n, int64_t base, int64_t step, int status)
{
    struct ifm_msg_invocation body = { .v = 1, .n = n, .status = status, .iterations = 600 };
    struct ifm_msg_block *blocks = ifm_alloc_array(2, sizeof *blocks);
    int64_t values[300];
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 300; i++)
            values[i] = base + step * (half * 300 + i);
        blocks[half] = (struct ifm_msg_block){ .phase = 1, .first = half * 300, .count = 300 };
        assert_int_equal(ifm_codec_encode(values, 300, &blocks[half].block, NULL), 0);
    }
    body.samples = (struct ifm_list){ blocks, 2 };
    body.memory_load.peak_rss_bytes = 1000;
    body.memory_steady.peak_rss_bytes = 5000;
    body.cpu_ns = 600000;
    assert_int_equal(ifm_view_add(view, &body, NULL), 0);
    assert_null(body.samples.items);
}

static void a_view_is_made_from_samples(void **state)
{
    (void)state;
    struct ifm_view view;
    assert_int_equal(ifm_view_init(&view, true), 0);
    for (int64_t n = 0; n < 7; n++)
        add(&view, n, 1000000 + n * 1000, 10, 0);
    add(&view, 7, 90000000, 1, 1); /* failed: its samples count for nothing */
    assert_int_equal(ifm_view_compute(&view, NULL), 0);
    assert_int_equal(view.ok, 7);
    assert_int_equal(view.count, 8);
    const struct ifm_estimate *p50 = &view.metrics[IFM_METRIC_P50];
    assert_true(p50->value == 1003000 + 10 * 299);
    assert_true(p50->low == 1000000 + 10 * 299);
    assert_true(p50->high == 1006000 + 10 * 299);
    assert_int_equal(p50->k, 7);
    assert_true(view.metrics[IFM_METRIC_P99].enough);
    assert_true(view.metrics[IFM_METRIC_RSS].value == 5000);
    assert_true(view.metrics[IFM_METRIC_CPU].value == 1000);
    assert_int_equal(ifm_view_iterations(&view), 600);
    assert_int_equal(view.histogram->total, 7 * 600);
    assert_true(ifm_view_histogram_quantile(view.histogram, 1.0) <= 1012000);
    ifm_view_done(&view);
}

static void damaged_samples_are_refused(void **state)
{
    (void)state;
    struct ifm_view view;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_view_init(&view, false), 0);
    struct ifm_msg_block *block = ifm_alloc(sizeof *block);
    *block = (struct ifm_msg_block){ .phase = 1, .count = 5 };
    block->block.bytes = (uint8_t *)ifm_dup("this is no block");
    block->block.len = 16;
    struct ifm_msg_invocation body = { .v = 1, .n = 3, .samples = { block, 1 } };
    t_assert_error(ifm_view_add(&view, &body, &err), IFM_ERR_INVALID, &err, "invocation 3");
    ifm_json_free(&ifm_invocation_table, &body);
    ifm_view_done(&view);
}

static void bins_are_within_a_thirtysecond_of_a_doubling(void **state)
{
    (void)state;
    for (int64_t ns = 1; ns < INT64_C(1) << 39; ns += ns / 7 + 1) {
        size_t bin = ifm_view_histogram_bin(ns);
        assert_true(bin < IFM_HISTOGRAM_BINS);
        assert_true(ifm_view_histogram_low(bin) <= (double)ns);
        assert_true(ifm_view_histogram_low(bin + 1) > (double)ns);
    }
    assert_int_equal(ifm_view_histogram_bin(0), 0);
    assert_int_equal(ifm_view_histogram_bin(INT64_MAX), IFM_HISTOGRAM_BINS - 1);
}

/* -- Comparisons
 * ------------------------------------------------------------------------------------ */

static void make_run(struct ifm_view *view, int64_t base, const char *device, int verification)
{
    assert_int_equal(ifm_view_init(view, false), 0);
    view->run.device_key = ifm_dup(device);
    view->run.variant_sha256 = ifm_dup("v");
    view->run.method_version = 1;
    for (int64_t n = 0; n < 10; n++) {
        add(view, n, base + n * base / 1000, 10, 0);
        view->items[n].body.verification.state = verification;
    }
    assert_int_equal(ifm_view_compute(view, NULL), 0);
}

static int gate(const struct ifm_compared *c, const char *text)
{
    struct ifm_gate gates[IFM_METRIC_COUNT];
    size_t count;
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_gate_parse(text, gates, &count, &err))
        return err.code;
    assert_int_equal(count, 1);
    return ifm_gate_judge(c, gates);
}

static void limits_have_three_answers(void **state)
{
    (void)state;
    struct ifm_view a, b;
    struct ifm_compared c;
    make_run(&a, 1000000, "d", IFM_VERIFY_NONE);
    make_run(&b, 1100000, "d", IFM_VERIFY_NONE);
    assert_int_equal(ifm_compared_make(&a, &b, IFM_COMPARED_DELTA, &c, NULL), 0);
    assert_true(c.comparable);
    assert_int_equal(c.metrics[IFM_METRIC_P50].verdict, IFM_VERDICT_REGRESSION);
    assert_int_equal(gate(&c, "p50:5%"), 1);
    assert_int_equal(gate(&c, "p50:20"), 0);
    assert_int_equal(gate(&c, "p50:10%"), 3); /* the limit lies within the interval */
    assert_int_equal(gate(&c, "p90:5%"), 1);
    assert_int_equal(gate(&c, "throughput:5%"), 1);
    assert_int_equal(gate(&c, "throughput:20%"), 0);
    assert_int_equal(gate(&c, "load:5%"), 3); /* nobody has a load time here */
    assert_int_equal(gate(&c, "p51:5%"), IFM_ERR_USAGE);
    assert_int_equal(gate(&c, "p50:5%%"), IFM_ERR_USAGE);
    assert_int_equal(gate(&c, ""), IFM_ERR_USAGE); /* a variable that was not set is no gate that holds */
    ifm_compared_done(&c);
    ifm_view_done(&a);
    ifm_view_done(&b);
}

static void other_devices_and_wrong_outputs_are_inconclusive(void **state)
{
    (void)state;
    struct ifm_view a, b, wrong;
    struct ifm_compared c;
    make_run(&a, 1000000, "d", IFM_VERIFY_NONE);
    make_run(&b, 2000000, "e", IFM_VERIFY_NONE);
    make_run(&wrong, 500000, "d", IFM_VERIFY_WRONG);
    assert_int_equal(ifm_compared_make(&a, &b, IFM_COMPARED_DELTA, &c, NULL), 0);
    assert_false(c.comparable);
    t_assert_contains(c.reason, "different devices");
    assert_int_equal(c.metrics[IFM_METRIC_P50].verdict, IFM_VERDICT_INCONCLUSIVE);
    assert_int_equal(gate(&c, "p50:5%"), 3);
    ifm_compared_done(&c);
    assert_int_equal(ifm_compared_make(&a, &wrong, IFM_COMPARED_DELTA, &c, NULL), 0);
    assert_int_equal(c.metrics[IFM_METRIC_P50].verdict, IFM_VERDICT_INCONCLUSIVE);
    t_assert_contains(c.reason, "outputs of B are WRONG");
    ifm_compared_done(&c);
    ifm_view_done(&a);
    ifm_view_done(&b);
    ifm_view_done(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_well),
        cmocka_unit_test(a_view_is_made_from_samples),
        cmocka_unit_test(damaged_samples_are_refused),
        cmocka_unit_test(bins_are_within_a_thirtysecond_of_a_doubling),
        cmocka_unit_test(limits_have_three_answers),
        cmocka_unit_test(other_devices_and_wrong_outputs_are_inconclusive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
