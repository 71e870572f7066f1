/* Reader of ExecuTorch programs (.pte): a flatbuffer with an optional extended header, and segments of bytes behind
 * it. Field numbers are those of the public schema (file identifiers ET??). */
#include <stdio.h>
#include <string.h>

#include "agents/model/flat.h"
#include "agents/model/flat_graph.h"
#include "agents/model/graph.h"
#include "agents/model/recognise.h"

enum { PROGRAM_VERSION, PROGRAM_PLANS, PROGRAM_CONSTANTS, PROGRAM_DELEGATE_DATA, PROGRAM_SEGMENTS,
       PROGRAM_CONSTANT_SEGMENT, PROGRAM_MUTABLE_SEGMENTS, PROGRAM_NAMED };
enum { PLAN_NAME, PLAN_VALUES = 2, PLAN_INPUTS, PLAN_OUTPUTS, PLAN_CHAINS, PLAN_OPERATORS, PLAN_DELEGATES,
       PLAN_MEMORY };
enum { TENSOR_TYPE, TENSOR_SIZES = 2, TENSOR_BUFFER = 5, TENSOR_ALLOCATION, TENSOR_DYNAMISM = 8, TENSOR_EXTRA };
enum { EXTRA_NAME = 1, EXTRA_LOCATION };
enum { CALL_KERNEL = 1, CALL_DELEGATE, CALL_MOVE, CALL_JUMP, CALL_FREE };
#define VALUE_TENSOR        5
#define VALUE_TENSOR_LIST   10
#define VALUE_OPTIONAL_LIST 11
#define SCHEMA_VERSION      0
#define HEADER_AT           8 /* of the extended header, behind root offset and identifier */

struct delegate {
    const char *id;
    uint64_t calls;
};

struct reader {
    struct ifm_flat flat;
    struct ifm_graph *graph;
    struct ifm_err *err;
    size_t program;
    uint64_t base, base_end; /* of the segments; 0: none */
    struct ifm_flat_list segments, constants, offsets;
    uint64_t constant_at, constant_bytes; /* of the constant segment, in the file */
    /* of the plan that is being read */
    uint32_t *tensors; /* value -> tensor, NONE */
    uint32_t values;
    bool *made; /* value has been written: what a delegate touches first is its output */
    struct delegate *delegates;
    uint32_t delegate_count;
    uint32_t subgraph;
    struct ifm_flat_list value_list;
};

static const struct ifm_flat_type types[] = {
    { "uint8", IFM_DTYPE_U8, 8 }, { "int8", IFM_DTYPE_I8, 8 }, { "int16", IFM_DTYPE_I16, 16 },
    { "int32", IFM_DTYPE_I32, 32 }, { "int64", IFM_DTYPE_I64, 64 }, { "float16", IFM_DTYPE_F16, 16 },
    { "float32", IFM_DTYPE_F32, 32 }, { "float64", IFM_DTYPE_F64, 64 }, { "complex32", IFM_DTYPE_NONE, 32 },
    { "complex64", IFM_DTYPE_NONE, 64 }, { "complex128", IFM_DTYPE_NONE, 128 }, { "bool", IFM_DTYPE_BOOL, 8 },
    { "qint8", IFM_DTYPE_I8, 8 }, { "quint8", IFM_DTYPE_U8, 8 }, { "qint32", IFM_DTYPE_I32, 32 },
    { "bfloat16", IFM_DTYPE_BF16, 16 }, { "quint4x2", IFM_DTYPE_NONE, 4 }, { "quint2x4", IFM_DTYPE_NONE, 2 },
    { "bits1x8", IFM_DTYPE_NONE, 1 }, { "bits2x4", IFM_DTYPE_NONE, 2 }, { "bits4x2", IFM_DTYPE_NONE, 4 },
    { "bits8", IFM_DTYPE_NONE, 8 }, { "bits16", IFM_DTYPE_NONE, 16 }, { "float8e5m2", IFM_DTYPE_NONE, 8 },
    { "float8e4m3fn", IFM_DTYPE_NONE, 8 }, { "float8e5m2fnuz", IFM_DTYPE_NONE, 8 },
    { "float8e4m3fnuz", IFM_DTYPE_NONE, 8 }, { "uint16", IFM_DTYPE_U16, 16 }, { "uint32", IFM_DTYPE_U32, 32 },
    { "uint64", IFM_DTYPE_U64, 64 },
};

bool ifm_is_executorch(const unsigned char *bytes, size_t len)
{
    return len >= 8 && bytes[4] == 'E' && bytes[5] == 'T' && bytes[6] >= '0' && bytes[6] <= '9' &&
           bytes[7] >= '0' && bytes[7] <= '9';
}

static uint64_t little(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* -- Where bytes lie ----------------------------------------------------------------------------- */
/* The extended header says how long the program is and where segments begin. */
static int read_header(struct reader *r)
{
    const unsigned char *bytes = r->graph->map;
    size_t len = r->graph->map_bytes, program = len;
    if (len >= HEADER_AT + 24 && memcmp(bytes + HEADER_AT, "eh00", 4) == 0) {
        uint64_t header = little(bytes + HEADER_AT + 4, 4), size = little(bytes + HEADER_AT + 8, 8);
        r->base = little(bytes + HEADER_AT + 16, 8);
        r->base_end = len;
        uint64_t segment_bytes = header >= 32 && len >= HEADER_AT + 32 ? little(bytes + HEADER_AT + 24, 8) : 0;
        if (header < 24 || size > len || r->base > len || (r->base && r->base < size) ||
            segment_bytes > len - r->base)
            return ifm_err_set(r->err, IFM_ERR_INVALID, "executorch",
                               "%.80s is cut or damaged: its header tells of %llu bytes of program and segments "
                               "at %llu, the file has %zu", r->graph->path, (unsigned long long)size,
                               (unsigned long long)r->base, len);
        program = (size_t)size;
    }
    ifm_flat_init(&r->flat, bytes, program);
    return 0;
}

static bool segment(struct reader *r, uint64_t index, uint64_t *at, uint64_t *bytes)
{
    if (index >= r->segments.count || !r->base)
        return false;
    size_t table = ifm_flat_list_table(&r->flat, r->segments, (uint32_t)index);
    uint64_t offset = ifm_flat_unsigned(&r->flat, table, 0, 8, 0);
    *bytes = ifm_flat_unsigned(&r->flat, table, 1, 8, 0);
    if (offset > r->base_end - r->base || *bytes > r->base_end - r->base - offset)
        return false;
    *at = r->base + offset;
    return true;
}

static int read_segments(struct reader *r)
{
    size_t table = ifm_flat_table(&r->flat, r->program, PROGRAM_CONSTANT_SEGMENT);
    uint64_t at, bytes;
    int rc = 0;
    r->segments = ifm_flat_list(&r->flat, r->program, PROGRAM_SEGMENTS, 4);
    r->constants = ifm_flat_list(&r->flat, r->program, PROGRAM_CONSTANTS, 4);
    r->offsets = ifm_flat_list(&r->flat, table, 1, 8);
    for (uint32_t i = 0; !rc && i < r->segments.count; i++)
        if (!segment(r, i, &at, &bytes))
            rc = ifm_graph_add_problem(r->graph, "segment-range", r->err, "segment %u lies outside the file", i);
    if (!rc && r->offsets.count > 1 &&
        !segment(r, ifm_flat_unsigned(&r->flat, table, 0, 4, 0), &r->constant_at, &r->constant_bytes))
        rc = ifm_graph_add_problem(r->graph, "segment-range", r->err, "the segment of constants is not in the file");
    return rc;
}

/* -- Values -------------------------------------------------------------------------------------- */
static int place_constant(struct reader *r, uint64_t index, struct ifm_graph_tensor *tensor, int64_t bytes)
{
    uint64_t at = 0, room = 0;
    tensor->constant = true;
    tensor->bytes = bytes;
    if (index < r->constants.count) { /* old files: in the flatbuffer */
        struct ifm_flat_list data =
            ifm_flat_blob(&r->flat, ifm_flat_list_table(&r->flat, r->constants, (uint32_t)index), 0);
        at = data.at;
        room = data.count;
    } else if (index < r->offsets.count) {
        uint64_t offset = (uint64_t)ifm_flat_list_i64(&r->flat, r->offsets, (uint32_t)index);
        at = r->constant_at + offset;
        room = offset <= r->constant_bytes ? r->constant_bytes - offset : 0;
    }
    if (bytes < 0 || (uint64_t)bytes > room)
        return ifm_graph_add_problem(r->graph, "buffer-range", r->err,
                                     "constant %llu lies outside the file, or is shorter than its shape",
                                     (unsigned long long)index);
    tensor->data = r->graph->map + at;
    tensor->offset = at;
    return 0;
}

static int64_t read_sizes(struct reader *r, size_t table, struct ifm_graph_tensor *tensor, unsigned bits)
{
    struct ifm_flat_list sizes = ifm_flat_list(&r->flat, table, TENSOR_SIZES, 4);
    bool unbound = ifm_flat_signed(&r->flat, table, TENSOR_DYNAMISM, 1, 0) == 2;
    int64_t elements = 1, all_bits;
    tensor->rank = (int32_t)sizes.count;
    for (uint32_t i = 0; i < sizes.count; i++) {
        int64_t size = ifm_flat_list_i32(&r->flat, sizes, i);
        if (i < IFM_MAX_RANK)
            tensor->dims[i] = unbound || size < 0 ? -1 : size;
        if (elements >= 0 && (size < 0 || __builtin_mul_overflow(elements, size, &elements)))
            elements = -1;
    }
    if (elements < 0 || !bits || __builtin_mul_overflow(elements, (int64_t)bits, &all_bits))
        return -1;
    return all_bits / 8 + (all_bits % 8 != 0);
}

static int read_tensor(struct reader *r, size_t table, uint32_t *index)
{
    *index = (uint32_t)r->graph->tensor_count;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    if (!tensor)
        return ifm_flat_failed(r->err);
    uint64_t code = ifm_flat_unsigned(&r->flat, table, TENSOR_TYPE, 1, 0);
    size_t extra = ifm_flat_table(&r->flat, table, TENSOR_EXTRA);
    bool known = code < sizeof types / sizeof *types;
    tensor->type = known ? types[code].name : "?";
    tensor->dtype = known ? types[code].dtype : IFM_DTYPE_NONE;
    tensor->name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, extra, EXTRA_NAME), r->err);
    if (!tensor->name)
        return ifm_flat_failed(r->err);
    int64_t bytes = read_sizes(r, table, tensor, known ? types[code].bits : 0);
    uint64_t buffer = ifm_flat_unsigned(&r->flat, table, TENSOR_BUFFER, 4, 0);
    if (ifm_flat_signed(&r->flat, extra, EXTRA_LOCATION, 1, 0) == 1) {
        tensor->constant = tensor->external = true; /* in a .ptd file that the application names */
        tensor->bytes = bytes < 0 ? IFM_GRAPH_UNKNOWN : bytes;
    } else if (buffer && !ifm_flat_has(&r->flat, table, TENSOR_ALLOCATION)) {
        return place_constant(r, buffer, tensor, bytes);
    }
    return 0;
}

static int read_values(struct reader *r, size_t plan)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, plan, PLAN_VALUES, 4);
    int rc = 0;
    r->value_list = list;
    r->values = list.count;
    r->tensors = ifm_graph_alloc(r->graph, list.count, sizeof *r->tensors, r->err);
    r->made = ifm_graph_alloc(r->graph, list.count, sizeof *r->made, r->err);
    if (!r->tensors || !r->made)
        return ifm_flat_failed(r->err);
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        size_t value = ifm_flat_list_table(&r->flat, list, i);
        r->tensors[i] = IFM_GRAPH_NONE;
        if (ifm_flat_unsigned(&r->flat, value, 0, 1, 0) == VALUE_TENSOR)
            rc = read_tensor(r, ifm_flat_table(&r->flat, value, 1), &r->tensors[i]);
        if (!rc && r->tensors[i] != IFM_GRAPH_NONE)
            r->made[i] = r->graph->tensors[r->tensors[i]].constant;
    }
    return rc ? rc : ifm_flat_check(&r->flat, r->graph, r->err);
}

/* Ends of a plan; the first plan's are the graph's. Scalars among them are no tensors. */
static int read_ends(struct reader *r, size_t plan, unsigned field, uint32_t **out, size_t *count)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, plan, field, 4);
    uint32_t *ends = ifm_graph_alloc(r->graph, list.count, sizeof *ends, r->err);
    size_t kept = 0;
    int rc = 0;
    if (!ends)
        return ifm_flat_failed(r->err);
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        uint32_t value = (uint32_t)ifm_flat_list_i32(&r->flat, list, i);
        if (value >= r->values)
            rc = ifm_graph_add_problem(r->graph, "value-index", r->err,
                                       "an input or output names value %u, but there are %u", value, r->values);
        else if (r->tensors[value] != IFM_GRAPH_NONE)
            ends[kept++] = r->tensors[value];
        if (!rc && value < r->values && field == PLAN_INPUTS)
            r->made[value] = true;
    }
    if (r->subgraph == 0) {
        *out = ends;
        *count = kept;
    }
    return rc;
}

/* -- Instructions -------------------------------------------------------------------------------- */
/* Arguments that are tensors. A kernel's last argument is what it writes; what a delegate touches first is. */
static int split_arguments(struct reader *r, struct ifm_flat_list list, struct ifm_graph_node *node, bool kernel)
{
    node->inputs = ifm_graph_alloc(r->graph, list.count, sizeof *node->inputs, r->err);
    node->outputs = ifm_graph_alloc(r->graph, list.count, sizeof *node->outputs, r->err);
    if (!node->inputs || !node->outputs)
        return ifm_flat_failed(r->err);
    uint32_t last = list.count ? (uint32_t)ifm_flat_list_i32(&r->flat, list, list.count - 1) : 0;
    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t value = (uint32_t)ifm_flat_list_i32(&r->flat, list, i);
        if (value >= r->values)
            return ifm_graph_add_problem(r->graph, "value-index", r->err,
                                         "an instruction names value %u, but there are %u", value, r->values);
        if (r->tensors[value] == IFM_GRAPH_NONE)
            continue;
        bool written = kernel ? value == last : !r->made[value];
        uint32_t *to = written ? node->outputs : node->inputs;
        size_t *count = written ? &node->output_count : &node->input_count;
        if (!written || !*count || to[*count - 1] != r->tensors[value])
            to[(*count)++] = r->tensors[value];
        if (written)
            r->made[value] = true;
    }
    return 0;
}

static const char *operator_name(struct reader *r, struct ifm_flat_list operators, uint64_t index)
{
    if (index >= operators.count)
        return "?";
    size_t table = ifm_flat_list_table(&r->flat, operators, (uint32_t)index);
    struct ifm_flat_text name = ifm_flat_text(&r->flat, table, 0), overload = ifm_flat_text(&r->flat, table, 1);
    char text[256];
    int len = snprintf(text, sizeof text, "%.*s%s%.*s", (int)(name.len > 120 ? 120 : name.len), name.bytes,
                       overload.len ? "." : "", (int)(overload.len > 60 ? 60 : overload.len), overload.bytes);
    return ifm_graph_text(r->graph, text, len > 0 ? (size_t)len : 0, r->err);
}

static int read_instruction(struct reader *r, size_t table, struct ifm_flat_list operators)
{
    uint64_t kind = ifm_flat_unsigned(&r->flat, table, 0, 1, 0);
    size_t call = ifm_flat_table(&r->flat, table, 1);
    if (kind != CALL_KERNEL && kind != CALL_DELEGATE)
        return 0; /* moves, jumps and frees compute nothing */
    struct ifm_graph_node *node = ifm_graph_add_node(r->graph, r->err);
    if (!node)
        return ifm_flat_failed(r->err);
    uint64_t index = ifm_flat_unsigned(&r->flat, call, 0, 4, 0);
    uint32_t limit = kind == CALL_KERNEL ? operators.count : r->delegate_count;
    int rc = 0;
    node->subgraph = r->subgraph;
    if (index >= limit)
        rc = ifm_graph_add_problem(r->graph, "operator-index", r->err,
                                   "an instruction calls operator or delegate %llu, but there are %u",
                                   (unsigned long long)index, limit);
    if (kind == CALL_KERNEL) {
        node->op = operator_name(r, operators, index);
    } else {
        node->op = node->delegate = index < limit ? r->delegates[index].id : "?";
        if (index < limit)
            r->delegates[index].calls++;
    }
    if (!node->op)
        return ifm_flat_failed(r->err);
    return rc ? rc : split_arguments(r, ifm_flat_list(&r->flat, call, 1, 4), node, kind == CALL_KERNEL);
}

static int read_chains(struct reader *r, size_t plan)
{
    struct ifm_flat_list chains = ifm_flat_list(&r->flat, plan, PLAN_CHAINS, 4);
    struct ifm_flat_list operators = ifm_flat_list(&r->flat, plan, PLAN_OPERATORS, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < chains.count; i++) {
        struct ifm_flat_list list =
            ifm_flat_list(&r->flat, ifm_flat_list_table(&r->flat, chains, i), 2, 4);
        for (uint32_t j = 0; !rc && j < list.count; j++)
            rc = read_instruction(r, ifm_flat_list_table(&r->flat, list, j), operators);
    }
    return rc ? rc : ifm_flat_check(&r->flat, r->graph, r->err);
}

/* -- Delegates ----------------------------------------------------------------------------------- */
/* What a backend compiled for itself: counted as bytes, because its format is the backend's own. */
static int read_blob(struct reader *r, size_t delegate, const char *id, uint32_t number)
{
    size_t place = ifm_flat_table(&r->flat, delegate, 1);
    uint64_t index = ifm_flat_unsigned(&r->flat, place, 1, 4, 0), at = 0, bytes = 0;
    bool in_segment = ifm_flat_signed(&r->flat, place, 0, 1, 0) == 1, found = false;
    struct ifm_flat_list inlined = ifm_flat_list(&r->flat, r->program, PROGRAM_DELEGATE_DATA, 4);
    if (in_segment) {
        found = segment(r, index, &at, &bytes);
    } else if (index < inlined.count) {
        struct ifm_flat_list data =
            ifm_flat_blob(&r->flat, ifm_flat_list_table(&r->flat, inlined, (uint32_t)index), 0);
        at = data.at;
        bytes = data.count;
        found = true;
    }
    if (!found)
        return ifm_graph_add_problem(r->graph, "delegate-data", r->err,
                                     "the data of delegate %u (%.60s) is not in the file", number, id);
    char text[160];
    snprintf(text, sizeof text, "%.100s #%u", id, number);
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    if (!tensor || !(tensor->name = ifm_graph_text(r->graph, text, strlen(text), r->err)))
        return ifm_flat_failed(r->err);
    tensor->type = "delegated";
    tensor->rank = 1;
    tensor->dims[0] = (int64_t)bytes;
    tensor->constant = tensor->buffer = true;
    tensor->bytes = (int64_t)bytes;
    tensor->data = r->graph->map + at;
    tensor->offset = at;
    return 0;
}

static int read_delegates(struct reader *r, size_t plan)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, plan, PLAN_DELEGATES, 4);
    int rc = 0;
    r->delegate_count = list.count;
    r->delegates = ifm_graph_alloc(r->graph, list.count, sizeof *r->delegates, r->err);
    if (!r->delegates)
        return ifm_flat_failed(r->err);
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        r->delegates[i].id = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, 0), r->err);
        rc = r->delegates[i].id ? read_blob(r, table, r->delegates[i].id, i) : ifm_flat_failed(r->err);
    }
    return rc;
}

/* -- The program --------------------------------------------------------------------------------- */
static int plan_facts(struct reader *r, size_t plan, const char *name)
{
    struct ifm_flat_list memory = ifm_flat_list(&r->flat, plan, PLAN_MEMORY, 8);
    char key[160], text[64];
    int64_t total = 0;
    for (uint32_t i = 1; i < memory.count; i++) /* the first stands for the constants */
        if (__builtin_add_overflow(total, ifm_flat_list_i64(&r->flat, memory, i), &total))
            total = INT64_MAX;
    snprintf(key, sizeof key, "method %.80s: planned memory", name);
    snprintf(text, sizeof text, "%lld bytes", (long long)total);
    int rc = ifm_graph_add_metadata(r->graph, key, text, r->err);
    for (uint32_t i = 0; !rc && i < r->delegate_count; i++) {
        snprintf(key, sizeof key, "method %.60s: delegate %u", name, i);
        char value[200];
        snprintf(value, sizeof value, "%.100s, called %llu times", r->delegates[i].id,
                 (unsigned long long)r->delegates[i].calls);
        rc = ifm_graph_add_metadata(r->graph, key, value, r->err);
    }
    return rc;
}

static int read_plan(struct reader *r, size_t plan, uint32_t index)
{
    const char *name = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, plan, PLAN_NAME), r->err);
    if (!name)
        return ifm_flat_failed(r->err);
    r->subgraph = index;
    if (index == 0)
        r->graph->name = name;
    int rc = read_values(r, plan);
    if (!rc)
        rc = read_ends(r, plan, PLAN_INPUTS, &r->graph->inputs, &r->graph->input_count);
    if (!rc)
        rc = read_ends(r, plan, PLAN_OUTPUTS, &r->graph->outputs, &r->graph->output_count);
    if (!rc)
        rc = read_delegates(r, plan);
    if (!rc)
        rc = read_chains(r, plan);
    return rc ? rc : plan_facts(r, plan, name);
}

/* Weights that backends fetch by a key; not tensors of the program, but bytes of the file. */
static int read_named(struct reader *r)
{
    struct ifm_flat_list list = ifm_flat_list(&r->flat, r->program, PROGRAM_NAMED, 4);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < list.count; i++) {
        size_t table = ifm_flat_list_table(&r->flat, list, i);
        uint64_t at, bytes, index = ifm_flat_unsigned(&r->flat, table, 1, 4, 0);
        const char *key = ifm_flat_keep(r->graph, ifm_flat_text(&r->flat, table, 0), r->err);
        if (!key)
            return ifm_flat_failed(r->err);
        if (!segment(r, index, &at, &bytes)) {
            rc = ifm_graph_add_problem(r->graph, "segment-range", r->err,
                                       "named data \"%.60s\" is not in the file", key);
            continue;
        }
        struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
        if (!tensor)
            return ifm_flat_failed(r->err);
        *tensor = (struct ifm_graph_tensor){ .name = key, .type = "delegated", .rank = 1,
                                             .dims = { (int64_t)bytes }, .constant = true, .buffer = true,
                                             .bytes = (int64_t)bytes, .data = r->graph->map + at,
                                             .offset = at };
    }
    return rc;
}

static int read_head(struct reader *r)
{
    char text[48];
    uint64_t version = ifm_flat_unsigned(&r->flat, r->program, PROGRAM_VERSION, 4, 0);
    r->graph->format = "executorch";
    r->graph->format_name = "ExecuTorch";
    r->graph->has_nodes = true;
    if (r->flat.fault[0])
        return ifm_flat_check(&r->flat, r->graph, r->err);
    if (version != SCHEMA_VERSION)
        return ifm_err_set(r->err, IFM_ERR_UNSUPPORTED, "executorch",
                           "%.100s has program version %llu; only version %d can be read", r->graph->path,
                           (unsigned long long)version, SCHEMA_VERSION);
    snprintf(text, sizeof text, "%.4s, version %llu", (const char *)r->graph->map + 4,
             (unsigned long long)version);
    r->graph->format_version = ifm_graph_text(r->graph, text, strlen(text), r->err);
    return r->graph->format_version ? 0 : ifm_flat_failed(r->err);
}

int ifm_read_executorch(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader r = { .graph = graph, .err = err };
    int rc = read_header(&r);
    if (rc)
        return rc;
    r.program = ifm_flat_root(&r.flat);
    rc = read_head(&r);
    if (!rc)
        rc = read_segments(&r);
    struct ifm_flat_list plans = ifm_flat_list(&r.flat, r.program, PROGRAM_PLANS, 4);
    graph->subgraph_count = plans.count;
    if (!rc && !r.flat.fault[0] && !plans.count)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "executorch", "%.100s holds no method", graph->path);
    for (uint32_t i = 0; !rc && i < plans.count; i++)
        rc = read_plan(&r, ifm_flat_list_table(&r.flat, plans, i), i);
    if (!rc)
        rc = read_named(&r);
    return rc ? rc : ifm_flat_check(&r.flat, graph, err);
}
