/* Query parameters as numbers, words and times: what passes, and that a refusal names parameter and range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/routes/params.h"

static struct ifm_uri parse(const char *query)
{
    char target[256] = "/?";
    struct ifm_uri uri;
    memcpy(target + 2, query, strlen(query) + 1);
    assert_int_equal(ifm_uri_parse(&uri, target, NULL), 0);
    return uri;
}

static void whole_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "n=0", "n=201", "n=", "n=1x", "n=1.0", "n=1e2", "n=%201", "n=0x10", "n=--1", "n=-", "n=99999999999999999999",
    };
    struct ifm_err err = IFM_ERR_INIT;
    int64_t value = 7;
    struct ifm_uri uri = parse("");
    assert_int_equal(ifm_params_i64(&uri, "n", 1, 200, &value, NULL), 0);
    assert_int_equal(value, 7);
    ifm_uri_done(&uri);
    uri = parse("n=200");
    assert_int_equal(ifm_params_i64(&uri, "n", 1, 200, &value, NULL), 0);
    assert_int_equal(value, 200);
    ifm_uri_done(&uri);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uri = parse(bad[i]);
        assert_int_equal(ifm_params_i64(&uri, "n", 1, 200, &value, &err), IFM_ERR_BAD_REQUEST);
        assert_non_null(strstr(err.text, "from 1 to 200"));
        ifm_uri_done(&uri);
    }
    assert_int_equal(value, 200);
}

static void real_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = { "d=", "d=inf", "d=nan", "d=0x1", "d=1,5", "d=1e999", "d=%20.1", "d=1-" };
    double value = 0;
    struct ifm_uri uri = parse("d=2.5e-2");
    assert_int_equal(ifm_params_f64(&uri, "d", &value, NULL), 0);
    assert_true(value == 0.025);
    ifm_uri_done(&uri);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uri = parse(bad[i]);
        assert_int_equal(ifm_params_f64(&uri, "d", &value, NULL), IFM_ERR_BAD_REQUEST);
        ifm_uri_done(&uri);
    }
}

static void words(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    int index = -1;
    struct ifm_uri uri = parse("w=steady&list=ok,failed&wrong=ok,faild&odd=");
    assert_int_equal(ifm_params_choice(&uri, "w", "warmup|steady", &index, NULL), 0);
    assert_int_equal(index, 1);
    assert_int_equal(ifm_params_choice(&uri, "w", "warm|steadyx", &index, &err), IFM_ERR_BAD_REQUEST);
    assert_non_null(strstr(err.text, "did you mean steadyx?"));
    assert_int_equal(ifm_params_check_words(&uri, "list", "ok|failed", NULL), 0);
    assert_int_equal(ifm_params_check_words(&uri, "none", "ok|failed", NULL), 0);
    assert_int_equal(ifm_params_check_words(&uri, "odd", "ok|failed", NULL), 0);
    assert_int_equal(ifm_params_check_words(&uri, "wrong", "ok|failed", &err), IFM_ERR_BAD_REQUEST);
    assert_non_null(strstr(err.text, "did you mean failed?"));
    ifm_uri_done(&uri);
}

static void times(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    int64_t ms = -1;
    struct ifm_uri uri = parse("since=1970-01-01T00:00:01Z&until=soon");
    assert_int_equal(ifm_params_time(&uri, "since", &ms, NULL), 0);
    assert_int_equal(ms, 1000);
    assert_int_equal(ifm_params_time(&uri, "until", &ms, &err), IFM_ERR_BAD_REQUEST);
    assert_non_null(strstr(err.text, "until=soon"));
    ifm_uri_done(&uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(words),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
