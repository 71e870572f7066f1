/* Wilson's interval and McNemar's exact test against values computed with exact fractions. */
#include "tests/lib/testlib.h"
#include <math.h>
#include "core/stat.h"

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g, expected %.12g", value, expected);
}

static void wilson_of_known_shares(void **state)
{
    double low, high;
    (void)state;
    ifm_stat_wilson(9120, 10000, .05, &low, &high);
    near(low, 0.9062881269633114, 1e-9);
    near(high, 0.9173954583792512, 1e-9);
    ifm_stat_wilson(0, 10, .05, &low, &high);
    near(low, 0, 0);
    near(high, 0.27753279986288915, 1e-9);
    ifm_stat_wilson(10, 10, .05, &low, &high);
    near(low, 1 - 0.27753279986288915, 1e-9);
    near(high, 1, 0);
}

static void wilson_of_nothing_is_no_interval(void **state)
{
    double low, high;
    (void)state;
    ifm_stat_wilson(0, 0, .05, &low, &high);
    assert_true(isnan(low) && isnan(high));
    ifm_stat_wilson(11, 10, .05, &low, &high);
    assert_true(isnan(low) && isnan(high));
}

static void mcnemar_is_the_binomial_of_the_discordant_pairs(void **state)
{
    (void)state;
    near(ifm_stat_mcnemar_p2(1, 9), 22.0 / 1024, 1e-12); /* 2 * (1 + 10) / 2^10 */
    near(ifm_stat_mcnemar_p2(9, 1), 22.0 / 1024, 1e-12);
    near(ifm_stat_mcnemar_p2(0, 5), 2.0 / 32, 1e-12);
    near(ifm_stat_mcnemar_p2(3, 3), 1, 0);
    near(ifm_stat_mcnemar_p2(0, 0), 1, 0);
    near(ifm_stat_mcnemar_p2(40, 60), 0.05688793364098079, 1e-10);
    assert_true(isnan(ifm_stat_mcnemar_p2(-1, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_of_known_shares),
        cmocka_unit_test(wilson_of_nothing_is_no_interval),
        cmocka_unit_test(mcnemar_is_the_binomial_of_the_discordant_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
