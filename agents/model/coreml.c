/* Core ML models (.mlmodel): description, metadata, and which kind of model it is. */
#include "agents/model/coreml.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"

int ifm_coreml_failed(const struct ifm_coreml *coreml)
{
    return coreml->err->code ? coreml->err->code : IFM_ERR_NOMEM;
}

const char *ifm_coreml_text(struct ifm_coreml *coreml, const struct ifm_pb_field *field)
{
    return field->len ? ifm_graph_text(coreml->graph, field->bytes, field->len, coreml->err) : "";
}

static int cut(struct ifm_coreml *coreml, const char *where)
{
    return ifm_err_set(coreml->err, IFM_ERR_INVALID, "model",
                       "%.80s is no whole Core ML model: %s is cut or damaged",
                       ifm_graph_base(coreml->graph), where);
}

/* -- Inputs and outputs -------------------------------------------------------------------------- */
static void array_type(struct ifm_graph_tensor *tensor, struct ifm_pb pb)
{
    static const struct { uint64_t code; const char *type; enum ifm_dtype dtype; } types[] = {
        { 65568, "float32", IFM_DTYPE_F32 }, { 65600, "float64", IFM_DTYPE_F64 },
        { 131104, "int32", IFM_DTYPE_I32 },  { 65552, "float16", IFM_DTYPE_F16 },
        { 131080, "int8", IFM_DTYPE_I8 },
    };
    struct ifm_pb_field field;
    tensor->rank = 0;
    while (ifm_pb_next(&pb, &field) == 1) {
        struct ifm_pb packed = ifm_pb_inside(&field);
        uint64_t value = field.value;
        bool flexible = field.number == 21 || field.number == 31; /* enumerated shapes, or a range */
        int got = field.type == IFM_PB_BYTES ? (flexible ? 0 : ifm_pb_varint(&packed, &value)) : 1;
        for (; field.number == 1 && got == 1; got = field.type == IFM_PB_BYTES ? ifm_pb_varint(&packed, &value) : 0) {
            if (tensor->rank < IFM_MAX_RANK)
                tensor->dims[tensor->rank] = (int64_t)value < 0 ? -1 : (int64_t)value;
            tensor->rank += tensor->rank < 4096;
        }
        for (size_t i = 0; field.number == 2 && i < sizeof types / sizeof *types; i++)
            if (types[i].code == field.value) {
                tensor->type = types[i].type;
                tensor->dtype = types[i].dtype;
            }
    }
}

/* An image is [height, width, channels] of bytes. */
static void image_type(struct ifm_graph_tensor *tensor, struct ifm_pb pb)
{
    struct ifm_pb_field field;
    tensor->type = "image";
    tensor->rank = 3;
    tensor->dims[2] = 3;
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1 || field.number == 2)
            tensor->dims[field.number == 1 ? 1 : 0] = (int64_t)(field.value & INT32_MAX);
        else if (field.number == 3 && (field.value == 10 || field.value == 40))
            tensor->dims[2] = 1;
    }
}

static void feature_type(struct ifm_graph_tensor *tensor, struct ifm_pb pb)
{
    static const char *const names[] = { "", "int64", "float64", "string", "image", "", "dictionary", "sequence", "state" };
    struct ifm_pb_field field;
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.type != IFM_PB_BYTES || field.number > 8)
            continue;
        tensor->type = names[field.number];
        if (field.number <= 2) {
            tensor->rank = 0;
            tensor->dtype = field.number == 1 ? IFM_DTYPE_I64 : IFM_DTYPE_F64;
        } else if (field.number == 4) {
            image_type(tensor, ifm_pb_inside(&field));
        } else if (field.number == 5) {
            array_type(tensor, ifm_pb_inside(&field));
        }
    }
}

static int feature(struct ifm_coreml *coreml, struct ifm_pb pb, uint32_t *list, size_t *count)
{
    struct ifm_pb_field field;
    struct ifm_graph *graph = coreml->graph;
    const char *name = "", *words = "";
    uint32_t index = (uint32_t)graph->tensor_count;
    if (!ifm_graph_add_tensor(graph, coreml->err))
        return ifm_coreml_failed(coreml);
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1)
            name = ifm_coreml_text(coreml, &field);
        else if (field.number == 2)
            words = ifm_coreml_text(coreml, &field);
        else if (field.number == 3)
            feature_type(&graph->tensors[index], ifm_pb_inside(&field));
        if (!name || !words)
            return ifm_coreml_failed(coreml);
    }
    graph->tensors[index].name = name;
    list[(*count)++] = index;
    if (!*words)
        return 0;
    char key[300];
    snprintf(key, sizeof key, "description of %.250s", name);
    return ifm_graph_add_metadata(graph, key, words, coreml->err);
}

/* -- Metadata ------------------------------------------------------------------------------------ */
static int pair(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_pb_field field;
    const char *texts[3] = { "", "", "" };
    while (ifm_pb_next(&pb, &field) == 1)
        if (field.number <= 2 && !(texts[field.number] = ifm_coreml_text(coreml, &field)))
            return ifm_coreml_failed(coreml);
    return ifm_graph_add_metadata(coreml->graph, texts[1], texts[2], coreml->err);
}

static int metadata(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_pb_field field;
    int rc = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        const char *text = field.number < 5 ? ifm_coreml_text(coreml, &field) : "";
        if (!text)
            return ifm_coreml_failed(coreml);
        if (field.number == 1)
            coreml->graph->description = text;
        else if (field.number == 2)
            coreml->graph->model_version = text;
        else if ((field.number == 3 || field.number == 4) && *text)
            rc = ifm_graph_add_metadata(coreml->graph, field.number == 3 ? "author" : "license", text, coreml->err);
        else if (field.number == 100)
            rc = pair(coreml, ifm_pb_inside(&field));
    }
    return rc;
}

static int description(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_graph *graph = coreml->graph;
    struct ifm_pb copy = pb;
    struct ifm_pb_field field;
    size_t inputs = 0, outputs = 0;
    int got, rc = 0;
    while ((got = ifm_pb_next(&copy, &field)) == 1) {
        inputs += field.number == 1;
        outputs += field.number == 10;
    }
    if (got < 0)
        return cut(coreml, "its description");
    graph->inputs = ifm_graph_alloc(graph, inputs, sizeof(uint32_t), coreml->err);
    graph->outputs = ifm_graph_alloc(graph, outputs, sizeof(uint32_t), coreml->err);
    if (!graph->inputs || !graph->outputs)
        return ifm_coreml_failed(coreml);
    graph->input_count = graph->output_count = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1)
            rc = feature(coreml, ifm_pb_inside(&field), graph->inputs, &graph->input_count);
        else if (field.number == 10)
            rc = feature(coreml, ifm_pb_inside(&field), graph->outputs, &graph->output_count);
        else if (field.number == 100)
            rc = metadata(coreml, ifm_pb_inside(&field));
    }
    return rc;
}

/* -- Model --------------------------------------------------------------------------------------- */
static const char *kind_of(uint32_t number)
{
    static const struct { uint32_t number; const char *kind; } kinds[] = {
        { 200, "pipeline classifier" },       { 201, "pipeline regressor" },       { 202, "pipeline" },
        { 300, "linear regressor" },          { 301, "support vector regressor" }, { 302, "tree ensemble regressor" },
        { 303, "neural network regressor" },  { 304, "Bayesian probit regressor" }, { 400, "linear classifier" },
        { 401, "support vector classifier" }, { 402, "tree ensemble classifier" }, { 403, "neural network classifier" },
        { 404, "nearest neighbours classifier" }, { 500, "neural network" },       { 501, "item recommender" },
        { 502, "ML program" },                { 555, "custom model" },             { 556, "linked model" },
        { 600, "one-hot encoder" },           { 601, "imputer" },                  { 602, "feature vectorizer" },
        { 603, "dictionary vectorizer" },     { 604, "scaler" },                   { 606, "categorical mapping" },
        { 607, "normalizer" },                { 609, "array feature extractor" },  { 610, "non-maximum suppression" },
        { 900, "identity" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].number == number)
            return kinds[i].kind;
    return number >= 2000 && number < 3000 ? "built-in model of the system" : NULL;
}

static int body(struct ifm_coreml *coreml, const struct ifm_pb_field *model)
{
    const char *kind = kind_of(model->number);
    int rc = kind ? ifm_graph_add_metadata(coreml->graph, "kind", kind, coreml->err) : 0;
    if (rc || !kind)
        return rc;
    if (model->number == 502)
        return ifm_coreml_program(coreml, ifm_pb_inside(model));
    if (model->number == 500 || model->number == 403 || model->number == 303)
        return ifm_coreml_network(coreml, ifm_pb_inside(model));
    return 0; /* classical models have no graph of operators */
}

static int check(struct ifm_coreml *coreml, uint64_t version, bool described, const struct ifm_pb_field *model)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)version);
    coreml->graph->format_version = ifm_graph_text(coreml->graph, text, strlen(text), coreml->err);
    if (!coreml->graph->format_version)
        return ifm_coreml_failed(coreml);
    if (!version)
        return ifm_graph_add_problem(coreml->graph, "specification-version", coreml->err, "it tells no specification version");
    if (version > IFM_COREML_VERSION_MAX)
        return ifm_graph_add_problem(coreml->graph, "specification-version", coreml->err,
                                     "specification version %s is newer than %d, the newest known here", text,
                                     IFM_COREML_VERSION_MAX);
    if (!described)
        return ifm_graph_add_problem(coreml->graph, "description-missing", coreml->err, "it describes no inputs and outputs");
    if (!model->number)
        return ifm_graph_add_problem(coreml->graph, "model-missing", coreml->err, "it holds no model of a known kind");
    return 0;
}

int ifm_coreml_read(struct ifm_graph *graph, const char *folder, struct ifm_err *err)
{
    struct ifm_err own = IFM_ERR_INIT;
    struct ifm_coreml coreml = { .graph = graph, .err = err ? err : &own, .folder = folder };
    struct ifm_pb pb = ifm_pb_of(graph->map, graph->map_bytes);
    struct ifm_pb_field field, described = { .number = 0 }, model = { .number = 0 };
    uint64_t version = 0;
    int got, rc;
    graph->subgraph_count = 1;
    graph->producer = graph->description = graph->model_version = "";
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        if (field.number == 1 && field.type == IFM_PB_VARINT)
            version = field.value & INT32_MAX;
        else if (field.number == 2 && field.type == IFM_PB_BYTES)
            described = field;
        else if (field.type == IFM_PB_BYTES && kind_of(field.number))
            model = field;
    }
    if (got < 0)
        return cut(&coreml, "its top level");
    rc = check(&coreml, version, described.number != 0, &model);
    if (!rc && described.number)
        rc = description(&coreml, ifm_pb_inside(&described));
    return rc || !model.number ? rc : body(&coreml, &model);
}

int ifm_read_coreml(struct ifm_graph *graph, struct ifm_err *err)
{
    graph->format = "coreml";
    graph->format_name = "Core ML";
    return ifm_coreml_read(graph, "", err);
}
