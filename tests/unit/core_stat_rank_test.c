/* Rank tests and Hodges-Lehmann against scipy's, go-moremath's and the method's values. */
#include "near.h"

#include "core/rng.h"
#include "core/stat.h"

static const double a[] = { 10.11, 10.42, 9.93, 10.24, 10.35, 10.06, 10.57, 9.88, 10.29, 10.10 };
static const double b[] = { 10.61, 10.92, 10.33, 10.84, 10.45, 10.76, 11.07, 10.28, 10.69, 10.50 };
static const double tied_a[] = { 1, 2, 2, 3, 3, 3, 4, 5 }, tied_b[] = { 2, 3, 3, 4, 4, 5, 5, 6, 6 };

static void mann_whitney_is_exact_without_ties(void **state)
{
    (void)state;
    assert_near(ifm_stat_mwu_u(a, 10, b, 10), 91, 0);
    assert_near(ifm_stat_mwu_p2(a, 10, b, 10), .001050033557773496, 1e-15);
    assert_near(ifm_stat_mwu_p2(b, 10, a, 10), .001050033557773496, 1e-15);
}

static void mann_whitney_with_ties_is_normal_with_continuity(void **state)
{
    (void)state;
    assert_near(ifm_stat_mwu_u(tied_a, 8, tied_b, 9), 55, 0);
    assert_near(ifm_stat_mwu_p2(tied_a, 8, tied_b, 9), .06917284061536635, 1e-13);
    double equal[] = { 3, 3, 3 };
    assert_near(ifm_stat_mwu_p2(equal, 3, equal, 3), 1, 0);
    assert_true(isnan(ifm_stat_mwu_p2(equal, 0, equal, 3)));
}

static void mann_whitney_agrees_with_go_moremath(void **state)
{
    (void)state;
    static const double first[] = { 2, 1, 3, 5 }, apart[] = { 12, 11, 13, 15 },
                        mixed[] = { 0, 4, 6, 7 };
    assert_near(ifm_stat_mwu_p2(first, 4, apart, 4), 2.0 / 70, 1e-15);
    assert_near(16 - ifm_stat_mwu_u(first, 4, mixed, 4), 5, 0);
    assert_near(ifm_stat_mwu_p2(first, 4, mixed, 4), .4857142857142857, 1e-14);

    double left[500], right[600];
    for (int i = 0; i < 500; i++)
        left[i] = 2 * i;
    for (int i = 0; i < 600; i++)
        right[i] = 2 * i - 41;
    assert_near(500.0 * 600 - ifm_stat_mwu_u(left, 500, right, 600), 135250, 0);
    assert_near(ifm_stat_mwu_p2(left, 500, right, 600), .0049335360814, 1e-12);
    for (int i = 0; i < 30; i++)
        right[i] = left[i]; /* thirty ties */
    assert_near(500.0 * 600 - ifm_stat_mwu_u(left, 500, right, 600), 134845, 0);
    assert_near(ifm_stat_mwu_p2(left, 500, right, 600), .00387038142396, 1e-12);
}

static void mann_whitney_smallest_p_is_that_of_the_table(void **state)
{
    (void)state;
    static const double least[] = { .1,        .02857143, .00793651, .0021645,
                                    .00058275, .0001554,  4.1135e-5 };
    for (size_t n = 3; n <= 9; n++) {
        double low[9], high[9];
        for (size_t i = 0; i < n; i++) {
            low[i] = (double)i;
            high[i] = (double)(100 + i);
        }
        assert_near(ifm_stat_mwu_p2(low, n, high, n), least[n - 3], 6e-9);
    }
}

/* Where the exact table ends, both ways of working must nearly meet. */
static void mann_whitney_changes_over_smoothly(void **state)
{
    (void)state;
    double x[51], y[51];
    for (int i = 0; i < 51; i++) {
        x[i] = i;
        y[i] = i * 1.05 + 3.3;
    }
    double exact = ifm_stat_mwu_p2(x, 50, y, 50), normal = ifm_stat_mwu_p2(x, 51, y, 50);
    assert_true(exact > 0.01 && exact < 0.9);
    assert_near(normal, exact, 0.06);
}

static void hodges_lehmann_shift_has_the_reference_intervals(void **state)
{
    (void)state;
    struct ifm_stat_interval shift;
    assert_true(ifm_stat_hl_shift(a, 10, b, 10, 0.05, &shift));
    assert_near(shift.estimate, .445, 1e-12);
    assert_near(shift.low, .21, 1e-12);
    assert_near(shift.high, .70, 1e-12);
    assert_true(shift.bounded);
    assert_true(ifm_stat_hl_shift(a, 10, b, 10, 0.01, &shift));
    assert_near(shift.low, .12, 1e-12);
    assert_near(shift.high, .78, 1e-12);
    assert_true(ifm_stat_hl_shift(b, 10, a, 10, 0.05, &shift));
    assert_near(shift.estimate, -.445, 1e-12);
    assert_near(shift.low, -.70, 1e-12);
}

static void hodges_lehmann_shift_without_enough_values_has_no_bound(void **state)
{
    (void)state;
    struct ifm_stat_interval shift;
    assert_true(ifm_stat_hl_shift(a, 3, b, 3, 0.05, &shift)); /* least p2 is .1 */
    assert_false(shift.bounded);
    assert_true(isnan(shift.low) && isnan(shift.high));
    assert_true(ifm_stat_hl_shift(a, 4, b, 4, 0.05, &shift)); /* .0286: the outermost differences */
    assert_true(shift.bounded);
    assert_near(shift.low, 10.33 - 10.42, 1e-12);
    assert_near(shift.high, 10.92 - 9.93, 1e-12);
    assert_false(ifm_stat_hl_shift(a, 0, b, 4, 0.05, &shift));
    assert_true(isnan(shift.estimate));
}

/* k of the normal form against the exact one, at the largest size that both can do. */
static void hodges_lehmann_shift_changes_over_smoothly(void **state)
{
    (void)state;
    double x[60], y[60];
    struct ifm_rng rng;
    struct ifm_stat_interval exact, normal;
    ifm_rng_init(&rng, 5);
    for (int i = 0; i < 60; i++) {
        x[i] = ifm_rng_normal(&rng);
        y[i] = ifm_rng_normal(&rng) + 1;
    }
    assert_true(ifm_stat_hl_shift(x, 50, y, 50, 0.05, &exact));
    assert_true(ifm_stat_hl_shift(x, 51, y, 50, 0.05, &normal));
    assert_near(normal.high - normal.low, exact.high - exact.low, 0.05);
    assert_near(normal.low, exact.low, 0.06);
}

static void cliff_delta_gives_the_reference_value(void **state)
{
    (void)state;
    assert_near(ifm_stat_cliff_delta(a, 10, b, 10), .82, 1e-14);
    assert_near(0.5 * (ifm_stat_cliff_delta(a, 10, b, 10) + 1), .91, 1e-14); /* A12 */
    assert_near(ifm_stat_cliff_delta(a, 10, a, 10), 0, 0);
    assert_true(isnan(ifm_stat_cliff_delta(a, 0, b, 10)));
}

static void paired_ratio_has_the_reference_bounds(void **state)
{
    (void)state;
    double d[10];
    for (int i = 0; i < 10; i++)
        d[i] = log(b[i] / a[i]);
    assert_near(ifm_stat_signed_rank_p(d, 10), .0009765625, 1e-16);
    static const double bounds[][2] = { { .05, 1.0391903749809188 },
                                        { .025, 1.0338383379122666 },
                                        { .01, 1.028310539631226 },
                                        { .005, 1.0248575546778018 } };
    struct ifm_stat_interval centre;
    for (size_t i = 0; i < COUNT(bounds); i++) {
        assert_true(ifm_stat_hl_paired(d, 10, 2 * bounds[i][0], &centre));
        assert_near(exp(centre.low), bounds[i][1], 1e-13);
    }
    assert_near(exp(centre.estimate), 1.0441509293895637, 1e-13);
    for (int i = 0; i < 10; i++)
        d[i] = -d[i];
    assert_true(ifm_stat_hl_paired(d, 10, 0.05, &centre));
    assert_near(exp(-centre.high), 1.0338383379122666, 1e-13);
    assert_near(ifm_stat_signed_rank_p(d, 10), 1, 1e-15);
    assert_true(ifm_stat_hl_paired(d, 5, 0.05, &centre)); /* k is 0 */
    assert_false(centre.bounded);
    assert_false(ifm_stat_hl_paired(d, 0, 0.05, &centre));
}

static void signed_rank_k_gives_the_gate_table(void **state)
{
    (void)state;
    static const double alphas[] = { .05, .025, .01, .005 };
    static const struct {
        size_t pairs;
        size_t k[4];
    } rows[] = { { 5, { 1, 0, 0, 0 } },      { 6, { 3, 1, 0, 0 } },
                 { 7, { 4, 3, 1, 0 } },      { 8, { 6, 4, 2, 1 } },
                 { 9, { 9, 6, 4, 2 } },      { 10, { 11, 9, 6, 4 } },
                 { 12, { 18, 14, 10, 8 } },  { 15, { 31, 26, 20, 16 } },
                 { 20, { 61, 53, 44, 38 } }, { 30, { 152, 138, 121, 110 } } };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(alphas); j++)
            assert_int_equal(ifm_stat_signed_rank_k(rows[i].pairs, alphas[j]), rows[i].k[j]);
    /* the three looks of the sequential gate: .005, .003, .002 */
    assert_int_equal(ifm_stat_signed_rank_k(10, .005), 4);
    assert_int_equal(ifm_stat_signed_rank_k(20, .003), 34);
    assert_int_equal(ifm_stat_signed_rank_k(30, .002), 96);
    assert_int_equal(ifm_stat_signed_rank_k(0, .05), 0);
    assert_int_equal(ifm_stat_signed_rank_k(4, .05), 0);
}

static void signed_rank_k_changes_over_smoothly(void **state)
{
    (void)state;
    double exact = (double)ifm_stat_signed_rank_k(200, .025),
           normal = (double)ifm_stat_signed_rank_k(201, .025);
    assert_true(normal > exact);
    assert_near(normal / exact, 1.01, 0.005); /* grows like K^2 */
}

static void signed_rank_p_takes_ties_and_zeros(void **state)
{
    (void)state;
    double zeros[] = { 0, 0, 0 }, with_zero[] = { 0, 1, 2, 3 }, without[] = { 1, 2, 3 };
    assert_near(ifm_stat_signed_rank_p(zeros, 3), 1, 0);
    assert_near(ifm_stat_signed_rank_p(without, 3), 0.125, 0);
    assert_near(ifm_stat_signed_rank_p(with_zero, 4), 0.125, 0);
    /* |d| 1 1 2 gives mid-ranks 1.5 1.5 3; W+ = 4.5 from {+1, -1, +2}; of 8 sign patterns W+ >= 4.5
     * has {1.5,3} twice and {1.5,1.5,3} */
    double tied[] = { 1, -1, 2 };
    assert_near(ifm_stat_signed_rank_p(tied, 3), 0.375, 0);
    assert_near(ifm_stat_signed_rank_p(tied, 0), 1, 0);
    double many[300];
    for (int i = 0; i < 300; i++)
        many[i] = (i % 2 ? 1.0 : -1.0) * (i / 2 + 1); /* every magnitude once with each sign */
    assert_near(ifm_stat_signed_rank_p(many, 300), 0.5, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mann_whitney_is_exact_without_ties),
        cmocka_unit_test(mann_whitney_with_ties_is_normal_with_continuity),
        cmocka_unit_test(mann_whitney_agrees_with_go_moremath),
        cmocka_unit_test(mann_whitney_smallest_p_is_that_of_the_table),
        cmocka_unit_test(mann_whitney_changes_over_smoothly),
        cmocka_unit_test(hodges_lehmann_shift_has_the_reference_intervals),
        cmocka_unit_test(hodges_lehmann_shift_without_enough_values_has_no_bound),
        cmocka_unit_test(hodges_lehmann_shift_changes_over_smoothly),
        cmocka_unit_test(cliff_delta_gives_the_reference_value),
        cmocka_unit_test(paired_ratio_has_the_reference_bounds),
        cmocka_unit_test(signed_rank_k_gives_the_gate_table),
        cmocka_unit_test(signed_rank_k_changes_over_smoothly),
        cmocka_unit_test(signed_rank_p_takes_ties_and_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
