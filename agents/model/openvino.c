/* Reader of OpenVINO's IR: an .xml with the layers, and their constants in a .bin beside it. */
#include "agents/model/openvino.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/model/graph_parts.h"
#include "agents/model/recognise.h"
#include "core/mem.h"

#define SCOPES_MAX 32 /* bodies inside of bodies */
#define PORTS_MAX  100000
#define INFO_DEPTH 3 /* net > rt_info > … */

struct port { /* of a layer: what an edge names */
    uint64_t key; /* layer << 32 | port */
    uint32_t node; /* NONE: a result */
    uint32_t index; /* tensor of an output; slot of an input */
};
struct ports {
    struct port *items;
    size_t count, room;
};
struct scope { /* the net, or a body of a layer */
    struct ports inputs, outputs;
    uint32_t subgraph;
    bool sorted;
};
enum layer_kind { LAYER_OPERATION, LAYER_CONST, LAYER_PARAMETER, LAYER_RESULT };

/* What is open: a layer with a body waits below while the body's layers are read. */
struct layer {
    uint32_t node;
    uint32_t id;
    enum layer_kind kind;
    char name[512], type[100];
    int64_t offset, size;
    char element[32];
    uint32_t first_input; /* ports seen so far */
};

struct reader {
    struct ifm_graph *graph;
    struct ifm_err *err;
    struct scope scopes[SCOPES_MAX];
    struct layer layers[SCOPES_MAX];
    unsigned level; /* of scopes */
    bool in_layer[SCOPES_MAX], in_input, in_output;
    uint32_t tensor; /* whose dimensions are being read; NONE */
    int64_t bin_bytes;
    const char *bin;
    char path[512]; /* of rt_info */
    size_t path_len[INFO_DEPTH + 8];
    unsigned info;  /* depth inside of the net's rt_info; 0: outside */
    bool net;
};

static const struct { const char *precision, *type; enum ifm_dtype dtype; } types[] = {
    { "f32", "float32", IFM_DTYPE_F32 }, { "fp32", "float32", IFM_DTYPE_F32 }, { "f16", "float16", IFM_DTYPE_F16 },
    { "fp16", "float16", IFM_DTYPE_F16 }, { "bf16", "bfloat16", IFM_DTYPE_BF16 }, { "f64", "float64", IFM_DTYPE_F64 },
    { "fp64", "float64", IFM_DTYPE_F64 }, { "i8", "int8", IFM_DTYPE_I8 }, { "u8", "uint8", IFM_DTYPE_U8 },
    { "i16", "int16", IFM_DTYPE_I16 }, { "u16", "uint16", IFM_DTYPE_U16 }, { "i32", "int32", IFM_DTYPE_I32 },
    { "u32", "uint32", IFM_DTYPE_U32 }, { "i64", "int64", IFM_DTYPE_I64 }, { "u64", "uint64", IFM_DTYPE_U64 },
    { "boolean", "bool", IFM_DTYPE_BOOL }, { "bool", "bool", IFM_DTYPE_BOOL }, { "i4", "int4", IFM_DTYPE_NONE },
    { "u4", "uint4", IFM_DTYPE_NONE }, { "u2", "uint2", IFM_DTYPE_NONE }, { "u1", "uint1", IFM_DTYPE_NONE },
    { "bin", "uint1", IFM_DTYPE_NONE }, { "u3", "uint3", IFM_DTYPE_NONE }, { "u6", "uint6", IFM_DTYPE_NONE },
    { "f8e4m3", "float8e4m3fn", IFM_DTYPE_NONE }, { "f8e5m2", "float8e5m2", IFM_DTYPE_NONE },
    { "f8e8m0", "float8e8m0", IFM_DTYPE_NONE }, { "f4e2m1", "float4e2m1", IFM_DTYPE_NONE },
    { "nf4", "nf4", IFM_DTYPE_NONE }, { "string", "string", IFM_DTYPE_NONE },
};

static int failed(const struct reader *r)
{
    return r->err && r->err->code ? r->err->code : IFM_ERR_NOMEM;
}

static int invalid(struct reader *r, const char *rule, const char *what)
{
    return ifm_err_set(r->err, IFM_ERR_INVALID, "openvino", "%.80s: %s \"%.60s\"", r->graph->path, rule, what);
}

bool ifm_is_openvino(const unsigned char *bytes, size_t len)
{
    size_t look = len < 4096 ? len : 4096;
    const unsigned char *net = len > 5 && (bytes[0] == '<' || bytes[0] == 0xef) ? memmem(bytes, look, "<net", 4) : NULL;
    return net && memmem(net, look - (size_t)(net - bytes), "version=", 8) != NULL;
}

static bool number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !errno && *end == '\0';
}

static int set_type(struct reader *r, struct ifm_graph_tensor *tensor, const char *precision)
{
    char low[32];
    size_t len = strlen(precision);
    if (len >= sizeof low)
        len = sizeof low - 1;
    for (size_t i = 0; i < len; i++)
        low[i] = precision[i] >= 'A' && precision[i] <= 'Z' ? (char)(precision[i] + 32) : precision[i];
    low[len] = '\0';
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(low, types[i].precision) == 0) {
            tensor->type = types[i].type;
            tensor->dtype = types[i].dtype;
            return 0;
        }
    tensor->type = ifm_graph_text(r->graph, low, len, r->err);
    return tensor->type ? 0 : failed(r);
}

/* -- Ports and edges ----------------------------------------------------------------------------- */
static int add_port(struct reader *r, struct ports *ports, struct port port)
{
    if (ports->count == ports->room) {
        size_t room = ports->room ? 2 * ports->room : 64;
        if (room > IFM_GRAPH_TENSORS_MAX * 2)
            return ifm_err_set(r->err, IFM_ERR_TOO_LARGE, "openvino", "%.90s has too many ports", r->graph->path);
        struct port *moved = ifm_resize_array(ports->items, room, sizeof *moved);
        if (!moved)
            return ifm_err_set(r->err, IFM_ERR_NOMEM, "openvino", "out of memory");
        ports->items = moved;
        ports->room = room;
    }
    ports->items[ports->count++] = port;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct port *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static const struct port *find_port(const struct ports *ports, const char *layer, const char *port)
{
    int64_t l, p;
    if (!number(layer, &l) || !number(port, &p) || l < 0 || p < 0 || !ports->count)
        return NULL;
    struct port key = { .key = (uint64_t)l << 32 | (uint32_t)p };
    return bsearch(&key, ports->items, ports->count, sizeof key, by_key);
}

static int add_edge(struct reader *r, const char **attributes)
{
    struct scope *scope = &r->scopes[r->level];
    struct ifm_graph *graph = r->graph;
    if (!scope->sorted) {
        if (scope->inputs.count)
            qsort(scope->inputs.items, scope->inputs.count, sizeof *scope->inputs.items, by_key);
        if (scope->outputs.count)
            qsort(scope->outputs.items, scope->outputs.count, sizeof *scope->outputs.items, by_key);
        scope->sorted = true;
    }
    const struct port *from = find_port(&scope->outputs, ifm_xml_attribute(attributes, "from-layer"),
                                        ifm_xml_attribute(attributes, "from-port"));
    const struct port *to = find_port(&scope->inputs, ifm_xml_attribute(attributes, "to-layer"),
                                      ifm_xml_attribute(attributes, "to-port"));
    if (!from || !to)
        return ifm_graph_add_problem(graph, "edge", r->err, "an edge from layer %.20s to layer %.20s names a port that is not there",
                                     ifm_xml_attribute(attributes, "from-layer"), ifm_xml_attribute(attributes, "to-layer"));
    if (to->node != IFM_GRAPH_NONE && to->index < graph->nodes[to->node].input_count)
        graph->nodes[to->node].inputs[to->index] = from->index;
    else if (to->node == IFM_GRAPH_NONE && to->index != IFM_GRAPH_NONE && to->index < graph->output_count)
        graph->outputs[to->index] = from->index;
    return 0;
}

/* -- Layers -------------------------------------------------------------------------------------- */
static int add_operation(struct reader *r, struct layer *layer, const char *type, const char *set)
{
    layer->node = (uint32_t)r->graph->node_count;
    struct ifm_graph_node *node = ifm_graph_add_node(r->graph, r->err);
    if (!node)
        return failed(r);
    node->op = ifm_graph_text(r->graph, type, strlen(type), r->err);
    node->domain = set && strncmp(set, "opset", 5) != 0 ? ifm_graph_text(r->graph, set, strlen(set), r->err) : "";
    node->name = ifm_graph_text(r->graph, layer->name, strlen(layer->name), r->err);
    node->subgraph = r->scopes[r->level].subgraph;
    return node->op && node->domain && node->name ? 0 : failed(r);
}

static int start_layer(struct reader *r, const char **attributes)
{
    static const struct { const char *type; enum layer_kind kind; } kinds[] = {
        { "Const", LAYER_CONST }, { "Parameter", LAYER_PARAMETER }, { "Result", LAYER_RESULT },
    };
    struct layer *layer = &r->layers[r->level];
    const char *name = ifm_xml_attribute(attributes, "name"), *type = ifm_xml_attribute(attributes, "type");
    int64_t id;
    if (!type || !number(ifm_xml_attribute(attributes, "id"), &id) || id < 0 || id > INT32_MAX)
        return invalid(r, "a layer without type or number:", name ? name : "");
    *layer = (struct layer){ .id = (uint32_t)id, .node = IFM_GRAPH_NONE, .offset = -1, .size = -1 };
    snprintf(layer->name, sizeof layer->name, "%.500s", name ? name : "");
    snprintf(layer->type, sizeof layer->type, "%.90s", type);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(type, kinds[i].type) == 0)
            layer->kind = kinds[i].kind;
    r->in_layer[r->level] = true;
    return layer->kind == LAYER_OPERATION ? add_operation(r, layer, type, ifm_xml_attribute(attributes, "version")) : 0;
}

static int keep_attribute(struct reader *r, struct ifm_graph_node *node, const char *name, int64_t value)
{
    struct ifm_graph_attribute *list =
        ifm_graph_alloc(r->graph, node->attribute_count + 1, sizeof *list, r->err);
    if (!list)
        return failed(r);
    if (node->attribute_count)
        memcpy(list, node->attributes, node->attribute_count * sizeof *list);
    list[node->attribute_count++] = (struct ifm_graph_attribute){ .name = name, .kind = IFM_ATTR_INT, .i = value };
    node->attributes = list;
    return 0;
}

static int read_data(struct reader *r, const char **attributes)
{
    static const char *const flags[] = { "transpose_a", "transpose_b" };
    struct layer *layer = &r->layers[r->level];
    const char *element = ifm_xml_attribute(attributes, "element_type");
    int rc = 0;
    snprintf(layer->element, sizeof layer->element, "%.30s", element ? element : "");
    if (layer->kind == LAYER_CONST && (!number(ifm_xml_attribute(attributes, "offset"), &layer->offset) ||
                                       !number(ifm_xml_attribute(attributes, "size"), &layer->size)))
        return ifm_graph_add_problem(r->graph, "constant-range", r->err, "constant \"%.80s\" has no offset or no size",
                                     layer->name);
    for (size_t i = 0; !rc && layer->node != IFM_GRAPH_NONE && i < 2; i++) {
        const char *value = ifm_xml_attribute(attributes, flags[i]);
        if (value)
            rc = keep_attribute(r, &r->graph->nodes[layer->node], flags[i],
                                strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
    }
    return rc;
}

static int add_index(struct reader *r, uint32_t **list, size_t *count, uint32_t value)
{
    if ((*count & (*count - 1)) == 0) { /* full at every power of two */
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

static int input_port(struct reader *r, uint64_t key)
{
    struct layer *layer = &r->layers[r->level];
    struct port port = { .key = key, .node = layer->node, .index = IFM_GRAPH_NONE };
    int rc = 0;
    if (layer->node != IFM_GRAPH_NONE) {
        struct ifm_graph_node *node = &r->graph->nodes[layer->node];
        port.index = (uint32_t)node->input_count;
        rc = add_index(r, &node->inputs, &node->input_count, IFM_GRAPH_NONE);
    } else if (layer->kind == LAYER_RESULT && r->level == 0) {
        port.index = (uint32_t)r->graph->output_count;
        rc = add_index(r, &r->graph->outputs, &r->graph->output_count, IFM_GRAPH_NONE);
    }
    return rc ? rc : add_port(r, &r->scopes[r->level].inputs, port);
}

/* The first of "a,b" is what the runtime calls the tensor. */
static const char *tensor_name(struct reader *r, const struct layer *layer, const char *names)
{
    size_t len = 0;
    while (names && names[len] && names[len] != ',')
        len += names[len] == '\\' && names[len + 1] ? 2 : 1;
    return len ? ifm_graph_text(r->graph, names, len, r->err)
               : ifm_graph_text(r->graph, layer->name, strlen(layer->name), r->err);
}

static int place_constant(struct reader *r, struct ifm_graph_tensor *tensor)
{
    const struct layer *layer = &r->layers[r->level];
    tensor->constant = tensor->external = true;
    tensor->location = r->bin;
    tensor->bytes = layer->size < 0 ? IFM_GRAPH_UNKNOWN : layer->size;
    tensor->offset = layer->offset < 0 ? 0 : (uint64_t)layer->offset;
    if (r->bin_bytes < 0 || (layer->offset >= 0 && layer->size >= 0 && layer->offset <= r->bin_bytes &&
                             layer->size <= r->bin_bytes - layer->offset))
        return 0;
    return ifm_graph_add_problem(r->graph, "constant-range", r->err,
                                 "constant \"%.60s\" (%lld bytes at %lld) lies outside %.60s (%lld bytes)", layer->name,
                                 (long long)layer->size, (long long)layer->offset, r->bin, (long long)r->bin_bytes);
}

static int output_port(struct reader *r, uint64_t key, const char **attributes)
{
    struct layer *layer = &r->layers[r->level];
    struct ifm_graph *graph = r->graph;
    const char *precision = ifm_xml_attribute(attributes, "precision");
    uint32_t index = (uint32_t)graph->tensor_count;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(graph, r->err);
    if (!tensor || !(tensor->name = tensor_name(r, layer, ifm_xml_attribute(attributes, "names"))))
        return failed(r);
    tensor->rank = 0;
    r->tensor = index;
    int rc = set_type(r, tensor, layer->kind == LAYER_CONST && layer->element[0] ? layer->element
                                 : precision                                     ? precision : layer->element);
    if (!rc && layer->kind == LAYER_CONST)
        rc = place_constant(r, tensor);
    if (!rc && layer->kind == LAYER_PARAMETER && r->level == 0)
        rc = add_index(r, &graph->inputs, &graph->input_count, index);
    if (!rc && layer->node != IFM_GRAPH_NONE)
        rc = add_index(r, &graph->nodes[layer->node].outputs, &graph->nodes[layer->node].output_count, index);
    return rc ? rc : add_port(r, &r->scopes[r->level].outputs,
                              (struct port){ .key = key, .node = layer->node, .index = index });
}

static int start_port(struct reader *r, const char **attributes)
{
    int64_t id;
    if (!number(ifm_xml_attribute(attributes, "id"), &id) || id < 0 || id > PORTS_MAX)
        return invalid(r, "a port without a number in layer", r->layers[r->level].name);
    uint64_t key = (uint64_t)r->layers[r->level].id << 32 | (uint64_t)id;
    r->tensor = IFM_GRAPH_NONE;
    return r->in_output ? output_port(r, key, attributes) : input_port(r, key);
}

static int end_dim(struct reader *r, const char *text)
{
    int64_t size;
    if (r->tensor == IFM_GRAPH_NONE)
        return 0;
    struct ifm_graph_tensor *tensor = &r->graph->tensors[r->tensor];
    if (!number(text, &size) || size < 0)
        size = -1; /* "-1", "?", "1..8" */
    if (tensor->rank >= 0 && tensor->rank < IFM_MAX_RANK)
        tensor->dims[tensor->rank] = size;
    tensor->rank += tensor->rank < INT32_MAX;
    return 0;
}

/* -- Around the layers --------------------------------------------------------------------------- */
static int start_net(struct reader *r, const char **attributes)
{
    const char *name = ifm_xml_attribute(attributes, "name"), *version = ifm_xml_attribute(attributes, "version");
    int64_t count;
    if (!version || !number(version, &count))
        return invalid(r, "no OpenVINO model: its version is", version ? version : "");
    if (count < 10 || count > 11)
        return ifm_err_set(r->err, IFM_ERR_UNSUPPORTED, "openvino",
                           "%.80s has IR version %lld; versions 10 and 11 can be read", r->graph->path, (long long)count);
    r->net = true;
    r->graph->format_version = ifm_graph_text(r->graph, version, strlen(version), r->err);
    r->graph->name = ifm_graph_text(r->graph, name ? name : "", name ? strlen(name) : 0, r->err);
    return r->graph->format_version && r->graph->name ? 0 : failed(r);
}

static int start_info(struct reader *r, const char *element, const char **attributes)
{
    const char *name = ifm_xml_attribute(attributes, "name"), *value = ifm_xml_attribute(attributes, "value");
    if (strcmp(element, "info") != 0 && !name)
        name = element;
    size_t at = r->info > 1 ? r->path_len[r->info - 1] : 0;
    int len = snprintf(r->path + at, sizeof r->path - at, "%s%.100s", at ? "." : "", name ? name : element);
    at += len > 0 && (size_t)len < sizeof r->path - at ? (size_t)len : 0;
    r->path[at] = '\0';
    if (r->info < sizeof r->path_len / sizeof *r->path_len)
        r->path_len[r->info] = at;
    if (!value || !*value)
        return 0;
    if (strncmp(r->path, "OpenVINO Runtime", 16) == 0 || strncmp(r->path, "Runtime_version", 15) == 0) {
        r->graph->producer = "OpenVINO";
        r->graph->producer_version = ifm_graph_text(r->graph, value, strlen(value), r->err);
        return r->graph->producer_version ? 0 : failed(r);
    }
    return ifm_graph_add_metadata(r->graph, r->path, value, r->err);
}

static int start_body(struct reader *r)
{
    if (r->level + 1 >= SCOPES_MAX)
        return ifm_err_set(r->err, IFM_ERR_TOO_LARGE, "openvino", "bodies are nested more than %d deep", SCOPES_MAX);
    r->level++;
    r->scopes[r->level] = (struct scope){ .subgraph = (uint32_t)r->graph->subgraph_count++ };
    r->in_layer[r->level] = false;
    return 0;
}

static bool is_body(const char *element)
{
    return strcmp(element, "body") == 0 || strcmp(element, "then_body") == 0 || strcmp(element, "else_body") == 0;
}

/* An element inside of a layer. */
static int start_inside(struct reader *r, const char *element, const char **attributes)
{
    if (is_body(element))
        return start_body(r);
    if (strcmp(element, "data") == 0)
        return read_data(r, attributes);
    if (strcmp(element, "input") == 0 || strcmp(element, "output") == 0) {
        r->in_input = element[0] == 'i';
        r->in_output = !r->in_input;
    } else if (strcmp(element, "port") == 0 && (r->in_input || r->in_output)) {
        return start_port(r, attributes);
    }
    return 0;
}

static int on_start(void *context, const char *element, const char **attributes, unsigned depth)
{
    struct reader *r = context;
    if (depth == 1)
        return strcmp(element, "net") == 0 ? start_net(r, attributes) : invalid(r, "no OpenVINO model: it begins with", element);
    if (r->info || (depth == 2 && strcmp(element, "rt_info") == 0))
        return ++r->info > 1 && r->info < sizeof r->path_len / sizeof *r->path_len ? start_info(r, element, attributes) : 0;
    if (r->in_layer[r->level])
        return start_inside(r, element, attributes);
    if (strcmp(element, "layer") == 0)
        return start_layer(r, attributes);
    return strcmp(element, "edge") == 0 ? add_edge(r, attributes) : 0;
}

static void close_scope(struct scope *scope)
{
    ifm_free(scope->inputs.items);
    ifm_free(scope->outputs.items);
    *scope = (struct scope){ 0 };
}

static int on_end(void *context, const char *element, const char *text, unsigned depth)
{
    struct reader *r = context;
    (void)depth;
    if (r->info) {
        r->info--;
    } else if (strcmp(element, "dim") == 0) {
        return end_dim(r, text);
    } else if (strcmp(element, "port") == 0) {
        r->tensor = IFM_GRAPH_NONE;
    } else if (strcmp(element, "input") == 0 || strcmp(element, "output") == 0) {
        r->in_input = r->in_output = false;
    } else if (strcmp(element, "layer") == 0) {
        r->in_layer[r->level] = false;
    } else if (is_body(element) && r->level > 0) {
        close_scope(&r->scopes[r->level--]);
    }
    return 0;
}

/* -- The whole ----------------------------------------------------------------------------------- */
/* Integer weights that are converted before use are compressed ones. */
static void mark_compressed(struct ifm_graph_tensor *weights, const struct ifm_graph_tensor *converted)
{
    int bits = ifm_graph_type_bits(weights->type);
    if (!weights->constant || weights->rank < 2 || bits > 8 || strcmp(weights->type, "bool") == 0 ||
        strncmp(converted->type, "float", 5) != 0)
        return;
    weights->quant = weights->rank == 3 ? IFM_QUANT_BLOCK : IFM_QUANT_CHANNEL;
    weights->quant_count = weights->dims[0] > 0 ? weights->dims[0] : 0;
}

static void mark_quantized(struct ifm_graph *graph)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ifm_graph_node *node = &graph->nodes[i];
        uint32_t in = node->input_count ? node->inputs[0] : IFM_GRAPH_NONE;
        uint32_t out = node->output_count ? node->outputs[0] : IFM_GRAPH_NONE;
        uint32_t low = node->input_count > 1 ? node->inputs[1] : IFM_GRAPH_NONE;
        if (in >= graph->tensor_count || out >= graph->tensor_count)
            continue;
        if (strcmp(node->op, "Convert") == 0)
            mark_compressed(&graph->tensors[in], &graph->tensors[out]);
        else if (strcmp(node->op, "FakeQuantize") == 0 && low < graph->tensor_count)
            graph->tensors[in].quant = graph->tensors[low].bytes > 4 ? IFM_QUANT_CHANNEL : IFM_QUANT_TENSOR;
    }
}

/* A dynamic dimension inside the graph is the input's only where an input has one at the same place. */
static int forget_computed(struct ifm_graph *graph, struct ifm_err *err)
{
    bool dynamic[IFM_MAX_RANK] = { false };
    int rc = ifm_graph_shape_all(graph, err);
    for (size_t i = 0; !rc && i < graph->input_count; i++)
        for (int32_t d = 0; d < graph->tensors[graph->inputs[i]].rank && d < IFM_MAX_RANK; d++)
            dynamic[d] = dynamic[d] || graph->tensors[graph->inputs[i]].dims[d] < 0;
    for (size_t i = 0; !rc && i < graph->tensor_count; i++)
        for (int32_t d = 0; d < graph->tensors[i].rank && d < IFM_MAX_RANK; d++)
            if (graph->tensors[i].dims[d] < 0 && !dynamic[d])
                graph->shapes[i].rank = -1;
    return rc;
}

/* model.xml has model.bin; without that suffix there is nothing to look for. */
static int find_bin(struct reader *r)
{
    const char *base = ifm_graph_base(r->graph);
    size_t len = strlen(base);
    char name[512];
    r->bin_bytes = -1;
    r->bin = "";
    if (len < 5 || len >= sizeof name || strcmp(base + len - 4, ".xml") != 0)
        return 0;
    memcpy(name, base, len - 4);
    memcpy(name + len - 4, ".bin", 5);
    if (!(r->bin = ifm_graph_text(r->graph, name, len, r->err)))
        return failed(r);
    int rc = ifm_graph_beside(r->graph, name, &r->bin_bytes, r->err);
    if (!rc && r->bin_bytes >= 0) {
        r->graph->external_bytes = r->bin_bytes;
        r->graph->file_bytes += r->bin_bytes;
    }
    return rc;
}

static int finish(struct reader *r)
{
    struct ifm_graph *graph = r->graph;
    size_t kept = 0, constants = 0;
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] != IFM_GRAPH_NONE)
            graph->outputs[kept++] = graph->outputs[i];
    graph->output_count = kept;
    for (size_t i = 0; i < graph->tensor_count; i++)
        constants += graph->tensors[i].constant;
    if (constants && r->bin_bytes < 0) {
        int rc = ifm_graph_add_problem(graph, "missing-weights", r->err,
                                       "the weights (%.80s) are not beside the model", r->bin[0] ? r->bin : ".bin");
        if (rc)
            return rc;
    }
    mark_quantized(graph);
    return forget_computed(graph, r->err);
}

int ifm_read_openvino(struct ifm_graph *graph, struct ifm_err *err)
{
    struct reader *r = ifm_alloc(sizeof *r);
    if (!r)
        return ifm_err_set(err, IFM_ERR_NOMEM, "openvino", "out of memory");
    *r = (struct reader){ .graph = graph, .err = err, .tensor = IFM_GRAPH_NONE };
    graph->format = "openvino";
    graph->format_name = "OpenVINO IR";
    graph->has_nodes = true;
    graph->subgraph_count = 1;
    int rc = find_bin(r);
    if (!rc)
        rc = ifm_xml_walk(graph, &(struct ifm_xml){ on_start, on_end, r }, err);
    if (!rc)
        rc = finish(r);
    for (unsigned i = 0; i < SCOPES_MAX; i++)
        close_scope(&r->scopes[i]);
    ifm_free(r);
    return rc;
}
