#include "agents/plan/keys.h"

#include <string.h>

#include "core/mem.h"

#define KEY_JSON_MAX (1024 * 1024)

static size_t position(const struct ifm_map *map, const char *key, bool *found)
{
    size_t i = 0;
    *found = false;
    for (; i < map->count; i++) {
        int order = strcmp(map->items[i].key, key);
        if (order >= 0) {
            *found = order == 0;
            break;
        }
    }
    return i;
}

int ifm_map_set(struct ifm_map *map, const char *key, const char *value, struct ifm_err *err)
{
    if (!value || !*value)
        return 0;
    bool found;
    size_t at = position(map, key, &found);
    char *copy = ifm_dup(value);
    if (found && copy) {
        ifm_free(map->items[at].value);
        map->items[at].value = copy;
        return 0;
    }
    char *name = ifm_dup(key);
    struct ifm_map_entry *items = ifm_resize_array(map->items, map->count + 1, sizeof *items);
    if (items)
        map->items = items;
    if (!copy || !name || !items) {
        ifm_free(copy);
        ifm_free(name);
        return ifm_err_set(err, IFM_ERR_NOMEM, "keys", "out of memory while noting the setting %s",
                           key);
    }
    memmove(items + at + 1, items + at, (map->count - at) * sizeof *items);
    items[at] = (struct ifm_map_entry){ .key = name, .value = copy };
    map->count++;
    return 0;
}

const char *ifm_map_get(const struct ifm_map *map, const char *key)
{
    bool found;
    size_t at = position(map, key, &found);
    return found ? map->items[at].value : NULL;
}

void ifm_map_done(struct ifm_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        ifm_free(map->items[i].key);
        ifm_free(map->items[i].value);
    }
    ifm_free(map->items);
    *map = (struct ifm_map){ 0 };
}

int ifm_key_of_map(const struct ifm_map *map, char key[IFM_SHA256_HEX], struct ifm_err *err)
{
    struct ifm_buf json;
    struct ifm_jw w;
    ifm_buf_init(&json, KEY_JSON_MAX);
    ifm_jw_init(&w, &json);
    ifm_jw_begin(&w, '{');
    for (size_t i = 0; i < map->count; i++) {
        ifm_jw_key(&w, map->items[i].key);
        ifm_jw_string(&w, map->items[i].value);
    }
    ifm_jw_end(&w, '}');
    int rc = ifm_buf_check(&json, err);
    if (!rc && ifm_hash_sha256_hex(json.data, json.len, key))
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "keys", "cannot compute a SHA-256");
    ifm_buf_done(&json);
    return rc;
}

static bool counts(const char *entry)
{
    static const char *const prefixes[] = { "OMP_",  "KMP_",  "MKL_",       "OPENBLAS_", "ORT_",
                                            "CUDA_", "GOMP_", "TF_ENABLE_", "TF_NUM_" };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

int ifm_map_add_environment(struct ifm_map *map, char *const *environment, struct ifm_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && environment && environment[i]; i++) {
        const char *equals = strchr(environment[i], '=');
        if (!equals || !counts(environment[i]) || equals - environment[i] > 64)
            continue;
        char name[72];
        size_t len = (size_t)(equals - environment[i]);
        memcpy(name, "env.", 4);
        memcpy(name + 4, environment[i], len);
        name[4 + len] = '\0';
        bool plain = strlen(equals + 1) <= 64 && !strchr(equals + 1, '/');
        rc = ifm_map_set(map, name, plain ? equals + 1 : "set", err);
    }
    return rc;
}
