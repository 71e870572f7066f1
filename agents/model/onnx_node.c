/* NodeProto and AttributeProto: parsed into views, checked, then added with their subgraphs before them. */
#include <string.h>

#include "agents/model/onnx.h"

#define LIST_MAX 65536 /* inputs, outputs or attributes of one node; and numbers of one kept attribute */

static struct ifm_onnx_bytes bytes_of(const struct ifm_pb_field *field)
{
    return (struct ifm_onnx_bytes){ field->bytes, field->len };
}

static double float_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

/* -- Views --------------------------------------------------------------------------------------- */
static void set_attribute(struct ifm_onnx_attribute *out, const struct ifm_pb_field *field)
{
    switch (field->number) {
    case 1:
        out->name = bytes_of(field);
        break;
    case 2:
        out->f = float_of(field->value);
        break;
    case 3:
        out->i = (int64_t)field->value;
        break;
    case 4:
        out->s = bytes_of(field);
        break;
    case 5:
        out->t = *field;
        break;
    case 20:
        out->type = (int32_t)field->value;
        out->has_type = true;
        break;
    default:
        break;
    }
}

static int read_attribute(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_attribute *out)
{
    /* AttributeType of each field number */
    static const unsigned char kinds[32] = { [2] = IFM_ONNX_FLOAT,    [3] = IFM_ONNX_INT,
                                             [4] = IFM_ONNX_STRING,   [5] = IFM_ONNX_TENSOR,
                                             [6] = IFM_ONNX_GRAPH,    [7] = IFM_ONNX_FLOATS,
                                             [8] = IFM_ONNX_INTS,     [9] = IFM_ONNX_STRINGS,
                                             [10] = IFM_ONNX_TENSORS, [11] = IFM_ONNX_GRAPHS,
                                             [14] = IFM_ONNX_TYPE,    [15] = IFM_ONNX_TYPES,
                                             [22] = IFM_ONNX_SPARSE,  [23] = IFM_ONNX_SPARSES };
    struct ifm_pb_field field;
    int got;
    memset(out, 0, sizeof *out);
    out->whole = pb;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        unsigned kind = field.number < 32 ? kinds[field.number] : 0;
        bool empty = (kind == IFM_ONNX_FLOATS || kind == IFM_ONNX_INTS) &&
                     field.type == IFM_PB_BYTES && !field.len;
        if (kind && !empty)
            out->fields |= 1u << kind;
        set_attribute(out, &field);
    }
    out->used = (unsigned)__builtin_popcount(out->fields);
    return got < 0 ? ifm_onnx_cut(onnx, "an attribute") : 0;
}

static int count_lists(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_node *node)
{
    struct ifm_pb_field field;
    size_t inputs = 0, outputs = 0, attributes = 0;
    int got;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        inputs += field.number == 1;
        outputs += field.number == 2;
        attributes += field.number == 5;
    }
    if (got < 0)
        return ifm_onnx_cut(onnx, "a node");
    if (inputs > LIST_MAX || outputs > LIST_MAX || attributes > LIST_MAX)
        return ifm_err_set(onnx->err, IFM_ERR_TOO_LARGE, "model",
                           "%.80s: a node has more than %d inputs, outputs or attributes",
                           ifm_graph_base(onnx->graph), LIST_MAX);
    node->inputs = ifm_graph_alloc(onnx->graph, inputs + outputs, sizeof *node->inputs, onnx->err);
    node->attributes = ifm_graph_alloc(onnx->graph, attributes, sizeof *node->attributes, onnx->err);
    if (!node->inputs || !node->attributes)
        return ifm_onnx_failed(onnx);
    node->outputs = node->inputs + inputs;
    return 0;
}

static int read_node(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_node *node)
{
    struct ifm_pb_field field;
    int rc = count_lists(onnx, pb, node);
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        if (field.type != IFM_PB_BYTES && field.number <= 8)
            rc = ifm_onnx_cut(onnx, "a node");
        else if (field.number == 1)
            node->inputs[node->input_count++] = bytes_of(&field);
        else if (field.number == 2)
            node->outputs[node->output_count++] = bytes_of(&field);
        else if (field.number == 3)
            node->name = bytes_of(&field);
        else if (field.number == 4)
            node->op = bytes_of(&field);
        else if (field.number == 5)
            rc = read_attribute(onnx, ifm_pb_inside(&field), &node->attributes[node->attribute_count++]);
        else if (field.number == 7)
            node->domain = bytes_of(&field);
        else if (field.number == 8)
            node->overload = bytes_of(&field);
    }
    return rc;
}

/* -- Attributes that are kept -------------------------------------------------------------------- */
static int keep_ints(struct ifm_onnx *onnx, const struct ifm_onnx_attribute *view,
                     struct ifm_graph_attribute *out)
{
    for (int round = 0; round < 2; round++) { /* count, then fill */
        struct ifm_pb pb = view->whole;
        struct ifm_pb_field field;
        int64_t *items = (int64_t *)(uintptr_t)out->ints;
        size_t count = 0;
        while (ifm_pb_next(&pb, &field) == 1) {
            struct ifm_pb packed = ifm_pb_inside(&field);
            uint64_t value = field.value;
            if (field.number != 8)
                continue;
            for (int got = field.type == IFM_PB_BYTES ? ifm_pb_varint(&packed, &value) : 1;
                 got == 1 && count < LIST_MAX; count++) {
                if (round)
                    items[count] = (int64_t)value;
                got = field.type == IFM_PB_BYTES ? ifm_pb_varint(&packed, &value) : 0;
            }
        }
        out->count = count;
        if (!round && !(out->ints = ifm_graph_alloc(onnx->graph, count, sizeof *items, onnx->err)))
            return ifm_onnx_failed(onnx);
    }
    return 0;
}

static int keep_attributes(struct ifm_onnx *onnx, const struct ifm_onnx_node *view,
                           struct ifm_graph_attribute **out, size_t *count)
{
    *out = ifm_graph_alloc(onnx->graph, view->attribute_count + 1, sizeof **out, onnx->err);
    if (!*out)
        return ifm_onnx_failed(onnx);
    for (size_t i = 0; i < view->attribute_count; i++) {
        const struct ifm_onnx_attribute *from = &view->attributes[i];
        struct ifm_graph_attribute *to = &(*out)[*count];
        int rc = 0;
        if (from->fields & 1u << IFM_ONNX_INT) {
            to->kind = IFM_ATTR_INT;
            to->i = from->i;
        } else if (from->fields & 1u << IFM_ONNX_FLOAT) {
            to->kind = IFM_ATTR_FLOAT;
            to->f = from->f;
        } else if (from->fields & 1u << IFM_ONNX_STRING) {
            to->kind = IFM_ATTR_TEXT;
            to->text = ifm_onnx_text(onnx, from->s);
            rc = to->text ? 0 : ifm_onnx_failed(onnx);
        } else if (from->fields & 1u << IFM_ONNX_INTS) {
            to->kind = IFM_ATTR_INTS;
            rc = keep_ints(onnx, from, to);
        } else {
            continue;
        }
        to->name = rc ? NULL : ifm_onnx_text(onnx, from->name);
        if (!to->name)
            return ifm_onnx_failed(onnx);
        ++*count;
    }
    return 0;
}

/* -- Constants ----------------------------------------------------------------------------------- */
static int constant_tensor(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t output)
{
    struct ifm_onnx_tensor tensor;
    int rc = ifm_onnx_tensor_read(onnx, ifm_pb_inside(field), &tensor);
    if (!rc)
        rc = ifm_onnx_tensor_fill(onnx, &tensor, output);
    struct ifm_graph_tensor *out = &onnx->graph->tensors[output];
    out->buffer = !strstr(out->type, "float") || tensor.elements <= 1;
    return rc;
}

static int constant_ints(struct ifm_onnx *onnx, const struct ifm_onnx_attribute *attribute, uint32_t output)
{
    struct ifm_graph_attribute ints = { .ints = &attribute->i, .count = 1 };
    bool one = attribute->fields & 1u << IFM_ONNX_INT;
    int rc = one ? 0 : keep_ints(onnx, attribute, &ints);
    if (!rc && ints.count <= IFM_ONNX_VALUES_MAX)
        rc = ifm_onnx_values_set(onnx, output, ints.ints, ints.count);
    if (rc)
        return rc;
    struct ifm_graph_tensor *out = &onnx->graph->tensors[output];
    out->type = "int64";
    out->dtype = IFM_DTYPE_I64;
    out->rank = one ? 0 : 1;
    out->dims[0] = one ? 0 : (int64_t)ints.count;
    out->bytes = (int64_t)ints.count * 8;
    out->constant = out->buffer = true;
    return 0;
}

/* What a Constant node holds becomes a constant of the graph. Texts, single numbers and integers are no parameters. */
static int constant(struct ifm_onnx *onnx, const struct ifm_onnx_node *view, uint32_t output)
{
    const struct ifm_onnx_attribute *attribute = view->attribute_count ? &view->attributes[0] : NULL;
    if (!attribute || output == IFM_GRAPH_NONE)
        return 0;
    if (attribute->t.bytes)
        return constant_tensor(onnx, &attribute->t, output);
    if (attribute->fields & (1u << IFM_ONNX_INT | 1u << IFM_ONNX_INTS))
        return constant_ints(onnx, attribute, output);
    if (attribute->fields & 1u << IFM_ONNX_FLOAT) {
        struct ifm_graph_tensor *out = &onnx->graph->tensors[output];
        out->type = "float32";
        out->dtype = IFM_DTYPE_F32;
        out->rank = 0;
        out->bytes = 4;
        out->constant = out->buffer = true;
    }
    return 0;
}

/* -- Subgraphs ----------------------------------------------------------------------------------- */
static int subgraph(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope, uint32_t *first)
{
    uint32_t inner;
    int rc = ifm_onnx_scope(onnx, scope, &inner);
    if (*first == IFM_GRAPH_NONE)
        *first = inner;
    return rc ? rc : ifm_onnx_graph(onnx, pb, inner);
}

static int subgraphs(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, uint32_t scope,
                     uint32_t *first)
{
    int rc = 0;
    for (size_t i = 0; i < node->attribute_count && !rc; i++) {
        struct ifm_pb pb = node->attributes[i].whole;
        struct ifm_pb_field field;
        if (!(node->attributes[i].fields & (1u << IFM_ONNX_GRAPH | 1u << IFM_ONNX_GRAPHS)))
            continue;
        while (!rc && ifm_pb_next(&pb, &field) == 1)
            if ((field.number == 6 || field.number == 11) && field.type == IFM_PB_BYTES)
                rc = subgraph(onnx, ifm_pb_inside(&field), scope, first);
    }
    return rc;
}

/* -- Adding -------------------------------------------------------------------------------------- */
static int resolve_input(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, size_t i, uint32_t scope,
                         uint32_t *out)
{
    *out = IFM_GRAPH_NONE;
    if (!node->inputs[i].len)
        return 0;
    struct ifm_onnx_name *name = ifm_onnx_name_visible(onnx, scope, node->inputs[i]);
    int rc = 0;
    if (!name) {
        rc = IFM_ONNX_PROBLEM(onnx, "input-missing",
                              "node \"%.*s\" (%.*s): input \"%.*s\" is made by nothing before it",
                              IFM_ONNX_ARG(node->name), IFM_ONNX_ARG(node->op), IFM_ONNX_ARG(node->inputs[i]));
        name = rc ? NULL : ifm_onnx_name_make(onnx, scope, node->inputs[i]);
        if (!name)
            return ifm_onnx_failed(onnx);
    }
    *out = name->tensor;
    return rc;
}

static int define_output(struct ifm_onnx *onnx, const struct ifm_onnx_node *node, size_t i, uint32_t scope,
                         uint32_t *out)
{
    *out = IFM_GRAPH_NONE;
    if (!node->outputs[i].len)
        return 0;
    int rc = 0;
    if (ifm_onnx_name_visible(onnx, scope, node->outputs[i]))
        rc = IFM_ONNX_PROBLEM(onnx, "duplicate-name", "\"%.*s\" is made twice (by node \"%.*s\" again)",
                              IFM_ONNX_ARG(node->outputs[i]), IFM_ONNX_ARG(node->name));
    struct ifm_onnx_name *name = rc ? NULL : ifm_onnx_name_make(onnx, scope, node->outputs[i]);
    if (!name)
        return ifm_onnx_failed(onnx);
    name->defined = name->produced = true;
    *out = name->tensor;
    return 0;
}

/* Outputs of the first branch, for shape inference of an If: kept as one more attribute. */
static int branch_outputs(struct ifm_onnx *onnx, const struct ifm_onnx_node *view, uint32_t first,
                          struct ifm_graph_attribute *out, size_t *count)
{
    int64_t *items = ifm_graph_alloc(onnx->graph, 16, sizeof *items, onnx->err);
    struct ifm_pb_field graph, field, name;
    if (!items)
        return ifm_onnx_failed(onnx);
    *out = (struct ifm_graph_attribute){ .name = "#outputs", .kind = IFM_ATTR_INTS, .ints = items };
    for (size_t i = 0; i < view->attribute_count; i++) {
        if (!ifm_pb_find(view->attributes[i].whole, 6, IFM_PB_BYTES, &graph))
            continue;
        for (struct ifm_pb pb = ifm_pb_inside(&graph); out->count < 16 && ifm_pb_next(&pb, &field) == 1;) {
            if (field.number != 12 || !ifm_pb_find(ifm_pb_inside(&field), 1, IFM_PB_BYTES, &name))
                continue;
            struct ifm_onnx_name *found = ifm_onnx_name_here(onnx, first, bytes_of(&name));
            items[out->count++] = found ? found->tensor : IFM_GRAPH_NONE;
        }
        break;
    }
    ++*count;
    return 0;
}

static int add(struct ifm_onnx *onnx, const struct ifm_onnx_node *view, const struct ifm_graph_node *ready)
{
    const char *op = ifm_onnx_text(onnx, view->op), *domain = ifm_onnx_text(onnx, view->domain);
    const char *name = ifm_onnx_text(onnx, view->name);
    struct ifm_graph_node *node =
        op && domain && name ? ifm_graph_add_node(onnx->graph, onnx->err) : NULL;
    if (!node)
        return ifm_onnx_failed(onnx);
    *node = *ready;
    node->op = op;
    node->domain = domain;
    node->name = name;
    node->macs = IFM_GRAPH_UNKNOWN;
    return 0;
}

static int operands(struct ifm_onnx *onnx, const struct ifm_onnx_node *view, uint32_t scope,
                    struct ifm_graph_node *node)
{
    int rc = 0;
    node->inputs = ifm_graph_alloc(onnx->graph, view->input_count + view->output_count, sizeof *node->inputs,
                                   onnx->err);
    if (!node->inputs)
        return ifm_onnx_failed(onnx);
    node->outputs = node->inputs + view->input_count;
    node->input_count = view->input_count;
    node->output_count = view->output_count;
    for (size_t i = 0; i < view->input_count && !rc; i++)
        rc = resolve_input(onnx, view, i, scope, &node->inputs[i]);
    return rc;
}

/* Outputs come to be after the subgraphs, which may use their names for themselves. */
static int finish(struct ifm_onnx *onnx, const struct ifm_onnx_node *view, uint32_t scope, uint32_t first,
                  struct ifm_graph_node *node)
{
    int rc = 0;
    for (size_t i = 0; i < view->output_count && !rc; i++)
        rc = define_output(onnx, view, i, scope, &node->outputs[i]);
    if (!rc && first != IFM_GRAPH_NONE && ifm_onnx_is(view->op, "If"))
        rc = branch_outputs(onnx, view, first, &node->attributes[node->attribute_count], &node->attribute_count);
    if (!rc && ifm_onnx_is(view->op, "Constant") && view->output_count)
        rc = constant(onnx, view, node->outputs[0]);
    return rc ? rc : add(onnx, view, node);
}

int ifm_onnx_node(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope)
{
    struct ifm_onnx_node view = { .input_count = 0 };
    struct ifm_graph_node node = { .subgraph = scope };
    uint32_t first = IFM_GRAPH_NONE;
    size_t before = onnx->scope_count;
    int rc = read_node(onnx, pb, &view);
    if (!rc)
        rc = operands(onnx, &view, scope, &node);
    if (!rc)
        rc = ifm_onnx_node_check(onnx, &view);
    if (!rc)
        rc = keep_attributes(onnx, &view, &node.attributes, &node.attribute_count);
    if (!rc)
        rc = subgraphs(onnx, &view, scope, &first);
    if (!rc)
        rc = finish(onnx, &view, scope, first, &node);
    for (size_t s = before; !rc && s < onnx->scope_count; s++)
        if (onnx->owners[s] == IFM_GRAPH_NONE) /* not one of a node inside */
            onnx->owners[s] = (uint32_t)(onnx->graph->node_count - 1);
    return rc;
}
