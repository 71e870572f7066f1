/* What clients say they accept or have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/http/negotiate.h"

static void gzip_only_where_it_is_wanted(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "gzip", "GZIP", "deflate, gzip;q=1.0, *;q=0.5", "x-gzip", "*", "br;q=1,gzip ; q=0.001", "gzip;q=0.5,*;q=0",
        ",, gzip",
    };
    static const char *const no[] = { "", "br", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzipx" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_true(ifm_negotiate_gzip(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_false(ifm_negotiate_gzip(no[i]));
    }
    assert_false(ifm_negotiate_gzip(NULL));
}

static void json_and_html(void **state)
{
    (void)state;
    assert_true(ifm_negotiate_is_json("application/json"));
    assert_true(ifm_negotiate_is_json("Application/JSON ; charset=utf-8"));
    assert_false(ifm_negotiate_is_json("application/jsonx"));
    assert_false(ifm_negotiate_is_json("text/plain"));
    assert_false(ifm_negotiate_is_json(""));
    assert_false(ifm_negotiate_is_json(NULL));
    assert_true(ifm_negotiate_html("text/html,application/xhtml+xml,*/*;q=0.8"));
    assert_false(ifm_negotiate_html("*/*"));
    assert_false(ifm_negotiate_html(NULL));
}

static void tags_compare_weakly_and_without_our_suffix(void **state)
{
    (void)state;
    assert_true(ifm_negotiate_not_modified("\"a\"", "\"a\""));
    assert_true(ifm_negotiate_not_modified("W/\"a\"", "\"a\""));
    assert_true(ifm_negotiate_not_modified("\"a-gzip\"", "\"a\""));
    assert_true(ifm_negotiate_not_modified("\"x\", W/\"y\" ,\"a\"", "W/\"a\""));
    assert_true(ifm_negotiate_not_modified("*", "\"a\""));
    assert_true(ifm_negotiate_not_modified("\"with, comma\",\"a\"", "\"a\""));
    assert_false(ifm_negotiate_not_modified("\"ab\"", "\"a\""));
    assert_false(ifm_negotiate_not_modified("\"a", "\"b\""));
    assert_false(ifm_negotiate_not_modified("a", "\"a\""));
    assert_false(ifm_negotiate_not_modified("", "\"a\""));
    assert_false(ifm_negotiate_not_modified(NULL, "\"a\""));
    assert_false(ifm_negotiate_not_modified("\"a\"", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_only_where_it_is_wanted),
        cmocka_unit_test(json_and_html),
        cmocka_unit_test(tags_compare_weakly_and_without_our_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
