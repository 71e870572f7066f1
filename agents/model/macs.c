/* Multiply-accumulates by operator family. A reader of another format adds its operators' names here, with the place
 * of their operands; what is not in the table multiplies so little that it counts as none. */
#include <string.h>

#include "agents/model/graph_parts.h"

enum family {
    CONV,      /* elements of the output, times the filter's dimensions [from, rank - behind) */
    CONV_BACK, /* the same with the elements of the input */
    PRODUCT,   /* elements of the output, times the inner dimension of x */
    GEMM,      /* the same, x with transA */
    DENSE,     /* elements of the output, times the last dimension of the weights */
    BITS,      /* elements of the output, times attribute K */
    CELLS,     /* steps and batch of x, times elements of both weights, x [steps, batch, width] */
    ATTENTION, /* scores and their sum: x [batch, (heads,) steps, width] */
    EINSUM
};

static const struct row {
    const char *op;
    enum family family;
    unsigned char x, w, from, behind; /* operands' places; dimensions of the filter that do not count */
} rows[] = {
    { "Conv", CONV, 0, 1, 1, 0 },
    { "FusedConv", CONV, 0, 1, 1, 0 },
    { "ConvInteger", CONV, 0, 1, 1, 0 },
    { "QLinearConv", CONV, 0, 3, 1, 0 },
    { "ConvTranspose", CONV_BACK, 0, 1, 1, 0 },
    { "MatMul", PRODUCT, 0, 1, 0, 0 },
    { "FusedMatMul", PRODUCT, 0, 1, 0, 0 },
    { "MatMulInteger", PRODUCT, 0, 1, 0, 0 },
    { "DynamicQuantizeMatMul", PRODUCT, 0, 1, 0, 0 },
    { "MatMulIntegerToFloat", PRODUCT, 0, 1, 0, 0 },
    { "QLinearMatMul", PRODUCT, 0, 3, 0, 0 },
    { "Gemm", GEMM, 0, 1, 0, 0 },
    { "QGemm", GEMM, 0, 3, 0, 0 },
    { "MatMulNBits", BITS, 0, 1, 0, 0 },
    { "LSTM", CELLS, 0, 1, 0, 0 },
    { "GRU", CELLS, 0, 1, 0, 0 },
    { "RNN", CELLS, 0, 1, 0, 0 },
    { "DynamicQuantizeLSTM", CELLS, 0, 1, 0, 0 },
    { "Einsum", EINSUM, 0, 1, 0, 0 },
    { "MultiHeadAttention", ATTENTION, 0, 1, 0, 0 },
    /* TFLite: filters are [out, height, width, in], of depthwise ones [1, height, width, out] */
    { "CONV_2D", CONV, 0, 1, 1, 0 },
    { "CONV_3D", CONV, 0, 1, 0, 1 },
    { "DEPTHWISE_CONV_2D", CONV, 0, 1, 1, 1 },
    { "FULLY_CONNECTED", DENSE, 0, 1, 0, 0 },
    { "BATCH_MATMUL", PRODUCT, 0, 1, 0, 0 },
    { "TRANSPOSE_CONV", CONV_BACK, 2, 1, 0, 1 },
    /* Core ML programs: x and weight (or y) come first */
    { "conv", CONV, 0, 1, 1, 0 },
    { "conv_transpose", CONV_BACK, 0, 1, 1, 0 },
    { "linear", DENSE, 0, 1, 0, 0 },
    { "matmul", PRODUCT, 0, 1, 0, 0 },
    /* TensorFlow: no shapes are known, so these only tell that something is missing */
    { "Conv2D", CONV, 0, 1, 0, 1 },
    { "DepthwiseConv2dNative", CONV, 0, 1, 0, 1 },
    { "BatchMatMulV2", PRODUCT, 0, 1, 0, 0 },
    /* OpenVINO */
    { "Convolution", CONV, 0, 1, 1, 0 },
    { "GroupConvolution", CONV, 0, 1, 2, 0 },
    { "ConvolutionBackpropData", CONV_BACK, 0, 1, 1, 0 },
    { "GroupConvolutionBackpropData", CONV_BACK, 0, 1, 2, 0 },
    /* PyTorch */
    { "aten::conv1d", CONV, 0, 1, 1, 0 },
    { "aten::conv2d", CONV, 0, 1, 1, 0 },
    { "aten::conv3d", CONV, 0, 1, 1, 0 },
    { "aten::convolution", CONV, 0, 1, 1, 0 },
    { "aten::_convolution", CONV, 0, 1, 1, 0 },
    { "aten::linear", DENSE, 0, 1, 0, 0 },
    { "aten::matmul", PRODUCT, 0, 1, 0, 0 },
    { "aten::mm", PRODUCT, 0, 1, 0, 0 },
    { "aten::bmm", PRODUCT, 0, 1, 0, 0 },
    { "aten::addmm", PRODUCT, 1, 2, 0, 0 },
};

static const struct row *find(const char *op)
{
    size_t len = strcspn(op, "."); /* PyTorch: without the overload, "aten::mm.out" */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].op) == len && memcmp(rows[i].op, op, len) == 0)
            return &rows[i];
    return NULL;
}

/* NULL where the node has no such operand or its shape is not known. */
static const struct ifm_graph_shape *shape_of(const struct ifm_graph *graph, const uint32_t *list,
                                              size_t count, size_t place)
{
    if (place >= count || list[place] >= graph->tensor_count)
        return NULL;
    const struct ifm_graph_shape *shape = &graph->shapes[list[place]];
    return ifm_graph_elements(shape) == IFM_GRAPH_UNKNOWN ? NULL : shape;
}

static int64_t product(int64_t a, int64_t b)
{
    int64_t result;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result) ? IFM_GRAPH_UNKNOWN : result;
}

static int64_t attribute_or(const struct ifm_graph_node *node, const char *name, int64_t otherwise)
{
    const struct ifm_graph_attribute *attribute = ifm_graph_attribute(node, name);
    return attribute && attribute->kind == IFM_ATTR_INT ? attribute->i : otherwise;
}

static int64_t filter(const struct ifm_graph_shape *w, const struct row *row)
{
    int64_t count = 1;
    if (w->rank < row->from + row->behind)
        return IFM_GRAPH_UNKNOWN;
    for (int32_t i = row->from; i < w->rank - row->behind; i++)
        count = product(count, w->dims[i]);
    return count;
}

/* Depth of a matrix product, from the operand that is there. */
static int64_t inner(const struct ifm_graph_shape *x, bool across)
{

    if (x->rank < 1)
        return IFM_GRAPH_UNKNOWN;
    return across && x->rank > 1 ? x->dims[x->rank - 2] : x->dims[x->rank - 1];
}

static bool turned(const struct ifm_graph_node *node, enum family family)
{
    if (family == GEMM)
        return attribute_or(node, "transA", 0) != 0;
    return attribute_or(node, "transA", 0) || attribute_or(node, "transpose_a", 0) ||
           attribute_or(node, "adj_x", 0);
}

static int64_t cells(const struct ifm_graph *graph, const struct ifm_graph_node *node,
                     const struct ifm_graph_shape *x)
{
    const struct ifm_graph_shape *w = shape_of(graph, node->inputs, node->input_count, 1);
    const struct ifm_graph_shape *r = shape_of(graph, node->inputs, node->input_count, 2);
    if (!w || !r || x->rank != 3)
        return IFM_GRAPH_UNKNOWN;
    int64_t sum;
    if (__builtin_add_overflow(ifm_graph_elements(w), ifm_graph_elements(r), &sum))
        return IFM_GRAPH_UNKNOWN;
    return product(product(x->dims[0], x->dims[1]), sum);
}

/* Every index once: a sum of products over all of them. */
static int64_t einsum(const struct ifm_graph *graph, const struct ifm_graph_node *node)
{
    const struct ifm_graph_attribute *equation = ifm_graph_attribute(node, "equation");
    int64_t sizes[128], total = 1;
    size_t operand = 0;
    int32_t axis = 0;
    memset(sizes, -1, sizeof sizes);
    if (!equation || equation->kind != IFM_ATTR_TEXT || node->input_count < 2)
        return IFM_GRAPH_UNKNOWN;
    for (const char *p = equation->text; *p && *p != '-'; p++) {
        const struct ifm_graph_shape *x = shape_of(graph, node->inputs, node->input_count, operand);
        if (*p == ' ')
            continue;
        if (*p == ',') {
            operand++;
            axis = 0;
        } else if (!x || axis >= x->rank || *p == '.' || (unsigned char)*p >= 128) {
            return IFM_GRAPH_UNKNOWN;
        } else {
            sizes[(unsigned char)*p] = x->dims[axis++];
        }
    }
    for (size_t i = 0; i < 128; i++)
        total = sizes[i] < 0 ? total : product(total, sizes[i]);
    return total;
}

/* Scores and weighted values: each batch x queries x keys x width. */
static int64_t attention(const struct ifm_graph *graph, const struct ifm_graph_node *node,
                         const struct ifm_graph_shape *q)
{
    const struct ifm_graph_shape *k = shape_of(graph, node->inputs, node->input_count, 1);
    if (!k || k->rank != q->rank || q->rank < 3)
        return IFM_GRAPH_UNKNOWN;
    int64_t once = product(ifm_graph_elements(q), k->dims[k->rank - 2]);
    return product(once, 2);
}

static int64_t of_output(const struct ifm_graph_node *node, const struct row *row, int64_t out,
                         const struct ifm_graph_shape *x, const struct ifm_graph_shape *w)
{
    switch (row->family) {
    case CONV:
        return w ? product(out, filter(w, row)) : IFM_GRAPH_UNKNOWN;
    case DENSE:
        return w && w->rank ? product(out, w->dims[w->rank - 1]) : IFM_GRAPH_UNKNOWN;
    case BITS:
        return product(out, attribute_or(node, "K", -1));
    default:
        return x ? product(out, inner(x, turned(node, row->family))) : IFM_GRAPH_UNKNOWN;
    }
}

int64_t ifm_graph_macs(const struct ifm_graph *graph, const struct ifm_graph_node *node)
{
    const struct row *row = find(node->op);
    if (!row)
        return 0;
    const struct ifm_graph_shape *x = shape_of(graph, node->inputs, node->input_count, row->x);
    const struct ifm_graph_shape *w = shape_of(graph, node->inputs, node->input_count, row->w);
    const struct ifm_graph_shape *y = shape_of(graph, node->outputs, node->output_count, 0);
    switch (row->family) {
    case CONV_BACK:
        return w && x ? product(ifm_graph_elements(x), filter(w, row)) : IFM_GRAPH_UNKNOWN;
    case CELLS:
        return x ? cells(graph, node, x) : IFM_GRAPH_UNKNOWN;
    case ATTENTION:
        return x ? attention(graph, node, x) : IFM_GRAPH_UNKNOWN;
    case EINSUM:
        return einsum(graph, node);
    default:
        return y ? of_output(node, row, ifm_graph_elements(y), x, w) : IFM_GRAPH_UNKNOWN;
    }
}
