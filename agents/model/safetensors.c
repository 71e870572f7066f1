/* safetensors: eight bytes of length, a JSON header of tensors, then their bytes. The header is scanned in place; it
 * holds one flat object, so a scanner for just that is smaller than a tree of it would be. */
#include <stdlib.h>
#include <string.h>

#include "agents/model/graph_parts.h"
#include "agents/model/json_cursor.h"

#define HEADER_MAX ((uint64_t)100 << 20) /* what the format's own library accepts */

static const struct { const char *word, *type; enum ifm_dtype dtype; } types[] = {
    { "F32", "float32", IFM_DTYPE_F32 },  { "F16", "float16", IFM_DTYPE_F16 },
    { "BF16", "bfloat16", IFM_DTYPE_BF16 }, { "F64", "float64", IFM_DTYPE_F64 },
    { "I8", "int8", IFM_DTYPE_I8 },       { "U8", "uint8", IFM_DTYPE_U8 },
    { "I16", "int16", IFM_DTYPE_I16 },    { "U16", "uint16", IFM_DTYPE_U16 },
    { "I32", "int32", IFM_DTYPE_I32 },    { "U32", "uint32", IFM_DTYPE_U32 },
    { "I64", "int64", IFM_DTYPE_I64 },    { "U64", "uint64", IFM_DTYPE_U64 },
    { "BOOL", "bool", IFM_DTYPE_BOOL },   { "F8_E4M3", "float8e4m3fn", IFM_DTYPE_NONE },
    { "F8_E5M2", "float8e5m2", IFM_DTYPE_NONE }, { "F8_E8M0", "float8e8m0", IFM_DTYPE_NONE },
    { "F4", "float4e2m1", IFM_DTYPE_NONE }, { "C64", "complex64", IFM_DTYPE_NONE },
};

static int broken(const struct ifm_graph *graph, const char *what, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_INVALID, "model", "%.80s is no whole safetensors file: %s",
                       ifm_graph_base(graph), what);
}

static int metadata(struct ifm_graph *graph, struct ifm_json_cursor *json, struct ifm_err *err)
{
    struct ifm_json_text key, value;
    char name[256], text[1024];
    for (int got = ifm_json_enter(json, '{'); got == 1; got = ifm_json_more(json, '}')) {
        if (!ifm_json_key(json, &key) || !ifm_json_string(json, &value))
            return broken(graph, "__metadata__ must map texts to texts", err);
        ifm_json_plain(&key, name, sizeof name);
        ifm_json_plain(&value, text, sizeof text);
        int rc = ifm_graph_add_metadata(graph, name, text, err);
        if (rc)
            return rc;
    }
    return json->failed ? broken(graph, "__metadata__ is not readable", err) : 0;
}

struct entry {
    char type[16];
    int64_t begin, end;
    bool has_type, has_shape, has_offsets;
};

static bool entry_shape(struct ifm_json_cursor *json, struct ifm_graph_tensor *tensor)
{
    int64_t dim;
    tensor->rank = 0;
    for (int got = ifm_json_enter(json, '['); got == 1; got = ifm_json_more(json, ']')) {
        if (!ifm_json_integer(json, &dim) || dim < 0 || tensor->rank == 1024)
            return false;
        if (tensor->rank < IFM_MAX_RANK)
            tensor->dims[tensor->rank] = dim;
        tensor->rank++;
    }
    return !json->failed;
}

static bool entry_offsets(struct ifm_json_cursor *json, struct entry *entry)
{
    return ifm_json_enter(json, '[') == 1 && ifm_json_integer(json, &entry->begin) &&
           ifm_json_more(json, ']') == 1 && ifm_json_integer(json, &entry->end) &&
           ifm_json_more(json, ']') == 0 && !json->failed;
}

static bool entry_fields(struct ifm_json_cursor *json, struct ifm_graph_tensor *tensor,
                         struct entry *entry)
{
    struct ifm_json_text key, word;
    for (int got = ifm_json_enter(json, '{'); got == 1; got = ifm_json_more(json, '}')) {
        if (!ifm_json_key(json, &key))
            return false;
        if (ifm_json_is(&key, "dtype") && !entry->has_type) {
            entry->has_type = ifm_json_string(json, &word);
            ifm_json_plain(&word, entry->type, sizeof entry->type);
        } else if (ifm_json_is(&key, "shape") && !entry->has_shape) {
            entry->has_shape = entry_shape(json, tensor);
        } else if (ifm_json_is(&key, "data_offsets") && !entry->has_offsets) {
            entry->has_offsets = entry_offsets(json, entry);
        } else {
            return false; /* the format allows no other field */
        }
        if (json->failed)
            return false;
    }
    return !json->failed && entry->has_type && entry->has_shape && entry->has_offsets;
}

static int place(struct ifm_graph *graph, struct ifm_graph_tensor *tensor, const struct entry *entry,
                 uint64_t start, struct ifm_err *err)
{
    struct ifm_graph_shape shape = { .rank = tensor->rank };
    memcpy(shape.dims, tensor->dims, sizeof shape.dims);
    int64_t elements = ifm_graph_elements(&shape), bits = ifm_graph_type_bits(tensor->type);
    uint64_t room = graph->map_bytes - start;
    if (entry->begin < 0 || entry->end < entry->begin || (uint64_t)entry->end > room)
        return broken(graph, "a tensor's bytes lie outside it (cut, or a wrong header)", err);
    tensor->bytes = entry->end - entry->begin;
    tensor->offset = start + (uint64_t)entry->begin;
    tensor->data = graph->map + tensor->offset;
    if (bits && elements >= 0 && elements <= INT64_MAX / 128 &&
        (elements * bits + 7) / 8 != tensor->bytes)
        return ifm_graph_add_problem(graph, "tensor-size", err,
                                     "tensor \"%.80s\" has %lld bytes, its shape and type need %lld",
                                     tensor->name, (long long)tensor->bytes,
                                     (long long)((elements * bits + 7) / 8));
    return 0;
}

static int add_entry(struct ifm_graph *graph, struct ifm_json_cursor *json,
                     const struct ifm_json_text *key, uint64_t start, struct ifm_err *err)
{
    char name[1024];
    struct entry entry = { .begin = 0 };
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(graph, err);
    if (!tensor)
        return err ? err->code : IFM_ERR_NOMEM;
    ifm_json_plain(key, name, sizeof name);
    tensor->name = ifm_graph_text(graph, name, strlen(name), err);
    if (!tensor->name)
        return err ? err->code : IFM_ERR_NOMEM;
    if (!entry_fields(json, tensor, &entry))
        return broken(graph, "an entry of its header is not {dtype, shape, data_offsets}", err);
    tensor->constant = true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].word, entry.type) == 0) {
            tensor->type = types[i].type;
            tensor->dtype = types[i].dtype;
        }
    if (!*tensor->type) {
        tensor->type = ifm_graph_text(graph, entry.type, strlen(entry.type), err);
        int rc = tensor->type ? ifm_graph_add_problem(graph, "tensor-type", err,
                                                      "tensor \"%.80s\" has the unknown type %s",
                                                      tensor->name, entry.type)
                              : IFM_ERR_NOMEM;
        if (rc)
            return rc;
    }
    return place(graph, tensor, &entry, start, err);
}

static int by_offset(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

/* The format allows no hole between tensors and no bytes behind them. */
static int check_cover(struct ifm_graph *graph, uint64_t start, struct ifm_err *err)
{
    uint64_t(*spans)[2] = ifm_graph_alloc(graph, graph->tensor_count, sizeof *spans, err);
    if (!spans)
        return err ? err->code : IFM_ERR_NOMEM;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        spans[i][0] = graph->tensors[i].offset;
        spans[i][1] = graph->tensors[i].offset + (uint64_t)graph->tensors[i].bytes;
    }
    qsort(spans, graph->tensor_count, sizeof *spans, by_offset);
    uint64_t at = start;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        if (spans[i][0] != at)
            return ifm_graph_add_problem(graph, "tensor-bytes", err,
                                         "tensors overlap or leave a hole at byte %llu",
                                         (unsigned long long)at);
        at = spans[i][1];
    }
    if (at != graph->map_bytes)
        return ifm_graph_add_problem(graph, "tensor-bytes", err,
                                     "%llu bytes behind the last tensor belong to none",
                                     (unsigned long long)(graph->map_bytes - at));
    return 0;
}

int ifm_read_safetensors(struct ifm_graph *graph, struct ifm_err *err)
{
    uint64_t header = 0;
    struct ifm_json_text key;
    int rc = 0;
    graph->format = "safetensors";
    graph->format_name = "safetensors";
    graph->subgraph_count = 1;
    if (graph->map_bytes < 10)
        return broken(graph, "it is shorter than a header", err);
    for (size_t i = 0; i < 8; i++)
        header |= (uint64_t)graph->map[i] << (8 * i);
    if (header > HEADER_MAX)
        return broken(graph, "its header is over 100 MB", err);
    if (header > graph->map_bytes - 8)
        return broken(graph, "it ends inside its header", err);
    struct ifm_json_cursor json = ifm_json_cursor(graph->map + 8, (size_t)header);
    for (int got = ifm_json_enter(&json, '{'); got == 1 && !rc; got = rc ? 0 : ifm_json_more(&json, '}')) {
        if (!ifm_json_key(&json, &key))
            break;
        rc = ifm_json_is(&key, "__metadata__") ? metadata(graph, &json, err)
                                               : add_entry(graph, &json, &key, 8 + header, err);
    }
    if (!rc && (json.failed || !ifm_json_end(&json)))
        rc = broken(graph, "its header is not the JSON object that it must be", err);
    return rc ? rc : check_cover(graph, 8 + header, err);
}
