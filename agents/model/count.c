/* What is counted the same way for every format: histogram, sums by type, shapes with every dimension set, macs, and the
 * memory that activations need. */
#include <stdlib.h>
#include <string.h>

#include "agents/model/graph_parts.h"
#include "core/mem.h"

/* -- Types and shapes ---------------------------------------------------------------------------- */
int ifm_graph_type_bits(const char *type)
{
    static const struct { const char *type; int bits; } rows[] = {
        { "float32", 32 }, { "float16", 16 },  { "bfloat16", 16 },  { "float64", 64 },
        { "int8", 8 },     { "uint8", 8 },     { "int16", 16 },     { "uint16", 16 },
        { "int32", 32 },   { "uint32", 32 },   { "int64", 64 },     { "uint64", 64 },
        { "bool", 8 },     { "int4", 4 },      { "uint4", 4 },      { "int2", 2 },
        { "uint2", 2 },    { "int1", 1 },      { "uint1", 1 },      { "int3", 3 },
        { "uint3", 3 },    { "int6", 6 },      { "uint6", 6 },      { "float4e2m1", 4 },
        { "complex64", 64 },    { "complex128", 128 },     { "float8e4m3fn", 8 },
        { "float8e4m3fnuz", 8 },{ "float8e5m2", 8 },       { "float8e5m2fnuz", 8 },
        { "float8e8m0", 8 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0)
            return rows[i].bits;
    return 0;
}

int64_t ifm_graph_elements(const struct ifm_graph_shape *shape)
{
    int64_t product = 1;
    if (shape->rank < 0 || shape->rank > IFM_MAX_RANK)
        return IFM_GRAPH_UNKNOWN;
    for (int32_t i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0 || __builtin_mul_overflow(product, shape->dims[i], &product))
            return IFM_GRAPH_UNKNOWN;
    return product;
}

static int64_t dim_of(const struct ifm_graph *graph, const char *name)
{
    const struct ifm_graph_options *options = graph->options;
    for (size_t i = 0; name && options && i < options->dim_count; i++)
        if (strcmp(options->dims[i].name, name) == 0)
            return options->dims[i].value;
    return 1;
}

struct ifm_graph_shape ifm_graph_declared(const struct ifm_graph *graph,
                                          const struct ifm_graph_tensor *tensor)
{
    struct ifm_graph_shape shape = { .rank = tensor->rank };
    for (int32_t i = 0; i < tensor->rank && i < IFM_MAX_RANK; i++)
        shape.dims[i] =
            tensor->dims[i] >= 0 ? tensor->dims[i] : dim_of(graph, tensor->dim_names[i]);
    return shape;
}

static int input_shape(struct ifm_graph *graph, const struct ifm_graph_input_shape *given,
                       struct ifm_err *err)
{
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct ifm_graph_tensor *tensor = &graph->tensors[graph->inputs[i]];
        if (strcmp(tensor->name, given->input) != 0)
            continue;
        if (tensor->rank >= 0 && tensor->rank != given->shape.rank)
            return ifm_err_set(err, IFM_ERR_USAGE, "model",
                               "input \"%.60s\" has rank %d, the shape given has %d", given->input,
                               tensor->rank, given->shape.rank);
        for (int32_t d = 0; d < tensor->rank && d < IFM_MAX_RANK; d++)
            if (tensor->dims[d] >= 0 && tensor->dims[d] != given->shape.dims[d])
                return ifm_err_set(err, IFM_ERR_USAGE, "model",
                                   "dimension %d of input \"%.60s\" is fixed to %lld", d,
                                   given->input, (long long)tensor->dims[d]);
        graph->shapes[graph->inputs[i]] = given->shape;
        return 0;
    }
    return ifm_err_set(err, IFM_ERR_USAGE, "model", "the model has no input \"%.80s\"",
                       given->input);
}

int ifm_graph_shape_all(struct ifm_graph *graph, struct ifm_err *err)
{
    if (graph->shapes)
        return 0;
    graph->shapes = ifm_graph_alloc(graph, graph->tensor_count, sizeof *graph->shapes, err);
    if (!graph->shapes)
        return err ? err->code : IFM_ERR_NOMEM;
    for (size_t i = 0; i < graph->tensor_count; i++)
        graph->shapes[i] = ifm_graph_declared(graph, &graph->tensors[i]);
    int rc = 0;
    for (size_t i = 0; graph->options && i < graph->options->input_count && !rc; i++)
        rc = input_shape(graph, &graph->options->inputs[i], err);
    return rc;
}

/* -- Histogram ----------------------------------------------------------------------------------- */
static uint64_t hash_op(const struct ifm_graph_node *node)
{
    uint64_t hash = 1469598103934665603u;
    for (const char *p = node->domain; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    for (const char *p = node->op; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    return hash ^ hash >> 29;
}

static int by_frequency(const void *a, const void *b)
{
    const struct ifm_graph_op *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    int order = strcmp(x->op, y->op);
    return order ? order : strcmp(x->domain, y->domain);
}

static void add_macs(int64_t *sum, int64_t macs)
{
    if (*sum == IFM_GRAPH_UNKNOWN || macs == IFM_GRAPH_UNKNOWN ||
        __builtin_add_overflow(*sum, macs, sum))
        *sum = IFM_GRAPH_UNKNOWN;
}

static int count_ops(struct ifm_graph *graph, struct ifm_err *err)
{
    size_t slots = 16;
    while (slots < 2 * graph->node_count)
        slots *= 2;
    uint32_t *table = ifm_alloc_array(slots, sizeof *table); /* 1 + index in ops */
    graph->ops = ifm_graph_alloc(graph, graph->node_count, sizeof *graph->ops, err);
    if (!table || !graph->ops) {
        ifm_free(table);
        return table ? (err ? err->code : IFM_ERR_NOMEM)
                     : ifm_err_set(err, IFM_ERR_NOMEM, "model", "out of memory");
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ifm_graph_node *node = &graph->nodes[i];
        size_t slot = hash_op(node) & (slots - 1);
        while (table[slot] && (strcmp(graph->ops[table[slot] - 1].op, node->op) != 0 ||
                               strcmp(graph->ops[table[slot] - 1].domain, node->domain) != 0))
            slot = (slot + 1) & (slots - 1);
        if (!table[slot]) {
            graph->ops[graph->op_count++] =
                (struct ifm_graph_op){ .domain = node->domain, .op = node->op };
            table[slot] = (uint32_t)graph->op_count;
        }
        struct ifm_graph_op *op = &graph->ops[table[slot] - 1];
        op->count++;
        add_macs(&op->macs, node->macs);
    }
    ifm_free(table);
    qsort(graph->ops, graph->op_count, sizeof *graph->ops, by_frequency);
    return 0;
}

/* -- Constants ----------------------------------------------------------------------------------- */
static int64_t elements_of(const struct ifm_graph_tensor *tensor)
{
    struct ifm_graph_shape shape = { .rank = tensor->rank };
    memcpy(shape.dims, tensor->dims, sizeof shape.dims);
    int64_t elements = ifm_graph_elements(&shape), bits = ifm_graph_type_bits(tensor->type);
    if (elements == IFM_GRAPH_UNKNOWN && bits && tensor->bytes >= 0 &&
        tensor->bytes <= INT64_MAX / 8)
        elements = tensor->bytes * 8 / bits;
    return elements;
}

static struct ifm_graph_bytes *type_row(struct ifm_graph *graph, const char *type)
{
    for (size_t i = 0; i < graph->type_count; i++)
        if (strcmp(graph->types[i].type, type) == 0)
            return &graph->types[i];
    if (graph->type_count == 64) /* a format has some twenty; names of a hostile file share the last row */
        return &graph->types[63];
    graph->types[graph->type_count] = (struct ifm_graph_bytes){ .type = type };
    return &graph->types[graph->type_count++];
}

static void saturate(int64_t *sum, int64_t more)
{
    if (more > 0 && __builtin_add_overflow(*sum, more, sum))
        *sum = INT64_MAX;
}

static int by_bytes(const void *a, const void *b)
{
    const struct ifm_graph_bytes *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->type, y->type);
}

static int count_constants(struct ifm_graph *graph, struct ifm_err *err)
{
    graph->types = ifm_graph_alloc(graph, 64, sizeof *graph->types, err);
    if (!graph->types)
        return err ? err->code : IFM_ERR_NOMEM;
    graph->parameters = graph->buffers = graph->weight_bytes = 0;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const struct ifm_graph_tensor *tensor = &graph->tensors[i];
        if (tensor->quant != IFM_QUANT_NO)
            graph->quantized = true;
        if (!tensor->constant)
            continue;
        int64_t elements = elements_of(tensor);
        struct ifm_graph_bytes *row = type_row(graph, tensor->type);
        row->tensors++;
        saturate(&row->elements, elements);
        saturate(&row->bytes, tensor->bytes);
        saturate(tensor->buffer ? &graph->buffers : &graph->parameters, elements);
        saturate(&graph->weight_bytes, tensor->bytes);
    }
    if (!graph->type_count && (!graph->has_nodes || !graph->tensor_count)) /* nothing is told, which is not "none" */
        graph->parameters = graph->buffers = graph->weight_bytes = IFM_GRAPH_UNKNOWN;
    qsort(graph->types, graph->type_count, sizeof *graph->types, by_bytes);
    return 0;
}

/* -- Macs ---------------------------------------------------------------------------------------- */
/* A subgraph's number is greater than that of the one its owner stands in: from the last to the first, each adds to the
 * one above, of branches the costliest. */
static void add_subgraphs(struct ifm_graph *graph, size_t count, int64_t *totals, int64_t *most)
{
    for (size_t s = count; graph->subgraph_owners && s-- > 1;) {
        uint32_t owner = graph->subgraph_owners[s];
        if (owner >= graph->node_count || totals[s] <= most[owner])
            continue;
        uint32_t above = graph->nodes[owner].subgraph;
        saturate(&totals[above < count ? above : 0], totals[s] - most[owner]);
        most[owner] = totals[s];
    }
}

static int sum_macs(struct ifm_graph *graph, struct ifm_err *err)
{
    size_t count = graph->subgraph_count ? graph->subgraph_count : 1;
    int64_t *totals = ifm_alloc_array(count, sizeof *totals);
    int64_t *most = ifm_alloc_array(graph->node_count + 1, sizeof *most); /* of an owner's branches */
    if (!totals || !most) {
        ifm_free(totals);
        ifm_free(most);
        return ifm_err_set(err, IFM_ERR_NOMEM, "model", "out of memory");
    }
    bool some = false;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ifm_graph_node *node = &graph->nodes[i];
        if (node->macs == IFM_GRAPH_UNKNOWN)
            graph->macs_unknown++;
        else
            saturate(&totals[node->subgraph < count ? node->subgraph : 0], node->macs);
        some = some || node->macs > 0;
    }
    add_subgraphs(graph, count, totals, most);
    graph->macs = totals[0];
    for (size_t s = 1; !graph->subgraph_owners && s < count; s++)
        saturate(&graph->macs, totals[s]);
    if (!some && (graph->macs_unknown || !graph->has_nodes))
        graph->macs = IFM_GRAPH_UNKNOWN;
    ifm_free(totals);
    ifm_free(most);
    return 0;
}

/* -- Activations --------------------------------------------------------------------------------- */
static int64_t live_bytes(const struct ifm_graph *graph, size_t tensor)
{
    int64_t elements = ifm_graph_elements(&graph->shapes[tensor]);
    int bits = ifm_graph_type_bits(graph->tensors[tensor].type);
    if (elements < 0 || elements > INT64_MAX / 256)
        return IFM_GRAPH_UNKNOWN;
    return (elements * (bits ? bits : 32) + 7) / 8;
}

/* Takes what node i reads for the last time off the living. */
static void release(const struct ifm_graph *graph, size_t i, uint32_t *last, int64_t *alive)
{
    const struct ifm_graph_node *node = &graph->nodes[i];
    for (size_t k = 0; k < node->input_count + node->output_count; k++) {
        uint32_t t = k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
        if (t >= graph->tensor_count || last[t] != i + 1 || graph->tensors[t].constant)
            continue;
        int64_t bytes = live_bytes(graph, t);
        *alive -= bytes == IFM_GRAPH_UNKNOWN ? 0 : bytes; /* what is not known was never added */
        last[t] = 0;
    }
}

static bool bring(const struct ifm_graph *graph, uint32_t t, const uint32_t *last, unsigned char *seen,
                  int64_t *alive)
{
    if (t >= graph->tensor_count || graph->tensors[t].constant || seen[t] || !last[t])
        return true;
    int64_t bytes = live_bytes(graph, t);
    seen[t] = 1;
    return bytes != IFM_GRAPH_UNKNOWN && !__builtin_add_overflow(*alive, bytes, alive);
}

/* last[t]: 1 + number of the node that uses t last. */
static int64_t walk(const struct ifm_graph *graph, uint32_t *last, unsigned char *seen)
{
    int64_t alive = 0, peak = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t k = 0; k < graph->nodes[i].input_count + graph->nodes[i].output_count; k++) {
            const struct ifm_graph_node *node = &graph->nodes[i];
            uint32_t t =
                k < node->input_count ? node->inputs[k] : node->outputs[k - node->input_count];
            if (t < graph->tensor_count)
                last[t] = (uint32_t)i + 1;
        }
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] < graph->tensor_count)
            last[graph->outputs[i]] = UINT32_MAX;
    for (size_t i = 0; i < graph->input_count; i++)
        if (!bring(graph, graph->inputs[i], last, seen, &alive))
            return IFM_GRAPH_UNKNOWN;
    for (size_t i = 0; i < graph->node_count; i++) {
        for (size_t k = 0; k < graph->nodes[i].output_count; k++)
            if (!bring(graph, graph->nodes[i].outputs[k], last, seen, &alive))
                return IFM_GRAPH_UNKNOWN;
        peak = alive > peak ? alive : peak;
        release(graph, i, last, &alive);
    }
    return peak;
}

static int count_activations(struct ifm_graph *graph, struct ifm_err *err)
{
    graph->activation_bytes = IFM_GRAPH_UNKNOWN;
    if (!graph->node_count || !graph->tensor_count)
        return 0;
    uint32_t *last = ifm_alloc_array(graph->tensor_count, sizeof *last);
    unsigned char *seen = ifm_alloc_array(graph->tensor_count, 1);
    int rc = last && seen ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "model", "out of memory");
    if (!rc)
        graph->activation_bytes = walk(graph, last, seen);
    ifm_free(last);
    ifm_free(seen);
    return rc;
}

int ifm_graph_count(struct ifm_graph *graph, struct ifm_err *err)
{
    int rc = ifm_graph_shape_all(graph, err);
    for (size_t i = 0; !rc && i < graph->node_count; i++)
        if (graph->nodes[i].macs == IFM_GRAPH_UNKNOWN)
            graph->nodes[i].macs = ifm_graph_macs(graph, &graph->nodes[i]);
    if (!rc)
        rc = count_ops(graph, err);
    if (!rc)
        rc = count_constants(graph, err);
    if (!rc)
        rc = sum_macs(graph, err);
    return rc ? rc : count_activations(graph, err);
}
