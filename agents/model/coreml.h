/* What the files of the Core ML reader share. Private to agents/model/coreml*.c and mlpackage.c.
 *
 * Threading, ownership, errors: as graph.h. */
#ifndef IFM_COREML_H
#define IFM_COREML_H

#include "agents/model/graph_parts.h"
#include "agents/model/name_map.h"
#include "agents/model/pb_wire.h"

#define IFM_COREML_VERSION_MAX 11 /* newest specification version that this reader was compared with */

struct ifm_coreml {
    struct ifm_graph *graph;
    struct ifm_err *err;
    const char *folder; /* of the model inside its package, with a slash at the end; "" outside of one */
    struct ifm_pb program, network; /* what the model is made of, where it is one of these */
    unsigned depth;
};

const char *ifm_coreml_text(struct ifm_coreml *coreml, const struct ifm_pb_field *field); /* NULL on error */
int ifm_coreml_failed(const struct ifm_coreml *coreml);
/* The mapped model; folder as above. */
int ifm_coreml_read(struct ifm_graph *graph, const char *folder, struct ifm_err *err);
int ifm_coreml_program(struct ifm_coreml *coreml, struct ifm_pb pb);
int ifm_coreml_network(struct ifm_coreml *coreml, struct ifm_pb pb);

#endif
