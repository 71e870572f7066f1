/* Steadiness: reference values of the method, segmentation against an exhaustive search, classes,
 * and how seldom level series raise an alarm. */
#include "tests/lib/testlib.h"

#include "near.h"

#include "core/rng.h"
#include "core/stat.h"
#include "core/steady.h"

#define LONG 1000

/* -- MSER-5 ------------------------------------------------------------------------------------ */

static void mser_gives_the_reference_values(void **state)
{
    (void)state;
    double ramp[100], steps[50];
    static const double rest[] = { 5, 5.2, 4.8, 5.1, 4.9 };
    for (int i = 0; i < 100; i++)
        ramp[i] = i < 10 ? 100 - 8 * i : 20 + ((i - 10) % 2 ? -1 : 1);
    for (int i = 0; i < 50; i++)
        steps[i] = i < 5 ? 10 : rest[i % 5];
    bool converged;
    assert_int_equal(ifm_steady_mser5(ramp, 100, &converged), 10);
    assert_true(converged);
    assert_int_equal(ifm_steady_mser5(steps, 50, &converged), 5);
    assert_true(converged);
}

/* g(d) straight from its definition. */
static size_t mser_slow(const double *x, size_t n)
{
    size_t k = n / 5, best = 0;
    double least = INFINITY;
    for (size_t d = 0; d <= k / 2; d++) {
        double mean = 0, squares = 0, m = (double)(k - d);
        for (size_t j = d; j < k; j++)
            for (size_t i = 0; i < 5; i++)
                mean += x[5 * j + i] / 5 / m;
        for (size_t j = d; j < k; j++) {
            double batch = 0;
            for (size_t i = 0; i < 5; i++)
                batch += x[5 * j + i] / 5;
            squares += (batch - mean) * (batch - mean);
        }
        if (squares / (m * m) < least - 1e-12) {
            least = squares / (m * m);
            best = d;
        }
    }
    return best * 5;
}

static void mser_is_its_definition(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 5);
    for (int round = 0; round < 200; round++) {
        double x[200];
        size_t n = 10 + (size_t)ifm_rng_below(&rng, 190), head = (size_t)ifm_rng_below(&rng, n);
        for (size_t i = 0; i < n; i++)
            x[i] = 1000 + ifm_rng_normal(&rng) + (i < head ? 3 : 0);
        bool converged;
        assert_int_equal(ifm_steady_mser5(x, n, &converged), mser_slow(x, n));
    }
}

static void mser_says_when_it_did_not_converge(void **state)
{
    (void)state;
    double fall[100];
    bool converged = true;
    for (int i = 0; i < 100; i++)
        fall[i] = 200 - i;
    ifm_steady_mser5(fall, 100, &converged);
    assert_false(converged);
    for (int i = 0; i < 100; i++)
        fall[i] = 7;
    assert_int_equal(ifm_steady_mser5(fall, 100, &converged), 0);
    assert_true(converged);
    assert_int_equal(ifm_steady_mser5(fall, 3, &converged), 0);
}

/* -- PELT -------------------------------------------------------------------------------------- */

static double segment_cost(const double *x, size_t from, size_t to, double floor_var)
{
    double n = (double)(to - from), mean = 0, variance = 0;
    for (size_t i = from; i < to; i++)
        mean += x[i] / n;
    for (size_t i = from; i < to; i++)
        variance += (x[i] - mean) * (x[i] - mean) / n;
    return n * (1.83787706640934548 + log(variance > floor_var ? variance : floor_var) + 1);
}

/* Cost of the best segmentation without any pruning. */
static double best_cost(const double *x, size_t n, double penalty, size_t least, double floor_var)
{
    double best[LONG + 1];
    best[0] = -penalty;
    for (size_t t = 1; t <= n; t++) {
        best[t] = INFINITY;
        for (size_t s = 0; s + least <= t; s++)
            if (isfinite(best[s])) {
                double value = best[s] + segment_cost(x, s, t, floor_var) + penalty;
                best[t] = value < best[t] ? value : best[t];
            }
    }
    return best[n];
}

static double cost_of(const double *x, const size_t *ends, size_t count, double penalty,
                      double floor_var)
{
    double sum = -penalty;
    for (size_t i = 0; i < count; i++)
        sum += segment_cost(x, i ? ends[i - 1] : 0, ends[i], floor_var) + penalty;
    return sum;
}

static void pelt_finds_the_best_segmentation(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 11);
    for (int round = 0; round < 150; round++) {
        double x[320];
        size_t n = 25 + (size_t)ifm_rng_below(&rng, round % 10 ? 100 : 295), ends[320];
        size_t least = 1 + (size_t)ifm_rng_below(&rng, 12);
        double level = 1e6, sd = 1, penalty = (1 + 4 * ifm_rng_unit(&rng)) * log((double)n);
        for (size_t i = 0; i < n; i++) {
            if (ifm_rng_below(&rng, 30) == 0) {
                level += 4 * ifm_rng_normal(&rng);
                sd = 0.3 + ifm_rng_unit(&rng);
            }
            x[i] = level + sd * ifm_rng_normal(&rng);
        }
        size_t count = ifm_steady_pelt_meanvar(x, n, penalty, least, 1e-3, ends);
        assert_true(count > 0);
        assert_int_equal(ends[count - 1], n);
        for (size_t i = 0; i < count; i++)
            assert_true(ends[i] - (i ? ends[i - 1] : 0) >= least);
        assert_near(cost_of(x, ends, count, penalty, 1e-3), best_cost(x, n, penalty, least, 1e-3),
                    1e-4);
    }
}

static void pelt_finds_changes_of_mean_and_of_variance(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 3);
    double x[180];
    size_t ends[180];
    for (int i = 0; i < 180; i++)
        x[i] = (i < 60 ? 10 : 20) + (i < 120 ? 0.2 : 3) * ifm_rng_normal(&rng);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 180, 15 * log(180), 10, 1e-9, ends), 3);
    assert_int_equal(ends[0], 60);
    assert_in_range(ends[1], 117, 123);
    assert_int_equal(ends[2], 180);
}

static void pelt_survives_ties_and_odd_sizes(void **state)
{
    (void)state;
    static double x[4097];
    static size_t ends[4097];
    for (int i = 0; i < 4097; i++)
        x[i] = 5;
    assert_int_equal(ifm_steady_pelt_meanvar(x, 300, 50, 10, 1.0 / 12, ends), 1);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 19, 50, 10, 1.0 / 12, ends), 1);
    assert_int_equal(ends[0], 19);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 0, 50, 10, 1.0 / 12, ends), 0);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 4097, 50, 10, 1.0 / 12, ends), 0);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 1, 50, 1, 1.0 / 12, ends), 1);
    t_alloc_start();
    t_alloc_fail_at(1);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 200, 50, 10, 1.0 / 12, ends), 1); /* no memory */
    assert_int_equal(ifm_steady_pelt_meanvar(x, 300, 50, 10, 1.0 / 12, ends), 0);
    assert_int_equal(ifm_steady_pelt_meanvar(x, 300, 50, 10, 1.0 / 12, ends), 1);
    assert_int_equal(t_alloc_outstanding(), 0);
    t_alloc_stop();
}

/* -- Classes ------------------------------------------------------------------------------------
 */

struct shape {
    const char *name;
    enum ifm_steady_class expected;
    int cut;              /* where the level changes, in parts of 1,000 */
    double before, after; /* levels */
};

static void classes_are_those_of_the_shapes(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        { "level", IFM_STEADY_FLAT, 500, 1, 1 },
        { "below the tolerance", IFM_STEADY_FLAT, 500, 1.003, 1 },
        { "warm-up", IFM_STEADY_WARMUP, 200, 1.5, 1 },
        { "short warm-up", IFM_STEADY_WARMUP, 60, 3, 1 },
        { "slowdown", IFM_STEADY_SLOWDOWN, 500, 1, 1.1 },
        { "change near the end", IFM_STEADY_NO_STEADY_STATE, 850, 1, 1.1 },
        { "faster near the end", IFM_STEADY_NO_STEADY_STATE, 850, 1.1, 1 },
    };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 21);
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int n = 200; n <= 20000; n = n * 10) {
            static int64_t values[20000], scratch[20000];
            for (int i = 0; i < n; i++) {
                double level = i < n / 1000.0 * shapes[s].cut ? shapes[s].before : shapes[s].after;
                values[i] = (int64_t)(1e6 * level * (1 + 0.01 * ifm_rng_normal(&rng)));
            }
            struct ifm_steadiness out;
            ifm_steady_assess(values, NULL, scratch, (size_t)n, 30, &out);
            if (out.steady != shapes[s].expected)
                print_error("%s, n %d: %s\n", shapes[s].name, n, ifm_steady_class_name(out.steady));
            assert_int_equal(out.steady, shapes[s].expected);
        }
}

static void few_values_have_no_class(void **state)
{
    (void)state;
    double x[200];
    for (int i = 0; i < 200; i++)
        x[i] = 100 + i % 3;
    assert_int_equal(ifm_steady_barrett(x, 49, 1), IFM_STEADY_TOO_FEW);
    assert_int_equal(ifm_steady_barrett(x, 50, 1), IFM_STEADY_FLAT);
    assert_int_equal(ifm_steady_barrett(x, 200, 1), IFM_STEADY_FLAT);
    assert_string_equal(ifm_steady_class_name(IFM_STEADY_TOO_FEW), "too_few");
    assert_string_equal(ifm_steady_class_name(IFM_STEADY_NO_STEADY_STATE), "no_steady_state");
    assert_string_equal(ifm_steady_class_name((enum ifm_steady_class)99), "too_few");
}

/* Noise that begins near the end, at the same level, is not another level. */
static void bursts_of_noise_are_no_change_of_level(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 31);
    int flat = 0;
    for (int round = 0; round < 100; round++) {
        int64_t values[LONG], scratch[LONG];
        for (int i = 0; i < LONG; i++)
            values[i] = (int64_t)(1e6 * (1 + (i < 850 ? 0.001 : 0.012) * ifm_rng_normal(&rng)));
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, LONG, 30, &out);
        flat += out.steady == IFM_STEADY_FLAT;
    }
    assert_in_range(flat, 99, 100);
}

/* A clock that ticks coarsely makes most values equal; neither ties nor single outliers are levels.
 */
static void ties_and_outliers_are_no_change_of_level(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 8);
    int alarms = 0;
    for (int round = 0; round < 300; round++) {
        int64_t values[LONG], scratch[LONG];
        size_t n = round % 2 ? 120 : LONG;
        for (size_t i = 0; i < n; i++) {
            double x = 10000 * (1 + 0.004 * ifm_rng_normal(&rng));
            x *= ifm_rng_below(&rng, 200) ? 1 : 5;
            values[i] = (int64_t)(x / 100 + 0.5) * 100; /* a tick of 1 % */
        }
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, n, 100, &out);
        alarms += out.steady != IFM_STEADY_FLAT;
    }
    assert_in_range(alarms, 0, 6);
}

static double draw(struct ifm_rng *rng, int law)
{
    double z = ifm_rng_normal(rng);
    switch (law) {
    case 0:
        return 1 + 0.002 * z;
    case 1:
        return 1 + 0.05 * z;
    case 2:
        return exp(0.1 * z);
    default:
        return z < 0 ? 0.97 : 1.03;
    }
}

struct alarms {
    int steady, drift, late;
};

static struct alarms count_alarms(struct ifm_rng *rng, int law, size_t n, int rounds)
{
    struct alarms alarms = { 0, 0, 0 };
    for (int round = 0; round < rounds; round++) {
        int64_t values[LONG], scratch[LONG];
        for (size_t i = 0; i < n; i++)
            values[i] = (int64_t)(1e6 * draw(rng, law));
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, n, 30, &out);
        alarms.steady += out.steady != IFM_STEADY_FLAT;
        alarms.drift += out.drift_p < 0.01 && out.drift_ratio > 1.02;
        alarms.late += out.mser_share > 0.1 && out.mser_ratio > 1.02;
    }
    return alarms;
}

/* Level series of independent values: at most one in a hundred may be called anything but flat, or
 * drifting, or warming up, whatever their law; 12 of 500 is 1 % and three standard deviations.
 * Below 200 values of the two-point law MSER-5 is wrong more often, which the count of invocations
 * bears. */
static void level_series_are_called_level(void **state)
{
    (void)state;
    struct ifm_rng rng;
    static const size_t sizes[] = { 60, 200, 700, LONG };
    ifm_rng_init(&rng, 1234);
    for (int law = 0; law < 4; law++)
        for (size_t size = 0; size < COUNT(sizes); size++) {
            struct alarms alarms = count_alarms(&rng, law, sizes[size], 500);
            assert_in_range(alarms.steady, 0, 12);
            assert_in_range(alarms.drift, 0, 12);
            assert_in_range(alarms.late, 0, law == 3 && sizes[size] < 200 ? 50 : 12);
        }
}

/* -- Trend ------------------------------------------------------------------------------------- */

static void mann_kendall_gives_the_reference_values(void **state)
{
    (void)state;
    static const double y[] = { 1, 3, 2, 4, 5, 5, 7, 6, 9, 8 };
    double s, slope;
    assert_near(ifm_steady_mann_kendall(y, 10, &s, &slope), .00089151348, 1e-11);
    assert_near(s, 38, 0);
    assert_near(slope, .8, 1e-15);
    double falling[10], flat[10];
    for (int i = 0; i < 10; i++) {
        falling[i] = -y[i];
        flat[i] = 4;
    }
    assert_near(ifm_steady_mann_kendall(falling, 10, &s, NULL), .00089151348, 1e-11);
    assert_near(s, -38, 0);
    assert_near(ifm_steady_mann_kendall(flat, 10, &s, &slope), 1, 0);
    assert_near(slope, 0, 0);
    assert_true(isnan(ifm_steady_mann_kendall(y, 2, NULL, NULL)));
    assert_true(isnan(ifm_steady_mann_kendall(y, 1, NULL, &slope)) && isnan(slope));
}

static void drift_is_seen_and_measured(void **state)
{
    (void)state;
    struct ifm_rng rng;
    static int64_t values[30000], scratch[30000];
    ifm_rng_init(&rng, 2);
    for (int n = 200; n <= 30000; n *= 5) {
        for (int i = 0; i < n; i++)
            values[i] = (int64_t)(1e6 * (1 + 0.09 * i / n) * (1 + 0.02 * ifm_rng_normal(&rng)));
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, (size_t)n, 30, &out);
        assert_true(out.drift_p < 0.01);
        assert_near(out.drift_ratio, 1 + 0.06 / 1.015, 0.012); /* between the thirds' middles */
    }
}

/* -- Outliers and spread ------------------------------------------------------------------------
 */

static double outliers(const double *x, size_t n)
{
    int64_t values[8], scratch[8];
    for (size_t i = 0; i < n; i++)
        values[i] = (int64_t)lround(x[i] * 1000);
    struct ifm_steadiness out;
    ifm_steady_assess(values, NULL, scratch, n, 1, &out);
    return out.outlier_share * (double)n;
}

/* hyperfine's tests of the modified z-score. */
static void outliers_are_those_of_hyperfine(void **state)
{
    (void)state;
    static const double first[] = { -.2, 0, .2, 4 }, second[] = { .5, .3, .29, .31, .3 },
                        third[] = { 10, 10, 10, 10, 10, 10, 10, 100 }, none[] = { 1, 2, 3, 4, 5 };
    assert_near(outliers(first, 4), 1, 1e-12);
    assert_near(outliers(second, 5), 1, 1e-12);
    assert_near(outliers(third, 8), 1, 1e-12);
    assert_near(outliers(none, 5), 0, 0);
}

/* A loop of a hundred microseconds meets a timer interrupt in every fortieth round. */
static void interrupts_are_no_outliers(void **state)
{
    (void)state;
    int64_t values[LONG], scratch[LONG];
    for (int i = 0; i < LONG; i++)
        values[i] = 100000 + i % 3 * 10 + (i % 40 == 7 ? 2500 : 0) + (i == 500 ? 4000000 : 0);
    struct ifm_steadiness out;
    ifm_steady_assess(values, NULL, scratch, LONG, 10, &out);
    assert_near(out.outlier_share, 0.001, 1e-12);
}

/* The walk outwards over the sorted sample against the plain definition. */
static void outliers_are_their_definition(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 44);
    for (int round = 0; round < 300; round++) {
        int64_t values[90], scratch[90];
        double copy[90];
        size_t n = 1 + (size_t)ifm_rng_below(&rng, 90), expected = 0;
        for (size_t i = 0; i < n; i++)
            values[i] = 5000 + (int64_t)(100 * exp(2.2 * ifm_rng_normal(&rng)));
        for (size_t i = 0; i < n; i++)
            copy[i] = (double)values[i];
        double median = ifm_stat_median(copy, n), mad = ifm_stat_mad(copy, n);
        for (size_t i = 0; i < n; i++)
            copy[i] = (double)values[i];
        ifm_stat_sort_f64(copy, n);
        double half = 0.5 * (copy[ifm_stat_rank(n, 7500) - 1] - copy[ifm_stat_rank(n, 2500) - 1]);
        double scale = mad > half ? mad : half;
        scale = scale > 0 ? scale : 7;
        for (size_t i = 0; i < n; i++)
            expected += fabs((double)values[i] - median) > fmax(14.826 * scale, 0.05 * median);
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, n, 7, &out);
        assert_near(out.outlier_share, (double)expected / (double)n, 1e-12);
    }
}

/* Without outliers it is the plain formula; with them it stays what the inferences do. */
static void correlation_does_not_hang_on_outliers(void **state)
{
    (void)state;
    static int64_t values[LONG], scratch[LONG];
    struct ifm_rng rng;
    ifm_rng_init(&rng, 61);
    for (int with = 0; with < 2; with++) {
        double noise = 0;
        for (int i = 0; i < LONG; i++) {
            noise = 0.8 * noise + 0.6 * ifm_rng_normal(&rng);
            values[i] = (int64_t)(1e6 * (1 + 0.02 * noise));
            if (with && ifm_rng_below(&rng, 40) == 0)
                values[i] += 30000000;
        }
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, LONG, 30, &out);
        double plain = ifm_stat_autocorrelation(values, LONG);
        if (with) {
            assert_true(plain < 0.1);
            assert_true(out.autocorrelation > 0.5);
        } else {
            assert_near(out.autocorrelation, plain, 1e-9);
        }
    }
    for (int i = 0; i < LONG; i++) /* independent, but for two neighbours that were preempted */
        values[i] =
            1000000 + (int64_t)(10000 * ifm_rng_normal(&rng)) + (i / 2 == 200 ? 80000000 : 0);
    struct ifm_steadiness out;
    ifm_steady_assess(values, NULL, scratch, LONG, 30, &out);
    assert_true(ifm_stat_autocorrelation(values, LONG) > 0.4);
    assert_near(out.autocorrelation, 0, 0.15);
}

static void numbers_that_do_not_exist_are_nan(void **state)
{
    (void)state;
    int64_t values[19] = { 0 }, scratch[19];
    struct ifm_steadiness out;
    ifm_steady_assess(values, NULL, scratch, 0, 0, &out);
    assert_int_equal(out.steady, IFM_STEADY_TOO_FEW);
    assert_true(isnan(out.mser_share) && isnan(out.mser_ratio) && isnan(out.drift_p) &&
                isnan(out.drift_ratio) && isnan(out.outlier_share) && isnan(out.iqr_ratio) &&
                isnan(out.autocorrelation));
    ifm_steady_assess(values, NULL, scratch, 19, 0, &out); /* all zero: nothing to divide by */
    assert_true(isnan(out.drift_p) && isnan(out.iqr_ratio));
    assert_near(out.outlier_share, 0, 0);
    assert_near(out.mser_share, 0, 0);
    ifm_steady_assess(values, NULL, scratch, 9, 0, &out);
    assert_true(isnan(out.mser_share));
    ifm_steady_assess(values, NULL, scratch, 1, 0, &out);
    assert_near(out.outlier_share, 0, 0);
}

/* Nothing that a block can hold may overflow or hang; the sanitized build looks. */
static void any_integers_are_survived(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 71);
    for (int round = 0; round < 200; round++) {
        int64_t values[LONG], scratch[LONG];
        size_t n = (size_t)ifm_rng_below(&rng, LONG + 1);
        for (size_t i = 0; i < n; i++)
            values[i] = round % 3 == 0   ? (int64_t)ifm_rng_next(&rng)
                        : round % 3 == 1 ? (ifm_rng_below(&rng, 2) ? INT64_MAX : INT64_MIN)
                                         : (int64_t)ifm_rng_below(&rng, 3);
        struct ifm_steadiness out;
        ifm_steady_assess(values, NULL, scratch, n, round % 2 ? INT64_MAX : 0, &out);
        assert_true(isnan(out.outlier_share) || (out.outlier_share >= 0 && out.outlier_share <= 1));
        assert_true(isnan(out.mser_share) || (out.mser_share >= 0 && out.mser_share <= 1));
        assert_true(isnan(out.autocorrelation) || fabs(out.autocorrelation) <= 1 + 1e-9);
    }
}

static void a_sorted_sample_saves_the_sorting(void **state)
{
    (void)state;
    int64_t values[LONG], sorted[LONG], scratch[LONG];
    struct ifm_rng rng;
    ifm_rng_init(&rng, 6);
    for (int i = 0; i < LONG; i++)
        sorted[i] = values[i] = (int64_t)(1e6 * exp(0.1 * ifm_rng_normal(&rng)));
    ifm_stat_sort(sorted, LONG);
    struct ifm_steadiness a, b;
    ifm_steady_assess(values, NULL, scratch, LONG, 30, &a);
    t_alloc_start();
    ifm_steady_assess(values, sorted, NULL, LONG, 30, &b);
    assert_int_equal(t_alloc_count(), 0);
    t_alloc_stop();
    assert_int_equal(a.steady, b.steady);
    assert_near(a.outlier_share, b.outlier_share, 0);
    assert_near(a.iqr_ratio, b.iqr_ratio, 0);
    assert_near(a.drift_p, b.drift_p, 0);
    assert_near(a.mser_share, b.mser_share, 0);
    assert_near(a.autocorrelation, b.autocorrelation, 0);
    assert_near(a.iqr_ratio, 2 * sinh(0.1 * 0.67449), 0.02);
}

/* -- Kalibera and Jones -------------------------------------------------------------------------
 */

static void kalibera_gives_the_reference_values(void **state)
{
    (void)state;
    static const double three[] = { 9, 5, 8, 3, 10, 6, 7, 11, 1, 12, 2, 4 };
    static const size_t by_two[] = { 2, 2, 3 }, by_four[] = { 4, 3 };
    double s2[3], t2[3], optimal[2];
    ifm_steady_kalibera(three, by_two, 3, NULL, s2, t2, NULL);
    assert_near(s2[0], 16.5, 1e-12); /* innermost first */
    assert_near(s2[1], 2.6, 0.05);
    assert_near(s2[2], 3.6, 0.05);
    assert_near(t2[0], 16.5, 1e-12);
    assert_near(t2[1], -5.7, 0.05);
    assert_near(t2[2], 2.3, 0.05);
    ifm_steady_kalibera(three, by_four, 2, NULL, s2, t2, NULL);
    assert_near(s2[0], 12.7, 0.05);
    assert_near(s2[1], 3.6, 0.05);
    assert_near(t2[0], 12.7, 0.05);
    assert_near(t2[1], 0.4, 0.05);
    static const double other[] = { 3, 4, 3, 1.2, 3.1, 3, .2, 1, 1.5, 1, 2, 3 };
    static const size_t reps[] = { 3, 2, 2 };
    static const double costs[] = { 3, 20, 100 };
    ifm_steady_kalibera(other, reps, 3, costs, s2, t2, optimal);
    assert_near(s2[0], .72667, 5e-6);
    assert_near(t2[0], .7266667, 5e-8);
    assert_near(t2[1], .262777778, 5e-10);
    assert_near(t2[2], .7747, 5e-5);
    assert_near(optimal[0], 4.2937, 5e-5);
    assert_near(optimal[1], 1.3023, 5e-5);
}

static void kalibera_without_memory_or_variance_gives_nan(void **state)
{
    (void)state;
    static const double flat[] = { 2, 2, 2, 2 };
    static const size_t reps[] = { 2, 2 };
    static const double costs[] = { 1, 1 };
    double s2[2], t2[2], optimal[1];
    ifm_steady_kalibera(flat, reps, 2, costs, s2, t2, optimal);
    assert_near(s2[1], 0, 0);
    assert_true(isnan(optimal[0]));
    t_alloc_start();
    t_alloc_fail_at(1);
    ifm_steady_kalibera(flat, reps, 2, costs, s2, t2, optimal);
    t_alloc_stop();
    assert_true(isnan(s2[0]) && isnan(t2[1]) && isnan(optimal[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mser_gives_the_reference_values),
        cmocka_unit_test(mser_is_its_definition),
        cmocka_unit_test(mser_says_when_it_did_not_converge),
        cmocka_unit_test(pelt_finds_the_best_segmentation),
        cmocka_unit_test(pelt_finds_changes_of_mean_and_of_variance),
        cmocka_unit_test(pelt_survives_ties_and_odd_sizes),
        cmocka_unit_test(classes_are_those_of_the_shapes),
        cmocka_unit_test(few_values_have_no_class),
        cmocka_unit_test(bursts_of_noise_are_no_change_of_level),
        cmocka_unit_test(ties_and_outliers_are_no_change_of_level),
        cmocka_unit_test(level_series_are_called_level),
        cmocka_unit_test(mann_kendall_gives_the_reference_values),
        cmocka_unit_test(drift_is_seen_and_measured),
        cmocka_unit_test(outliers_are_those_of_hyperfine),
        cmocka_unit_test(interrupts_are_no_outliers),
        cmocka_unit_test(outliers_are_their_definition),
        cmocka_unit_test(correlation_does_not_hang_on_outliers),
        cmocka_unit_test(numbers_that_do_not_exist_are_nan),
        cmocka_unit_test(any_integers_are_survived),
        cmocka_unit_test(a_sorted_sample_saves_the_sorting),
        cmocka_unit_test(kalibera_gives_the_reference_values),
        cmocka_unit_test(kalibera_without_memory_or_variance_gives_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
