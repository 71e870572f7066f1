/* Replies about one run. Bodies are stored as the JSON that goes out again, so that a reply is made by joining
 * texts: statistics are appended inside an invocation's body. */
#include "daemon/store/internal.h"

#include <math.h>
#include <string.h>
#include "core/mem.h"

static int parse_id(const char *run_id, uint8_t id[IFM_UUID_BYTES], struct ifm_err *err)
{
    if (ifm_uuid_parse(run_id, id)) {
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "\"%.40s\" is not a run id", run_id);
    }
    return 0;
}

static int not_found(const char *run_id, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "no run %.40s is stored here", run_id);
}

int ifm_store_find(struct ifm_db *db, const char *run_id, uint8_t id[IFM_UUID_BYTES], int64_t *key,
                   int64_t *started_at_ms, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = parse_id(run_id, id, err);
    if (!rc) rc = ifm_db_get(db, IFM_SQL_FIND_RUN, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_blob(stmt, 1, id, IFM_UUID_BYTES, SQLITE_STATIC);
    rc = ifm_db_step(db, stmt, "looking for a run", err);
    if (rc > 0) {
        *key = sqlite3_column_int64(stmt, 0);
        *started_at_ms = ifm_db_i64(stmt, 1);
    }
    ifm_db_reset(stmt);
    return rc > 0 ? 0 : rc < 0 ? rc : not_found(run_id, err);
}

/* A fixed query whose parameters 1 and 2 are the keys of all invocations of a run. */
static int get_range(struct ifm_db *db, enum ifm_sql which, int64_t run_key, sqlite3_stmt **stmt,
                     struct ifm_err *err)
{
    int rc = ifm_db_get(db, which, stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(*stmt, 1, run_key * IFM_DB_INVOCATIONS);
    sqlite3_bind_int64(*stmt, 2, run_key * IFM_DB_INVOCATIONS + IFM_DB_INVOCATIONS - 1);
    return 0;
}

/* -- Verdict ------------------------------------------------------------------------------------ */
static void write_finding(const struct ifm_msg_finding *finding, struct ifm_jw *w)
{
    static const char *const words[] = { "note", "caution", "untrusted" };
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "code");
    ifm_jw_string(w, finding->code);
    ifm_jw_key(w, "severity");
    ifm_jw_string(w, words[finding->severity >= 0 && finding->severity < 3 ? finding->severity : 2]);
    ifm_jw_key(w, "text");
    ifm_jw_string(w, finding->text);
    ifm_jw_key(w, "remedy");
    ifm_jw_string(w, finding->remedy);
    ifm_jw_key(w, "invocations");
    ifm_jw_i64(w, finding->invocations);
    ifm_jw_key(w, "value");
    ifm_jw_f64(w, finding->value);
    ifm_jw_key(w, "limit");
    ifm_jw_f64(w, finding->limit);
    ifm_jw_end(w, '}');
}

void ifm_store_write_trust(const struct ifm_msg_run *run, const char *line, struct ifm_jw *w)
{
    static const char *const words[] = { "not_assessed", "trusted", "caution", "untrusted" };
    const struct ifm_msg_finding *findings = run->trust_findings.items;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "state");
    ifm_jw_string(w, words[run->trust & 3]);
    ifm_jw_key(w, "line");
    ifm_jw_string(w, line);
    ifm_jw_key(w, "findings");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < run->trust_findings.count; i++) write_finding(&findings[i], w);
    ifm_jw_end(w, ']');
    ifm_jw_key(w, "unobserved");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < run->trust_unobserved.count; i++) ifm_jw_string(w, run->trust_unobserved.items[i]);
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

/* -- Run ---------------------------------------------------------------------------------------- */
/* The body and its verdict, which a run that is open, or was closed by an earlier version, has not. */
static int write_body(struct ifm_db *db, int64_t key, bool closed, struct ifm_jw *w, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_RUN_BODY, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = ifm_db_step(db, stmt, "reading a run", err);
    const char *body = rc > 0 ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    const char *trust = rc > 0 ? (const char *)sqlite3_column_text(stmt, 1) : NULL;
    ifm_jw_key(w, "run");
    ifm_jw_raw(w, body ? "" : "null");
    if (body) ifm_store_add_body(w->out, body);
    ifm_jw_key(w, "closed");
    ifm_jw_bool(w, closed);
    ifm_jw_key(w, "trust");
    if (trust) {
        ifm_jw_raw(w, trust);
    } else {
        struct ifm_msg_run none;
        ifm_json_init(&ifm_run_table, &none);
        ifm_store_write_trust(&none, "not assessed", w);
    }
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

static void write_estimate(struct ifm_jw *w, const struct ifm_estimate *estimate)
{
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "value");
    ifm_jw_f64(w, estimate->value);
    ifm_jw_key(w, "low");
    ifm_jw_f64(w, estimate->low);
    ifm_jw_key(w, "high");
    ifm_jw_f64(w, estimate->high);
    ifm_jw_key(w, "coverage");
    ifm_jw_f64(w, estimate->coverage);
    ifm_jw_key(w, "k");
    ifm_jw_i64(w, (int64_t)estimate->k);
    ifm_jw_key(w, "needed");
    ifm_jw_i64(w, (int64_t)estimate->needed);
    ifm_jw_key(w, "enough");
    ifm_jw_bool(w, estimate->enough);
    ifm_jw_end(w, '}');
}

static int write_summary(struct ifm_db *db, int64_t key, struct ifm_jw *w, struct ifm_err *err)
{
    struct ifm_summary_values values;
    int rc = ifm_summary_values_get(db, key, &values, err);
    if (rc) return rc;
    ifm_jw_begin(w, '{');
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        struct ifm_estimate estimate;
        ifm_summary_values_estimate(&values, (enum ifm_metric)metric, &estimate);
        ifm_jw_key(w, ifm_metrics[metric].field);
        write_estimate(w, &estimate);
    }
    ifm_jw_end(w, '}');
    ifm_summary_values_done(&values);
    return 0;
}

static int write_invocations(struct ifm_db *db, int64_t key, struct ifm_buf *out, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = get_range(db, IFM_SQL_INVOCATION_VIEWS, key, &stmt, err);
    if (rc) return rc;
    ifm_buf_addc(out, '[');
    for (bool first = true; (rc = ifm_db_step(db, stmt, "reading invocations", err)) > 0; first = false) {
        struct ifm_jw members;
        if (!first) ifm_buf_addc(out, ',');
        ifm_store_open_body(out, stmt, 0);
        ifm_jw_init(&members, out);
        ifm_stats_write(stmt, 1, &members);
        ifm_buf_addc(out, '}');
    }
    ifm_db_reset(stmt);
    ifm_buf_addc(out, ']');
    return rc;
}

int ifm_store_get_run(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_db *db;
    struct ifm_jw w;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc) {
        ifm_jw_init(&w, out);
        ifm_jw_begin(&w, '{');
        rc = write_body(db, key, started_at_ms != IFM_JSON_ABSENT, &w, err);
        ifm_jw_key(&w, "summary");
        if (!rc) rc = write_summary(db, key, &w, err);
        ifm_jw_key(&w, "invocations");
        if (!rc) rc = write_invocations(db, key, out, err);
        ifm_buf_addc(out, '}');
    }
    ifm_pool_put(&store->pool, db);
    return rc ? rc : ifm_buf_check(out, err);
}

static int read_traits(struct ifm_db *db, int64_t started_at_ms, const uint8_t *id, struct ifm_store_traits *out,
                       struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_RUN_TRAITS, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, started_at_ms);
    sqlite3_bind_blob(stmt, 2, id, IFM_UUID_BYTES, SQLITE_STATIC);
    rc = ifm_db_step(db, stmt, "reading a run", err);
    if (rc > 0) *out = (struct ifm_store_traits){ ifm_db_i64(stmt, 0), sqlite3_column_int(stmt, 1) != 0 };
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

int ifm_store_get_traits(struct ifm_store *store, const char *run_id, struct ifm_store_traits *out,
                         struct ifm_err *err)
{
    struct ifm_db *db;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    *out = (struct ifm_store_traits){ IFM_JSON_ABSENT, false };
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc && started_at_ms != IFM_JSON_ABSENT) rc = read_traits(db, started_at_ms, id, out, err);
    ifm_pool_put(&store->pool, db);
    return rc;
}

/* -- Version ------------------------------------------------------------------------------------ */
/* A closed run can change no more: its body's digest stands for all of it. Before, that of every invocation
 * counts. The first byte is the version of how this file writes replies: raise it when they change. */
static int add_digests(struct ifm_db *db, int64_t key, bool closed, struct ifm_buf *all, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc;
    ifm_buf_addc(all, '3');
    ifm_buf_addc(all, closed ? 'c' : 'o');
    if (closed) {
        rc = ifm_db_get(db, IFM_SQL_RUN_SHA, &stmt, err);
        if (!rc) sqlite3_bind_int64(stmt, 1, key);
    } else {
        rc = get_range(db, IFM_SQL_INVOCATION_SHAS, key, &stmt, err);
    }
    if (rc) return rc;
    while ((rc = ifm_db_step(db, stmt, "reading a run", err)) > 0) {
        ifm_buf_add(all, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
    }
    ifm_db_reset(stmt);
    return rc;
}

int ifm_store_run_version(struct ifm_store *store, const char *run_id, char text[IFM_SHA256_HEX],
                          struct ifm_err *err)
{
    struct ifm_db *db;
    struct ifm_buf all;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    ifm_buf_init(&all, 64 * 1024);
    rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc) {
        ifm_buf_add(&all, id, IFM_UUID_BYTES);
        rc = add_digests(db, key, started_at_ms != IFM_JSON_ABSENT, &all, err);
    }
    ifm_pool_put(&store->pool, db);
    if (!rc) rc = ifm_buf_check(&all, err);
    if (!rc && ifm_hash_sha256_hex(all.data, all.len, text)) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "store", "SHA-256 failed");
    }
    ifm_buf_done(&all);
    return rc;
}

/* -- Values for a comparison -------------------------------------------------------------------- */
static int copy_values(const struct ifm_summary_values *from, struct ifm_store_run_values *out,
                       struct ifm_err *err)
{
    size_t each = from->ok ? from->ok : 1;
    double *block = ifm_alloc_array((IFM_METRIC_COUNT + 1) * each, sizeof *block);
    if (!block) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while reading a run's values");
    out->count = from->ok;
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        out->values[metric] = block + (size_t)metric * each;
        memcpy(out->values[metric], from->values[metric], from->ok * sizeof *block);
        out->enough[metric] = from->enough[metric];
    }
    out->numbers = block + IFM_METRIC_COUNT * each;
    memcpy(out->numbers, from->numbers, from->ok * sizeof *block);
    return 0;
}

static int read_row(struct ifm_db *db, int64_t started_at_ms, const uint8_t *id, char **row_json,
                    struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    struct ifm_buf buf;
    struct ifm_jw w;
    int rc = ifm_db_get(db, IFM_SQL_RUN_ROW, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, started_at_ms);
    sqlite3_bind_blob(stmt, 2, id, IFM_UUID_BYTES, SQLITE_STATIC);
    rc = ifm_db_step(db, stmt, "reading a run", err);
    ifm_buf_init(&buf, 1 << 20);
    ifm_jw_init(&w, &buf);
    if (rc > 0) ifm_store_write_row(stmt, &w);
    ifm_db_reset(stmt);
    if (rc >= 0) rc = ifm_buf_check(&buf, err);
    if (!rc) *row_json = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

static int read_body(struct ifm_db *db, int64_t key, struct ifm_msg_run *run, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_RUN_BODY, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = ifm_db_step(db, stmt, "reading a run", err);
    if (rc > 0) {
        const char *body = (const char *)sqlite3_column_text(stmt, 0);
        rc = ifm_json_decode(&ifm_run_table, body ? body : "", (size_t)sqlite3_column_bytes(stmt, 0), run, err);
    } else if (rc == 0) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "store", "a closed run has no body");
    }
    ifm_db_reset(stmt);
    return rc;
}

static int find_closed(struct ifm_db *db, const char *run_id, uint8_t id[IFM_UUID_BYTES], int64_t *key,
                       int64_t *started_at_ms, struct ifm_err *err)
{
    int rc = ifm_store_find(db, run_id, id, key, started_at_ms, err);
    if (!rc && *started_at_ms == IFM_JSON_ABSENT) {
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s is not closed yet: wait until it has ended",
                         run_id);
    }
    return rc;
}

static int read_values(struct ifm_db *db, const char *run_id, struct ifm_store_run_values *out,
                       struct ifm_err *err)
{
    struct ifm_summary_values values;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = find_closed(db, run_id, id, &key, &started_at_ms, err);
    if (!rc) rc = ifm_summary_values_get(db, key, &values, err);
    if (rc) return rc;
    rc = copy_values(&values, out, err);
    ifm_summary_values_done(&values);
    if (!rc) rc = read_row(db, started_at_ms, id, &out->row_json, err);
    if (!rc) rc = read_body(db, key, &out->run, err);
    return rc;
}

static int read_ops(struct ifm_db *db, int64_t key, char **ops, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_RUN_OPS, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = ifm_db_step(db, stmt, "reading operators", err);
    const char *text = rc > 0 ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *ops = text ? ifm_dup(text) : NULL;
    ifm_db_reset(stmt);
    if (rc >= 0 && text && !*ops) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    return rc < 0 ? rc : 0;
}

int ifm_store_get_body(struct ifm_store *store, const char *run_id, struct ifm_msg_run *out, char **ops,
                       struct ifm_err *err)
{
    struct ifm_db *db;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    memset(out, 0, sizeof *out);
    if (ops) *ops = NULL;
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = find_closed(db, run_id, id, &key, &started_at_ms, err);
    if (!rc) rc = read_body(db, key, out, err);
    if (!rc && ops) rc = read_ops(db, key, ops, err);
    if (rc) ifm_json_free(&ifm_run_table, out);
    ifm_pool_put(&store->pool, db);
    return rc;
}

int ifm_store_get_run_values(struct ifm_store *store, const char *run_id, struct ifm_store_run_values *out,
                             struct ifm_err *err)
{
    struct ifm_db *db;
    memset(out, 0, sizeof *out);
    int rc = ifm_pool_take(&store->pool, true, &db, err);
    if (rc) return rc;
    rc = read_values(db, run_id, out, err);
    ifm_pool_put(&store->pool, db);
    if (rc) ifm_store_run_values_done(out);
    return rc;
}

void ifm_store_run_values_done(struct ifm_store_run_values *values)
{
    ifm_free(values->values[0]);
    ifm_free(values->row_json);
    ifm_json_free(&ifm_run_table, &values->run);
    memset(values, 0, sizeof *values);
}
