/* OpenVINO through its C API, loaded by dlopen. A model with fixed shapes is compiled by open; one with
 * dynamic dimensions by bind, for the shapes of the inputs it gets, as OpenVINO's own benchmark does it.
 * Inputs are bound once to the host's buffers; outputs belong to the infer request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/openvino.h"

const struct ifm_host *ov_host;

#define AT(field) offsetof(struct ov_state, field)
static const struct ifm_option ov_options[] = {
    { "provider", IFM_OPT_STRING, AT(provider), "CPU", 0, 63, NULL, "DEVICE",
      "device: CPU, GPU, NPU, AUTO, HETERO:GPU,CPU", 0 },
    { "threads", IFM_OPT_INT, AT(threads), "0", 0, 1024, NULL, "N",
      "threads of all streams together; 0: the runtime's choice", 0 },
    { "streams", IFM_OPT_INT, AT(streams), "0", 0, OV_REQUESTS_MAX, NULL, "N",
      "inferences computed at once, each with its part of the threads; 0: the runtime's choice", 0 },
    { "hint", IFM_OPT_CHOICE, AT(hint), "none", 0, 0, "none|latency|throughput", "HINT",
      "performance hint; none: the runtime's own default", 0 },
    { "inference-precision", IFM_OPT_CHOICE, AT(precision), "default", 0, 0, "default|f32|bf16|f16",
      "TYPE", "floating-point type to compute in; default: the runtime's own, which may be bf16", 0 },
    { "requests", IFM_OPT_INT, AT(requests), "0", 0, OV_REQUESTS_MAX, NULL, "N",
      "infer requests for parallel scenarios; 0: as many as the runtime advises", 0 },
    { "cache", IFM_OPT_STRING, AT(cache), NULL, 0, 0, NULL, "FOLDER",
      "keep compiled models there, to load them faster", 0 },
    { "reshape", IFM_OPT_BOOL, AT(reshape), "true", 0, 0, NULL, NULL,
      "fix dynamic dimensions to those of the inputs before the model is compiled", 0 },
    { "property", IFM_OPT_LIST, AT(properties), NULL, 0, 0, NULL, "KEY=VALUE",
      "any other property of the device, as OpenVINO names it", 0 },
    IFM_OPTION_END,
};

static int ov_probe(void *state, struct ifm_runtime_info *info)
{
    struct ov_state *s = state;
    const int status = ov_library(s);
    if (status != 0) {
        return status;
    }
    snprintf(info->version, sizeof info->version, "%s", s->version);
    snprintf(info->library, sizeof info->library, "%s", s->file);
    ov_devices(s, info->providers, sizeof info->providers);
    return 0;
}

static int ov_open(void *state, const char *model_path)
{
    struct ov_state *s = state;
    int status = ov_library(s);
    if (status == 0) {
        status = ov_read(s, model_path);
    }
    if (status == 0 && !(s->reshape && s->api.ov_model_is_dynamic(s->model))) {
        status = ov_compile(s, false);
    }
    return status;
}

static int ov_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                       const struct ifm_tensor_info **outputs, size_t *output_count)
{
    struct ov_state *s = state;
    *inputs = s->in.info;
    *input_count = s->in.count;
    *outputs = s->out.info;
    *output_count = s->out.count;
    return 0;
}

/* -- Binding ------------------------------------------------------------------------------------- */
static int reshape(struct ov_state *s, const struct ifm_tensor *inputs)
{
    struct ov_partial_shape shapes[IFM_MAX_TENSORS] = { { .dims = NULL } };
    size_t indexes[IFM_MAX_TENSORS], made = 0;
    int status = 0;
    for (; status == 0 && made < s->in.count; made += status == 0) {
        indexes[made] = made;
        status = ov_check(s,
                          s->api.ov_partial_shape_create_static(inputs[made].rank, inputs[made].dims,
                                                                &shapes[made]),
                          inputs[made].name);
    }
    if (status == 0) {
        status = ov_check(
            s, s->api.ov_model_reshape_by_port_indexes(s->model, indexes, shapes, made),
            "OpenVINO cannot give the model these shapes");
    }
    while (made > 0) {
        s->api.ov_partial_shape_free(&shapes[--made]);
    }
    return status;
}

static int bind_one(struct ov_state *s, size_t i, const struct ifm_tensor *t)
{
    struct ov_shape shape = { .dims = NULL };
    if (t->dtype != s->in.info[i].dtype) {
        return ov_host->fail(ov_host->context, "input %.80s has another type than the model's",
                             s->in.info[i].name);
    }
    OV_TRY(ov_shape_create(t->rank, t->dims, &shape), t->name);
    const int status = ov_check(s,
                                s->api.ov_tensor_create_from_host_ptr(
                                    ov_type(s, t->dtype), shape, t->data, &s->inputs[i]),
                                t->name);
    s->api.ov_shape_free(&shape);
    return status;
}

static int ov_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    struct ov_state *s = state;
    int status = 0;
    if (input_count != s->in.count) {
        return ov_host->fail(ov_host->context, "got %zu inputs for a model of %zu", input_count,
                             s->in.count);
    }
    if (!s->compiled) {
        status = reshape(s, inputs);
        status = status == 0 ? ov_compile(s, false) : status;
    }
    for (size_t i = 0; status == 0 && i < input_count; i++) {
        status = bind_one(s, i, &inputs[i]);
    }
    if (status == 0) {
        status = ov_make_request(s, &s->request);
    }
    return status == 0 ? ov_queue_make(s) : status;
}

/* -- Running ------------------------------------------------------------------------------------- */
static int ov_run(void *state)
{
    struct ov_state *s = state;
    s->plain.inferences++;
    if (s->api.ov_infer_request_infer(s->request) != 0) {
        snprintf(s->failure, sizeof s->failure, "%s", ov_reason(s));
        return -1;
    }
    s->queue.last = 0;
    return 0;
}

static const char *ov_errdetails(void *state)
{
    struct ov_state *s = state;
    return s->failure[0] ? s->failure : NULL;
}

static void release_outputs(struct ov_state *s)
{
    for (size_t i = 0; i < IFM_MAX_TENSORS; i++) {
        if (s->fetched[i]) {
            s->api.ov_tensor_free(s->fetched[i]);
        }
        s->fetched[i] = NULL;
    }
}

/* What the request really has: the type may be another than the model's, and a dimension may be zero. */
static int fetch_one(struct ov_state *s, ov_request *request, size_t i)
{
    struct ifm_tensor *t = &s->outputs[i];
    struct ov_shape shape = { .dims = NULL };
    const char *name = s->out.info[i].name;
    int type = -1;
    *t = (struct ifm_tensor){ .name = name, .dtype = s->out.info[i].dtype };
    if (t->dtype == IFM_DTYPE_NONE) {
        return 0; /* nothing that could be compared */
    }
    OV_TRY(ov_infer_request_get_output_tensor_by_index(request, i, &s->fetched[i]), name);
    OV_TRY(ov_tensor_get_element_type(s->fetched[i], &type), name);
    if (type != ov_type(s, t->dtype)) {
        return ov_host->fail(ov_host->context, "output %.80s came as another type than the model says",
                             name);
    }
    OV_TRY(ov_tensor_get_shape(s->fetched[i], &shape), name);
    const bool fits = shape.rank >= 0 && shape.rank <= IFM_MAX_RANK;
    for (int64_t d = 0; fits && d < shape.rank; d++) {
        t->dims[d] = shape.dims[d];
    }
    t->rank = fits ? (int32_t)shape.rank : 0;
    s->api.ov_shape_free(&shape);
    if (!fits) {
        return ov_host->fail(ov_host->context, "output %.80s has more than %d dimensions", name,
                             IFM_MAX_RANK);
    }
    OV_TRY(ov_tensor_get_byte_size(s->fetched[i], &t->bytes), name);
    if (t->bytes) {
        OV_TRY(ov_tensor_data(s->fetched[i], &t->data), name);
    }
    return 0;
}

static int ov_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    struct ov_state *s = state;
    ov_request *request = s->queue.last ? s->queue.slots[s->queue.last].request : s->request;
    release_outputs(s);
    for (size_t i = 0; i < s->out.count; i++) {
        if (fetch_one(s, request, i) != 0) {
            return -1;
        }
    }
    *outputs = s->outputs;
    *output_count = s->out.count;
    return 0;
}

static void ov_close(void *state)
{
    struct ov_state *s = state;
    if (!s->library) {
        return;
    }
    ov_profile_end(s);
    ov_queue_end(s);
    release_outputs(s);
    if (s->request) {
        s->api.ov_infer_request_free(s->request);
    }
    for (size_t i = 0; i < IFM_MAX_TENSORS; i++) {
        if (s->inputs[i]) {
            s->api.ov_tensor_free(s->inputs[i]);
        }
    }
    if (s->compiled) {
        s->api.ov_compiled_model_free(s->compiled);
    }
    if (s->model) {
        s->api.ov_model_free(s->model);
    }
    if (s->core) {
        s->api.ov_core_free(s->core);
    }
    /* The library stays loaded: its threads and destructors are not made for being unmapped. */
}

static const struct ifm_runtime_ops ov_ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "openvino",
    .summary = "OpenVINO (models in OpenVINO IR, ONNX and TFLite format)",
    .caps = IFM_CAP_PROFILE | IFM_CAP_ASYNC,
    .state_size = sizeof(struct ov_state),
    .options = ov_options,
    .probe = ov_probe,
    .open = ov_open,
    .describe = ov_describe,
    .bind = ov_bind,
    .run = ov_run,
    .fetch = ov_fetch,
    .close = ov_close,
    .errdetails = ov_errdetails,
    .submit = ov_submit,
    .wait = ov_wait,
    .profile_start = ov_profile_start,
    .profile_stop = ov_profile_stop,
    .effective = ov_effective,
    .op_size = sizeof(struct ifm_op_profile),
    .placement = ov_placement,
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *lent)
{
    ov_host = lent;
    return &ov_ops;
}
