#include "agents/model/onnx_infer.h"

#include <string.h>

static uint32_t operand(const uint32_t *list, size_t count, size_t place)
{
    return place < count ? list[place] : IFM_GRAPH_NONE;
}

const ifm_shape *ifm_onnx_in(const struct ifm_onnx_step *step, size_t place)
{
    uint32_t tensor = operand(step->node->inputs, step->node->input_count, place);
    if (tensor >= step->graph->tensor_count)
        return NULL;
    const ifm_shape *shape = &step->graph->shapes[tensor];
    for (int32_t i = 0; i < shape->rank && i < IFM_MAX_RANK; i++)
        if (shape->dims[i] > (INT64_C(1) << 40)) /* so that the rules cannot overflow */
            return NULL;
    return ifm_graph_elements(shape) == IFM_GRAPH_UNKNOWN ? NULL : shape;
}

const struct ifm_onnx_values *ifm_onnx_in_values(const struct ifm_onnx_step *step, size_t place)
{
    return ifm_onnx_values_of(step->onnx, operand(step->node->inputs, step->node->input_count, place));
}

void ifm_onnx_put(struct ifm_onnx_step *step, size_t place, const ifm_shape *shape)
{
    uint32_t tensor = operand(step->node->outputs, step->node->output_count, place);
    if (tensor < step->graph->tensor_count && ifm_graph_elements(shape) != IFM_GRAPH_UNKNOWN)
        step->graph->shapes[tensor] = *shape;
}

int64_t ifm_onnx_int(const struct ifm_onnx_step *step, const char *name, int64_t otherwise)
{
    const struct ifm_graph_attribute *attribute = ifm_graph_attribute(step->node, name);
    return attribute && attribute->kind == IFM_ATTR_INT ? attribute->i : otherwise;
}

bool ifm_onnx_list(const struct ifm_onnx_step *step, const char *name, size_t place,
                   struct ifm_onnx_values *out)
{
    const struct ifm_graph_attribute *attribute = ifm_graph_attribute(step->node, name);
    const struct ifm_onnx_values *values = ifm_onnx_in_values(step, place);
    if (attribute && attribute->kind == IFM_ATTR_INTS)
        *out = (struct ifm_onnx_values){ (int64_t *)(uintptr_t)attribute->ints, attribute->count };
    else if (values)
        *out = *values;
    else
        return false;
    return true;
}

bool ifm_onnx_axis(int64_t axis, int32_t rank, int32_t *out)
{
    if (axis < -rank || axis >= rank)
        return false;
    *out = (int32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

bool ifm_onnx_broadcast(const ifm_shape *a, const ifm_shape *b, ifm_shape *out)
{
    *out = (ifm_shape){ .rank = a->rank > b->rank ? a->rank : b->rank };
    for (int32_t i = 0; i < out->rank; i++) {
        int32_t ia = i - (out->rank - a->rank), ib = i - (out->rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1)
            return false;
        out->dims[i] = da == 1 ? db : da;
    }
    return true;
}

/* An If gives what its first branch gives. */
static void of_branch(struct ifm_onnx_step *step)
{
    const struct ifm_graph_attribute *outputs = ifm_graph_attribute(step->node, "#outputs");
    for (size_t i = 0; outputs && i < outputs->count; i++)
        if (outputs->ints[i] >= 0 && (size_t)outputs->ints[i] < step->graph->tensor_count)
            ifm_onnx_put(step, i, &step->graph->shapes[outputs->ints[i]]);
}

/* Types follow the first input where nothing is declared; what differs is told by the few that change it. */
static void set_type(struct ifm_onnx_step *step)
{
    static const struct { const char *op, *type; enum ifm_dtype dtype; } fixed[] = {
        { "Shape", "int64", IFM_DTYPE_I64 }, { "Size", "int64", IFM_DTYPE_I64 },
        { "ArgMax", "int64", IFM_DTYPE_I64 }, { "Equal", "bool", IFM_DTYPE_BOOL },
        { "Less", "bool", IFM_DTYPE_BOOL },  { "Greater", "bool", IFM_DTYPE_BOOL },
        { "MatMulInteger", "int32", IFM_DTYPE_I32 }, { "ConvInteger", "int32", IFM_DTYPE_I32 },
        { "QuantizeLinear", "uint8", IFM_DTYPE_U8 }, { "DynamicQuantizeLinear", "uint8", IFM_DTYPE_U8 },
        { "DequantizeLinear", "float32", IFM_DTYPE_F32 },
    };
    const struct ifm_graph_node *node = step->node;
    uint32_t out = operand(node->outputs, node->output_count, 0);
    uint32_t in = operand(node->inputs, node->input_count, strcmp(node->op, "Where") == 0 ? 1 : 0);
    if (out >= step->graph->tensor_count || *step->graph->tensors[out].type)
        return;
    struct ifm_graph_tensor *tensor = &step->graph->tensors[out];
    if (in < step->graph->tensor_count) {
        tensor->type = step->graph->tensors[in].type;
        tensor->dtype = step->graph->tensors[in].dtype;
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(node->op, fixed[i].op) == 0) {
            tensor->type = fixed[i].type;
            tensor->dtype = fixed[i].dtype;
        }
    if (strcmp(node->op, "Cast") == 0) {
        tensor->type = ifm_onnx_type_name(ifm_onnx_int(step, "to", 0));
        tensor->dtype = ifm_onnx_dtype(ifm_onnx_int(step, "to", 0));
    }
}

static int infer_node(struct ifm_onnx_step *step)
{
    ifm_shape out;
    ifm_onnx_rule *rule = ifm_onnx_rule_window(step->node->op);
    if (!rule)
        rule = ifm_onnx_rule_move(step->node->op);
    if (!rule)
        rule = ifm_onnx_rule_math(step->node->op);
    memset(&out, 0, sizeof out);
    if (rule && rule(step, &out))
        ifm_onnx_put(step, 0, &out);
    else if (strcmp(step->node->op, "If") == 0)
        of_branch(step);
    set_type(step);
    return ifm_onnx_follow(step);
}

int ifm_onnx_infer(struct ifm_onnx *onnx)
{
    struct ifm_onnx_step step = { onnx, onnx->graph, NULL };
    int rc = ifm_graph_shape_all(onnx->graph, onnx->err);
    for (size_t i = 0; !rc && i < onnx->graph->node_count; i++) {
        step.node = &onnx->graph->nodes[i];
        rc = infer_node(&step);
    }
    return rc;
}
