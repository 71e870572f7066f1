#include "agents/model/name_map.h"

#include <string.h>
#include <sys/random.h>

static uint64_t hash(uint64_t key, const char *name, size_t len)
{
    uint64_t value = key ^ (len * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < len; i++)
        value = (value ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3) + (value >> 29);
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    return value ^ (value >> 32);
}

int ifm_name_map_init(struct ifm_name_map *map, struct ifm_graph *graph, size_t count,
                      const struct ifm_name_map *outer, struct ifm_err *err)
{
    size_t slots = 8;
    while (slots < 2 * count && slots < SIZE_MAX / 4)
        slots *= 2;
    *map = (struct ifm_name_map){ .outer = outer, .mask = slots - 1 };
    if (getrandom(&map->key, sizeof map->key, GRND_NONBLOCK) != (ssize_t)sizeof map->key)
        map->key = (uint64_t)(uintptr_t)map; /* early boot: an address is what there is */
    map->slots = ifm_graph_alloc(graph, slots, sizeof *map->slots, err);
    return map->slots ? 0 : err && err->code ? err->code : IFM_ERR_NOMEM;
}

static struct ifm_name_slot *slot_of(const struct ifm_name_map *map, const char *name, size_t len)
{
    size_t at = (size_t)hash(map->key, name, len) & map->mask;
    while (map->slots[at].name &&
           (map->slots[at].len != len || memcmp(map->slots[at].name, name, len) != 0))
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

bool ifm_name_map_add(struct ifm_name_map *map, const char *name, size_t len, uint32_t index)
{
    struct ifm_name_slot *slot = slot_of(map, name, len);
    if (slot->name || map->used >= map->mask)
        return false;
    *slot = (struct ifm_name_slot){ .name = name, .len = len, .index = index };
    map->used++;
    return true;
}

uint32_t ifm_name_map_find(const struct ifm_name_map *map, const char *name, size_t len)
{
    for (; map; map = map->outer) {
        const struct ifm_name_slot *slot = slot_of(map, name, len);
        if (slot->name)
            return slot->index;
    }
    return IFM_GRAPH_NONE;
}
