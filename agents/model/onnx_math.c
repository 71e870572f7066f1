/* Shapes of what computes: elementwise, matrix products, reductions, recurrent cells, attention. */
#include <string.h>

#include "agents/model/onnx_infer.h"

static bool same(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!x)
        return false;
    *out = *x;
    if (strcmp(step->node->op, "Dropout") == 0) /* its mask */
        ifm_onnx_put(step, 1, out);
    return true;
}

static bool broadcast(struct ifm_onnx_step *step, ifm_shape *out)
{
    for (size_t i = 0; i < step->node->input_count; i++) {
        const ifm_shape *x = ifm_onnx_in(step, i);
        ifm_shape both;
        if (!x || (i && !ifm_onnx_broadcast(out, x, &both)))
            return false;
        *out = i ? both : *x;
    }
    return step->node->input_count > 0;
}

/* numpy's rule: operands of rank 1 get a dimension that goes again. */
static bool product(const ifm_shape *a, const ifm_shape *b, ifm_shape *out)
{
    ifm_shape left = *a, right = *b, rest;
    if (a->rank < 1 || b->rank < 1)
        return false;
    int64_t rows = a->rank > 1 ? a->dims[a->rank - 2] : 1, columns = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    if (a->dims[a->rank - 1] != b->dims[b->rank > 1 ? b->rank - 2 : 0])
        return false;
    left.rank = a->rank > 2 ? a->rank - 2 : 0;
    right.rank = b->rank > 2 ? b->rank - 2 : 0;
    if (!ifm_onnx_broadcast(&left, &right, &rest))
        return false;
    *out = rest;
    if (a->rank > 1)
        out->dims[out->rank++] = rows;
    if (b->rank > 1)
        out->dims[out->rank++] = columns;
    return true;
}

static bool matmul(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *a = ifm_onnx_in(step, 0);
    const ifm_shape *b = ifm_onnx_in(step, strcmp(step->node->op, "QLinearMatMul") == 0 ? 3 : 1);
    return a && b && product(a, b, out);
}

static bool gemm(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *a = ifm_onnx_in(step, 0);
    const ifm_shape *b = ifm_onnx_in(step, strcmp(step->node->op, "QGemm") == 0 ? 3 : 1);
    if (!a || !b || a->rank != 2 || b->rank != 2)
        return false;
    *out = (ifm_shape){ .rank = 2,
                        .dims = { a->dims[ifm_onnx_int(step, "transA", 0) ? 1 : 0],
                                  b->dims[ifm_onnx_int(step, "transB", 0) ? 0 : 1] } };
    return true;
}

static bool matmul_bits(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *a = ifm_onnx_in(step, 0);
    int64_t columns = ifm_onnx_int(step, "N", -1);
    if (!a || a->rank < 1 || columns < 0)
        return false;
    *out = *a;
    out->dims[a->rank - 1] = columns;
    return true;
}

static bool reduce(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values axes = { NULL, 0 };
    bool told = ifm_onnx_list(step, "axes", 1, &axes), gone[IFM_MAX_RANK] = { false };
    bool keep = ifm_onnx_int(step, "keepdims", 1) != 0;
    if (!x || (!told && step->node->input_count > 1 && step->node->inputs[1] != IFM_GRAPH_NONE))
        return false;
    for (size_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!ifm_onnx_axis(axes.items[i], x->rank, &axis))
            return false;
        gone[axis] = true;
    }
    bool all = !axes.count && !ifm_onnx_int(step, "noop_with_empty_axes", 0);
    out->rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (!all && !gone[i])
            out->dims[out->rank++] = x->dims[i];
        else if (keep)
            out->dims[out->rank++] = 1;
    }
    return true;
}

static bool arg(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    int32_t axis;
    if (!x || !ifm_onnx_axis(ifm_onnx_int(step, "axis", 0), x->rank, &axis))
        return false;
    *out = *x;
    out->dims[axis] = 1;
    if (!ifm_onnx_int(step, "keepdims", 1)) {
        memmove(out->dims + axis, out->dims + axis + 1, (size_t)(x->rank - axis - 1) * sizeof *out->dims);
        out->rank--;
    }
    return true;
}

static bool top_k(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    const struct ifm_onnx_values *k = ifm_onnx_in_values(step, 1);
    int32_t axis;
    if (!x || !k || k->count != 1 || !ifm_onnx_axis(ifm_onnx_int(step, "axis", -1), x->rank, &axis))
        return false;
    *out = *x;
    out->dims[axis] = k->items[0];
    ifm_onnx_put(step, 1, out);
    return true;
}

/* X [steps, batch, width], R [directions, gates x hidden, hidden] -> Y [steps, directions, batch, hidden] */
static bool recurrent(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0), *r = ifm_onnx_in(step, 2);
    if (!x || !r || x->rank != 3 || r->rank != 3)
        return false;
    bool batch_first = ifm_onnx_int(step, "layout", 0) != 0;
    int64_t steps = x->dims[batch_first ? 1 : 0], batch = x->dims[batch_first ? 0 : 1];
    int64_t ways = r->dims[0], hidden = ifm_onnx_int(step, "hidden_size", r->dims[2]);
    ifm_shape last = { .rank = 3, .dims = { ways, batch, hidden } };
    *out = (ifm_shape){ .rank = 4, .dims = { steps, ways, batch, hidden } };
    if (batch_first) {
        last = (ifm_shape){ .rank = 3, .dims = { batch, ways, hidden } };
        *out = (ifm_shape){ .rank = 4, .dims = { batch, steps, ways, hidden } };
    }
    ifm_onnx_put(step, 1, &last);
    ifm_onnx_put(step, 2, &last);
    return true;
}

static bool norm(struct ifm_onnx_step *step, ifm_shape *out)
{
    return same(step, out); /* further outputs (mean, variance) are not followed */
}

static bool scalar_range(struct ifm_onnx_step *step, ifm_shape *out)
{
    const struct ifm_onnx_values *part[3];
    for (size_t i = 0; i < 3; i++)
        if (!(part[i] = ifm_onnx_in_values(step, i)) || part[i]->count != 1)
            return false;
    int64_t from = part[0]->items[0], to = part[1]->items[0], by = part[2]->items[0], span;
    if (by <= 0 || __builtin_sub_overflow(to, from, &span))
        return false;
    *out = (ifm_shape){ .rank = 1, .dims = { span > 0 ? (span - 1) / by + 1 : 0 } };
    return true;
}

/* Sizes of the letters left of the arrow; NULL, or what follows the arrow. */
static const char *letters(const struct ifm_onnx_step *step, const char *p, int64_t sizes[128])
{
    size_t operand = 0;
    int32_t axis = 0;
    for (; *p && *p != '-'; p++) {
        const ifm_shape *x = ifm_onnx_in(step, operand);
        if (*p == ',') {
            operand++;
            axis = 0;
        } else if (*p != ' ') {
            if (!x || axis >= x->rank || *p == '.' || (unsigned char)*p >= 128)
                return NULL;
            sizes[(unsigned char)*p] = x->dims[axis++];
        }
    }
    return strncmp(p, "->", 2) == 0 ? p + 2 : NULL;
}

static bool einsum(struct ifm_onnx_step *step, ifm_shape *out)
{
    const struct ifm_graph_attribute *equation = ifm_graph_attribute(step->node, "equation");
    int64_t sizes[128];
    memset(sizes, -1, sizeof sizes);
    const char *p = equation && equation->kind == IFM_ATTR_TEXT ? letters(step, equation->text, sizes) : NULL;
    for (; p && *p; p++) {
        if (*p == ' ')
            continue;
        if ((unsigned char)*p >= 128 || sizes[(unsigned char)*p] < 0 || out->rank == IFM_MAX_RANK)
            return false;
        out->dims[out->rank++] = sizes[(unsigned char)*p];
    }
    return p != NULL;
}

static bool one_of(const char *list, const char *op)
{
    size_t len = strlen(op);
    for (const char *p = len ? strstr(list + 1, op) : NULL; p; p = strstr(p + 1, op))
        if (p[-1] == ' ' && p[len] == ' ')
            return true;
    return false;
}

ifm_onnx_rule *ifm_onnx_rule_math(const char *op)
{
    static const char unary[] =
        " Relu LeakyRelu Sigmoid Tanh Softmax LogSoftmax Hardmax Cast CastLike Identity Dropout Clip Exp Log Sqrt Abs Neg Erf"
        " Gelu FastGelu QuickGelu BiasGelu HardSigmoid HardSwish Swish Elu Selu Celu Floor Ceil Round Reciprocal Sin Cos Tan"
        " Asin Acos Atan Sinh Cosh Not Sign Softplus Softsign Mish ThresholdedRelu Shrink IsNaN IsInf LRN LpNormalization"
        " CumSum Trilu QuantizeLinear DequantizeLinear DynamicQuantizeLinear ScatterElements ScatterND Scatter RotaryEmbedding"
        " MultiHeadAttention BitwiseNot EyeLike RandomNormalLike RandomUniformLike ReverseSequence MeanVarianceNormalization ";
    static const char norms[] = " BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization"
                                " SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization ";
    static const char many[] = " Add Sub Mul Div Pow Min Max Sum Mean Where And Or Xor Equal Less Greater LessOrEqual"
                               " GreaterOrEqual Mod BitShift PRelu BitwiseAnd BitwiseOr BitwiseXor ";
    static const struct { const char *op; ifm_onnx_rule *rule; } rows[] = {
        { "MatMul", matmul },        { "FusedMatMul", matmul }, { "MatMulInteger", matmul }, { "QLinearMatMul", matmul },
        { "DynamicQuantizeMatMul", matmul }, { "MatMulIntegerToFloat", matmul }, { "Gemm", gemm }, { "QGemm", gemm },
        { "MatMulNBits", matmul_bits }, { "ArgMax", arg },      { "ArgMin", arg },           { "TopK", top_k },
        { "LSTM", recurrent },       { "GRU", recurrent },      { "RNN", recurrent },        { "Range", scalar_range },
        { "Einsum", einsum },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].rule;
    if (strncmp(op, "Reduce", 6) == 0)
        return reduce;
    return one_of(unary, op) ? same : one_of(norms, op) ? norm : one_of(many, op) ? broadcast : NULL;
}
