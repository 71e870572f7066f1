/* From a name to the index of a tensor, for formats whose operators speak of tensors by name. Scopes nest.
 *
 * Threading: one thread. Ownership: slots live in the graph's arena; names are borrowed. Errors: NOMEM or
 * TOO_LARGE of the arena. Lookups cost O(1) on average whatever names a file holds (hash with a random key). */
#ifndef IFM_NAME_MAP_H
#define IFM_NAME_MAP_H

#include "agents/model/graph.h"

struct ifm_name_slot {
    const char *name; /* NULL: free; not ended by a NUL */
    size_t len;
    uint32_t index;
};

struct ifm_name_map {
    const struct ifm_name_map *outer; /* searched when this one does not know a name */
    struct ifm_name_slot *slots;
    size_t mask, used;
    uint64_t key;
};

/* Room for `count` names. */
int ifm_name_map_init(struct ifm_name_map *map, struct ifm_graph *graph, size_t count,
                      const struct ifm_name_map *outer, struct ifm_err *err);
/* The first of a name stays; false: it stood there already. Over the count of init it does nothing. */
bool ifm_name_map_add(struct ifm_name_map *map, const char *name, size_t len, uint32_t index);
/* IFM_GRAPH_NONE: unknown. */
uint32_t ifm_name_map_find(const struct ifm_name_map *map, const char *name, size_t len);

#endif
