/* Welch, Kolmogorov-Smirnov and Benjamini-Hochberg against scipy's values. */
#include "near.h"

#include "core/stat.h"

static const double a[] = { 10.11, 10.42, 9.93, 10.24, 10.35, 10.06, 10.57, 9.88, 10.29, 10.10 };
static const double b[] = { 10.61, 10.92, 10.33, 10.84, 10.45, 10.76, 11.07, 10.28, 10.69, 10.50 };

static void welch_gives_the_reference_values(void **state)
{
    (void)state;
    double t, df;
    double p = ifm_stat_welch_p(a, 10, b, 10, &t, &df);
    assert_near(t, 4.20134879760398, 1e-11);
    assert_near(df, 17.513971853443678, 1e-9);
    assert_near(p, .0005658861959568758, 1e-14);
    assert_near(ifm_stat_t_cdf2(t, 18), .0005366084467189796,
                1e-14); /* Student: equal sizes, same t */
    assert_near(ifm_stat_welch_p(a, 10, b, 10, NULL, NULL), p, 0);
}

static void welch_without_variance_still_answers(void **state)
{
    (void)state;
    double flat[] = { 2, 2, 2 }, other[] = { 3, 3, 3 };
    assert_near(ifm_stat_welch_p(flat, 3, flat, 3, NULL, NULL), 1, 0);
    assert_near(ifm_stat_welch_p(flat, 3, other, 3, NULL, NULL), 0, 0);
    assert_true(isnan(ifm_stat_welch_p(flat, 1, other, 3, NULL, NULL)));
}

static void kolmogorov_smirnov_gives_the_reference_values(void **state)
{
    (void)state;
    double p;
    assert_near(ifm_stat_ks(a, 10, b, 10, &p), .7, 1e-15);
    assert_near(p, .012340600575894691, 1e-14);
    assert_near(ifm_stat_ks(a, 10, a, 10, &p), 0, 0);
    assert_near(p, 1, 0);
    double low[] = { 1, 2, 3 }, high[] = { 4, 5, 6, 7 };
    assert_near(ifm_stat_ks(low, 3, high, 4, &p), 1, 0);
    assert_near(p, 2.0 / 35, 1e-15); /* two of the C(7,3) orders */
    assert_near(ifm_stat_ks(high, 4, low, 3, &p), 1, 0);
    assert_near(p, 2.0 / 35, 1e-15);
    assert_near(ifm_stat_ks(low, 3, high, 4, NULL), 1, 0);
    assert_true(isnan(ifm_stat_ks(low, 0, high, 4, &p)));
    double x[700], y[500]; /* C(1200, 500) is far beyond a double: nothing may overflow */
    for (int i = 0; i < 700; i++)
        x[i] = i;
    for (int i = 0; i < 500; i++)
        y[i] = i * 1.4 + 0.5;
    double d = ifm_stat_ks(x, 700, y, 500, &p);
    assert_true(d > 0 && d < 0.01);
    assert_near(p, 1, 1e-9);
}

static void benjamini_hochberg_gives_the_reference_values(void **state)
{
    (void)state;
    static const double p[] = { .001, .008, .039, .041, .042, .06,  .074, .205,
                                .212, .216, .222, .251, .269, .275, .34 };
    static const double expected[] = { .015,  .06,   .126,  .126,  .126,  .15,   .1586, .2946,
                                       .2946, .2946, .2946, .2946, .2946, .2946, .34 };
    double adjusted[15], shuffled[15], out[15];
    ifm_stat_bh_adjust(p, 15, adjusted);
    int rejected = 0;
    for (int i = 0; i < 15; i++) {
        assert_near(adjusted[i], expected[i], 5e-5);
        rejected += adjusted[i] <= .05;
    }
    assert_int_equal(rejected, 1);
    assert_near(adjusted[6], 15 * .074 / 7, 1e-15);
    for (int i = 0; i < 15; i++) /* input order does not matter and is kept */
        shuffled[i] = p[i * 7 % 15];
    ifm_stat_bh_adjust(shuffled, 15, out);
    for (int i = 0; i < 15; i++)
        assert_near(out[i], adjusted[i * 7 % 15], 0);
    double ties[] = { .9, .9, .9 };
    ifm_stat_bh_adjust(ties, 3, out);
    assert_near(out[0], .9, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welch_gives_the_reference_values),
        cmocka_unit_test(welch_without_variance_still_answers),
        cmocka_unit_test(kolmogorov_smirnov_gives_the_reference_values),
        cmocka_unit_test(benjamini_hochberg_gives_the_reference_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
