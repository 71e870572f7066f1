/* Replies about one run. Bodies are stored as the JSON that goes out again, so that a reply is made by joining
 * texts: statistics are appended inside an invocation's body, sample blocks inside another. */
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

/* -- Run ---------------------------------------------------------------------------------------- */
static int write_body(struct ifm_db *db, int64_t key, struct ifm_jw *w, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_RUN_BODY, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = ifm_db_step(db, stmt, "reading a run", err);
    const char *body = rc > 0 ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (body) {
        ifm_jw_raw(w, body);
    } else {
        ifm_jw_string(w, NULL);
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

/* The columns of IFM_SQL_INVOCATION_VIEWS after the body, by name; those ending in "enough" are booleans. */
static const char *const stat_names[] = {
    "sample_count", "p50_ns", "p90_ns", "p99_ns", "p90_enough", "p99_enough", "min_ns", "max_ns", "mean_ns",
    "sd_ns", "p50_low_ns", "p50_high_ns", "p50_interp_ns", "p90_interp_ns", "p99_interp_ns", "throughput_per_s",
    "autocorrelation"
};

static void write_stat(struct ifm_jw *w, sqlite3_stmt *stmt, int column)
{
    const char *name = stat_names[column - 1];
    ifm_jw_key(w, name);
    if (sqlite3_column_type(stmt, column) == SQLITE_FLOAT) {
        ifm_jw_f64(w, sqlite3_column_double(stmt, column));
    } else if (strstr(name, "enough") && sqlite3_column_type(stmt, column) != SQLITE_NULL) {
        ifm_jw_bool(w, sqlite3_column_int(stmt, column) != 0);
    } else {
        ifm_jw_i64(w, ifm_db_i64(stmt, column));
    }
}

/* The stored body, its closing brace replaced by further members. */
static void open_body(struct ifm_buf *out, sqlite3_stmt *stmt)
{
    const char *body = (const char *)sqlite3_column_text(stmt, 0);
    int len = sqlite3_column_bytes(stmt, 0);
    if (body && len > 2) {
        ifm_buf_add(out, body, (size_t)len - 1);
        ifm_buf_addc(out, ',');
    } else {
        ifm_buf_addc(out, '{');
    }
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
        open_body(out, stmt);
        ifm_jw_init(&members, out);
        for (int column = 1; column <= (int)(sizeof stat_names / sizeof *stat_names); column++) {
            write_stat(&members, stmt, column);
        }
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
        ifm_jw_key(&w, "run");
        rc = write_body(db, key, &w, err);
        ifm_jw_key(&w, "closed");
        ifm_jw_bool(&w, started_at_ms != IFM_JSON_ABSENT);
        ifm_jw_key(&w, "summary");
        if (!rc) rc = write_summary(db, key, &w, err);
        ifm_jw_key(&w, "invocations");
        if (!rc) rc = write_invocations(db, key, out, err);
        ifm_buf_addc(out, '}');
    }
    ifm_pool_put(&store->pool, db);
    return rc ? rc : ifm_buf_check(out, err);
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
        ifm_buf_addc(out, '}');
    }
    ifm_buf_addc(out, ']');
    ifm_db_reset(stmt);
    return rc;
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
    if (rc > 0) open_body(out, stmt);
    ifm_db_reset(stmt);
    if (rc == 0) {
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s has no invocation %lld", run_id,
                           (long long)n);
    }
    if (rc > 0) rc = write_blocks(db, key, out, err);
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

/* -- Version ------------------------------------------------------------------------------------ */
/* A closed run can change no more: its body's digest stands for all of it. Before, that of every invocation
 * counts. The first byte is the version of how this file writes replies: raise it when they change. */
static int add_digests(struct ifm_db *db, int64_t key, bool closed, struct ifm_buf *all, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc;
    ifm_buf_addc(all, '1');
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
    double *block = ifm_alloc_array(IFM_METRIC_COUNT * each, sizeof *block);
    if (!block) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while reading a run's values");
    out->count = from->ok;
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        out->values[metric] = block + (size_t)metric * each;
        memcpy(out->values[metric], from->values[metric], from->ok * sizeof *block);
        out->enough[metric] = from->enough[metric];
    }
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

static int read_values(struct ifm_db *db, const char *run_id, struct ifm_store_run_values *out,
                       struct ifm_err *err)
{
    struct ifm_summary_values values;
    uint8_t id[IFM_UUID_BYTES];
    int64_t key = 0, started_at_ms = 0;
    int rc = ifm_store_find(db, run_id, id, &key, &started_at_ms, err);
    if (!rc && started_at_ms == IFM_JSON_ABSENT) {
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "store", "run %.40s is not closed yet: wait until it has ended",
                         run_id);
    }
    if (!rc) rc = ifm_summary_values_get(db, key, &values, err);
    if (rc) return rc;
    rc = copy_values(&values, out, err);
    ifm_summary_values_done(&values);
    if (!rc) rc = read_row(db, started_at_ms, id, &out->row_json, err);
    if (!rc) rc = read_body(db, key, &out->run, err);
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
