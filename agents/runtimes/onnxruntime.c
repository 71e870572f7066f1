/* ONNX Runtime through its C API, loaded by dlopen. Inputs are bound once to the host's buffers;
 * outputs are bound to CPU memory without a buffer: the first run allocates them and later runs of
 * the same shape write into the same ones, so that a timed run takes no memory for them, also where
 * shapes are dynamic. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/onnxruntime.h"

const struct ifm_host *onnx_host;

#define AT(field) offsetof(struct onnx_state, field)
static const struct ifm_option onnx_options[] = {
    { "threads", IFM_OPT_INT, AT(threads), "0", 0, 1024, NULL, "N",
      "threads inside an operator; 0: as many as physical cores", 0 },
    { "inter-threads", IFM_OPT_INT, AT(inter_threads), "0", 0, 1024, NULL, "N",
      "threads between operators, with --execution-mode parallel; 0: the runtime's choice", 0 },
    { "spinning", IFM_OPT_BOOL, AT(spinning), "true", 0, 0, NULL, NULL,
      "let idle threads spin: lower latency, more CPU time", 0 },
    { "graph-optimization", IFM_OPT_CHOICE, AT(graph), "all", 0, 0, "disable|basic|extended|all",
      "LEVEL", "level of graph optimization", 0 },
    { "optimized-model", IFM_OPT_STRING, AT(optimized_model), NULL, 0, 0, NULL, "FILE",
      "write the optimized model there", 0 },
    { "provider", IFM_OPT_STRING, AT(provider), CPU_PROVIDER, 0, 64, NULL, "NAME",
      "execution provider, like cuda or CUDAExecutionProvider; the CPU one takes what it refuses", 0 },
    { "provider-option", IFM_OPT_LIST, AT(provider_options), NULL, 0, 0, NULL, "KEY=VALUE",
      "setting of the provider, as ONNX Runtime names it", 0 },
    { "provider-library", IFM_OPT_STRING, AT(provider_library), NULL, 0, 0, NULL, "FILE",
      "plug-in library that brings the provider", 0 },
    { "strict", IFM_OPT_BOOL, AT(strict), "false", 0, 0, NULL, NULL,
      "fail where the provider refuses an operator that the CPU one would take", 0 },
    { "custom-ops", IFM_OPT_LIST, AT(custom_ops), NULL, 0, 0, NULL, "FILE",
      "library of custom operators", 0 },
    { "free-dimension", IFM_OPT_LIST, AT(free_dimensions), NULL, 0, 0, NULL, "NAME=N",
      "fix a dynamic dimension before the graph is optimized", 0 },
    { "execution-mode", IFM_OPT_CHOICE, AT(mode), "sequential", 0, 0, "sequential|parallel", "MODE",
      "run independent operators one by one or together", 0 },
    IFM_OPTION_END,
};
static const char *const graph_names[] = { "disable", "basic", "extended", "all" };

static const unsigned char widths[IFM_DTYPE_COUNT] = {
    [IFM_DTYPE_F32] = 4,  [IFM_DTYPE_F64] = 8, [IFM_DTYPE_F16] = 2, [IFM_DTYPE_BF16] = 2,
    [IFM_DTYPE_I8] = 1,   [IFM_DTYPE_I16] = 2, [IFM_DTYPE_I32] = 4, [IFM_DTYPE_I64] = 8,
    [IFM_DTYPE_U8] = 1,   [IFM_DTYPE_U16] = 2, [IFM_DTYPE_U32] = 4, [IFM_DTYPE_U64] = 8,
    [IFM_DTYPE_BOOL] = 1,
};

static int onnx_probe(void *state, struct ifm_runtime_info *info)
{
    struct onnx_state *s = state;
    int status = onnx_library(s);
    if (status != 0) {
        return status;
    }
    const char *path = onnx_host->library_path ? onnx_host->library_path : "libonnxruntime.so.1";
    const char *slash = strrchr(path, '/');
    snprintf(info->version, sizeof info->version, "%s", s->base->get_version());
    snprintf(info->library, sizeof info->library, "%s", slash ? slash + 1 : path);
    return onnx_providers(s, info->providers, sizeof info->providers);
}

static int onnx_open(void *state, const char *model_path)
{
    struct onnx_state *s = state;
    int status = onnx_library(s);
    if (status != 0) {
        return status;
    }
    TRY(CreateEnv(ORT_LOG_FATAL, "inferometer", &s->env), "ONNX Runtime cannot start");
    TRY(DisableTelemetryEvents(s->env), "telemetry");
    status = onnx_session_options(s);
    if (status != 0) {
        return status;
    }
    s->model_path = strdup(model_path);
    TRY(CreateSession(s->env, model_path, s->options, &s->session),
        "ONNX Runtime cannot open the model");
    return onnx_describe_side(s, &s->in, true) != 0 || onnx_describe_side(s, &s->out, false) != 0
               ? -1
               : 0;
}

static int onnx_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                         const struct ifm_tensor_info **outputs, size_t *output_count)
{
    struct onnx_state *s = state;
    *inputs = s->in.info;
    *input_count = s->in.count;
    *outputs = s->out.info;
    *output_count = s->out.count;
    return 0;
}

static int onnx_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    struct onnx_state *s = state;
    if (input_count != s->in.count) {
        return onnx_host->fail(onnx_host->context, "got %zu inputs for a model of %zu", input_count,
                               s->in.count);
    }
    TRY(CreateCpuMemoryInfo(ORT_DEVICE_ALLOCATOR, ORT_MEMORY_DEFAULT, &s->cpu), "memory");
    for (size_t i = 0; i < input_count; i++) {
        const struct ifm_tensor *t = &inputs[i];
        TRY(CreateTensorWithDataAsOrtValue(s->cpu, t->data, t->bytes, t->dims, (size_t)t->rank,
                                           s->in.type[i], &s->input_values[i]),
            t->name);
    }
    return onnx_bind_session(s);
}

int onnx_bind_session(struct onnx_state *s)
{
    TRY(CreateIoBinding(s->session, &s->binding), "binding");
    for (size_t i = 0; i < s->in.count; i++) {
        TRY(BindInput(s->binding, s->in.info[i].name, s->input_values[i]), s->in.info[i].name);
    }
    for (size_t i = 0; i < s->out.count; i++) {
        TRY(BindOutputToDevice(s->binding, s->out.info[i].name, s->cpu), s->out.info[i].name);
    }
    return 0;
}

static int onnx_run(void *state)
{
    struct onnx_state *s = state;
    s->run_status = s->api.RunWithBinding(s->session, NULL, s->binding);
    return s->run_status ? -1 : 0;
}

static const char *onnx_errdetails(void *state)
{
    struct onnx_state *s = state;
    return s->run_status ? onnx_message(s, s->run_status) : NULL;
}

static void release_outputs(struct onnx_state *s)
{
    for (size_t i = 0; i < s->output_count; i++) {
        s->api.ReleaseValue(s->output_values[i]);
    }
    if (s->output_values) {
        onnx_check(s, s->api.AllocatorFree(s->allocator, s->output_values), "outputs");
    }
    s->output_values = NULL;
    s->output_count = 0;
}

static int fetch_one(struct onnx_state *s, size_t i)
{
    struct ifm_tensor *t = &s->outputs[i];
    ort_shape *shape = NULL;
    size_t rank = 0, elements = 0;
    *t = (struct ifm_tensor){ .name = s->out.info[i].name, .dtype = s->out.info[i].dtype };
    if (t->dtype == IFM_DTYPE_NONE) {
        return 0;
    } /* nothing that could be compared */
    TRY(GetTensorTypeAndShape(s->output_values[i], &shape), t->name);
    int status = onnx_check(s, s->api.GetDimensionsCount(shape, &rank), t->name);
    if (status == 0 && rank > IFM_MAX_RANK) {
        status =
            onnx_host->fail(onnx_host->context, "output %.60s has %zu dimensions", t->name, rank);
    }
    if (status == 0) {
        status = onnx_check(s, s->api.GetDimensions(shape, t->dims, rank), t->name);
    }
    if (status == 0) {
        status = onnx_check(s, s->api.GetTensorShapeElementCount(shape, &elements), t->name);
    }
    s->api.ReleaseTensorTypeAndShapeInfo(shape);
    if (status != 0) {
        return status;
    }
    TRY(GetTensorMutableData(s->output_values[i], &t->data), t->name);
    t->rank = (int32_t)rank;
    t->bytes = elements * widths[t->dtype];
    return 0;
}

static int onnx_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    struct onnx_state *s = state;
    release_outputs(s);
    TRY(GetBoundOutputValues(s->binding, s->allocator, &s->output_values, &s->output_count),
        "outputs");
    for (size_t i = 0; i < s->output_count; i++) {
        if (fetch_one(s, i) != 0) {
            return -1;
        }
    }
    *outputs = s->outputs;
    *output_count = s->output_count;
    return 0;
}

static int onnx_effective(void *state, char *text, size_t text_size)
{
    const struct onnx_state *s = state;
    char threads[24] = "auto";
    if (s->threads) {
        snprintf(threads, sizeof threads, "%lld", (long long)s->threads);
    }
    snprintf(text, text_size,
             "provider=%s\nthreads=%s\nspinning=%s\ngraph-optimization=%s\nexecution-mode=%s",
             s->provider_name[0] ? s->provider_name : s->provider, threads, s->spinning ? "on" : "off", graph_names[s->graph],
             s->mode ? "parallel" : "sequential");
    return 0;
}

static void close_side(struct onnx_state *s, struct side *side)
{
    for (size_t i = 0; i < IFM_MAX_TENSORS; i++) {
        char *name = (char *)(uintptr_t)side->info[i].name;
        if (name) {
            onnx_check(s, s->api.AllocatorFree(s->allocator, name), "name");
        }
        if (side->owner[i]) {
            s->api.ReleaseTypeInfo(side->owner[i]);
        }
    }
}

static void onnx_close(void *state)
{
    struct onnx_state *s = state;
    if (!s->api.ReleaseEnv) {
        return;
    } /* the library was never there */
    if (s->run_status) {
        s->api.ReleaseStatus(s->run_status);
    }
    onnx_profile_end(s);
    free(s->model_path);
    release_outputs(s);
    if (s->binding) {
        s->api.ReleaseIoBinding(s->binding);
    }
    for (size_t i = 0; i < IFM_MAX_TENSORS; i++) {
        if (s->input_values[i]) {
            s->api.ReleaseValue(s->input_values[i]);
        }
    }
    if (s->cpu) {
        s->api.ReleaseMemoryInfo(s->cpu);
    }
    close_side(s, &s->in);
    close_side(s, &s->out);
    if (s->session) {
        s->api.ReleaseSession(s->session);
    }
    if (s->options) {
        s->api.ReleaseSessionOptions(s->options);
    }
    if (s->env) {
        s->api.ReleaseEnv(s->env);
    }
    /* The library stays loaded: its threads and destructors are not made for being unmapped. */
}

static const struct ifm_runtime_ops onnx_ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "onnxruntime",
    .summary = "ONNX Runtime (models in ONNX and ORT format)",
    .caps = IFM_CAP_PROFILE,
    .state_size = sizeof(struct onnx_state),
    .options = onnx_options,
    .probe = onnx_probe,
    .open = onnx_open,
    .describe = onnx_describe,
    .bind = onnx_bind,
    .run = onnx_run,
    .fetch = onnx_fetch,
    .close = onnx_close,
    .errdetails = onnx_errdetails,
    .memory = onnx_memory,
    .effective = onnx_effective,
    .profile_start = onnx_profile_start,
    .profile_stop = onnx_profile_stop,
    .op_size = sizeof(struct ifm_op_profile),
    .placement = onnx_placement,
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *lent)
{
    onnx_host = lent;
    return &onnx_ops;
}
