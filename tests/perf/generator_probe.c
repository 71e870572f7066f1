/* One open-loop phase of our server generator with the null runtime, loaded as the worker loads it:
 *   generator_probe RATE SECONDS SEED sync|async
 * Prints one JSON line: queries, achieved rate, P99 of lateness and of latency from the intended
 * start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/worker/registry.h"
#include "agents/worker/scenario.h"
#include "core/scenario.h"

static struct ifm_registry_module module;

static int64_t p99(int64_t *values, size_t n)
{
    ifm_stat_sort(values, n);
    return n ? ifm_stat_percentile(values, n, 9900) : 0;
}

int main(int argc, char **argv)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_scenario s;
    if (argc != 5) {
        fprintf(stderr, "usage: generator_probe RATE SECONDS SEED sync|async\n");
        return 64;
    }
    const double seconds = strtod(argv[2], NULL);
    const struct ifm_msg_spec spec = { .scenario = IFM_SCENARIO_SERVER,
                                       .rate_per_s = strtod(argv[1], NULL),
                                       .schedule_seed = strtoll(argv[3], NULL, 10),
                                       .duration_ns = (int64_t)(seconds * 1e9),
                                       .max_ns = (int64_t)(seconds * 3e9),
                                       .max_samples = IFM_RUN_SAMPLES_MAX };
    struct ifm_runtime_ops ops;
    if (ifm_registry_open(&module, "null", NULL, NULL, &err) != 0 ||
        module.ops.open(module.state, NULL) != 0) {
        fprintf(stderr, "generator_probe: %s\n", err.text);
        return 77;
    }
    ops = module.ops;
    ops.caps = strcmp(argv[4], "async") == 0 ? ops.caps : ops.caps & ~(uint32_t)IFM_CAP_ASYNC;
    if (ifm_scenario_init(&s, &ops, module.state, &spec, 0, &err) != 0) {
        fprintf(stderr, "generator_probe: %s\n", err.text);
        return 1;
    }
    ifm_scenario_run(&s);
    const size_t n = s.result.count;
    int64_t *latency = calloc(n ? n : 1, sizeof *latency);
    for (size_t i = 0; latency && i < n; i++) {
        latency[i] = s.samples[i].duration_ns;
    }
    if (latency) {
        printf("{\"queries\": %zu, \"unfinished\": %lld, \"achieved\": %.1f, \"lateness_p99_ns\": "
               "%lld, "
               "\"latency_p99_ns\": %lld}\n",
               n, (long long)s.unfinished,
               (double)n / ((double)(s.result.end_ns - s.result.begin_ns) / 1e9),
               (long long)p99(s.lateness_ns, n), (long long)p99(latency, n));
    }
    free(latency);
    ifm_scenario_done(&s);
    ifm_registry_close(&module);
    return 0;
}
