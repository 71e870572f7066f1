/* State and options of the sim runtime; included by sim.c alone. Every option is a property that the
 * simulated vendor library shall have. */
#ifndef IFM_SIM_H
#define IFM_SIM_H

#include "inferometer/runtime.h"

#define TENSORS_MAX 8

enum law { LAW_CONSTANT, LAW_NORMAL, LAW_LOGNORMAL, LAW_BIMODAL };

struct sim_state {
    int64_t latency, load_time, memory, leak, seed;
    double sd, between_sd, outliers, outlier_factor, drift, warmup_factor;
    int64_t warmup_iterations, fail_at, crash_at, abort_at, hang_at, exit_at, exit_status, oom_at;
    int law;
    bool wrong_outputs, nan_outputs, sleep, chatter;
    struct ifm_option_list input_shapes, output_shapes;

    struct ifm_tensor_info in_info[TENSORS_MAX], out_info[TENSORS_MAX];
    size_t in_count, out_count;
    struct ifm_tensor inputs[TENSORS_MAX], outputs[TENSORS_MAX];
    void *held;
    uint64_t random;
    double process_factor; /* this process against others */
    int64_t first_ns, count;
    char error[128];
};

#define ROW(field, opt, kind, dflt, lo, hi, val, text) { .name = opt, .type = kind, \
    .offset = offsetof(struct sim_state, field), .fallback = dflt, .min = lo, .max = hi, \
    .value = val, .help = text }
#define AT(field, opt, text) \
    ROW(field, opt, IFM_OPT_INT, "0", 0, MOST, "N", text " (0: never)")
#define MOST INT64_MAX
#define HOUR INT64_C(3600000000000)

static const struct ifm_option sim_options[] = {
    ROW(latency, "latency", IFM_OPT_DURATION, "100us", 0, HOUR, "TIME", "time of one inference"),
    { "distribution", IFM_OPT_CHOICE, offsetof(struct sim_state, law), "constant", 0, 0,
      "constant|normal|lognormal|bimodal", "LAW", "law of the latency", 0 },
    ROW(sd, "sd", IFM_OPT_DOUBLE, "0.03", 0, 10, "X", "spread, as a part of the latency"),
    ROW(between_sd, "between-sd", IFM_OPT_DOUBLE, "0", 0, 10, "X", "spread between processes"),
    ROW(outliers, "outliers", IFM_OPT_DOUBLE, "0", 0, 1, "X", "part of the runs that are slow"),
    ROW(outlier_factor, "outlier-factor", IFM_OPT_DOUBLE, "5", 0, 1000, "X", "how slow those are"),
    ROW(drift, "drift", IFM_OPT_DOUBLE, "0", -1, 1000, "X", "growth of the latency per second"),
    ROW(warmup_iterations, "warmup-iterations", IFM_OPT_INT, "0", 0, MOST, "N", "slow first runs"),
    ROW(warmup_factor, "warmup-factor", IFM_OPT_DOUBLE, "3", 0, 1000, "X", "how slow those are"),
    ROW(load_time, "load-time", IFM_OPT_DURATION, "0s", 0, HOUR, "TIME", "time that opening takes"),
    ROW(memory, "memory", IFM_OPT_SIZE, "0", 0, MOST, "SIZE", "bytes held from opening on"),
    ROW(leak, "leak", IFM_OPT_SIZE, "0", 0, MOST, "SIZE", "bytes lost in each run"),
    AT(fail_at, "fail-at", "run that returns an error"),
    AT(crash_at, "crash-at", "run that reads a bad address"),
    AT(abort_at, "abort-at", "run that aborts"),
    AT(hang_at, "hang-at", "run that never returns"),
    AT(exit_at, "exit-at", "run that ends the process"),
    ROW(exit_status, "exit-status", IFM_OPT_INT, "3", 0, 255, "N", "exit status for exit-at"),
    AT(oom_at, "oom-at", "run that takes memory without end"),
    ROW(wrong_outputs, "wrong-outputs", IFM_OPT_BOOL, "false", 0, 0, NULL, "outputs are off by one"),
    ROW(nan_outputs, "nan-outputs", IFM_OPT_BOOL, "false", 0, 0, NULL, "outputs begin with NaN"),
    ROW(sleep, "sleep", IFM_OPT_BOOL, "false", 0, 0, NULL, "sleep instead of spinning"),
    ROW(chatter, "chatter", IFM_OPT_BOOL, "false", 0, 0, NULL, "print to stdout in each run"),
    ROW(seed, "seed", IFM_OPT_INT, "0", 0, MOST, "N", "of the law; 0: new in each process"),
    ROW(input_shapes, "inputs", IFM_OPT_LIST, NULL, 0, 0, "SHAPE", "an input, e.g. 1x3x8 or i64:?x4"),
    ROW(output_shapes, "outputs", IFM_OPT_LIST, NULL, 0, 0, "SHAPE", "an output; default: as the inputs"),
    IFM_OPTION_END,
};

#endif
