/* The reader of ONNX Runtime's profile: what it counts, and that nothing in the text is trusted. */
#include "tests/lib/testlib.h"
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/onnxruntime.h"

#define NODE(name, type, ts, dur, shapes)                                                          \
    "{\"cat\" : \"Node\",\"pid\" :1,\"tid\" :7,\"dur\" :" #dur ",\"ts\" :" #ts                     \
    ",\"ph\" : \"X\",\"name\" :\"" name "_kernel_time\",\"args\" : {\"op_name\" : \"" type         \
    "\",\"provider\" : \"CPUExecutionProvider\",\"thread_scheduling_stats\" : \"\","               \
    "\"input_type_shape\" : [" shapes "],\"output_size\" : \"4\"}},\n"
#define RUN "{\"cat\" : \"Session\",\"pid\" :1,\"tid\" :7,\"dur\" :100,\"ts\" :0,\"ph\" : \"X\",\"name\" :\"model_run\",\"args\" : {}},\n"

static const char sample[] =
    "[\n{\"cat\" : \"Session\",\"pid\" :1,\"tid\" :7,\"dur\" :9,\"ts\" :3,\"ph\" : \"X\",\"name\" :\"model_loading_uri\",\"args\" : {}},\n"
    NODE("a;conv", "Conv", 10, 900, "{\"float\":[1,3,8,8]},{\"float\":[4,3,3,3]}") RUN
    NODE("a;conv", "Conv", 10, 40, "{\"float\":[1,3,8,8]},{\"float\":[4,3,3,3]}")
    NODE("b;relu", "Relu", 60, 5, "{\"float\":[]}")
    NODE("inner", "Add", 72, 10, "")
    NODE("outer", "If", 70, 30, "{\"bool\":[]}") RUN
    NODE("a;conv", "Conv", 10, 60, "{\"float\":[1,3,8,8]},{\"float\":[4,3,3,3]}") RUN "]";

static void calls_are_added_up_without_the_first_inference(void **state)
{
    struct ifm_op_profile rows[8];
    size_t n = 8;
    (void)state;
    assert_null(onnx_trace_read(sample, sizeof sample - 1, 1, rows, &n));
    assert_int_equal(n, 4);
    assert_string_equal(rows[0].name, "conv"); /* the last of the fused names */
    assert_string_equal(rows[0].type, "Conv");
    assert_string_equal(rows[0].provider, "CPUExecutionProvider");
    assert_string_equal(rows[0].shapes, "1x3x8x8 4x3x3x3");
    assert_int_equal(rows[0].calls, 2);
    assert_int_equal(rows[0].total_ns, 100000);
    assert_int_equal(rows[0].start_ns, 10000);
    assert_string_equal(rows[1].name, "outer"); /* 30 us, of which 10 belong to the operator inside */
    assert_int_equal(rows[1].total_ns, 20000);
    assert_int_equal(rows[1].start_ns, 70000);
    assert_string_equal(rows[2].name, "inner");
    assert_int_equal(rows[2].total_ns, 10000);
    assert_string_equal(rows[3].shapes, "scalar");
}

static void what_finds_no_row_is_added_to_the_last(void **state)
{
    struct ifm_op_profile rows[2];
    size_t n = 2;
    (void)state;
    assert_null(onnx_trace_read(sample, sizeof sample - 1, 1, rows, &n));
    assert_int_equal(n, 2);
    assert_string_equal(rows[1].name, "(others)");
    assert_int_equal(rows[0].total_ns + rows[1].total_ns, 135000);
    n = 0;
    assert_null(onnx_trace_read(sample, sizeof sample - 1, 1, rows, &n));
    assert_int_equal(n, 0);
}

/* Each cut, and each byte replaced: a sentence or rows, never more. Sanitizers look on. */
static void broken_text_is_refused_or_read_without_harm(void **state)
{
    static const char bytes[] = { '\0', '"', '\\', '{', '}', '[', ']', '-', '9', (char)0xff };
    struct ifm_op_profile rows[8];
    (void)state;
    for (size_t cut = 0; cut < sizeof sample - 1; cut++) {
        size_t n = 8;
        char *copy = malloc(cut + 1);
        memcpy(copy, sample, cut);
        assert_non_null(onnx_trace_read(copy, cut, 1, rows, &n));
        free(copy);
    }
    char *copy = malloc(sizeof sample);
    for (size_t at = 0; at < sizeof sample - 1; at++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            size_t n = 8;
            memcpy(copy, sample, sizeof sample);
            copy[at] = bytes[b];
            onnx_trace_read(copy, sizeof sample - 1, 1, rows, &n);
            assert_true(n <= 8);
        }
    }
    free(copy);
}

static size_t put(char *to, const char *text)
{
    memcpy(to, text, strlen(text));
    return strlen(text);
}

static void deep_and_huge_values_are_bounded(void **state)
{
    struct ifm_op_profile rows[8];
    size_t n = 8, size = 0;
    char *text = malloc(400000);
    (void)state;
    size += put(text, "[{\"x\":");
    memset(text + size, '[', 100000);
    assert_non_null(onnx_trace_read(text, size + 100000, 0, rows, &n));
    size = put(text, "[{\"cat\":\"Node\",\"ts\":99999999999999999999999999,\"dur\":-5,\"name\":\"");
    memset(text + size, 'n', 200000);
    size += 200000;
    size += put(text + size, "_kernel_time\"}]");
    n = 8;
    assert_null(onnx_trace_read(text, size, 0, rows, &n));
    assert_int_equal(n, 0);
    size = put(text, "[");
    for (int i = 0; i < 1000; i++) { /* inferences that began before all time, and nodes long after */
        size += put(text + size, "{\"cat\":\"Node\",\"ts\":999999999999,\"dur\":1,\"name\":\"a_kernel_time\"},"
                                 "{\"cat\":\"Session\",\"ts\":-9999999999999,\"name\":\"model_run\"},");
    }
    size += put(text + size, "]");
    n = 8;
    assert_null(onnx_trace_read(text, size, 0, rows, &n));
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].calls, 1000);
    assert_int_equal(rows[0].start_ns, -1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_added_up_without_the_first_inference),
        cmocka_unit_test(what_finds_no_row_is_added_to_the_last),
        cmocka_unit_test(broken_text_is_refused_or_read_without_harm),
        cmocka_unit_test(deep_and_huge_values_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
