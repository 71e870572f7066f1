/* Every message that crosses a process or machine border, as a struct and the field table that decodes,
 * encodes and documents it: the spec a worker reads, the events it writes, the bodies a daemon accepts. The
 * tables generate schema/<name>.schema.json. Messages only grow: a field is never removed, renamed or given
 * another unit.
 *
 * Ownership: see core/json.h. All times are int64 nanoseconds unless the name says otherwise. */
#ifndef IFM_MSG_H
#define IFM_MSG_H

#include "core/json.h"

#define IFM_MSG_VERSION 1
#define IFM_INVOCATIONS_MAX 1000
#define IFM_RUN_SAMPLES_MAX 20000000 /* per invocation */

/* -- Shared pieces ------------------------------------------------------------------------------ */
struct ifm_msg_tensor { /* one input or output */
    char *name, *dtype;
    struct ifm_ints dims;        /* as used; in `model_dims` -1 where the model leaves it open */
    struct ifm_ints model_dims;
    char *source;                /* inputs: "file", "seeded"; outputs: NULL */
    double low, high;            /* seeded inputs: value range */
    struct ifm_strings assumed;  /* what the user did not say: "dim 0 = 1", "values in [0, 1)" */
};
struct ifm_msg_clock { int64_t resolution_ns, overhead_ns, jitter_ns; double raw_ratio; char *source; };
struct ifm_msg_memory { /* one phase; bytes; ABSENT where the kernel does not say */
    int64_t peak_rss_bytes; /* VmHWM less the worker's own sample array */
    int64_t anon_bytes, file_bytes;
    int64_t minor_faults, major_faults;
};
struct ifm_msg_memory_end { /* read once after the timed phase: walking page tables takes milliseconds */
    int64_t pss_bytes, uss_bytes;      /* /proc/self/smaps_rollup; ABSENT where there is none */
    int64_t cgroup_peak_bytes;         /* page cache included: not comparable with RSS */
    int64_t allocator_peak_bytes;      /* as the runtime's own allocator tells it */
};
struct ifm_msg_cold { /* how cold the load was */
    int level;               /* as asked */
    int64_t pages, resident; /* of the model file just before it was opened, by mincore; ABSENT: not known */
};
#define IFM_COLD_CHOICES "C1|C0|C2"
struct ifm_msg_lane { /* one metric of a sampler over the invocation */
    char *name, *unit;
    int kind, scope;
    struct ifm_ints values; /* one per time of its group */
};
#define IFM_LANE_KIND_CHOICES "gauge|counter|energy"
#define IFM_LANE_SCOPE_CHOICES "process|device|host"
struct ifm_msg_lanes { /* what one sampler read */
    char *sampler;
    bool sparse;          /* read at the ends of phases only: no core was spare */
    int64_t period_ns;    /* asked; 0: phase ends only */
    int64_t cost_ns;      /* CPU time of all its reads */
    struct ifm_ints t_ns; /* of the reads, from the begin of the timed phase; negative before it */
    struct ifm_list lanes; /* ifm_msg_lane */
};
#define IFM_LANE_GROUPS_MAX 16
#define IFM_LANES_MAX 32
#define IFM_LANE_POINTS_MAX 1024
struct ifm_msg_energy { /* one rail over the timed phase */
    char *rail;
    bool counted;           /* part of the total; false for a rail that another one includes */
    int64_t energy_uj;      /* gross */
    int64_t window_ns;
    int64_t idle_uw;        /* power just before, runtime loaded and quiet; ABSENT: not measured */
    int64_t updates;        /* times the counter moved in the window */
};
struct ifm_msg_comparison { /* one output against its reference */
    char *output;
    bool passed;
    char *reason; /* why not, one sentence; NULL when passed */
    int64_t elements, mismatched, first_mismatch, not_finite;
    double max_abs, max_rel, cosine, snr_db, rtol, atol;
    double psnr_db, top1_agreement; /* NAN: equal; the output is no list of classes */
    char *rule;    /* precision whose tolerances were used: "float32", "bfloat16", "int8" …; "given" */
    char *against; /* what it was held against, where that is no reference file: another run's name */
    double mean_abs; /* over finite pairs; NAN: not known */
};
struct ifm_msg_placement { char *provider; int64_t operators; }; /* as the runtime tells it after loading */
#define IFM_PLACEMENTS_MAX 16
struct ifm_msg_accuracy { /* top-1 over labelled samples, in a pass of its own */
    int64_t samples, correct; /* samples 0: not measured */
    int64_t skipped;          /* samples that gave no answer: NaN, or more than one greatest value */
    char *output;             /* whose greatest element is the class */
    char *labels_sha256;
    struct ifm_block correct_bits; /* bit i%8 of byte i/8: sample i was right; pairs two runs for McNemar's test */
};
struct ifm_msg_library { /* the vendor library that computed */
    char *name, *version, *sha256; /* base name; hash of the file */
    char *source;                  /* one of IFM_LIBRARY_SOURCES */
    char *path;                    /* local: never leaves this machine */
    int64_t bytes;                 /* of all its files that the worker had mapped; ABSENT: not known */
};
#define IFM_LIBRARY_SOURCES "given|installed|environment|system|built_in"
enum ifm_verification { IFM_VERIFY_NONE, IFM_VERIFY_VERIFIED, IFM_VERIFY_CROSS_CHECKED, IFM_VERIFY_WRONG };
#define IFM_VERIFICATION_CHOICES "no_reference|verified|cross_checked|wrong"
struct ifm_msg_verification { int state; struct ifm_list outputs; /* ifm_msg_comparison */ };
struct ifm_msg_check { /* beside the invocations: another set of inputs, a cross-check of two arms */
    char *name;                    /* "input set 2", "cross-check" */
    struct ifm_msg_verification verification; /* outputs that differ in a cross-check leave NO_REFERENCE */
};
#define IFM_CHECKS_MAX 64
struct ifm_msg_block { /* consecutive samples of one phase, in time order */
    int phase;                /* 0 warmup, 1 steady */
    int64_t first, count;     /* index of the first sample within its phase */
    struct ifm_block block;   /* codec block of latencies, ns */
    struct ifm_block gaps;    /* codec block of start[i] - end[i-1], ns; the first is from the phase's start */
    /* Open loop and paced: codec block of the generator's lateness, ns: actual start less the moment at which
     * the query would have started, had all before it been issued on time (core/scenario.h). Latencies then
     * count from the intended start, and `start` above is the intended one, so that gaps may be negative. */
    struct ifm_block lateness;
};
#define IFM_PHASE_CHOICES "warmup|steady"

/* -- Spec: one line on the worker's stdin ------------------------------------------------------- */
enum ifm_action { IFM_ACTION_MEASURE, IFM_ACTION_PROBE, IFM_ACTION_DESCRIBE, IFM_ACTION_PROFILE,
                  IFM_ACTION_ALLOCATIONS, IFM_ACTION_ACCURACY };
#define IFM_ACTION_CHOICES "measure|probe|describe|profile|allocations|accuracy"
enum ifm_cold_level { IFM_COLD_C1, IFM_COLD_C0, IFM_COLD_C2 };
enum ifm_scenario_kind { IFM_SCENARIO_SINGLE, IFM_SCENARIO_MULTI, IFM_SCENARIO_OFFLINE, IFM_SCENARIO_PACED,
                         IFM_SCENARIO_SERVER, IFM_SCENARIO_SUSTAINED };
#define IFM_SCENARIO_CHOICES "single|multi|offline|paced|server|sustained"
#define IFM_ARRIVAL_CHOICES "poisson|fixed"
struct ifm_msg_spec_input { char *name, *file; struct ifm_ints dims; double low, high; };
struct ifm_msg_spec_expect {
    char *output, *file;
    double rtol, atol; /* NAN: by the precision */
    char *precision;   /* of the variant, NULL: of the output's dtype; the effective one counts where it is coarser */
};
struct ifm_msg_spec_accuracy { /* labelled samples */
    struct ifm_list inputs;    /* ifm_msg_spec_input; each file has one more dimension in front, or its first
                                  dimension is the number of samples */
    char *labels;              /* .npy of integers, one a sample; NULL: no accuracy pass */
    char *output;              /* NULL: the only one */
    int64_t limit;             /* samples at most; 0: all */
};
struct ifm_msg_spec {
    int64_t v;
    int action;               /* enum ifm_action */
    char *runtime;            /* name of the module */
    char *library;            /* another vendor library than runtime.json says; NULL */
    char *model;              /* path; NULL for a modelless runtime */
    struct ifm_map options;   /* the runtime's own, as typed */
    struct ifm_list inputs;   /* ifm_msg_spec_input; those not named are seeded */
    struct ifm_list expect;   /* ifm_msg_spec_expect */
    int64_t batch;            /* value for a dynamic first dimension; 0: 1 */
    int64_t seed;             /* of the inputs */
    int64_t warmup_iterations; /* fixed number; 0: by time */
    int64_t warmup_ns;        /* at least this long */
    int64_t iterations;       /* at least this many timed inferences … */
    int64_t duration_ns;      /* … and at least this long */
    int64_t max_ns;           /* hard maximum of the timed phase */
    int64_t max_samples;      /* size of the preallocated array; 0: 4,194,304 */
    int64_t timeout_ns;       /* whole process; the parent enforces it */
    int64_t memory_limit_bytes; /* RLIMIT_DATA; 0: none */
    int64_t warmup_max_ns;    /* convergence ends at the latest then; 0: 30 s */
    int64_t batch_calls;      /* calls in one sample; 0: by the rule for fast models, 1: never more than one */
    int64_t spin_ns;          /* spin this long before the load, so that clocks ramp up */
    int cold;                 /* enum ifm_cold_level */
    int scenario;             /* enum ifm_scenario_kind */
    int64_t streams;          /* multi: inferences of one query; offline: in flight; 0: 8 */
    double rate_per_s;        /* server: queries offered */
    int arrival;              /* server: 0 Poisson, 1 fixed rate */
    int64_t schedule_seed;    /* server: of the arrival times */
    int64_t period_ns;        /* paced */
    int64_t threads;          /* that the runtime was told to use, for the samplers' place; 0: not known */
    struct ifm_ints cpus;     /* the measured threads stay on these; none: as inherited */
    struct ifm_strings samplers; /* names; none: all; "none" alone: no sampler */
    int64_t sampler_period_ns; /* 0: each sampler's own */
    char *sysroot;            /* recorded /proc and /sys tree for the samplers; NULL: this machine's */
    int64_t idle_ns;          /* window of the idle power before the timed phase, where an energy source is; 0: none */
    bool no_sandbox;          /* without the system call filter */
    char *runtime_version;    /* which installed version; NULL: the newest */
    char *outputs_folder;     /* outputs of the first verification go there as 0.npy, 1.npy …; NULL: nowhere */
    char *precision;          /* of the variant, as its bundle or its reader says; NULL */
    struct ifm_msg_spec_accuracy accuracy; /* action accuracy */
};

/* -- Results of passes that are not the latency pass -------------------------------------------- */
struct ifm_msg_op {
    char *name, *type, *provider, *shapes;
    int64_t calls, total_ns;
    int64_t start_ns; /* of its first call, from the begin of its inference, mean; ABSENT: not known */
};
struct ifm_msg_profile {
    struct ifm_list ops;        /* ifm_msg_op, longest first */
    int64_t inferences;         /* profiled */
    int64_t p50_ns;             /* of the profiled inferences */
    int64_t unprofiled_p50_ns;  /* of the same process without the profiler; ABSENT: not measured */
    int64_t attributed_ns;      /* sum over ops, per inference */
    double fallback_share;      /* part of the operators' time outside the asked provider; NAN: not known */
};
#define IFM_OPS_MAX 2048
struct ifm_msg_allocations { /* by the runtime, in a pass of its own with counted malloc */
    int64_t inferences;      /* 0: not measured */
    int64_t allocations, frees, bytes; /* over those inferences, all threads */
};

/* -- Events: lines on the worker's event descriptor --------------------------------------------- */
enum ifm_event_kind {
    IFM_EVENT_HELLO, IFM_EVENT_LOADED, IFM_EVENT_WARM, IFM_EVENT_SAMPLES, IFM_EVENT_METRICS, IFM_EVENT_RESULT,
    IFM_EVENT_ERROR
};
#define IFM_EVENT_CHOICES "hello|loaded|warm|samples|metrics|result|error"
#define IFM_STEP_CHOICES "start|probe|load|bind|first|warmup|steady|verify|close"
struct ifm_msg_event { /* one struct for all kinds; fields of other kinds stay absent */
    int64_t v;
    int event;
    /* hello */
    int64_t pid;
    char *runtime, *runtime_version, *providers, *library, *worker_version;
    struct ifm_msg_clock clock;
    int64_t start_ns; /* process start to here */
    /* loaded */
    int64_t load_ns;
    struct ifm_list inputs, outputs; /* ifm_msg_tensor */
    char *effective;                 /* "key=value" lines, as asked back from the runtime */
    /* warm */
    int64_t first_inference_ns, warmup_iterations, warmup_ns;
    int warmup_end;
    struct ifm_msg_cold cold;
    /* samples */
    struct ifm_msg_block samples;
    /* metrics and result */
    struct ifm_msg_memory memory_load, memory_first, memory_steady;
    int64_t own_array_bytes; /* already subtracted from every peak */
    int64_t iterations, steady_ns, cpu_ns; /* cpu_ns: user + system of the timed phase, all threads */
    int64_t involuntary_switches;
    int end_reason;          /* 0 iterations and duration reached, 1 array full, 2 hard maximum, 3 stopped */
    struct ifm_msg_verification verification;
    bool deterministic;      /* outputs before and after the timed loop were equal, bit by bit */
    struct ifm_strings warnings;
    struct ifm_msg_memory_end memory_end;
    int64_t voluntary_switches;
    int64_t batch_calls;     /* calls in one sample, where more than one */
    int64_t query_calls;     /* inferences of one query, where more than one (multi); iterations counts queries */
    int64_t suspended_ns;    /* the machine slept this long in the timed phase */
    double clock_ratio;      /* elapsed CLOCK_MONOTONIC over elapsed CLOCK_MONOTONIC_RAW in the timed phase */
    int64_t unfinished;      /* queries of an open loop that were not answered; they count as +infinity */
    struct ifm_list lanes;   /* ifm_msg_lanes */
    struct ifm_list energy;  /* ifm_msg_energy */
    bool sandboxed;          /* the system call filter was on */
    struct ifm_msg_profile profile;         /* action profile */
    struct ifm_msg_allocations allocations; /* action allocations */
    struct ifm_msg_library library_file;    /* hello */
    char *emulator;          /* hello: what emulates this processor; NULL: nothing */
    struct ifm_list placement; /* loaded: ifm_msg_placement; empty: the runtime does not tell */
    char *precision;         /* loaded: in which the runtime computes, asked back from it; NULL: it does not tell */
    struct ifm_msg_accuracy accuracy; /* action accuracy */
    /* error */
    char *message; /* one sentence */
    int step;      /* where it happened */
    int64_t exit_status; /* of enum ifm_err_code's map: what a command line should end with */
};
#define IFM_WARMUP_END_CHOICES "fixed|converged|cap"
#define IFM_END_CHOICES "complete|array_full|maximum|stopped"

/* -- Invocation: body of PUT /api/v1/runs/{uuid}/invocations/{n}, and file invocation-NNNN.json -- */
enum ifm_failure {
    IFM_FAIL_NONE, IFM_FAIL_ERROR, IFM_FAIL_CRASH, IFM_FAIL_ABORT, IFM_FAIL_KILLED, IFM_FAIL_OUT_OF_MEMORY,
    IFM_FAIL_HANG, IFM_FAIL_EXIT, IFM_FAIL_PROTOCOL, IFM_FAIL_INTERRUPTED
};
#define IFM_FAILURE_CHOICES "none|error|crash|abort|killed|out_of_memory|hang|exit|protocol|interrupted"
struct ifm_msg_invocation {
    int64_t v, n;       /* n: 0-based number within the run */
    char *started_at;   /* RFC 3339 */
    int status;         /* 0 ok, 1 failed */
    int failure;        /* enum ifm_failure */
    char *failure_text; /* one sentence; NULL when ok */
    int64_t signal, exit_status; /* ABSENT where none */
    int step;           /* last step that was reached */
    char *stderr_tail;  /* last 4 KiB of log text, paths removed; NULL when ok */
    int64_t spawn_ns;   /* spawn to hello */
    int64_t load_ns, first_inference_ns, warmup_iterations, warmup_ns, iterations, steady_ns, cpu_ns;
    int64_t involuntary_switches;
    int end_reason;
    struct ifm_msg_clock clock;
    struct ifm_msg_memory memory_load, memory_first, memory_steady;
    int64_t own_array_bytes;
    struct ifm_msg_verification verification;
    bool deterministic;
    struct ifm_strings warnings;
    struct ifm_list samples;    /* ifm_msg_block */
    struct ifm_ints latency_ns; /* instead of samples, for scripts: plain steady latencies */
    int64_t order;              /* position in the experiment, over all its runs; ABSENT: not interleaved */
    int warmup_end;
    struct ifm_msg_cold cold;
    struct ifm_msg_memory_end memory_end;
    int64_t voluntary_switches, batch_calls, query_calls, suspended_ns, unfinished;
    double clock_ratio;
    struct ifm_list lanes;      /* ifm_msg_lanes */
    struct ifm_list energy;     /* ifm_msg_energy */
    bool sandboxed;
    struct ifm_list placement;  /* ifm_msg_placement */
    char *precision;            /* effective */
    char *emulator;
};
#define IFM_STATUS_CHOICES "ok|failed"

/* -- Run: body of PUT /api/v1/runs/{uuid}, and file run.json ------------------------------------ */
struct ifm_msg_fact { char *name, *value; bool hard; }; /* of the device */
struct ifm_msg_finding { /* one reason of the trust verdict */
    char *code;              /* of core/trust.h */
    int severity;
    char *text, *remedy;     /* one sentence each */
    int64_t invocations;     /* that show it */
    double value, limit;     /* what was seen and what is allowed; NAN where it is no number */
};
#define IFM_SEVERITY_CHOICES "note|caution|untrusted"
struct ifm_msg_experiment {  /* runs that were measured interleaved share one; id NULL: none */
    char *id;                /* UUID */
    int64_t seed;            /* of the order */
    int64_t arms, arm;       /* how many runs, and which of them this is, from 0 */
};
struct ifm_msg_rate { double rate_per_s; bool passed; int64_t queries, over_bound, latency_ns, lateness_ns; };
struct ifm_msg_capacity {    /* search for the highest rate under a bound; bound_ns 0: none was made */
    int64_t bound_ns, percentile; /* percentile: per 10,000 */
    double max_per_s, failing_per_s; /* highest that passed, lowest that failed above it; NAN */
    struct ifm_list rates;   /* ifm_msg_rate, in the order they were tried */
};
struct ifm_msg_run {
    int64_t v;
    char *id;                 /* UUID */
    char *started_at, *finished_at;
    int status;               /* 0 complete, 1 interrupted, 2 failed */
    int64_t planned, invocations; /* how many were planned; how many were made (ok or failed) */
    char *model;              /* as people speak of it */
    char *variant;            /* file's base name, or the bundle's name for it */
    char *variant_sha256;     /* key: variant */
    int64_t variant_bytes;
    char *format;             /* "onnx", … */
    char *runtime, *runtime_version, *provider;
    char *device;             /* host name or given name */
    char *device_key;         /* SHA-256 of the hard facts */
    struct ifm_list device_facts; /* ifm_msg_fact */
    char *config_key;         /* SHA-256 of the canonical configuration */
    struct ifm_map config;    /* every setting that counts: threads, batch, options, inputs' hash … */
    struct ifm_list inputs, outputs; /* ifm_msg_tensor */
    int64_t seed;
    char *commit;             /* NULL where none was given */
    struct ifm_map labels;
    char *command;            /* to repeat it, without local folders */
    char *tool_version;
    int64_t method_version;   /* raised only when the loop or the statistics change */
    int verification;         /* enum ifm_verification, over all invocations */
    int trust;                /* 0 not assessed, 1 trusted, 2 caution, 3 untrusted */
    struct ifm_strings trust_reasons;
    struct ifm_list trust_findings;      /* ifm_msg_finding */
    struct ifm_strings trust_unobserved; /* sources that this machine has not: "clock", "temperature" */
    struct ifm_msg_experiment experiment;
    struct ifm_msg_profile profile;
    struct ifm_msg_allocations allocations;
    struct ifm_msg_capacity capacity;
    struct ifm_msg_library library;
    char *precision;            /* effective, asked back from the runtime; NULL: not known */
    char *variant_precision;    /* what the variant says of itself */
    char *variant_made_by;      /* recipe of the variant */
    int64_t deployed_bytes;     /* model and vendor library; ABSENT: not known */
    struct ifm_list placement;  /* ifm_msg_placement */
    struct ifm_msg_accuracy accuracy;
    bool external;              /* latencies as another program told them, not timed here */
    char *emulator;             /* timings are no results */
    struct ifm_list checks;     /* ifm_msg_check */
    struct ifm_list invocation_bodies; /* ifm_msg_invocation: those that go with the run in one request */
};
#define IFM_RUN_STATUS_CHOICES "complete|interrupted|failed"
#define IFM_TRUST_CHOICES "not_assessed|trusted|caution|untrusted"
#define IFM_METHOD_VERSION 2

extern const struct ifm_table ifm_spec_table, ifm_event_table, ifm_invocation_table, ifm_run_table;
extern const struct ifm_table *const ifm_msg_tables[]; /* all that have a schema file; NULL-terminated */

#endif
