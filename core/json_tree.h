/* jansson behind a fence: parses one text into a tree that lives in one arena and goes with it. An
 * invocation is some 300 little nodes; taking and giving them back one by one cost more than
 * parsing. Private to json_*.c.
 *
 * Threading: one tree, one thread; trees of different threads do not meet. Ownership: nodes belong
 * to the tree and are never given to json_decref. */
#ifndef IFM_JSON_TREE_H
#define IFM_JSON_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include "core/err.h"

struct ifm_json_chunk;
struct ifm_json_tree {
    const json_t *root;
    struct ifm_json_chunk *chunks; /* from ifm_mem, once `first` is used up */
    char *next;
    size_t left;
    size_t chunk_bytes; /* of the next chunk */
    bool failed;        /* an allocation failed */
    size_t error_at;    /* byte offset, when the text is not JSON */
    _Alignas(16) char first[16 * 1024];
};

/* Duplicate keys are refused. IFM_ERR_NOMEM, or IFM_ERR_BAD_REQUEST with tree->error_at set and
 * jansson's words in err->text. */
int ifm_json_tree_parse(struct ifm_json_tree *tree, const char *text, size_t len,
                        struct ifm_err *err);
void ifm_json_tree_done(struct ifm_json_tree *tree);

#endif
