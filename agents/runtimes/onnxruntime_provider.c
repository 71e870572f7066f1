/* Which execution provider computes: the library's own ones by short or full name, plug-ins by their library,
 * custom operators, and who took which operators in the end. */
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/onnxruntime.h"

#define SUFFIX "executionprovider"

/* What the call that appends a provider wants to be told, where that is not the beginning of the listed name,
 * and where a library with it is to be had. Plain names: lower case, without the suffix. */
static const struct {
    const char *plain, *append, *hint;
} known[] = {
    { "cuda", NULL, "package onnxruntime-gpu has it: --runtime onnxruntime=LIBRARY" },
    { "tensorrt", NULL, "package onnxruntime-gpu has it: --runtime onnxruntime=LIBRARY" },
    { "openvino", "OpenVINO", "package onnxruntime-ep-openvino: -O provider-library=FILE" },
    { "webgpu", "WebGPU", "package onnxruntime-ep-webgpu: -O provider-library=FILE" },
    { "nvtensorrtrtx", "NvTensorRtRtx", "package onnxruntime-ep-nv-tensorrt-rtx: -O provider-library=FILE" },
    { "xnnpack", "XNNPACK", "it needs a build with --use_xnnpack" },
    { "coreml", "CoreML", "it is in the packages for macOS and iOS" },
    { "nnapi", NULL, "it is in the package for Android" },
    { "azure", "AZURE", NULL },
    { "dml", "DML", "it is in the package for Windows" },
    { "js", "JS", NULL },
    { "webnn", "WEBNN", NULL },
    { "qnn", "QNN", "it is in package onnxruntime-qnn" },
};
static const char *const aliases[][2] = { { "trt", "tensorrt" }, { "ov", "openvino" } };

/* "XNNPACKExecutionProvider", "xnnpack" -> "xnnpack" */
static void plain_name(const char *name, char plain[64])
{
    size_t n = 0;
    for (; name[n] && n < 63; n++) {
        plain[n] = (char)tolower((unsigned char)name[n]);
    }
    plain[n] = '\0';
    const size_t cut = sizeof SUFFIX - 1;
    if (n > cut && strcmp(plain + n - cut, SUFFIX) == 0) {
        plain[n - cut] = '\0';
    }
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcmp(plain, aliases[i][0]) == 0) {
            snprintf(plain, 64, "%s", aliases[i][1]);
        }
    }
}

static size_t known_row(const char *plain)
{
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(known[i].plain, plain) != 0) {
        i++;
    }
    return i;
}

static int missing(struct onnx_state *s, const char *plain, const char *offered)
{
    const size_t row = known_row(plain);
    const char *hint = row < sizeof known / sizeof *known ? known[row].hint : NULL;
    onnx_host->fail(onnx_host->context, "this ONNX Runtime cannot use provider %.40s; it offers %.70s%s%s",
                    s->provider, offered, hint ? "; " : "", hint ? hint : "");
    return IFM_RUNTIME_UNAVAILABLE;
}

/* KEY=VALUE items as the two lists that the calls want; *keys is the caller's to free, with its texts. */
static int provider_options(struct onnx_state *s, char ***keys, const char *values[])
{
    const size_t count = s->provider_options.count;
    *keys = calloc(count + 1, sizeof **keys);
    if (!*keys || count > ONNX_PROVIDER_OPTIONS) {
        return onnx_host->fail(onnx_host->context, "more than %d provider options, or out of memory",
                               ONNX_PROVIDER_OPTIONS);
    }
    for (size_t i = 0; i < count; i++) {
        const char *item = s->provider_options.items[i], *equals = strchr(item, '=');
        if (!equals || equals == item) {
            return onnx_host->fail(onnx_host->context, "provider-option '%.60s' is not KEY=VALUE", item);
        }
        (*keys)[i] = strndup(item, (size_t)(equals - item));
        values[i] = equals + 1;
        if (!(*keys)[i]) {
            return onnx_host->fail(onnx_host->context, "out of memory");
        }
    }
    return 0;
}

static void free_keys(char **keys)
{
    for (size_t i = 0; keys && keys[i]; i++) {
        free(keys[i]);
    }
    free(keys);
}

/* -- The library's own --------------------------------------------------------------------------- */
static int append_cuda(struct onnx_state *s, const char *const *keys, const char *const *values, size_t n)
{
    ort_cuda *options = NULL;
    TRY(CreateCUDAProviderOptions(&options), "provider");
    int status = onnx_check(s, s->api.UpdateCUDAProviderOptions(options, keys, values, n), "provider");
    if (status == 0) {
        status = onnx_check(
            s, s->api.SessionOptionsAppendExecutionProvider_CUDA_V2(s->options, options), "provider");
    }
    s->api.ReleaseCUDAProviderOptions(options);
    return status;
}

static int append_tensorrt(struct onnx_state *s, const char *const *keys, const char *const *values,
                           size_t n)
{
    ort_tensorrt *options = NULL;
    TRY(CreateTensorRTProviderOptions(&options), "provider");
    int status = onnx_check(s, s->api.UpdateTensorRTProviderOptions(options, keys, values, n), "provider");
    if (status == 0) {
        status = onnx_check(
            s, s->api.SessionOptionsAppendExecutionProvider_TensorRT_V2(s->options, options), "provider");
    }
    s->api.ReleaseTensorRTProviderOptions(options);
    return status;
}

/* NNAPI never got into the generic call; its own function is an exported symbol. */
static int append_nnapi(struct onnx_state *s)
{
    void *symbol = dlsym(s->library, "OrtSessionOptionsAppendExecutionProvider_Nnapi");
    if (!symbol) {
        return onnx_host->fail(onnx_host->context, "provider: the library has no call for NNAPI");
    }
    return onnx_check(s, ((ort_status * (*)(ort_options *, uint32_t)) (uintptr_t) symbol)(s->options, 0),
                      "provider");
}

static int append_listed(struct onnx_state *s, const char *plain, const char *const *keys,
                         const char *const *values, size_t n)
{
    char name[64];
    const size_t row = known_row(plain);
    const char *append = row < sizeof known / sizeof *known ? known[row].append : NULL;
    if (strcmp(plain, "cuda") == 0) {
        return append_cuda(s, keys, values, n);
    }
    if (strcmp(plain, "tensorrt") == 0) {
        return append_tensorrt(s, keys, values, n);
    }
    if (strcmp(plain, "nnapi") == 0) {
        return append_nnapi(s);
    }
    snprintf(name, sizeof name, "%.*s", (int)(strlen(s->provider_name) - (sizeof SUFFIX - 1)),
             s->provider_name);
    return onnx_check(s,
                      s->api.SessionOptionsAppendExecutionProvider(s->options, append ? append : name,
                                                                   keys, values, n),
                      "provider");
}

/* Finds the listed name; false where the library has none of that kind. */
static bool find_listed(struct onnx_state *s, const char *plain, const char *offered)
{
    char each[64];
    for (const char *at = offered; *at; at += strspn(at, ",")) {
        const size_t len = strcspn(at, ",");
        if (len < sizeof s->provider_name) {
            memcpy(s->provider_name, at, len);
            s->provider_name[len] = '\0';
            plain_name(s->provider_name, each);
            if (strcmp(each, plain) == 0) {
                return true;
            }
        }
        at += len;
    }
    return false;
}

/* -- Plug-ins ------------------------------------------------------------------------------------ */
/* A library brings one provider for each device that it finds; the first of the name is taken. */
static int append_plugin(struct onnx_state *s, const char *plain, const char *const *keys,
                         const char *const *values, size_t n)
{
    const ort_ep_device *const *devices = NULL;
    char each[64], offered[128] = "";
    size_t count = 0;
    if (!s->api.GetEpDevices) {
        return onnx_host->fail(onnx_host->context, "provider libraries need ONNX Runtime 1.22 or later");
    }
    if (!s->plugin_registered) {
        TRY(RegisterExecutionProviderLibrary(s->env, "inferometer", s->provider_library),
            "the provider library cannot be loaded");
        s->plugin_registered = true;
    }
    TRY(GetEpDevices(s->env, &devices, &count), "provider");
    for (size_t i = 0; i < count; i++) {
        const char *name = s->api.EpDevice_EpName(devices[i]);
        plain_name(name, each);
        if (strcmp(each, plain) == 0) {
            snprintf(s->provider_name, sizeof s->provider_name, "%s", name);
            TRY(SessionOptionsAppendExecutionProvider_V2(s->options, s->env, &devices[i], 1, keys, values, n),
                "provider");
            return 0;
        }
        if (strlen(offered) + strlen(name) + 2 < sizeof offered && !strstr(offered, name)) {
            snprintf(offered + strlen(offered), sizeof offered - strlen(offered), "%s%s",
                     offered[0] ? "," : "", name);
        }
    }
    onnx_host->fail(onnx_host->context,
                    "the provider library found no device for %.40s on this machine; there are %.100s",
                    s->provider, offered);
    return IFM_RUNTIME_UNAVAILABLE;
}

int onnx_append_provider(struct onnx_state *s)
{
    char plain[64], offered[256] = "", **keys = NULL;
    const char *values[ONNX_PROVIDER_OPTIONS + 1];
    plain_name(s->provider && *s->provider ? s->provider : CPU_PROVIDER, plain);
    if (strcmp(plain, "cpu") == 0) { /* it is there by itself, and nothing can fall back from it */
        snprintf(s->provider_name, sizeof s->provider_name, CPU_PROVIDER);
        return s->provider_library || s->provider_options.count
                   ? onnx_host->fail(onnx_host->context,
                                     "provider-library and provider-option need a --provider beside the CPU's")
                   : 0;
    }
    int status = onnx_providers(s, offered, sizeof offered);
    if (status == 0 && !s->provider_library && !find_listed(s, plain, offered)) {
        return missing(s, plain, offered);
    }
    status = status == 0 ? provider_options(s, &keys, values) : status;
    if (status == 0 && s->strict) {
        status = onnx_check(
            s, s->api.AddSessionConfigEntry(s->options, "session.disable_cpu_ep_fallback", "1"), "strict");
    }
    if (status == 0) {
        const char *const *k = (const char *const *)keys;
        status = s->provider_library ? append_plugin(s, plain, k, values, s->provider_options.count)
                                     : append_listed(s, plain, k, values, s->provider_options.count);
    }
    free_keys(keys);
    return status == -1 ? IFM_RUNTIME_UNAVAILABLE : status; /* the sentence stands: library, driver, device */
}

int onnx_custom_ops(struct onnx_state *s)
{
    for (size_t i = 0; i < s->custom_ops.count; i++) {
        if (!s->api.RegisterCustomOpsLibrary_V2) {
            return onnx_host->fail(onnx_host->context, "custom-ops needs ONNX Runtime 1.14 or later");
        }
        TRY(RegisterCustomOpsLibrary_V2(s->options, s->custom_ops.items[i]), "custom-ops");
    }
    return 0;
}

/* -- Who took what ------------------------------------------------------------------------------- */
static int count_nodes(struct onnx_state *s, const ort_assigned *part, struct ifm_placement *rows,
                       size_t *used, size_t capacity)
{
    const char *name = NULL;
    const ort_assigned_node *const *nodes = NULL;
    size_t count = 0, i = 0;
    TRY(EpAssignedSubgraph_GetEpName(part, &name), "placement");
    TRY(EpAssignedSubgraph_GetNodes(part, &nodes, &count), "placement");
    while (i < *used && strcmp(rows[i].provider, name) != 0) {
        i++;
    }
    if (i == capacity) {
        return 0;
    }
    if (i == *used) {
        memset(&rows[i], 0, sizeof rows[i]);
        snprintf(rows[i].provider, sizeof rows[i].provider, "%.47s", name);
        ++*used;
    }
    rows[i].operators += count;
    return 0;
}

/* As the graph was after its basic optimizations, which is when providers choose. */
int onnx_placement(void *state, struct ifm_placement *rows, size_t *row_count)
{
    struct onnx_state *s = state;
    const ort_assigned *const *parts = NULL;
    const size_t capacity = *row_count;
    size_t count = 0;
    *row_count = 0;
    if (!s->api.Session_GetEpGraphAssignmentInfo) {
        return onnx_host->fail(onnx_host->context, "placement is told by ONNX Runtime 1.24 and later");
    }
    TRY(Session_GetEpGraphAssignmentInfo(s->session, &parts, &count), "placement");
    for (size_t i = 0; i < count; i++) {
        if (count_nodes(s, parts[i], rows, row_count, capacity) != 0) {
            return -1;
        }
    }
    return 0;
}
