/* Raw samples, one stored block at a time: nothing of a run is held in memory but the current row. */
#include "daemon/store/internal.h"

struct range { int64_t low, high; }; /* of invocation keys */

static int find_range(struct ifm_db *db, const char *run_id, int64_t invocation, struct range *range,
                      struct ifm_err *err)
{
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (rc) return rc;
    range->low = key * IFM_DB_INVOCATIONS;
    range->high = range->low + IFM_DB_INVOCATIONS - 1;
    if (invocation == -1) return 0;

    sqlite3_stmt *stmt;
    bool there = false;
    if (invocation >= 0 && invocation < IFM_INVOCATIONS_MAX) {
        range->low = range->high = range->low + invocation;
        rc = ifm_db_get(db, IFM_SQL_INVOCATION_SHA, &stmt, err);
        if (rc) return rc;
        sqlite3_bind_int64(stmt, 1, range->low);
        rc = ifm_db_step(db, stmt, "looking for an invocation", err);
        there = rc > 0;
        ifm_db_reset(stmt);
        if (rc < 0) return rc;
    }
    return there ? 0 : ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s has no invocation %lld", run_id,
                                   (long long)invocation);
}

static void set_bytes(sqlite3_stmt *stmt, struct ifm_store_block *block)
{
    block->block = sqlite3_column_blob(stmt, 4);
    block->block_len = (size_t)sqlite3_column_bytes(stmt, 4);
    block->gaps = sqlite3_column_blob(stmt, 5);
    block->gaps_len = (size_t)sqlite3_column_bytes(stmt, 5);
    block->lateness = sqlite3_column_blob(stmt, 6);
    block->lateness_len = (size_t)sqlite3_column_bytes(stmt, 6);
}

static int visit_rows(struct ifm_db *db, const struct range *range, int phase, bool bytes, ifm_store_visit visit,
                      void *arg, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, bytes ? IFM_SQL_SAMPLES : IFM_SQL_SAMPLE_COUNTS, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, range->low * IFM_DB_BLOCKS);
    sqlite3_bind_int64(stmt, 2, range->high * IFM_DB_BLOCKS + IFM_DB_BLOCKS - 1);
    sqlite3_bind_int(stmt, 3, phase);
    while ((rc = ifm_db_step(db, stmt, "reading samples", err)) > 0) {
        struct ifm_store_block block = { 0 };
        block.invocation = sqlite3_column_int64(stmt, 0) / IFM_DB_BLOCKS % IFM_DB_INVOCATIONS;
        block.phase = sqlite3_column_int(stmt, 1);
        block.first = sqlite3_column_int64(stmt, 2);
        block.count = sqlite3_column_int64(stmt, 3);
        if (bytes) set_bytes(stmt, &block);
        rc = visit(arg, &block, err);
        if (rc) break;
    }
    ifm_db_reset(stmt);
    return rc;
}

static int visit_all(struct ifm_store *store, const char *run_id, int64_t invocation, int phase, bool bytes,
                     ifm_store_visit visit, void *arg, struct ifm_err *err)
{
    struct ifm_db *db;
    struct range range;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = find_range(db, run_id, invocation, &range, err);
    if (!rc) rc = visit_rows(db, &range, phase, bytes, visit, arg, err);
    ifm_pool_put(&store->pool, db);
    return rc;
}

int ifm_store_visit_samples(struct ifm_store *store, const char *run_id, int64_t invocation, int phase,
                            ifm_store_visit visit, void *arg, struct ifm_err *err)
{
    return visit_all(store, run_id, invocation, phase, true, visit, arg, err);
}

int ifm_store_visit_counts(struct ifm_store *store, const char *run_id, int64_t invocation, int phase,
                           ifm_store_visit visit, void *arg, struct ifm_err *err)
{
    return visit_all(store, run_id, invocation, phase, false, visit, arg, err);
}

int ifm_store_visit_invocations(struct ifm_store *store, const char *run_id, bool ok_only, ifm_store_visit visit,
                                void *arg, struct ifm_err *err)
{
    struct ifm_db *db;
    struct range range;
    sqlite3_stmt *stmt;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = find_range(db, run_id, -1, &range, err);
    if (!rc) rc = ifm_db_get(db, IFM_SQL_INVOCATION_NUMBERS, &stmt, err);
    if (!rc) {
        sqlite3_bind_int64(stmt, 1, range.low);
        sqlite3_bind_int64(stmt, 2, range.high);
        sqlite3_bind_int(stmt, 3, ok_only);
        while ((rc = ifm_db_step(db, stmt, "reading invocations", err)) > 0) {
            struct ifm_store_block block = { .invocation = sqlite3_column_int64(stmt, 0) };
            rc = visit(arg, &block, err);
            if (rc) break;
        }
        ifm_db_reset(stmt);
    }
    ifm_pool_put(&store->pool, db);
    return rc;
}

/* -- Bodies ------------------------------------------------------------------------------------- */
static int visit_body(sqlite3_stmt *stmt, ifm_store_visit_body visit, void *arg, struct ifm_err *err)
{
    struct ifm_msg_invocation body;
    struct ifm_invocation_stats stats;
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    int rc = ifm_json_decode(&ifm_invocation_table, text ? text : "", (size_t)sqlite3_column_bytes(stmt, 0), &body, err);
    if (rc) return rc;
    rc = ifm_lanes_unpack(stmt, 1, &body.lanes, err);
    if (rc) {
        ifm_json_free(&ifm_invocation_table, &body);
        return rc;
    }
    bool has = ifm_stats_get(stmt, 4, &stats);
    return visit(arg, &body, has ? &stats : NULL, err);
}

static int visit_bodies(struct ifm_db *db, const struct range *range, ifm_store_visit_body visit, void *arg,
                        struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_INVOCATION_ALL, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, range->low);
    sqlite3_bind_int64(stmt, 2, range->high);
    while ((rc = ifm_db_step(db, stmt, "reading invocations", err)) > 0) {
        rc = visit_body(stmt, visit, arg, err);
        if (rc) break;
    }
    ifm_db_reset(stmt);
    return rc;
}

int ifm_store_visit_bodies(struct ifm_store *store, const char *run_id, int64_t invocation, ifm_store_visit_body visit,
                           void *arg, struct ifm_err *err)
{
    struct ifm_db *db;
    struct range range;
    struct ifm_err missing = IFM_ERR_INIT;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = find_range(db, run_id, invocation, &range, &missing);
    if (rc && rc != IFM_ERR_NOT_FOUND && err) *err = missing;
    if (!rc) rc = visit_bodies(db, &range, visit, arg, err);
    ifm_pool_put(&store->pool, db);
    return rc == IFM_ERR_NOT_FOUND ? 0 : rc;
}
