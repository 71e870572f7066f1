/* Sanity of the calibration (no time budget: only what a calibrated clock must satisfy) and time
 * stamps. */
#include "near.h"

#include "core/clock.h"
#include "core/rng.h"

static void calibration_is_sane(void **state)
{
    (void)state;
    struct ifm_clock_calibration c;
    for (int attempt = 0; attempt < 3;
         attempt++) { /* a preemption of 1 ms can pass for a slewed clock */
        ifm_clock_calibrate(&c);
        if (fabs(c.raw_ratio - 1) < 0.001)
            break;
    }
    print_message("resolution %lld ns, overhead %lld ns, jitter %lld ns, ratio %.9f, source %s\n",
                  (long long)c.resolution_ns, (long long)c.overhead_ns, (long long)c.jitter_ns,
                  c.raw_ratio, c.source);
    assert_true(c.resolution_ns > 0);
    assert_true(c.overhead_ns < 1000);
    assert_true(c.overhead_ns >= 0);
    assert_true(c.jitter_ns >= c.overhead_ns);
    assert_near(c.raw_ratio, 1, 0.001);
    assert_true(strlen(c.source) > 0);
}

static void clocks_move_forward(void **state)
{
    (void)state;
    int64_t monotonic = ifm_clock_ns(), raw = ifm_clock_raw_ns(), boot = ifm_clock_boot_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t now = ifm_clock_ns();
        assert_true(now >= monotonic);
        monotonic = now;
    }
    assert_true(ifm_clock_raw_ns() > raw);
    assert_true(ifm_clock_boot_ns() > boot);
    assert_true(ifm_clock_boot_ns() >= monotonic); /* it also counts suspend */
    assert_true(ifm_clock_wall_ms() > 1700000000000);
}

static void two_points_tell_a_slewed_clock(void **state)
{
    (void)state;
    const struct ifm_clock_point begin = { 5000000000, 7000000000, 9000000000 };
    struct ifm_clock_point end = { 8000000000, 10000000000, 12000000000 };
    assert_true(ifm_clock_ratio(&begin, &end) == 1.0);
    end.monotonic_ns = 8001500000; /* 500 ppm: the most that NTP slews */
    assert_near(ifm_clock_ratio(&begin, &end), 1.0005, 1e-12);
    end.raw_ns = begin.raw_ns + IFM_CLOCK_RATIO_LEAST_NS - 1; /* too short to say */
    assert_true(ifm_clock_ratio(&begin, &end) == 0.0);
}

static void two_points_tell_a_suspend(void **state)
{
    (void)state;
    const struct ifm_clock_point begin = { 5000000000, 5000000000, 9000000000 };
    struct ifm_clock_point end = { 6000000000, 6000000000, 10000000000 };
    assert_int_equal(ifm_clock_suspended_ns(&begin, &end), 0);
    end.boot_ns += 999999; /* reads apart, no sleep */
    assert_int_equal(ifm_clock_suspended_ns(&begin, &end), 0);
    end.boot_ns += 3600000000001;
    assert_int_equal(ifm_clock_suspended_ns(&begin, &end), 3600001000000);
    end.boot_ns = begin.boot_ns; /* never below nothing */
    assert_int_equal(ifm_clock_suspended_ns(&begin, &end), 0);
}

static void points_lie_in_order(void **state)
{
    (void)state;
    struct ifm_clock_point a, b;
    const int64_t before = ifm_clock_ns();
    ifm_clock_point(&a);
    ifm_clock_point(&b);
    assert_true(a.monotonic_ns >= before && b.monotonic_ns > a.monotonic_ns);
    assert_true(b.monotonic_ns <= ifm_clock_ns());
    assert_true(b.raw_ns > a.raw_ns && b.boot_ns > a.boot_ns);
    assert_int_equal(ifm_clock_suspended_ns(&a, &b), 0);
}

static void time_stamps_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = { { 0, "1970-01-01T00:00:00.000Z" },
                 { -1, "1969-12-31T23:59:59.999Z" },
                 { 1795560703123, "2026-11-24T22:51:43.123Z" },
                 { 951782400000, "2000-02-29T00:00:00.000Z" },
                 { 4107542400000, "2100-03-01T00:00:00.000Z" }, /* 2100 is no leap year */
                 { 253402300799999, "9999-12-31T23:59:59.999Z" },
                 { -62167219200000, "0000-01-01T00:00:00.000Z" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[IFM_TIME_TEXT_MAX];
        int64_t back = -77;
        ifm_clock_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(ifm_clock_parse(text, &back), 0);
        assert_true(back == rows[i].ms);
    }
    char text[IFM_TIME_TEXT_MAX];
    ifm_clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    ifm_clock_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void time_stamps_agree_with_libc(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 8);
    for (int i = 0; i < 20000; i++) {
        int64_t ms = -62167219200000 +
                     (int64_t)ifm_rng_below(&rng, 253402300799999u + 62167219200000u),
                back;
        char ours[IFM_TIME_TEXT_MAX], theirs[64], whole[96];
        time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        strftime(theirs, sizeof theirs, "-%m-%dT%H:%M:%S", &tm);
        snprintf(whole, sizeof whole, "%04d%s.%03dZ", tm.tm_year + 1900, theirs,
                 (int)((ms % 1000 + 1000) % 1000));
        ifm_clock_format(ms, ours);
        assert_string_equal(ours, whole);
        assert_int_equal(ifm_clock_parse(ours, &back), 0);
        assert_true(back == ms);
    }
}

static void parse_takes_offsets_fractions_and_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = { { "1970-01-01", 0 },
                 { "1970-01-02", 86400000 },
                 { "1970-01-01T00:00:01Z", 1000 },
                 { "1970-01-01t00:00:01z", 1000 },
                 { "1970-01-01T00:00:00.5Z", 500 },
                 { "1970-01-01T00:00:00.123456789Z", 123 },
                 { "1970-01-01T01:00:00+01:00", 0 },
                 { "1969-12-31T18:30:00-05:30", 0 },
                 { "1998-12-31T23:59:60Z", 915148800000 },
                 { "1969-12-31T23:59:59.25Z", -750 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 77;
        assert_int_equal(ifm_clock_parse(rows[i].text, &ms), 0);
        assert_true(ms == rows[i].ms);
    }
}

static void parse_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "1970",
                                       "1970-1-01",
                                       "1970-13-01",
                                       "1970-00-01",
                                       "1970-01-00",
                                       "1970-02-29",
                                       "1970-04-31",
                                       "1970-01-01T",
                                       "1970-01-01 00:00:00Z",
                                       "1970-01-01T00:00:00",
                                       "1970-01-01T24:00:00Z",
                                       "1970-01-01T00:60:00Z",
                                       "1970-01-01T00:00:61Z",
                                       "1970-01-01T00:00Z",
                                       "1970-01-01T00:00:00.Z",
                                       "1970-01-01T00:00:00.1234567890Z",
                                       "1970-01-01T00:00:00Zx",
                                       "1970-01-01T00:00:00+24:00",
                                       "1970-01-01T00:00:00+0100",
                                       "1970-01-01T00:00:00+01:60",
                                       "+970-01-01",
                                       "yesterday",
                                       "2100-02-29",
                                       "1970-01-01x",
                                       " 1970-01-01" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t ms = 77;
        assert_int_equal(ifm_clock_parse(bad[i], &ms), -1);
        assert_int_equal(ms, 77);
    }
    int64_t ms;
    assert_int_equal(ifm_clock_parse(NULL, &ms), -1);
    assert_int_equal(ifm_clock_parse("2000-02-29", &ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibration_is_sane),
        cmocka_unit_test(clocks_move_forward),
        cmocka_unit_test(two_points_tell_a_slewed_clock),
        cmocka_unit_test(two_points_tell_a_suspend),
        cmocka_unit_test(points_lie_in_order),
        cmocka_unit_test(time_stamps_are_rfc_3339),
        cmocka_unit_test(time_stamps_agree_with_libc),
        cmocka_unit_test(parse_takes_offsets_fractions_and_dates),
        cmocka_unit_test(parse_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
