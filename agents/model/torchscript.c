/* Reader of TorchScript archives (.pt, .jit, .pth): code as text, parameters as a pickle that is read and never
 * executed. A state_dict or a pickled module is the same kind of archive without code: it is told apart. */
#include "agents/model/torchscript.h"

#include <stdio.h>
#include <string.h>

#include "agents/model/pickle.h"
#include "agents/model/recognise.h"
#include "agents/model/zip.h"

#define PICKLE_BYTES_MAX ((size_t)64 << 20)
#define CODE_BYTES_MAX   ((size_t)16 << 20) /* all of it */

struct reader {
    struct ifm_graph *graph;
    struct ifm_err *err;
    struct ifm_zip zip;
    const char *prefix; /* the archive's only folder, with its slash */
    size_t prefix_len;
    size_t module_parameters;
    struct ifm_torch_code *code; /* one an entry of the archive; unpacked once */
    size_t code_bytes;
    const char *folder; /* of the storages that are being read: "data" or "constants" */
};

static const struct { const char *storage, *type; enum ifm_dtype dtype; int bytes; } storages[] = {
    { "FloatStorage", "float32", IFM_DTYPE_F32, 4 }, { "HalfStorage", "float16", IFM_DTYPE_F16, 2 },
    { "BFloat16Storage", "bfloat16", IFM_DTYPE_BF16, 2 }, { "DoubleStorage", "float64", IFM_DTYPE_F64, 8 },
    { "CharStorage", "int8", IFM_DTYPE_I8, 1 }, { "ByteStorage", "uint8", IFM_DTYPE_U8, 1 },
    { "ShortStorage", "int16", IFM_DTYPE_I16, 2 }, { "IntStorage", "int32", IFM_DTYPE_I32, 4 },
    { "LongStorage", "int64", IFM_DTYPE_I64, 8 }, { "BoolStorage", "bool", IFM_DTYPE_BOOL, 1 },
    { "QInt8Storage", "int8", IFM_DTYPE_I8, 1 }, { "QUInt8Storage", "uint8", IFM_DTYPE_U8, 1 },
    { "QInt32Storage", "int32", IFM_DTYPE_I32, 4 }, { "ComplexFloatStorage", "complex64", IFM_DTYPE_NONE, 8 },
    { "ComplexDoubleStorage", "complex128", IFM_DTYPE_NONE, 16 },
};

static int failed(const struct reader *r)
{
    return r->err && r->err->code ? r->err->code : IFM_ERR_NOMEM;
}

/* -- Recognition --------------------------------------------------------------------------------- */
static bool ends_with(const char *name, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len > end_len && memcmp(name + len - end_len, end, end_len) == 0 && name[len - end_len - 1] == '/';
}
static bool is_data(void *context, const char *name, size_t len)
{
    (void)context;
    return ends_with(name, len, "data.pkl");
}
static bool is_archive_format(void *context, const char *name, size_t len)
{
    (void)context;
    return ends_with(name, len, "archive_format");
}

bool ifm_is_torchscript(const unsigned char *bytes, size_t len)
{
    return !ifm_is_pt2(bytes, len) && ifm_zip_scan(bytes, len, is_data, NULL);
}
bool ifm_is_pt2(const unsigned char *bytes, size_t len)
{
    return ifm_zip_scan(bytes, len, is_archive_format, NULL);
}

/* -- Entries ------------------------------------------------------------------------------------- */
static const struct ifm_zip_entry *entry(const struct reader *r, const char *name)
{
    char full[1200];
    int len = snprintf(full, sizeof full, "%.*s%s", (int)r->prefix_len, r->prefix, name);
    return len > 0 && (size_t)len < sizeof full ? ifm_zip_find(&r->zip, full) : NULL;
}

static int find_prefix(struct reader *r)
{
    for (size_t i = 0; i < r->zip.count; i++) {
        const char *name = r->zip.entries[i].name;
        size_t len = strlen(name);
        if (!ends_with(name, len, "data.pkl"))
            continue;
        r->prefix = name;
        r->prefix_len = len - strlen("data.pkl");
        return 0;
    }
    return ifm_err_set(r->err, IFM_ERR_INVALID, "torchscript", "%.100s holds no data.pkl", r->graph->path);
}

static int read_version(struct reader *r)
{
    const struct ifm_zip_entry *version = entry(r, "version");
    const unsigned char *bytes;
    size_t len;
    if (!version)
        return 0;
    int rc = ifm_zip_bytes(&r->zip, version, 64, &bytes, &len, r->err);
    while (!rc && len && (bytes[len - 1] == '\n' || bytes[len - 1] == ' '))
        len--;
    if (!rc && !(r->graph->format_version = ifm_graph_text(r->graph, bytes, len, r->err)))
        rc = failed(r);
    return rc;
}

/* -- Tensors ------------------------------------------------------------------------------------- */
/* Bytes of one element, by the class of the storage; 0: not known. */
static int set_type(const struct ifm_pickle *class_name, struct ifm_graph_tensor *tensor)
{
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
        if (ifm_pickle_global(class_name, "torch", storages[i].storage)) {
            tensor->type = storages[i].type;
            tensor->dtype = storages[i].dtype;
            return storages[i].bytes;
        }
    return 0;
}

static bool is_storage(const struct ifm_pickle *tuple)
{
    return tuple && tuple->kind == IFM_PICKLE_TUPLE && tuple->count >= 5 && tuple->items[2]->kind == IFM_PICKLE_TEXT &&
           tuple->items[1]->kind == IFM_PICKLE_GLOBAL && tuple->items[2]->len <= 100;
}

/* Where a storage lies: ('storage', class, key, device, elements). */
static int place(struct reader *r, const struct ifm_pickle *id, int64_t first, struct ifm_graph_tensor *tensor,
                 int64_t elements)
{
    const struct ifm_pickle *tuple = id->count ? id->items[0] : NULL;
    if (!is_storage(tuple))
        return ifm_graph_add_problem(r->graph, "storage", r->err, "\"%.80s\" has a storage that is not understood",
                                     tensor->name);
    int size = set_type(tuple->items[1], tensor);
    char name[160];
    snprintf(name, sizeof name, "%s/%.*s", r->folder, (int)tuple->items[2]->len, tuple->items[2]->text);
    const struct ifm_zip_entry *bytes = entry(r, name);
    int64_t end;
    if (!bytes)
        return ifm_graph_add_problem(r->graph, "storage", r->err, "the bytes of \"%.80s\" (%.60s) are not in the archive",
                                     tensor->name, name);
    if (!size || elements < 0 || first < 0 || __builtin_add_overflow(first, elements, &end) ||
        __builtin_mul_overflow(end, (int64_t)size, &end))
        return 0;
    tensor->bytes = elements * size;
    if ((uint64_t)end > bytes->size) /* a view with strides may be larger than what it shows; it starts inside */
        return elements && (uint64_t)first * (uint64_t)size >= bytes->size
                   ? ifm_graph_add_problem(r->graph, "storage", r->err, "\"%.80s\" reads behind its storage (%.60s)",
                                           tensor->name, name) : 0;
    if (bytes->method == 0) {
        tensor->offset = bytes->offset + (uint64_t)(first * size);
        tensor->data = r->graph->map + tensor->offset;
    }
    return 0;
}

static int64_t read_sizes(const struct ifm_pickle *sizes, struct ifm_graph_tensor *tensor)
{
    int64_t elements = 1;
    if (sizes->kind != IFM_PICKLE_TUPLE || sizes->count > INT32_MAX)
        return -1;
    tensor->rank = (int32_t)sizes->count;
    for (size_t i = 0; i < sizes->count; i++) {
        int64_t size = sizes->items[i]->kind == IFM_PICKLE_INT ? sizes->items[i]->number : -1;
        if (i < IFM_MAX_RANK)
            tensor->dims[i] = size < 0 ? -1 : size;
        if (elements >= 0 && (size < 0 || __builtin_mul_overflow(elements, size, &elements)))
            elements = -1;
    }
    return elements;
}

/* A call that rebuilds a tensor, also inside of a Parameter's. NULL: something else. */
static const struct ifm_pickle *tensor_call(const struct ifm_pickle *value)
{
    for (unsigned depth = 0; depth < 4 && value->kind == IFM_PICKLE_CALL; depth++) {
        const struct ifm_pickle *what = value->items[0], *arguments = value->items[1];
        if (ifm_pickle_global(what, "torch._utils", "_rebuild_tensor_v2") ||
            ifm_pickle_global(what, "torch._utils", "_rebuild_qtensor"))
            return arguments->kind == IFM_PICKLE_TUPLE && arguments->count >= 4 &&
                           arguments->items[0]->kind == IFM_PICKLE_PERSISTENT ? value : NULL;
        if (!ifm_pickle_global(what, "torch._utils", "_rebuild_parameter") || !arguments->count)
            return NULL;
        value = arguments->items[0];
    }
    return NULL;
}

static int add_tensor(struct reader *r, struct ifm_pickle *call, const char *name, bool buffer)
{
    const struct ifm_pickle *arguments = call->items[1];
    if (call->seen)
        return 0; /* one tensor under two names counts once */
    call->seen = true;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(r->graph, r->err);
    if (!tensor || !(tensor->name = ifm_graph_text(r->graph, name, strlen(name), r->err)))
        return failed(r);
    tensor->constant = true;
    tensor->buffer = buffer;
    if (ifm_pickle_global(call->items[0], "torch._utils", "_rebuild_qtensor"))
        tensor->quant = IFM_QUANT_TENSOR;
    int64_t elements = read_sizes(arguments->items[2], tensor);
    int64_t first = arguments->items[1]->kind == IFM_PICKLE_INT ? arguments->items[1]->number : -1;
    return place(r, arguments->items[0], first, tensor, elements);
}

/* -- Modules ------------------------------------------------------------------------------------- */
/* code/PATH.py of the class "PATH.Name". */
static void class_code(struct reader *r, const struct ifm_pickle *global, struct ifm_torch_code *out)
{
    char name[600];
    *out = (struct ifm_torch_code){ "", 0 };
    if (global->kind != IFM_PICKLE_GLOBAL || global->len > 500)
        return;
    int len = snprintf(name, sizeof name, "code/%.*s", (int)global->len, global->text);
    for (int i = 5; i < len; i++)
        name[i] = name[i] == '.' ? '/' : name[i];
    memcpy(name + len, ".py", 4);
    const struct ifm_zip_entry *file = entry(r, name);
    if (file && r->code[file - r->zip.entries].len)
        *out = ifm_torch_class(r->code[file - r->zip.entries], global->more, global->more_len);
}

static int walk(struct reader *r, struct ifm_pickle *value, const char *path, struct ifm_torch_code code, unsigned depth);

static int walk_items(struct reader *r, const struct ifm_pickle *value, const char *path, struct ifm_torch_code code,
                      unsigned depth)
{
    bool dict = value->kind == IFM_PICKLE_DICT;
    int rc = 0;
    for (size_t i = 0; !rc && i + dict < value->count; i += 1 + dict) {
        const struct ifm_pickle *key = value->items[i];
        char name[512];
        if (dict && key->kind == IFM_PICKLE_TEXT)
            snprintf(name, sizeof name, "%.300s%s%.*s", path, path[0] ? "." : "", (int)(key->len > 150 ? 150 : key->len),
                     key->text);
        else
            snprintf(name, sizeof name, "%.300s%s%zu", path, path[0] ? "." : "", i);
        rc = walk(r, value->items[i + dict], name, code, depth + 1);
    }
    return rc;
}

static int walk(struct reader *r, struct ifm_pickle *value, const char *path, struct ifm_torch_code code, unsigned depth)
{
    if (depth > IFM_GRAPH_DEPTH_MAX)
        return ifm_err_set(r->err, IFM_ERR_TOO_LARGE, "torchscript", "modules are nested more than %d deep",
                           IFM_GRAPH_DEPTH_MAX);
    const struct ifm_pickle *call = tensor_call(value);
    if (call) {
        const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
        bool parameter = !code.len || ifm_torch_listed(code, "__parameters__ = [", last, strlen(last));
        r->module_parameters += parameter;
        return add_tensor(r, (struct ifm_pickle *)(uintptr_t)call, path, !parameter);
    }
    if (value->seen)
        return 0;
    value->seen = true;
    if (value->kind == IFM_PICKLE_DICT || value->kind == IFM_PICKLE_LIST || value->kind == IFM_PICKLE_TUPLE)
        return walk_items(r, value, path, code, depth);
    if (value->kind != IFM_PICKLE_CALL || value->count < 3)
        return 0;
    struct ifm_torch_code own;
    class_code(r, value->items[0], &own);
    return walk(r, value->items[value->count - 1], path, own, depth + 1);
}

static int read_pickle(struct reader *r, const char *name, struct ifm_pickle **out)
{
    const struct ifm_zip_entry *found = entry(r, name);
    const unsigned char *bytes;
    size_t len;
    *out = NULL;
    if (!found)
        return 0;
    int rc = ifm_zip_bytes(&r->zip, found, PICKLE_BYTES_MAX, &bytes, &len, r->err);
    return rc ? rc : ifm_pickle_read(r->graph, bytes, len, out, r->err);
}

/* -- The archive --------------------------------------------------------------------------------- */
static int read_code(struct reader *r, size_t *files)
{
    int rc = 0;
    r->code = ifm_graph_alloc(r->graph, r->zip.count, sizeof *r->code, r->err);
    if (!r->code)
        return failed(r);
    for (size_t i = 0; !rc && i < r->zip.count; i++) {
        const struct ifm_zip_entry *file = &r->zip.entries[i];
        const unsigned char *bytes;
        size_t len, name_len = strlen(file->name);
        if (name_len < r->prefix_len + 8 || memcmp(file->name + r->prefix_len, "code/", 5) != 0 ||
            strcmp(file->name + name_len - 3, ".py") != 0)
            continue;
        ++*files;
        rc = ifm_zip_bytes(&r->zip, file, CODE_BYTES_MAX - r->code_bytes, &bytes, &len, r->err);
        if (rc)
            return rc;
        r->code_bytes += len;
        r->code[i] = (struct ifm_torch_code){ (const char *)bytes, len };
        rc = ifm_torch_operators(r->graph, r->code[i], r->err);
    }
    return rc;
}

static int no_program(struct reader *r, const struct ifm_pickle *root)
{
    bool module = root->kind == IFM_PICKLE_CALL && root->items[0]->kind == IFM_PICKLE_GLOBAL &&
                  !ifm_pickle_global(root->items[0], "collections", "OrderedDict");
    return ifm_err_set(r->err, IFM_ERR_UNSUPPORTED, "torchscript",
                       "%.70s is %s: weights without a program; load it in Python and export it (torch.export or "
                       "torch.jit)", r->graph->path, module ? "a pickled module" : "a state_dict");
}

static int read_program(struct reader *r, struct ifm_pickle *root)
{
    struct ifm_torch_code code;
    struct ifm_pickle *constants;
    int rc = 0;
    r->folder = "data";
    if (root->kind == IFM_PICKLE_CALL) {
        const struct ifm_pickle *global = root->items[0];
        class_code(r, global, &code);
        rc = ifm_torch_signature(r->graph, code, r->err);
        if (!rc && global->kind == IFM_PICKLE_GLOBAL &&
            !(r->graph->name = ifm_graph_text(r->graph, global->more, global->more_len, r->err)))
            rc = failed(r);
    }
    if (!rc)
        rc = walk(r, root, "", (struct ifm_torch_code){ "", 0 }, 0);
    if (!rc)
        rc = read_pickle(r, "constants.pkl", &constants);
    if (rc || !constants)
        return rc;
    /* Of a frozen module the weights are constants of the code. */
    r->folder = "constants";
    size_t first = r->graph->tensor_count;
    bool frozen = r->module_parameters == 0;
    rc = walk(r, constants, "CONSTANTS", (struct ifm_torch_code){ "", 0 }, 0);
    for (size_t i = first; !rc && i < r->graph->tensor_count; i++)
        r->graph->tensors[i].buffer = !frozen;
    return rc;
}

int ifm_read_torchscript(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader r = { .graph = graph, .err = err };
    struct ifm_pickle *root = NULL;
    size_t files = 0;
    graph->format = "torchscript";
    graph->format_name = "TorchScript";
    graph->producer = "PyTorch";
    graph->subgraph_count = 1;
    graph->has_nodes = true;
    int rc = ifm_zip_open(&r.zip, graph, err);
    if (!rc)
        rc = find_prefix(&r);
    if (!rc)
        rc = read_version(&r);
    if (!rc)
        rc = read_code(&r, &files);
    if (!rc)
        rc = read_pickle(&r, "data.pkl", &root);
    if (!rc && (!root || !files))
        rc = root ? no_program(&r, root) : failed(&r);
    return rc ? rc : read_program(&r, root);
}
