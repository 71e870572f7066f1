/* Who may talk to a daemon without log-in: Host against DNS rebinding, Origin against foreign pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/http/origin.h"

static void loopback_and_configured_names_pass(void **state)
{
    (void)state;
    static const char *const names[] = { "bench.example.com" };
    static const char *const good[] = {
        "127.0.0.1", "127.0.0.1:8417", "127.9.9.9", "localhost", "LocalHost:1", "[::1]", "[::1]:8417",
        "[0:0:0:0:0:0:0:1]", "bench.example.com", "BENCH.example.com:443",
    };
    static const char *const bad[] = {
        "", "example.com", "127.0.0.1.example.com", "localhost.example.com", "127.0.0.1@example.com", "128.0.0.1",
        "::1", "[::1", "[::2]", "[::1]x", "localhost:", "localhost:x", "localhost:123456", ":80", "[]", "127.1",
        "0.0.0.0", "2130706433", "xbench.example.com", "localhost/", "localhost ",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(ifm_origin_host_allowed(good[i], names, 1));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ifm_origin_host_allowed(bad[i], names, 1));
    }
    assert_false(ifm_origin_host_allowed(NULL, names, 1));
    assert_false(ifm_origin_host_allowed("bench.example.com", NULL, 0));
}

static void only_the_own_origin_writes(void **state)
{
    (void)state;
    assert_true(ifm_origin_same(NULL, "localhost:8417"));
    assert_true(ifm_origin_same("http://localhost:8417", "localhost:8417"));
    assert_true(ifm_origin_same("https://LOCALHOST:8417", "localhost:8417"));
    static const char *const foreign[] = {
        "null", "", "http://localhost", "http://localhost:3000", "http://127.0.0.1:8417", "https://example.com",
        "http://localhost:8417.example.com", "file://localhost:8417", "localhost:8417", "http://localhost:8417/",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_false(ifm_origin_same(foreign[i], "localhost:8417"));
    }
    assert_false(ifm_origin_same("http://localhost:8417", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_and_configured_names_pass),
        cmocka_unit_test(only_the_own_origin_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
