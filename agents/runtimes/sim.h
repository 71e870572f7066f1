/* State of the sim runtime: its options, each a property that the simulated vendor library shall
 * have, and what it makes of them. Shared by the files of sim. */
#ifndef IFM_SIM_H
#define IFM_SIM_H

#include "agents/runtimes/sim_law.h"
#include "inferometer/runtime.h"

#define TENSORS_MAX 8

struct sim_state {
    struct sim_law law;
    int64_t load_time, memory, leak, alloc, work, seed;
    volatile uint64_t worked;
    int64_t fail_at, crash_at, abort_at, hang_at, exit_at, exit_status, oom_at;
    bool wrong_outputs, nan_outputs, sleep, chatter;
    struct ifm_option_list input_shapes, output_shapes;

    struct ifm_tensor_info in_info[TENSORS_MAX], out_info[TENSORS_MAX];
    size_t in_count, out_count;
    struct ifm_tensor inputs[TENSORS_MAX], outputs[TENSORS_MAX];
    void *held;
    int64_t servers; /* that answer submitted inferences in parallel */
    struct sim_queue *queue;
    bool profiling;
    double profile_factor; /* how much slower a profiled inference is */
    int64_t profiled, profiled_ns;
    char error[128];
};

extern const struct ifm_option sim_options[];
/* Begins one inference: its faults, and how long it will take. -1: it failed, `error` says why. */
int sim_begin(struct sim_state *s, int64_t start_ns, int64_t *latency_ns);
int64_t sim_now_ns(void);
void sim_wait_until(int64_t deadline_ns, bool asleep);

/* -- sim_async.c: submit and wait ------------------------------------------------------------- */
int sim_async_bind(struct sim_state *s); /* -1: out of memory */
void sim_async_close(struct sim_state *s);
int sim_submit(void *state);
int sim_wait(void *state);

/* -- sim_profile.c: an operator profile that adds up ------------------------------------------- */
int64_t sim_profile_latency(struct sim_state *s, int64_t latency_ns); /* as it is with a profiler */
int sim_profile_start(void *state);
int sim_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);

int sim_shapes(struct sim_state *s, const struct ifm_host *host); /* fills in_info and out_info */

#endif
