/* TensorFlow SavedModel (saved_model.pb): which operators its graph has. Its weights lie in checkpoint files in a format of
 * their own, which is not read: parameters and MACs are not told. */
#include <stdio.h>
#include <string.h>

#include "agents/model/graph_parts.h"
#include "agents/model/pb_wire.h"

static int cut(const struct ifm_graph *graph, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_INVALID, "model", "%.80s is no whole SavedModel: it is cut or damaged",
                       ifm_graph_base(graph));
}

static int add(struct ifm_graph *graph, struct ifm_pb pb, uint32_t subgraph, struct ifm_err *err)
{
    struct ifm_pb_field field;
    const char *name = "", *op = "";
    while (ifm_pb_next(&pb, &field) == 1) {
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            name = ifm_graph_text(graph, field.bytes, field.len, err);
        else if (field.number == 2 && field.type == IFM_PB_BYTES)
            op = ifm_graph_text(graph, field.bytes, field.len, err);
    }
    struct ifm_graph_node *node = name && op ? ifm_graph_add_node(graph, err) : NULL;
    if (!node)
        return err ? err->code : IFM_ERR_NOMEM;
    node->name = name;
    node->op = op;
    node->subgraph = subgraph;
    return 0;
}

/* Nodes stand in field 1 of a GraphDef, in field 3 of a FunctionDef. */
static int nodes(struct ifm_graph *graph, struct ifm_pb pb, uint32_t number, uint32_t subgraph, struct ifm_err *err)
{
    struct ifm_pb_field field;
    int got, rc = 0;
    while (!rc && (got = ifm_pb_next(&pb, &field)) != 0) {
        if (got < 0)
            return cut(graph, err);
        if (field.number == number && field.type == IFM_PB_BYTES)
            rc = add(graph, ifm_pb_inside(&field), subgraph, err);
    }
    return rc;
}

static int functions(struct ifm_graph *graph, struct ifm_pb library, struct ifm_err *err)
{
    struct ifm_pb_field field;
    int rc = 0;
    while (!rc && ifm_pb_next(&library, &field) == 1)
        if (field.number == 1 && field.type == IFM_PB_BYTES)
            rc = nodes(graph, ifm_pb_inside(&field), 3, (uint32_t)graph->subgraph_count++, err);
    return rc;
}

/* The first meta graph; which version of TensorFlow wrote it stands in its MetaInfoDef. */
static int meta_graph(struct ifm_graph *graph, struct ifm_pb pb, struct ifm_err *err)
{
    struct ifm_pb_field info, version, definition, library;
    int rc = 0;
    if (ifm_pb_find(pb, 1, IFM_PB_BYTES, &info) && ifm_pb_find(ifm_pb_inside(&info), 5, IFM_PB_BYTES, &version)) {
        graph->producer = "TensorFlow";
        graph->producer_version = ifm_graph_text(graph, version.bytes, version.len, err);
        rc = graph->producer_version ? 0 : err ? err->code : IFM_ERR_NOMEM;
    }
    if (rc || !ifm_pb_find(pb, 2, IFM_PB_BYTES, &definition))
        return rc ? rc : ifm_graph_add_problem(graph, "graph-missing", err, "it holds no graph");
    rc = nodes(graph, ifm_pb_inside(&definition), 1, 0, err);
    if (!rc && ifm_pb_find(ifm_pb_inside(&definition), 2, IFM_PB_BYTES, &library))
        rc = functions(graph, ifm_pb_inside(&library), err);
    return rc;
}

int ifm_read_savedmodel(struct ifm_graph *graph, struct ifm_err *err)
{
    struct ifm_pb pb = ifm_pb_of(graph->map, graph->map_bytes);
    struct ifm_pb_field field, meta = { .number = 0 };
    char text[24] = "";
    int got;
    graph->format = "savedmodel";
    graph->format_name = "TensorFlow SavedModel";
    graph->has_nodes = true;
    graph->subgraph_count = 1;
    while ((got = ifm_pb_next(&pb, &field)) == 1) {
        if (field.number == 1 && field.type == IFM_PB_VARINT)
            snprintf(text, sizeof text, "%lld", (long long)field.value);
        else if (field.number == 2 && field.type == IFM_PB_BYTES && !meta.number)
            meta = field;
    }
    if (got < 0)
        return cut(graph, err);
    graph->format_version = ifm_graph_text(graph, text, strlen(text), err);
    if (!graph->format_version)
        return err ? err->code : IFM_ERR_NOMEM;
    int rc = ifm_graph_add_metadata(graph, "weights", "in checkpoint files beside it, which are not read", err);
    if (!rc)
        rc = meta_graph(graph, ifm_pb_inside(&meta), err);
    return rc;
}
