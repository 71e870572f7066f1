/* What a model file says of itself, printed: for people, as Markdown, as JSON or as a table of its
 * operators.
 *
 * Threading: one thread. Ownership: the graph is borrowed; output goes to cli->out. */
#ifndef IFM_INSPECT_GRAPH_H
#define IFM_INSPECT_GRAPH_H

#include "agents/cli/cli.h"
#include "agents/model/graph.h"

struct ifm_inspected {
    const char *model, *variant; /* as people speak of them */
    char sha256[65];             /* "": a folder */
    bool nodes;                  /* list every operator too */
};
void ifm_inspect_print(struct ifm_cli *cli, const struct ifm_graph *g,
                       const struct ifm_inspected *about);
/* One JSON object, into an array or alone. */
void ifm_inspect_json(struct ifm_jw *w, const struct ifm_graph *g,
                      const struct ifm_inspected *about);
/* "batch x 3 x 224", "?" where a dimension has no name. */
void ifm_inspect_shape(const struct ifm_graph_tensor *t, struct ifm_buf *out);

#endif
