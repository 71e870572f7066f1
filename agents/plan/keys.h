/* Keys: SHA-256 of canonical JSON (an object of strings, sorted by key bytes, no spaces). The
 * configuration key names how a variant was run; which settings count is decided by who fills the
 * map.
 *
 * Threading: pure functions. Ownership: maps grow by ifm_map_set and are freed with ifm_map_done,
 * or with the message that holds them. */
#ifndef IFM_KEYS_H
#define IFM_KEYS_H

#include "core/hash.h"
#include "core/msg.h"

/* Sets or replaces, keeping the order by key; copies both. value NULL or "": the key is left out.
 */
int ifm_map_set(struct ifm_map *map, const char *key, const char *value, struct ifm_err *err);
const char *ifm_map_get(const struct ifm_map *map, const char *key); /* NULL: absent */
void ifm_map_done(struct ifm_map *map);
int ifm_key_of_map(const struct ifm_map *map, char key[IFM_SHA256_HEX], struct ifm_err *err);
/* Settings in the environment that change how runtimes work (OMP_, KMP_, MKL_, OPENBLAS_, ORT_,
 * CUDA_, GOMP_, TF_ENABLE_, TF_NUM_): "env.NAME" = value. Values that are long or hold a path count
 * as "set". */
int ifm_map_add_environment(struct ifm_map *map, char *const *environment, struct ifm_err *err);

#endif
