#include <expat.h>
#include <string.h>

#include "agents/model/openvino.h"
#include "core/mem.h"

#define PIECE_BYTES ((size_t)1 << 20)

struct walk {
    const struct ifm_xml *xml;
    const struct ifm_graph *graph;
    struct ifm_err *err;
    XML_Parser parser;
    unsigned depth;
    char text[IFM_XML_TEXT_MAX + 1];
    size_t len;
    int rc;
};

static void stop(struct walk *w, int rc)
{
    if (!w->rc)
        w->rc = rc;
    XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct walk *w = context;
    if (w->rc)
        return;
    w->len = 0;
    if (++w->depth > IFM_XML_DEPTH_MAX) {
        stop(w, ifm_err_set(w->err, IFM_ERR_TOO_LARGE, "openvino", "elements are nested more than %d deep",
                            IFM_XML_DEPTH_MAX));
        return;
    }
    int rc = w->xml->start(w->xml->context, name, attributes, w->depth);
    if (rc)
        stop(w, rc);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct walk *w = context;
    if (w->rc)
        return;
    w->text[w->len] = '\0';
    int rc = w->xml->end(w->xml->context, name, w->text, w->depth--);
    w->len = 0;
    if (rc)
        stop(w, rc);
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
    struct walk *w = context;
    size_t room = IFM_XML_TEXT_MAX - w->len, take = (size_t)len < room ? (size_t)len : room;
    memcpy(w->text + w->len, text, take);
    w->len += take;
}

static void refuse(struct walk *w)
{
    stop(w, ifm_err_set(w->err, IFM_ERR_INVALID, "openvino",
                        "%.100s has a document type or entities: no OpenVINO model does", w->graph->path));
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public_id,
                               int internal)
{
    (void)name;
    (void)system;
    (void)public_id;
    (void)internal;
    refuse(context);
}

static void XMLCALL on_entity(void *context, const XML_Char *name, int parameter, const XML_Char *value, int len,
                              const XML_Char *base, const XML_Char *system, const XML_Char *public_id,
                              const XML_Char *notation)
{
    (void)name;
    (void)parameter;
    (void)value;
    (void)len;
    (void)base;
    (void)system;
    (void)public_id;
    (void)notation;
    refuse(context);
}

int ifm_xml_walk(const struct ifm_graph *graph, const struct ifm_xml *xml, struct ifm_err *err)
{
    static const XML_Memory_Handling_Suite memory = { ifm_alloc, ifm_resize, ifm_free };
    struct walk w = { .xml = xml, .graph = graph, .err = err };
    if (graph->map_bytes > IFM_XML_BYTES_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "openvino", "%.90s has more than %zu MB of text", graph->path,
                           IFM_XML_BYTES_MAX >> 20);
    w.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (!w.parser)
        return ifm_err_set(err, IFM_ERR_NOMEM, "openvino", "out of memory");
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_start, on_end);
    XML_SetCharacterDataHandler(w.parser, on_text);
    XML_SetStartDoctypeDeclHandler(w.parser, on_doctype);
    XML_SetEntityDeclHandler(w.parser, on_entity);
    enum XML_Status status = XML_STATUS_OK;
    for (size_t at = 0; status == XML_STATUS_OK && at <= graph->map_bytes; at += PIECE_BYTES) {
        size_t left = graph->map_bytes - at, piece = left < PIECE_BYTES ? left : PIECE_BYTES;
        status = XML_Parse(w.parser, (const char *)graph->map + at, (int)piece, left <= PIECE_BYTES);
        if (left <= PIECE_BYTES)
            break;
    }
    if (status != XML_STATUS_OK && !w.rc)
        w.rc = ifm_err_set(err, IFM_ERR_INVALID, "openvino", "%.80s is no whole XML: %s in line %lu", graph->path,
                           XML_ErrorString(XML_GetErrorCode(w.parser)),
                           (unsigned long)XML_GetCurrentLineNumber(w.parser));
    XML_ParserFree(w.parser);
    return w.rc;
}

const char *ifm_xml_attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}
