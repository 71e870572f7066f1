/* Which tensors the quantizing operators tell to be quantized, and how finely. */
#include <string.h>

#include "agents/model/onnx.h"

/* Operand that is quantized (output 0 where it is QuantizeLinear's) and the operand that holds its scales. */
static const struct {
    const char *op;
    unsigned char tensor, scale;
    bool output;
} rows[] = {
    { "DequantizeLinear", 0, 1, false }, { "QuantizeLinear", 0, 1, true },  { "QLinearConv", 0, 1, false },
    { "QLinearConv", 3, 4, false },      { "QLinearConv", 0, 6, true },     { "QLinearMatMul", 0, 1, false },
    { "QLinearMatMul", 3, 4, false },    { "QLinearMatMul", 0, 6, true },   { "MatMulNBits", 1, 2, false },
    { "MatMulInteger", 1, 3, false },    { "ConvInteger", 1, 3, false },    { "DynamicQuantizeLinear", 0, 1, true },
};

static uint32_t operand(const uint32_t *list, size_t count, size_t place)
{
    return place < count ? list[place] : IFM_GRAPH_NONE;
}

static void mark(struct ifm_graph *graph, const struct ifm_graph_node *node, uint32_t tensor, uint32_t scale)
{
    struct ifm_graph_tensor *out = &graph->tensors[tensor];
    const struct ifm_graph_attribute *axis = ifm_graph_attribute(node, "axis");
    const struct ifm_graph_attribute *block = ifm_graph_attribute(node, "block_size");
    int64_t count = 1;
    if (scale < graph->tensor_count)
        for (int32_t i = 0; i < graph->tensors[scale].rank && i < IFM_MAX_RANK; i++)
            if (graph->tensors[scale].dims[i] < 0 ||
                __builtin_mul_overflow(count, graph->tensors[scale].dims[i], &count))
                count = 1;
    out->quant_count = count;
    out->quant = count <= 1 ? IFM_QUANT_TENSOR : IFM_QUANT_CHANNEL;
    if (block && block->kind == IFM_ATTR_INT && block->i > 0)
        out->quant = IFM_QUANT_BLOCK;
    out->quant_axis = axis && axis->kind == IFM_ATTR_INT ? (int32_t)axis->i
                      : strcmp(node->op, "QLinearConv") == 0 || strcmp(node->op, "ConvInteger") == 0 ? 0 : 1;
}

void ifm_onnx_quant(struct ifm_onnx *onnx)
{
    struct ifm_graph *graph = onnx->graph;
    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            const struct ifm_graph_node *node = &graph->nodes[i];
            if (strcmp(node->op, rows[k].op) != 0)
                continue;
            uint32_t tensor = rows[k].output ? operand(node->outputs, node->output_count, 0)
                                             : operand(node->inputs, node->input_count, rows[k].tensor);
            graph->quantized = true;
            if (tensor < graph->tensor_count)
                mark(graph, node, tensor, operand(node->inputs, node->input_count, rows[k].scale));
        }
}
