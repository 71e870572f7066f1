/* TensorFlow Lite (LiteRT) through its C API, loaded by dlopen. The C library computes with its builtin
 * kernels unless it is given a delegate, so that who computes is an option here and always shown: XNNPACK by
 * default, as the Python package does. Inputs are copied once, before anything is timed. */
#include <stdio.h>
#include <string.h>
#include "agents/runtimes/litert.h"

const struct ifm_host *litert_host;

#define FAIL(...) litert_host->fail(litert_host->context, __VA_ARGS__)
#define AT(field) offsetof(struct litert_state, field)
static const struct ifm_option litert_options[] = {
    { "threads", IFM_OPT_INT, AT(threads), "0", 0, 1024, NULL, "N",
      "threads inside an operator; 0: the runtime's choice, which is one for XNNPACK", 0 },
    { "provider", IFM_OPT_CHOICE, AT(provider), "xnnpack", 0, 0, "xnnpack|builtin", "NAME",
      "XNNPACK with builtin kernels for the rest, or builtin kernels alone", 0 },
    { "delegate", IFM_OPT_STRING, AT(delegate), NULL, 0, 0, NULL, "LIB.so",
      "library of another delegate, which takes first what it can", 0 },
    { "delegate-option", IFM_OPT_LIST, AT(delegate_options), NULL, 0, 0, NULL, "KEY=VALUE",
      "option of that delegate", 0 },
    { "strict", IFM_OPT_BOOL, AT(strict), "false", 0, 0, NULL, NULL,
      "refuse a model of which the provider does not take every operator", 0 },
    IFM_OPTION_END,
};

static int litert_probe(void *state, struct ifm_runtime_info *info)
{
    struct litert_state *s = state;
    const int status = litert_library(s);
    if (status != 0) {
        return status;
    }
    const char *path = litert_host->library_path ? litert_host->library_path : "libtensorflowlite_c.so";
    const char *slash = strrchr(path, '/');
    snprintf(info->version, sizeof info->version, "%s", s->api.Version());
    snprintf(info->library, sizeof info->library, "%s", slash ? slash + 1 : path);
    snprintf(info->providers, sizeof info->providers, "%s",
             s->api.XNNPackDelegateCreate ? "xnnpack,builtin" : "builtin");
    return 0;
}

/* -- What the model says of itself ---------------------------------------------------------------- */
static void open_dims(const struct litert_state *s, const tfl_tensor *t, struct ifm_tensor_info *info)
{
    int32_t rank = -1, dim = 0;
    if (!s->api.OpaqueTensorGetNumDimsSignature || !s->api.OpaqueTensorGetDimSignature ||
        s->api.OpaqueTensorGetNumDimsSignature(t, &rank) != TFL_OK || rank != info->rank) {
        return;
    }
    for (int32_t d = 0; d < rank; d++) {
        if ((int)s->api.OpaqueTensorGetDimSignature(t, d, &dim) == TFL_OK && dim < 0) {
            info->dims[d] = -1;
        }
    }
}

static int describe_one(const struct litert_state *s, struct litert_side *side, size_t i, const tfl_tensor *t,
                        const char *word)
{
    struct ifm_tensor_info *info = &side->info[i];
    if (!t) {
        return FAIL("the model names %s %zu and has no tensor for it", word, i);
    }
    const char *name = s->api.TensorName(t);
    if (name && *name) {
        snprintf(side->names[i], LITERT_NAME, "%s", name);
    } else {
        snprintf(side->names[i], LITERT_NAME, "%s%zu", word, i);
    }
    info->name = side->names[i];
    info->dtype = litert_dtype(s->api.TensorType(t));
    info->rank = s->api.TensorNumDims(t);
    if (info->rank > IFM_MAX_RANK) {
        return FAIL("%.60s has %d dimensions; at most %d can be measured", info->name, (int)info->rank, IFM_MAX_RANK);
    }
    info->rank = info->rank < 0 ? 0 : info->rank; /* the number of dimensions is not known yet */
    for (int32_t d = 0; d < info->rank; d++) {
        info->dims[d] = s->api.TensorDim(t, d);
    }
    open_dims(s, t, info);
    return 0;
}

static int describe_sides(struct litert_state *s)
{
    const tfl_interpreter *interpreter = s->plain.interpreter;
    const int32_t in = s->api.InterpreterGetInputTensorCount(interpreter),
                  out = s->api.InterpreterGetOutputTensorCount(interpreter);
    if (in < 0 || out < 0 || in > IFM_MAX_TENSORS || out > IFM_MAX_TENSORS) {
        return FAIL("the model has %d inputs and %d outputs; at most %d of each can be measured", (int)in, (int)out,
                    IFM_MAX_TENSORS);
    }
    s->in.count = (size_t)in;
    s->out.count = (size_t)out;
    for (int32_t i = 0; i < in; i++) {
        if (describe_one(s, &s->in, (size_t)i, s->api.InterpreterGetInputTensor(interpreter, i), "input") != 0) {
            return -1;
        }
    }
    for (int32_t i = 0; i < out; i++) {
        if (describe_one(s, &s->out, (size_t)i, s->api.InterpreterGetOutputTensor(interpreter, i), "output") != 0) {
            return -1;
        }
    }
    return 0;
}

static int litert_open(void *state, const char *model_path)
{
    struct litert_state *s = state;
    int status = litert_library(s);
    if (status != 0) {
        return status;
    }
    litert_forget(s);
    s->model = s->api.ModelCreateFromFileWithErrorReporter(model_path, litert_report, s);
    if (!s->model) {
        return litert_refuse(s, "TensorFlow Lite cannot read the model");
    }
    status = litert_session_open(s, &s->plain, NULL);
    return status ? status : describe_sides(s);
}

static int litert_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                           const struct ifm_tensor_info **outputs, size_t *output_count)
{
    struct litert_state *s = state;
    *inputs = s->in.info;
    *input_count = s->in.count;
    *outputs = s->out.info;
    *output_count = s->out.count;
    return 0;
}

/* -- Binding -------------------------------------------------------------------------------------- */
/* What differs from the file now, or is known only after an inference, is a dynamic dimension. */
static void look_at_outputs(struct litert_state *s)
{
    for (size_t i = 0; i < s->out.count; i++) {
        struct ifm_tensor_info *info = &s->out.info[i];
        const tfl_tensor *t = s->api.InterpreterGetOutputTensor(s->plain.interpreter, (int32_t)i);
        const int32_t rank = s->api.TensorNumDims(t);
        const bool later = s->api.OpaqueTensorGetAllocationType &&
                           s->api.OpaqueTensorGetAllocationType(t) == TFL_ALLOCATED_DYNAMIC;
        const bool other = rank != info->rank && rank >= 0 && rank <= IFM_MAX_RANK;
        info->rank = other ? rank : info->rank;
        for (int32_t d = 0; d < info->rank; d++) {
            const bool open = later || other || info->dims[d] != s->api.TensorDim(t, d);
            info->dims[d] = open ? -1 : info->dims[d];
        }
    }
}

static int check_strict(struct litert_state *s)
{
    const struct litert_census *whole = &s->plain.whole,
                               *rest = s->plain.external ? &s->plain.after_external : &s->plain.left;
    if (!s->strict || (s->provider == LITERT_BUILTIN && !s->plain.external)) {
        return 0;
    }
    if (!rest->seen || !whole->seen) {
        FAIL("strict: this TensorFlow Lite does not tell which operators %s takes", litert_provider(s));
        return IFM_RUNTIME_UNAVAILABLE;
    }
    if (rest->operators > 0) {
        FAIL("strict: %s takes %llu of %llu operators, the first that it leaves makes '%.50s'; without --strict "
             "other kernels compute them", litert_provider(s),
             (unsigned long long)(whole->operators - rest->operators), (unsigned long long)whole->operators,
             rest->first_makes);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    return 0;
}

static int litert_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    struct litert_state *s = state;
    if (input_count != s->in.count) {
        return FAIL("got %zu inputs for a model of %zu", input_count, s->in.count);
    }
    for (size_t i = 0; i < input_count; i++) {
        if (inputs[i].dtype != s->in.info[i].dtype || inputs[i].rank != s->in.info[i].rank) {
            return FAIL("input '%.60s' has another type or number of dimensions than the model's", inputs[i].name);
        }
        s->inputs[i] = inputs[i];
    }
    const int status = litert_session_ready(s, &s->plain);
    if (status != 0) {
        return status;
    }
    if (s->plain.xnnpack_refused) {
        litert_host->log(litert_host->context, IFM_LOG_WARN,
                         "XNNPACK takes nothing beside %s, which allows no delegate after it", s->delegate_name);
    }
    s->used = &s->plain;
    look_at_outputs(s);
    return check_strict(s);
}

static int litert_refill(void *state)
{
    struct litert_state *s = state;
    return litert_session_inputs(s, s->used);
}

/* -- Running -------------------------------------------------------------------------------------- */
static int litert_run(void *state)
{
    struct litert_state *s = state;
    if (s->used == &s->profiled) {
        litert_profile_begin_inference(s);
    }
    return (int)s->api.InterpreterInvoke(s->used->interpreter) == TFL_OK ? 0 : -1;
}

static const char *litert_errdetails(void *state)
{
    const struct litert_state *s = state;
    return s->said[0] ? s->said : NULL;
}

/* Asked for after the inference: a dynamic output has moved and may have another shape. */
static int litert_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    struct litert_state *s = state;
    for (size_t i = 0; i < s->out.count; i++) {
        struct ifm_tensor *out = &s->outputs[i];
        const tfl_tensor *t = s->api.InterpreterGetOutputTensor(s->used->interpreter, (int32_t)i);
        *out = (struct ifm_tensor){ .name = s->out.info[i].name, .dtype = litert_dtype(s->api.TensorType(t)) };
        if (out->dtype == IFM_DTYPE_NONE) {
            continue; /* nothing that could be compared */
        }
        out->rank = s->api.TensorNumDims(t);
        if (out->rank < 0 || out->rank > IFM_MAX_RANK) {
            return FAIL("output %.60s has %d dimensions", out->name, (int)out->rank);
        }
        for (int32_t d = 0; d < out->rank; d++) {
            out->dims[d] = s->api.TensorDim(t, d);
        }
        out->data = s->api.TensorData(t);
        out->bytes = s->api.TensorByteSize(t);
    }
    *outputs = s->outputs;
    *output_count = s->out.count;
    return 0;
}

static int litert_effective(void *state, char *text, size_t text_size)
{
    const struct litert_state *s = state;
    const char *precision = litert_precision(s);
    char threads[24] = "auto";
    if (s->threads) {
        snprintf(threads, sizeof threads, "%lld", (long long)s->threads);
    }
    const char *rest = !s->plain.external ? "" : s->provider == LITERT_BUILTIN ? "\nrest=builtin" : "\nrest=xnnpack";
    snprintf(text, text_size, "provider=%s\nthreads=%s%s%s%s%s", litert_provider(s), threads, rest,
             s->strict ? "\nstrict=on" : "", precision ? "\nprecision=" : "", precision ? precision : "");
    return 0;
}

static void litert_close(void *state)
{
    struct litert_state *s = state;
    if (!s->api.ModelDelete) {
        return;
    } /* the library was never there */
    litert_session_close(s, &s->profiled);
    litert_session_close(s, &s->plain);
    litert_profile_free(s);
    if (s->model) {
        s->api.ModelDelete(s->model);
    }
    /* Both libraries stay loaded: their threads and destructors are not made for being unmapped. */
}

static const struct ifm_runtime_ops litert_ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "litert",
    .summary = "LiteRT, formerly TensorFlow Lite (models in TFLite format)",
    .caps = IFM_CAP_PROFILE,
    .state_size = sizeof(struct litert_state),
    .options = litert_options,
    .probe = litert_probe,
    .open = litert_open,
    .describe = litert_describe,
    .bind = litert_bind,
    .run = litert_run,
    .fetch = litert_fetch,
    .close = litert_close,
    .errdetails = litert_errdetails,
    .effective = litert_effective,
    .placement = litert_placement,
    .refill = litert_refill,
    .profile_start = litert_profile_start,
    .profile_stop = litert_profile_stop,
    .op_size = sizeof(struct ifm_op_profile),
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *lent)
{
    litert_host = lent;
    return &litert_ops;
}
