/* Error replies: one shape for all, hostile text escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/http/problem.h"

static const char *write_it(struct ifm_buf *out, int status, int code, const char *where, const char *text)
{
    struct ifm_err err = IFM_ERR_INIT;
    ifm_err_set(&err, code, where, "%s", text);
    ifm_buf_init(out, 4096);
    ifm_problem_write(out, status, &err, "/a", "01-1");
    return out->data;
}

static void writes_every_field(void **state)
{
    (void)state;
    struct ifm_buf out;
    assert_string_equal(write_it(&out, 0, IFM_ERR_NOT_FOUND, "store", "no run \"x\""),
                        "{\"type\":\"/problems/not-found\",\"title\":\"Not found\",\"status\":404,"
                        "\"detail\":\"no run \\\"x\\\"\",\"instance\":\"/a\",\"request_id\":\"01-1\"}");
    ifm_buf_done(&out);
}

static void a_pointer_becomes_errors(void **state)
{
    (void)state;
    struct ifm_buf out;
    const char *text = write_it(&out, 0, IFM_ERR_INVALID, "/samples/0/block", "damaged");
    assert_non_null(strstr(text, "\"status\":422"));
    assert_non_null(strstr(text, "\"detail\":\"/samples/0/block: damaged\",\"instance\""));
    assert_non_null(strstr(text, "\"errors\":[{\"pointer\":\"/samples/0/block\",\"detail\":\"damaged\"}]"));
    ifm_buf_done(&out);
}

static void statuses_of_http_alone_have_names(void **state)
{
    (void)state;
    static const struct { int status; const char *type; } rows[] = {
        { 411, "\"/problems/length-required\"" },
        { 414, "\"/problems/address-too-long\"" },
        { 431, "\"/problems/headers-too-large\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ifm_buf out;
        assert_non_null(strstr(write_it(&out, rows[i].status, IFM_ERR_TOO_LARGE, "http", "x"), rows[i].type));
        ifm_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_field),
        cmocka_unit_test(a_pointer_becomes_errors),
        cmocka_unit_test(statuses_of_http_alone_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
