/* Names by scope, and texts of the ONNX reader. */
#include <string.h>

#include "agents/model/onnx.h"
#include "core/mem.h"

bool ifm_onnx_is(struct ifm_onnx_bytes a, const char *word)
{
    return a.len == strlen(word) && (!a.len || memcmp(a.bytes, word, a.len) == 0);
}

bool ifm_onnx_same(struct ifm_onnx_bytes a, struct ifm_onnx_bytes b)
{
    return a.len == b.len && (!a.len || memcmp(a.bytes, b.bytes, a.len) == 0);
}

int ifm_onnx_failed(const struct ifm_onnx *onnx)
{
    return onnx->err->code ? onnx->err->code : IFM_ERR_NOMEM;
}

int ifm_onnx_cut(struct ifm_onnx *onnx, const char *where)
{
    return ifm_err_set(onnx->err, IFM_ERR_INVALID, "model",
                       "%.80s is no whole ONNX file: %s is cut or damaged",
                       ifm_graph_base(onnx->graph), where);
}

const char *ifm_onnx_text(struct ifm_onnx *onnx, struct ifm_onnx_bytes bytes)
{
    if (!bytes.len)
        return "";
    return ifm_graph_text(onnx->graph, bytes.bytes, bytes.len, onnx->err);
}

static int no_memory(struct ifm_onnx *onnx)
{
    return ifm_err_set(onnx->err, IFM_ERR_NOMEM, "model", "out of memory");
}

static size_t slot_of(const struct ifm_onnx *onnx, uint32_t scope, struct ifm_onnx_bytes key)
{
    /* The address differs from run to run: a file cannot be made whose names all collide. */
    uint64_t hash = 1469598103934665603u ^ scope ^ (uint64_t)(uintptr_t)onnx->graph->arena;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ key.bytes[i]) * 1099511628211u;
    size_t slot = (size_t)(hash ^ hash >> 31) & (onnx->name_slots - 1);
    while (onnx->names[slot].key.bytes &&
           (onnx->names[slot].scope != scope || !ifm_onnx_same(onnx->names[slot].key, key)))
        slot = (slot + 1) & (onnx->name_slots - 1);
    return slot;
}

static int names_grow(struct ifm_onnx *onnx)
{
    if (onnx->name_count * 2 < onnx->name_slots)
        return 0;
    struct ifm_onnx_name *old = onnx->names;
    size_t slots = onnx->name_slots;
    onnx->name_slots = slots ? slots * 2 : 256;
    onnx->names = ifm_alloc_array(onnx->name_slots, sizeof *onnx->names);
    if (!onnx->names) {
        onnx->names = old;
        onnx->name_slots = slots;
        return no_memory(onnx);
    }
    for (size_t i = 0; i < slots; i++)
        if (old[i].key.bytes)
            onnx->names[slot_of(onnx, old[i].scope, old[i].key)] = old[i];
    ifm_free(old);
    return 0;
}

struct ifm_onnx_name *ifm_onnx_name_here(struct ifm_onnx *onnx, uint32_t scope,
                                         struct ifm_onnx_bytes key)
{
    if (!onnx->name_slots || !key.len)
        return NULL;
    struct ifm_onnx_name *name = &onnx->names[slot_of(onnx, scope, key)];
    return name->key.bytes ? name : NULL;
}

/* Names that are only declared (value_info, outputs) hide nothing. */
struct ifm_onnx_name *ifm_onnx_name_visible(struct ifm_onnx *onnx, uint32_t scope,
                                            struct ifm_onnx_bytes key)
{
    for (;; scope = onnx->parents[scope]) {
        struct ifm_onnx_name *name = ifm_onnx_name_here(onnx, scope, key);
        if (name && name->defined)
            return name;
        if (onnx->parents[scope] == scope)
            return NULL;
    }
}

struct ifm_onnx_name *ifm_onnx_name_make(struct ifm_onnx *onnx, uint32_t scope,
                                         struct ifm_onnx_bytes key)
{
    struct ifm_onnx_name *name = ifm_onnx_name_here(onnx, scope, key);
    if (name)
        return name;
    if (names_grow(onnx))
        return NULL;
    struct ifm_graph_tensor *tensor = ifm_graph_add_tensor(onnx->graph, onnx->err);
    const char *text = tensor ? ifm_onnx_text(onnx, key) : NULL;
    if (!text)
        return NULL;
    tensor->name = text;
    name = &onnx->names[slot_of(onnx, scope, key)];
    *name = (struct ifm_onnx_name){ .key = key,
                                    .scope = scope,
                                    .tensor = (uint32_t)(onnx->graph->tensor_count - 1) };
    onnx->name_count++;
    return name;
}

int ifm_onnx_scope(struct ifm_onnx *onnx, uint32_t parent, uint32_t *scope)
{
    if (onnx->scope_count == onnx->scope_cap) {
        size_t cap = onnx->scope_cap ? onnx->scope_cap * 2 : 16;
        uint32_t *parents = ifm_resize_array(onnx->parents, cap, sizeof *parents);
        if (parents)
            onnx->parents = parents;
        uint32_t *owners = ifm_resize_array(onnx->owners, cap, sizeof *owners);
        if (owners)
            onnx->owners = owners;
        if (!parents || !owners)
            return no_memory(onnx);
        onnx->scope_cap = cap;
    }
    *scope = (uint32_t)onnx->scope_count++;
    onnx->parents[*scope] = parent == IFM_GRAPH_NONE ? *scope : parent;
    onnx->owners[*scope] = IFM_GRAPH_NONE;
    return 0;
}

int ifm_onnx_values_set(struct ifm_onnx *onnx, uint32_t tensor, const int64_t *items, size_t count)
{
    if (tensor >= onnx->value_cap) {
        size_t cap = onnx->graph->tensor_count + onnx->graph->tensor_count / 2 + 16;
        struct ifm_onnx_values *more = ifm_resize_array(onnx->values, cap, sizeof *more);
        if (!more)
            return no_memory(onnx);
        memset(more + onnx->value_cap, 0, (cap - onnx->value_cap) * sizeof *more);
        onnx->values = more;
        onnx->value_cap = cap;
    }
    int64_t *copy = ifm_graph_alloc(onnx->graph, count, sizeof *copy, onnx->err);
    if (!copy)
        return ifm_onnx_failed(onnx);
    if (count)
        memcpy(copy, items, count * sizeof *copy);
    onnx->values[tensor] = (struct ifm_onnx_values){ copy, count };
    return 0;
}

const struct ifm_onnx_values *ifm_onnx_values_of(const struct ifm_onnx *onnx, uint32_t tensor)
{
    return tensor < onnx->value_cap && onnx->values[tensor].items ? &onnx->values[tensor] : NULL;
}
