/* The law of sim's latencies, apart from the waiting, so that the statistics can be checked with
 * thousands of simulated runs in a second. Plain arithmetic: no clock, no allocation.
 * Threading: one state, one thread. */
#ifndef IFM_SIM_LAW_H
#define IFM_SIM_LAW_H

#include <stdint.h>

enum sim_law_kind { LAW_CONSTANT, LAW_NORMAL, LAW_LOGNORMAL, LAW_BIMODAL };

struct sim_law {
    int kind;
    int64_t latency; /* ns */
    double sd, between_sd, correlation, outliers, outlier_factor, drift;
    int64_t warmup_iterations, step_at; /* in inferences of the process; step_at 0: none */
    double warmup_factor, step_factor;

    uint64_t random;
    double process_factor; /* this process against others */
    double noise;          /* of the latest inference, in standard deviations */
    int64_t first_ns, count;
};

/* Begins a process; the other fields above the gap are set. */
void sim_law_start(struct sim_law *law, uint64_t seed);
/* Counts one inference that starts at start_ns; sim_law_draw then says how long it takes, ns. */
void sim_law_begin(struct sim_law *law, int64_t start_ns);
int64_t sim_law_draw(struct sim_law *law, int64_t start_ns);

#endif
