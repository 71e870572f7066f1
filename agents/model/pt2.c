/* Reader of PyTorch's .pt2 archives: an exported program (JSON), or an AOTInductor package (compiled code), or both. */
#include <stdio.h>
#include <string.h>

#include "agents/model/graph.h"
#include "agents/model/json_cursor.h"
#include "agents/model/name_map.h"
#include "agents/model/zip.h"

#define JSON_BYTES_MAX ((size_t)256 << 20)
#define ARGUMENTS_MAX  100000 /* of one node */

struct reader {
    struct ifm_graph *graph;
    struct ifm_err *err;
    struct ifm_zip zip;
    const char *prefix;
    size_t prefix_len;
    struct ifm_name_map names;   /* of the program's values */
    struct ifm_name_map weights; /* by the name that the module has for them */
};
typedef struct ifm_json_cursor cursor;

static const struct { int64_t code; const char *type; enum ifm_dtype dtype; int bytes; } types[] = {
    { 1, "uint8", IFM_DTYPE_U8, 1 }, { 2, "int8", IFM_DTYPE_I8, 1 }, { 3, "int16", IFM_DTYPE_I16, 2 },
    { 4, "int32", IFM_DTYPE_I32, 4 }, { 5, "int64", IFM_DTYPE_I64, 8 }, { 6, "float16", IFM_DTYPE_F16, 2 },
    { 7, "float32", IFM_DTYPE_F32, 4 }, { 8, "float64", IFM_DTYPE_F64, 8 }, { 9, "complex32", IFM_DTYPE_NONE, 4 },
    { 10, "complex64", IFM_DTYPE_NONE, 8 }, { 11, "complex128", IFM_DTYPE_NONE, 16 }, { 12, "bool", IFM_DTYPE_BOOL, 1 },
    { 13, "bfloat16", IFM_DTYPE_BF16, 2 }, { 28, "uint16", IFM_DTYPE_U16, 2 },
    { 29, "float8e4m3fn", IFM_DTYPE_NONE, 1 }, { 30, "float8e5m2", IFM_DTYPE_NONE, 1 },
};

static int failed(const struct reader *r)
{
    return r->err && r->err->code ? r->err->code : IFM_ERR_NOMEM;
}

static int damaged(const struct reader *r, const char *what)
{
    return ifm_err_set(r->err, IFM_ERR_INVALID, "pt2", "%.90s is damaged: %s", r->graph->path, what);
}

/* The value of a key of the object at json; failed when it has none. */
static cursor member(cursor json, const char *key)
{
    struct ifm_json_text name;
    int more = ifm_json_enter(&json, '{');
    while (more == 1 && ifm_json_key(&json, &name)) {
        if (ifm_json_is(&name, key))
            return json;
        if (!ifm_json_skip(&json))
            break;
        more = ifm_json_more(&json, '}');
    }
    json.failed = true;
    return json;
}

static bool text_of(cursor json, const char *key, struct ifm_json_text *out)
{
    *out = (struct ifm_json_text){ "", 0 };
    json = member(json, key);
    return !json.failed && ifm_json_string(&json, out);
}

static uint32_t value_of(const struct reader *r, cursor argument)
{
    struct ifm_json_text name;
    return text_of(argument, "name", &name) ? ifm_name_map_find(&r->names, name.bytes, name.len) : IFM_GRAPH_NONE;
}

/* -- Values -------------------------------------------------------------------------------------- */
static int read_sizes(struct reader *r, cursor sizes, struct ifm_graph_tensor *tensor)
{
    tensor->rank = 0;
    for (int more = ifm_json_enter(&sizes, '['); more == 1; more = ifm_json_more(&sizes, ']')) {
        cursor fixed = member(sizes, "as_int"), expression = member(sizes, "as_expr");
        int32_t at = tensor->rank < IFM_MAX_RANK ? tensor->rank : -1;
        int64_t size = -1;
        struct ifm_json_text name;
        if (fixed.failed || !ifm_json_integer(&fixed, &size) || size < 0)
            size = -1;
        if (at >= 0)
            tensor->dims[at] = size;
        if (at >= 0 && size < 0 && !expression.failed && text_of(expression, "expr_str", &name) &&
            !(tensor->dim_names[at] = ifm_graph_text(r->graph, name.bytes, name.len, r->err)))
            return failed(r);
        tensor->rank += tensor->rank < INT32_MAX;
        if (!ifm_json_skip(&sizes))
            break;
    }
    return sizes.failed ? damaged(r, "sizes of a tensor") : 0;
}

static int read_value(struct reader *r, struct ifm_json_text name, cursor meta)
{
    uint32_t index = (uint32_t)r->graph->tensor_count;
    cursor code = member(meta, "dtype"), sizes = member(meta, "sizes");
    int64_t number = 0;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    if (!tensor || !(tensor->name = ifm_graph_text(r->graph, name.bytes, name.len, r->err)))
        return failed(r);
    if (!ifm_name_map_add(&r->names, name.bytes, name.len, index))
        return damaged(r, "a value stands twice");
    if (!code.failed && ifm_json_integer(&code, &number))
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (types[i].code == number) {
                tensor->type = types[i].type;
                tensor->dtype = types[i].dtype;
            }
    return sizes.failed ? 0 : read_sizes(r, sizes, tensor);
}

static size_t count_members(cursor json)
{
    size_t count = 0;
    struct ifm_json_text key;
    for (int more = ifm_json_enter(&json, '{'); more == 1; more = ifm_json_more(&json, '}')) {
        if (!ifm_json_key(&json, &key) || !ifm_json_skip(&json))
            break;
        count++;
    }
    return count;
}

static int read_values(struct reader *r, cursor graph)
{
    cursor values = member(graph, "tensor_values");
    struct ifm_json_text name;
    if (values.failed)
        return damaged(r, "its program tells no values");
    size_t count = count_members(values);
    if (count > IFM_GRAPH_TENSORS_MAX)
        return ifm_err_set(r->err, IFM_ERR_TOO_LARGE, "pt2", "%.90s has too many values", r->graph->path);
    int rc = ifm_name_map_init(&r->names, r->graph, count, NULL, r->err);
    if (!rc)
        rc = ifm_name_map_init(&r->weights, r->graph, count, NULL, r->err);
    for (int more = rc ? 0 : ifm_json_enter(&values, '{'); !rc && more == 1; more = ifm_json_more(&values, '}')) {
        if (!ifm_json_key(&values, &name))
            break;
        rc = read_value(r, name, values);
        if (!rc && !ifm_json_skip(&values))
            break;
    }
    return rc || !values.failed ? rc : damaged(r, "its values are no JSON");
}

/* -- Ends and weights ---------------------------------------------------------------------------- */
static int64_t bytes_of(const struct ifm_graph_tensor *tensor)
{
    int64_t bytes = ifm_graph_type_bits(tensor->type) / 8;
    if (!bytes || tensor->rank > IFM_MAX_RANK)
        return IFM_GRAPH_UNKNOWN;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] < 0 || __builtin_mul_overflow(bytes, tensor->dims[i], &bytes))
            return IFM_GRAPH_UNKNOWN;
    return bytes;
}

static int add_end(struct reader *r, uint32_t **list, size_t *count, uint32_t value)
{
    if ((*count & (*count - 1)) == 0) {
        uint32_t *moved = ifm_graph_alloc(r->graph, *count ? 2 * *count : 1, sizeof *moved, r->err);
        if (!moved)
            return failed(r);
        if (*count)
            memcpy(moved, *list, *count * sizeof *moved);
        *list = moved;
    }
    (*list)[(*count)++] = value;
    return 0;
}

static int read_constant(struct reader *r, cursor spec, const char *name_key, bool buffer)
{
    struct ifm_json_text name;
    uint32_t value = value_of(r, member(spec, "arg"));
    if (value == IFM_GRAPH_NONE)
        return ifm_graph_add_problem(r->graph, "unknown-value", r->err, "a parameter names a value that is not there");
    struct ifm_graph_tensor *tensor = &r->graph->tensors[value];
    tensor->constant = true;
    tensor->buffer = buffer;
    tensor->bytes = bytes_of(tensor);
    if (!text_of(spec, name_key, &name))
        return 0;
    ifm_name_map_add(&r->weights, name.bytes, name.len, value);
    tensor->name = ifm_graph_text(r->graph, name.bytes, name.len, r->err);
    return tensor->name ? 0 : failed(r);
}

static int read_input(struct reader *r, cursor spec)
{
    cursor part = member(spec, "parameter");
    if (!part.failed)
        return read_constant(r, part, "parameter_name", false);
    if (!(part = member(spec, "buffer")).failed)
        return read_constant(r, part, "buffer_name", true);
    if (!(part = member(spec, "tensor_constant")).failed)
        return read_constant(r, part, "tensor_constant_name", true);
    part = member(member(member(spec, "user_input"), "arg"), "as_tensor");
    uint32_t value = part.failed ? IFM_GRAPH_NONE : value_of(r, part);
    return value == IFM_GRAPH_NONE ? 0 : add_end(r, &r->graph->inputs, &r->graph->input_count, value);
}

static int read_output(struct reader *r, cursor spec)
{
    cursor part = member(member(member(spec, "user_output"), "arg"), "as_tensor");
    uint32_t value = part.failed ? IFM_GRAPH_NONE : value_of(r, part);
    return value == IFM_GRAPH_NONE ? 0 : add_end(r, &r->graph->outputs, &r->graph->output_count, value);
}

static int each(struct reader *r, cursor list, const char *what, int (*read)(struct reader *r, cursor item))
{
    int rc = 0;
    if (list.failed)
        return damaged(r, what);
    for (int more = ifm_json_enter(&list, '['); !rc && more == 1; more = ifm_json_more(&list, ']')) {
        rc = read(r, list);
        if (!rc && !ifm_json_skip(&list))
            break;
    }
    return rc || !list.failed ? rc : damaged(r, what);
}

/* -- Nodes --------------------------------------------------------------------------------------- */
/* The value, or values, that an argument is. */
static int add_argument(struct reader *r, cursor argument, uint32_t **list, size_t *count)
{
    cursor one = member(argument, "as_tensor"), many = member(argument, "as_tensors");
    if (!one.failed)
        return add_end(r, list, count, value_of(r, one));
    int rc = 0;
    for (int more = many.failed ? 0 : ifm_json_enter(&many, '['); !rc && more == 1; more = ifm_json_more(&many, ']')) {
        if (*count > ARGUMENTS_MAX)
            return damaged(r, "a node has too many arguments");
        rc = add_end(r, list, count, value_of(r, many));
        if (!rc && !ifm_json_skip(&many))
            break;
    }
    return rc;
}

static int read_arguments(struct reader *r, cursor list, bool named, uint32_t **out, size_t *count)
{
    int rc = 0;
    for (int more = list.failed ? 0 : ifm_json_enter(&list, '['); !rc && more == 1; more = ifm_json_more(&list, ']')) {
        cursor argument = named ? member(list, "arg") : list;
        if (!argument.failed)
            rc = add_argument(r, argument, out, count);
        if (!rc && !ifm_json_skip(&list))
            break;
    }
    return rc;
}

/* "torch.ops.aten.conv2d.default" is aten::conv2d.default. */
static const char *operator_name(struct reader *r, struct ifm_json_text target)
{
    char text[200];
    if (target.len > 10 && memcmp(target.bytes, "torch.ops.", 10) == 0) {
        target.bytes += 10;
        target.len -= 10;
    }
    const char *dot = memchr(target.bytes, '.', target.len);
    size_t space = dot ? (size_t)(dot - target.bytes) : 0;
    if (!dot || target.len >= sizeof text - 1)
        return ifm_graph_text(r->graph, target.bytes, target.len, r->err);
    memcpy(text, target.bytes, space);
    memcpy(text + space, "::", 2);
    memcpy(text + space + 2, dot + 1, target.len - space - 1);
    return ifm_graph_text(r->graph, text, target.len + 1, r->err);
}

static int read_node(struct reader *r, cursor json)
{
    struct ifm_json_text target, name;
    struct ifm_graph_node *node = ifm_graph_add_node(r->graph, r->err);
    text_of(json, "target", &target);
    text_of(json, "name", &name);
    if (!node || !(node->op = operator_name(r, target)) ||
        !(node->name = ifm_graph_text(r->graph, name.bytes, name.len, r->err)))
        return failed(r);
    int rc = read_arguments(r, member(json, "inputs"), true, &node->inputs, &node->input_count);
    return rc ? rc : read_arguments(r, member(json, "outputs"), false, &node->outputs, &node->output_count);
}

/* -- Files of the archive ------------------------------------------------------------------------ */
static const struct ifm_zip_entry *entry(const struct reader *r, const char *folder, struct ifm_json_text name)
{
    char full[1200];
    int len = snprintf(full, sizeof full, "%.*s%s%.*s", (int)r->prefix_len, r->prefix, folder,
                       (int)(name.len > 500 ? 500 : name.len), name.bytes);
    return len > 0 && (size_t)len < sizeof full ? ifm_zip_find(&r->zip, full) : NULL;
}

static int place_weight(struct reader *r, const char *folder, struct ifm_json_text name, cursor row)
{
    struct ifm_json_text file;
    uint32_t index = ifm_name_map_find(&r->weights, name.bytes, name.len);
    if (index == IFM_GRAPH_NONE || !text_of(row, "path_name", &file))
        return 0;
    struct ifm_graph_tensor *tensor = &r->graph->tensors[index];
    const struct ifm_zip_entry *bytes = entry(r, folder, file);
    if (!bytes)
        return ifm_graph_add_problem(r->graph, "missing-weights", r->err, "the bytes of \"%.80s\" are not in the archive",
                                     tensor->name);
    if (bytes->method == 0 && tensor->bytes >= 0 && (uint64_t)tensor->bytes <= bytes->size) {
        tensor->data = r->graph->map + bytes->offset;
        tensor->offset = bytes->offset;
    }
    return 0;
}

static int read_config(struct reader *r, const char *folder, const char *file)
{
    const struct ifm_zip_entry *found = entry(r, folder, (struct ifm_json_text){ file, strlen(file) });
    const unsigned char *bytes;
    size_t len;
    struct ifm_json_text name;
    if (!found)
        return 0;
    int rc = ifm_zip_bytes(&r->zip, found, JSON_BYTES_MAX, &bytes, &len, r->err);
    if (rc)
        return rc;
    cursor rows = member(ifm_json_cursor(bytes, len), "config");
    for (int more = rows.failed ? 0 : ifm_json_enter(&rows, '{'); !rc && more == 1; more = ifm_json_more(&rows, '}')) {
        if (!ifm_json_key(&rows, &name))
            break;
        rc = place_weight(r, folder, name, rows);
        if (!rc && !ifm_json_skip(&rows))
            break;
    }
    return rc;
}

static int read_versions(struct reader *r, cursor program)
{
    struct ifm_json_text torch;
    cursor major = member(member(program, "schema_version"), "major"), minor = member(member(program, "schema_version"), "minor");
    cursor aten = member(member(program, "opset_version"), "aten");
    int64_t a = 0, b = 0, opset = 0;
    char text[64];
    if (!major.failed && !minor.failed && ifm_json_integer(&major, &a) && ifm_json_integer(&minor, &b)) {
        snprintf(text, sizeof text, "%lld.%lld", (long long)a, (long long)b);
        r->graph->format_version = ifm_graph_text(r->graph, text, strlen(text), r->err);
    }
    if (text_of(program, "torch_version", &torch))
        r->graph->producer_version = ifm_graph_text(r->graph, torch.bytes, torch.len, r->err);
    if (aten.failed || !ifm_json_integer(&aten, &opset))
        return 0;
    r->graph->opsets = ifm_graph_alloc(r->graph, 1, sizeof *r->graph->opsets, r->err);
    if (!r->graph->opsets)
        return failed(r);
    r->graph->opsets[0] = (struct ifm_graph_opset){ "aten", opset };
    r->graph->opset_count = 1;
    return 0;
}

static int read_program(struct reader *r, const struct ifm_zip_entry *file, const char *name, size_t name_len)
{
    const unsigned char *bytes;
    size_t len;
    char config[300];
    int rc = ifm_zip_bytes(&r->zip, file, JSON_BYTES_MAX, &bytes, &len, r->err);
    if (rc)
        return rc;
    cursor program = ifm_json_cursor(bytes, len), module = member(program, "graph_module");
    cursor graph = member(module, "graph"), signature = member(module, "signature");
    if (graph.failed || signature.failed)
        return damaged(r, "its program has no graph or no signature");
    r->graph->has_nodes = true;
    r->graph->name = ifm_graph_text(r->graph, name, name_len, r->err);
    rc = read_versions(r, program);
    if (!rc)
        rc = read_values(r, graph);
    if (!rc)
        rc = each(r, member(signature, "input_specs"), "its inputs are no JSON", read_input);
    if (!rc)
        rc = each(r, member(signature, "output_specs"), "its outputs are no JSON", read_output);
    if (!rc)
        rc = each(r, member(graph, "nodes"), "its nodes are no JSON", read_node);
    snprintf(config, sizeof config, "%.*s_weights_config.json", (int)(name_len > 200 ? 200 : name_len), name);
    if (!rc)
        rc = read_config(r, "data/weights/", config);
    snprintf(config, sizeof config, "%.*s_constants_config.json", (int)(name_len > 200 ? 200 : name_len), name);
    return rc ? rc : read_config(r, "data/constants/", config);
}

/* Facts that the compiler wrote beside its code: device, machine, instruction set. */
static int read_compiled(struct reader *r, const struct ifm_zip_entry *file)
{
    const unsigned char *bytes;
    size_t len;
    struct ifm_json_text key, value;
    char name[160], text[400], word[120];
    int rc = ifm_zip_bytes(&r->zip, file, 1 << 20, &bytes, &len, r->err);
    if (rc)
        return rc;
    cursor json = ifm_json_cursor(bytes, len);
    for (int more = ifm_json_enter(&json, '{'); !rc && more == 1; more = ifm_json_more(&json, '}')) {
        if (!ifm_json_key(&json, &key))
            break;
        cursor at = json;
        if (ifm_json_string(&at, &value)) {
            ifm_json_plain(&key, word, sizeof word);
            ifm_json_plain(&value, text, sizeof text);
            snprintf(name, sizeof name, "aotinductor.%s", word);
            rc = ifm_graph_add_metadata(r->graph, name, text, r->err);
        }
        if (!rc && !ifm_json_skip(&json))
            break;
    }
    return rc;
}

static bool ends(const char *name, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && memcmp(name + len - end_len, end, end_len) == 0;
}

static int read_entry(struct reader *r, const struct ifm_zip_entry *file, size_t *programs, bool *compiled)
{
    const char *name = file->name + r->prefix_len;
    size_t len = strlen(name);
    char size[64];
    if (strncmp(name, "models/", 7) == 0 && ends(name, len, ".json")) {
        if ((*programs)++ == 0)
            return read_program(r, file, name + 7, len - 7 - 5);
        return ifm_graph_add_metadata(r->graph, "further program", name + 7, r->err);
    }
    if (strncmp(name, "data/aotinductor/", 17) != 0)
        return 0;
    *compiled = true;
    if (ends(name, len, "_metadata.json"))
        return read_compiled(r, file);
    snprintf(size, sizeof size, "%llu bytes", (unsigned long long)file->size);
    return ends(name, len, ".so") || ends(name, len, ".cubin") || ends(name, len, ".o") || ends(name, len, ".bin")
               ? ifm_graph_add_metadata(r->graph, name + 17, size, r->err) : 0;
}

static int find_prefix(struct reader *r)
{
    for (size_t i = 0; i < r->zip.count; i++) {
        const char *name = r->zip.entries[i].name;
        size_t len = strlen(name);
        if (!ends(name, len, "/archive_format"))
            continue;
        r->prefix = name;
        r->prefix_len = len - strlen("archive_format");
        return 0;
    }
    return damaged(r, "it holds no archive_format");
}

int ifm_read_pt2(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader r = { .graph = graph, .err = err };
    size_t programs = 0;
    bool compiled = false;
    graph->format = "pt2";
    graph->format_name = "PyTorch export archive";
    graph->producer = "PyTorch";
    graph->subgraph_count = 1;
    int rc = ifm_zip_open(&r.zip, graph, err);
    if (!rc)
        rc = find_prefix(&r);
    for (size_t i = 0; !rc && i < r.zip.count; i++)
        if (strncmp(r.zip.entries[i].name, r.prefix, r.prefix_len) == 0)
            rc = read_entry(&r, &r.zip.entries[i], &programs, &compiled);
    if (!rc && !programs && !compiled)
        rc = damaged(&r, "it holds neither a program nor compiled code");
    if (!rc && compiled)
        rc = ifm_graph_add_metadata(graph, "aotinductor", programs ? "with its program" :
                                    "compiled code only: operators and weights are not told", err);
    return rc;
}
