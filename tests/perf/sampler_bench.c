/* What the samplers cost: one read of each, on this machine and over a recorded tree, and what reading does to
 * the P50 of a model of 100 us: of `sim`, which spins to a time, and of a fixed amount of work, which would feel a
 * lost cache line or a lower clock. Bare loop, samplers on a spare processor every 100 ms and
 * every 10 ms, samplers at edges alone. The four alternate block by block, in an order that turns; printed is
 * the P50 over blocks of the difference to the bare block of the same round. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/samplers/samplers.h"
#include "agents/worker/loop.h"
#include "agents/worker/observe_group.h"
#include "agents/worker/registry.h"
#include "agents/worker/report.h"
#include "core/clock.h"
#include "core/stat.h"

enum { READS = 2000, ROUNDS = 12, PER_BLOCK = 2000, WAYS = 4 };

static int64_t cost[READS];

static void one_sampler(const struct ifm_sampler_ops *ops, const char *sysroot, const char *where)
{
    static const int cpus[] = { 0, -1 };
    const struct ifm_sampler_host host = { .abi = IFM_SAMPLER_ABI, .size = sizeof host,
                                           .sysroot = sysroot, .pid = getpid(), .cpus = cpus };
    struct ifm_observe_group g = { .period_ns = 1 };
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_observe_group_open(&g, ops, &host, &err) != 0 || !g.on) {
        printf("  %-8s %s: no source\n", ops->name, where);
        ifm_observe_group_close(&g);
        return;
    }
    for (int i = 0; i < READS; i++) {
        const int64_t begin = ifm_clock_ns();
        ifm_observe_group_read(&g, IFM_OBSERVE_TIMED);
        cost[i] = ifm_clock_ns() - begin;
    }
    ifm_stat_sort(cost, READS);
    printf("  %-8s %s: one read P50 %lld ns, P99 %lld ns (%zu metrics)\n", ops->name, where,
           (long long)ifm_stat_percentile(cost, READS, 5000), (long long)ifm_stat_percentile(cost, READS, 9900),
           g.lanes);
    ifm_observe_group_close(&g);
}

static int64_t block(const struct ifm_loop *loop, const struct ifm_msg_spec *spec, int64_t *p99, int64_t *used_ns,
                     int64_t *wall_ns)
{
    static int64_t values[PER_BLOCK];
    struct ifm_observe *observe = NULL;
    struct ifm_loop_result result;
    struct ifm_observe_use begun, use;
    struct ifm_err err = IFM_ERR_INIT;
    cpu_set_t before;
    sched_getaffinity(0, sizeof before, &before);
    if (ifm_observe_open(spec, &observe, &err) != 0) {
        fprintf(stderr, "sampler_bench: %s\n", err.text);
        exit(1);
    }
    ifm_observe_edge(observe, IFM_OBSERVE_STEADY_BEGIN);
    ifm_observe_use(observe, &begun);
    ifm_loop_run(loop, &result);
    ifm_observe_use(observe, &use);
    ifm_observe_edge(observe, IFM_OBSERVE_STEADY_END);
    ifm_observe_close(observe);
    sched_setaffinity(0, sizeof before, &before);
    for (size_t i = 0; i < result.count; i++)
        values[i] = loop->samples[i].duration_ns;
    ifm_stat_sort(values, result.count);
    *p99 = ifm_stat_percentile(values, result.count, 9900);
    *used_ns += use.cpu_ns - begun.cpu_ns;
    *wall_ns += result.end_ns - result.begin_ns;
    return ifm_stat_percentile(values, result.count, 5000);
}

static void compare(const struct ifm_loop *loop)
{
    static const char *const names[WAYS] = { "bare", "every 100 ms", "every 10 ms", "edges alone" };
    static double p50[WAYS][ROUNDS], p99[WAYS][ROUNDS], over[WAYS][ROUNDS], over99[WAYS][ROUNDS];
    int64_t used[WAYS] = { 0 }, wall[WAYS] = { 0 };
    char *none[] = { "none" };
    cpu_set_t allowed;
    int64_t cpu = 0, tail = 0;
    sched_getaffinity(0, sizeof allowed, &allowed);
    while (!CPU_ISSET((size_t)cpu, &allowed))
        cpu++;
    struct ifm_ints one = { .items = &cpu, .count = 1 }, all = { .items = NULL };
    const struct ifm_msg_spec specs[WAYS] = {
        { .cpus = one, .samplers = { .items = none, .count = 1 } },
        { .cpus = one },
        { .cpus = one, .sampler_period_ns = 10000000 },
        { .cpus = all }, /* nobody counted the threads: no processor is spare */
    };
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < WAYS; i++) {
            const int way = (i + r) % WAYS;
            p50[way][r] = (double)block(loop, &specs[way], &tail, &used[way], &wall[way]);
            p99[way][r] = (double)tail;
        }
        for (int way = 0; way < WAYS; way++) {
            over[way][r] = (p50[way][r] / p50[0][r] - 1) * 100;
            over99[way][r] = (p99[way][r] / p99[0][r] - 1) * 100;
        }
    }
    for (int way = 0; way < WAYS; way++)
        printf("  %-13s P50 %.0f ns (%+.3f %%), P99 %.0f ns (%+.2f %%), %.0f us of sampler thread a second\n", names[way],
               ifm_stat_median(p50[way], ROUNDS), ifm_stat_median(over[way], ROUNDS), ifm_stat_median(p99[way], ROUNDS),
               ifm_stat_median(over99[way], ROUNDS), (double)used[way] * 1e6 / (double)wall[way]);
}

/* -- Two models of 100 us -------------------------------------------------------------------------- */
static float weights[8192];
static volatile int repeats = 1;

static __attribute__((noinline)) int fixed_work(void *state)
{
    volatile float *out = state;
    float sum = 0;
    for (int r = 1; r <= repeats; r++)
        for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
            sum += weights[i] * (float)r;
    *out = sum;
    return 0;
}

static void calibrate(void)
{
    float out;
    int64_t took = 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = (float)(i % 7);
    for (repeats = 1; took < 100000 && repeats < 10000; repeats = repeats + 1) {
        took = INT64_MAX;
        for (int i = 0; i < 20; i++) {
            const int64_t begin = ifm_clock_ns();
            fixed_work(&out);
            const int64_t now = ifm_clock_ns() - begin;
            took = now < took ? now : took;
        }
    }
}

static int effect(void)
{
    struct ifm_registry_module module;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_map_entry latency = { .key = "latency", .value = "100us" };
    const struct ifm_map options = { .items = &latency, .count = 1 };
    struct ifm_loop_array array;
    memset(&module, 0, sizeof module);
    if (ifm_registry_open(&module, "sim", NULL, NULL, &err) != 0 || ifm_registry_options(&module, &options, &err) != 0 ||
        module.ops.open(module.state, NULL) != 0 || ifm_loop_array_init(&array, PER_BLOCK, &err) != 0) {
        printf("SKIP sampler_bench: %s\n", err.text);
        return 77;
    }
    const struct ifm_loop loop = { .run = module.ops.run, .sync = module.ops.sync, .state = module.state,
                                   .samples = array.samples, .capacity = PER_BLOCK, .iterations = PER_BLOCK };
    printf("sim of 100 us, %d rounds of %d inferences\n", ROUNDS, PER_BLOCK);
    compare(&loop);
    struct ifm_loop work = loop;
    float out;
    calibrate();
    work.run = fixed_work;
    work.sync = NULL;
    work.state = &out;
    printf("fixed work of about 100 us, %d rounds of %d inferences\n", ROUNDS, PER_BLOCK);
    compare(&work);
    ifm_registry_close(&module);
    ifm_loop_array_done(&array);
    return 0;
}

int main(void)
{
    const char *source = getenv("IFM_SOURCE_DIR"), *build = getenv("IFM_BUILD_DIR");
    char tree[4096], modules[4096];
    snprintf(tree, sizeof tree, "%s/tests/data/sysroot/laptop-x86", source ? source : ".");
    snprintf(modules, sizeof modules, "%s/lib/inferometer", build ? build : "build/release");
    setenv("INFEROMETER_MODULE_DIR", modules, 0);
    printf("cost of one read, %d reads each\n", READS);
    for (size_t i = 0; ifm_samplers[i]; i++) {
        one_sampler(ifm_samplers[i], "", "live");
        one_sampler(ifm_samplers[i], tree, "recorded");
    }
    return effect();
}
