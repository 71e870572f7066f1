#include "core/msg.h"

#include "inferometer/runtime.h"

/* A row's offset also checks that the member has the type that its kind stores. */
#define AT(s, f, type)                                                                             \
    .name = #f, .offset = offsetof(struct s, f) + 0 * sizeof(&((struct s *)0)->f == (type *)0)
#define REQ   IFM_FIELD_REQUIRED
#define OPT   0u
#define MAYBE IFM_FIELD_NULLABLE
#define ZERO  IFM_FIELD_OMIT_ZERO

/* clang-format off */
#define F_I64(s, f, fl, lo, hi, h) { AT(s, f, int64_t), .kind = IFM_FIELD_I64, \
    .flags = (fl), .min = (lo), .max = (hi), .help = h }
#define F_F64(s, f, fl, lo, hi, h) { AT(s, f, double), .kind = IFM_FIELD_F64, \
    .flags = (fl), .min = (lo), .max = (hi), .help = h }
#define F_BOOL(s, f, fl, h) { AT(s, f, bool), .kind = IFM_FIELD_BOOL, .flags = (fl), .help = h }
#define F_STR(s, f, fl, hi, h) { AT(s, f, char *), .kind = IFM_FIELD_STRING, \
    .flags = (fl), .max = (hi), .help = h }
#define F_CHOICE(s, f, fl, words, h) { AT(s, f, int), .kind = IFM_FIELD_CHOICE, \
    .flags = (fl), .choices = words, .help = h }
#define F_OBJECT(s, f, fl, type, t, h) { AT(s, f, type), .kind = IFM_FIELD_OBJECT, \
    .flags = (fl), .table = &(t), .help = h }
#define F_LIST(s, f, fl, hi, t, h) { AT(s, f, struct ifm_list), .kind = IFM_FIELD_LIST, \
    .flags = (fl), .max = (hi), .table = &(t), .help = h }
#define F_STRINGS(s, f, fl, hi, bytes, h) { AT(s, f, struct ifm_strings), \
    .kind = IFM_FIELD_STRINGS, .flags = (fl), .max = (hi), .item_max = (bytes), .help = h }
#define F_INTS(s, f, fl, hi, lo_item, hi_item, h) { AT(s, f, struct ifm_ints), \
    .kind = IFM_FIELD_INTS, .flags = (fl), .max = (hi), .item_min = (lo_item), \
    .item_max = (hi_item), .help = h }
#define F_MAP(s, f, fl, hi, bytes, h) { AT(s, f, struct ifm_map), .kind = IFM_FIELD_MAP, \
    .flags = (fl), .max = (hi), .item_max = (bytes), .help = h }
#define F_BLOCK(s, f, fl, h) { AT(s, f, struct ifm_block), .kind = IFM_FIELD_BLOCK, \
    .flags = (fl), .max = BLOCK_BYTES_MAX, .help = h }
#define END { .name = NULL }
/* clang-format on */

#define NS_MAX            INT64_C(2592000000000000) /* 30 days */
#define LATENCY_MAX       INT64_C(3600000000000)    /* an hour for one inference */
#define BYTES_MAX         INT64_C(1125899906842624) /* 1 PiB */
#define COUNT_MAX         INT64_C(1000000000000000) /* exact in a double, so also in a browser */
#define DIM_MAX           INT64_C(1000000000000)
#define VERSION_MAX       1000000
#define NAME_MAX_BYTES    256
#define PATH_MAX_BYTES    4096
#define TEXT_MAX_BYTES    1024
#define BLOCK_SAMPLES_MAX 65536
#define BLOCK_BYTES_MAX                                                                            \
    600000 /* 65,536 samples of 8 bytes that do not compress, and the frame around them */
#define WARNINGS_MAX 32

/* -- Shared pieces ----------------------------------------------------------------------------- */
static const struct ifm_field tensor_fields[] = {
    F_STR(ifm_msg_tensor, name, REQ, NAME_MAX_BYTES, "name in the model"),
    F_STR(ifm_msg_tensor, dtype, REQ, 32, "element type: float32, int64, …"),
    F_INTS(ifm_msg_tensor, dims, OPT, IFM_MAX_RANK, 0, DIM_MAX, "shape as used"),
    F_INTS(ifm_msg_tensor, model_dims, OPT, IFM_MAX_RANK, -1, DIM_MAX,
           "shape in the model; -1 where the model leaves it open"),
    F_STR(ifm_msg_tensor, source, OPT, 32, "of an input: file or seeded"),
    F_F64(ifm_msg_tensor, low, OPT, 0, 0, "seeded input: smallest value"),
    F_F64(ifm_msg_tensor, high, OPT, 0, 0, "seeded input: upper end of the values"),
    F_STRINGS(ifm_msg_tensor, assumed, OPT, 16, NAME_MAX_BYTES,
              "what was assumed because nobody said it"),
    END
};
static const struct ifm_table tensor_table = { "tensor", "One input or output of a model.",
                                               sizeof(struct ifm_msg_tensor), tensor_fields };

static const struct ifm_field clock_fields[] = {
    F_I64(ifm_msg_clock, resolution_ns, MAYBE, 0, NS_MAX,
          "smallest positive difference of two reads, ns"),
    F_I64(ifm_msg_clock, overhead_ns, MAYBE, 0, NS_MAX,
          "P50 of back-to-back reads, ns; never subtracted"),
    F_I64(ifm_msg_clock, jitter_ns, MAYBE, 0, NS_MAX, "P99.99 of back-to-back reads, ns"),
    F_F64(ifm_msg_clock, raw_ratio, OPT, 0, 1000,
          "elapsed CLOCK_MONOTONIC over elapsed CLOCK_MONOTONIC_RAW"),
    F_STR(ifm_msg_clock, source, OPT, 64, "the kernel's clock source"),
    END
};
static const struct ifm_table clock_table = { "clock", "Calibration of the interval clock.",
                                              sizeof(struct ifm_msg_clock), clock_fields };

static const struct ifm_field memory_fields[] = {
    F_I64(ifm_msg_memory, peak_rss_bytes, MAYBE, 0, BYTES_MAX,
          "peak resident memory of the phase, less the worker's own sample array, bytes"),
    F_I64(ifm_msg_memory, anon_bytes, MAYBE, 0, BYTES_MAX,
          "resident anonymous memory at the end, bytes"),
    F_I64(ifm_msg_memory, file_bytes, MAYBE, 0, BYTES_MAX,
          "resident file-backed memory at the end, bytes"),
    F_I64(ifm_msg_memory, minor_faults, MAYBE, 0, COUNT_MAX, "page faults without input or output"),
    F_I64(ifm_msg_memory, major_faults, MAYBE, 0, COUNT_MAX, "page faults that read from a disk"),
    END
};
static const struct ifm_table memory_table = {
    "memory", "Memory of one phase; absent where the kernel does not say.",
    sizeof(struct ifm_msg_memory), memory_fields
};

static const struct ifm_field memory_end_fields[] = {
    F_I64(ifm_msg_memory_end, pss_bytes, MAYBE, 0, BYTES_MAX,
          "resident memory with shared pages divided among their users, bytes"),
    F_I64(ifm_msg_memory_end, uss_bytes, MAYBE, 0, BYTES_MAX,
          "resident memory that no other process shares, bytes"),
    F_I64(ifm_msg_memory_end, cgroup_peak_bytes, MAYBE, 0, BYTES_MAX,
          "highest use of the memory cgroup, page cache included, bytes"),
    F_I64(ifm_msg_memory_end, allocator_peak_bytes, MAYBE, 0, BYTES_MAX,
          "peak of the runtime's own allocator, bytes"),
    END
};
static const struct ifm_table memory_end_table = {
    "memory_end", "Memory read once after the timed phase.", sizeof(struct ifm_msg_memory_end),
    memory_end_fields
};

static const struct ifm_field cold_fields[] = {
    F_CHOICE(ifm_msg_cold, level, ZERO, IFM_COLD_CHOICES, "cold level that was asked for"),
    F_I64(ifm_msg_cold, pages, MAYBE, 0, COUNT_MAX, "pages of the model file"),
    F_I64(ifm_msg_cold, resident, MAYBE, 0, COUNT_MAX,
          "of those, resident in the page cache just before the model was opened"),
    END
};
static const struct ifm_table cold_table = { "cold", "How cold the load was.",
                                             sizeof(struct ifm_msg_cold), cold_fields };

static const struct ifm_field lane_fields[] = {
    F_STR(ifm_msg_lane, name, REQ, 64, "name of the metric"),
    F_STR(ifm_msg_lane, unit, REQ, 16, "unit of the values"),
    F_CHOICE(ifm_msg_lane, kind, OPT, IFM_LANE_KIND_CHOICES, "how the values run"),
    F_CHOICE(ifm_msg_lane, scope, OPT, IFM_LANE_SCOPE_CHOICES, "what the values are about"),
    F_INTS(ifm_msg_lane, values, REQ, IFM_LANE_POINTS_MAX, 0, 0, "one for each time of the group"),
    END
};
static const struct ifm_table lane_table = { "lane", "One metric of a sampler over time.",
                                             sizeof(struct ifm_msg_lane), lane_fields };

static const struct ifm_field lanes_fields[] = {
    F_STR(ifm_msg_lanes, sampler, REQ, 64, "name of the sampler"),
    F_BOOL(ifm_msg_lanes, sparse, ZERO, "read at the ends of phases only: no core was spare"),
    F_I64(ifm_msg_lanes, period_ns, ZERO, 0, NS_MAX, "time between reads, ns; 0: phase ends only"),
    F_I64(ifm_msg_lanes, cost_ns, ZERO, 0, NS_MAX, "CPU time of all its reads, ns"),
    F_INTS(ifm_msg_lanes, t_ns, REQ, IFM_LANE_POINTS_MAX, -NS_MAX, NS_MAX,
           "time of each read from the begin of the timed phase, ns; negative before it"),
    F_LIST(ifm_msg_lanes, lanes, OPT, IFM_LANES_MAX, lane_table, "its metrics"),
    END
};
static const struct ifm_table lanes_table = { "lanes", "What one sampler read.",
                                              sizeof(struct ifm_msg_lanes), lanes_fields };

static const struct ifm_field energy_fields[] = {
    F_STR(ifm_msg_energy, rail, REQ, 64, "name of the rail"),
    F_BOOL(ifm_msg_energy, counted, OPT, "part of the total; false where another rail includes it"),
    F_I64(ifm_msg_energy, energy_uj, REQ, 0, COUNT_MAX, "energy of the timed phase, gross, uJ"),
    F_I64(ifm_msg_energy, window_ns, REQ, 0, NS_MAX, "length of the window, ns"),
    F_I64(ifm_msg_energy, idle_uw, MAYBE, 0, COUNT_MAX,
          "power just before, runtime loaded and quiet, uW"),
    F_I64(ifm_msg_energy, updates, OPT, 0, COUNT_MAX, "times the counter moved in the window"),
    END
};
static const struct ifm_table energy_table = { "energy", "Energy of one rail.",
                                               sizeof(struct ifm_msg_energy), energy_fields };

static const struct ifm_field op_fields[] = {
    F_STR(ifm_msg_op, name, REQ, NAME_MAX_BYTES, "name in the model"),
    F_STR(ifm_msg_op, type, OPT, 64, "kind of operator"),
    F_STR(ifm_msg_op, provider, OPT, 64, "where it ran"),
    F_STR(ifm_msg_op, shapes, OPT, NAME_MAX_BYTES, "shapes of its inputs and outputs"),
    F_I64(ifm_msg_op, calls, OPT, 0, COUNT_MAX, "calls over all profiled inferences"),
    F_I64(ifm_msg_op, total_ns, OPT, 0, COUNT_MAX, "time over all profiled inferences, ns"),
    F_I64(ifm_msg_op, start_ns, MAYBE, 0, COUNT_MAX,
          "begin of its first call after the begin of an inference, mean, ns"),
    END
};
static const struct ifm_table op_table = { "op", "One operator of a profile.",
                                           sizeof(struct ifm_msg_op), op_fields };

static const struct ifm_field profile_fields[] = {
    F_LIST(ifm_msg_profile, ops, OPT, IFM_OPS_MAX, op_table, "operators, longest first"),
    F_I64(ifm_msg_profile, inferences, ZERO, 0, IFM_RUN_SAMPLES_MAX, "inferences profiled"),
    F_I64(ifm_msg_profile, p50_ns, ZERO, 0, NS_MAX, "P50 of the profiled inferences, ns"),
    F_I64(ifm_msg_profile, unprofiled_p50_ns, MAYBE, 0, NS_MAX,
          "P50 of the same process without the profiler, ns"),
    F_I64(ifm_msg_profile, attributed_ns, ZERO, 0, NS_MAX,
          "time of all operators, per inference, ns"),
    F_F64(ifm_msg_profile, fallback_share, OPT, 0, 1,
          "part of the operators' time outside the provider that was asked for"),
    END
};
static const struct ifm_table profile_table = { "profile", "Operators, measured in a pass of their own.",
                                                sizeof(struct ifm_msg_profile), profile_fields };

static const struct ifm_field allocations_fields[] = {
    F_I64(ifm_msg_allocations, inferences, OPT, 0, IFM_RUN_SAMPLES_MAX,
          "steady inferences counted; 0: not measured"),
    F_I64(ifm_msg_allocations, allocations, OPT, 0, COUNT_MAX, "allocations in them, all threads"),
    F_I64(ifm_msg_allocations, frees, OPT, 0, COUNT_MAX, "frees in them, all threads"),
    F_I64(ifm_msg_allocations, bytes, OPT, 0, COUNT_MAX, "bytes allocated in them"),
    END
};
static const struct ifm_table allocations_table = {
    "allocations", "Heap calls of the runtime in the steady loop, counted in a pass of their own.",
    sizeof(struct ifm_msg_allocations), allocations_fields
};

static const struct ifm_field comparison_fields[] = {
    F_STR(ifm_msg_comparison, output, REQ, NAME_MAX_BYTES, "name of the output"),
    F_BOOL(ifm_msg_comparison, passed, REQ, "within the tolerances, element by element"),
    F_STR(ifm_msg_comparison, reason, OPT, TEXT_MAX_BYTES, "why not, one sentence"),
    F_I64(ifm_msg_comparison, elements, OPT, 0, COUNT_MAX, "elements compared"),
    F_I64(ifm_msg_comparison, mismatched, OPT, 0, COUNT_MAX, "elements outside the tolerances"),
    F_I64(ifm_msg_comparison, first_mismatch, OPT, -1, COUNT_MAX,
          "flat index of the first of them; -1: none"),
    F_I64(ifm_msg_comparison, not_finite, OPT, 0, COUNT_MAX,
          "NaN or infinity where the reference has a finite value"),
    F_F64(ifm_msg_comparison, max_abs, OPT, 0, 0, "largest absolute difference over finite pairs"),
    F_F64(ifm_msg_comparison, max_rel, OPT, 0, 0,
          "largest relative difference where the reference is not 0"),
    F_F64(ifm_msg_comparison, cosine, OPT, 0, 0, "cosine similarity, -1 to 1"),
    F_F64(ifm_msg_comparison, snr_db, OPT, 0, 0,
          "signal to noise ratio, dB; absent where both are equal"),
    F_F64(ifm_msg_comparison, rtol, OPT, 0, 0, "relative tolerance used"),
    F_F64(ifm_msg_comparison, atol, OPT, 0, 0, "absolute tolerance used"),
    F_F64(ifm_msg_comparison, psnr_db, OPT, 0, 0,
          "peak signal to noise ratio, dB; absent where both are equal"),
    F_F64(ifm_msg_comparison, top1_agreement, OPT, 0, 1,
          "part of the rows whose greatest element is at the same place"),
    F_STR(ifm_msg_comparison, rule, OPT, 32,
          "precision whose tolerances were used, or given"),
    F_STR(ifm_msg_comparison, against, OPT, NAME_MAX_BYTES,
          "what it was held against, where that is no reference file"),
    F_F64(ifm_msg_comparison, mean_abs, OPT, 0, 0, "mean absolute difference over finite pairs"),
    END
};
static const struct ifm_table comparison_table = { "comparison",
                                                   "One output against its reference.",
                                                   sizeof(struct ifm_msg_comparison),
                                                   comparison_fields };

static const struct ifm_field verification_fields[] = {
    F_CHOICE(ifm_msg_verification, state, REQ, IFM_VERIFICATION_CHOICES,
             "the judgement over all outputs"),
    F_LIST(ifm_msg_verification, outputs, OPT, IFM_MAX_TENSORS, comparison_table,
           "each output compared"),
    END
};
static const struct ifm_table verification_table = { "verification",
                                                     "Outputs checked against reference outputs.",
                                                     sizeof(struct ifm_msg_verification),
                                                     verification_fields };

static const struct ifm_field check_fields[] = {
    F_STR(ifm_msg_check, name, REQ, NAME_MAX_BYTES, "input set 2, cross-check"),
    F_OBJECT(ifm_msg_check, verification, REQ, struct ifm_msg_verification, verification_table,
             "what came out"),
    END
};
static const struct ifm_table check_table = { "check", "Outputs held against others, beside the invocations.",
                                              sizeof(struct ifm_msg_check), check_fields };

static const struct ifm_field placement_fields[] = {
    F_STR(ifm_msg_placement, provider, REQ, 64, "the part of the runtime that computes them"),
    F_I64(ifm_msg_placement, operators, REQ, 0, COUNT_MAX, "operators of the model placed there"),
    END
};
static const struct ifm_table placement_table = { "placement", "Where the runtime put operators.",
                                                  sizeof(struct ifm_msg_placement),
                                                  placement_fields };

static const struct ifm_field accuracy_fields[] = {
    F_I64(ifm_msg_accuracy, samples, ZERO, 0, COUNT_MAX, "labelled samples; 0: not measured"),
    F_I64(ifm_msg_accuracy, correct, ZERO, 0, COUNT_MAX, "samples whose class was right"),
    F_I64(ifm_msg_accuracy, skipped, ZERO, 0, COUNT_MAX,
          "samples without an answer: NaN, or more than one greatest value"),
    F_STR(ifm_msg_accuracy, output, OPT, NAME_MAX_BYTES, "whose greatest element is the class"),
    F_STR(ifm_msg_accuracy, labels_sha256, OPT | IFM_FIELD_SHA256, 64, "SHA-256 of the labels"),
    F_BLOCK(ifm_msg_accuracy, correct_bits, OPT,
            "bit i%8 of byte i/8: whether sample i was right"),
    END
};
static const struct ifm_table accuracy_table = { "accuracy", "Top-1 over labelled samples.",
                                                 sizeof(struct ifm_msg_accuracy),
                                                 accuracy_fields };

static const struct ifm_field library_fields[] = {
    F_STR(ifm_msg_library, name, OPT, NAME_MAX_BYTES, "base name of the file"),
    F_STR(ifm_msg_library, version, OPT, NAME_MAX_BYTES, "version of the runtime that it is of"),
    F_STR(ifm_msg_library, sha256, OPT | IFM_FIELD_SHA256, 64, "SHA-256 of the file"),
    F_STR(ifm_msg_library, source, OPT, 32, "how it was found: " IFM_LIBRARY_SOURCES),
    F_STR(ifm_msg_library, path, OPT, PATH_MAX_BYTES, "where it lies; never leaves the machine"),
    F_I64(ifm_msg_library, bytes, MAYBE, 0, BYTES_MAX,
          "all files of it that the worker had mapped, bytes"),
    END
};
static const struct ifm_table library_table = { "library", "The vendor library that computed.",
                                                sizeof(struct ifm_msg_library), library_fields };

static const struct ifm_field block_fields[] = {
    F_CHOICE(ifm_msg_block, phase, REQ, IFM_PHASE_CHOICES, "phase the samples were taken in"),
    F_I64(ifm_msg_block, first, REQ, 0, IFM_RUN_SAMPLES_MAX,
          "index of the first sample within its phase"),
    F_I64(ifm_msg_block, count, REQ, 1, BLOCK_SAMPLES_MAX, "number of samples"),
    F_BLOCK(ifm_msg_block, block, REQ, "codec block of the latencies, ns"),
    F_BLOCK(ifm_msg_block, gaps, OPT,
            "codec block of the pauses before each inference, ns; the first counts from the "
            "phase's start"),
    F_BLOCK(ifm_msg_block, lateness, OPT,
            "open loop and paced: codec block of the generator's own lateness, ns; latencies then "
            "count from the intended start"),
    END
};
static const struct ifm_table block_table = { "block",
                                              "Consecutive samples of one phase, in time order.",
                                              sizeof(struct ifm_msg_block), block_fields };

/* -- Spec -------------------------------------------------------------------------------------- */
static const struct ifm_field spec_input_fields[] = {
    F_STR(ifm_msg_spec_input, name, REQ, NAME_MAX_BYTES, "name of the input in the model"),
    F_STR(ifm_msg_spec_input, file, OPT, PATH_MAX_BYTES, ".npy file; absent: seeded values"),
    F_INTS(ifm_msg_spec_input, dims, OPT, IFM_MAX_RANK, 0, DIM_MAX, "shape; absent: the model's"),
    F_F64(ifm_msg_spec_input, low, OPT, 0, 0, "seeded values: smallest"),
    F_F64(ifm_msg_spec_input, high, OPT, 0, 0, "seeded values: upper end"),
    END
};
static const struct ifm_table spec_input_table = { "spec_input", "How one input is filled.",
                                                   sizeof(struct ifm_msg_spec_input),
                                                   spec_input_fields };

static const struct ifm_field spec_expect_fields[] = {
    F_STR(ifm_msg_spec_expect, output, REQ, NAME_MAX_BYTES, "name of the output in the model"),
    F_STR(ifm_msg_spec_expect, file, REQ, PATH_MAX_BYTES, ".npy file with the reference"),
    F_F64(ifm_msg_spec_expect, rtol, OPT, 0, 1000000000, "relative tolerance"),
    F_F64(ifm_msg_spec_expect, atol, OPT, 0, 1000000000, "absolute tolerance"),
    F_STR(ifm_msg_spec_expect, precision, OPT, 32,
          "precision whose tolerances hold where none are given; absent: that of the output's type"),
    END
};
static const struct ifm_table spec_expect_table = { "spec_expect", "What one output must be.",
                                                    sizeof(struct ifm_msg_spec_expect),
                                                    spec_expect_fields };

static const struct ifm_field spec_accuracy_fields[] = {
    F_LIST(ifm_msg_spec_accuracy, inputs, OPT, IFM_MAX_TENSORS, spec_input_table,
           "inputs, each with all samples"),
    F_STR(ifm_msg_spec_accuracy, labels, OPT, PATH_MAX_BYTES,
          ".npy of integers, one for each sample"),
    F_STR(ifm_msg_spec_accuracy, output, OPT, NAME_MAX_BYTES,
          "output whose greatest element is the class; absent: the only one"),
    F_I64(ifm_msg_spec_accuracy, limit, ZERO, 0, COUNT_MAX, "samples at most; 0: all"),
    END
};
static const struct ifm_table spec_accuracy_table = { "spec_accuracy", "Labelled samples.",
                                                      sizeof(struct ifm_msg_spec_accuracy),
                                                      spec_accuracy_fields };

static const struct ifm_field spec_fields[] = {
    F_I64(ifm_msg_spec, v, REQ, 1, VERSION_MAX,
          "version of the message; unknown fields are ignored"),
    F_CHOICE(ifm_msg_spec, action, OPT, IFM_ACTION_CHOICES, "what to do; absent: measure"),
    F_STR(ifm_msg_spec, runtime, REQ, 64, "name of the runtime module"),
    F_STR(ifm_msg_spec, library, OPT, PATH_MAX_BYTES,
          "another vendor library than the installed one"),
    F_STR(ifm_msg_spec, model, OPT, PATH_MAX_BYTES,
          "path of the model; absent for a runtime without models"),
    F_MAP(ifm_msg_spec, options, OPT, 64, PATH_MAX_BYTES, "the runtime's own options, as typed"),
    F_LIST(ifm_msg_spec, inputs, OPT, IFM_MAX_TENSORS, spec_input_table,
           "inputs; those not named are seeded"),
    F_LIST(ifm_msg_spec, expect, OPT, IFM_MAX_TENSORS, spec_expect_table, "reference outputs"),
    F_I64(ifm_msg_spec, batch, OPT, 0, 1000000, "value for an open first dimension; 0: 1"),
    F_I64(ifm_msg_spec, seed, OPT, 0, 0, "seed of the inputs"),
    F_I64(ifm_msg_spec, warmup_iterations, OPT, 0, IFM_RUN_SAMPLES_MAX, "fixed number; 0: by time"),
    F_I64(ifm_msg_spec, warmup_ns, OPT, 0, NS_MAX, "warm up at least this long, ns"),
    F_I64(ifm_msg_spec, iterations, OPT, 0, IFM_RUN_SAMPLES_MAX,
          "at least this many timed inferences"),
    F_I64(ifm_msg_spec, duration_ns, OPT, 0, NS_MAX, "and at least this long, ns"),
    F_I64(ifm_msg_spec, max_ns, OPT, 0, NS_MAX, "hard maximum of the timed phase, ns"),
    F_I64(ifm_msg_spec, max_samples, OPT, 0, IFM_RUN_SAMPLES_MAX,
          "size of the sample array; 0: 4,194,304"),
    F_I64(ifm_msg_spec, timeout_ns, OPT, 0, NS_MAX,
          "of the whole process, ns; the parent enforces it"),
    F_I64(ifm_msg_spec, memory_limit_bytes, OPT, 0, BYTES_MAX,
          "limit of the data segment, bytes; 0: none"),
    F_I64(ifm_msg_spec, warmup_max_ns, ZERO, 0, NS_MAX,
          "warm-up that does not converge ends then, ns; 0: 30 s"),
    F_I64(ifm_msg_spec, batch_calls, ZERO, 0, 1000000,
          "calls in one sample; 0: by the rule for fast models"),
    F_I64(ifm_msg_spec, spin_ns, ZERO, 0, NS_MAX, "spin this long before the load, ns"),
    F_CHOICE(ifm_msg_spec, cold, ZERO, IFM_COLD_CHOICES, "cold level of the load"),
    F_CHOICE(ifm_msg_spec, scenario, ZERO, IFM_SCENARIO_CHOICES, "how inferences are issued"),
    F_I64(ifm_msg_spec, streams, ZERO, 0, 1024,
          "multi: inferences of a query; offline: in flight; 0: 8"),
    F_F64(ifm_msg_spec, rate_per_s, ZERO, 0, 100000000, "server: queries offered per second"),
    F_CHOICE(ifm_msg_spec, arrival, ZERO, IFM_ARRIVAL_CHOICES, "server: law of the arrivals"),
    F_I64(ifm_msg_spec, schedule_seed, ZERO, 0, 0, "server: seed of the arrivals"),
    F_I64(ifm_msg_spec, period_ns, ZERO, 0, NS_MAX, "paced: time between two starts, ns"),
    F_I64(ifm_msg_spec, threads, ZERO, 0, 1024,
          "threads that the runtime was told to use; 0: not known"),
    F_INTS(ifm_msg_spec, cpus, OPT, 1024, 0, 65535,
           "processors of the measured threads; none: as inherited"),
    F_STRINGS(ifm_msg_spec, samplers, OPT, 32, 64,
              "samplers to use; none named: all; \"none\": no sampler"),
    F_I64(ifm_msg_spec, sampler_period_ns, ZERO, 0, NS_MAX,
          "time between reads, ns; 0: each sampler's own"),
    F_STR(ifm_msg_spec, sysroot, OPT, PATH_MAX_BYTES,
          "recorded /proc and /sys for the samplers; absent: this machine's"),
    F_I64(ifm_msg_spec, idle_ns, ZERO, 0, NS_MAX, "window of the idle power, ns; 0: none"),
    F_BOOL(ifm_msg_spec, no_sandbox, ZERO, "without the system call filter"),
    F_STR(ifm_msg_spec, runtime_version, OPT, 64, "installed version; absent: the newest"),
    F_STR(ifm_msg_spec, outputs_folder, OPT, PATH_MAX_BYTES,
          "folder for the outputs of the first verification: 0.npy, 1.npy …"),
    F_STR(ifm_msg_spec, precision, OPT, 32, "precision of the variant"),
    F_OBJECT(ifm_msg_spec, accuracy, ZERO, struct ifm_msg_spec_accuracy, spec_accuracy_table,
             "action accuracy: labelled samples"),
    END
};
const struct ifm_table ifm_spec_table = {
    "spec", "What a worker is to measure: one line on its standard input.",
    sizeof(struct ifm_msg_spec), spec_fields
};

/* -- Events ------------------------------------------------------------------------------------ */
static const struct ifm_field event_fields[] = {
    F_I64(ifm_msg_event, v, REQ, 1, VERSION_MAX,
          "version of the message; unknown fields are ignored"),
    F_CHOICE(ifm_msg_event, event, REQ, IFM_EVENT_CHOICES, "kind of event"),
    F_I64(ifm_msg_event, pid, ZERO, 0, INT32_MAX, "hello: process number of the worker"),
    F_STR(ifm_msg_event, runtime, OPT, 64, "hello: name of the runtime module"),
    F_STR(ifm_msg_event, runtime_version, OPT, NAME_MAX_BYTES,
          "hello: version as the vendor library tells it"),
    F_STR(ifm_msg_event, providers, OPT, TEXT_MAX_BYTES,
          "hello: providers the library offers, comma-separated"),
    F_STR(ifm_msg_event, library, OPT, PATH_MAX_BYTES, "hello: vendor library that was loaded"),
    F_STR(ifm_msg_event, worker_version, OPT, 64, "hello: version of the worker"),
    F_OBJECT(ifm_msg_event, clock, ZERO, struct ifm_msg_clock, clock_table,
             "hello: the interval clock"),
    F_I64(ifm_msg_event, start_ns, ZERO, 0, NS_MAX, "hello: process start to this event, ns"),
    F_I64(ifm_msg_event, load_ns, ZERO, 0, NS_MAX, "loaded: time to open and bind the model, ns"),
    F_LIST(ifm_msg_event, inputs, OPT, IFM_MAX_TENSORS, tensor_table, "loaded: inputs"),
    F_LIST(ifm_msg_event, outputs, OPT, IFM_MAX_TENSORS, tensor_table, "loaded: outputs"),
    F_STR(ifm_msg_event, effective, OPT, 8192,
          "loaded: settings as asked back from the runtime, key=value lines"),
    F_I64(ifm_msg_event, first_inference_ns, ZERO, 0, NS_MAX,
          "warm: time of the first inference, ns"),
    F_I64(ifm_msg_event, warmup_iterations, ZERO, 0, COUNT_MAX,
          "warm: inferences of the warm-up"),
    F_I64(ifm_msg_event, warmup_ns, ZERO, 0, NS_MAX, "warm: time of the warm-up, ns"),
    F_CHOICE(ifm_msg_event, warmup_end, ZERO, IFM_WARMUP_END_CHOICES, "warm: why it ended"),
    F_OBJECT(ifm_msg_event, cold, ZERO, struct ifm_msg_cold, cold_table, "warm: the load"),
    F_OBJECT(ifm_msg_event, samples, ZERO, struct ifm_msg_block, block_table, "samples: one block"),
    F_OBJECT(ifm_msg_event, memory_load, ZERO, struct ifm_msg_memory, memory_table,
             "metrics: after loading"),
    F_OBJECT(ifm_msg_event, memory_first, ZERO, struct ifm_msg_memory, memory_table,
             "metrics: after the first inference"),
    F_OBJECT(ifm_msg_event, memory_steady, ZERO, struct ifm_msg_memory, memory_table,
             "metrics: after the timed phase"),
    F_I64(ifm_msg_event, own_array_bytes, ZERO, 0, BYTES_MAX,
          "metrics: the worker's sample array, already subtracted from every peak, bytes"),
    F_I64(ifm_msg_event, iterations, ZERO, 0, COUNT_MAX, "result: timed inferences"),
    F_I64(ifm_msg_event, steady_ns, ZERO, 0, NS_MAX, "result: time of the timed phase, ns"),
    F_I64(ifm_msg_event, cpu_ns, ZERO, 0, COUNT_MAX * 1000,
          "result: user and system time of all threads in the timed phase, ns"),
    F_I64(ifm_msg_event, involuntary_switches, ZERO, 0, COUNT_MAX,
          "result: involuntary context switches in the timed phase"),
    F_CHOICE(ifm_msg_event, end_reason, ZERO, IFM_END_CHOICES, "result: why the timed phase ended"),
    F_OBJECT(ifm_msg_event, verification, ZERO, struct ifm_msg_verification, verification_table,
             "result: outputs against references"),
    F_BOOL(ifm_msg_event, deterministic, ZERO,
           "result: outputs before and after the timed phase were equal, bit by bit"),
    F_STRINGS(ifm_msg_event, warnings, OPT, WARNINGS_MAX, TEXT_MAX_BYTES,
              "result: what a reader should know"),
    F_OBJECT(ifm_msg_event, memory_end, ZERO, struct ifm_msg_memory_end, memory_end_table,
             "result: memory after the timed phase"),
    F_I64(ifm_msg_event, voluntary_switches, ZERO, 0, COUNT_MAX,
          "result: voluntary context switches in the timed phase"),
    F_I64(ifm_msg_event, batch_calls, ZERO, 0, 1000000,
          "result: calls in one sample, where more than one"),
    F_I64(ifm_msg_event, query_calls, ZERO, 0, 1024,
          "result: inferences of one query, where more than one"),
    F_I64(ifm_msg_event, suspended_ns, ZERO, 0, NS_MAX,
          "result: the machine slept this long in the timed phase, ns"),
    F_F64(ifm_msg_event, clock_ratio, ZERO, 0, 1000,
          "result: elapsed CLOCK_MONOTONIC over CLOCK_MONOTONIC_RAW in the timed phase"),
    F_I64(ifm_msg_event, unfinished, ZERO, 0, COUNT_MAX,
          "result: queries of an open loop without an answer"),
    F_LIST(ifm_msg_event, lanes, OPT, IFM_LANE_GROUPS_MAX, lanes_table, "result: samplers"),
    F_LIST(ifm_msg_event, energy, OPT, IFM_LANES_MAX, energy_table, "result: energy by rail"),
    F_BOOL(ifm_msg_event, sandboxed, ZERO, "result: the system call filter was on"),
    F_OBJECT(ifm_msg_event, profile, ZERO, struct ifm_msg_profile, profile_table,
             "result of a profile"),
    F_OBJECT(ifm_msg_event, allocations, ZERO, struct ifm_msg_allocations, allocations_table,
             "result of a count of allocations"),
    F_OBJECT(ifm_msg_event, library_file, ZERO, struct ifm_msg_library, library_table,
             "hello: the vendor library"),
    F_STR(ifm_msg_event, emulator, OPT, 64, "hello: what emulates the processor"),
    F_LIST(ifm_msg_event, placement, OPT, IFM_PLACEMENTS_MAX, placement_table,
           "loaded: where operators were put; absent: the runtime does not tell"),
    F_STR(ifm_msg_event, precision, OPT, 32,
          "loaded: precision in which the runtime computes, asked back from it"),
    F_OBJECT(ifm_msg_event, accuracy, ZERO, struct ifm_msg_accuracy, accuracy_table,
             "result of an accuracy pass"),
    F_STR(ifm_msg_event, message, OPT, TEXT_MAX_BYTES, "error: one sentence"),
    F_CHOICE(ifm_msg_event, step, ZERO, IFM_STEP_CHOICES, "error: where it happened"),
    F_I64(ifm_msg_event, exit_status, ZERO, 0, 255, "error: what a command line should end with"),
    END
};
const struct ifm_table ifm_event_table = {
    "event", "One line on a worker's event descriptor; fields of other kinds of event are absent.",
    sizeof(struct ifm_msg_event), event_fields
};

/* -- Invocation -------------------------------------------------------------------------------- */
static const struct ifm_field invocation_fields[] = {
    F_I64(ifm_msg_invocation, v, REQ, 1, VERSION_MAX,
          "version of the message; unknown fields are ignored"),
    F_I64(ifm_msg_invocation, n, REQ, 0, IFM_INVOCATIONS_MAX - 1, "number within the run, from 0"),
    F_STR(ifm_msg_invocation, started_at, REQ | IFM_FIELD_TIME, 64, "when the process was started"),
    F_CHOICE(ifm_msg_invocation, status, REQ, IFM_STATUS_CHOICES, "whether it delivered a result"),
    F_CHOICE(ifm_msg_invocation, failure, OPT, IFM_FAILURE_CHOICES, "how it failed"),
    F_STR(ifm_msg_invocation, failure_text, OPT, TEXT_MAX_BYTES, "why it failed, one sentence"),
    F_I64(ifm_msg_invocation, signal, MAYBE, 0, 255, "signal that ended the process"),
    F_I64(ifm_msg_invocation, exit_status, MAYBE, 0, 255, "exit status of the process"),
    F_CHOICE(ifm_msg_invocation, step, OPT, IFM_STEP_CHOICES, "last step that was reached"),
    F_STR(ifm_msg_invocation, stderr_tail, OPT, 4096, "end of its log text, without local paths"),
    F_I64(ifm_msg_invocation, spawn_ns, OPT, 0, NS_MAX, "process start to its first event, ns"),
    F_I64(ifm_msg_invocation, load_ns, MAYBE, 0, NS_MAX, "time to open and bind the model, ns"),
    F_I64(ifm_msg_invocation, first_inference_ns, MAYBE, 0, NS_MAX,
          "time of the first inference, ns"),
    F_I64(ifm_msg_invocation, warmup_iterations, MAYBE, 0, COUNT_MAX, "inferences of the warm-up"),
    F_I64(ifm_msg_invocation, warmup_ns, MAYBE, 0, NS_MAX, "time of the warm-up, ns"),
    F_I64(ifm_msg_invocation, iterations, MAYBE, 0, COUNT_MAX, "timed inferences"),
    F_I64(ifm_msg_invocation, steady_ns, MAYBE, 0, NS_MAX, "time of the timed phase, ns"),
    F_I64(ifm_msg_invocation, cpu_ns, MAYBE, 0, COUNT_MAX * 1000,
          "user and system time of all threads in the timed phase, ns"),
    F_I64(ifm_msg_invocation, involuntary_switches, MAYBE, 0, COUNT_MAX,
          "involuntary context switches in the timed phase"),
    F_CHOICE(ifm_msg_invocation, end_reason, OPT, IFM_END_CHOICES, "why the timed phase ended"),
    F_OBJECT(ifm_msg_invocation, clock, ZERO, struct ifm_msg_clock, clock_table,
             "the interval clock"),
    F_OBJECT(ifm_msg_invocation, memory_load, ZERO, struct ifm_msg_memory, memory_table,
             "after loading"),
    F_OBJECT(ifm_msg_invocation, memory_first, ZERO, struct ifm_msg_memory, memory_table,
             "after the first inference"),
    F_OBJECT(ifm_msg_invocation, memory_steady, ZERO, struct ifm_msg_memory, memory_table,
             "after the timed phase"),
    F_I64(ifm_msg_invocation, own_array_bytes, OPT, 0, BYTES_MAX,
          "the worker's sample array, already subtracted from every peak, bytes"),
    F_OBJECT(ifm_msg_invocation, verification, OPT, struct ifm_msg_verification, verification_table,
             "outputs against references"),
    F_BOOL(ifm_msg_invocation, deterministic, OPT,
           "outputs before and after the timed phase were equal, bit by bit"),
    F_STRINGS(ifm_msg_invocation, warnings, OPT, WARNINGS_MAX, TEXT_MAX_BYTES,
              "what a reader should know"),
    F_LIST(ifm_msg_invocation, samples, OPT, 1024, block_table, "every sample, in blocks"),
    F_INTS(ifm_msg_invocation, latency_ns, OPT, 65536, 0, LATENCY_MAX,
           "instead of samples, for scripts: timed latencies in time order, ns"),
    F_I64(ifm_msg_invocation, order, MAYBE, 0, COUNT_MAX,
          "position in the experiment, over all its runs"),
    F_CHOICE(ifm_msg_invocation, warmup_end, ZERO, IFM_WARMUP_END_CHOICES,
             "why the warm-up ended"),
    F_OBJECT(ifm_msg_invocation, cold, ZERO, struct ifm_msg_cold, cold_table, "the load"),
    F_OBJECT(ifm_msg_invocation, memory_end, ZERO, struct ifm_msg_memory_end, memory_end_table,
             "memory after the timed phase"),
    F_I64(ifm_msg_invocation, voluntary_switches, ZERO, 0, COUNT_MAX,
          "voluntary context switches in the timed phase"),
    F_I64(ifm_msg_invocation, batch_calls, ZERO, 0, 1000000,
          "calls in one sample, where more than one; iterations counts calls"),
    F_I64(ifm_msg_invocation, query_calls, ZERO, 0, 1024,
          "inferences of one query, where more than one; iterations counts queries"),
    F_I64(ifm_msg_invocation, suspended_ns, ZERO, 0, NS_MAX,
          "the machine slept this long in the timed phase, ns"),
    F_I64(ifm_msg_invocation, unfinished, ZERO, 0, COUNT_MAX,
          "queries of an open loop without an answer; they count as infinitely late"),
    F_F64(ifm_msg_invocation, clock_ratio, ZERO, 0, 1000,
          "elapsed CLOCK_MONOTONIC over CLOCK_MONOTONIC_RAW in the timed phase"),
    F_LIST(ifm_msg_invocation, lanes, OPT, IFM_LANE_GROUPS_MAX, lanes_table,
           "what the samplers read"),
    F_LIST(ifm_msg_invocation, energy, OPT, IFM_LANES_MAX, energy_table, "energy by rail"),
    F_BOOL(ifm_msg_invocation, sandboxed, ZERO, "the system call filter was on"),
    F_LIST(ifm_msg_invocation, placement, OPT, IFM_PLACEMENTS_MAX, placement_table,
           "where the runtime put operators"),
    F_STR(ifm_msg_invocation, precision, OPT, 32, "precision in which the runtime computed"),
    F_STR(ifm_msg_invocation, emulator, OPT, 64, "what emulated the processor"),
    END
};
const struct ifm_table ifm_invocation_table = {
    "invocation", "One fresh worker process: body of PUT /api/v1/runs/{uuid}/invocations/{n}.",
    sizeof(struct ifm_msg_invocation), invocation_fields
};

/* -- Run --------------------------------------------------------------------------------------- */
static const struct ifm_field fact_fields[] = {
    F_STR(ifm_msg_fact, name, REQ, 128, "name of the fact"),
    F_STR(ifm_msg_fact, value, REQ, TEXT_MAX_BYTES, "what was found"),
    F_BOOL(ifm_msg_fact, hard, OPT, "part of the device key"), END
};
static const struct ifm_table fact_table = { "fact", "One fact of the device.",
                                             sizeof(struct ifm_msg_fact), fact_fields };

static const struct ifm_field finding_fields[] = {
    F_STR(ifm_msg_finding, code, REQ, 64, "machine-readable reason"),
    F_CHOICE(ifm_msg_finding, severity, REQ, IFM_SEVERITY_CHOICES, "what it does to the verdict"),
    F_STR(ifm_msg_finding, text, REQ, TEXT_MAX_BYTES, "what was seen, one sentence"),
    F_STR(ifm_msg_finding, remedy, OPT, TEXT_MAX_BYTES, "what to do about it, one sentence"),
    F_I64(ifm_msg_finding, invocations, OPT, 0, IFM_INVOCATIONS_MAX, "invocations that show it"),
    F_F64(ifm_msg_finding, value, OPT, 0, 0, "what was seen"),
    F_F64(ifm_msg_finding, limit, OPT, 0, 0, "what is allowed"),
    END
};
static const struct ifm_table finding_table = { "finding", "One reason of the trust verdict.",
                                                sizeof(struct ifm_msg_finding), finding_fields };

static const struct ifm_field experiment_fields[] = {
    F_STR(ifm_msg_experiment, id, IFM_FIELD_UUID, 36,
          "UUID that the runs of one interleaved experiment share"),
    F_I64(ifm_msg_experiment, seed, OPT, 0, 0, "seed of the order of invocations"),
    F_I64(ifm_msg_experiment, arms, OPT, 0, 1024, "runs of the experiment"),
    F_I64(ifm_msg_experiment, arm, OPT, 0, 1023, "which of them this is, from 0"),
    END
};
static const struct ifm_table experiment_table = { "experiment", "Runs measured interleaved.",
                                                   sizeof(struct ifm_msg_experiment),
                                                   experiment_fields };

static const struct ifm_field rate_fields[] = {
    F_F64(ifm_msg_rate, rate_per_s, REQ, 0, 100000000, "queries offered per second"),
    F_BOOL(ifm_msg_rate, passed, REQ, "the bound held with 99 % confidence"),
    F_I64(ifm_msg_rate, queries, OPT, 0, COUNT_MAX, "queries issued"),
    F_I64(ifm_msg_rate, over_bound, OPT, 0, COUNT_MAX, "queries over the bound"),
    F_I64(ifm_msg_rate, latency_ns, OPT, 0, NS_MAX, "latency at the percentile, ns"),
    F_I64(ifm_msg_rate, lateness_ns, OPT, 0, NS_MAX, "P99 of the generator's lateness, ns"),
    END
};
static const struct ifm_table rate_table = { "rate", "One rate that was tried.",
                                             sizeof(struct ifm_msg_rate), rate_fields };

static const struct ifm_field capacity_fields[] = {
    F_I64(ifm_msg_capacity, bound_ns, ZERO, 0, NS_MAX, "bound on the latency, ns; 0: not searched"),
    F_I64(ifm_msg_capacity, percentile, ZERO, 0, 10000, "that must be within it, per 10,000"),
    F_F64(ifm_msg_capacity, max_per_s, OPT, 0, 100000000, "highest rate that held the bound"),
    F_F64(ifm_msg_capacity, failing_per_s, OPT, 0, 100000000, "lowest rate above it that failed"),
    F_LIST(ifm_msg_capacity, rates, OPT, 256, rate_table, "rates in the order they were tried"),
    END
};
static const struct ifm_table capacity_table = { "capacity",
                                                 "Highest rate under a bound on latency.",
                                                 sizeof(struct ifm_msg_capacity),
                                                 capacity_fields };

static const struct ifm_field run_fields[] = {
    F_I64(ifm_msg_run, v, REQ, 1, VERSION_MAX,
          "version of the message; unknown fields are ignored"),
    F_STR(ifm_msg_run, id, REQ | IFM_FIELD_UUID, 36, "the run's UUID"),
    F_STR(ifm_msg_run, started_at, REQ | IFM_FIELD_TIME, 64,
          "when the first invocation was started"),
    F_STR(ifm_msg_run, finished_at, IFM_FIELD_TIME, 64, "when the last invocation had ended"),
    F_CHOICE(ifm_msg_run, status, REQ, IFM_RUN_STATUS_CHOICES, "how it ended"),
    F_I64(ifm_msg_run, planned, OPT, 0, IFM_INVOCATIONS_MAX, "invocations planned"),
    F_I64(ifm_msg_run, invocations, REQ, 0, IFM_INVOCATIONS_MAX, "invocations made, ok or failed"),
    F_STR(ifm_msg_run, model, REQ, NAME_MAX_BYTES, "the model as people speak of it"),
    F_STR(ifm_msg_run, variant, OPT, NAME_MAX_BYTES,
          "base name of the file, or the bundle's name for it"),
    F_STR(ifm_msg_run, variant_sha256, REQ | IFM_FIELD_SHA256, 64,
          "key of the variant: SHA-256 of the file"),
    F_I64(ifm_msg_run, variant_bytes, OPT, 0, BYTES_MAX, "size of the file, bytes"),
    F_STR(ifm_msg_run, format, OPT, 64, "format of the file: onnx, …"),
    F_STR(ifm_msg_run, runtime, REQ, 64, "name of the runtime"),
    F_STR(ifm_msg_run, runtime_version, OPT, NAME_MAX_BYTES, "its version"),
    F_STR(ifm_msg_run, provider, OPT, NAME_MAX_BYTES, "the part of the runtime that computed"),
    F_STR(ifm_msg_run, device, OPT, NAME_MAX_BYTES, "host name or given name"),
    F_STR(ifm_msg_run, device_key, REQ | IFM_FIELD_SHA256, 64,
          "key of the device: SHA-256 of its hard facts"),
    F_LIST(ifm_msg_run, device_facts, OPT, 256, fact_table, "what the device is"),
    F_STR(ifm_msg_run, config_key, REQ | IFM_FIELD_SHA256, 64,
          "key of the configuration: SHA-256 of its canonical form"),
    F_MAP(ifm_msg_run, config, OPT, 256, PATH_MAX_BYTES, "every setting that counts"),
    F_LIST(ifm_msg_run, inputs, OPT, IFM_MAX_TENSORS, tensor_table, "inputs"),
    F_LIST(ifm_msg_run, outputs, OPT, IFM_MAX_TENSORS, tensor_table, "outputs"),
    F_I64(ifm_msg_run, seed, OPT, 0, 0, "seed of the inputs"),
    F_STR(ifm_msg_run, commit, OPT, NAME_MAX_BYTES, "commit of the code under test"),
    F_MAP(ifm_msg_run, labels, IFM_FIELD_WORD_KEYS, 64, NAME_MAX_BYTES,
          "the user's own key and value pairs"),
    F_STR(ifm_msg_run, command, OPT, 8192, "command that repeats the run, without local folders"),
    F_STR(ifm_msg_run, tool_version, OPT, 64, "version of the program that measured"),
    F_I64(ifm_msg_run, method_version, OPT, 0, VERSION_MAX,
          "version of the timed loop and the statistics; runs of different versions are not "
          "comparable"),
    F_CHOICE(ifm_msg_run, verification, OPT, IFM_VERIFICATION_CHOICES,
             "the judgement over all invocations"),
    F_CHOICE(ifm_msg_run, trust, OPT, IFM_TRUST_CHOICES,
             "whether the conditions were fit for measuring"),
    F_STRINGS(ifm_msg_run, trust_reasons, OPT, WARNINGS_MAX, TEXT_MAX_BYTES,
              "why, with the remedy"),
    F_LIST(ifm_msg_run, trust_findings, OPT, 64, finding_table, "the same, structured"),
    F_STRINGS(ifm_msg_run, trust_unobserved, OPT, WARNINGS_MAX, 64,
              "sources that were not there to be observed: clock, temperature, …"),
    F_OBJECT(ifm_msg_run, experiment, ZERO, struct ifm_msg_experiment, experiment_table,
             "the interleaved experiment it belongs to"),
    F_OBJECT(ifm_msg_run, profile, ZERO, struct ifm_msg_profile, profile_table,
             "operators, from a pass of their own"),
    F_OBJECT(ifm_msg_run, allocations, ZERO, struct ifm_msg_allocations, allocations_table,
             "heap calls of the runtime, from a pass of their own"),
    F_OBJECT(ifm_msg_run, capacity, ZERO, struct ifm_msg_capacity, capacity_table,
             "search for the highest rate"),
    F_OBJECT(ifm_msg_run, library, ZERO, struct ifm_msg_library, library_table,
             "the vendor library that computed"),
    F_STR(ifm_msg_run, precision, OPT, 32,
          "precision in which the runtime computed, asked back from it"),
    F_STR(ifm_msg_run, variant_precision, OPT, 32, "precision that the variant claims"),
    F_STR(ifm_msg_run, variant_made_by, OPT, TEXT_MAX_BYTES, "how the variant was made"),
    F_I64(ifm_msg_run, deployed_bytes, MAYBE, 0, BYTES_MAX,
          "model and vendor library together, bytes"),
    F_LIST(ifm_msg_run, placement, OPT, IFM_PLACEMENTS_MAX, placement_table,
           "where the runtime put operators"),
    F_OBJECT(ifm_msg_run, accuracy, ZERO, struct ifm_msg_accuracy, accuracy_table,
             "top-1 over labelled samples"),
    F_BOOL(ifm_msg_run, external, ZERO,
           "latencies are as another program told them, not timed here"),
    F_STR(ifm_msg_run, emulator, OPT, 64,
          "what emulated the processor; timings are then no results"),
    F_LIST(ifm_msg_run, checks, OPT, IFM_CHECKS_MAX, check_table,
           "further sets of inputs, and arms held against each other"),
    F_LIST(ifm_msg_run, invocation_bodies, OPT, IFM_INVOCATIONS_MAX, ifm_invocation_table,
           "invocations that are not stored yet, to be stored with the run or not at all; never part "
           "of what is read back"),
    END
};
const struct ifm_table ifm_run_table = { "run",
                                         "Some invocations of one variant and configuration: body "
                                         "of PUT /api/v1/runs/{uuid}, which closes the run.",
                                         sizeof(struct ifm_msg_run), run_fields };

const struct ifm_table *const ifm_msg_tables[] = { &ifm_spec_table, &ifm_event_table,
                                                   &ifm_invocation_table, &ifm_run_table, NULL };
