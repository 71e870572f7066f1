/* What the files of the graph library share beside graph.h: opening, names in messages, the reader's lists.
 * Private to agents/model.
 *
 * Threading, ownership, errors: as graph.h. */
#ifndef IFM_GRAPH_PARTS_H
#define IFM_GRAPH_PARTS_H

#include "agents/model/graph.h"

#define IFM_GRAPH_PROBLEMS_MAX 1000 /* what comes after is not listed */

/* Zeroes the graph, makes its arena, maps the file (not a folder). ifm_graph_done after it, also on failure. */
int ifm_graph_start(struct ifm_graph *graph, const char *path, struct ifm_err *err);
/* Maps a further file as the graph's own, where none is mapped yet (the model inside a package). */
int ifm_graph_map(struct ifm_graph *graph, const char *path, struct ifm_err *err);
const char *ifm_graph_base(const struct ifm_graph *graph); /* file name of the path, for messages */

/* The shape of a tensor as declared, dynamic dimensions by the options, else 1. */
struct ifm_graph_shape ifm_graph_declared(const struct ifm_graph *graph, const struct ifm_graph_tensor *tensor);
/* Makes graph->shapes from what is declared, inputs by the options; does nothing where it is there. */
int ifm_graph_shape_all(struct ifm_graph *graph, struct ifm_err *err);
/* Elements of a shape; UNKNOWN where it is not known or overflows. */
int64_t ifm_graph_elements(const struct ifm_graph_shape *shape);

#endif
