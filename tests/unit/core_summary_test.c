/* What people read: an invocation's numbers, a run's interval and its real coverage, verdicts of
 * comparisons. */
#include "near.h"

#include "core/rng.h"
#include "core/summary.h"

/* -- One invocation ---------------------------------------------------------------------------- */

static void invocation_numbers_are_those_of_the_definitions(void **state)
{
    (void)state;
    static int64_t values[1000], scratch[1000];
    for (int i = 0; i < 1000; i++) /* 1..1000, not in order */
        values[i] = i * 7 % 1000 + 1;
    struct ifm_invocation_stats s;
    ifm_summary_invocation(values, scratch, 1000, 0, &s);
    assert_int_equal(s.n, 1000);
    assert_int_equal(s.p50_ns, 500);
    assert_int_equal(s.p90_ns, 900);
    assert_int_equal(s.p99_ns, 990);
    assert_int_equal(s.min_ns, 1);
    assert_int_equal(s.max_ns, 1000);
    assert_int_equal(s.p50_low_ns, 469);
    assert_int_equal(s.p50_high_ns, 532);
    assert_true(s.p90_enough && s.p99_enough);
    assert_near(s.mean_ns, 500.5, 0);
    assert_near(s.sd_ns, sqrt(1000.0 * 1001 / 12), 1e-9);
    assert_near(s.p50_interp_ns, 500.5, 1e-10);
    assert_near(s.p90_interp_ns, 900.1, 1e-10);
    assert_near(s.p99_interp_ns, 990.01, 1e-10);
    assert_near(s.throughput_per_s, 1000 * 1e9 / 500500, 1e-6);
    assert_int_equal(values[1], 8); /* the input stays in time order */
    ifm_summary_invocation(values, scratch, 1000, 2000000, &s);
    assert_near(s.throughput_per_s, 500000, 1e-9);
}

static void small_invocations_say_what_they_lack(void **state)
{
    (void)state;
    int64_t values[458], scratch[458];
    for (int i = 0; i < 458; i++)
        values[i] = 1000 + i;
    struct ifm_invocation_stats s;
    ifm_summary_invocation(values, scratch, 458, 0, &s);
    assert_true(s.p90_enough);
    assert_false(s.p99_enough);
    ifm_summary_invocation(values, scratch, 43, 0, &s);
    assert_false(s.p90_enough);
    ifm_summary_invocation(values, scratch, 5, 0, &s);
    assert_int_equal(s.p50_low_ns, -1);
    assert_int_equal(s.p50_high_ns, -1);
    ifm_summary_invocation(values, scratch, 6, 0, &s);
    assert_int_equal(s.p50_low_ns, 1000);
    assert_int_equal(s.p50_high_ns, 1005);
    ifm_summary_invocation(values, scratch, 1, 0, &s);
    assert_int_equal(s.p99_ns, 1000);
    assert_true(isnan(s.sd_ns));
    ifm_summary_invocation(values, scratch, 0, 5, &s);
    assert_int_equal(s.n, 0);
    assert_true(isnan(s.mean_ns) && isnan(s.throughput_per_s) && isnan(s.p50_interp_ns));
}

/* The remembered ranks must be those of n, whatever was asked before. */
static void ranks_are_not_mixed_up(void **state)
{
    (void)state;
    static int64_t values[2000], scratch[2000];
    for (int i = 0; i < 2000; i++)
        values[i] = i + 1;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 77);
    for (int round = 0; round < 500; round++) {
        size_t n = (size_t)ifm_rng_below(&rng, 2000) + 1, low, high;
        struct ifm_invocation_stats s;
        ifm_summary_invocation(values, scratch, n, 0, &s);
        ifm_stat_quantile_ranks(n, 0.5, 0.05, &low, &high);
        assert_int_equal(s.p50_low_ns, low ? (int64_t)low : -1);
        assert_int_equal(s.p50_high_ns, high ? (int64_t)high : -1);
    }
}

/* -- A run ------------------------------------------------------------------------------------- */

static void estimate_is_the_median_with_its_exact_interval(void **state)
{
    (void)state;
    double ten[] = { 10, 2, 9, 3, 8, 4, 7, 5, 6, 1 };
    struct ifm_estimate e;
    ifm_summary_estimate(ten, 10, &e);
    assert_near(e.value, 5.5, 0);
    assert_near(e.low, 2, 0);
    assert_near(e.high, 9, 0);
    assert_near(e.coverage, .97852, 6e-6);
    assert_int_equal(e.k, 10);
    assert_int_equal(e.needed, 0);
    assert_true(e.enough);
}

static void estimate_without_an_interval_says_how_many_are_needed(void **state)
{
    (void)state;
    double values[] = { 3, NAN, 1, 2, NAN };
    struct ifm_estimate e;
    ifm_summary_estimate(values, 5, &e);
    assert_near(e.value, 2, 0);
    assert_int_equal(e.k, 3);
    assert_int_equal(e.needed, 3);
    assert_true(isnan(e.low) && isnan(e.high) && isnan(e.coverage));
    ifm_summary_estimate(values, 0, &e);
    assert_true(isnan(e.value));
    assert_int_equal(e.needed, 6);
    double six[] = { 6, 5, 4, 3, 2, 1 };
    ifm_summary_estimate(six, 6, &e);
    assert_near(e.low, 1, 0);
    assert_near(e.high, 6, 0);
    assert_int_equal(e.needed, 0);
}

/* Expected: the interval over invocations covers the true median as often as it claims, within 3
 * Monte-Carlo standard errors, although invocations differ by more than their iterations do. The
 * pooled interval (what a tool that takes iterations for independent would print) does not come
 * near it. */
static void interval_over_invocations_covers_as_it_claims(void **state)
{
    (void)state;
    enum { RUNS = 4000, K = 10, ITERATIONS = 101 };
    static const double claimed[] = { .97852, .96875 };
    static const size_t invocations[] = { 10, 6 };
    const double truth_ns = 1e9, between_ns = 1e7, within_ns = 3e7;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 20260101);
    for (size_t c = 0; c < COUNT(invocations); c++) {
        int covered = 0, pooled_covered = 0;
        for (int run = 0; run < RUNS; run++) {
            int64_t samples[ITERATIONS], scratch[K * ITERATIONS], pooled[K * ITERATIONS];
            double p50[K];
            for (size_t i = 0; i < invocations[c]; i++) {
                double centre = truth_ns + between_ns * ifm_rng_normal(&rng);
                for (int j = 0; j < ITERATIONS; j++)
                    samples[j] = (int64_t)(centre + within_ns * ifm_rng_normal(&rng));
                struct ifm_invocation_stats s;
                ifm_summary_invocation(samples, scratch, ITERATIONS, 0, &s);
                p50[i] = (double)s.p50_ns;
                memcpy(pooled + i * ITERATIONS, samples, sizeof samples);
            }
            struct ifm_estimate e;
            ifm_summary_estimate(p50, invocations[c], &e);
            covered += e.low <= truth_ns && truth_ns <= e.high;
            struct ifm_invocation_stats all;
            ifm_summary_invocation(pooled, scratch, invocations[c] * ITERATIONS, 0, &all);
            pooled_covered +=
                (double)all.p50_low_ns <= truth_ns && truth_ns <= (double)all.p50_high_ns;
        }
        double share = (double)covered / RUNS;
        double error = sqrt(claimed[c] * (1 - claimed[c]) / RUNS);
        print_message(
            "K %zu: covers %.4f, claims %.5f (3 standard errors %.4f); pooled iterations %.4f\n",
            invocations[c], share, claimed[c], 3 * error, (double)pooled_covered / RUNS);
        assert_near(share, claimed[c], 3 * error);
        assert_true((double)pooled_covered / RUNS < 0.85);
    }
}

/* The same for single quantiles of independent samples; with correlated ones the claim is known to
 * fail, which is why the within-process interval is a detail and the autocorrelation stands beside
 * it. */
static void interval_within_a_process_covers_independent_samples(void **state)
{
    (void)state;
    enum { RUNS = 2500 };
    static const struct {
        size_t n;
        double p, truth, coverage;
    } rows[] = { { 10, .5, 0, .9785 },
                 { 50, .9, 1.2815515655, .9703 },
                 { 500, .99, 2.3263478740, .9802 },
                 { 1000, .99, 2.3263478740, .9761 } };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 20260102);
    for (size_t c = 0; c < COUNT(rows); c++) {
        static int64_t values[1000];
        size_t low, high;
        int covered = 0;
        ifm_stat_quantile_ranks(rows[c].n, rows[c].p, .05, &low, &high);
        for (int run = 0; run < RUNS; run++) {
            for (size_t i = 0; i < rows[c].n; i++)
                values[i] = (int64_t)(1e12 * ifm_rng_normal(&rng));
            ifm_stat_sort(values, rows[c].n);
            double truth = 1e12 * rows[c].truth;
            covered += (double)values[low - 1] <= truth && truth <= (double)values[high - 1];
        }
        double error = sqrt(rows[c].coverage * (1 - rows[c].coverage) / RUNS);
        assert_near((double)covered / RUNS, rows[c].coverage, 3 * error);
    }
    int covered = 0;
    double r1 = 0;
    for (int run = 0; run < RUNS; run++) { /* AR(1), .5 */
        int64_t values[200], scratch[200];
        double x = ifm_rng_normal(&rng) / sqrt(0.75);
        for (int i = 0; i < 200; i++) {
            values[i] = (int64_t)(1e9 * x);
            x = 0.5 * x + ifm_rng_normal(&rng);
        }
        struct ifm_invocation_stats s;
        ifm_summary_invocation(values, scratch, 200, 0, &s);
        covered += s.p50_low_ns <= 0 && 0 <= s.p50_high_ns;
        r1 += s.autocorrelation / RUNS;
    }
    print_message("AR(1) .5: covers %.3f, lag-1 autocorrelation %.3f\n", (double)covered / RUNS,
                  r1);
    assert_true((double)covered / RUNS < 0.90);
    assert_true(r1 > 0.2); /* the flag that goes with it */
}

/* -- Two runs ---------------------------------------------------------------------------------- */

static const double base[] = { 100.1, 99.8, 100.4, 99.5, 100.0, 100.2, 99.9, 100.3, 99.7, 100.6 };

static struct ifm_comparison_result compare(double factor, bool less_is_better, size_t k)
{
    double other[10];
    struct ifm_comparison_result r;
    for (int i = 0; i < 10; i++)
        other[i] = base[(i * 3) % 10] * factor;
    ifm_summary_compare(base, k, other, k, 0.02, less_is_better, &r);
    return r;
}

static void verdicts_follow_the_interval(void **state)
{
    (void)state;
    struct ifm_comparison_result r = compare(1.05, true, 10);
    assert_int_equal(r.verdict, IFM_VERDICT_REGRESSION);
    assert_near(r.ratio, 1.05, 0.002);
    assert_true(r.low > 1.02 && r.low < r.ratio && r.ratio < r.high);
    assert_int_equal(r.k_a, 10);
    assert_near(r.delta, 0.02, 0);
    assert_int_equal(compare(1 / 1.05, true, 10).verdict, IFM_VERDICT_IMPROVEMENT);
    assert_int_equal(compare(1.0, true, 10).verdict, IFM_VERDICT_EQUIVALENT);
    assert_int_equal(compare(1.02, true, 10).verdict,
                     IFM_VERDICT_INCONCLUSIVE); /* straddles the bound */
    assert_int_equal(compare(1.05, false, 10).verdict, IFM_VERDICT_IMPROVEMENT); /* throughput */
    assert_int_equal(compare(1 / 1.05, false, 10).verdict, IFM_VERDICT_REGRESSION);
    assert_int_equal(compare(1.0, false, 10).verdict, IFM_VERDICT_EQUIVALENT);
}

static void comparison_without_a_bound_is_inconclusive(void **state)
{
    (void)state;
    struct ifm_comparison_result r = compare(3.0, true, 3);
    assert_int_equal(r.verdict, IFM_VERDICT_INCONCLUSIVE);
    assert_near(r.ratio, 3, 0.05);
    assert_true(isnan(r.low) && isnan(r.high));
    double mixed[] = { NAN, 0, -1, INFINITY, 100 };
    ifm_summary_compare(base, 10, mixed, 5, 0.02, true, &r); /* only usable values count */
    assert_int_equal(r.k_b, 1);
    ifm_summary_compare(base, 10, mixed, 4, 0.02, true, &r);
    assert_int_equal(r.k_b, 0);
    assert_true(isnan(r.ratio));
    assert_int_equal(r.verdict, IFM_VERDICT_INCONCLUSIVE);
    ifm_summary_compare(NULL, 0, NULL, 0, 0.02, true, &r);
    assert_true(isnan(r.ratio));
}

/* With no change at all, one verdict of change in 1,000 comparisons would already be too many. */
static void no_change_gives_no_change(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 20260103);
    int changed = 0;
    for (int round = 0; round < 2000; round++) {
        double a[10], b[10];
        for (int i = 0; i < 10; i++) {
            a[i] = 1e6 * exp(0.01 * ifm_rng_normal(&rng));
            b[i] = 1e6 * exp(0.01 * ifm_rng_normal(&rng));
        }
        struct ifm_comparison_result r;
        ifm_summary_compare(a, 10, b, 10, 0.02, true, &r);
        changed += r.verdict == IFM_VERDICT_REGRESSION || r.verdict == IFM_VERDICT_IMPROVEMENT;
    }
    assert_true(changed <= 1);
}

static void verdicts_have_names(void **state)
{
    (void)state;
    assert_string_equal(ifm_verdict_name(IFM_VERDICT_INCONCLUSIVE), "inconclusive");
    assert_string_equal(ifm_verdict_name(IFM_VERDICT_EQUIVALENT), "equivalent");
    assert_string_equal(ifm_verdict_name(IFM_VERDICT_IMPROVEMENT), "improvement");
    assert_string_equal(ifm_verdict_name(IFM_VERDICT_REGRESSION), "regression");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invocation_numbers_are_those_of_the_definitions),
        cmocka_unit_test(small_invocations_say_what_they_lack),
        cmocka_unit_test(ranks_are_not_mixed_up),
        cmocka_unit_test(estimate_is_the_median_with_its_exact_interval),
        cmocka_unit_test(estimate_without_an_interval_says_how_many_are_needed),
        cmocka_unit_test(interval_over_invocations_covers_as_it_claims),
        cmocka_unit_test(interval_within_a_process_covers_independent_samples),
        cmocka_unit_test(verdicts_follow_the_interval),
        cmocka_unit_test(comparison_without_a_bound_is_inconclusive),
        cmocka_unit_test(no_change_gives_no_change),
        cmocka_unit_test(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
