/* ML programs: functions of blocks of operations, constants inline or in a weights file. */
#include <stdio.h>
#include <string.h>

#include "agents/model/coreml.h"

struct block {
    struct ifm_name_map names;
    uint32_t number; /* of the subgraph */
};

static int cut(struct ifm_coreml *coreml)
{
    return ifm_err_set(coreml->err, IFM_ERR_INVALID, "model", "%.80s: its ML program is cut or damaged",
                       ifm_graph_base(coreml->graph));
}

static const struct { unsigned char code; const char *type; enum ifm_dtype dtype; } types[] = {
    { 1, "bool", IFM_DTYPE_BOOL },     { 2, "string", IFM_DTYPE_NONE },  { 10, "float16", IFM_DTYPE_F16 },
    { 11, "float32", IFM_DTYPE_F32 },  { 12, "float64", IFM_DTYPE_F64 }, { 13, "bfloat16", IFM_DTYPE_BF16 },
    { 21, "int8", IFM_DTYPE_I8 },      { 22, "int16", IFM_DTYPE_I16 },   { 23, "int32", IFM_DTYPE_I32 },
    { 24, "int64", IFM_DTYPE_I64 },    { 25, "int4", IFM_DTYPE_NONE },   { 31, "uint8", IFM_DTYPE_U8 },
    { 32, "uint16", IFM_DTYPE_U16 },   { 33, "uint32", IFM_DTYPE_U32 },  { 34, "uint64", IFM_DTYPE_U64 },
    { 35, "uint4", IFM_DTYPE_NONE },   { 36, "uint2", IFM_DTYPE_NONE },  { 37, "uint1", IFM_DTYPE_NONE },
    { 38, "uint6", IFM_DTYPE_NONE },   { 39, "uint3", IFM_DTYPE_NONE },  { 40, "float8e4m3fn", IFM_DTYPE_NONE },
    { 41, "float8e5m2", IFM_DTYPE_NONE },
};

static void add_dim(struct ifm_graph_tensor *tensor, struct ifm_pb pb)
{
    struct ifm_pb_field known, size;
    int64_t value = -1;
    if (ifm_pb_find(pb, 1, IFM_PB_BYTES, &known))
        value = ifm_pb_find(ifm_pb_inside(&known), 1, IFM_PB_VARINT, &size) && size.value <= INT64_MAX ? (int64_t)size.value : 0;
    if (tensor->rank < IFM_MAX_RANK)
        tensor->dims[tensor->rank] = value;
    tensor->rank += tensor->rank < 4096;
}

/* A ValueType; only tensors have a shape. */
static void set_type(struct ifm_graph_tensor *tensor, struct ifm_pb pb)
{
    struct ifm_pb_field outer, field;
    if (!ifm_pb_find(pb, 1, IFM_PB_BYTES, &outer)) {
        tensor->type = ifm_pb_find(pb, 2, IFM_PB_BYTES, &outer) ? "list" : ifm_pb_find(pb, 5, IFM_PB_BYTES, &outer) ? "state" : "";
        return;
    }
    pb = ifm_pb_inside(&outer);
    tensor->rank = 0;
    while (ifm_pb_next(&pb, &field) == 1) {
        for (size_t i = 0; field.number == 1 && i < sizeof types / sizeof *types; i++)
            if (types[i].code == field.value) {
                tensor->type = types[i].type;
                tensor->dtype = types[i].dtype;
            }
        if (field.number == 3 && field.type == IFM_PB_BYTES)
            add_dim(tensor, ifm_pb_inside(&field));
    }
}

/* A NamedValueType becomes a tensor of the block. */
static int add_value(struct ifm_coreml *coreml, struct block *block, struct ifm_pb pb, uint32_t *out)
{
    struct ifm_pb_field name = { .number = 0 }, type;
    struct ifm_graph *graph = coreml->graph;
    *out = (uint32_t)graph->tensor_count;
    bool named = ifm_pb_find(pb, 1, IFM_PB_BYTES, &name);
    const char *text = named ? ifm_coreml_text(coreml, &name) : "";
    if (!text || !ifm_graph_add_tensor(graph, coreml->err))
        return ifm_coreml_failed(coreml);
    graph->tensors[*out].name = text;
    if (ifm_pb_find(pb, 2, IFM_PB_BYTES, &type))
        set_type(&graph->tensors[*out], ifm_pb_inside(&type));
    if (named && !ifm_name_map_add(&block->names, (const char *)name.bytes, name.len, *out))
        return ifm_graph_add_problem(graph, "duplicate-name", coreml->err, "\"%.80s\" is made twice", text);
    return 0;
}

/* -- Constants ----------------------------------------------------------------------------------- */
static int blob(struct ifm_coreml *coreml, struct ifm_pb pb, uint32_t index)
{
    static const char prefix[] = "@model_path/";
    struct ifm_pb_field name, offset;
    struct ifm_graph *graph = coreml->graph;
    struct ifm_err why = IFM_ERR_INIT;
    char path[700];
    int64_t bytes;
    const char *text = ifm_pb_find(pb, 1, IFM_PB_BYTES, &name) ? ifm_coreml_text(coreml, &name) : "";
    if (!text)
        return ifm_coreml_failed(coreml);
    bool inside = strncmp(text, prefix, sizeof prefix - 1) == 0;
    snprintf(path, sizeof path, "%s%.512s", coreml->folder, inside ? text + sizeof prefix - 1 : text);
    struct ifm_graph_tensor *tensor = &graph->tensors[index];
    tensor->external = true;
    tensor->offset = ifm_pb_find(pb, 2, IFM_PB_VARINT, &offset) ? offset.value : 0;
    tensor->location = ifm_graph_text(graph, path, strlen(path), coreml->err);
    if (!tensor->location)
        return ifm_coreml_failed(coreml);
    if (ifm_graph_beside(graph, path, &bytes, &why))
        return ifm_graph_add_problem(graph, "external-path", coreml->err, "constant \"%.80s\": %s", tensor->name, why.text);
    if (bytes < 0)
        return ifm_graph_add_problem(graph, "external-missing", coreml->err,
                                     "constant \"%.80s\" lies in \"%.100s\", which is not there", tensor->name, text);
    if (tensor->offset > (uint64_t)bytes || tensor->bytes > bytes - (int64_t)tensor->offset)
        return ifm_graph_add_problem(graph, "external-size", coreml->err,
                                     "constant \"%.80s\" reaches past the end of \"%.100s\"", tensor->name, text);
    return 0;
}

/* The attribute "val" of an operation is a constant; weights are real numbers in more than one element. */
static int constant(struct ifm_coreml *coreml, struct ifm_pb value, uint32_t index)
{
    struct ifm_graph_tensor *tensor = &coreml->graph->tensors[index];
    struct ifm_pb_field type, file;
    if (ifm_pb_find(value, 2, IFM_PB_BYTES, &type))
        set_type(tensor, ifm_pb_inside(&type));
    struct ifm_graph_shape shape = { .rank = tensor->rank };
    memcpy(shape.dims, tensor->dims, sizeof shape.dims);
    int64_t elements = ifm_graph_elements(&shape), bits = ifm_graph_type_bits(tensor->type);
    tensor->constant = true;
    tensor->bytes = elements >= 0 && elements <= INT64_MAX / 256 ? (elements * bits + 7) / 8 : IFM_GRAPH_UNKNOWN;
    bool outside = ifm_pb_find(value, 5, IFM_PB_BYTES, &file);
    tensor->buffer = !outside && (elements <= 1 || !strstr(tensor->type, "float"));
    return outside ? blob(coreml, ifm_pb_inside(&file), index) : 0;
}

static int attributes(struct ifm_coreml *coreml, struct ifm_pb operation, uint32_t output)
{
    struct ifm_pb_field field, key, value;
    int rc = 0;
    while (!rc && ifm_pb_next(&operation, &field) == 1)
        if (field.number == 5 && ifm_pb_find(ifm_pb_inside(&field), 1, IFM_PB_BYTES, &key) && key.len == 3 &&
            memcmp(key.bytes, "val", 3) == 0 && ifm_pb_find(ifm_pb_inside(&field), 2, IFM_PB_BYTES, &value))
            rc = constant(coreml, ifm_pb_inside(&value), output);
    return rc;
}

/* -- Operations ---------------------------------------------------------------------------------- */
/* Operands that macs are counted from come first, as other formats have them; the rest in file order. */
static size_t place_of(const struct ifm_pb_field *key)
{
    static const char *const first[] = { "x", "weight", "y" };
    for (size_t i = 0; i < 3; i++)
        if (key->len == strlen(first[i]) && memcmp(key->bytes, first[i], key->len) == 0)
            return i ? 1 : 0;
    return SIZE_MAX;
}

struct operands {
    const struct ifm_name_map *names; /* NULL: only count */
    uint32_t *list;                   /* two for the first ones, then the rest */
    size_t count;
};

static void add_operand(struct operands *operands, size_t place, const struct ifm_pb_field *name)
{
    if (!operands->names) {
        operands->count++;
        return;
    }
    uint32_t index = ifm_name_map_find(operands->names, (const char *)name->bytes, name->len);
    if (place < 2 && operands->list[place] == IFM_GRAPH_NONE)
        operands->list[place] = index;
    else
        operands->list[operands->count++] = index;
}

static void bindings(struct ifm_pb operation, struct operands *operands)
{
    struct ifm_pb_field field, key, argument, binding, name;
    while (ifm_pb_next(&operation, &field) == 1) {
        struct ifm_pb entry = ifm_pb_inside(&field);
        if (field.number != 2 || !ifm_pb_find(entry, 1, IFM_PB_BYTES, &key) || !ifm_pb_find(entry, 2, IFM_PB_BYTES, &argument))
            continue;
        for (struct ifm_pb pb = ifm_pb_inside(&argument); ifm_pb_next(&pb, &binding) == 1;)
            if (binding.number == 1 && ifm_pb_find(ifm_pb_inside(&binding), 1, IFM_PB_BYTES, &name))
                add_operand(operands, place_of(&key), &name);
    }
}

static int blocks(struct ifm_coreml *coreml, struct ifm_pb operation, const struct ifm_name_map *outer);

static int operation(struct ifm_coreml *coreml, struct block *block, struct ifm_pb pb)
{
    struct ifm_graph *graph = coreml->graph;
    struct ifm_pb_field type, field;
    struct ifm_pb copy = pb;
    struct operands operands = { .count = 0 };
    size_t outputs = 0, made = 0, at = graph->node_count;
    int rc = 0;
    while (ifm_pb_next(&copy, &field) == 1)
        outputs += field.number == 3;
    bindings(pb, &operands);
    size_t inputs = operands.count;
    uint32_t *list = ifm_graph_alloc(graph, inputs + 2 + outputs, sizeof *list, coreml->err);
    if (!list || !ifm_graph_add_node(graph, coreml->err))
        return ifm_coreml_failed(coreml);
    uint32_t *out = list + inputs + 2;
    list[0] = list[1] = IFM_GRAPH_NONE;
    operands = (struct operands){ &block->names, list, 2 };
    bindings(pb, &operands);
    const char *op = ifm_pb_find(pb, 1, IFM_PB_BYTES, &type) ? ifm_coreml_text(coreml, &type) : "";
    for (copy = pb; op && !rc && ifm_pb_next(&copy, &field) == 1;)
        if (field.number == 3)
            rc = add_value(coreml, block, ifm_pb_inside(&field), &out[made++]);
    if (!op)
        return ifm_coreml_failed(coreml);
    struct ifm_graph_node *node = &graph->nodes[at];
    node->op = op;
    node->name = made ? graph->tensors[out[0]].name : "";
    node->inputs = list;
    node->input_count = operands.count;
    node->outputs = out;
    node->output_count = made;
    node->subgraph = block->number;
    if (!rc && made)
        rc = attributes(coreml, pb, out[0]);
    return rc ? rc : blocks(coreml, pb, &block->names);
}

static int read_block(struct ifm_coreml *coreml, struct ifm_pb pb, const struct ifm_name_map *outer, uint32_t number)
{
    struct block block = { .number = number };
    struct ifm_pb_field field, part;
    struct ifm_pb copy = pb;
    size_t names = 0;
    uint32_t index;
    int got, rc = 0;
    if (coreml->depth++ >= IFM_GRAPH_DEPTH_MAX)
        return ifm_err_set(coreml->err, IFM_ERR_TOO_LARGE, "model", "%.80s nests blocks deeper than %d",
                           ifm_graph_base(coreml->graph), IFM_GRAPH_DEPTH_MAX);
    while ((got = ifm_pb_next(&copy, &field)) == 1) {
        names += field.number == 1;
        for (struct ifm_pb inside = ifm_pb_inside(&field); field.number == 3 && ifm_pb_next(&inside, &part) == 1;)
            names += part.number == 3;
    }
    if (got < 0)
        return cut(coreml);
    rc = ifm_name_map_init(&block.names, coreml->graph, names, outer, coreml->err);
    for (copy = pb; !rc && ifm_pb_next(&copy, &field) == 1;)
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            rc = add_value(coreml, &block, ifm_pb_inside(&field), &index);
    for (copy = pb; !rc && ifm_pb_next(&copy, &field) == 1;)
        if (field.number == 3 && field.type == IFM_PB_BYTES)
            rc = operation(coreml, &block, ifm_pb_inside(&field));
    coreml->depth--;
    return rc;
}

static int blocks(struct ifm_coreml *coreml, struct ifm_pb operation_pb, const struct ifm_name_map *outer)
{
    struct ifm_pb_field field;
    int rc = 0;
    while (!rc && ifm_pb_next(&operation_pb, &field) == 1)
        if (field.number == 4 && field.type == IFM_PB_BYTES)
            rc = read_block(coreml, ifm_pb_inside(&field), outer, (uint32_t)coreml->graph->subgraph_count++);
    return rc;
}

/* -- Functions ----------------------------------------------------------------------------------- */
/* The block of the opset that the function names; the first one where it is not found. */
static int function_block(struct ifm_coreml *coreml, struct ifm_pb function, const struct ifm_pb_field *opset,
                          const struct ifm_name_map *names, uint32_t number)
{
    struct ifm_pb_field field, key, value, found = { .number = 0 };
    while (ifm_pb_next(&function, &field) == 1) {
        if (field.number != 3 || !ifm_pb_find(ifm_pb_inside(&field), 2, IFM_PB_BYTES, &value))
            continue;
        bool same = ifm_pb_find(ifm_pb_inside(&field), 1, IFM_PB_BYTES, &key) && key.len == opset->len &&
                    memcmp(key.bytes, opset->bytes, key.len) == 0;
        if (same || !found.number)
            found = value;
        if (same)
            break;
    }
    return found.number ? read_block(coreml, ifm_pb_inside(&found), names, number)
                        : ifm_graph_add_problem(coreml->graph, "block-missing", coreml->err, "a function has no block");
}

static int function(struct ifm_coreml *coreml, struct ifm_pb pb, uint32_t number)
{
    struct block block = { .number = number };
    struct ifm_pb_field field, opset = { .bytes = (const unsigned char *)"", .len = 0 };
    struct ifm_pb copy = pb;
    size_t names = 0;
    uint32_t index;
    while (ifm_pb_next(&copy, &field) == 1) {
        names += field.number == 1;
        if (field.number == 2 && field.type == IFM_PB_BYTES)
            opset = field;
    }
    int rc = ifm_name_map_init(&block.names, coreml->graph, names, NULL, coreml->err);
    for (copy = pb; !rc && ifm_pb_next(&copy, &field) == 1;)
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            rc = add_value(coreml, &block, ifm_pb_inside(&field), &index);
    const char *text = rc ? "" : ifm_coreml_text(coreml, &opset);
    if (!text)
        return ifm_coreml_failed(coreml);
    if (!rc && !number)
        rc = ifm_graph_add_metadata(coreml->graph, "opset", text, coreml->err);
    return rc ? rc : function_block(coreml, pb, &opset, &block.names, number);
}

/* In which numbers it computes: the real type that more of its values have. */
static int precision(struct ifm_coreml *coreml)
{
    int64_t half = 0, single = 0;
    for (size_t i = 0; i < coreml->graph->tensor_count; i++) {
        const struct ifm_graph_tensor *tensor = &coreml->graph->tensors[i];
        if (!tensor->constant)
            half += tensor->dtype == IFM_DTYPE_F16, single += tensor->dtype == IFM_DTYPE_F32;
    }
    if (!half && !single)
        return 0;
    return ifm_graph_add_metadata(coreml->graph, "compute precision", half > single ? "float16" : "float32", coreml->err);
}

int ifm_coreml_program(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_pb_field field, value;
    bool first = true;
    int got, rc = 0;
    coreml->graph->has_nodes = true;
    while (!rc && (got = ifm_pb_next(&pb, &field)) != 0) {
        if (got < 0)
            return cut(coreml);
        if (field.number != 2 || !ifm_pb_find(ifm_pb_inside(&field), 2, IFM_PB_BYTES, &value))
            continue;
        rc = function(coreml, ifm_pb_inside(&value), first ? 0 : (uint32_t)coreml->graph->subgraph_count++);
        first = false;
    }
    return rc ? rc : precision(coreml);
}
