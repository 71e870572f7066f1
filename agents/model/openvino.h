/* What the two halves of the OpenVINO reader share: openvino_xml.c walks the text, openvino.c makes a graph of what it
 * meets. Private to agents/model.
 *
 * Threading: one thread. Ownership: texts are expat's, valid during the call. Errors: a callback that returns one ends
 * the walk with it. */
#ifndef IFM_OPENVINO_H
#define IFM_OPENVINO_H

#include "agents/model/graph.h"

#define IFM_XML_DEPTH_MAX 200
#define IFM_XML_BYTES_MAX ((size_t)256 << 20)
#define IFM_XML_TEXT_MAX  64 /* characters of an element's text that are kept: numbers */

struct ifm_xml {
    int (*start)(void *context, const char *element, const char **attributes, unsigned depth);
    int (*end)(void *context, const char *element, const char *text, unsigned depth);
    void *context;
};

/* Walks the whole text. Refuses document types and entities (bombs, foreign files), deep nesting and large texts. */
int ifm_xml_walk(const struct ifm_graph *graph, const struct ifm_xml *xml, struct ifm_err *err);
const char *ifm_xml_attribute(const char **attributes, const char *name); /* NULL: none */

#endif
