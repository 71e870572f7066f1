/* Order statistics against numpy's and scipy's values (docs/method.md). */
#include "near.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/stat.h"

/* -- Sorting ----------------------------------------------------------------------------------- */

static int compare_i64(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void check_sorted(const int64_t *input, size_t n)
{
    int64_t *ours = malloc((n + 1) * sizeof *ours),
            *reference = malloc((n + 1) * sizeof *reference);
    memcpy(ours, input, n * sizeof *ours);
    memcpy(reference, input, n * sizeof *reference);
    ours[n] = reference[n] = 77; /* neither may touch what lies behind */
    ifm_stat_sort(ours, n);
    qsort(reference, n, sizeof *reference, compare_i64);
    assert_memory_equal(ours, reference, (n + 1) * sizeof *ours);
    free(ours);
    free(reference);
}

static void fill(int64_t *values, size_t n, int shape, struct ifm_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        int64_t random = (int64_t)ifm_rng_next(rng);
        switch (shape) {
        case 0:
            values[i] = random;
            break; /* the whole range, both signs */
        case 1:
            values[i] = 1000000 + (int64_t)ifm_rng_below(rng, 5000);
            break;
        case 2:
            values[i] = (int64_t)i;
            break;
        case 3:
            values[i] = (int64_t)(n - i);
            break;
        case 4:
            values[i] = -42;
            break;
        case 5:
            values[i] = random % 3 - 1;
            break;
        case 6:
            values[i] = i % 2 ? INT64_MAX : INT64_MIN;
            break;
        default:
            values[i] = i % 97 ? 200000 + random % 1000 : 80000000;
            break; /* latencies, outliers */
        }
    }
}

static void sort_agrees_with_qsort(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2, 3, 23, 24, 25, 100, 255, 256, 257, 1000, 4096, 70000 };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 1);
    int64_t *values = malloc(70000 * sizeof *values);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int shape = 0; shape < 8; shape++) {
            fill(values, sizes[i], shape, &rng);
            check_sorted(values, sizes[i]);
        }
    free(values);
}

static void *fail_alloc(void *context, size_t bytes)
{
    (void)context, (void)bytes;
    return NULL;
}

static void *fail_resize(void *context, void *pointer, size_t bytes)
{
    (void)context, (void)pointer, (void)bytes;
    return NULL;
}

static void plain_free(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static void sort_works_without_memory(void **state)
{
    (void)state;
    static const struct ifm_mem_hooks none = { fail_alloc, fail_resize, plain_free, NULL };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 2);
    static int64_t values[5000];
    fill(values, COUNT(values), 0, &rng);
    ifm_mem_set_hooks(&none);
    check_sorted(values, COUNT(values));
    ifm_mem_set_hooks(NULL);
}

/* -- Quantiles --------------------------------------------------------------------------------- */

static const int64_t five[] = { 15, 20, 35, 40, 50 };

static void nearest_rank_counts_in_integers(void **state)
{
    (void)state;
    assert_int_equal(ifm_stat_rank(100, 700), 7);   /* ceil(.07 * 100) is 8 in floating point */
    assert_int_equal(ifm_stat_rank(100, 2900), 29); /* (int)(100 * .29) is 28 */
    static const unsigned per[] = { 5000, 9000, 9500, 9900, 9990, 10000 };
    static const size_t thousand[] = { 500, 900, 950, 990, 999, 1000 };
    for (size_t i = 0; i < COUNT(per); i++)
        assert_int_equal(ifm_stat_rank(1000, per[i]), thousand[i]);
    assert_int_equal(ifm_stat_rank(1, 1), 1);
    assert_int_equal(ifm_stat_rank(3, 5000), 2);
    assert_int_equal(ifm_stat_rank(4, 5000), 2);
    assert_int_equal(ifm_stat_rank(SIZE_MAX, 10000), SIZE_MAX); /* no overflow on the way */
    for (size_t n = 1; n < 30000; n += 7)
        for (size_t i = 0; i < COUNT(per); i++)
            assert_int_equal(ifm_stat_rank(n, per[i]), (n * per[i] + 9999) / 10000);
    /* inverted_cdf of P30, P40, P50, P90 */
    assert_int_equal(ifm_stat_percentile(five, 5, 3000), 20);
    assert_int_equal(ifm_stat_percentile(five, 5, 4000), 20);
    assert_int_equal(ifm_stat_percentile(five, 5, 5000), 35);
    assert_int_equal(ifm_stat_percentile(five, 5, 9000), 50);
}

static void linear_percentiles_agree_with_numpy(void **state)
{
    (void)state;
    static const double rows[][2] = { { .05, 16 }, { .3, 23 },  { .4, 29 },    { .5, 35 },
                                      { .9, 46 },  { .95, 48 }, { .99, 49.6 }, { .999, 49.96 },
                                      { 0, 15 },   { 1, 50 } };
    static const double same[] = { 15, 20, 35, 40, 50 };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_near(ifm_stat_percentile_linear(five, 5, rows[i][0]), rows[i][1], 1e-12);
        assert_near(ifm_stat_percentile_linear_f64(same, 5, rows[i][0]), rows[i][1], 1e-12);
    }
    int64_t ramp[1000];
    for (int i = 0; i < 1000; i++)
        ramp[i] = i + 1;
    static const double thousand[][2] = {
        { .5, 500.5 }, { .9, 900.1 }, { .95, 950.05 }, { .99, 990.01 }, { .999, 999.001 }
    };
    for (size_t i = 0; i < COUNT(thousand); i++)
        assert_near(ifm_stat_percentile_linear(ramp, 1000, thousand[i][0]), thousand[i][1], 1e-10);
    assert_true(isnan(ifm_stat_percentile_linear(ramp, 0, 0.5)));
    assert_true(isnan(ifm_stat_percentile_linear(ramp, 5, 1.5)));
}

static void harrell_davis_gives_the_reference_values(void **state)
{
    (void)state;
    static const double x[] = { 15, 20, 35, 40, 50 };
    static const double rows[][2] = { { .25, 20.704158 }, { .5, 32.1152 },   { .75, 43.060655 },
                                      { .9, 48.202682 },  { .95, 49.30858 }, { .99, 49.895404 } };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_near(ifm_stat_harrell_davis(x, 5, rows[i][0]), rows[i][1], 6e-7);
    double ramp[100];
    for (int i = 0; i < 100; i++)
        ramp[i] = i + 1;
    assert_near(ifm_stat_harrell_davis(ramp, 100, .5), 50.5, 1e-10);
    assert_near(ifm_stat_harrell_davis(ramp, 100, .9), 90.4999999985, 1e-9);
    assert_near(ifm_stat_harrell_davis(ramp, 100, .99), 99.41982593639, 1e-9);
    assert_near(ifm_stat_harrell_davis(ramp, 100, .999), 99.968400932, 1e-9);
}

static void quantile_intervals_have_exact_ranks_and_coverage(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double p;
        size_t low, high;
        double coverage;
    } rows[] = { { 6, .5, 1, 6, .96875 },
                 { 10, .5, 2, 9, .97852 },
                 { 20, .5, 6, 15, .95861 },
                 { 30, .5, 10, 21, .95723 },
                 { 50, .5, 18, 33, .96716 },
                 { 100, .5, 40, 61, .96480 },
                 { 1000, .5, 469, 532, .95371 },
                 { 100, .9, 84, 96, .95569 },
                 { 1000, .9, 881, 919, .95491 },
                 { 1000, .95, 936, 964, .95810 },
                 { 500, .99, 490, 500, .98019 },
                 { 1000, .99, 983, 997, .97609 },
                 { 5000, .99, 4936, 4964, .95374 },
                 { 10000, .99, 9880, 9920, .95575 },
                 { 10000, .999, 9983, 9997, .97546 },
                 { 100000, .999, 99880, 99920, .95479 },
                 { 50, .9, 41, 50, .97031 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t low, high;
        double coverage = ifm_stat_quantile_ranks(rows[i].n, rows[i].p, 0.05, &low, &high);
        assert_int_equal(low, rows[i].low);
        assert_int_equal(high, rows[i].high);
        assert_near(coverage, rows[i].coverage, 6e-6);
    }
}

static void quantile_intervals_agree_with_the_definition(void **state)
{
    (void)state;
    static const double ps[] = { .05, .5, .9, .99 }, alphas[] = { .01, .05, .5 };
    for (size_t n = 1; n <= 400; n += n < 40 ? 1 : 13)
        for (size_t i = 0; i < COUNT(ps); i++)
            for (size_t j = 0; j < COUNT(alphas); j++) {
                size_t low, high, want_low = 0, want_high = 0;
                for (size_t r = 1; r <= n; r++) {
                    double cdf = ifm_stat_binom_cdf((int64_t)r - 1, (int64_t)n, ps[i]);
                    if (cdf <= 0.5 * alphas[j] * (1 + 1e-12))
                        want_low = r;
                    if (cdf >= (1.0 - 0.5 * alphas[j]) * (1 - 1e-12) && want_high == 0)
                        want_high = r;
                }
                double coverage = ifm_stat_quantile_ranks(n, ps[i], alphas[j], &low, &high);
                assert_int_equal(low, want_low);
                assert_int_equal(high, want_high);
                if (want_low && want_high)
                    assert_true(coverage >= 1.0 - alphas[j] - 1e-12 && coverage <= 1.0);
                else
                    assert_true(isnan(coverage));
            }
}

/* Bin(5, .5) has P(0) = 1/32 exactly: rounding of the beta function must not lose the rank. */
static void a_tail_that_equals_alpha_counts(void **state)
{
    (void)state;
    for (size_t n = 2; n <= 30; n++) {
        size_t low, high;
        double coverage = ifm_stat_quantile_ranks(n, .5, ldexp(2, -(int)n), &low, &high);
        assert_int_equal(low, 1);
        assert_int_equal(high, n);
        assert_near(coverage, 1.0 - ldexp(2, -(int)n), 1e-14);
    }
}

static void few_samples_have_no_bound(void **state)
{
    (void)state;
    size_t low, high;
    assert_true(isnan(ifm_stat_quantile_ranks(5, .5, .05, &low, &high)));
    assert_int_equal(low, 0);
    assert_int_equal(high, 0);
    assert_true(isnan(ifm_stat_quantile_ranks(367, .99, .05, &low, &high)));
    assert_int_equal(high, 0);
    assert_int_not_equal(low, 0);
    assert_true(ifm_stat_quantile_ranks(368, .99, .05, &low, &high) > 0.95);
    assert_int_equal(high, 368);
    assert_true(isnan(ifm_stat_quantile_ranks(0, .5, .05, &low, &high)));
    assert_true(isnan(ifm_stat_quantile_ranks(10, 1, .05, &low, &high)));
}

static void minimum_samples_give_the_table(void **state)
{
    (void)state;
    static const double p[] = { .5, .9, .95, .99, .999 };
    static const struct {
        double alpha;
        bool two_sided;
        size_t n[5];
    } rows[] = { { .05, true, { 6, 36, 72, 368, 3688 } },
                 { .05, false, { 5, 29, 59, 299, 2995 } },
                 { .01, true, { 8, 51, 104, 528, 5296 } },
                 { .01, false, { 7, 44, 90, 459, 4603 } } };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < COUNT(p); j++)
            assert_int_equal(ifm_stat_min_samples(p[j], rows[i].alpha, rows[i].two_sided),
                             rows[i].n[j]);
    assert_false(ifm_stat_enough(458, 9900));
    assert_true(ifm_stat_enough(459, 9900));
    assert_false(ifm_stat_enough(4602, 9990));
    assert_true(ifm_stat_enough(4603, 9990));
    assert_false(ifm_stat_enough(6, 5000));
    assert_true(ifm_stat_enough(7, 5000));
    assert_false(ifm_stat_enough(0, 5000));
    assert_true(ifm_stat_enough(1, 10000));
}

/* -- Location and spread ----------------------------------------------------------------------- */

static void median_and_mad_are_those_of_the_textbook(void **state)
{
    (void)state;
    double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, spread[] = { 1, 1, 2, 2, 4, 6, 9 },
           one[] = { 7 };
    assert_near(ifm_stat_median(odd, 3), 5, 0);
    assert_near(ifm_stat_median(even, 4), 2.5, 0);
    assert_near(ifm_stat_mad(spread, 7), 1, 0);
    assert_near(ifm_stat_median(one, 1), 7, 0);
    assert_near(ifm_stat_mad(one, 1), 0, 0);
    assert_true(isnan(ifm_stat_median(one, 0)));
    double huge[] = { 1.6e308, 1.7e308 };
    assert_near(ifm_stat_median(huge, 2), 1.65e308, 1e294);
}

static void moments_survive_large_offsets(void **state)
{
    (void)state;
    int64_t near_zero[] = { 2, 4, 4, 4, 5, 5, 7, 9 }, far[8];
    for (int i = 0; i < 8; i++)
        far[i] = near_zero[i] + 1000000000000; /* 1,000 s in ns */
    double sd = sqrt(32.0 / 7);
    assert_near(ifm_stat_mean(near_zero, 8), 5, 0);
    assert_near(ifm_stat_sd(near_zero, 8), sd, 1e-14);
    assert_near(ifm_stat_mean(far, 8), 1000000000005.0, 0);
    assert_near(ifm_stat_sd(far, 8), sd, 1e-12);
    int64_t extreme[] = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };
    assert_near(ifm_stat_mean(extreme, 4), 9223372036854775807.0, 0);
    assert_near(ifm_stat_sd(extreme, 4), 0, 0);
    assert_true(isnan(ifm_stat_sd(extreme, 1)));
    assert_true(isnan(ifm_stat_mean(extreme, 0)));
}

static void autocorrelation_follows_its_formula(void **state)
{
    (void)state;
    int64_t ramp[] = { 1, 2, 3, 4, 5 }, flip[] = { 1, 3, 1, 3, 1, 3 }, flat[] = { 4, 4, 4 };
    assert_near(ifm_stat_autocorrelation(ramp, 5), 0.4, 1e-15); /* (2+0+0+2)/10 */
    assert_near(ifm_stat_autocorrelation(flip, 6), -5.0 / 6, 1e-15);
    assert_near(ifm_stat_autocorrelation(flat, 3), 0, 0);
    assert_near(ifm_stat_autocorrelation(flat, 1), 0, 0);
    assert_near(ifm_stat_autocorrelation(flat, 0), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_agrees_with_qsort),
        cmocka_unit_test(sort_works_without_memory),
        cmocka_unit_test(nearest_rank_counts_in_integers),
        cmocka_unit_test(linear_percentiles_agree_with_numpy),
        cmocka_unit_test(harrell_davis_gives_the_reference_values),
        cmocka_unit_test(quantile_intervals_have_exact_ranks_and_coverage),
        cmocka_unit_test(quantile_intervals_agree_with_the_definition),
        cmocka_unit_test(a_tail_that_equals_alpha_counts),
        cmocka_unit_test(few_samples_have_no_bound),
        cmocka_unit_test(minimum_samples_give_the_table),
        cmocka_unit_test(median_and_mad_are_those_of_the_textbook),
        cmocka_unit_test(moments_survive_large_offsets),
        cmocka_unit_test(autocorrelation_follows_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
