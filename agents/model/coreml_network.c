/* Neural networks of Core ML: one list of layers. Weights stand inside the layers; their sizes are those of their lists. */
#include <stdio.h>
#include <string.h>

#include "agents/model/coreml.h"

static const struct { unsigned short number; const char *layer; } layers[] = {
    { 100, "convolution" },   { 120, "pooling" },      { 130, "activation" },    { 140, "innerProduct" },
    { 150, "embedding" },     { 160, "batchnorm" },    { 165, "mvn" },           { 170, "l2normalize" },
    { 175, "softmax" },       { 180, "lrn" },          { 190, "crop" },          { 200, "padding" },
    { 210, "upsample" },      { 211, "resizeBilinear" }, { 220, "unary" },       { 230, "add" },
    { 231, "multiply" },      { 240, "average" },      { 245, "scale" },         { 250, "bias" },
    { 260, "max" },           { 261, "min" },          { 270, "dot" },           { 280, "reduce" },
    { 290, "loadConstant" },  { 300, "reshape" },      { 301, "flatten" },       { 310, "permute" },
    { 320, "concat" },        { 330, "split" },        { 340, "sequenceRepeat" }, { 345, "reorganizeData" },
    { 350, "slice" },         { 400, "simpleRecurrent" }, { 410, "gru" },        { 420, "uniDirectionalLSTM" },
    { 430, "biDirectionalLSTM" }, { 500, "custom" },   { 600, "copy" },          { 605, "branch" },
    { 615, "loop" },          { 985, "transpose" },    { 1045, "batchedMatmul" }, { 1080, "concatND" },
    { 1120, "expandDims" },   { 1130, "squeeze" },     { 1140, "reshapeStatic" }, { 1250, "addBroadcastable" },
};

static const char *layer_name(struct ifm_coreml *coreml, uint32_t number)
{
    char text[24];
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (layers[i].number == number)
            return layers[i].layer;
    snprintf(text, sizeof text, "layer %u", number);
    return ifm_graph_text(coreml->graph, text, strlen(text), coreml->err);
}

/* WeightParams {floatValue 1, float16Value 2, rawValue 30, int8RawValue 31, quantization 40} inside a layer. */
static int weights(struct ifm_coreml *coreml, struct ifm_pb pb, const char *layer)
{
    struct ifm_pb_field field;
    struct ifm_graph_tensor found = { .type = NULL };
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.type != IFM_PB_BYTES || !field.len)
            continue;
        if (field.number == 1 && field.len % 4 == 0) {
            found = (struct ifm_graph_tensor){ .type = "float32", .dtype = IFM_DTYPE_F32 };
        } else if (field.number == 2 && field.len % 2 == 0) {
            found = (struct ifm_graph_tensor){ .type = "float16", .dtype = IFM_DTYPE_F16 };
        } else if (field.number == 30 || field.number == 31) {
            found = (struct ifm_graph_tensor){ .type = "uint8", .dtype = IFM_DTYPE_U8, .quant = IFM_QUANT_TENSOR };
        } else {
            continue;
        }
        found.data = field.bytes;
        found.bytes = (int64_t)field.len;
    }
    if (!found.type)
        return 0;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(coreml->graph, coreml->err);
    if (!tensor)
        return ifm_coreml_failed(coreml);
    *tensor = found;
    tensor->name = layer;
    tensor->constant = true;
    tensor->offset = (uint64_t)(found.data - coreml->graph->map);
    tensor->rank = 1;
    tensor->dims[0] = found.bytes * 8 / ifm_graph_type_bits(found.type);
    return 0;
}

/* Numbers of the WeightParams fields by layer: weights and bias, of batch norms gamma … variance. */
static bool holds_weights(uint32_t layer, uint32_t field)
{
    static const struct { unsigned short layer; unsigned char first, last; } fields[] = {
        { 100, 90, 91 }, { 140, 20, 21 }, { 150, 20, 21 }, { 160, 15, 18 }, { 245, 2, 2 },   { 245, 5, 5 },
        { 250, 2, 2 },   { 290, 2, 2 },   { 400, 15, 60 }, { 410, 15, 60 }, { 420, 15, 60 }, { 430, 15, 60 },
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].layer == layer && field >= fields[i].first && field <= fields[i].last)
            return true;
    return false;
}

static int layer_weights(struct ifm_coreml *coreml, const struct ifm_pb_field *layer, const char *name)
{
    struct ifm_pb pb = ifm_pb_inside(layer);
    struct ifm_pb_field field;
    int rc = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1)
        if (field.type == IFM_PB_BYTES && holds_weights(layer->number, field.number))
            rc = weights(coreml, ifm_pb_inside(&field), name);
    return rc;
}

static int layer(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_pb_field field, body = { .number = 0 };
    const char *name = "", *op;
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1 && !(name = ifm_coreml_text(coreml, &field)))
            return ifm_coreml_failed(coreml);
        if (field.number >= 100 && field.type == IFM_PB_BYTES)
            body = field;
    }
    op = body.number ? layer_name(coreml, body.number) : "";
    struct ifm_graph_node *node = op ? ifm_graph_add_node(coreml->graph, coreml->err) : NULL;
    if (!node)
        return ifm_coreml_failed(coreml);
    node->op = op;
    node->name = name;
    if (body.number == 100 || body.number == 140) /* shapes of what flows between layers are not told */
        coreml->graph->macs_unknown++;
    return body.number ? layer_weights(coreml, &body, name)
                       : ifm_graph_add_problem(coreml->graph, "layer-empty", coreml->err, "layer \"%.80s\" is of no kind", name);
}

int ifm_coreml_network(struct ifm_coreml *coreml, struct ifm_pb pb)
{
    struct ifm_pb_field field;
    int got, rc = 0;
    coreml->graph->has_nodes = true;
    while (!rc && (got = ifm_pb_next(&pb, &field)) != 0) {
        if (got < 0)
            return ifm_err_set(coreml->err, IFM_ERR_INVALID, "model", "%.80s: its neural network is cut or damaged",
                               ifm_graph_base(coreml->graph));
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            rc = layer(coreml, ifm_pb_inside(&field));
    }
    return rc;
}
