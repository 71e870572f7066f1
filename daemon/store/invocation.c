/* Replies about one invocation: the body as it was sent, put together again from what is stored apart (lanes and
 * sample blocks), and the lanes alone. */
#include "daemon/store/internal.h"

#include <string.h>
#include "core/mem.h"

/* The stored body, its closing brace replaced by further members. */
void ifm_store_open_body(struct ifm_buf *out, sqlite3_stmt *stmt, int column)
{
    const char *body = (const char *)sqlite3_column_text(stmt, column);
    int len = sqlite3_column_bytes(stmt, column);
    if (body && len > 2) {
        ifm_buf_add(out, body, (size_t)len - 1);
        ifm_buf_addc(out, ',');
    } else {
        ifm_buf_addc(out, '{');
    }
}

/* -- Invocation --------------------------------------------------------------------------------- */
static void add_base64(struct ifm_buf *out, const char *key, sqlite3_stmt *stmt, int column)
{
    const void *bytes = sqlite3_column_blob(stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(stmt, column);
    if (!bytes) return;
    ifm_buf_addf(out, ",\"%s\":\"", key);
    size_t length = ifm_base64_length(len);
    char *room = ifm_buf_room(out, length + 1);
    if (!room) return;
    ifm_base64_encode(bytes, len, room);
    out->len += length;
    ifm_buf_adds(out, "\"");
}

static int write_blocks(struct ifm_db *db, int64_t key, struct ifm_buf *out, struct ifm_err *err)
{
    static const char *const phases[] = { "warmup", "steady" };
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_SAMPLES, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key * IFM_DB_BLOCKS);
    sqlite3_bind_int64(stmt, 2, key * IFM_DB_BLOCKS + IFM_DB_BLOCKS - 1);
    sqlite3_bind_int(stmt, 3, -1);
    ifm_buf_adds(out, "\"samples\":[");
    for (bool first = true; (rc = ifm_db_step(db, stmt, "reading samples", err)) > 0; first = false) {
        ifm_buf_addf(out, "%s{\"phase\":\"%s\",\"first\":%lld,\"count\":%lld", first ? "" : ",",
                     phases[sqlite3_column_int(stmt, 1) != 0], (long long)sqlite3_column_int64(stmt, 2),
                     (long long)sqlite3_column_int64(stmt, 3));
        add_base64(out, "block", stmt, 4);
        add_base64(out, "gaps", stmt, 5);
        add_base64(out, "lateness", stmt, 6);
        ifm_buf_addc(out, '}');
    }
    ifm_buf_addc(out, ']');
    ifm_db_reset(stmt);
    return rc;
}

/* 1, or negative. */
static int open_invocation(sqlite3_stmt *stmt, struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_list groups;
    struct ifm_jw w;
    int rc = ifm_lanes_unpack(stmt, 1, &groups, err);
    if (rc) return rc;
    ifm_store_open_body(out, stmt, 0);
    if (groups.count) {
        ifm_jw_init(&w, out);
        ifm_jw_key(&w, "lanes");
        ifm_lanes_write(&groups, &w);
        ifm_buf_addc(out, ',');
    }
    ifm_lanes_done(&groups);
    return 1;
}

static int write_invocation(struct ifm_db *db, const char *run_id, int64_t run_key, int64_t n,
                            struct ifm_buf *out, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int64_t key = run_key * IFM_DB_INVOCATIONS + n;
    int rc = ifm_db_get(db, IFM_SQL_INVOCATION_BODY, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = n >= 0 && n < IFM_INVOCATIONS_MAX ? ifm_db_step(db, stmt, "reading an invocation", err) : 0;
    if (rc > 0) rc = open_invocation(stmt, out, err);
    ifm_db_reset(stmt);
    if (rc == 0) {
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s has no invocation %lld", run_id,
                           (long long)n);
    }
    if (rc < 0) return rc;
    rc = write_blocks(db, key, out, err);
    ifm_buf_addc(out, '}');
    return rc;
}

int ifm_store_get_invocation(struct ifm_store *store, const char *run_id, int64_t n, struct ifm_buf *out,
                             struct ifm_err *err)
{
    struct ifm_db *db;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc) rc = write_invocation(db, run_id, key, n, out, err);
    ifm_pool_put(&store->pool, db);
    return rc ? rc : ifm_buf_check(out, err);
}

/* -- Lanes -------------------------------------------------------------------------------------- */
/* *n -1: the first that is ok, or else the first; it stays -1 when there is none. */
static int pick_invocation(struct ifm_db *db, int64_t run_key, bool ok_only, int64_t *n, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_INVOCATION_NUMBERS, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, run_key * IFM_DB_INVOCATIONS);
    sqlite3_bind_int64(stmt, 2, run_key * IFM_DB_INVOCATIONS + IFM_DB_INVOCATIONS - 1);
    sqlite3_bind_int(stmt, 3, ok_only);
    rc = ifm_db_step(db, stmt, "looking for an invocation", err);
    if (rc > 0) *n = sqlite3_column_int64(stmt, 0);
    ifm_db_reset(stmt);
    if (rc == 0 && ok_only) return pick_invocation(db, run_key, false, n, err);
    return rc < 0 ? rc : 0;
}

static int steady_ns(sqlite3_stmt *stmt, int column, int64_t *out, struct ifm_err *err)
{
    struct ifm_msg_invocation body;
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    int rc = ifm_json_decode(&ifm_invocation_table, text ? text : "", (size_t)sqlite3_column_bytes(stmt, column), &body,
                             err);
    if (rc) return rc;
    *out = body.steady_ns > 0 ? body.steady_ns : IFM_JSON_ABSENT;
    ifm_json_free(&ifm_invocation_table, &body);
    return 0;
}

static int write_lanes(struct ifm_db *db, const char *run_id, int64_t run_key, int64_t n, struct ifm_buf *out,
                       struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    struct ifm_list groups = { NULL, 0 };
    struct ifm_jw w;
    int64_t steady = IFM_JSON_ABSENT;
    int rc = ifm_db_get(db, IFM_SQL_LANES, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, run_key * IFM_DB_INVOCATIONS + n);
    rc = n >= 0 && n < IFM_INVOCATIONS_MAX ? ifm_db_step(db, stmt, "reading lanes", err) : 0;
    bool there = rc > 0;
    if (there) rc = ifm_lanes_unpack(stmt, 0, &groups, err);
    if (there && !rc) rc = steady_ns(stmt, 2, &steady, err);
    ifm_db_reset(stmt);
    if (!rc && !there) {
        rc = n < 0 ? ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s has no invocation", run_id)
                   : ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s has no invocation %lld", run_id,
                                 (long long)n);
    }
    if (!rc) {
        ifm_jw_init(&w, out);
        ifm_jw_begin(&w, '{');
        ifm_jw_key(&w, "run");
        ifm_jw_string(&w, run_id);
        ifm_jw_key(&w, "invocation");
        ifm_jw_i64(&w, n);
        ifm_jw_key(&w, "steady_ns");
        ifm_jw_i64(&w, steady);
        ifm_jw_key(&w, "groups");
        ifm_lanes_write(&groups, &w);
        ifm_jw_end(&w, '}');
    }
    ifm_lanes_done(&groups);
    return rc;
}

int ifm_store_get_lanes(struct ifm_store *store, const char *run_id, int64_t n, struct ifm_buf *out,
                        struct ifm_err *err)
{
    struct ifm_db *db;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc && n < 0) rc = pick_invocation(db, key, true, &n, err);
    if (!rc) rc = write_lanes(db, run_id, key, n, out, err);
    ifm_pool_put(&store->pool, db);
    return rc ? rc : ifm_buf_check(out, err);
}
