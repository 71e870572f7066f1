/* GraphProto and FunctionProto: declarations first, whatever order they stand in, then nodes in file order. */
#include <string.h>

#include "agents/model/onnx.h"
#include "core/mem.h"

static struct ifm_onnx_bytes bytes_of(const struct ifm_pb_field *field)
{
    return (struct ifm_onnx_bytes){ field->bytes, field->len };
}

/* -- Declared values ----------------------------------------------------------------------------- */
static int read_dim(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_graph_tensor *tensor, uint32_t index)
{
    struct ifm_pb_field field;
    int64_t value = -1;
    const char *name = NULL;
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1) {
            value = (int64_t)field.value < 0 ? -1 : (int64_t)field.value;
        } else if (field.number == 2 && field.len) {
            name = ifm_onnx_text(onnx, bytes_of(&field));
            if (!name)
                return ifm_onnx_failed(onnx);
        }
    }
    if (tensor->rank < IFM_MAX_RANK) {
        tensor->dims[tensor->rank] = name ? -1 : value;
        tensor->dim_names[tensor->rank] = name;
    }
    tensor->rank++;
    (void)index;
    return 0;
}

static int read_shape(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t index)
{
    struct ifm_pb_field field;
    int rc = 0;
    struct ifm_graph_tensor *tensor = &onnx->graph->tensors[index];
    tensor->rank = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1)
        if (field.number == 1 && field.type == IFM_PB_BYTES && tensor->rank < 4096)
            rc = read_dim(onnx, ifm_pb_inside(&field), tensor, index);
    return rc;
}

/* TypeProto.Tensor and .SparseTensor. */
static int read_tensor_type(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t index, bool *has_elem,
                            bool *has_shape)
{
    struct ifm_pb_field field;
    struct ifm_graph_tensor *tensor = &onnx->graph->tensors[index];
    bool keep = !tensor->constant; /* an initializer's own shape is the truth */
    int rc = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1) {
            *has_elem = true;
            if (keep) {
                tensor->type = ifm_onnx_type_name((int64_t)field.value);
                tensor->dtype = ifm_onnx_dtype((int64_t)field.value);
            }
        } else if (field.number == 2 && field.type == IFM_PB_BYTES) {
            *has_shape = true;
            rc = keep ? read_shape(onnx, ifm_pb_inside(&field), index) : 0;
        }
    }
    return rc;
}

/* A list, map or optional of others: what is in it is not kept. */
static const char *container(const struct ifm_pb_field *field)
{
    return field->number == 4 ? "sequence" : field->number == 5 ? "map" : field->number == 9 ? "optional"
           : field->number == 7 ? "opaque" : NULL;
}

static int read_type(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t index, const char **missing)
{
    struct ifm_pb_field field;
    bool known = false;
    while (ifm_pb_next(&pb, &field) == 1) {
        bool has_elem = false, has_shape = false;
        struct ifm_graph_tensor *tensor = &onnx->graph->tensors[index];
        if (field.number == 1 || field.number == 8) {
            int rc = read_tensor_type(onnx, ifm_pb_inside(&field), index, &has_elem, &has_shape);
            if (rc)
                return rc;
            *missing = !has_elem ? "element type" : !has_shape ? "shape" : NULL;
            known = true;
        } else if (container(&field)) {
            struct ifm_pb_field part;
            bool whole = field.number == 7 || ifm_pb_find(ifm_pb_inside(&field), field.number == 5 ? 2 : 1,
                                                          IFM_PB_BYTES, &part);
            tensor->type = container(&field);
            *missing = whole ? NULL : "element type";
            known = true;
        }
    }
    if (!known)
        *missing = "known type";
    return 0;
}

int ifm_onnx_value_info(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope, bool strict,
                        struct ifm_onnx_name **out)
{
    struct ifm_pb_field field, type = { .number = 0 };
    struct ifm_onnx_bytes key = { NULL, 0 };
    const char *missing = "type";
    int got, rc = 0;
    *out = NULL;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        if (field.number == 1)
            key = bytes_of(&field);
        else if (field.number == 2 && field.type == IFM_PB_BYTES)
            type = field;
    }
    if (got < 0)
        return ifm_onnx_cut(onnx, "an input or output");
    if (!key.len)
        return strict ? IFM_ONNX_PROBLEM(onnx, "value-name", "an input or output has no name") : 0;
    *out = ifm_onnx_name_make(onnx, scope, key);
    if (!*out)
        return ifm_onnx_failed(onnx);
    if (type.number)
        rc = read_type(onnx, ifm_pb_inside(&type), (*out)->tensor, &missing);
    if (!rc && strict && missing)
        rc = IFM_ONNX_PROBLEM(onnx, "value-type", "\"%.*s\" has no %s", IFM_ONNX_ARG(key), missing);
    return rc;
}

/* -- Graphs -------------------------------------------------------------------------------------- */
static int add_input(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    struct ifm_onnx_name *name;
    int rc = ifm_onnx_value_info(onnx, ifm_pb_inside(field), scope, scope == 0, &name);
    if (rc || !name)
        return rc;
    if (name->input)
        rc = IFM_ONNX_PROBLEM(onnx, "duplicate-name", "input \"%.*s\" stands twice", IFM_ONNX_ARG(name->key));
    name->input = name->defined = name->produced = true;
    return rc;
}

static int add_initializer(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    struct ifm_onnx_tensor tensor;
    int rc = ifm_onnx_tensor_read(onnx, ifm_pb_inside(field), &tensor);
    if (rc)
        return rc;
    if (!tensor.name.len)
        return IFM_ONNX_PROBLEM(onnx, "initializer-name", "an initializer has no name");
    struct ifm_onnx_name *name = ifm_onnx_name_make(onnx, scope, tensor.name);
    if (!name)
        return ifm_onnx_failed(onnx);
    uint32_t index = name->tensor;
    bool input = name->input, twice = name->initializer;
    name->initializer = name->defined = name->produced = true;
    if (twice)
        rc = IFM_ONNX_PROBLEM(onnx, "duplicate-name", "initializer \"%.*s\" stands twice", IFM_ONNX_ARG(tensor.name));
    if (!rc)
        rc = ifm_onnx_tensor_check(onnx, &tensor);
    if (!rc && onnx->ir_version <= 3 && !input)
        rc = IFM_ONNX_PROBLEM(onnx, "initializer-input", "IR version %lld wants initializer \"%.*s\" among the inputs",
                              (long long)onnx->ir_version, IFM_ONNX_ARG(tensor.name));
    return rc ? rc : ifm_onnx_tensor_fill(onnx, &tensor, index);
}

static int add_declared(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    struct ifm_onnx_name *name;
    return ifm_onnx_value_info(onnx, ifm_pb_inside(field), scope,
                               scope == 0 && field->number == 12, &name);
}

typedef int each_field(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope);

/* One pass over a graph for the fields of one or two numbers. */
static int pass(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t a, uint32_t b, uint32_t scope,
                each_field *each)
{
    struct ifm_pb_field field;
    int got, rc = 0;
    while (!rc && (got = ifm_pb_next(&pb, &field)) != 0) {
        if (got < 0)
            return ifm_onnx_cut(onnx, "its graph");
        if ((field.number == a || field.number == b) && field.type == IFM_PB_BYTES)
            rc = each(onnx, &field, scope);
    }
    return rc;
}

static int add_sparse(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    return ifm_onnx_sparse(onnx, scope, ifm_pb_inside(field), true);
}

static int add_node(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    return ifm_onnx_node(onnx, ifm_pb_inside(field), scope);
}

static int check_output(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    struct ifm_pb_field part;
    if (!ifm_pb_find(ifm_pb_inside(field), 1, IFM_PB_BYTES, &part))
        return 0;
    struct ifm_onnx_name *name = ifm_onnx_name_here(onnx, scope, bytes_of(&part));
    if (name && !name->produced && !(scope && ifm_onnx_name_visible(onnx, scope, name->key)))
        return IFM_ONNX_PROBLEM(onnx, "output-missing", "output \"%.*s\" is made by no node",
                                IFM_ONNX_ARG(name->key));
    return 0;
}

/* Lists of the main graph: inputs that are no constants, and outputs. */
static int list(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t number, uint32_t **out, size_t *count)
{
    struct ifm_pb copy = pb;
    struct ifm_pb_field field, part;
    size_t most = 0;
    while (ifm_pb_next(&copy, &field) == 1)
        most += field.number == number;
    *out = ifm_graph_alloc(onnx->graph, most, sizeof **out, onnx->err);
    if (!*out)
        return ifm_onnx_failed(onnx);
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number != number || !ifm_pb_find(ifm_pb_inside(&field), 1, IFM_PB_BYTES, &part))
            continue;
        struct ifm_onnx_name *name = ifm_onnx_name_here(onnx, 0, bytes_of(&part));
        if (name && (number == 12 || !name->initializer))
            (*out)[(*count)++] = name->tensor;
    }
    return 0;
}

/* A name may be given twice in the file: the last counts. */
static int graph_name(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope)
{
    struct ifm_pb_field field;
    struct ifm_onnx_bytes name = { NULL, 0 }, doc = { NULL, 0 };
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 2)
            name = bytes_of(&field);
        else if (field.number == 10)
            doc = bytes_of(&field);
    }
    if (!scope) {
        onnx->graph->name = ifm_onnx_text(onnx, name);
        if (!onnx->graph->name)
            return ifm_onnx_failed(onnx);
        if (doc.len && !*onnx->graph->description)
            onnx->graph->description = ifm_onnx_text(onnx, doc);
    }
    return name.len ? 0 : IFM_ONNX_PROBLEM(onnx, "graph-name", "%s has no name", scope ? "a subgraph" : "the graph");
}

int ifm_onnx_graph(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope)
{
    if (onnx->depth++ >= IFM_GRAPH_DEPTH_MAX)
        return ifm_err_set(onnx->err, IFM_ERR_TOO_LARGE, "model", "%.80s nests graphs deeper than %d",
                           ifm_graph_base(onnx->graph), IFM_GRAPH_DEPTH_MAX);
    int rc = graph_name(onnx, pb, scope);
    if (!rc)
        rc = pass(onnx, pb, 11, 11, scope, add_input);
    if (!rc)
        rc = pass(onnx, pb, 5, 5, scope, add_initializer);
    if (!rc)
        rc = pass(onnx, pb, 15, 15, scope, add_sparse);
    if (!rc)
        rc = pass(onnx, pb, 12, 13, scope, add_declared);
    if (!rc)
        rc = pass(onnx, pb, 1, 1, scope, add_node);
    if (!rc)
        rc = pass(onnx, pb, 12, 12, scope, check_output);
    if (!rc && !scope)
        rc = list(onnx, pb, 11, &onnx->graph->inputs, &onnx->graph->input_count);
    if (!rc && !scope)
        rc = list(onnx, pb, 12, &onnx->graph->outputs, &onnx->graph->output_count);
    onnx->depth--;
    return rc;
}

/* -- Functions ----------------------------------------------------------------------------------- */
static int function_names(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_function *out)
{
    struct ifm_pb_field field;
    int got;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        if (field.number == 1)
            out->name = bytes_of(&field);
        else if (field.number == 10)
            out->domain = bytes_of(&field);
        else if (field.number == 13)
            out->overload = bytes_of(&field);
    }
    return got < 0 ? ifm_onnx_cut(onnx, "a function") : 0;
}

static int function_input(struct ifm_onnx *onnx, const struct ifm_pb_field *field, uint32_t scope)
{
    struct ifm_onnx_name *name = field->len ? ifm_onnx_name_make(onnx, scope, bytes_of(field)) : NULL;
    if (field->len && !name)
        return ifm_onnx_failed(onnx);
    if (!name)
        return 0;
    if (name->input)
        return IFM_ONNX_PROBLEM(onnx, "duplicate-name", "input \"%.*s\" of a function stands twice",
                                IFM_ONNX_ARG(name->key));
    name->input = name->defined = name->produced = true;
    return 0;
}

static int function_body(struct ifm_onnx *onnx, struct ifm_pb pb)
{
    const struct ifm_graph_opset *opsets = onnx->opsets;
    size_t opset_count = onnx->opset_count, own = 0;
    struct ifm_graph_opset *own_opsets;
    struct ifm_pb copy = pb;
    struct ifm_pb_field field;
    uint32_t scope;
    while (ifm_pb_next(&copy, &field) == 1)
        own += field.number == 9;
    int rc = ifm_onnx_opsets(onnx, pb, 9, own, &own_opsets);
    if (!rc)
        rc = ifm_onnx_scope(onnx, IFM_GRAPH_NONE, &scope);
    if (rc)
        return rc;
    onnx->opsets = own_opsets;
    onnx->opset_count = own;
    onnx->in_function = true;
    rc = pass(onnx, pb, 4, 4, scope, function_input);
    if (!rc)
        rc = pass(onnx, pb, 7, 7, scope, add_node);
    onnx->in_function = false;
    onnx->opsets = opsets;
    onnx->opset_count = opset_count;
    return rc;
}

static int check_function(struct ifm_onnx *onnx, size_t index)
{
    const struct ifm_onnx_function *function = &onnx->functions[index];
    if (!function->name.len)
        return IFM_ONNX_PROBLEM(onnx, "function-name", "a function has no name");
    for (size_t i = 0; i < index && i < 4096; i++)
        if (ifm_onnx_same(onnx->functions[i].name, function->name) &&
            ifm_onnx_same(onnx->functions[i].domain, function->domain) &&
            ifm_onnx_same(onnx->functions[i].overload, function->overload))
            return IFM_ONNX_PROBLEM(onnx, "duplicate-name", "function \"%.*s\" stands twice",
                                    IFM_ONNX_ARG(function->name));
    return 0;
}

int ifm_onnx_functions(struct ifm_onnx *onnx, struct ifm_pb model)
{
    struct ifm_pb pb = model;
    struct ifm_pb_field field;
    size_t count = 0;
    int rc = 0;
    while (ifm_pb_next(&pb, &field) == 1)
        count += field.number == 25;
    onnx->functions = ifm_graph_alloc(onnx->graph, count, sizeof *onnx->functions, onnx->err);
    if (!onnx->functions)
        return ifm_onnx_failed(onnx);
    for (pb = model; !rc && ifm_pb_next(&pb, &field) == 1;)
        if (field.number == 25)
            rc = function_names(onnx, ifm_pb_inside(&field), &onnx->functions[onnx->function_count++]);
    for (size_t i = 0; !rc && onnx->ir_version >= 8 && i < onnx->function_count; i++)
        rc = check_function(onnx, i);
    for (pb = model; !rc && ifm_pb_next(&pb, &field) == 1;)
        if (field.number == 25)
            rc = function_body(onnx, ifm_pb_inside(&field));
    return rc;
}
