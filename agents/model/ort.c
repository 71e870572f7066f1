/* Reader of ONNX Runtime's own format (.ort): an ONNX graph as a flatbuffer, after optimisation. Field numbers are
 * those of its public schema. */
#include <stdio.h>
#include <string.h>

#include "agents/model/flat.h"
#include "agents/model/flat_graph.h"
#include "agents/model/graph_parts.h"
#include "agents/model/name_map.h"
#include "agents/model/recognise.h"

enum { SESSION_VERSION, SESSION_MODEL };
enum { MODEL_IR, MODEL_OPSETS, MODEL_PRODUCER, MODEL_PRODUCER_VERSION, MODEL_DOMAIN, MODEL_VERSION, MODEL_DOC,
       MODEL_GRAPH, MODEL_GRAPH_DOC, MODEL_METADATA };
enum { GRAPH_INITIALIZERS, GRAPH_ARGS, GRAPH_NODES, GRAPH_INPUTS = 5, GRAPH_OUTPUTS, GRAPH_SPARSE };
enum { TENSOR_NAME, TENSOR_DIMS = 2, TENSOR_TYPE, TENSOR_RAW, TENSOR_STRINGS, TENSOR_EXTERNAL };
enum { NODE_NAME, NODE_DOMAIN = 2, NODE_OP = 5, NODE_PROVIDER = 7, NODE_INPUTS, NODE_OUTPUTS, NODE_ATTRIBUTES };
enum { ATTRIBUTE_NAME, ATTRIBUTE_TYPE = 2, ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_TEXT, ATTRIBUTE_GRAPH = 7,
       ATTRIBUTE_INTS = 9, ATTRIBUTE_GRAPHS = 12 };
enum { KIND_FLOAT = 1, KIND_INT, KIND_TEXT, KIND_GRAPH = 5, KIND_INTS = 7, KIND_GRAPHS = 10 };
enum { VALUE_NAME, VALUE_TYPE = 2 };
#define TENSOR_KIND 1 /* of a value's type */
#define DIM_VALUE   1
#define DIM_PARAM   2

struct reader {
    struct ifm_flat flat;
    struct ifm_graph *graph;
    struct ifm_err *err;
};

static const struct ifm_flat_type types[] = {
    { "undefined", IFM_DTYPE_NONE, 0 }, { "float32", IFM_DTYPE_F32, 32 }, { "uint8", IFM_DTYPE_U8, 8 },
    { "int8", IFM_DTYPE_I8, 8 }, { "uint16", IFM_DTYPE_U16, 16 }, { "int16", IFM_DTYPE_I16, 16 },
    { "int32", IFM_DTYPE_I32, 32 }, { "int64", IFM_DTYPE_I64, 64 }, { "string", IFM_DTYPE_NONE, 0 },
    { "bool", IFM_DTYPE_BOOL, 8 }, { "float16", IFM_DTYPE_F16, 16 }, { "float64", IFM_DTYPE_F64, 64 },
    { "uint32", IFM_DTYPE_U32, 32 }, { "uint64", IFM_DTYPE_U64, 64 }, { "complex64", IFM_DTYPE_NONE, 64 },
    { "complex128", IFM_DTYPE_NONE, 128 }, { "bfloat16", IFM_DTYPE_BF16, 16 },
    { "float8e4m3fn", IFM_DTYPE_NONE, 8 }, { "float8e4m3fnuz", IFM_DTYPE_NONE, 8 },
    { "float8e5m2", IFM_DTYPE_NONE, 8 }, { "float8e5m2fnuz", IFM_DTYPE_NONE, 8 },
    { "uint4", IFM_DTYPE_NONE, 4 }, { "int4", IFM_DTYPE_NONE, 4 }, { "float4e2m1", IFM_DTYPE_NONE, 4 },
    { "float8e8m0", IFM_DTYPE_NONE, 8 }, { "uint2", IFM_DTYPE_NONE, 2 }, { "int2", IFM_DTYPE_NONE, 2 },
};

static const struct ifm_flat_type *type_of(int64_t code)
{
    return &types[code > 0 && code < (int64_t)(sizeof types / sizeof *types) ? code : 0];
}

bool ifm_is_ort(const unsigned char *bytes, size_t len)
{
    return len >= 8 && memcmp(bytes + 4, "ORTM", 4) == 0;
}

/* -- Values -------------------------------------------------------------------------------------- */
static int read_shape(struct reader *r, size_t shape_type, struct ifm_graph_tensor *tensor)
{
    const struct ifm_flat_type *type = type_of(ifm_flat_signed(&r->flat, shape_type, 0, 4, 0));
    size_t shape = ifm_flat_table(&r->flat, shape_type, 1);
    tensor->dtype = type->dtype;
    tensor->type = type->name;
    if (!shape)
        return 0; /* rank unknown */
    struct ifm_flat_list dims = ifm_flat_list(&r->flat, shape, 0, 4);
    tensor->rank = (int32_t)dims.count;
    for (uint32_t i = 0; i < dims.count && i < IFM_MAX_RANK; i++) {
        size_t value = ifm_flat_table(&r->flat, ifm_flat_list_table(&r->flat, dims, i), 0);
        int64_t kind = ifm_flat_signed(&r->flat, value, 0, 1, 0);
        tensor->dims[i] = kind == DIM_VALUE ? ifm_flat_signed(&r->flat, value, 1, 8, 0) : -1;
        if (tensor->dims[i] < 0)
            tensor->dims[i] = -1;
        if (kind != DIM_PARAM)
            continue;
        struct ifm_flat_text name = ifm_flat_text(&r->flat, value, 2);
        if (name.len && !(tensor->dim_names[i] = ifm_flat_keep(r->graph, name, r->err)))
            return ifm_flat_failed(r->err);
    }
    return 0;
}

static int read_argument(struct reader *r, size_t table, struct ifm_name_map *names)
{
    struct ifm_flat_text name = ifm_flat_text(&r->flat, table, VALUE_NAME);
    uint32_t index = (uint32_t)r->graph->tensor_count;
    if (!ifm_name_map_add(names, name.bytes, name.len, index))
        return 0; /* the same name twice, or no name: an input that is left out */
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    if (!tensor || !(tensor->name = ifm_flat_keep(r->graph, name, r->err)))
        return ifm_flat_failed(r->err);
    size_t type = ifm_flat_table(&r->flat, table, VALUE_TYPE);
    uint64_t kind = ifm_flat_unsigned(&r->flat, type, 1, 1, 0);
    tensor->type = kind == 2 ? "sequence" : kind == 3 ? "map" : "";
    return kind == TENSOR_KIND ? read_shape(r, ifm_flat_table(&r->flat, type, 2), tensor) : 0;
}

static int check_size(struct reader *r, const struct ifm_graph_tensor *tensor, int64_t elements, unsigned bits)
{
    int64_t wanted;
    if (!bits || elements < 0 || tensor->external)
        return 0;
    if (__builtin_mul_overflow(elements, (int64_t)bits, &wanted) ||
        (wanted = wanted / 8 + (wanted % 8 != 0)) != tensor->bytes)
        return ifm_graph_add_problem(r->graph, "constant-size", r->err,
                                     "tensor \"%.80s\" has %lld bytes, which its shape and type do not give",
                                     tensor->name, (long long)tensor->bytes);
    return 0;
}

static void read_dims(struct reader *r, size_t table, struct ifm_graph_tensor *tensor, int64_t *elements)
{
    struct ifm_flat_list dims = ifm_flat_list(&r->flat, table, TENSOR_DIMS, 8);
    *elements = 1;
    tensor->rank = (int32_t)dims.count;
    for (uint32_t i = 0; i < dims.count && *elements >= 0; i++) {
        int64_t dim = ifm_flat_list_i64(&r->flat, dims, i);
        if (i < IFM_MAX_RANK)
            tensor->dims[i] = dim < 0 ? -1 : dim;
        if (dim < 0 || __builtin_mul_overflow(*elements, dim, elements))
            *elements = -1;
    }
}

static int read_initializer(struct reader *r, size_t table, struct ifm_name_map *names)
{
    struct ifm_flat_text name = ifm_flat_text(&r->flat, table, TENSOR_NAME);
    struct ifm_name_map here = *names;
    here.outer = NULL; /* an inner graph's may hide an outer one */
    uint32_t index = ifm_name_map_find(&here, name.bytes, name.len);
    bool own = index != IFM_GRAPH_NONE;
    struct ifm_graph_tensor *tensor = own ? &r->graph->tensors[index] : NULL;
    if (!own) {
        index = (uint32_t)r->graph->tensor_count;
        tensor = ifm_graph_add_tensor(r->graph, r->err);
        if (!tensor || !(tensor->name = ifm_flat_keep(r->graph, name, r->err)))
            return ifm_flat_failed(r->err);
        ifm_name_map_add(names, name.bytes, name.len, index);
    }
    const struct ifm_flat_type *type = type_of(ifm_flat_signed(&r->flat, table, TENSOR_TYPE, 4, 0));
    struct ifm_flat_list raw = ifm_flat_blob(&r->flat, table, TENSOR_RAW);
    int64_t outside = ifm_flat_signed(&r->flat, table, TENSOR_EXTERNAL, 8, -1), elements;
    tensor->constant = true;
    tensor->dtype = type->dtype;
    tensor->type = type->name;
    read_dims(r, table, tensor, &elements);
    if (outside >= 0) { /* in a file that the application names when it loads the model */
        tensor->external = true;
        tensor->offset = (uint64_t)outside;
        tensor->bytes = type->bits && elements >= 0 && elements < INT64_MAX / 128
                            ? (elements * (int64_t)type->bits + 7) / 8 : IFM_GRAPH_UNKNOWN;
        return 0;
    }
    tensor->bytes = raw.count;
    tensor->data = raw.present ? r->flat.bytes + raw.at : NULL;
    tensor->offset = raw.at;
    struct ifm_flat_list strings = ifm_flat_list(&r->flat, table, TENSOR_STRINGS, 4);
    for (uint32_t i = 0; i < strings.count; i++)
        tensor->bytes += (int64_t)ifm_flat_list_text(&r->flat, strings, i).len;
    return check_size(r, tensor, elements, type->bits);
}

/* -- Nodes --------------------------------------------------------------------------------------- */
static int read_graph(struct reader *r, size_t table, const struct ifm_name_map *outer, unsigned depth,
                      uint32_t subgraph);

static int read_names(struct reader *r, struct ifm_flat_list list, const struct ifm_name_map *names,
                      uint32_t **out, size_t *count)
{
    *out = ifm_graph_alloc(r->graph, list.count, sizeof **out, r->err);
    if (!*out)
        return ifm_flat_failed(r->err);
    *count = list.count;
    for (uint32_t i = 0; i < list.count; i++) {
        struct ifm_flat_text name = ifm_flat_list_text(&r->flat, list, i);
        (*out)[i] = name.len ? ifm_name_map_find(names, name.bytes, name.len) : IFM_GRAPH_NONE;
        if (name.len && (*out)[i] == IFM_GRAPH_NONE && !r->flat.fault[0]) {
            int rc = ifm_graph_add_problem(r->graph, "unknown-value", r->err,
                                           "value \"%.*s\" is used, but nothing makes it",
                                           (int)(name.len > 80 ? 80 : name.len), name.bytes);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int read_attribute(struct reader *r, size_t table, struct ifm_graph_node *node)
{
    struct ifm_graph_attribute *out = &node->attributes[node->attribute_count];
    int64_t kind = ifm_flat_signed(&r->flat, table, ATTRIBUTE_TYPE, 4, 0);
    struct ifm_flat_list ints;
    out->name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, ATTRIBUTE_NAME), r->err);
    if (!out->name)
        return ifm_flat_failed(r->err);
    switch (kind) {
    case KIND_FLOAT:
        out->kind = IFM_ATTR_FLOAT;
        out->f = ifm_flat_float(&r->flat, table, ATTRIBUTE_FLOAT, 0);
        break;
    case KIND_INT:
        out->kind = IFM_ATTR_INT;
        out->i = ifm_flat_signed(&r->flat, table, ATTRIBUTE_INT, 8, 0);
        break;
    case KIND_TEXT:
        out->kind = IFM_ATTR_TEXT;
        out->text = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, ATTRIBUTE_TEXT), r->err);
        break;
    case KIND_INTS: {
        ints = ifm_flat_list(&r->flat, table, ATTRIBUTE_INTS, 8);
        int64_t *copy = ifm_graph_alloc(r->graph, ints.count, sizeof *copy, r->err);
        for (uint32_t i = 0; copy && i < ints.count; i++)
            copy[i] = ifm_flat_list_i64(&r->flat, ints, i);
        out->kind = IFM_ATTR_INTS;
        out->ints = copy;
        out->count = ints.count;
        break;
    }
    default:
        return 0; /* tensors and graphs are no attributes of a node here */
    }
    if ((out->kind == IFM_ATTR_INTS && !out->ints) || (out->kind == IFM_ATTR_TEXT && !out->text))
        return ifm_flat_failed(r->err);
    node->attribute_count++;
    return 0;
}

static int read_bodies(struct reader *r, size_t table, const struct ifm_name_map *names, unsigned depth)
{
    int64_t kind = ifm_flat_signed(&r->flat, table, ATTRIBUTE_TYPE, 4, 0);
    int rc = 0;
    if (kind == KIND_GRAPH)
        return read_graph(r, ifm_flat_table(&r->flat, table, ATTRIBUTE_GRAPH), names, depth + 1,
                          (uint32_t)r->graph->subgraph_count++);
    if (kind != KIND_GRAPHS)
        return 0;
    struct ifm_flat_list graphs = ifm_flat_list(&r->flat, table, ATTRIBUTE_GRAPHS, 4);
    for (uint32_t i = 0; !rc && i < graphs.count; i++)
        rc = read_graph(r, ifm_flat_list_table(&r->flat, graphs, i), names, depth + 1,
                        (uint32_t)r->graph->subgraph_count++);
    return rc;
}

static int read_node(struct reader *r, size_t table, const struct ifm_name_map *names, unsigned depth,
                     uint32_t subgraph)
{
    struct ifm_graph_node *node = ifm_graph_add_node(r->graph, r->err);
    if (!node)
        return ifm_flat_failed(r->err);
    struct ifm_flat_text provider = ifm_flat_text(&r->flat, table, NODE_PROVIDER);
    node->subgraph = subgraph;
    node->op = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, NODE_OP), r->err);
    node->domain = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, NODE_DOMAIN), r->err);
    node->name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, NODE_NAME), r->err);
    bool cpu = provider.len == 20 && memcmp(provider.bytes, "CPUExecutionProvider", 20) == 0;
    if (provider.len && !cpu)
        node->delegate = ifm_flat_keep(r->graph, provider, r->err);
    if (!node->op || !node->domain || !node->name)
        return ifm_flat_failed(r->err);
    int rc = read_names(r, ifm_flat_list(&r->flat, table, NODE_INPUTS, 4), names, &node->inputs,
                        &node->input_count);
    if (!rc)
        rc = read_names(r, ifm_flat_list(&r->flat, table, NODE_OUTPUTS, 4), names, &node->outputs,
                        &node->output_count);
    struct ifm_flat_list attributes = ifm_flat_list(&r->flat, table, NODE_ATTRIBUTES, 4);
    if (!rc && !(node->attributes =
                     ifm_graph_alloc(r->graph, attributes.count, sizeof *node->attributes, r->err)))
        rc = ifm_flat_failed(r->err);
    for (uint32_t i = 0; !rc && i < attributes.count; i++)
        rc = read_attribute(r, ifm_flat_list_table(&r->flat, attributes, i), node);
    for (uint32_t i = 0; !rc && i < attributes.count; i++) /* moves the list of nodes */
        rc = read_bodies(r, ifm_flat_list_table(&r->flat, attributes, i), names, depth);
    return rc;
}

static int read_sparse(struct reader *r, size_t table, struct ifm_name_map *names)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, table, GRAPH_SPARSE, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < list.count; i++) /* its values are a tensor */
        rc = read_initializer(r, ifm_flat_table(&r->flat, ifm_flat_list_table(&r->flat, list, i), 0), names);
    return rc;
}

static int read_ends(struct reader *r, size_t table, const struct ifm_name_map *names)
{
    struct ifm_graph *graph = r->graph;
    size_t kept = 0;
    int rc = read_names(r, ifm_flat_list(&r->flat, table, GRAPH_INPUTS, 4), names, &graph->inputs,
                        &graph->input_count);
    if (!rc)
        rc = read_names(r, ifm_flat_list(&r->flat, table, GRAPH_OUTPUTS, 4), names, &graph->outputs,
                        &graph->output_count);
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

static int read_graph(struct reader *r, size_t table, const struct ifm_name_map *outer, unsigned depth,
                      uint32_t subgraph)
{
    struct ifm_flat_list arguments = ifm_flat_list(&r->flat, table, GRAPH_ARGS, 4);
    struct ifm_flat_list initializers = ifm_flat_list(&r->flat, table, GRAPH_INITIALIZERS, 4);
    struct ifm_flat_list nodes = ifm_flat_list(&r->flat, table, GRAPH_NODES, 4);
    struct ifm_flat_list sparse = ifm_flat_list(&r->flat, table, GRAPH_SPARSE, 4);
    struct ifm_name_map names;
    if (depth > IFM_GRAPH_DEPTH_MAX)
        return ifm_err_set(r->err, IFM_ERR_TOO_LARGE, "ort", "graphs are nested more than %d deep",
                           IFM_GRAPH_DEPTH_MAX);
    int rc = ifm_name_map_init(&names, r->graph, (size_t)arguments.count + initializers.count + sparse.count,
                               outer, r->err);
    for (uint32_t i = 0; !rc && i < arguments.count; i++)
        rc = read_argument(r, ifm_flat_list_table(&r->flat, arguments, i), &names);
    for (uint32_t i = 0; !rc && i < initializers.count; i++)
        rc = read_initializer(r, ifm_flat_list_table(&r->flat, initializers, i), &names);
    if (!rc)
        rc = read_sparse(r, table, &names);
    if (!rc && !outer)
        rc = read_ends(r, table, &names);
    for (uint32_t i = 0; !rc && i < nodes.count; i++)
        rc = read_node(r, ifm_flat_list_table(&r->flat, nodes, i), &names, depth, subgraph);
    return rc ? rc : ifm_flat_check(&r->flat, r->graph, r->err);
}

/* -- What surrounds the graph -------------------------------------------------------------------- */
static int read_opsets(struct reader *r, size_t model)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, model, MODEL_OPSETS, 4);
    struct ifm_graph *graph = r->graph;
    graph->opsets = ifm_graph_alloc(graph, list.count, sizeof *graph->opsets, r->err);
    if (!graph->opsets)
        return ifm_flat_failed(r->err);
    for (uint32_t i = 0; i < list.count; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        struct ifm_graph_opset *opset = &graph->opsets[graph->opset_count++];
        opset->domain = ifm_flat_keep(graph, ifm_flat_text(&r->flat, table, 0), r->err);
        opset->version = ifm_flat_signed(&r->flat, table, 1, 8, 0);
        if (!opset->domain)
            return ifm_flat_failed(r->err);
    }
    return 0;
}

static int read_metadata(struct reader *r, size_t model)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, model, MODEL_METADATA, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        const char *key = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, 0), r->err);
        const char *value = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, 1), r->err);
        rc = key && value ? ifm_graph_add_metadata(r->graph, key, value, r->err) : ifm_flat_failed(r->err);
    }
    return rc;
}

static int read_head(struct reader *r, size_t session, size_t model)
{
    struct ifm_graph *graph = r->graph;
    char text[40];
    const struct { const char **to; unsigned field; } rows[] = {
        { &graph->producer, MODEL_PRODUCER }, { &graph->producer_version, MODEL_PRODUCER_VERSION },
        { &graph->domain, MODEL_DOMAIN }, { &graph->description, MODEL_DOC },
    };
    graph->format = "ort";
    graph->format_name = "ONNX Runtime format";
    graph->has_nodes = true;
    graph->subgraph_count = 1;
    graph->format_version = ifm_flat_keep(graph, ifm_flat_text(&r->flat, session, SESSION_VERSION), r->err);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(*rows[i].to = ifm_flat_keep(graph, ifm_flat_text(&r->flat, model, rows[i].field), r->err)))
            return ifm_flat_failed(r->err);
    int64_t version = ifm_flat_signed(&r->flat, model, MODEL_VERSION, 8, 0);
    snprintf(text, sizeof text, "%lld", (long long)version);
    if (version && !(graph->model_version = ifm_graph_text(graph, text, strlen(text), r->err)))
        return ifm_flat_failed(r->err);
    snprintf(text, sizeof text, "%lld", (long long)ifm_flat_signed(&r->flat, model, MODEL_IR, 8, 0));
    int rc = ifm_graph_add_metadata(graph, "onnx_ir_version", text, r->err);
    if (!rc)
        rc = read_opsets(r, model);
    return rc ? rc : read_metadata(r, model);
}

static bool input_has_dim(const struct ifm_graph *graph, const char *name)
{
    for (size_t i = 0; name && i < graph->input_count; i++)
        for (int32_t d = 0; d < IFM_MAX_RANK; d++) {
            const char *own = graph->tensors[graph->inputs[i]].dim_names[d];
            if (own && strcmp(own, name) == 0)
                return true;
        }
    return false;
}

/* A dynamic dimension inside the graph that no input names is computed from them: it is not 1, it is unknown. */
static int forget_computed(struct ifm_graph *graph, struct ifm_err *err)
{
    int rc = ifm_graph_shape_all(graph, err);
    for (size_t i = 0; !rc && i < graph->tensor_count; i++)
        for (int32_t d = 0; d < graph->tensors[i].rank && d < IFM_MAX_RANK; d++)
            if (graph->tensors[i].dims[d] < 0 && !input_has_dim(graph, graph->tensors[i].dim_names[d]))
                graph->shapes[i].rank = -1;
    for (size_t i = 0; !rc && i < graph->input_count; i++)
        if (graph->shapes[graph->inputs[i]].rank < 0)
            graph->shapes[graph->inputs[i]] = ifm_graph_declared(graph, &graph->tensors[graph->inputs[i]]);
    return rc;
}

int ifm_read_ort(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader r = { .graph = graph, .err = err };
    ifm_flat_init(&r.flat, graph->map, graph->map_bytes);
    size_t session = ifm_flat_root(&r.flat), model = ifm_flat_table(&r.flat, session, SESSION_MODEL);
    size_t main_graph = ifm_flat_table(&r.flat, model, MODEL_GRAPH);
    int rc = ifm_flat_check(&r.flat, graph, err);
    if (!rc && !main_graph)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "ort", "%.100s holds no graph", graph->path);
    if (!rc)
        rc = read_head(&r, session, model);
    rc = rc ? rc : read_graph(&r, main_graph, NULL, 0, 0);
    return rc ? rc : forget_computed(graph, err);
}
