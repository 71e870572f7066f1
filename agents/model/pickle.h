/* Reads a Python pickle into a tree of values. It executes nothing: a class is a name, a call is a name with its
 * arguments, and whoever reads the tree decides what they mean. Opcodes that need more than that are refused.
 *
 * Hostile input: values, memo, stack and every list are limited; a memo makes values be shared (and lists may hold
 * themselves), so that a walk must bound its depth and visit each value once (`seen` is for that).
 *
 * Threading: one thread. Ownership: values live in the graph's arena, texts in the pickled bytes. Errors:
 * IFM_ERR_INVALID, IFM_ERR_TOO_LARGE, IFM_ERR_UNSUPPORTED for an opcode that is not known. */
#ifndef IFM_PICKLE_H
#define IFM_PICKLE_H

#include "agents/model/graph.h"

#define IFM_PICKLE_VALUES_MAX 4000000
#define IFM_PICKLE_MEMO_MAX   1000000
#define IFM_PICKLE_STACK_MAX  1000000

enum ifm_pickle_kind {
    IFM_PICKLE_NONE,
    IFM_PICKLE_BOOL,
    IFM_PICKLE_INT,
    IFM_PICKLE_FLOAT,
    IFM_PICKLE_TEXT,   /* also bytes */
    IFM_PICKLE_TUPLE,
    IFM_PICKLE_LIST,   /* also sets */
    IFM_PICKLE_DICT,   /* items: key, value, key, value … */
    IFM_PICKLE_GLOBAL, /* text: module; more: name */
    IFM_PICKLE_CALL,   /* items: callable, arguments (tuple); then state, when it was built */
    IFM_PICKLE_PERSISTENT, /* items: its id */
    IFM_PICKLE_MARK    /* never in a finished tree */
};

struct ifm_pickle {
    enum ifm_pickle_kind kind;
    bool seen; /* the reader's of the tree */
    int64_t number;
    double real;
    const char *text, *more;
    size_t len, more_len;
    struct ifm_pickle **items;
    size_t count, room;
};

int ifm_pickle_read(struct ifm_graph *graph, const unsigned char *bytes, size_t len, struct ifm_pickle **out,
                    struct ifm_err *err);
bool ifm_pickle_is(const struct ifm_pickle *value, const char *text); /* a TEXT of these characters */
bool ifm_pickle_global(const struct ifm_pickle *value, const char *module, const char *name);
/* Of a DICT by a text key; NULL: none. */
struct ifm_pickle *ifm_pickle_get(const struct ifm_pickle *dict, const char *key);

#endif
