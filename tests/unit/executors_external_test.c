/* What another program printed: lines that are measurements, lines that are none, lines that lie. */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/executors/external.h"
#include "core/codec.h"
#include "core/mem.h"

static struct ifm_external_output read_all(const char *text)
{
    struct ifm_external_output out;
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_external_read(text, strlen(text), &out, &err) != 0)
        fail_msg("%s", err.text);
    return out;
}

static void refused(const char *text, const char *part)
{
    struct ifm_external_output out;
    struct ifm_err err = IFM_ERR_INIT;
    t_assert_error(ifm_external_read(text, strlen(text), &out, &err), IFM_ERR_INVALID, &err, part);
    ifm_external_output_done(&out);
}

static void latencies_come_in_their_order(void **state)
{
    (void)state;
    struct ifm_external_output out = read_all("hello\n"
                                              "{\"latency_ns\":900,\"warmup\":true}\n"
                                              "{\"latency_ns\":12.5,\"warmup\":false,\"batch\":[1,2]}\r\n"
                                              "{\"event\":\"ready\"}\n"
                                              "\n"
                                              "  {\"latency_ns\":3600000000000}\n"
                                              "{\"latency_ns\":0}");
    assert_int_equal(out.count, 4);
    assert_int_equal(out.warmup, 1);
    assert_int_equal(out.other, 3);
    assert_int_equal(out.latency_ns[0], 900);
    assert_int_equal(out.latency_ns[1], 13);
    assert_int_equal(out.latency_ns[2], INT64_C(3600000000000));
    assert_int_equal(out.latency_ns[3], 0);
    ifm_external_output_done(&out);
    out = read_all("");
    assert_int_equal(out.count, 0);
    ifm_external_output_done(&out);
}

static void a_line_that_wants_to_be_one_and_is_none_is_refused(void **state)
{
    (void)state;
    refused("x\n{\"latency_ns\":-1}\n", "line 2");
    refused("{\"latency_ns\":3600000000001}\n", "line 1");
    refused("{\"latency_ns\":1e999}\n", "line 1");
    refused("{\"latency_ns\":\"5\"}\n", "line 1");
    refused("{\"latency_ns\":null}\n", "line 1");
    refused("{\"latency_ns\":}\n", "line 1");
    refused("{\"latency_ns\":5\n", "line 1");
    refused("{\"latency_ns\":5}{\"latency_ns\":6}\n", "line 1");
    refused("{\"latency_ns\":5,\"warmup\":1}\n", "line 1");
    refused("{\"latency_ns\":5}\n{\"latency_ns\":5,\"warmup\":true}\n", "line 2 says warmup after");
}

static void lengths_and_counts_are_limited(void **state)
{
    (void)state;
    size_t len = IFM_EXTERNAL_LINE_MAX + 100;
    char *line = calloc(len + 1, 1);
    assert_non_null(line);
    memset(line, ' ', len);
    memcpy(line, "{\"latency_ns\":5", 15);
    line[len - 1] = '}';
    refused(line, "longer than");
    memset(line, 'x', len); /* no measurement: let through at any length */
    struct ifm_external_output out = read_all(line);
    assert_int_equal(out.other, 1);
    ifm_external_output_done(&out);
    free(line);
    char *many = malloc(2 * (IFM_EXTERNAL_OTHER_MAX + 1) + 1);
    assert_non_null(many);
    for (size_t i = 0; i <= IFM_EXTERNAL_OTHER_MAX; i++)
        memcpy(many + 2 * i, "x\n", 2);
    many[2 * (IFM_EXTERNAL_OTHER_MAX + 1)] = '\0';
    refused(many, "lines without a latency");
    free(many);
}

/* Any bytes: no crash, and what is refused has a sentence. */
static void bytes_of_any_kind(void **state)
{
    (void)state;
    static const char seed[] = "{\"latency_ns\":5}\n{\"latency_ns\":6,\"warmup\":false}\n{}\n";
    char text[sizeof seed];
    for (size_t at = 0; at < sizeof seed - 1; at++)
        for (int bit = 0; bit < 8; bit++) {
            struct ifm_external_output out;
            struct ifm_err err = IFM_ERR_INIT;
            memcpy(text, seed, sizeof seed);
            text[at] = (char)(text[at] ^ (1 << bit));
            if (ifm_external_read(text, sizeof seed - 1, &out, &err) != 0)
                assert_true(err.text[0] != '\0');
            ifm_external_output_done(&out);
        }
}

static void samples_become_blocks(void **state)
{
    (void)state;
    struct ifm_msg_invocation inv;
    struct ifm_err err = IFM_ERR_INIT;
    size_t n = IFM_CODEC_SAMPLES_MAX + 10;
    struct ifm_external_output out = { .count = n + 3, .warmup = 3 };
    out.latency_ns = ifm_alloc_array(out.count, sizeof *out.latency_ns);
    assert_non_null(out.latency_ns);
    for (size_t i = 0; i < out.count; i++)
        out.latency_ns[i] = (int64_t)(1000 + i % 7);
    ifm_json_init(&ifm_invocation_table, &inv);
    assert_int_equal(ifm_external_store(&out, &inv, &err), 0);
    const struct ifm_msg_block *blocks = inv.samples.items;
    assert_int_equal(inv.samples.count, 3);
    assert_int_equal(inv.iterations, n);
    assert_int_equal(inv.warmup_iterations, 3);
    assert_int_equal(inv.first_inference_ns, 1000);
    assert_int_equal(blocks[0].phase, 0);
    assert_int_equal(blocks[1].first, 0);
    assert_int_equal(blocks[2].first, IFM_CODEC_SAMPLES_MAX);
    assert_int_equal(blocks[2].count, 10);
    int64_t values[10];
    size_t got = 0;
    assert_int_equal(ifm_codec_decode(blocks[2].block.bytes, blocks[2].block.len, values, 10, &got, &err), 0);
    assert_int_equal(got, 10);
    assert_int_equal(values[9], out.latency_ns[out.count - 1]);
    ifm_json_free(&ifm_invocation_table, &inv);
    ifm_external_output_done(&out);
}

static int read_and_store(void *argument, struct ifm_err *err)
{
    struct ifm_external_output out;
    struct ifm_msg_invocation inv;
    ifm_json_init(&ifm_invocation_table, &inv);
    int rc = ifm_external_read(argument, strlen(argument), &out, err);
    if (!rc)
        rc = ifm_external_store(&out, &inv, err);
    ifm_external_output_done(&out);
    ifm_json_free(&ifm_invocation_table, &inv);
    return rc;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    char text[] = "{\"latency_ns\":9,\"warmup\":true}\n{\"latency_ns\":5}\n{\"latency_ns\":6}\n";
    t_sweep("external output", read_and_store, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latencies_come_in_their_order),
        cmocka_unit_test(a_line_that_wants_to_be_one_and_is_none_is_refused),
        cmocka_unit_test(lengths_and_counts_are_limited),
        cmocka_unit_test(bytes_of_any_kind),
        cmocka_unit_test(samples_become_blocks),
        cmocka_unit_test(memory_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
