/* Rules over operators: quantization, training, placement, layout. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/lint.h"

static bool is(const struct ifm_graph_node *node, const char *op)
{
    return node && strcmp(node->op, op) == 0;
}

static size_t count(const struct ifm_lint *lint, const char *const *ops, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->op_count; i++)
        if (ifm_lint_among(lint->graph->ops[i].op, ops))
            ifm_lint_name(seen, found++, lint->graph->ops[i].op);
    return found;
}

static bool is_integer(enum ifm_dtype dtype)
{
    return dtype == IFM_DTYPE_I8 || dtype == IFM_DTYPE_U8;
}

/* Integer arithmetic, as far as the file tells it: an operator of its own, Q/DQ around it, or TFLite's types. */
static bool is_quantized(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    if (strncmp(node->op, "QLinear", 7) == 0 || is(node, "ConvInteger") || is(node, "MatMulInteger"))
        return true;
    if (!node->input_count || node->inputs[0] >= lint->graph->tensor_count)
        return false;
    return is(ifm_lint_maker(lint, node->inputs[0]), "DequantizeLinear") ||
           is_integer(lint->graph->tensors[node->inputs[0]].dtype);
}

static bool is_conv(const struct ifm_graph_node *node)
{
    static const char *const ops[] = { "Conv", "QLinearConv", "ConvInteger", "CONV_2D", "Convolution", NULL };
    return ifm_lint_among(node->op, ops);
}

/* What may stand between a softmax and the products around it. */
static const char *const between[] = { "DequantizeLinear", "QuantizeLinear", "Mul", "Div", "Add", NULL };

static bool reads_softmax(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    for (int steps = 0; node && node->input_count && steps < 5; steps++) {
        node = ifm_lint_maker(lint, node->inputs[0]);
        if (!node || !ifm_lint_among(node->op, between))
            break;
    }
    return is(node, "Softmax");
}

static bool feeds_softmax(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    for (int steps = 0; node->output_count && steps < 5; steps++) {
        uint32_t at = node->outputs[0];
        if (at >= lint->graph->tensor_count || lint->users[at] == IFM_GRAPH_NONE)
            return false;
        node = &lint->graph->nodes[lint->users[at]];
        if (!ifm_lint_among(node->op, between))
            break;
    }
    return is(node, "Softmax");
}

static bool is_attention(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    static const char *const products[] = { "MatMul", "MatMulInteger", "QLinearMatMul", NULL };
    return ifm_lint_among(node->op, products) && (reads_softmax(lint, node) || feeds_softmax(lint, node));
}

bool ifm_lint_sensitive(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    const struct ifm_graph_node *first = NULL, *last = NULL;
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->node_count; i++)
        if (is_conv(&lint->graph->nodes[i])) {
            first = first ? first : &lint->graph->nodes[i];
            last = &lint->graph->nodes[i];
        }
    if (first && is_quantized(lint, first))
        ifm_lint_name(seen, found++, *first->name ? first->name : first->op);
    if (last && last != first && is_quantized(lint, last))
        ifm_lint_name(seen, found++, *last->name ? last->name : last->op);
    for (size_t i = 0; i < lint->graph->node_count; i++) {
        const struct ifm_graph_node *node = &lint->graph->nodes[i];
        if (is_quantized(lint, node) && is_attention(lint, node))
            ifm_lint_name(seen, found++, *node->name ? node->name : node->op);
    }
    return found > 0;
}

/* A DequantizeLinear whose data is computed, not a constant. */
static bool is_activation(const struct ifm_lint *lint, uint32_t tensor)
{
    const struct ifm_graph_node *maker = ifm_lint_maker(lint, tensor);
    return is(maker, "DequantizeLinear") && maker->input_count && ifm_lint_maker(lint, maker->inputs[0]);
}

/* Whether the node's only reader, behind one activation function, quantizes; the graph's end counts as well. */
static bool ends_quantized(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    static const char *const fused[] = { "Relu", "Clip", NULL };
    uint32_t at = node->output_count ? node->outputs[0] : IFM_GRAPH_NONE;
    for (int steps = 0; steps < 2 && at < lint->graph->tensor_count; steps++) {
        if (lint->users[at] == IFM_GRAPH_NONE)
            return true;
        const struct ifm_graph_node *user = &lint->graph->nodes[lint->users[at]];
        if (is(user, "QuantizeLinear"))
            return true;
        if (!ifm_lint_among(user->op, fused) || lint->uses[at] > 1 || !user->output_count)
            return false;
        at = user->outputs[0];
    }
    return false;
}

bool ifm_lint_unfused_qdq(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->node_count; i++) {
        const struct ifm_graph_node *node = &lint->graph->nodes[i];
        if (node->input_count && !is(node, "QuantizeLinear") && is_activation(lint, node->inputs[0]) &&
            !ends_quantized(lint, node))
            ifm_lint_name(seen, found++, *node->name ? node->name : node->op);
    }
    return found > 0;
}

bool ifm_lint_dynamic_conv(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const ops[] = { "ConvInteger", NULL };
    return count(lint, ops, seen) > 0;
}

bool ifm_lint_qoperators(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->op_count; i++)
        if (strncmp(lint->graph->ops[i].op, "QLinear", 7) == 0)
            ifm_lint_name(seen, found++, lint->graph->ops[i].op);
    return found > 0;
}

bool ifm_lint_fallback(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const ops[] = { "If", "Loop", "Scan", "LSTM", "GRU", "RNN", "NonMaxSuppression", "NonZero", "TopK",
                                       "Einsum", "ScatterND", "GatherND", "CumSum", "OneHot", "RoiAlign", "WHILE", "IF",
                                       "WHERE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "TOPK_V2", NULL };
    return count(lint, ops, seen) > 0;
}

bool ifm_lint_random(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const ops[] = { "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
                                       "Multinomial", "RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", NULL };
    return count(lint, ops, seen) > 0;
}

bool ifm_lint_leftover(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const ops[] = { "Identity", "Dropout", NULL };
    return lint->onnx && count(lint, ops, seen) > 0;
}

/* Dropout is told by its third input, batch normalisation by an attribute. */
static bool trains(const struct ifm_lint *lint, const struct ifm_graph_node *node)
{
    const struct ifm_graph_attribute *mode = ifm_graph_attribute(node, "training_mode");
    if (is(node, "BatchNormalization"))
        return mode && mode->kind == IFM_ATTR_INT && mode->i;
    if (!is(node, "Dropout") || node->input_count < 3 || node->inputs[2] >= lint->graph->tensor_count)
        return false;
    const struct ifm_graph_tensor *flag = &lint->graph->tensors[node->inputs[2]];
    return flag->constant && flag->data && flag->bytes >= 1 && flag->data[0];
}

bool ifm_lint_training(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->node_count; i++)
        if (trains(lint, &lint->graph->nodes[i]))
            ifm_lint_name(seen, found++, lint->graph->nodes[i].op);
    return found > 0;
}

bool ifm_lint_batchnorm(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->node_count; i++) {
        const struct ifm_graph_node *node = &lint->graph->nodes[i];
        if (is(node, "BatchNormalization") && node->input_count && is(ifm_lint_maker(lint, node->inputs[0]), "Conv"))
            ifm_lint_name(seen, found++, *node->name ? node->name : node->op);
    }
    return found > 0;
}

bool ifm_lint_custom(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const standard[] = { "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training",
                                            "ai.onnx.preview.training", NULL };
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->op_count; i++)
        if (!ifm_lint_among(lint->graph->ops[i].domain, standard)) {
            char name[200];
            snprintf(name, sizeof name, "%.80s:%.80s", lint->graph->ops[i].domain, lint->graph->ops[i].op);
            ifm_lint_name(seen, found++, name);
        }
    return found > 0;
}

bool ifm_lint_transposes(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const int64_t last[] = { 0, 2, 3, 1 }, first[] = { 0, 3, 1, 2 };
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->node_count; i++) {
        const struct ifm_graph_node *node = &lint->graph->nodes[i];
        const struct ifm_graph_attribute *order = is(node, "Transpose") ? ifm_graph_attribute(node, "perm") : NULL;
        if (order && order->kind == IFM_ATTR_INTS && order->count == 4 &&
            (memcmp(order->ints, last, sizeof last) == 0 || memcmp(order->ints, first, sizeof first) == 0))
            ifm_lint_name(seen, found++, *node->name ? node->name : node->op);
    }
    return found > 0;
}
