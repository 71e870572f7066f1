/* ONNX: the model around the graph. */
#include <stdio.h>
#include <string.h>

#include "agents/model/onnx.h"
#include "core/mem.h"

struct model { /* what the top level holds, before anything is checked */
    struct ifm_pb_field graph;
    bool has_graph;
    struct ifm_onnx_bytes producer, producer_version, domain, doc;
    int64_t ir_version, model_version;
    bool has_model_version;
    size_t opsets, metadata, functions;
};

static struct ifm_onnx_bytes bytes_of(const struct ifm_pb_field *field)
{
    return (struct ifm_onnx_bytes){ field->bytes, field->len };
}

static int scan(struct ifm_onnx *onnx, struct ifm_pb pb, struct model *out)
{
    struct ifm_pb_field field;
    int got;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        switch (field.number) {
        case 1:
            out->ir_version = (int64_t)field.value;
            break;
        case 2:
            out->producer = bytes_of(&field);
            break;
        case 3:
            out->producer_version = bytes_of(&field);
            break;
        case 4:
            out->domain = bytes_of(&field);
            break;
        case 5:
            out->model_version = (int64_t)field.value;
            out->has_model_version = true;
            break;
        case 6:
            out->doc = bytes_of(&field);
            break;
        case 7:
            if (out->has_graph)
                return ifm_err_set(onnx->err, IFM_ERR_INVALID, "model", "%.80s holds two graphs",
                                   ifm_graph_base(onnx->graph));
            out->graph = field;
            out->has_graph = field.type == IFM_PB_BYTES;
            break;
        case 8:
            out->opsets++;
            break;
        case 14:
            out->metadata++;
            break;
        case 25:
            out->functions++;
            break;
        default:
            break;
        }
    }
    return got < 0 ? ifm_onnx_cut(onnx, field.number == 7 ? "its graph" : "its top level") : 0;
}

static int facts(struct ifm_onnx *onnx, const struct model *model)
{
    struct ifm_graph *graph = onnx->graph;
    char number[32];
    graph->producer = ifm_onnx_text(onnx, model->producer);
    graph->producer_version = ifm_onnx_text(onnx, model->producer_version);
    graph->domain = ifm_onnx_text(onnx, model->domain);
    graph->description = ifm_onnx_text(onnx, model->doc);
    snprintf(number, sizeof number, "%lld", (long long)model->ir_version);
    graph->format_version = ifm_graph_text(graph, number, strlen(number), onnx->err);
    snprintf(number, sizeof number, "%lld", (long long)model->model_version);
    graph->model_version =
        model->has_model_version ? ifm_graph_text(graph, number, strlen(number), onnx->err) : "";
    return graph->producer && graph->producer_version && graph->domain && graph->description &&
                   graph->format_version && graph->model_version
               ? 0
               : ifm_onnx_failed(onnx);
}

static int read_opset(struct ifm_onnx *onnx, const struct ifm_pb_field *entry,
                      struct ifm_graph_opset *out)
{
    struct ifm_pb pb = ifm_pb_inside(entry);
    struct ifm_pb_field field;
    struct ifm_onnx_bytes domain = { NULL, 0 };
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1)
            domain = bytes_of(&field);
        else if (field.number == 2)
            out->version = (int64_t)field.value;
    }
    out->domain = ifm_onnx_text(onnx, domain);
    return out->domain ? 0 : ifm_onnx_failed(onnx);
}

int ifm_onnx_opsets(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t number, size_t count,
                    struct ifm_graph_opset **out)
{
    struct ifm_pb_field field;
    size_t at = 0;
    int rc = 0;
    *out = ifm_graph_alloc(onnx->graph, count, sizeof **out, onnx->err);
    if (!*out)
        return ifm_onnx_failed(onnx);
    while (!rc && at < count && ifm_pb_next(&pb, &field) == 1)
        if (field.number == number)
            rc = read_opset(onnx, &field, &(*out)[at++]);
    return rc;
}

static int metadata(struct ifm_onnx *onnx, struct ifm_pb pb)
{
    struct ifm_pb_field field, part;
    struct ifm_graph *graph = onnx->graph;
    int rc = 0;
    while (!rc && ifm_pb_next(&pb, &field) == 1) {
        struct ifm_pb inside = ifm_pb_inside(&field);
        struct ifm_onnx_bytes pair[3] = { { NULL, 0 } };
        if (field.number != 14)
            continue;
        while (ifm_pb_next(&inside, &part) == 1)
            if (part.number <= 2)
                pair[part.number] = bytes_of(&part);
        const char *key = ifm_onnx_text(onnx, pair[1]), *value = ifm_onnx_text(onnx, pair[2]);
        if (!key || !value)
            return ifm_onnx_failed(onnx);
        for (size_t i = 0; i < graph->metadata_count && i < 256 && !rc; i++)
            if (strcmp(graph->metadata[i].key, key) == 0)
                rc = IFM_ONNX_PROBLEM(onnx, "duplicate-metadata", "metadata has the key \"%.80s\" twice", key);
        if (!rc)
            rc = ifm_graph_add_metadata(graph, key, value, onnx->err);
    }
    return rc;
}

static int check_versions(struct ifm_onnx *onnx, const struct model *model)
{
    if (model->ir_version <= 0)
        return IFM_ONNX_PROBLEM(onnx, "ir-version", "the model has no IR version");
    if (model->ir_version > IFM_ONNX_IR_MAX)
        return IFM_ONNX_PROBLEM(onnx, "ir-version", "IR version %lld is newer than %d, the newest known here",
                                (long long)model->ir_version, IFM_ONNX_IR_MAX);
    if (model->ir_version >= 3 && !model->opsets)
        return IFM_ONNX_PROBLEM(onnx, "opset-import", "the model imports no operator set (opset_import)");
    if (model->ir_version < 3 && model->opsets)
        return IFM_ONNX_PROBLEM(onnx, "opset-import", "IR version %lld knows no operator sets, but some are imported",
                                (long long)model->ir_version);
    return 0;
}

static int read_parts(struct ifm_onnx *onnx, struct ifm_pb pb, const struct model *model)
{
    static const struct ifm_graph_opset oldest = { "", 1 };
    struct ifm_graph *graph = onnx->graph;
    uint32_t scope;
    int rc = facts(onnx, model);
    if (!rc)
        rc = metadata(onnx, pb);
    if (!rc)
        rc = ifm_onnx_opsets(onnx, pb, 8, model->opsets, &graph->opsets);
    if (rc)
        return rc;
    graph->opset_count = model->opsets;
    onnx->opsets = graph->opsets;
    onnx->opset_count = graph->opset_count;
    if (model->ir_version < 3 && !model->opsets) { /* before IR 3 the first operator set is meant */
        onnx->opsets = &oldest;
        onnx->opset_count = 1;
    }
    onnx->ir_version = model->ir_version;
    rc = check_versions(onnx, model);
    if (!rc)
        rc = ifm_onnx_scope(onnx, IFM_GRAPH_NONE, &scope);
    if (!rc && model->functions)
        rc = ifm_onnx_functions(onnx, pb);
    if (!rc && !model->has_graph)
        rc = IFM_ONNX_PROBLEM(onnx, "graph-missing", "the model holds no graph");
    else if (!rc)
        rc = ifm_onnx_graph(onnx, ifm_pb_inside(&model->graph), 0);
    return rc;
}

/* A file beside the model counts once, however many tensors lie in it. */
static int external_bytes(struct ifm_onnx *onnx)
{
    struct ifm_graph *graph = onnx->graph;
    const char *seen[64];
    size_t count = 0;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const struct ifm_graph_tensor *tensor = &graph->tensors[i];
        size_t k = 0;
        int64_t bytes = -1;
        if (!tensor->external || !tensor->location)
            continue;
        while (k < count && strcmp(seen[k], tensor->location) != 0)
            k++;
        if (k < count || count == 64)
            continue;
        seen[count++] = tensor->location;
        if (ifm_graph_beside(graph, tensor->location, &bytes, NULL) == 0 && bytes > 0)
            graph->external_bytes += bytes;
    }
    graph->file_bytes += graph->external_bytes;
    return 0;
}

int ifm_read_onnx(struct ifm_graph *graph, struct ifm_err *err)
{
    struct ifm_err own = IFM_ERR_INIT;
    struct ifm_onnx onnx = { .graph = graph, .err = err ? err : &own };
    struct model model = { .ir_version = 0 };
    struct ifm_pb pb = ifm_pb_of(graph->map, graph->map_bytes);
    graph->format = "onnx";
    graph->format_name = "ONNX";
    graph->has_nodes = true;
    int rc = scan(&onnx, pb, &model);
    if (!rc)
        rc = read_parts(&onnx, pb, &model);
    graph->subgraph_count = onnx.scope_count;
    graph->subgraph_owners = rc ? NULL : ifm_graph_alloc(graph, onnx.scope_count, sizeof(uint32_t), onnx.err);
    if (!rc && !graph->subgraph_owners)
        rc = ifm_onnx_failed(&onnx);
    if (!rc && onnx.scope_count)
        memcpy(graph->subgraph_owners, onnx.owners, onnx.scope_count * sizeof(uint32_t));
    if (!rc)
        rc = external_bytes(&onnx);
    if (!rc)
        ifm_onnx_quant(&onnx);
    if (!rc)
        rc = ifm_onnx_infer(&onnx);
    ifm_free(onnx.names);
    ifm_free(onnx.parents);
    ifm_free(onnx.owners);
    ifm_free(onnx.values);
    return rc;
}
