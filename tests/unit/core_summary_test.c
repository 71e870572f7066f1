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

/* -- Batches, generators ------------------------------------------------------------------------ */

/* The same loop timed call by call and ten calls at once: times per call agree, throughput counts calls, and
 * percentiles of single calls are not claimed. */
static void batches_are_told_per_call(void **state)
{
    (void)state;
    static int64_t batch[1000], scratch[1000];
    for (int i = 0; i < 1000; i++)
        batch[i] = 10 * (1000 + i * 7 % 1000) + 4; /* 4: not divisible */
    struct ifm_samples samples = { .latency_ns = batch, .n = 1000, .steady_ns = 20000000,
                                   .batch_calls = 10, .resolution_ns = 30 };
    struct ifm_invocation_stats s;
    ifm_summary_samples(&samples, scratch, &s);
    assert_int_equal(s.n, 1000);
    assert_int_equal(s.batch_calls, 10);
    assert_int_equal(s.p50_ns, 1499); /* 14,994 / 10 */
    assert_int_equal(s.min_ns, 1000);
    assert_int_equal(s.max_ns, 1999);
    assert_false(s.p90_enough || s.p99_enough);
    assert_near(s.mean_ns, 1499.9, 1e-9);
    assert_near(s.sd_ns, sqrt(1000.0 * 1001 / 12), 1e-9);
    assert_near(s.p50_interp_ns, 1499.9, 1e-9);
    assert_near(s.throughput_per_s, 500000, 1e-6);
    assert_int_equal(s.p50_low_ns, 1468);
    assert_int_equal(s.p50_high_ns, 1531);
    assert_int_equal(s.lateness_p99_ns, -1);
    batch[0] = 10006;
    samples.batch_calls = 10;
    samples.n = 1;
    ifm_summary_samples(&samples, scratch, &s);
    assert_int_equal(s.p50_ns, 1001); /* to the nearest, not down */
    samples.batch_calls = 1;
    ifm_summary_samples(&samples, scratch, &s);
    assert_int_equal(s.p50_ns, 10006);
    assert_int_equal(s.batch_calls, 1);
}

static void lateness_is_summed_up_apart(void **state)
{
    (void)state;
    static int64_t latency[1000], lateness[1000], scratch[1000];
    for (int i = 0; i < 1000; i++) {
        latency[i] = 5000 + i;
        lateness[i] = i * 7 % 1000 + 1;
    }
    struct ifm_samples samples = { .latency_ns = latency, .lateness_ns = lateness, .n = 1000 };
    struct ifm_invocation_stats s;
    ifm_summary_samples(&samples, scratch, &s);
    assert_int_equal(s.lateness_p99_ns, 990);
    assert_int_equal(s.lateness_max_ns, 1000);
    assert_int_equal(s.p50_ns, 5499);
    assert_int_equal(lateness[1], 8); /* inputs stay */
    samples.n = 0;
    ifm_summary_samples(&samples, scratch, &s);
    assert_int_equal(s.lateness_p99_ns, -1);
    assert_int_equal(s.steady.steady, IFM_STEADY_TOO_FEW);
}

static void an_invocation_is_also_assessed(void **state)
{
    (void)state;
    static int64_t values[1000], scratch[1000];
    struct ifm_rng rng;
    ifm_rng_init(&rng, 3);
    for (int i = 0; i < 1000; i++)
        values[i] = (int64_t)(1e6 * (i < 300 ? 1.4 : 1) * (1 + 0.02 * ifm_rng_normal(&rng)));
    struct ifm_invocation_stats s;
    ifm_summary_invocation(values, scratch, 1000, 0, &s);
    assert_int_equal(s.steady.steady, IFM_STEADY_WARMUP);
    assert_near(s.steady.mser_share, 0.3, 0.01);
    assert_near(s.steady.mser_ratio, 1.4, 0.02);
    assert_near(s.steady.autocorrelation, s.autocorrelation, 1e-9);
    assert_true(s.autocorrelation > 0.8);
}

/* -- Pairs -------------------------------------------------------------------------------------- */

static void pairs_give_the_reference_values(void **state)
{
    (void)state;
    static const double a[] = { 10.11, 10.42, 9.93, 10.24, 10.35, 10.06, 10.57, 9.88, 10.29, 10.10 };
    static const double b[] = { 10.61, 10.92, 10.33, 10.84, 10.45,
                                10.76, 11.07, 10.28, 10.69, 10.50 };
    struct ifm_comparison_result r;
    ifm_summary_compare_paired(a, b, 10, 0.02, true, &r);
    assert_near(r.ratio, 1.0441509293895637, 1e-12);
    assert_near(r.low, 1.0338383379122666, 1e-12);
    assert_true(r.high > r.ratio);
    assert_int_equal(r.k_a, 10);
    assert_int_equal(r.verdict, IFM_VERDICT_REGRESSION);
    ifm_summary_compare_paired(a, b, 10, 0.02, false, &r);
    assert_int_equal(r.verdict, IFM_VERDICT_IMPROVEMENT);
    ifm_summary_compare_paired(b, a, 10, 0.02, true, &r);
    assert_near(r.ratio, 1 / 1.0441509293895637, 1e-12);
    assert_int_equal(r.verdict, IFM_VERDICT_IMPROVEMENT);
    ifm_summary_compare_paired(a, b, 10, 0.10, true, &r);
    assert_int_equal(r.verdict, IFM_VERDICT_EQUIVALENT);
    double detectable = ifm_summary_detectable_of(a, 10, b, 10, true);
    assert_true(detectable > 0.005 && detectable < 0.02);
}

/* Drift that both of a pair share cancels; runs one after the other would be told apart by it. */
static void drift_between_rounds_cancels_in_pairs(void **state)
{
    (void)state;
    double a[10], b[10];
    struct ifm_rng rng;
    ifm_rng_init(&rng, 4);
    for (int i = 0; i < 10; i++) {
        double machine = 1 + 0.05 * i;
        a[i] = 1000 * machine * (1 + 0.002 * ifm_rng_normal(&rng));
        b[i] = 1050 * machine * (1 + 0.002 * ifm_rng_normal(&rng));
    }
    struct ifm_comparison_result paired, apart;
    ifm_summary_compare_paired(a, b, 10, 0.02, true, &paired);
    ifm_summary_compare(a, 10, b, 10, 0.02, true, &apart);
    assert_int_equal(paired.verdict, IFM_VERDICT_REGRESSION);
    assert_true(paired.low < 1.05 && paired.high > 1.05 && paired.high - paired.low < 0.01);
    assert_int_equal(apart.verdict, IFM_VERDICT_INCONCLUSIVE);
    assert_true(ifm_summary_detectable_of(a, 10, b, 10, true) <
                0.1 * ifm_summary_detectable_of(a, 10, b, 10, false));
}

static void pairs_that_are_not_whole_are_left_out(void **state)
{
    (void)state;
    double a[] = { 1, 2, NAN, 4, 5, 6, 7, 0 }, b[] = { 1, NAN, 3, 4, 5, 6, 7, 8 };
    struct ifm_comparison_result r;
    ifm_summary_compare_paired(a, b, 8, 0.02, true, &r);
    assert_int_equal(r.k_a, 5);
    assert_int_equal(r.k_b, 5);
    assert_near(r.ratio, 1, 1e-15);
    assert_true(isnan(r.low) && isnan(r.high)); /* five pairs have no 95 % interval */
    assert_int_equal(r.verdict, IFM_VERDICT_INCONCLUSIVE);
    ifm_summary_compare_paired(a, b, 0, 0.02, true, &r);
    assert_true(isnan(r.ratio));
    assert_true(isnan(ifm_summary_detectable_of(a, 8, b, 8, true)));
    assert_true(isnan(ifm_summary_detectable_of(a, 3, b, 8, false)));
    assert_true(ifm_summary_detectable_of(a, 5, b, 8, false) > 0);
}

/* No change, 2 % noise: the paired 95 % interval must cover 1 as often as its exact level says, and a change of
 * the detectable size must be told from none in about four of five cases. */
static void pairs_cover_and_detect_what_they_claim(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, PAIRS = 10, EACH = 10 };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 99);
    int covered = 0, seen = 0;
    double paired = 0, apart = 0;
    const double sd = 0.02, change = ifm_summary_detectable(sd, PAIRS);
    for (int round = 0; round < ROUNDS; round++) {
        double a[PAIRS], b[PAIRS], c[PAIRS];
        for (int i = 0; i < PAIRS; i++) {
            a[i] = 1000;
            b[i] = 1000 * exp(sd * ifm_rng_normal(&rng));
            c[i] = b[i] * (1 + change);
        }
        struct ifm_comparison_result r;
        ifm_summary_compare_paired(a, b, PAIRS, 0.02, true, &r);
        covered += r.low <= 1 && 1 <= r.high;
        ifm_summary_compare_paired(a, c, PAIRS, 0.02, true, &r);
        seen += r.low > 1;
        if (round % EACH != 0)
            continue;
        paired += ifm_summary_detectable_of(a, PAIRS, b, PAIRS, true) * EACH / ROUNDS;
        for (int i = 0; i < PAIRS; i++)
            a[i] *= exp(sd * ifm_rng_normal(&rng));
        apart += ifm_summary_detectable_of(a, PAIRS, b, PAIRS, false) * EACH / ROUNDS;
    }
    print_message("detectable %.4f; from pairs %.4f, from runs apart %.4f\n", change, paired, apart);
    assert_near_relative(paired, change, 0.10); /* on average, from samples */
    assert_near_relative(apart, change * sqrt(2), 0.10);
    const double exact = 1 - 2 * 25.0 / 1024; /* P(W+ <= 8) = 25 / 1024 */
    print_message("pairs: cover %.4f, claim %.4f; detect %.3f\n", (double)covered / ROUNDS, exact,
                  (double)seen / ROUNDS);
    assert_near((double)covered / ROUNDS, exact, 3 * sqrt(exact * (1 - exact) / ROUNDS));
    assert_in_range(seen, (int)(0.76 * ROUNDS), (int)(0.84 * ROUNDS));
}

/* "No difference seen; one of x % would have been": x is of the size of the interval that stands beside it, also
 * with an odd invocation among them. */
static void what_would_be_seen_goes_with_the_interval(void **state)
{
    (void)state;
    double a[10], b[10];
    for (int i = 0; i < 10; i++) {
        a[i] = 1000 + (i * 3) % 7;
        b[i] = i == 3 ? 3000 : 1000 + (i * 7) % 10;
    }
    for (int paired = 0; paired < 2; paired++) {
        struct ifm_comparison_result r;
        if (paired)
            ifm_summary_compare_paired(a, b, 10, 0.02, true, &r);
        else
            ifm_summary_compare(a, 10, b, 10, 0.02, true, &r);
        double half = 0.5 * (r.high - r.low),
               seen = ifm_summary_detectable_of(a, 10, b, 10, paired);
        assert_true(seen > half && seen < 2 * half);
    }
}

/* Stopping at a target looks again after each invocation, which costs some of the coverage (docs/method.md says
 * how much). */
static void stopping_at_a_target_costs_little_coverage(void **state)
{
    (void)state;
    enum { ROUNDS = 200, MOST = 50 };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 5);
    int covered = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double values[MOST], copy[MOST];
        struct ifm_estimate e = { .value = NAN };
        for (size_t k = 0; k < MOST;) {
            values[k++] = exp(0.02 * ifm_rng_normal(&rng));
            memcpy(copy, values, sizeof copy);
            ifm_summary_estimate(copy, k, &e);
            if (ifm_summary_half_width(&e) <= 0.01)
                break;
        }
        covered += e.low <= 1 && 1 <= e.high;
    }
    print_message("stopped at 1 %%: covers %.3f\n", (double)covered / ROUNDS);
    assert_in_range(covered, (int)(0.87 * ROUNDS), (int)(0.97 * ROUNDS));
}

static void detectable_changes_follow_their_formula(void **state)
{
    (void)state;
    assert_near(ifm_summary_detectable(0.01, 10), exp((2.26215716 + .88340386) * .01 / sqrt(9.549297)) - 1, 1e-9);
    assert_near(ifm_summary_detectable(0, 5), 0, 0);
    assert_true(isnan(ifm_summary_detectable(0.01, 1)));
    assert_true(isnan(ifm_summary_detectable(NAN, 10)));
}

static void half_widths_are_parts_of_the_value(void **state)
{
    (void)state;
    double values[] = { 98, 99, 100, 100, 101, 102 };
    struct ifm_estimate e;
    ifm_summary_estimate(values, 6, &e);
    assert_near(ifm_summary_half_width(&e), 0.02, 1e-12);
    ifm_summary_estimate(values, 5, &e);
    assert_true(isnan(ifm_summary_half_width(&e)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_told_per_call),
        cmocka_unit_test(lateness_is_summed_up_apart),
        cmocka_unit_test(an_invocation_is_also_assessed),
        cmocka_unit_test(pairs_give_the_reference_values),
        cmocka_unit_test(drift_between_rounds_cancels_in_pairs),
        cmocka_unit_test(pairs_that_are_not_whole_are_left_out),
        cmocka_unit_test(pairs_cover_and_detect_what_they_claim),
        cmocka_unit_test(what_would_be_seen_goes_with_the_interval),
        cmocka_unit_test(stopping_at_a_target_costs_little_coverage),
        cmocka_unit_test(detectable_changes_follow_their_formula),
        cmocka_unit_test(half_widths_are_parts_of_the_value),
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
