/* What the readers of flatbuffer formats share: text into the graph's arena, faults into errors, types.
 *
 * Threading, ownership, errors: as flat.h and graph.h. */
#ifndef IFM_FLAT_GRAPH_H
#define IFM_FLAT_GRAPH_H

#include "agents/model/flat.h"
#include "agents/model/graph.h"

struct ifm_flat_type {
    const char *name;
    enum ifm_dtype dtype;
    unsigned bits; /* of one element; 0: not fixed */
};

static inline int ifm_flat_failed(const struct ifm_err *err)
{
    return err && err->code ? err->code : IFM_ERR_NOMEM;
}

static inline const char *ifm_flat_keep(struct ifm_graph *graph, struct ifm_flat_text text, struct ifm_err *err)
{
    return text.len ? ifm_graph_text(graph, text.bytes, text.len, err) : "";
}

/* 0, or the sticky fault as IFM_ERR_INVALID. */
static inline int ifm_flat_check(const struct ifm_flat *flat, const struct ifm_graph *graph, struct ifm_err *err)
{
    return !flat->fault[0] ? 0
                           : ifm_err_set(err, IFM_ERR_INVALID, "model", "%.80s is damaged: %.110s", graph->path,
                                         flat->fault);
}

#endif
