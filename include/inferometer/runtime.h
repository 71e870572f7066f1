/* The runtime ABI: what a module must offer so that the worker can measure models with it.
 *
 * A runtime is one shared object, ifm_rt_<name>.so, that exports one function, ifm_runtime_entry, and fills
 * one const struct ifm_runtime_ops. To add one, copy agents/runtimes/null.c and fill the slots; nothing in
 * the worker, the daemon or the dashboard changes. A module includes this header, libc and its vendor's
 * headers, and links nothing else of this project: logging, errors and memory come through struct ifm_host.
 *
 * Process model: one worker process loads one runtime, opens one model, measures it and ends. A crash, a
 * hang or an abort inside a vendor library ends that process alone and becomes a result with a reason.
 *
 * Order of calls (all on one thread, the measuring thread):
 *     entry -> probe? -> open -> describe -> bind -> run* (sync after each, if present) -> fetch -> close
 * With cap ASYNC, submit and wait may stand instead of run: as many inferences as the host likes are
 * submitted before the oldest is ended by wait. Then submit may be called on one thread while wait is called
 * on another, never either of them on two at once. Every submitted inference is ended by a wait, unless close
 * comes first: that ends or abandons what is in flight. submit may block while the runtime's queue is full.
 * bind may be followed by fetch only after at least one run. close accepts any half-open state, also one
 * where open failed or was never called, and is called exactly once for each state. Where a second session is
 * what shall be measured (cold level C2), the host begins again at probe with a fresh state after that.
 *
 * What each phase may do:
 *     probe     must not open a model; may load the vendor library
 *     open      load and compile the model; anything goes; its time is reported as "load"
 *     describe  no allocation visible to the caller: the arrays belong to the state
 *     bind      the last place that may allocate; input buffers stay valid and unmoved until close
 *     run       TIMED: one inference on the bound inputs; must not allocate, log, lock or format by itself
 *     sync      TIMED: returns when the device has finished; leave NULL if run is synchronous
 *     submit    TIMED: starts one inference on the bound inputs and returns
 *     wait      TIMED: returns when the oldest submitted inference has finished
 *     fetch     outputs of the latest run, in host memory, valid until the next run or close
 *
 * Errors: a slot returns 0, or a negative number after it called host->fail once with one sentence that says
 * what was wrong, where, and what to do. run, sync, submit and wait only return a number; errdetails, if present, is
 * asked afterwards for the sentence. C++ modules catch every exception at this edge.
 *
 * Compatibility: fields are only ever appended; `size` tells how many the module knows. */
#ifndef INFEROMETER_RUNTIME_H
#define INFEROMETER_RUNTIME_H

#include "inferometer/option.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IFM_RUNTIME_ABI 1u
#define IFM_MAX_RANK 8
#define IFM_MAX_TENSORS 64 /* inputs, and outputs, of one model */
/* A slot may return this instead of -1 when what was asked for is not to be had on this machine (library,
 * provider, device), as against a model or an option that is wrong. */
#define IFM_RUNTIME_UNAVAILABLE (-2)

enum ifm_dtype {
    IFM_DTYPE_NONE = 0,
    IFM_DTYPE_F32,
    IFM_DTYPE_F64,
    IFM_DTYPE_F16,
    IFM_DTYPE_BF16,
    IFM_DTYPE_I8,
    IFM_DTYPE_I16,
    IFM_DTYPE_I32,
    IFM_DTYPE_I64,
    IFM_DTYPE_U8,
    IFM_DTYPE_U16,
    IFM_DTYPE_U32,
    IFM_DTYPE_U64,
    IFM_DTYPE_BOOL,
    IFM_DTYPE_COUNT
};

/* What a model says of one input or output. Strings belong to the runtime's state, valid until close. */
struct ifm_tensor_info {
    const char *name;
    enum ifm_dtype dtype; /* NONE: a type this ABI has no word for (string, sequence …), or see rank */
    int32_t rank;         /* 0 for a scalar; -1: an array of which the model tells neither shape nor type
                             (TorchScript): the user's input or shape decides, float32 where nobody says */
    int64_t dims[IFM_MAX_RANK];         /* -1 where dynamic */
    const char *dim_names[IFM_MAX_RANK]; /* symbolic name of a dynamic dimension, or NULL */
};

/* A dense row-major array. Inputs: owned by the host, 64-byte aligned. Outputs: owned by the runtime. */
struct ifm_tensor {
    const char *name;
    enum ifm_dtype dtype;
    int32_t rank;
    int64_t dims[IFM_MAX_RANK];
    void *data;
    size_t bytes;
};

enum ifm_log_level { IFM_LOG_ERROR, IFM_LOG_WARN, IFM_LOG_INFO, IFM_LOG_DEBUG };

/* What the host lends to a module; valid for the life of the process. */
struct ifm_host {
    uint32_t abi;
    uint32_t size;
    void *context; /* first argument of the calls below */
    /* Where the vendor library lies, from runtime.json of the installed runtime; NULL: not installed (the
     * module may still try a system library by its soname). */
    const char *library_path;
    const char *const *preloads; /* further libraries to dlopen(RTLD_GLOBAL) first, NULL-terminated; or NULL */
    void (*log)(void *context, enum ifm_log_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
    /* Records the sentence for the error that is about to be returned; returns -1, so that a slot can say
     * `return host->fail(host->context, "…")`. At most 200 characters are kept. */
    int (*fail)(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
    void *(*alloc)(void *context, size_t bytes); /* zeroed; NULL when out of memory */
    void (*free)(void *context, void *pointer);  /* accepts NULL */
};

enum ifm_runtime_cap {
    IFM_CAP_ASYNC = 1u << 0,   /* submit and wait are both present */
    IFM_CAP_PROFILE = 1u << 1, /* profile_start and profile_stop are both present */
    IFM_CAP_MODELLESS = 1u << 2 /* open ignores the path: the runtime makes its own work (null, sim) */
};

/* Result of probe. Fixed-size texts, so that nothing has an owner. */
struct ifm_runtime_info {
    char version[32];        /* the vendor library's own version */
    char providers[256];     /* comma-separated, the default first */
    char library[256];       /* base name of the vendor library that was loaded */
};

/* One row of an operator profile (cap PROFILE). Texts are UTF-8, cut where they are too long. */
struct ifm_op_profile {
    char name[96];
    char type[48];
    char provider[48];  /* where it ran; "": not known */
    uint64_t calls;     /* over all profiled inferences */
    uint64_t total_ns;  /* of all calls, without the operators it contains */
    char shapes[128];   /* of its inputs, like "1x3x224x224 64x3x7x7"; "": not known */
    int64_t start_ns;   /* of its first call, from the begin of its inference, mean; -1: not known */
};
struct ifm_placement {
    char provider[48];
    uint64_t operators;
};
#define IFM_OP_PROFILE_FIRST_SIZE 208 /* the row before `shapes` was appended */

struct ifm_runtime_ops {
    uint32_t abi;  /* IFM_RUNTIME_ABI */
    uint32_t size; /* sizeof(struct ifm_runtime_ops) */
    const char *name;    /* as typed: --runtime NAME; lower case */
    const char *summary; /* one line for `runtime list` */
    uint32_t caps;       /* bits of enum ifm_runtime_cap */
    size_t state_size;   /* the host allocates this, zeroed, and writes the options into it */
    const struct ifm_option *options; /* ended by IFM_OPTION_END; NULL: none */

    /* Required. */
    int (*probe)(void *state, struct ifm_runtime_info *info);
    int (*open)(void *state, const char *model_path);
    int (*describe)(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                    const struct ifm_tensor_info **outputs, size_t *output_count);
    int (*bind)(void *state, const struct ifm_tensor *inputs, size_t input_count);
    int (*run)(void *state);
    int (*fetch)(void *state, const struct ifm_tensor **outputs, size_t *output_count);
    void (*close)(void *state);

    /* Optional; NULL when absent. */
    int (*sync)(void *state);
    const char *(*errdetails)(void *state); /* sentence for the latest failed run, sync, submit or wait */
    int (*submit)(void *state);             /* starts one inference (cap ASYNC) */
    int (*wait)(void *state);               /* ends the oldest submitted one */
    int (*marks)(void *state, int64_t copy_in_compute_copy_out_ns[3]); /* of the latest run */
    /* Between start and stop, `run` is profiled; what a vendor needs beforehand (another session, its first
     * inference) is done by start and not part of the rows. stop gets *row_count rows of space, writes at most
     * that many, longest first, and says in *row_count how many it wrote; an inference that is profiled may be
     * slower. Both are called after bind; start may be called again after stop. */
    int (*profile_start)(void *state);
    int (*profile_stop)(void *state, struct ifm_op_profile *rows, size_t *row_count);
    int (*memory)(void *state, int64_t *allocator_peak_bytes); /* the runtime's own allocator */
    /* Effective settings, as asked back from the runtime, "key=value" lines (threads, provider …). The line
     * "precision=" is what tolerances are chosen by: float32, float16, bfloat16, int8, mixed; leave it out where
     * the runtime does not tell. */
    int (*effective)(void *state, char *text, size_t text_size);
    uint32_t op_size; /* sizeof(struct ifm_op_profile); 0: IFM_OP_PROFILE_FIRST_SIZE */
    /* How many operators of the loaded model each provider computes, asked after bind. Gets *row_count rows of
     * space, says in *row_count how many it wrote. An operator that a provider took in as part of a larger one
     * counts where the vendor still tells; a delegate's whole subgraph counts as what it replaced. 0 operators:
     * it computes there, and how many it has is not told. */
    int (*placement)(void *state, struct ifm_placement *rows, size_t *row_count);
    /* The shape that an input takes where the model leaves it open and the user tells nothing (a largest
     * shape, for instance); asked after describe, once for each input. dims[d] <= 0: nothing is known. */
    int (*bounds)(void *state, size_t input, int64_t dims[IFM_MAX_RANK]);
    /* The values in the bound buffers have changed, their shapes have not: the next run uses the new ones. NULL
     * where every run reads the buffers themselves. Never called between timed runs. */
    int (*refill)(void *state);
};

/* The one exported function. `host` outlives the module. Returns NULL, after host->fail, if the module
 * cannot work with this host. */
__attribute__((visibility("default"))) const struct ifm_runtime_ops *ifm_runtime_entry(
    const struct ifm_host *host);
typedef const struct ifm_runtime_ops *(*ifm_runtime_entry_fn)(const struct ifm_host *host);

#ifdef __cplusplus
}
#endif
#endif
