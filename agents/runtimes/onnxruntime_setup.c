/* Loading ONNX Runtime's library, what is set before a session is made, and what a session says of
 * itself. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/onnxruntime.h"

#define INSTALL "inferometer runtime install onnxruntime"

static const int graph_levels[] = { ORT_GRAPH_DISABLE, ORT_GRAPH_BASIC, ORT_GRAPH_EXTENDED,
                                    ORT_GRAPH_ALL };

static const enum ifm_dtype dtypes[ORT_TYPE_COUNT] = {
    [ORT_F32] = IFM_DTYPE_F32,   [ORT_U8] = IFM_DTYPE_U8,     [ORT_I8] = IFM_DTYPE_I8,
    [ORT_U16] = IFM_DTYPE_U16,   [ORT_I16] = IFM_DTYPE_I16,   [ORT_I32] = IFM_DTYPE_I32,
    [ORT_I64] = IFM_DTYPE_I64,   [ORT_BOOL] = IFM_DTYPE_BOOL, [ORT_F16] = IFM_DTYPE_F16,
    [ORT_F64] = IFM_DTYPE_F64,   [ORT_U32] = IFM_DTYPE_U32,   [ORT_U64] = IFM_DTYPE_U64,
    [ORT_BF16] = IFM_DTYPE_BF16,
};
/* Behind "file.cc:7 " or "file.h:7 "; NULL where no source file is named. */
static const char *behind_source(const char *text)
{
    static const char *const marks[] = { ".cc:", ".h:" };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strstr(text, marks[i]);
        at = at ? at + strlen(marks[i]) : NULL;
        if (at && *at >= '0' && *at <= '9') {
            at += strspn(at, "0123456789");
            return *at == ' ' ? at + 1 : at;
        }
    }
    return NULL;
}

/* "/file.cc:7 type function(type) reason", "… file.cc:7 function reason" -> "reason" */
const char *onnx_message(struct onnx_state *s, const ort_status *status)
{
    const char *text = s->api.GetErrorMessage(status);
    const char *function = behind_source(text), *reason = strstr(text, "Status Message: ");
    if (reason) {
        return reason + strlen("Status Message: ");
    }
    const char *end = function ? strstr(function, ") ") : NULL;
    if (end && end[2]) {
        return end + 2;
    }
    end = function ? strchr(function, ' ') : NULL;
    return end && end[1] ? end + 1 : text;
}

int onnx_check(struct onnx_state *s, ort_status *status, const char *what)
{
    if (!status) {
        return 0;
    }
    const char *text = onnx_message(s, status);
    onnx_host->fail(onnx_host->context, "%s: %.*s", what, (int)strcspn(text, "\r\n"), text);
    s->api.ReleaseStatus(status);
    return -1;
}

int onnx_library(struct onnx_state *s)
{
    const char *path = onnx_host->library_path ? onnx_host->library_path : "libonnxruntime.so.1";
    if (s->library) {
        return 0;
    }
    for (const char *const *p = onnx_host->preloads; p && *p; p++) {
        if (!dlopen(*p, RTLD_NOW | RTLD_GLOBAL)) {
            onnx_host->log(onnx_host->context, IFM_LOG_WARN, "%s", dlerror());
        }
    }
    /* Version 1.32 starts its telemetry with the environment, before a call can tell it not to: one
     * more thread in the measured process and a file in the temporary folder. */
    setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    s->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!s->library) {
        onnx_host->log(onnx_host->context, IFM_LOG_DEBUG, "%s", dlerror());
        onnx_host->fail(
            onnx_host->context,
            onnx_host->library_path
                ? "ONNX Runtime's library %.80s cannot be loaded; repair it with: " INSTALL
                : "ONNX Runtime is not installed (no %s); install it with: " INSTALL,
            path);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    void *symbol = dlsym(s->library, "OrtGetApiBase");
    const void *const *table = NULL;
    uint32_t version = ORT_VERSION_WANTED;
    if (symbol) {
        s->base = ((const struct ort_api_base *(*)(void))(uintptr_t)symbol)();
        table = s->base->get_api(version);
        while (!table && version > ORT_VERSION_LEAST) {
            table = s->base->get_api(--version);
        }
    }
    if (!table) {
        onnx_host->fail(onnx_host->context,
                        "%.80s is not ONNX Runtime 1.%d or later; install one with: " INSTALL, path,
                        ORT_VERSION_LEAST);
        return IFM_RUNTIME_UNAVAILABLE;
    }
    ort_api_fill(&s->api, table, version);
    return onnx_check(s, s->api.GetAllocatorWithDefaultOptions(&s->allocator), "no allocator");
}

/* The library lists the default (CPU) last. */
int onnx_providers(struct onnx_state *s, char *text, size_t size)
{
    char **names = NULL;
    int count = 0;
    size_t used = 0;
    TRY(GetAvailableProviders(&names, &count), "providers cannot be listed");
    text[0] = '\0';
    for (int i = count - 1; i >= 0 && used < size; i--) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "", names[i]);
    }
    return onnx_check(s, s->api.ReleaseAvailableProviders(names, count), "providers");
}

/* "NAME=N": copies NAME, returns N; -1 when it is not that. */
static int64_t free_dimension(const char *item, char *name, size_t size)
{
    const char *equals = strrchr(item, '=');
    char *end = NULL;
    if (!equals || equals == item || (size_t)(equals - item) >= size) {
        return -1;
    }
    memcpy(name, item, (size_t)(equals - item));
    name[equals - item] = '\0';
    errno = 0;
    const long long value = strtoll(equals + 1, &end, 10);
    return errno || *end || end == equals + 1 || value < 1 ? -1 : value;
}

int onnx_session_options(struct onnx_state *s)
{
    char name[128];
    TRY(CreateSessionOptions(&s->options), "session options");
    TRY(SetSessionGraphOptimizationLevel(s->options, graph_levels[s->graph]), "graph-optimization");
    TRY(SetSessionExecutionMode(s->options, s->mode), "execution-mode");
    TRY(SetIntraOpNumThreads(s->options, (int)s->threads), "threads");
    TRY(SetInterOpNumThreads(s->options, (int)s->inter_threads), "inter-threads");
    TRY(AddSessionConfigEntry(s->options, "session.intra_op.allow_spinning",
                              s->spinning ? "1" : "0"),
        "spinning");
    TRY(AddSessionConfigEntry(s->options, "session.inter_op.allow_spinning",
                              s->spinning ? "1" : "0"),
        "spinning");
    if (s->optimized_model && *s->optimized_model) {
        TRY(SetOptimizedModelFilePath(s->options, s->optimized_model), "optimized-model");
    }
    for (size_t i = 0; i < s->free_dimensions.count; i++) {
        const int64_t value = free_dimension(s->free_dimensions.items[i], name, sizeof name);
        if (value < 0) {
            return onnx_host->fail(onnx_host->context,
                                   "free-dimension '%.60s' is not NAME=N with N of at least 1",
                                   s->free_dimensions.items[i]);
        }
        TRY(AddFreeDimensionOverrideByName(s->options, name, value), "free-dimension");
    }
    if (s->api.Session_GetEpGraphAssignmentInfo) { /* for the placement; it costs nothing that can be measured */
        TRY(AddSessionConfigEntry(s->options, "session.record_ep_graph_assignment_info", "1"),
            "placement");
    }
    const int status = onnx_custom_ops(s);
    return status == 0 ? onnx_append_provider(s) : status;
}

/* What the library says of a session does not show overridden dimensions. */
static void show_override(const struct onnx_state *s, int64_t *dim, const char **name)
{
    char wanted[128];
    *name = *name && **name ? *name : NULL;
    for (size_t f = 0; *name && *dim < 0 && f < s->free_dimensions.count; f++) {
        const int64_t value = free_dimension(s->free_dimensions.items[f], wanted, sizeof wanted);
        *dim = strcmp(*name, wanted) == 0 ? value : *dim;
    }
}

static int describe_one(struct onnx_state *s, struct side *side, size_t i, bool input)
{
    struct ifm_tensor_info *info = &side->info[i];
    const ort_shape *shape = NULL; /* borrowed from the type */
    char *name = NULL;
    size_t rank = 0;
    TRY_STATUS(input ? s->api.SessionGetInputName(s->session, i, s->allocator, &name)
                     : s->api.SessionGetOutputName(s->session, i, s->allocator, &name),
               "name");
    info->name = name;
    TRY_STATUS(input ? s->api.SessionGetInputTypeInfo(s->session, i, &side->owner[i])
                     : s->api.SessionGetOutputTypeInfo(s->session, i, &side->owner[i]),
               "type");
    TRY(CastTypeInfoToTensorInfo(side->owner[i], &shape), "type");
    if (!shape) {
        return 0;
    } /* a sequence or map: dtype stays NONE */
    TRY(GetTensorElementType(shape, &side->type[i]), "type");
    TRY(GetDimensionsCount(shape, &rank), "shape");
    if (rank > IFM_MAX_RANK) {
        return onnx_host->fail(onnx_host->context,
                               "%.60s has %zu dimensions; at most %d can be measured", name, rank,
                               IFM_MAX_RANK);
    }
    info->rank = (int32_t)rank;
    info->dtype = side->type[i] > 0 && side->type[i] < ORT_TYPE_COUNT ? dtypes[side->type[i]]
                                                                      : IFM_DTYPE_NONE;
    TRY(GetDimensions(shape, info->dims, rank), "shape");
    TRY(GetSymbolicDimensions(shape, info->dim_names, rank), "shape");
    for (size_t d = 0; d < rank; d++) {
        show_override(s, &info->dims[d], &info->dim_names[d]);
    }
    return 0;
}

int onnx_describe_side(struct onnx_state *s, struct side *side, bool input)
{
    TRY_STATUS(input ? s->api.SessionGetInputCount(s->session, &side->count)
                     : s->api.SessionGetOutputCount(s->session, &side->count),
               "model");
    if (side->count > IFM_MAX_TENSORS) {
        return onnx_host->fail(onnx_host->context,
                               "the model has %zu %s; at most %d can be measured", side->count,
                               input ? "inputs" : "outputs", IFM_MAX_TENSORS);
    }
    for (size_t i = 0; i < side->count; i++) {
        if (describe_one(s, side, i, input) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The arena's own high-water mark; a library before 1.23 does not tell. */
int onnx_memory(void *state, int64_t *allocator_peak_bytes)
{
    struct onnx_state *s = state;
    ort_memory *arena = NULL;
    ort_allocator *allocator = NULL;
    ort_pairs *stats = NULL;
    const char *text = NULL;
    if (!s->api.AllocatorGetStats || !s->session) {
        return onnx_host->fail(onnx_host->context, "this ONNX Runtime keeps no allocator statistics");
    }
    int status = onnx_check(
        s, s->api.CreateCpuMemoryInfo(ORT_ARENA_ALLOCATOR, ORT_MEMORY_DEFAULT, &arena), "memory");
    if (status == 0) {
        status = onnx_check(s, s->api.CreateAllocator(s->session, arena, &allocator), "memory");
    }
    if (status == 0) {
        status = onnx_check(s, s->api.AllocatorGetStats(allocator, &stats), "memory");
    }
    if (status == 0) {
        text = s->api.GetKeyValue(stats, "MaxInUse");
        *allocator_peak_bytes = text ? strtoll(text, NULL, 10) : 0;
        status = text ? 0 : onnx_host->fail(onnx_host->context, "no peak in the allocator's statistics");
    }
    if (stats) {
        s->api.ReleaseKeyValuePairs(stats);
    }
    if (allocator) {
        s->api.ReleaseAllocator(allocator);
    }
    if (arena) {
        s->api.ReleaseMemoryInfo(arena);
    }
    return status;
}
