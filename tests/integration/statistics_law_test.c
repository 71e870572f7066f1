/* The statistics end to end, over thousands of simulated runs whose truth is known: latencies by
 * the law of the sim runtime, sample arrays, codec, messages as they cross processes, summary,
 * estimate, verdict. Nothing waits: the law's own clock is the sum of what it drew. Seeds are
 * fixed, so that a run of this test repeats the last one. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/runtimes/sim_law.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/trust.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNS 300 /* the same checks in bearable time; the bounds follow the number */
#else
#define RUNS 2000
#endif
#define K_MAX   20
#define N_MAX   1024
#define LATENCY 200000 /* ns */

static const struct sim_law base = { .kind = LAW_NORMAL,
                                     .latency = LATENCY,
                                     .sd = 0.03,
                                     .between_sd = 0.01,
                                     .outlier_factor = 5,
                                     .warmup_factor = 3,
                                     .step_factor = 1.2 };

/* -- One invocation, through the messages --------------------------------------------------------
 */

/* What a worker would have recorded. */
static int64_t record(struct sim_law law, uint64_t seed, size_t n, int64_t *latency, int64_t *gaps)
{
    int64_t now = 0;
    sim_law_start(&law, seed);
    for (size_t i = 0; i < n; i++) {
        gaps[i] = 40;
        now += gaps[i];
        sim_law_begin(&law, now);
        latency[i] = sim_law_draw(&law, now);
        now += latency[i];
    }
    return now;
}

static void encode_body(int64_t number, const int64_t *latency, const int64_t *gaps, size_t n,
                        int64_t steady_ns, struct ifm_buf *line)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_invocation body;
    ifm_json_init(&ifm_invocation_table, &body);
    body.v = IFM_MSG_VERSION;
    body.n = number;
    body.started_at = ifm_dup("2026-01-01T00:00:00Z");
    body.iterations = (int64_t)n;
    body.steady_ns = steady_ns;
    body.involuntary_switches = 2;
    body.warmup_end = 1;
    body.deterministic = true;
    body.clock_ratio = 1.00001;
    body.clock = (struct ifm_msg_clock){
        .resolution_ns = 20, .overhead_ns = 30, .jitter_ns = 400, .raw_ratio = NAN
    };
    struct ifm_msg_block *block = ifm_alloc(sizeof *block);
    assert_non_null(block);
    *block = (struct ifm_msg_block){ .phase = 1, .count = (int64_t)n };
    assert_int_equal(ifm_codec_encode(latency, n, &block->block, &err), 0);
    assert_int_equal(ifm_codec_encode(gaps, n, &block->gaps, &err), 0);
    body.samples = (struct ifm_list){ block, 1 };
    ifm_buf_reset(line);
    ifm_json_encode(&ifm_invocation_table, &body, line);
    assert_int_equal(ifm_buf_check(line, &err), 0);
    ifm_json_free(&ifm_invocation_table, &body);
}

struct made {
    struct ifm_msg_invocation body;
    struct ifm_invocation_stats stats;
};

/* What the command line or the daemon makes of the line. */
static void read_body(const struct ifm_buf *line, struct made *out)
{
    static int64_t values[N_MAX], scratch[N_MAX];
    struct ifm_err err = IFM_ERR_INIT;
    size_t n = 0;
    assert_int_equal(
        ifm_json_decode(&ifm_invocation_table, line->data, line->len, &out->body, &err), 0);
    const struct ifm_msg_block *block = out->body.samples.items;
    assert_int_equal(
        ifm_codec_decode(block->block.bytes, block->block.len, values, N_MAX, &n, &err), 0);
    struct ifm_samples samples = { .latency_ns = values,
                                   .n = n,
                                   .steady_ns = out->body.steady_ns,
                                   .batch_calls = out->body.batch_calls,
                                   .resolution_ns = out->body.clock.resolution_ns };
    ifm_summary_samples(&samples, scratch, &out->stats);
}

/* -- Many runs ------------------------------------------------------------------------------------
 */

struct outcome {
    int runs, covered, trusted, caution, untrusted;
    int codes[IFM_TRUST_CODE_COUNT]; /* runs with the finding, notes left out */
    int classes[5];                  /* invocations */
    double autocorrelation;          /* mean over invocations */
};

static void judge(const struct made *made, size_t k, double truth, struct outcome *out)
{
    struct ifm_trust_item items[K_MAX];
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_run run;
    struct ifm_trust trust;
    struct ifm_estimate estimate;
    double p50[K_MAX];
    for (size_t i = 0; i < k; i++) {
        items[i] = (struct ifm_trust_item){ &made[i].body, &made[i].stats };
        p50[i] = (double)made[i].stats.p50_ns;
        out->classes[made[i].stats.steady.steady]++;
        out->autocorrelation += made[i].stats.autocorrelation;
    }
    ifm_summary_estimate(p50, k, &estimate);
    out->covered += estimate.low <= truth && truth <= estimate.high;
    ifm_json_init(&ifm_run_table, &run);
    assert_int_equal(ifm_trust_assess(&run, items, k, &trust, &err), 0);
    const struct ifm_msg_finding *found = trust.findings.items;
    for (size_t i = 0; i < trust.findings.count; i++)
        for (int code = 0; code < IFM_TRUST_CODE_COUNT; code++)
            out->codes[code] +=
                found[i].severity > (int)IFM_TRUST_NOTE_LEVEL &&
                strcmp(found[i].code, ifm_trust_code_name((enum ifm_trust_code)code)) == 0;
    out->trusted += trust.state == IFM_TRUST_TRUSTED;
    out->caution += trust.state == IFM_TRUST_CAUTION;
    out->untrusted += trust.state == IFM_TRUST_UNTRUSTED;
    out->runs++;
    ifm_trust_done(&trust);
    ifm_json_free(&ifm_run_table, &run);
}

static struct outcome simulate(const char *name, const struct sim_law *law, size_t n, size_t k,
                               int runs, double truth)
{
    static int64_t latency[N_MAX], gaps[N_MAX];
    static struct made made[K_MAX];
    struct outcome out = { .runs = 0 };
    struct ifm_buf line;
    ifm_buf_init(&line, 1 << 20);
    for (int run = 0; run < runs; run++) {
        for (size_t i = 0; i < k; i++) {
            uint64_t seed = (uint64_t)run * K_MAX + i;
            int64_t steady_ns = record(*law, seed, n, latency, gaps);
            encode_body((int64_t)i, latency, gaps, n, steady_ns, &line);
            read_body(&line, &made[i]);
        }
        judge(made, k, truth, &out);
        for (size_t i = 0; i < k; i++)
            ifm_json_free(&ifm_invocation_table, &made[i].body);
    }
    ifm_buf_done(&line);
    out.autocorrelation /= (double)runs * (double)k;
    print_message("%-22s K %2zu, n %4zu, %d runs: covered %.4f, trusted %.4f, r1 %.3f\n", name, k,
                  n, runs, (double)out.covered / runs, (double)out.trusted / runs,
                  out.autocorrelation);
    return out;
}

static double exact_coverage(size_t k)
{
    size_t low, high;
    return ifm_stat_quantile_ranks(k, 0.5, 0.05, &low, &high);
}

static void expect_coverage(const struct outcome *out, size_t k)
{
    const double exact = exact_coverage(k);
    const double error = sqrt(exact * (1 - exact) / out->runs);
    const double seen = (double)out->covered / out->runs;
    if (fabs(seen - exact) > 3 * error)
        print_error("covered %.4f, exact %.4f +- %.4f\n", seen, exact, 3 * error);
    assert_true(fabs(seen - exact) <= 3 * error);
}

/* At most 2 % of runs, and three standard deviations of that where the runs are few. */
static void expect_trusted(const struct outcome *out)
{
    const double most = 0.02 * out->runs + (out->runs < 2000 ? 3 * sqrt(0.02 * out->runs) : 0);
    for (int code = 0; code < IFM_TRUST_CODE_COUNT; code++)
        if (out->codes[code] && out->caution + out->untrusted > most)
            print_error("%s in %d runs\n", ifm_trust_code_name((enum ifm_trust_code)code),
                        out->codes[code]);
    assert_true(out->caution + out->untrusted <= most);
    assert_int_equal(out->untrusted, 0);
}

/* -- Coverage -------------------------------------------------------------------------------------
 */

static void intervals_cover_what_they_claim(void **state)
{
    (void)state;
    assert_true(fabs(exact_coverage(10) - 0.97852) < 6e-6);
    const size_t n = 201; /* odd, so that the nearest rank is the median itself */
    struct sim_law law = base;
    law.kind = LAW_CONSTANT;
    struct outcome out = simulate("constant", &law, n, 10, RUNS, LATENCY);
    expect_coverage(&out, 10);
    expect_trusted(&out);
    law.kind = LAW_NORMAL;
    out = simulate("normal", &law, n, 10, RUNS, LATENCY);
    expect_coverage(&out, 10);
    expect_trusted(&out);
    law.kind = LAW_BIMODAL; /* symmetric in the logarithm around sqrt((1 - sd) (1 + sd)) */
    out = simulate("bimodal", &law, n, 10, RUNS, LATENCY * sqrt(1 - 0.03 * 0.03));
    expect_coverage(&out, 10);
    expect_trusted(&out);
    law.kind = LAW_NORMAL;
    law.outliers = 0.004;
    double z = ifm_stat_norm_quantile(0.5 / (1 - law.outliers)); /* all outliers lie above */
    out = simulate("normal with outliers", &law, n, 10, RUNS, LATENCY * (1 + law.sd * z));
    expect_coverage(&out, 10);
    expect_trusted(&out);
}

static void intervals_cover_for_each_number_of_invocations(void **state)
{
    (void)state;
    static const size_t numbers[] = { 6, 10, 20 };
    struct sim_law law = base;
    law.kind = LAW_LOGNORMAL;
    for (size_t i = 0; i < 3; i++) {
        struct outcome out = simulate("lognormal", &law, 101, numbers[i], RUNS, LATENCY);
        expect_coverage(&out, numbers[i]);
        expect_trusted(&out);
    }
}

/* Processes that differ from each other are what an interval is about: where they differ by little,
 * where by much, and where the differences are all there is. */
static void the_spread_between_processes_does_not_matter(void **state)
{
    (void)state;
    static const double spreads[] = { 0, 0.03 };
    for (size_t i = 0; i < 2; i++) {
        struct sim_law law = base;
        law.between_sd = spreads[i];
        struct outcome out = simulate("spread between", &law, 101, 10, RUNS, LATENCY);
        expect_coverage(&out, 10);
    }
}

/* -- What must be flagged
 * --------------------------------------------------------------------------- */

enum { FEW = 100 };

static void correlation_and_drift_are_flagged(void **state)
{
    (void)state;
    struct sim_law law = base;
    law.between_sd = 0.002;
    struct outcome out = simulate("independent", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_AUTOCORRELATION] + out.codes[IFM_TRUST_DRIFT], 0);
    law.correlation = 0.5;
    out = simulate("AR(1) .5", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_AUTOCORRELATION], FEW);
    assert_true(fabs(out.autocorrelation - 0.5) < 0.01);
    out = simulate("AR(1) .5, short", &law, 201, 6, FEW, LATENCY);
    assert_in_range(out.codes[IFM_TRUST_AUTOCORRELATION], FEW * 95 / 100, FEW);
    law.correlation = 0.2;
    out = simulate("AR(1) .2", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_AUTOCORRELATION], 0);
    law.correlation = 0;
    law.drift = 0.05 * 1e9 / (N_MAX * (double)LATENCY); /* 5 % over the timed phase */
    out = simulate("drift 5 %", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_DRIFT], FEW);
    assert_int_equal(out.trusted, 0);
    law.drift /= 5;
    out = simulate("drift 1 %", &law, N_MAX, 10, FEW, LATENCY);
    assert_in_range(out.codes[IFM_TRUST_DRIFT], 0, FEW / 50);
}

static void spread_and_outliers_are_flagged(void **state)
{
    (void)state;
    struct sim_law law = base;
    law.between_sd = 0.08;
    struct outcome out = simulate("processes differ", &law, 101, 10, FEW, LATENCY);
    assert_in_range(out.codes[IFM_TRUST_BETWEEN_SPREAD], FEW * 90 / 100, FEW);
    law = base;
    law.sd = 0.12;
    out = simulate("wide", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_WITHIN_SPREAD], FEW);
    law = base;
    law.outliers = 0.03;
    out = simulate("3 % outliers", &law, N_MAX, 10, FEW, LATENCY);
    assert_int_equal(out.codes[IFM_TRUST_OUTLIERS], FEW);
}

static void classes_are_right(void **state)
{
    (void)state;
    const int all = FEW * 6, most = all * 99 / 100;
    struct sim_law law = base;
    struct outcome out = simulate("flat", &law, N_MAX, 6, FEW, LATENCY);
    assert_in_range(out.classes[IFM_STEADY_FLAT], most, all);
    law.warmup_iterations = N_MAX / 5;
    law.warmup_factor = 1.3;
    out = simulate("warm-up in the phase", &law, N_MAX, 6, FEW, LATENCY);
    assert_in_range(out.classes[IFM_STEADY_WARMUP], most, all);
    assert_int_equal(out.codes[IFM_TRUST_LATE_WARMUP], FEW);
    law = base;
    law.step_at = N_MAX / 2;
    law.step_factor = 1.1;
    out = simulate("slowdown", &law, N_MAX, 6, FEW, LATENCY);
    assert_in_range(out.classes[IFM_STEADY_SLOWDOWN], most, all);
    assert_int_equal(out.codes[IFM_TRUST_NOT_STEADY], FEW);
    law.step_at = N_MAX * 85 / 100;
    out = simulate("no steady state", &law, N_MAX, 6, FEW, LATENCY);
    assert_in_range(out.classes[IFM_STEADY_NO_STEADY_STATE], most, all);
    assert_int_equal(out.codes[IFM_TRUST_NOT_STEADY], FEW);
    law = base;
    out = simulate("too few", &law, 40, 6, FEW, LATENCY);
    assert_int_equal(out.classes[IFM_STEADY_TOO_FEW], all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_cover_what_they_claim),
        cmocka_unit_test(intervals_cover_for_each_number_of_invocations),
        cmocka_unit_test(the_spread_between_processes_does_not_matter),
        cmocka_unit_test(correlation_and_drift_are_flagged),
        cmocka_unit_test(spread_and_outliers_are_flagged),
        cmocka_unit_test(classes_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
