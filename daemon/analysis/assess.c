#include "daemon/analysis/assess.h"

#include <string.h>
#include "core/mem.h"
#include "core/trust.h"

/* Stored invocations, decoded; those that came with the run are borrowed from its body. */
struct item { struct ifm_msg_invocation body; struct ifm_invocation_stats stats; bool has_stats; };
struct stored { struct item *items; size_t count, capacity, values; };

static size_t count_values(const struct ifm_list *groups)
{
    const struct ifm_msg_lanes *all = groups->items;
    size_t values = 0;
    for (size_t i = 0; i < groups->count; i++) values += all[i].t_ns.count * (1 + all[i].lanes.count);
    return values;
}

/* What no verdict looks at and may be long. */
static void drop_texts(struct ifm_msg_invocation *body)
{
    struct ifm_msg_invocation rest;
    ifm_json_init(&ifm_invocation_table, &rest);
    rest.verification.outputs = body->verification.outputs;
    rest.stderr_tail = body->stderr_tail;
    body->verification.outputs = (struct ifm_list){ NULL, 0 };
    body->stderr_tail = NULL;
    ifm_json_free(&ifm_invocation_table, &rest);
}

static void drop_lanes(struct ifm_msg_invocation *body)
{
    struct ifm_msg_invocation rest;
    ifm_json_init(&ifm_invocation_table, &rest);
    rest.lanes = body->lanes;
    body->lanes = (struct ifm_list){ NULL, 0 };
    ifm_json_free(&ifm_invocation_table, &rest);
}

static int take_body(void *arg, struct ifm_msg_invocation *body, const struct ifm_invocation_stats *stats,
                     struct ifm_err *err)
{
    struct stored *stored = arg;
    if (stored->count == stored->capacity) {
        size_t capacity = stored->capacity ? 2 * stored->capacity : 16; /* most runs have ten */
        struct item *items = ifm_resize_array(stored->items, capacity, sizeof *items);
        if (!items) {
            ifm_json_free(&ifm_invocation_table, body);
            return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
        }
        stored->items = items;
        stored->capacity = capacity;
    }
    stored->values += count_values(&body->lanes);
    drop_texts(body);
    if (stored->values > IFM_ASSESS_VALUES_MAX) drop_lanes(body);
    struct item *item = &stored->items[stored->count++];
    memset(item, 0, sizeof *item);
    item->body = *body;
    item->has_stats = stats != NULL;
    if (stats) item->stats = *stats;
    return 0;
}

static int assess(struct ifm_msg_run *run, const struct ifm_trust_item *items, size_t count, struct ifm_err *err)
{
    struct ifm_trust trust;
    memset(&trust, 0, sizeof trust);
    int rc = ifm_trust_assess(run, items, count, &trust, err);
    if (!rc) rc = ifm_trust_store(&trust, run, err);
    ifm_trust_done(&trust);
    return rc;
}

/* In order of n, as trust was promised: a run's own come with any numbers. */
static void sort_items(struct ifm_trust_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) { /* nearly always sorted already */
        struct ifm_trust_item item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].body->n > item.body->n; at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

static int assess_all(struct ifm_msg_run *run, const struct ifm_invocation_stats *stats, const struct stored *stored,
                      size_t *assessed, struct ifm_err *err)
{
    const struct ifm_msg_invocation *carried = run->invocation_bodies.items;
    size_t count = stored->count + run->invocation_bodies.count;
    struct ifm_trust_item *items = ifm_alloc_array(count + 1, sizeof *items);
    if (!items) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    for (size_t i = 0; i < stored->count; i++) {
        items[i].body = &stored->items[i].body;
        items[i].stats = stored->items[i].has_stats ? &stored->items[i].stats : NULL;
    }
    for (size_t i = 0; i < run->invocation_bodies.count; i++) {
        items[stored->count + i].body = &carried[i];
        items[stored->count + i].stats = stats && stats[i].n ? &stats[i] : NULL;
    }
    sort_items(items, count);
    int rc = assess(run, items, count, err);
    ifm_free(items);
    *assessed = count;
    return rc;
}

int ifm_assess_run(struct ifm_store *store, struct ifm_msg_run *run, const struct ifm_invocation_stats *stats,
                   size_t *assessed, struct ifm_err *err)
{
    struct stored stored = { NULL, 0, 0, 0 };
    /* Where all of them came with the run, none is stored, and nothing is read. */
    bool carries_all = (int64_t)run->invocation_bodies.count >= run->invocations;
    int rc = carries_all ? 0 : ifm_store_visit_bodies(store, run->id, -1, take_body, &stored, err);
    if (!rc) rc = assess_all(run, stats, &stored, assessed, err);
    for (size_t i = 0; i < stored.count; i++) ifm_json_free(&ifm_invocation_table, &stored.items[i].body);
    ifm_free(stored.items);
    return rc;
}
