/* Texts that were made to hurt: each is refused with the right code, in little memory, with nothing
 * left. */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/msg.h"

static int decode(const char *text, size_t len, struct ifm_err *err)
{
    struct ifm_msg_invocation out;
    int rc = ifm_json_decode(&ifm_invocation_table, text, len, &out, err);
    ifm_json_free(&ifm_invocation_table, &out);
    return rc;
}

/* Fills a text of `total` bytes: head, then unit over and over, then tail. */
static char *repeated(const char *head, const char *unit, const char *tail, size_t total)
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, total + 100);
    ifm_buf_adds(&buf, head);
    while (buf.len < total)
        ifm_buf_adds(&buf, unit);
    ifm_buf_adds(&buf, tail);
    return ifm_buf_take(&buf);
}

static void refused(const char *text, size_t len, int code, const char *what, size_t bytes_max)
{
    struct ifm_err err = IFM_ERR_INIT;
    t_alloc_start();
    t_assert_error(decode(text, len, &err), code, &err, what);
    assert_int_equal(t_alloc_outstanding(), 0);
    if (t_alloc_bytes_peak() > bytes_max)
        fail_msg("%zu bytes were taken for %.40s…", t_alloc_bytes_peak(), text);
    t_alloc_stop();
}

static void eight_megabytes_of_empty_objects_cost_nothing(void **state)
{
    (void)state;
    const size_t total = 8 * 1024 * 1024;
    char *flat = repeated("[", "{},", "{}]", total),
         *named = repeated("{\"x\":[", "{},", "{}]}", total);
    char *deep = repeated("", "{\"a\":", "", total), *lists = repeated("", "[", "", total);
    char *labels = repeated("{\"samples\":[", "{\"block\":\"\"},", "{}]}", total);
    refused(flat, strlen(flat), IFM_ERR_TOO_LARGE, "larger than 262144 bytes", 0);
    refused(named, strlen(named), IFM_ERR_TOO_LARGE, "larger than 262144 bytes", 0);
    refused(deep, strlen(deep), IFM_ERR_BAD_REQUEST, "nested deeper than 16 levels", 0);
    refused(lists, strlen(lists), IFM_ERR_BAD_REQUEST, "nested deeper than 16 levels", 0);
    refused(labels, strlen(labels), IFM_ERR_TOO_LARGE, "larger than 262144 bytes", 2 * 1024 * 1024);
    ifm_free(flat);
    ifm_free(named);
    ifm_free(deep);
    ifm_free(lists);
    ifm_free(labels);
}

/* The most that a text within the limits can make the parser take. */
static void the_worst_text_within_the_limit_is_bounded(void **state)
{
    (void)state;
    char *text = repeated("[", "{},", "{}]", IFM_JSON_TEXT_MAX - 10);
    refused(text, strlen(text), IFM_ERR_INVALID, "wanted an object, got a list", 32 * 1024 * 1024);
    ifm_free(text);
}

static void one_huge_string_or_gap_is_too_large(void **state)
{
    (void)state;
    const size_t total = 8 * 1024 * 1024;
    char *string = repeated("{\"x\":\"", "aaaaaaaaaaaaaaaa", "\"}", total);
    char *key = repeated("{\"", "aaaaaaaaaaaaaaaa", "\":1}", total),
         *space = repeated("{", "        ", "}", total);
    char *escapes = repeated("{\"x\":\"", "\\u0041\\\\", "\"}", total);
    refused(string, strlen(string), IFM_ERR_TOO_LARGE, "larger than", 0);
    refused(key, strlen(key), IFM_ERR_TOO_LARGE, "larger than", 0);
    refused(space, strlen(space), IFM_ERR_TOO_LARGE, "larger than", 0);
    refused(escapes, strlen(escapes), IFM_ERR_TOO_LARGE, "larger than", 0);
    ifm_free(string);
    ifm_free(key);
    ifm_free(space);
    ifm_free(escapes);
}

static void the_limit_is_exact(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    const char *head = "{\"v\":1,\"n\":0,\"started_at\":\"2026-11-24T22:51:43Z\",\"status\":\"ok\"";
    char *fits = repeated(head, " ", "}", IFM_JSON_TEXT_MAX - 1);
    assert_int_equal(strlen(fits), IFM_JSON_TEXT_MAX);
    assert_int_equal(decode(fits, strlen(fits), &err), 0);
    char *over = repeated(head, " ", "}", IFM_JSON_TEXT_MAX);
    assert_int_equal(decode(over, strlen(over), &err), IFM_ERR_TOO_LARGE);
    ifm_free(fits);
    ifm_free(over);
}

static void big_blocks_do_not_count_as_text(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    const char *head =
        "{\"v\":1,\"n\":0,\"started_at\":\"2026-11-24T22:51:43Z\",\"status\":\"ok\",\"samples\":["
        "{\"phase\":\"steady\",\"first\":0,\"count\":1,\"block\":\"";
    char *text = repeated(head, "AAAA", "\"}]}", 600000);
    t_alloc_start();
    assert_int_equal(decode(text, strlen(text), &err), 0);
    assert_true(t_alloc_bytes_peak() <
                600000 / 4 * 3 + 32 * 1024); /* the bytes once, no copy of the text */
    t_alloc_stop();
    ifm_free(text);
    text = repeated(head, "AAAA", "\"}]}", 2000000);
    t_assert_error(decode(text, strlen(text), &err), IFM_ERR_TOO_LARGE, &err,
                   "a block of at most 600000 bytes");
    assert_string_equal(err.where, "/samples/0/block");
    ifm_free(text);
}

static void depth_sixteen_is_the_last(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    const char *head =
        "{\"v\":1,\"n\":0,\"started_at\":\"2026-11-24T22:51:43Z\",\"status\":\"ok\",\"x\":";
    char text[200];
    snprintf(text, sizeof text, "%s%.15s%.15s}", head, "[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]");
    assert_int_equal(decode(text, strlen(text), &err), 0);
    snprintf(text, sizeof text, "%s%.16s%.16s}", head, "[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]");
    assert_int_equal(decode(text, strlen(text), &err), IFM_ERR_BAD_REQUEST);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{}}",
        "{}{}",
        "{} x",
        "null",
        "1",
        "\"x\"",
        "nul",
        "{\"v\"}",
        "{\"v\":}",
        "{\"v\":1,}",
        "{,}",
        "{v:1}",
        "{'v':1}",
        "{\"v\":1 \"n\":2}",
        "{\"v\":01}",
        "{\"v\":+1}",
        "{\"v\":.5}",
        "{\"v\":1.}",
        "{\"v\":0x1}",
        "{\"v\":NaN}",
        "{\"v\":Infinity}",
        "{\"v\":-Infinity}",
        "{\"v\":1e999}",
        "{\"v\":-1e999}",
        "{\"v\":99999999999999999999}",
        "{\"v\":1}//x",
        "{\"v\":/*x*/1}",
        "\xef\xbb\xbf{\"v\":1}",
        "{\"v\":\"\x01\"}",
        "{\"v\":\"a\nb\"}",
        "{\"v\":\"\\x\"}",
        "{\"v\":\"\\u12G4\"}",
        "{\"v\":\"\\uD800\"}",
        "{\"v\":\"\\uDC00\"}",
        "{\"v\":\"\\uD800\\u0041\"}",
        "{\"v\":\"\\u0000\"}",
        "{\"a\\u0000b\":1}",
        "{\"v\":\"\xff\"}",
        "{\"v\":\"\xc0\x80\"}",
        "{\"v\":\"\xed\xa0\x80\"}",
        "{\"\xe2\x82\":1}",
        "{\"v\":\"\xf4\x90\x80\x80\"}",
        "{\"x\":\"\xc3\\u00e9\"}",
        "{\xc3\xa9:1}",
        "{\"v\":\"",
        "{\"v\":\"\\",
        "{\"v\":\"\\\"",
        "{\"samples\":[{\"block\":\"AAAA",
        "{\"samples\":[{\"block\":\"A\\\"A\"}]}",
        "{\"v\":1,\"v\":1}",
        "{\"v\":1,\"\\u0076\":1}",
        "{\"x\":{\"a\":1,\"a\":2}}",
        "{\"samples\":[{\"block\":\"AAAA\",\"block\":\"AAAA\"}]}",
        "{\"samples\":[{\"block\":\"AAAA\",\"bloc\\u006B\":\"AAAA\"}]}",
        "{\"samples\":[{\"block\":{}\"AAAA\"}]}"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bad[i], strlen(bad[i]), IFM_ERR_BAD_REQUEST, "not valid JSON", 16 * 1024);
    refused("{\"v\":1}\0", 8, IFM_ERR_BAD_REQUEST, "not valid JSON", 16 * 1024);
    refused("{\"v\":\"\0\"}", 9, IFM_ERR_BAD_REQUEST, "not valid JSON", 16 * 1024);
    refused("{\"\0\":1}", 7, IFM_ERR_BAD_REQUEST, "not valid JSON", 16 * 1024);
}

static void hostile_values_are_quoted_safely(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    const char *text = "{\"v\":1,\"n\":0,\"started_at\":\"\\u001b["
                       "2J\\u202e0123456789012345678901234567890123456789\","
                       "\"status\":\"ok\"}";
    t_assert_error(decode(text, strlen(text), &err), IFM_ERR_INVALID, &err,
                   "got \"\\x1B[2J\\u202E0123");
    t_assert_contains(err.text, "…\"");
}

static void absurd_numbers_of_an_invocation_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *field, *where;
    } wrong[] = {
        { "\"iterations\":-1", "/iterations" },
        { "\"iterations\":1000000000000001", "/iterations" },
        { "\"latency_ns\":[1,-1]", "/latency_ns/1" },
        { "\"latency_ns\":[3600000000001]", "/latency_ns/0" },
        { "\"latency_ns\":[1.5]", "/latency_ns/0" },
        { "\"load_ns\":9223372036854775807", "/load_ns" },
        { "\"memory_load\":{\"peak_rss_bytes\":-5}", "/memory_load/peak_rss_bytes" },
        { "\"clock\":{\"raw_ratio\":-1}", "/clock/raw_ratio" },
        { "\"signal\":1000", "/signal" },
        { "\"verification\":{}", "/verification/state" },
        { "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":0,\"block\":\"AAAA\"}]",
          "/samples/0/count" },
        { "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":65537,\"block\":\"AAAA\"}]",
          "/samples/0/count" },
        { "\"samples\":[{\"phase\":\"hot\",\"first\":0,\"count\":1,\"block\":\"AAAA\"}]",
          "/samples/0/phase" },
        { "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":1}]", "/samples/0/block" }
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ifm_err err = IFM_ERR_INIT;
        char text[400];
        snprintf(text, sizeof text,
                 "{\"v\":1,\"n\":0,\"started_at\":\"2026-11-24T22:51:43Z\",\"status\":\"ok\",%s}",
                 wrong[i].field);
        assert_int_equal(decode(text, strlen(text), &err), IFM_ERR_INVALID);
        assert_string_equal(err.where, wrong[i].where);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_megabytes_of_empty_objects_cost_nothing),
        cmocka_unit_test(the_worst_text_within_the_limit_is_bounded),
        cmocka_unit_test(one_huge_string_or_gap_is_too_large),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(big_blocks_do_not_count_as_text),
        cmocka_unit_test(depth_sixteen_is_the_last),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(hostile_values_are_quoted_safely),
        cmocka_unit_test(absurd_numbers_of_an_invocation_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
