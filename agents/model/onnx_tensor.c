/* TensorProto and SparseTensorProto: what they declare against what they hold. */
#include <string.h>

#include "agents/model/onnx.h"

#define COUNT_MAX ((size_t)1 << 20) /* bytes of a packed list that are counted; longer ones are weights, left alone */

enum { FLOATS, INT32S, INT64S, DOUBLES, UINT64S, STRINGS };

/* By TensorProto.DataType: name, dtype, bits, the field that typed data stands in, elements of it for one. */
static const struct { const char *name; enum ifm_dtype dtype; int bits, field; } types[] = {
    { "undefined", IFM_DTYPE_NONE, 0, -1 },
    { "float32", IFM_DTYPE_F32, 32, FLOATS },
    { "uint8", IFM_DTYPE_U8, 8, INT32S },
    { "int8", IFM_DTYPE_I8, 8, INT32S },
    { "uint16", IFM_DTYPE_U16, 16, INT32S },
    { "int16", IFM_DTYPE_I16, 16, INT32S },
    { "int32", IFM_DTYPE_I32, 32, INT32S },
    { "int64", IFM_DTYPE_I64, 64, INT64S },
    { "string", IFM_DTYPE_NONE, 0, STRINGS },
    { "bool", IFM_DTYPE_BOOL, 8, INT32S },
    { "float16", IFM_DTYPE_F16, 16, INT32S },
    { "float64", IFM_DTYPE_F64, 64, DOUBLES },
    { "uint32", IFM_DTYPE_U32, 32, UINT64S },
    { "uint64", IFM_DTYPE_U64, 64, UINT64S },
    { "complex64", IFM_DTYPE_NONE, 64, FLOATS },
    { "complex128", IFM_DTYPE_NONE, 128, DOUBLES },
    { "bfloat16", IFM_DTYPE_BF16, 16, INT32S },
    { "float8e4m3fn", IFM_DTYPE_NONE, 8, INT32S },
    { "float8e4m3fnuz", IFM_DTYPE_NONE, 8, INT32S },
    { "float8e5m2", IFM_DTYPE_NONE, 8, INT32S },
    { "float8e5m2fnuz", IFM_DTYPE_NONE, 8, INT32S },
    { "uint4", IFM_DTYPE_NONE, 4, INT32S },
    { "int4", IFM_DTYPE_NONE, 4, INT32S },
    { "float4e2m1", IFM_DTYPE_NONE, 4, INT32S },
    { "float8e8m0", IFM_DTYPE_NONE, 8, INT32S },
    { "uint2", IFM_DTYPE_NONE, 2, INT32S },
    { "int2", IFM_DTYPE_NONE, 2, INT32S },
};
#define TYPES ((int64_t)(sizeof types / sizeof *types))
static const char *const field_names[] = { "float_data",  "int32_data",  "int64_data",
                                           "double_data", "uint64_data", "string_data" };

const char *ifm_onnx_type_name(int64_t type)
{
    return type > 0 && type < TYPES ? types[type].name : "undefined";
}

enum ifm_dtype ifm_onnx_dtype(int64_t type)
{
    return type > 0 && type < TYPES ? types[type].dtype : IFM_DTYPE_NONE;
}

/* -- Reading ------------------------------------------------------------------------------------- */
static void add_dim(struct ifm_onnx_tensor *tensor, uint64_t value)
{
    int64_t dim = (int64_t)value;
    if (tensor->rank < IFM_MAX_RANK)
        tensor->dims[tensor->rank] = dim;
    tensor->rank += tensor->rank < INT32_MAX;
    if (dim < 0)
        tensor->negative = true;
    else if (tensor->elements >= 0 && __builtin_mul_overflow(tensor->elements, dim, &tensor->elements))
        tensor->elements = IFM_GRAPH_UNKNOWN;
}

static int64_t parse_decimal(struct ifm_onnx_bytes text)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.bytes[i] - '0', &value))
            return IFM_GRAPH_UNKNOWN;
    return text.len ? value : IFM_GRAPH_UNKNOWN;
}

static void add_external(struct ifm_onnx_tensor *tensor, const struct ifm_pb_field *entry)
{
    struct ifm_pb pb = ifm_pb_inside(entry);
    struct ifm_pb_field field;
    struct ifm_onnx_bytes pair[3] = { { NULL, 0 } };
    while (ifm_pb_next(&pb, &field) == 1)
        if (field.number <= 2 && field.type == IFM_PB_BYTES)
            pair[field.number] = (struct ifm_onnx_bytes){ field.bytes, field.len };
    if (ifm_onnx_is(pair[1], "location")) {
        tensor->location = pair[2];
        tensor->has_location = true;
    } else if (ifm_onnx_is(pair[1], "offset")) {
        tensor->offset = parse_decimal(pair[2]);
    } else if (ifm_onnx_is(pair[1], "length")) {
        tensor->length = parse_decimal(pair[2]);
    }
}

/* A list's values stand one by one or packed; both forms may be mixed. */
static void add_typed(struct ifm_onnx_tensor *tensor, const struct ifm_pb_field *field, int list,
                      size_t width)
{
    tensor->fields |= 1u << list;
    if (field->type != IFM_PB_BYTES || list == STRINGS) {
        tensor->counts[list] += tensor->counts[list] >= 0;
        return;
    }
    if (!field->len) {
        if (!tensor->counts[list])
            tensor->fields &= ~(1u << list); /* an empty list is none */
        return;
    }
    tensor->typed[list] = (struct ifm_onnx_bytes){ field->bytes, field->len };
    int64_t more = (int64_t)(width ? field->len / width : 0);
    if (!width && field->len > COUNT_MAX)
        tensor->counts[list] = -1;
    for (size_t i = 0; !width && field->len <= COUNT_MAX && i < field->len; i++)
        more += !(field->bytes[i] & 0x80);
    if (tensor->counts[list] >= 0)
        tensor->counts[list] += more;
}

static void read_dims(struct ifm_onnx_tensor *out, const struct ifm_pb_field *field)
{
    struct ifm_pb packed = ifm_pb_inside(field);
    uint64_t value;
    if (field->type == IFM_PB_VARINT)
        add_dim(out, field->value);
    else if (field->len <= COUNT_MAX)
        while (ifm_pb_varint(&packed, &value) == 1)
            add_dim(out, value);
    else
        out->negative = true; /* a million dimensions are as wrong as negative ones */
}

static void read_list(struct ifm_onnx_tensor *out, const struct ifm_pb_field *field)
{
    static const struct { unsigned char list, width; } lists[12] = {
        [4] = { FLOATS, 4 }, [5] = { INT32S, 0 }, [6] = { STRINGS, 0 },
        [7] = { INT64S, 0 }, [10] = { DOUBLES, 8 }, [11] = { UINT64S, 0 },
    };
    add_typed(out, field, lists[field->number].list, lists[field->number].width);
}

int ifm_onnx_tensor_read(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_tensor *out)
{
    struct ifm_pb_field field;
    int got;
    memset(out, 0, sizeof *out);
    out->elements = 1;
    out->offset = out->length = -1;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        switch (field.number) {
        case 1:
            read_dims(out, &field);
            break;
        case 2:
            out->type = (int32_t)field.value;
            out->has_type = true;
            break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 10:
        case 11:
            read_list(out, &field);
            break;
        case 8:
            out->name = (struct ifm_onnx_bytes){ field.bytes, field.len };
            break;
        case 9:
            out->raw = (struct ifm_onnx_bytes){ field.bytes, field.len };
            out->has_raw = true;
            break;
        case 13:
            add_external(out, &field);
            break;
        case 14:
            out->external = field.value == 1;
            break;
        default:
            break;
        }
    }
    return got < 0 ? ifm_onnx_cut(onnx, "a tensor") : 0;
}

/* -- Rules --------------------------------------------------------------------------------------- */
static int64_t needed(const struct ifm_onnx_tensor *tensor)
{
    int64_t bits;
    if (tensor->type < 1 || tensor->type >= TYPES || tensor->elements < 0 || tensor->negative ||
        __builtin_mul_overflow(tensor->elements, types[tensor->type].bits, &bits))
        return IFM_GRAPH_UNKNOWN;
    return bits / 8 + (bits % 8 != 0);
}

static int check_external(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor)
{
    struct ifm_err why = IFM_ERR_INIT;
    int64_t bytes, end;
    if (!tensor->has_location || !tensor->location.len)
        return IFM_ONNX_PROBLEM(onnx, "external-location", "tensor \"%.*s\" lies in another file but names none",
                                IFM_ONNX_ARG(tensor->name));
    const char *location = ifm_onnx_text(onnx, tensor->location);
    if (!location)
        return ifm_onnx_failed(onnx);
    if (ifm_graph_beside(onnx->graph, location, &bytes, &why))
        return IFM_ONNX_PROBLEM(onnx, "external-path", "tensor \"%.*s\": %s", IFM_ONNX_ARG(tensor->name),
                                why.text);
    if (bytes < 0)
        return IFM_ONNX_PROBLEM(onnx, "external-missing", "tensor \"%.*s\" lies in \"%.100s\", which is not there",
                                IFM_ONNX_ARG(tensor->name), location);
    int64_t offset = tensor->offset == -1 ? 0 : tensor->offset;
    int64_t length = tensor->length == -1 ? needed(tensor) : tensor->length;
    if (offset < 0 || length < 0 || __builtin_add_overflow(offset, length, &end) || end > bytes)
        return IFM_ONNX_PROBLEM(onnx, "external-size",
                                "tensor \"%.*s\" reaches past the end of \"%.100s\" (%lld bytes)",
                                IFM_ONNX_ARG(tensor->name), location, (long long)bytes);
    return 0;
}

static int check_typed(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor)
{
    int right = types[tensor->type].field;
    bool complex = tensor->type == 14 || tensor->type == 15;
    int64_t wanted = complex ? tensor->elements * 2 : tensor->elements;
    if (tensor->type >= 21 && tensor->type <= 26 && tensor->type != 24) { /* several in one */
        int64_t each = tensor->type >= 25 ? 4 : 2;
        wanted = tensor->elements / each + (tensor->elements % each != 0);
    }
    if (!(tensor->fields & 1u << right)) {
        for (int i = 0; i < 6; i++)
            if (tensor->fields & 1u << i)
                return IFM_ONNX_PROBLEM(onnx, "tensor-field", "tensor \"%.*s\" is %s but holds %s instead of %s",
                                        IFM_ONNX_ARG(tensor->name), types[tensor->type].name,
                                        field_names[i], field_names[right]);
        return 0;
    }
    if (tensor->counts[right] >= 0 && tensor->counts[right] < wanted)
        return IFM_ONNX_PROBLEM(onnx, "tensor-size", "tensor \"%.*s\" holds %lld elements, its shape needs %lld",
                                IFM_ONNX_ARG(tensor->name), (long long)tensor->counts[right],
                                (long long)wanted);
    return 0;
}

int ifm_onnx_tensor_check(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor)
{
    unsigned values = (tensor->has_raw ? 1u : 0u) + (unsigned)__builtin_popcount(tensor->fields);
    if (tensor->type < 1 || tensor->type >= TYPES)
        return IFM_ONNX_PROBLEM(onnx, "tensor-type", "tensor \"%.*s\" has the unknown element type %lld",
                                IFM_ONNX_ARG(tensor->name), (long long)tensor->type);
    if (tensor->negative)
        return IFM_ONNX_PROBLEM(onnx, "tensor-shape", "tensor \"%.*s\" has a negative dimension",
                                IFM_ONNX_ARG(tensor->name));
    if (tensor->elements == IFM_GRAPH_UNKNOWN)
        return IFM_ONNX_PROBLEM(onnx, "tensor-shape", "tensor \"%.*s\" has more elements than fit into 63 bits",
                                IFM_ONNX_ARG(tensor->name));
    if (tensor->external)
        return check_external(onnx, tensor);
    if (tensor->elements == 0) {
        bool data = tensor->fields || tensor->raw.len;
        return data ? IFM_ONNX_PROBLEM(onnx, "tensor-size", "tensor \"%.*s\" has no elements but data",
                                       IFM_ONNX_ARG(tensor->name))
                    : 0;
    }
    if (values != 1)
        return IFM_ONNX_PROBLEM(onnx, "tensor-data", "tensor \"%.*s\" holds its data in %u places instead of one",
                                IFM_ONNX_ARG(tensor->name), values);
    if (!tensor->has_raw)
        return check_typed(onnx, tensor);
    if (tensor->type == 8)
        return IFM_ONNX_PROBLEM(onnx, "tensor-field", "tensor \"%.*s\" holds texts as raw bytes",
                                IFM_ONNX_ARG(tensor->name));
    if (needed(tensor) < 0 || (uint64_t)needed(tensor) > tensor->raw.len)
        return IFM_ONNX_PROBLEM(onnx, "tensor-size", "tensor \"%.*s\" holds %zu bytes, its shape and type need %lld",
                                IFM_ONNX_ARG(tensor->name), tensor->raw.len, (long long)needed(tensor));
    return 0;
}

/* -- Into the graph ------------------------------------------------------------------------------ */
/* Element of an int32 or int64 tensor, raw or in varints; false: there are not so many. */
static bool element(const struct ifm_onnx_tensor *tensor, struct ifm_pb *at, int64_t *out)
{
    size_t width = tensor->type == 7 ? 8 : 4;
    uint64_t value = 0;
    if (!tensor->has_raw && ifm_pb_varint(at, &value) != 1)
        return false;
    if (tensor->has_raw && (size_t)(at->end - at->at) < width)
        return false;
    for (size_t b = 0; tensor->has_raw && b < width; b++)
        value |= (uint64_t)*at->at++ << (8 * b);
    *out = width == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
    return true;
}

static int keep_values(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor, uint32_t index)
{
    int64_t items[IFM_ONNX_VALUES_MAX];
    struct ifm_onnx_bytes list = tensor->has_raw ? tensor->raw : tensor->typed[tensor->type == 7 ? INT64S : INT32S];
    struct ifm_pb at = ifm_pb_of(list.bytes, list.len);
    if ((tensor->type != 6 && tensor->type != 7) || tensor->elements < 0 || tensor->negative ||
        tensor->elements > IFM_ONNX_VALUES_MAX)
        return 0;
    for (int64_t i = 0; i < tensor->elements; i++)
        if (!element(tensor, &at, &items[i]))
            return 0;
    return ifm_onnx_values_set(onnx, index, items, (size_t)tensor->elements);
}

int ifm_onnx_tensor_fill(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor, uint32_t index)
{
    struct ifm_graph *graph = onnx->graph;
    const char *location = tensor->external ? ifm_onnx_text(onnx, tensor->location) : NULL;
    if (tensor->external && !location)
        return ifm_onnx_failed(onnx);
    struct ifm_graph_tensor *out = &graph->tensors[index];
    out->constant = true;
    out->type = ifm_onnx_type_name(tensor->type);
    out->dtype = ifm_onnx_dtype(tensor->type);
    out->rank = tensor->rank;
    memcpy(out->dims, tensor->dims, sizeof out->dims);
    memset(out->dim_names, 0, sizeof out->dim_names);
    out->external = tensor->external;
    out->location = location;
    out->bytes = needed(tensor);
    if (tensor->external) {
        out->offset = tensor->offset > 0 ? (uint64_t)tensor->offset : 0;
        if (tensor->length >= 0)
            out->bytes = tensor->length;
    } else if (tensor->has_raw && tensor->raw.bytes) {
        out->data = tensor->raw.bytes;
        out->offset = (uint64_t)(tensor->raw.bytes - graph->map);
        out->bytes = (int64_t)tensor->raw.len;
    }
    return keep_values(onnx, tensor, index);
}

/* -- Sparse -------------------------------------------------------------------------------------- */
static int64_t index_at(const struct ifm_onnx_tensor *indices, struct ifm_pb *packed, int64_t i)
{
    uint64_t value = 0;
    if (!indices->has_raw)
        return ifm_pb_varint(packed, &value) == 1 ? (int64_t)value : -1;
    for (size_t b = 0; b < 8; b++)
        value |= (uint64_t)indices->raw.bytes[(size_t)i * 8 + b] << (8 * b);
    return (int64_t)value;
}

/* Indices, linear or one row an element, must rise and lie inside the dense shape. */
static int check_indices(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *indices,
                         const struct ifm_onnx_tensor *dense, int64_t count)
{
    int64_t before = -1;
    struct ifm_pb packed = ifm_pb_of(indices->typed[INT64S].bytes, indices->typed[INT64S].len);
    bool rows = indices->rank == 2;
    if (indices->has_raw ? indices->raw.len < (size_t)indices->elements * 8
                         : indices->counts[INT64S] < indices->elements)
        return 0; /* told by the tensor's own check */
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int32_t d = 0; d < (rows ? dense->rank : 1); d++) {
            int64_t part = index_at(indices, &packed, rows ? i * dense->rank + d : i);
            bool inside = part >= 0 && part < (rows ? dense->dims[d] : dense->elements);
            if (!inside)
                return IFM_ONNX_PROBLEM(onnx, "sparse-index", "sparse tensor \"%.*s\": index %lld is out of range",
                                        IFM_ONNX_ARG(indices->name), (long long)i);
            at = rows ? at * dense->dims[d] + part : part;
        }
        if (at <= before)
            return IFM_ONNX_PROBLEM(onnx, "sparse-index", "sparse tensor \"%.*s\": indices do not rise",
                                    IFM_ONNX_ARG(indices->name));
        before = at;
    }
    return 0;
}

static int check_sparse(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *values,
                        const struct ifm_onnx_tensor *indices, const struct ifm_onnx_tensor *dense)
{
    int64_t count = values->rank == 1 ? values->dims[0] : -1;
    if (values->rank != 1)
        return IFM_ONNX_PROBLEM(onnx, "sparse-shape", "sparse tensor \"%.*s\": its values must have rank 1",
                                IFM_ONNX_ARG(values->name));
    if (dense->rank < 1 || dense->rank > IFM_MAX_RANK || dense->negative || dense->elements <= 0)
        return IFM_ONNX_PROBLEM(onnx, "sparse-shape", "sparse tensor \"%.*s\" has no dense shape",
                                IFM_ONNX_ARG(values->name));
    if (count <= 0)
        return 0;
    if (indices->type != 7)
        return IFM_ONNX_PROBLEM(onnx, "sparse-index", "sparse tensor \"%.*s\": its indices must be int64",
                                IFM_ONNX_ARG(values->name));
    bool shape = (indices->rank == 1 && indices->dims[0] == count) ||
                 (indices->rank == 2 && indices->dims[0] == count && indices->dims[1] == dense->rank);
    if (!shape || indices->elements < 0)
        return IFM_ONNX_PROBLEM(onnx, "sparse-index", "sparse tensor \"%.*s\": %lld values, but other indices",
                                IFM_ONNX_ARG(values->name), (long long)count);
    return check_indices(onnx, indices, dense, count);
}

static int read_sparse(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_tensor *values,
                       struct ifm_onnx_tensor *indices, struct ifm_onnx_tensor *dense)
{
    struct ifm_pb_field field;
    int got, rc = 0;
    while (!rc && (got = ifm_pb_next(&pb, &field)) != 0) {
        if (got < 0)
            return ifm_onnx_cut(onnx, "a sparse tensor");
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            rc = ifm_onnx_tensor_read(onnx, ifm_pb_inside(&field), values);
        else if (field.number == 2 && field.type == IFM_PB_BYTES)
            rc = ifm_onnx_tensor_read(onnx, ifm_pb_inside(&field), indices);
        else if (field.number == 3)
            read_dims(dense, &field);
    }
    return rc;
}

static int add_sparse(struct ifm_onnx *onnx, uint32_t scope, const struct ifm_onnx_tensor *values)
{
    int rc = 0;
    if (!values->name.len)
        return IFM_ONNX_PROBLEM(onnx, "initializer-name", "a sparse initializer has no name");
    struct ifm_onnx_name *name = ifm_onnx_name_make(onnx, scope, values->name);
    if (!name)
        return ifm_onnx_failed(onnx);
    if (name->initializer)
        rc = IFM_ONNX_PROBLEM(onnx, "duplicate-name", "initializer \"%.*s\" stands twice", IFM_ONNX_ARG(values->name));
    name->defined = name->produced = name->initializer = true;
    return rc ? rc : ifm_onnx_tensor_fill(onnx, values, name->tensor);
}

int ifm_onnx_sparse(struct ifm_onnx *onnx, uint32_t scope, struct ifm_pb pb, bool initializer)
{
    struct ifm_onnx_tensor values = { .elements = 1 }, indices = { .elements = 1 },
                           dense = { .elements = 1 };
    int rc = read_sparse(onnx, pb, &values, &indices, &dense);
    if (!rc)
        rc = ifm_onnx_tensor_check(onnx, &values);
    if (!rc && values.elements > 0)
        rc = ifm_onnx_tensor_check(onnx, &indices);
    if (!rc)
        rc = check_sparse(onnx, &values, &indices, &dense);
    return rc || !initializer ? rc : add_sparse(onnx, scope, &values);
}
