/* The operator profile of sim: four operators that share what the inferences took, one of them on another
 * provider, so that tables, placement and the remainder can be checked against known numbers. */
#include <stdio.h>
#include <string.h>
#include "agents/runtimes/sim.h"

static const struct {
    const char *name, *type, *provider, *shapes;
    double part; /* of the latency; the parts do not add up to 1: the rest is the runtime's own */
    uint64_t calls;
} operators[] = {
    { "stem/conv", "Conv", "simulated", "1x3x224x224 64x3x7x7", 0.50, 1 },
    { "head/matmul", "MatMul", "simulated", "1x512 512x1000", 0.25, 2 },
    { "head/softmax", "Softmax", "fallback", "1x1000", 0.15, 1 },
    { "stem/relu", "Relu", "simulated", "1x64x112x112", 0.05, 4 },
};
#define OPERATORS (sizeof operators / sizeof *operators)

int64_t sim_profile_latency(struct sim_state *s, int64_t latency_ns)
{
    if (!s->profiling) {
        return latency_ns;
    }
    latency_ns = (int64_t)((double)latency_ns * s->profile_factor);
    s->profiled++;
    s->profiled_ns += latency_ns;
    return latency_ns;
}

int sim_profile_start(void *state)
{
    struct sim_state *s = state;
    s->profiling = true;
    s->profiled = s->profiled_ns = 0;
    return 0;
}

int sim_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    struct sim_state *s = state;
    const size_t n = *row_count < OPERATORS ? *row_count : OPERATORS;
    s->profiling = false;
    const double one = s->profiled ? (double)s->profiled_ns / (double)s->profiled : 0;
    double before = 0;
    for (size_t i = 0; i < n; i++) {
        struct ifm_op_profile *row = &rows[i];
        *row = (struct ifm_op_profile){ .calls = operators[i].calls * (uint64_t)s->profiled,
                                        .total_ns = (uint64_t)((double)s->profiled_ns *
                                                               operators[i].part),
                                        .start_ns = (int64_t)(one * before) };
        before += operators[i].part;
        snprintf(row->name, sizeof row->name, "%s", operators[i].name);
        snprintf(row->type, sizeof row->type, "%s", operators[i].type);
        snprintf(row->provider, sizeof row->provider, "%s", operators[i].provider);
        snprintf(row->shapes, sizeof row->shapes, "%s", operators[i].shapes);
    }
    *row_count = n;
    return 0;
}
