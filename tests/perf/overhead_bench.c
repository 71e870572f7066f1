/* What everything that stands beside a measurement costs it: samplers on a processor of their own, or at phase
 * edges alone, and the system call filter, against the bare loop (no sampler, no filter).
 *
 * Rounds of fresh worker processes in random order; printed are the Hodges-Lehmann centre of the paired log ratios
 * of P50 and its exact 95 % interval. Two loads of about 100 us: "work" computes, so that each cycle taken from it
 * shows, "wait" spins on the clock as sim does. Arguments: rounds (12), timed phase in ms (1000). */
#include "tests/lib/workerlib.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/clock.h"
#include "core/codec.h"
#include "core/rng.h"
#include "core/stat.h"

enum { ROUNDS_MAX = 100, SAMPLES = 200000, ARMS = 3, LOADS = 2 };

static const struct {
    const char *name, *spec;
} arms[ARMS] = {
    { "bare loop", "\"samplers\":[\"none\"],\"no_sandbox\":true" },
    { "all on, sampler thread beside", "\"threads\":1" },
    { "all on, samplers at phase edges", "\"threads\":0" },
};
static const struct {
    const char *name, *options;
} loads[LOADS] = { { "work", "\"latency\":\"0s\",\"work\":\"%d\"" }, { "wait", "\"latency\":\"100us\"" } };

static int64_t samples[SAMPLES];
static int steps; /* of arithmetic, about 100 us */

static size_t take(const struct t_outcome *o)
{
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ifm_msg_event *e = &o->events[i];
        struct ifm_err err = IFM_ERR_INIT;
        size_t n = 0;
        if (e->event == IFM_EVENT_SAMPLES && e->samples.phase == 1 && count + IFM_CODEC_SAMPLES_MAX <= SAMPLES &&
            ifm_codec_decode(e->samples.block.bytes, e->samples.block.len, samples + count, IFM_CODEC_SAMPLES_MAX, &n,
                             &err) == 0) {
            count += n;
        }
    }
    return count;
}

static double p50(int load, int arm, int ms)
{
    char options[128], spec[1024];
    snprintf(options, sizeof options, loads[load].options, steps);
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"sim\",\"warmup_iterations\":2000,\"duration_ns\":%d000000,\"batch_calls\":1,"
             "%s,\"options\":{%s}}", ms, arms[arm].spec, options);
    struct t_outcome *o = t_worker_run(spec);
    const size_t n = take(o);
    if (!n) {
        fprintf(stderr, "overhead_bench: %s\n", t_worker_last(o)->message);
        exit(1);
    }
    ifm_stat_sort(samples, n);
    t_worker_done(o);
    return (double)ifm_stat_percentile(samples, n, 5000);
}

/* How many steps take about 100 us here. */
static void size_work(void)
{
    steps = 10000;
    const double ns = p50(0, 0, 100);
    steps = (int)(steps * 100000.0 / ns);
}

static void print(int load, int arm, const double *bare, const double *with, size_t rounds)
{
    static double logs[ROUNDS_MAX];
    struct ifm_stat_interval ratio = { .bounded = false };
    for (size_t i = 0; i < rounds; i++) {
        logs[i] = log(with[i] / bare[i]);
    }
    ifm_stat_hl_paired(logs, rounds, 0.05, &ratio);
    printf("%s: P50 %.2f us bare, %s / bare = %.4f [%.4f, %.4f] (%zu pairs; goal < 1.01)\n", loads[load].name,
           bare[0] / 1000, arms[arm].name, exp(ratio.estimate), exp(ratio.low), exp(ratio.high), rounds);
}

int main(int argc, char **argv)
{
    static double values[LOADS][ARMS][ROUNDS_MAX];
    const int asked = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 12;
    const int ms = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1000;
    const size_t rounds = asked < 1 ? 1 : asked > ROUNDS_MAX ? ROUNDS_MAX : (size_t)asked;
    struct ifm_rng rng;
    ifm_rng_init(&rng, (uint64_t)ifm_clock_ns());
    size_work();
    for (size_t r = 0; r < rounds; r++) {
        int order[LOADS * ARMS];
        for (int i = 0; i < LOADS * ARMS; i++) { /* Fisher and Yates, from the inside */
            const int j = (int)(ifm_rng_unit(&rng) * (i + 1));
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < LOADS * ARMS; i++) {
            const int load = order[i] / ARMS, arm = order[i] % ARMS;
            values[load][arm][r] = p50(load, arm, ms);
        }
    }
    for (int load = 0; load < LOADS; load++) {
        for (int arm = 1; arm < ARMS; arm++) {
            print(load, arm, values[load][0], values[load][arm], rounds);
        }
    }
    return 0;
}
