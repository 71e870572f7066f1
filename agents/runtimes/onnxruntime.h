/* What the files of the ONNX Runtime module share: onnxruntime.c has the slots, onnxruntime_setup.c the
 * vendor library, the session options and the session's own description, onnxruntime_provider.c who computes,
 * onnxruntime_profile.c the operator
 * profile, onnxruntime_trace.c the reader of the file that it comes from. */
#ifndef IFM_ONNXRUNTIME_H
#define IFM_ONNXRUNTIME_H

#include <stdbool.h>
#include "agents/runtimes/onnxruntime_abi.h"
#include "inferometer/runtime.h"

#define CPU_PROVIDER          "CPUExecutionProvider"
#define ONNX_PROVIDER_OPTIONS 32

struct side { /* the model's inputs, or its outputs */
    size_t count;
    struct ifm_tensor_info info[IFM_MAX_TENSORS];
    int type[IFM_MAX_TENSORS];        /* ONNX Runtime's own */
    ort_type *owner[IFM_MAX_TENSORS]; /* holds the dimension names */
};

struct onnx_state {
    int64_t threads, inter_threads;
    bool spinning;
    int graph, mode;
    bool strict;
    const char *optimized_model, *provider, *provider_library;
    struct ifm_option_list free_dimensions; /* NAME=N */
    struct ifm_option_list provider_options; /* KEY=VALUE */
    struct ifm_option_list custom_ops;       /* libraries */

    char provider_name[64]; /* as the library calls it */
    bool plugin_registered;

    void *library;
    const struct ort_api_base *base;
    struct ort_api api;
    ort_allocator *allocator;
    ort_env *env;
    ort_options *options;
    ort_session *session;
    ort_memory *cpu;
    ort_binding *binding;
    ort_status *run_status; /* of the run that failed */
    struct side in, out;
    ort_value *input_values[IFM_MAX_TENSORS];
    ort_value **output_values; /* of the latest fetch */
    size_t output_count;
    struct ifm_tensor outputs[IFM_MAX_TENSORS];

    char *model_path; /* for the profiled session */
    struct {          /* the plain session while the profiled one stands in its place */
        bool active;
        ort_options *options;
        ort_session *session;
        ort_binding *binding;
        int fd; /* of the profile's file, whose name is gone already */
    } plain;
};

/* The one host of this process. */
extern const struct ifm_host *onnx_host;

/* The part of a status's message that a user can do something with, without source file and
 * function. */
const char *onnx_message(struct onnx_state *s, const ort_status *status);
/* Turns a status into host->fail with "what: the vendor's message, on one line"; 0 when all is
 * well. */
int onnx_check(struct onnx_state *s, ort_status *status, const char *what);
#define TRY_STATUS(status, what)                                                                   \
    do {                                                                                           \
        if (onnx_check(s, status, what) != 0) {                                                    \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)
#define TRY(call, what) TRY_STATUS(s->api.call, what)

int onnx_library(struct onnx_state *s); /* loads the vendor library, once */
/* Comma-separated, the default first. */
int onnx_providers(struct onnx_state *s, char *text, size_t size);
int onnx_session_options(struct onnx_state *s); /* makes and fills s->options */
int onnx_append_provider(struct onnx_state *s); /* to s->options */
int onnx_custom_ops(struct onnx_state *s);      /* to s->options */
int onnx_placement(void *state, struct ifm_placement *rows, size_t *row_count);
int onnx_memory(void *state, int64_t *allocator_peak_bytes);
/* Binds the inputs' values and the outputs to s->session. */
int onnx_bind_session(struct onnx_state *s);

int onnx_profile_start(void *state);
int onnx_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);
void onnx_profile_end(struct onnx_state *s); /* puts the plain session back; accepts that it is there */

/* Reads the events of a profile; the first `skip` inferences are left out. Rows as profile_stop's. NULL, or
 * a sentence without the file's name. The text may be anybody's: nothing in it is trusted. */
const char *onnx_trace_read(const char *text, size_t size, size_t skip, struct ifm_op_profile *rows,
                            size_t *row_count);

int onnx_describe_side(struct onnx_state *s, struct side *side,
                       bool input); /* fills it from the session */

#endif
