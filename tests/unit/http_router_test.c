/* Which row an address finds, what the 404 and 405 say, and which query parameters pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/http/router.h"

#define ID "018f7a3c-0000-7000-8000-000000000001"

static const char *const names[] = { "model", "limit", "label.", NULL };
static const char *const any[] = { "*", NULL };
static const struct ifm_route table[] = {
    { "PUT", "/api/runs/{uuid}/invocations/{n}", NULL, "invocation", NULL },
    { "GET", "/api/runs/{uuid}", NULL, NULL, NULL },
    { "PUT", "/api/runs/{uuid}", NULL, "run", NULL },
    { "GET", "/api/runs", NULL, NULL, names },
    { "GET", "/runs/{name}", NULL, NULL, any },
    { "GET", "/", NULL, NULL, NULL },
};

static int match(const char *method, const char *target, struct ifm_route_match *out, char *allow,
                 struct ifm_err *err)
{
    static struct ifm_uri uri; /* the match points into it */
    ifm_uri_done(&uri);
    assert_int_equal(ifm_uri_parse(&uri, target, NULL), 0);
    return ifm_router_match(table, sizeof table / sizeof table[0], method, &uri, out, allow, err);
}

static void finds_rows_and_takes_placeholders(void **state)
{
    (void)state;
    struct ifm_route_match m;
    char allow[IFM_ROUTER_ALLOW_MAX];
    assert_int_equal(match("PUT", "/api/runs/" ID "/invocations/12", &m, allow, NULL), 0);
    assert_ptr_equal(m.route, &table[0]);
    assert_string_equal(m.uuid, ID);
    assert_int_equal(m.n, 12);
    assert_int_equal(match("HEAD", "/api/runs/" ID, &m, allow, NULL), 0);
    assert_ptr_equal(m.route, &table[1]);
    assert_int_equal(match("GET", "/", &m, allow, NULL), 0);
    assert_ptr_equal(m.route, &table[5]);
    assert_int_equal(match("GET", "/runs/%C3%A9", &m, allow, NULL), 0);
    assert_string_equal(m.name, "\xc3\xa9");
}

static void other_method_is_405_with_allow(void **state)
{
    (void)state;
    struct ifm_route_match m;
    struct ifm_err err = IFM_ERR_INIT;
    char allow[IFM_ROUTER_ALLOW_MAX];
    assert_int_equal(match("DELETE", "/api/runs/" ID, &m, allow, &err), IFM_ERR_METHOD);
    assert_string_equal(allow, "GET, HEAD, PUT");
    assert_null(m.route);
    assert_int_equal(match("get", "/api/runs", &m, allow, &err), IFM_ERR_METHOD);
}

static void nothing_there_is_404_that_names_it(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/api/runs/", "/api/runs/" ID "/", "/api/runs/" ID "/invocations", "/api//runs", "/API/runs", "/api/runs%2F" ID,
        "/runs", "/runs/", "/runs/a/b", "/../etc/passwd", "/api/runs/..%2f..%2fetc%2fpasswd",
    };
    struct ifm_route_match m;
    char allow[IFM_ROUTER_ALLOW_MAX];
    struct ifm_err err = IFM_ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(match("GET", bad[i], &m, allow, &err), IFM_ERR_NOT_FOUND);
    }
    assert_int_equal(match("GET", "/api/runs/018F7A3C-0000-7000-8000-000000000001", &m, allow, &err),
                     IFM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "UUID"));
    static const char *const numbers[] = { "-1", "01", "1x", "1234567890", "", "+1", "%20" };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char target[128] = "/api/runs/" ID "/invocations/";
        memcpy(target + strlen(target), numbers[i], strlen(numbers[i]) + 1);
        assert_int_equal(match("PUT", target, &m, allow, &err), IFM_ERR_NOT_FOUND);
    }
}

static int check(const struct ifm_route *route, const char *target, struct ifm_err *err)
{
    struct ifm_uri uri;
    assert_int_equal(ifm_uri_parse(&uri, target, NULL), 0);
    int rc = ifm_router_check_params(route, &uri, err);
    ifm_uri_done(&uri);
    return rc;
}

static void unknown_parameter_is_400_with_the_nearest(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(check(&table[3], "/api/runs?model=a&limit=3&label.team=x", &err), 0);
    assert_int_equal(check(&table[3], "/api/runs?modle=a", &err), IFM_ERR_BAD_REQUEST);
    assert_non_null(strstr(err.text, "did you mean “model”"));
    assert_int_equal(check(&table[3], "/api/runs?label.=a", &err), IFM_ERR_BAD_REQUEST);
    assert_int_equal(check(&table[3], "/api/runs?zzzzzzzz=a", &err), IFM_ERR_BAD_REQUEST);
    assert_int_equal(check(&table[1], "/api/runs/" ID "?model=a", &err), IFM_ERR_BAD_REQUEST);
    assert_int_equal(check(&table[4], "/runs/x?whatever=a", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_rows_and_takes_placeholders),
        cmocka_unit_test(other_method_is_405_with_allow),
        cmocka_unit_test(nothing_there_is_404_that_names_it),
        cmocka_unit_test(unknown_parameter_is_400_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
