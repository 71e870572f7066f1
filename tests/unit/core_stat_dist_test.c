/* Distributions against scipy's values (docs/method.md). */
#include "near.h"

#include "core/stat.h"

static void betai_gives_the_reference_values(void **state)
{
    (void)state;
    assert_near(ifm_stat_betai(0.5, 5, 0.3), 0.9347377538310919, 1e-13);
    assert_near(ifm_stat_betai(2, 3, 0.4), 0.5248, 1e-14);
    assert_near(ifm_stat_betai(100, 1, 0.99), 0.3660323412732293, 1e-12);
    assert_near(ifm_stat_betai(50.5, 50.5, 0.5), 0.5, 1e-13);
    assert_near(ifm_stat_betai(9900, 101, 0.99), 0.5265625340537159, 5e-11);
    /* what this formula itself gives in C, to the digits that were noted */
    assert_near(ifm_stat_betai(0.5, 5, 0.3), 0.9347377538310917, 5e-15);
    assert_near(ifm_stat_betai(100, 1, 0.99), 0.366032341273241, 2e-13);
    assert_near(ifm_stat_betai(9900, 101, 0.99), 0.5265625340517506, 2e-11);
}

static void betai_holds_at_its_edges(void **state)
{
    (void)state;
    assert_true(ifm_stat_betai(2, 3, 0) == 0.0);
    assert_true(ifm_stat_betai(2, 3, 1) == 1.0);
    assert_true(ifm_stat_betai(2, 3, -1) == 0.0);
    assert_true(isnan(ifm_stat_betai(0, 3, 0.5)));
    assert_true(isnan(ifm_stat_betai(2, -1, 0.5)));
    assert_true(isnan(ifm_stat_betai(2, 3, NAN)));
    for (double x = 0.05; x < 1.0; x += 0.05) { /* I_x(a,b) = 1 - I_{1-x}(b,a); I_x(1,1) = x */
        assert_near(ifm_stat_betai(7, 2.5, x), 1.0 - ifm_stat_betai(2.5, 7, 1.0 - x), 1e-13);
        assert_near(ifm_stat_betai(1, 1, x), x, 1e-14);
    }
    /* 200 terms are not enough here: the fraction needs about sqrt(max(a, b)) */
    assert_near(ifm_stat_betai(500000.5, 500000.5, 0.5), 0.5, 1e-9);
}

static void binomial_cdf_gives_the_reference_values(void **state)
{
    (void)state;
    assert_near(ifm_stat_binom_cdf(880, 1000, 0.9), 0.021996144965794214, 1e-12);
    assert_near(ifm_stat_binom_cdf(9996, 10000, 0.999), 0.9896904182971846, 1e-10);
    assert_true(ifm_stat_binom_cdf(-1, 10, 0.5) == 0.0);
    assert_true(ifm_stat_binom_cdf(10, 10, 0.5) == 1.0);
    assert_near(ifm_stat_binom_cdf(0, 10, 0.5), 1.0 / 1024, 1e-15);
    double sum = 0, term = pow(0.7, 12); /* by hand: Bin(12, .3) */
    for (int k = 0; k < 12; k++) {
        sum += term;
        assert_near(ifm_stat_binom_cdf(k, 12, 0.3), sum, 1e-13);
        term *= (12.0 - k) / (k + 1.0) * 0.3 / 0.7;
    }
}

static void normal_quantiles_give_the_reference_values(void **state)
{
    (void)state;
    static const double rows[][2] = { { .9, 1.28155157 },   { .95, 1.64485363 },
                                      { .975, 1.95996398 }, { .99, 2.32634787 },
                                      { .995, 2.5758293 },  { .5, 0 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_near(ifm_stat_norm_quantile(rows[i][0]), rows[i][1], 6e-9);
        assert_near(ifm_stat_norm_quantile(1.0 - rows[i][0]), -rows[i][1], 6e-9);
    }
    assert_near(ifm_stat_norm_quantile(0.975), 1.959963984540054, 1e-14);
    for (double p = 1e-300; p < 0.999; p = p < 1e-3 ? p * 10 : p + 1e-3) /* all three branches */
        assert_near_relative(ifm_stat_norm_cdf(ifm_stat_norm_quantile(p)), p, 1e-12);
    assert_true(isinf(ifm_stat_norm_quantile(0)) && ifm_stat_norm_quantile(0) < 0);
    assert_true(isinf(ifm_stat_norm_quantile(1)) && ifm_stat_norm_quantile(1) > 0);
    assert_true(isnan(ifm_stat_norm_quantile(1.5)));
    assert_true(isnan(ifm_stat_norm_quantile(NAN)));
}

static void student_quantiles_give_the_reference_values(void **state)
{
    (void)state;
    static const double rows[][2] = {
        { 4, 2.77644511 }, { 9, 2.26215716 }, { 19, 2.09302405 }, { 29, 2.04522964 }
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_near(ifm_stat_t_quantile(0.975, rows[i][0]), rows[i][1], 6e-9);
        assert_near(ifm_stat_t_quantile(0.025, rows[i][0]), -rows[i][1], 6e-9);
        assert_near(ifm_stat_t_cdf2(ifm_stat_t_quantile(0.975, rows[i][0]), rows[i][0]), 0.05,
                    1e-12);
    }
    assert_near(ifm_stat_t_quantile(0.75, 1), 1.0, 1e-12); /* Cauchy */
    assert_near(ifm_stat_t_quantile(0.9999, 1), 3183.0987571, 1e-4);
    assert_true(ifm_stat_t_quantile(0.5, 3) == 0.0);
    assert_true(isnan(ifm_stat_t_quantile(0.5, 0)));
    assert_true(isinf(ifm_stat_t_quantile(1, 3)));
}

/* MLPerf early stopping: h(t) = min{h : I_p(h, t+1) < .01}, found by bisection on betai. */
static int early_stopping_h(double p, int t)
{
    int low = 0, high = 1;
    while (ifm_stat_betai(high, t + 1, p) >= 0.01)
        high *= 2;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (ifm_stat_betai(middle, t + 1, p) < 0.01)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static void betai_reproduces_the_early_stopping_table(void **state)
{
    (void)state;
    static const int t[] = { 0, 1, 2, 3, 5, 10 };
    static const struct {
        double p;
        int h[6];
    } rows[] = { { .5, { 7, 10, 12, 14, 17, 25 } },
                 { .9, { 44, 63, 79, 94, 122, 187 } },
                 { .95, { 90, 129, 163, 195, 254, 388 } },
                 { .97, { 152, 218, 275, 329, 428, 657 } },
                 { .99, { 459, 661, 836, 998, 1302, 2000 } },
                 { .999, { 4603, 6635, 8401, 10039, 13100, 20130 } } };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(t); j++)
            assert_int_equal(early_stopping_h(rows[i].p, t[j]), rows[i].h[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(betai_gives_the_reference_values),
        cmocka_unit_test(betai_holds_at_its_edges),
        cmocka_unit_test(binomial_cdf_gives_the_reference_values),
        cmocka_unit_test(normal_quantiles_give_the_reference_values),
        cmocka_unit_test(student_quantiles_give_the_reference_values),
        cmocka_unit_test(betai_reproduces_the_early_stopping_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
