/* The request target: split first, decode once, refuse what two readers could understand in two ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/http/uri.h"

static void splits_before_decoding(void **state)
{
    (void)state;
    struct ifm_uri uri;
    assert_int_equal(ifm_uri_parse(&uri, "/runs/a%2Fb/..%2F..%2Fetc?q=a+b%26c&empty=&bare", NULL), 0);
    assert_int_equal(uri.segment_count, 3);
    assert_string_equal(uri.segments[1], "a/b");
    assert_string_equal(uri.segments[2], "../../etc");
    assert_string_equal(uri.path, "/runs/a/b/../../etc");
    assert_string_equal(uri.raw_path, "/runs/a%2Fb/..%2F..%2Fetc");
    assert_string_equal(uri.raw_query, "q=a+b%26c&empty=&bare");
    assert_string_equal(ifm_uri_param(&uri, "q"), "a b&c");
    assert_string_equal(ifm_uri_param(&uri, "empty"), "");
    assert_string_equal(ifm_uri_param(&uri, "bare"), "");
    assert_null(ifm_uri_param(&uri, "none"));
    ifm_uri_done(&uri);
}

static void decodes_once(void **state)
{
    (void)state;
    struct ifm_uri uri;
    assert_int_equal(ifm_uri_parse(&uri, "/%2541?x=%2541", NULL), 0);
    assert_string_equal(uri.segments[0], "%41");
    assert_string_equal(ifm_uri_param(&uri, "x"), "%41");
    ifm_uri_done(&uri);
}

static void root_has_no_segment_and_a_slash_at_the_end_one(void **state)
{
    (void)state;
    struct ifm_uri uri;
    assert_int_equal(ifm_uri_parse(&uri, "/", NULL), 0);
    assert_int_equal(uri.segment_count, 0);
    ifm_uri_done(&uri);
    assert_int_equal(ifm_uri_parse(&uri, "/runs/", NULL), 0);
    assert_int_equal(uri.segment_count, 2);
    assert_string_equal(uri.segments[1], "");
    ifm_uri_done(&uri);
    assert_int_equal(ifm_uri_parse(&uri, "/?&&", NULL), 0);
    assert_int_equal(uri.param_count, 0);
    ifm_uri_done(&uri);
}

static void refuses_what_is_not_an_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "*", "http://example.com/", "/%", "/%4", "/%zz", "/%00", "/a?b=%00", "/%ff", "/%c0%af", "/a b", "/\x7f",
        "/\xc3\xa9", "/a?x=1&x=2", "/a?x=%ed%a0%80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ifm_uri uri;
        struct ifm_err err = IFM_ERR_INIT;
        assert_int_equal(ifm_uri_parse(&uri, bad[i], &err), IFM_ERR_BAD_REQUEST);
        assert_true(err.text[0] != '\0');
        assert_string_equal(uri.raw_path, "/");
        assert_int_equal(uri.segment_count, 0);
        ifm_uri_done(&uri);
    }
    struct ifm_uri uri;
    assert_int_equal(ifm_uri_parse(&uri, NULL, NULL), IFM_ERR_BAD_REQUEST);
}

static void has_limits(void **state)
{
    (void)state;
    static char text[IFM_URI_MAX + 2];
    struct ifm_uri uri;
    memset(text, 'a', sizeof text - 1);
    text[0] = '/';
    assert_int_equal(ifm_uri_parse(&uri, text, NULL), IFM_ERR_TOO_LARGE);
    text[IFM_URI_MAX] = '\0';
    assert_int_equal(ifm_uri_parse(&uri, text, NULL), 0);
    ifm_uri_done(&uri);
    assert_int_equal(ifm_uri_parse(&uri, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL), IFM_ERR_NOT_FOUND);
    char *at = text + 2;
    memcpy(text, "/?", 3);
    for (int i = 0; i <= IFM_URI_PARAMS_MAX; i++) {
        *at++ = '&';
        *at++ = (char)('0' + i % 10);
        *at++ = (char)('a' + i / 10);
    }
    *at = '\0';
    assert_int_equal(ifm_uri_parse(&uri, text, NULL), IFM_ERR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_before_decoding),
        cmocka_unit_test(decodes_once),
        cmocka_unit_test(root_has_no_segment_and_a_slash_at_the_end_one),
        cmocka_unit_test(refuses_what_is_not_an_address),
        cmocka_unit_test(has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
