/* openapi.json and the message schemas, embedded by embed_documents.cmake. Threading: const data. */
#ifndef IFM_DOCUMENTS_H
#define IFM_DOCUMENTS_H

#include <stddef.h>

struct ifm_document {
    const char *name; /* "openapi.json", "run.schema.json" */
    const char *etag; /* quoted, strong */
    const unsigned char *bytes;
    size_t len;
};
extern const struct ifm_document ifm_documents[];
extern const size_t ifm_document_count;

#endif
