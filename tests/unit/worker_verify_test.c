/* Verification: verified, wrong, not finite, not deterministic; and the events that carry samples.
 */
#include "tests/lib/testlib.h"
#include <math.h>
#include <string.h>
#include <stdio.h>
#include "agents/worker/report.h"
#include "agents/worker/run.h"
#include "agents/worker/sampling.h"
#include "agents/worker/verify.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/tensor.h"
#include "core/wire.h"

static float values[6] = { 1, 2, 3, 4, 5, 6 };
static const struct ifm_tensor output = { .name = "y",
                                          .dtype = IFM_DTYPE_F32,
                                          .rank = 2,
                                          .dims = { 2, 3 },
                                          .data = values,
                                          .bytes = sizeof values };

static const struct ifm_verify_precision unknown = { .variant = NULL };

static struct ifm_msg_spec_expect reference(const float *numbers, int64_t columns)
{
    struct ifm_tensor t = {
        .name = "y", .dtype = IFM_DTYPE_F32, .rank = 2, .dims = { 2, columns }
    };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_spec_expect e = {
        .output = "y", .file = t_temp_path("y.npy"), .rtol = (double)NAN, .atol = (double)NAN
    };
    t.data = (void *)(uintptr_t)numbers;
    t.bytes = (size_t)(2 * columns) * sizeof *numbers;
    assert_int_equal(ifm_npy_write(e.file, &t, &err), 0);
    return e;
}

static void check(const float *numbers, int64_t columns, int expected_state, const char *reason)
{
    struct ifm_msg_event event; /* frees the comparisons */
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_spec_expect e = reference(numbers, columns);
    const struct ifm_list expect = { &e, 1 };
    ifm_json_init(&ifm_event_table, &event);
    assert_int_equal(ifm_verify_outputs(&output, 1, &expect, &unknown, &event.verification, &event.warnings, &err), 0);
    assert_int_equal(event.verification.state, expected_state);
    const struct ifm_msg_comparison *c = event.verification.outputs.items;
    assert_int_equal(event.verification.outputs.count, 1);
    assert_int_equal(c->passed, expected_state == IFM_VERIFY_VERIFIED);
    if (reason) {
        t_assert_contains(c->reason, reason);
    } else {
        assert_null(c->reason);
    }
    ifm_json_free(&ifm_event_table, &event);
    ifm_free(e.file);
}

static void outputs_within_the_default_tolerance_are_verified(void **state)
{
    const float near[] = { 1, 2.0001f, 3, 4, 5, 6 };
    (void)state;
    check(values, 3, IFM_VERIFY_VERIFIED, NULL);
    check(near, 3, IFM_VERIFY_VERIFIED, NULL);
}

static void outputs_outside_it_are_wrong_and_say_where(void **state)
{
    const float far[] = { 1, 2, 3.5f, 4, 5, 6 }, wide[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    (void)state;
    check(far, 3, IFM_VERIFY_WRONG, "1 of 6 values are outside rtol 0.0001, atol 1e-05");
    check(far, 3, IFM_VERIFY_WRONG, "first at 2");
    check(wide, 4, IFM_VERIFY_WRONG, "shape");
}

/* Every third value is off by one part in 200: what half precision does, and float32 does not. */
static void judge_as(const char *variant, const char *effective, const struct ifm_msg_spec_expect *e,
                     int state, const char *rule)
{
    const struct ifm_verify_precision precision = { .variant = variant, .effective = effective };
    const struct ifm_list expect = { (void *)(uintptr_t)e, 1 };
    struct ifm_msg_event event;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_json_init(&ifm_event_table, &event);
    assert_int_equal(ifm_verify_outputs(&output, 1, &expect, &precision, &event.verification,
                                        &event.warnings, &err),
                     0);
    const struct ifm_msg_comparison *c = event.verification.outputs.items;
    assert_int_equal(event.verification.state, state);
    assert_string_equal(c->rule, rule);
    ifm_json_free(&ifm_event_table, &event);
}

static void the_coarser_precision_decides(void **state)
{
    const float half[] = { 1, 2.01f, 3, 4, 5.02f, 6 }, rough[] = { 1.2f, 2, 3, 4.3f, 5, 6 };
    (void)state;
    struct ifm_msg_spec_expect e = reference(half, 3);
    judge_as(NULL, NULL, &e, IFM_VERIFY_WRONG, "float32");
    judge_as("float32", "bfloat16", &e, IFM_VERIFY_VERIFIED, "bfloat16");
    judge_as("float16", "float32", &e, IFM_VERIFY_VERIFIED, "float16");
    e.rtol = 1e-3; /* as typed: wins whatever the runtime does */
    judge_as("float32", "bfloat16", &e, IFM_VERIFY_WRONG, "given");
    e.precision = ifm_dup("float32"); /* a bundle's, for that precision: the runtime's is another one */
    judge_as(NULL, "bfloat16", &e, IFM_VERIFY_VERIFIED, "bfloat16");
    judge_as(NULL, "float32", &e, IFM_VERIFY_WRONG, "given");
    ifm_free(e.precision);
    ifm_free(e.file);
    e = reference(rough, 3);
    judge_as("float16", NULL, &e, IFM_VERIFY_WRONG, "float16");
    judge_as("int8", NULL, &e, IFM_VERIFY_VERIFIED, "int8");
    ifm_free(e.file);
}

static void quantized_outputs_that_are_noise_are_wrong(void **state)
{
    const float other[] = { 6, -5, 1, -2, 0.5f, -3 };
    (void)state;
    struct ifm_msg_spec_expect e = reference(other, 3);
    judge_as("int8", NULL, &e, IFM_VERIFY_WRONG, "int8");
    judge_as("int2", NULL, &e, IFM_VERIFY_WRONG, "int2");
    ifm_free(e.file);
}

static void nan_is_wrong_and_a_warning(void **state)
{
    const float good[] = { 1, 2, 3, 4, 5, 6 };
    struct ifm_msg_event event;
    (void)state;
    values[3] = NAN;
    check(good, 3, IFM_VERIFY_WRONG, "1 of 6 values are NaN or infinite");
    ifm_json_init(&ifm_event_table, &event);
    ifm_verify_finite(&output, 1, &event.warnings);
    assert_int_equal(event.warnings.count, 1);
    t_assert_contains(event.warnings.items[0], "output y holds NaN or infinity in 1 of 6");
    ifm_json_free(&ifm_event_table, &event);
    values[3] = 4;
}

static void without_a_reference_nothing_is_claimed(void **state)
{
    struct ifm_msg_verification v = { .state = IFM_VERIFY_NONE };
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_list none = { NULL, 0 };
    struct ifm_strings warnings = { .items = NULL };
    (void)state;
    assert_int_equal(ifm_verify_outputs(&output, 1, &none, &unknown, &v, &warnings, &err), 0);
    assert_int_equal(v.state, IFM_VERIFY_NONE);
    assert_int_equal(v.outputs.count, 0);
}

static void a_reference_for_no_output_or_without_a_file_is_an_error(void **state)
{
    struct ifm_msg_event event;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_spec_expect e = {
        .output = "yy", .file = "/nonexistent.npy", .rtol = (double)NAN, .atol = (double)NAN
    };
    const struct ifm_list expect = { &e, 1 };
    (void)state;
    ifm_json_init(&ifm_event_table, &event);
    t_assert_error(ifm_verify_outputs(&output, 1, &expect, &unknown, &event.verification, &event.warnings, &err),
                   IFM_ERR_INVALID, &err, "no output 'yy'; did you mean y?");
    e.output = "y";
    t_assert_error(ifm_verify_outputs(&output, 1, &expect, &unknown, &event.verification, &event.warnings, &err),
                   IFM_ERR_NOT_FOUND, &err, "reference of output y");
    ifm_json_free(&ifm_event_table, &event);
}

static void the_hash_sees_every_byte_name_and_shape(void **state)
{
    struct ifm_tensor t = output;
    unsigned char *bytes = (unsigned char *)values;
    const uint64_t before = ifm_verify_hash(&t, 1);
    (void)state;
    for (size_t i = 0; i < sizeof values; i++) {
        bytes[i] ^= 0x80;
        assert_true(ifm_verify_hash(&t, 1) != before);
        bytes[i] ^= 0x80;
    }
    assert_true(ifm_verify_hash(&t, 1) == before);
    t.dims[0] = 3;
    t.dims[1] = 2;
    assert_true(ifm_verify_hash(&t, 1) != before);
    t = output;
    t.name = "z";
    assert_true(ifm_verify_hash(&t, 1) != before);
}

/* -- Samples --------------------------------------------------------------------------------------
 */
static void samples_become_blocks_of_latencies_and_gaps(void **state)
{
    enum { N = 70000 };
    static struct ifm_loop_sample samples[N];
    static int64_t latencies[IFM_CODEC_SAMPLES_MAX], gaps[IFM_CODEC_SAMPLES_MAX];
    static int64_t late[N], lateness[IFM_CODEC_SAMPLES_MAX];
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_temp_path("events"), *text;
    FILE *file = fopen(path, "w+");
    size_t seen = 0;
    (void)state;
    for (size_t i = 0; i < N; i++) {
        samples[i].start_ns = 1000000 + (int64_t)i * 1000;
        late[i] = (int64_t)i * 3;
        samples[i].duration_ns = i == 5 ? INT64_C(9000000000) : 700 + (int64_t)(i % 7);
    }
    const struct ifm_report_series series = { .phase = IFM_REPORT_STEADY,
                                              .samples = samples,
                                              .lateness_ns = late,
                                              .count = N,
                                              .begin_ns = 999990 };
    assert_int_equal(ifm_report_samples(fileno(file), &series, &err), 0);
    fclose(file);
    text = t_read(path, NULL);
    for (char *line = text; *line;) {
        struct ifm_msg_event e;
        char *end = strchr(line, '\n');
        size_t n = 0, m = 0;
        assert_int_equal(ifm_json_decode(&ifm_event_table, line, (size_t)(end - line), &e, &err),
                         0);
        assert_int_equal(e.samples.first, seen);
        assert_int_equal(e.samples.phase, 1);
        const struct ifm_block *b = &e.samples.block, *g = &e.samples.gaps,
                               *l = &e.samples.lateness;
        assert_int_equal(
            ifm_codec_decode(b->bytes, b->len, latencies, IFM_CODEC_SAMPLES_MAX, &n, &err), 0);
        assert_int_equal(ifm_codec_decode(g->bytes, g->len, gaps, IFM_CODEC_SAMPLES_MAX, &m, &err),
                         0);
        assert_true(n == m && n == (size_t)e.samples.count);
        assert_int_equal(
            ifm_codec_decode(l->bytes, l->len, lateness, IFM_CODEC_SAMPLES_MAX, &m, &err), 0);
        assert_int_equal(m, n);
        for (size_t i = 0; i < n; i++) {
            const size_t at = seen + i;
            const int64_t before =
                at ? samples[at - 1].start_ns + samples[at - 1].duration_ns : 999990;
            assert_true(latencies[i] == samples[at].duration_ns &&
                        gaps[i] == samples[at].start_ns - before);
            assert_int_equal(lateness[i], late[at]);
        }
        seen += n;
        ifm_json_free(&ifm_event_table, &e);
        line = end + 1;
    }
    assert_int_equal(seen, N);
    ifm_free(text);
    ifm_free(path);
}

static void the_array_fits_what_was_asked_for(void **state)
{
    struct ifm_msg_spec spec = { .iterations = 1024, .duration_ns = INT64_C(3000000000) };
    (void)state;
    assert_int_equal(ifm_run_capacity(&spec, 1000000, 1), 3000 * 2 + 1024);
    assert_int_equal(ifm_run_capacity(&spec, 1000000, 100), 3000 * 2 + 11); /* 1024 / 100 */
    assert_int_equal(ifm_run_capacity(&spec, 50, 1), 4194304);
    assert_int_equal(ifm_run_capacity(&spec, 0, 1), 4194304);
    spec.max_samples = 500;
    assert_int_equal(ifm_run_capacity(&spec, 1000000, 1), 500);
    spec = (struct ifm_msg_spec){ .iterations = 1 };
    assert_int_equal(ifm_run_capacity(&spec, 1000000, 1), 1024);
}

/* -- Memory of a phase ----------------------------------------------------------------------------
 */
static void the_peak_is_that_of_the_phase_less_our_own(void **state)
{
    const size_t bytes = 64 << 20;
    struct ifm_sampling at;
    struct ifm_msg_memory big, small, less;
    struct ifm_loop_array array;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    ifm_sampling_begin(&at);
    if (!at.peak_reset) {
        print_message("SKIP: this kernel does not reset VmHWM\n");
        skip();
    }
    assert_int_equal(ifm_loop_array_init(&array, bytes / 16, &err), 0);
    ifm_sampling_end(&at, 0, &big);
    ifm_sampling_end(&at, array.bytes, &less);
    ifm_loop_array_done(&array);
    ifm_sampling_begin(&at); /* resets the mark: a freed 64 MiB must not be seen again */
    ifm_sampling_end(&at, 0, &small);
    assert_true(big.peak_rss_bytes >= (int64_t)bytes);
    assert_true(small.peak_rss_bytes < big.peak_rss_bytes - (int64_t)bytes / 2);
    assert_true(less.peak_rss_bytes == big.peak_rss_bytes - array.bytes ||
                less.peak_rss_bytes < big.peak_rss_bytes);
    assert_true(big.minor_faults >= 0 && big.anon_bytes > 0 && big.file_bytes > 0);
    assert_true(ifm_sampling_status_bytes("VmData:") > 0);
    assert_true(ifm_sampling_status_bytes("NoSuchKey:") == IFM_JSON_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_within_the_default_tolerance_are_verified),
        cmocka_unit_test(outputs_outside_it_are_wrong_and_say_where),
        cmocka_unit_test(the_coarser_precision_decides),
        cmocka_unit_test(quantized_outputs_that_are_noise_are_wrong),
        cmocka_unit_test(nan_is_wrong_and_a_warning),
        cmocka_unit_test(without_a_reference_nothing_is_claimed),
        cmocka_unit_test(a_reference_for_no_output_or_without_a_file_is_an_error),
        cmocka_unit_test(the_hash_sees_every_byte_name_and_shape),
        cmocka_unit_test(samples_become_blocks_of_latencies_and_gaps),
        cmocka_unit_test(the_array_fits_what_was_asked_for),
        cmocka_unit_test(the_peak_is_that_of_the_phase_less_our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
