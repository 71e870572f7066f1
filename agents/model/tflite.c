/* Reader of TFLite files (flatbuffer, schema version 3). Field numbers are those of the public schema. */
#include <stdio.h>
#include <string.h>

#include "agents/model/flat.h"
#include "agents/model/flat_graph.h"
#include "agents/model/graph.h"
#include "agents/model/recognise.h"
#include "agents/model/tflite_ops.h"

enum { MODEL_VERSION, MODEL_OPCODES, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS, MODEL_METADATA = 6,
       MODEL_SIGNATURES };
enum { OPCODE_OLD, OPCODE_CUSTOM, OPCODE_VERSION, OPCODE_BUILTIN };
enum { SUBGRAPH_TENSORS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS, SUBGRAPH_NAME };
enum { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANT, TENSOR_VARIABLE,
       TENSOR_SPARSITY, TENSOR_SIGNATURE, TENSOR_HAS_RANK };
enum { QUANT_SCALE = 2, QUANT_ZERO, QUANT_DETAILS_TYPE, QUANT_DETAILS, QUANT_AXIS };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS_TYPE, OPERATOR_OPTIONS };
enum { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum { SIGNATURE_INPUTS, SIGNATURE_OUTPUTS, SIGNATURE_KEY, SIGNATURE_SUBGRAPH = 4 };

#define SCHEMA_VERSION  3
#define CUSTOM_OP       32
#define OLD_CODE_MAX    127 /* in the old one-byte field: see the new field */
#define BLOCKWISE       2   /* quantization details */
#define OP_BATCH_MATMUL 126

struct reader {
    struct ifm_flat flat;
    struct ifm_graph *graph;
    struct ifm_err *err;
    size_t model;
    struct ifm_flat_list buffers, opcodes;
    uint32_t first; /* tensor of the subgraph that is being read */
    uint32_t count; /* its tensors */
    uint32_t subgraph;
};

static const struct ifm_flat_type types[] = {
    { "float32", IFM_DTYPE_F32, 32 }, { "float16", IFM_DTYPE_F16, 16 }, { "int32", IFM_DTYPE_I32, 32 },
    { "uint8", IFM_DTYPE_U8, 8 }, { "int64", IFM_DTYPE_I64, 64 }, { "string", IFM_DTYPE_NONE, 0 },
    { "bool", IFM_DTYPE_BOOL, 8 }, { "int16", IFM_DTYPE_I16, 16 }, { "complex64", IFM_DTYPE_NONE, 64 },
    { "int8", IFM_DTYPE_I8, 8 }, { "float64", IFM_DTYPE_F64, 64 }, { "complex128", IFM_DTYPE_NONE, 128 },
    { "uint64", IFM_DTYPE_U64, 64 }, { "resource", IFM_DTYPE_NONE, 0 }, { "variant", IFM_DTYPE_NONE, 0 },
    { "uint32", IFM_DTYPE_U32, 32 }, { "uint16", IFM_DTYPE_U16, 16 }, { "int4", IFM_DTYPE_NONE, 4 },
    { "bfloat16", IFM_DTYPE_BF16, 16 }, { "int2", IFM_DTYPE_NONE, 2 },
};

bool ifm_is_tflite(const unsigned char *bytes, size_t len)
{
    return len >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0;
}

/* -- Tensors ------------------------------------------------------------------------------------- */
static int read_type(struct reader *r, size_t table, struct ifm_graph_tensor *tensor, unsigned *bits)
{
    int64_t code = ifm_flat_signed(&r->flat, table, TENSOR_TYPE, 1, 0);
    if (code >= 0 && code < (int64_t)(sizeof types / sizeof *types)) {
        tensor->type = types[code].name;
        tensor->dtype = types[code].dtype;
        *bits = types[code].bits;
        return 0;
    }
    char text[32];
    int len = snprintf(text, sizeof text, "type %lld", (long long)code);
    tensor->type = ifm_graph_text(r->graph, text, (size_t)len, r->err);
    *bits = 0;
    return tensor->type ? 0 : IFM_ERR_NOMEM;
}

static void read_shape(struct reader *r, size_t table, struct ifm_graph_tensor *tensor, int64_t *elements)
{
    struct ifm_flat_list shape = ifm_flat_list(&r->flat, table, TENSOR_SHAPE, 4);
    struct ifm_flat_list signature = ifm_flat_list(&r->flat, table, TENSOR_SIGNATURE, 4);
    bool ranked = ifm_flat_unsigned(&r->flat, table, TENSOR_HAS_RANK, 1, 0) != 0;
    *elements = 1;
    tensor->rank = shape.present || ranked || tensor->constant ? (int32_t)shape.count : -1;
    for (uint32_t i = 0; i < shape.count; i++) {
        int64_t dim = ifm_flat_list_i32(&r->flat, shape, i);
        if (dim < 0 || __builtin_mul_overflow(*elements, dim, elements))
            *elements = IFM_GRAPH_UNKNOWN;
        if (signature.count == shape.count && ifm_flat_list_i32(&r->flat, signature, i) < 0)
            dim = -1;
        if (i < IFM_MAX_RANK)
            tensor->dims[i] = dim < 0 ? -1 : dim;
        if (*elements == IFM_GRAPH_UNKNOWN)
            break;
    }
}

/* Where a buffer's bytes lie: in the flatbuffer, or behind it in the file (models over 2 GB). */
static int read_buffer(struct reader *r, uint64_t index, struct ifm_graph_tensor *tensor)
{
    if (index >= r->buffers.count)
        return ifm_graph_add_problem(r->graph, "buffer-index", r->err,
                                     "tensor \"%.80s\" names buffer %llu, but there are %u", tensor->name,
                                     (unsigned long long)index, r->buffers.count);
    size_t table = ifm_flat_list_table(&r->flat, r->buffers, (uint32_t)index);
    uint64_t offset = ifm_flat_unsigned(&r->flat, table, BUFFER_OFFSET, 8, 0);
    uint64_t size = ifm_flat_unsigned(&r->flat, table, BUFFER_SIZE, 8, 0);
    struct ifm_flat_list data = ifm_flat_blob(&r->flat, table, BUFFER_DATA);
    if (offset <= 1) { /* 1 is what writers put before they know */
        offset = data.at;
        size = data.count;
    }
    if (!size)
        return 0;
    tensor->constant = true;
    if (offset > r->graph->map_bytes || size > r->graph->map_bytes - offset) {
        tensor->bytes = size > INT64_MAX ? IFM_GRAPH_UNKNOWN : (int64_t)size;
        return ifm_graph_add_problem(r->graph, "buffer-range", r->err,
                                     "the bytes of tensor \"%.80s\" (%llu at %llu) lie outside the file",
                                     tensor->name, (unsigned long long)size, (unsigned long long)offset);
    }
    tensor->bytes = (int64_t)size;
    tensor->data = r->graph->map + offset;
    tensor->offset = offset;
    return 0;
}

static void read_quantization(struct reader *r, size_t tensor_table, struct ifm_graph_tensor *tensor)
{
    size_t table = ifm_flat_table(&r->flat, tensor_table, TENSOR_QUANT);
    struct ifm_flat_list scales = ifm_flat_list(&r->flat, table, QUANT_SCALE, 4);
    tensor->quant_count = scales.count;
    tensor->quant_axis = (int32_t)ifm_flat_signed(&r->flat, table, QUANT_AXIS, 4, 0);
    if (ifm_flat_unsigned(&r->flat, table, QUANT_DETAILS_TYPE, 1, 0) == BLOCKWISE)
        tensor->quant = IFM_QUANT_BLOCK;
    else if (scales.count)
        tensor->quant = scales.count > 1 ? IFM_QUANT_CHANNEL : IFM_QUANT_TENSOR;
}

static int check_size(struct reader *r, size_t table, const struct ifm_graph_tensor *tensor,
                      int64_t elements, unsigned bits)
{
    int64_t wanted;
    if (!tensor->constant || !bits || ifm_flat_has(&r->flat, table, TENSOR_SPARSITY))
        return 0;
    if (elements == IFM_GRAPH_UNKNOWN || __builtin_mul_overflow(elements, (int64_t)bits, &wanted) ||
        (wanted = wanted / 8 + (wanted % 8 != 0)) != tensor->bytes)
        return ifm_graph_add_problem(r->graph, "constant-size", r->err,
                                     "tensor \"%.80s\" has %lld bytes, which its shape and type do not give",
                                     tensor->name, (long long)tensor->bytes);
    return 0;
}

static int read_tensor(struct reader *r, size_t table)
{
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    unsigned bits;
    int64_t elements;
    if (!tensor)
        return ifm_flat_failed(r->err);
    tensor->name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, TENSOR_NAME), r->err);
    if (!tensor->name || read_type(r, table, tensor, &bits))
        return ifm_flat_failed(r->err);
    int rc = read_buffer(r, ifm_flat_unsigned(&r->flat, table, TENSOR_BUFFER, 4, 0), tensor);
    if (ifm_flat_unsigned(&r->flat, table, TENSOR_VARIABLE, 1, 0))
        tensor->constant = false; /* state that starts from these bytes */
    read_shape(r, table, tensor, &elements);
    read_quantization(r, table, tensor);
    return rc ? rc : check_size(r, table, tensor, elements, bits);
}

/* -- Operators ----------------------------------------------------------------------------------- */
static int read_opcode(struct reader *r, uint64_t index, struct ifm_graph_node *node, int64_t *code)
{
    *code = -1;
    if (index >= r->opcodes.count) {
        node->op = "?";
        return ifm_graph_add_problem(r->graph, "operator-code", r->err,
                                     "an operator names code %llu, but there are %u",
                                     (unsigned long long)index, r->opcodes.count);
    }
    size_t table = ifm_flat_list_table(&r->flat, r->opcodes, (uint32_t)index);
    int64_t old = ifm_flat_signed(&r->flat, table, OPCODE_OLD, 1, 0);
    int64_t builtin = ifm_flat_signed(&r->flat, table, OPCODE_BUILTIN, 4, 0);
    *code = old > builtin && old != OLD_CODE_MAX ? old : builtin; /* old files have only the first */
    const char *name = ifm_tflite_op(*code);
    char text[32];
    if (*code == CUSTOM_OP) {
        struct ifm_flat_text custom = ifm_flat_text(&r->flat, table, OPCODE_CUSTOM);
        node->domain = "custom";
        node->op = custom.len ? ifm_flat_keep(r->graph, custom, r->err) : "CUSTOM";
    } else if (name) {
        node->op = name;
    } else {
        int len = snprintf(text, sizeof text, "BUILTIN_%lld", (long long)*code);
        node->op = ifm_graph_text(r->graph, text, (size_t)len, r->err);
    }
    return node->op ? 0 : ifm_flat_failed(r->err);
}

/* Indices of one subgraph into the graph's; optional ones are -1 in the file. */
static int read_indices(struct reader *r, struct ifm_flat_list list, const char *what, uint32_t **out,
                        size_t *count)
{
    *out = ifm_graph_alloc(r->graph, list.count, sizeof **out, r->err);
    if (!*out)
        return ifm_flat_failed(r->err);
    *count = list.count;
    for (uint32_t i = 0; i < list.count; i++) {
        int32_t index = ifm_flat_list_i32(&r->flat, list, i);
        (*out)[i] = IFM_GRAPH_NONE;
        if (index >= 0 && (uint32_t)index < r->count) {
            (*out)[i] = r->first + (uint32_t)index;
        } else if (index != -1) {
            int rc = ifm_graph_add_problem(r->graph, "tensor-index", r->err,
                                           "%s of subgraph %u name tensor %d, but it has %u", what,
                                           r->subgraph, index, r->count);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int read_options(struct reader *r, size_t table, int64_t code, struct ifm_graph_node *node)
{
    static const char *const names[] = { "adj_x", "adj_y" };
    if (code != OP_BATCH_MATMUL)
        return 0;
    size_t options = ifm_flat_table(&r->flat, table, OPERATOR_OPTIONS);
    node->attributes = ifm_graph_alloc(r->graph, 2, sizeof *node->attributes, r->err);
    if (!node->attributes)
        return ifm_flat_failed(r->err);
    for (unsigned i = 0; i < 2; i++)
        node->attributes[i] = (struct ifm_graph_attribute){
            .name = names[i], .kind = IFM_ATTR_INT,
            .i = (int64_t)ifm_flat_unsigned(&r->flat, options, i, 1, 0) };
    node->attribute_count = 2;
    return 0;
}

static int read_operator(struct reader *r, size_t table)
{
    struct ifm_graph_node *node = ifm_graph_add_node(r->graph, r->err);
    int64_t code;
    if (!node)
        return ifm_flat_failed(r->err);
    node->subgraph = r->subgraph;
    int rc = read_opcode(r, ifm_flat_unsigned(&r->flat, table, OPERATOR_CODE, 4, 0), node, &code);
    if (!rc)
        rc = read_indices(r, ifm_flat_list(&r->flat, table, OPERATOR_INPUTS, 4), "inputs of an operator",
                          &node->inputs, &node->input_count);
    if (!rc)
        rc = read_indices(r, ifm_flat_list(&r->flat, table, OPERATOR_OUTPUTS, 4),
                          "outputs of an operator", &node->outputs, &node->output_count);
    return rc ? rc : read_options(r, table, code, node);
}

/* Inputs and outputs of the main graph must be there; constants among them are no inputs. */
static int read_ends(struct reader *r, size_t table)
{
    struct ifm_graph *graph = r->graph;
    size_t kept = 0;
    int rc = read_indices(r, ifm_flat_list(&r->flat, table, SUBGRAPH_INPUTS, 4), "inputs", &graph->inputs,
                          &graph->input_count);
    if (!rc)
        rc = read_indices(r, ifm_flat_list(&r->flat, table, SUBGRAPH_OUTPUTS, 4), "outputs",
                          &graph->outputs, &graph->output_count);
    for (size_t i = 0; !rc && i < graph->input_count; i++)
        if (graph->inputs[i] != IFM_GRAPH_NONE && !graph->tensors[graph->inputs[i]].constant)
            graph->inputs[kept++] = graph->inputs[i];
    graph->input_count = rc ? 0 : kept;
    kept = 0;
    for (size_t i = 0; !rc && i < graph->output_count; i++)
        if (graph->outputs[i] != IFM_GRAPH_NONE)
            graph->outputs[kept++] = graph->outputs[i];
    graph->output_count = rc ? 0 : kept;
    return rc;
}

static int read_subgraph(struct reader *r, size_t table, uint32_t index)
{
    struct ifm_flat_list tensors = ifm_flat_list(&r->flat, table, SUBGRAPH_TENSORS, 4);
    struct ifm_flat_list operators = ifm_flat_list(&r->flat, table, SUBGRAPH_OPERATORS, 4);
    int rc = 0;
    r->subgraph = index;
    r->first = (uint32_t)r->graph->tensor_count;
    r->count = tensors.count;
    for (uint32_t i = 0; !rc && i < tensors.count; i++)
        rc = read_tensor(r, ifm_flat_list_table(&r->flat, tensors, i));
    if (!rc && index == 0)
        rc = read_ends(r, table);
    if (!rc && index == 0) {
        r->graph->name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, SUBGRAPH_NAME), r->err);
        rc = r->graph->name ? 0 : ifm_flat_failed(r->err);
    }
    for (uint32_t i = 0; !rc && i < operators.count; i++)
        rc = read_operator(r, ifm_flat_list_table(&r->flat, operators, i));
    return rc ? rc : ifm_flat_check(&r->flat, r->graph, r->err);
}

/* -- What surrounds the graph -------------------------------------------------------------------- */
static int read_metadata(struct reader *r)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, r->model, MODEL_METADATA, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        struct ifm_flat_text name = ifm_flat_text(&r->flat, table, 0);
        uint64_t index = ifm_flat_unsigned(&r->flat, table, 1, 4, 0);
        const char *key = ifm_flat_keep(r->graph, name, r->err), *value = NULL;
        char size[48];
        if (!key)
            return ifm_flat_failed(r->err);
        struct ifm_flat_list data = { 0 };
        if (index < r->buffers.count)
            data = ifm_flat_blob(&r->flat, ifm_flat_list_table(&r->flat, r->buffers, (uint32_t)index), 0);
        if (strcmp(key, "min_runtime_version") == 0 && data.count <= 32) {
            const char *text = (const char *)r->flat.bytes + data.at; /* padded with NULs */
            value = ifm_graph_text(r->graph, text, strnlen(text, data.count), r->err);
        } else {
            snprintf(size, sizeof size, "%u bytes", data.count);
            value = size;
        }
        rc = value ? ifm_graph_add_metadata(r->graph, key, value, r->err) : ifm_flat_failed(r->err);
    }
    return rc;
}

static size_t append_names(struct reader *r, size_t table, unsigned field, char *text, size_t size, size_t len)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, table, field, 4);
    for (uint32_t i = 0; i < list.count && len < size; i++) {
        struct ifm_flat_text name =
            ifm_flat_text(&r->flat, ifm_flat_list_table(&r->flat, list, i), 0);
        int more = snprintf(text + len, size - len, "%s%.*s", i ? ", " : "",
                            (int)(name.len > 100 ? 100 : name.len), name.bytes);
        len += more > 0 ? (size_t)more : 0;
    }
    return len < size ? len : size - 1;
}

static int read_signatures(struct reader *r)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, r->model, MODEL_SIGNATURES, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < list.count && !r->flat.fault[0]; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        struct ifm_flat_text key = ifm_flat_text(&r->flat, table, SIGNATURE_KEY);
        char name[140], value[1024];
        snprintf(name, sizeof name, "signature %.*s", (int)(key.len > 100 ? 100 : key.len), key.bytes);
        size_t len = append_names(r, table, SIGNATURE_INPUTS, value, sizeof value, 0);
        int more = snprintf(value + len, sizeof value - len, " -> ");
        len += more > 0 && (size_t)more < sizeof value - len ? (size_t)more : 0;
        append_names(r, table, SIGNATURE_OUTPUTS, value, sizeof value, len);
        rc = ifm_graph_add_metadata(r->graph, name, value, r->err);
    }
    return rc;
}

static int read_head(struct reader *r)
{
    struct ifm_graph *graph = r->graph;
    char text[24];
    uint64_t version = ifm_flat_unsigned(&r->flat, r->model, MODEL_VERSION, 4, 0);
    if (!r->flat.fault[0] && version != SCHEMA_VERSION)
        return ifm_err_set(r->err, IFM_ERR_UNSUPPORTED, "tflite",
                           "%.100s has TFLite schema version %llu; only version %d can be read",
                           graph->path, (unsigned long long)version, SCHEMA_VERSION);
    graph->format = "tflite";
    graph->format_name = "TFLite";
    graph->has_nodes = true;
    snprintf(text, sizeof text, "%llu", (unsigned long long)version);
    graph->format_version = ifm_graph_text(graph, text, strlen(text), r->err);
    graph->description =
        ifm_flat_keep(graph, ifm_flat_text(&r->flat, r->model, MODEL_DESCRIPTION), r->err);
    if (!graph->format_version || !graph->description)
        return ifm_flat_failed(r->err);
    return ifm_flat_check(&r->flat, graph, r->err);
}

int ifm_read_tflite(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader r = { .graph = graph, .err = err };
    ifm_flat_init(&r.flat, graph->map, graph->map_bytes);
    r.model = ifm_flat_root(&r.flat);
    int rc = read_head(&r);
    if (rc)
        return rc;
    r.buffers = ifm_flat_list(&r.flat, r.model, MODEL_BUFFERS, 4);
    r.opcodes = ifm_flat_list(&r.flat, r.model, MODEL_OPCODES, 4);
    struct ifm_flat_list subgraphs = ifm_flat_list(&r.flat, r.model, MODEL_SUBGRAPHS, 4);
    graph->subgraph_count = subgraphs.count;
    if (!r.flat.fault[0] && !subgraphs.count)
        return ifm_err_set(err, IFM_ERR_INVALID, "tflite", "%.100s holds no subgraph", graph->path);
    for (uint32_t i = 0; !rc && i < subgraphs.count; i++)
        rc = read_subgraph(&r, ifm_flat_list_table(&r.flat, subgraphs, i), i);
    if (!rc)
        rc = read_metadata(&r);
    if (!rc)
        rc = read_signatures(&r);
    return rc ? rc : ifm_flat_check(&r.flat, graph, err);
}
