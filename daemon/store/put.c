/* The half of a write that the writer thread does: it binds and steps what prepare.c made. Whether a write is refused
 * is found out by SELECTs before anything is changed; a refused write therefore leaves nothing to undo. */
#include "daemon/store/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/scenario.h"
#include "core/clock.h"
#include "core/energy.h"

static int find_run(struct ifm_db *db, const struct ifm_put *put, int64_t *key, bool *closed,
                    struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_FIND_RUN, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_blob(stmt, 1, put->id, IFM_UUID_BYTES, SQLITE_STATIC);
    rc = ifm_db_step(db, stmt, "looking for a run", err);
    *key = rc > 0 ? sqlite3_column_int64(stmt, 0) : 0;
    *closed = rc > 0 && sqlite3_column_type(stmt, 1) != SQLITE_NULL;
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* started_at_ms of a run that is closed by this write, else IFM_JSON_ABSENT. */
static int add_run_id(struct ifm_db *db, const struct ifm_put *put, int64_t started_at_ms, int64_t *key,
                      struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_RUN_ID, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_blob(stmt, 1, put->id, IFM_UUID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, ifm_clock_wall_ms());
    ifm_db_bind_absent(stmt, 3, started_at_ms);
    rc = ifm_db_run(db, stmt, "storing a run", err);
    *key = sqlite3_last_insert_rowid(db->handle);
    return rc;
}

/* Is something stored under this key already, and is it the same? */
static int check_stored(struct ifm_db *db, enum ifm_sql query, int64_t key, struct ifm_put *put, bool *stored,
                        const char *what, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, query, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    rc = ifm_db_step(db, stmt, "looking for an earlier copy", err);
    *stored = rc > 0;
    if (rc > 0) {
        bool same = sqlite3_column_bytes(stmt, 0) == IFM_SHA256_BYTES &&
                    memcmp(sqlite3_column_blob(stmt, 0), put->sha256, IFM_SHA256_BYTES) == 0;
        put->outcome = IFM_STORE_REPLAYED;
        if (!same) {
            ifm_err_set(&put->err, IFM_ERR_CONFLICT, "store", "%s is stored already with other content; what is "
                        "stored never changes: use a new run id", what);
        }
    }
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int64_t positive(int64_t value)
{
    return value > 0 ? value : IFM_JSON_ABSENT;
}

static int64_t peak_rss(const struct ifm_msg_invocation *body)
{
    int64_t peak = body->memory_load.peak_rss_bytes;
    if (body->memory_first.peak_rss_bytes > peak) peak = body->memory_first.peak_rss_bytes;
    if (body->memory_steady.peak_rss_bytes > peak) peak = body->memory_steady.peak_rss_bytes;
    return positive(peak);
}

static int add_facts(struct ifm_db *db, const struct ifm_put *put, const struct ifm_put_invocation *made,
                     int64_t key, struct ifm_err *err)
{
    const struct ifm_msg_invocation *body = made->body;
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_INVOCATION, &stmt, err);
    if (rc) return rc;
    struct ifm_energy energy;
    bool has_cpu = body->cpu_ns > 0 && body->iterations > 0;
    sqlite3_bind_int64(stmt, 1, key);
    sqlite3_bind_int64(stmt, 2, body->n);
    sqlite3_bind_blob(stmt, 3, put->sha256, IFM_SHA256_BYTES, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, body->status);
    sqlite3_bind_int(stmt, 5, body->verification.state);
    ifm_db_bind_absent(stmt, 6, positive(body->load_ns));
    ifm_db_bind_absent(stmt, 7, positive(body->first_inference_ns));
    ifm_db_bind_absent(stmt, 8, peak_rss(body));
    ifm_db_bind_f64(stmt, 9, has_cpu ? (double)body->cpu_ns / (double)ifm_scenario_inferences(body) : (double)NAN);
    ifm_energy_assess(&body->energy, ifm_scenario_inferences(body), &energy);
    ifm_db_bind_f64(stmt, 10, energy.gross_uj);
    ifm_db_bind_absent(stmt, 11, body->order);
    sqlite3_bind_text64(stmt, 12, made->json, made->json_len, SQLITE_STATIC, SQLITE_UTF8);
    ifm_stats_bind(stmt, 13, made->stats);
    return ifm_db_run(db, stmt, "storing an invocation", err);
}

static int add_lanes(struct ifm_db *db, const struct ifm_packed_lanes *lanes, int64_t key, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_LANES, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    sqlite3_bind_text64(stmt, 2, lanes->head, lanes->head_len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_blob64(stmt, 3, lanes->blocks, lanes->blocks_len, SQLITE_STATIC);
    return ifm_db_run(db, stmt, "storing lanes", err);
}

static int add_samples(struct ifm_db *db, const struct ifm_list *samples, int64_t key, struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = samples->items;
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_SAMPLE, &stmt, err);
    for (size_t i = 0; !rc && i < samples->count; i++) {
        sqlite3_bind_int64(stmt, 1, key * IFM_DB_BLOCKS + (int64_t)i);
        sqlite3_bind_int(stmt, 2, blocks[i].phase);
        sqlite3_bind_int64(stmt, 3, blocks[i].first);
        sqlite3_bind_int64(stmt, 4, blocks[i].count);
        sqlite3_bind_blob64(stmt, 5, blocks[i].block.bytes, blocks[i].block.len, SQLITE_STATIC);
        if (blocks[i].gaps.len) {
            sqlite3_bind_blob64(stmt, 6, blocks[i].gaps.bytes, blocks[i].gaps.len, SQLITE_STATIC);
        }
        if (blocks[i].lateness.len) {
            sqlite3_bind_blob64(stmt, 7, blocks[i].lateness.bytes, blocks[i].lateness.len, SQLITE_STATIC);
        }
        rc = ifm_db_run(db, stmt, "storing samples", err);
    }
    return rc;
}

static int add_invocation(struct ifm_db *db, const struct ifm_put *put, size_t index, int64_t run,
                          struct ifm_err *err)
{
    const struct ifm_put_invocation *made = &put->invocations[index];
    int64_t key = run * IFM_DB_INVOCATIONS + made->body->n;
    int rc = add_facts(db, put, made, key, err);
    if (!rc && made->lanes.head) rc = add_lanes(db, &made->lanes, key, err);
    return rc ? rc : add_samples(db, &made->body->samples, key, err);
}

static int apply_invocation(struct ifm_db *db, struct ifm_put *put, struct ifm_err *err)
{
    int64_t run = 0;
    bool closed = false, stored = false;
    int rc = find_run(db, put, &run, &closed, err);
    int64_t n = put->invocations[0].body->n;
    if (!rc && run) {
        rc = check_stored(db, IFM_SQL_INVOCATION_SHA, run * IFM_DB_INVOCATIONS + n, put, &stored,
                          "this invocation", err);
    }
    if (rc || stored) return rc;
    if (closed) {
        ifm_err_set(&put->err, IFM_ERR_CONFLICT, "store", "the run is closed without invocation %lld: send "
                    "invocations before the run, or use a new run id", (long long)n);
        return 0;
    }
    put->outcome = IFM_STORE_CREATED;
    if (!run) rc = add_run_id(db, put, IFM_JSON_ABSENT, &run, err);
    if (!rc) rc = add_invocation(db, put, 0, run, err);
    return rc;
}

/* What invocations and checks show, whatever the client says; only a cross-check can come from outside them. */
static int verification_of(const struct ifm_msg_run *body, const struct ifm_summary_values *values)
{
    const size_t *by = values->by_verification;
    if (by[IFM_VERIFY_WRONG] || ifm_put_wrong_check(body)) return IFM_VERIFY_WRONG;
    if (values->ok && by[IFM_VERIFY_VERIFIED] == values->ok) return IFM_VERIFY_VERIFIED;
    if (values->ok && by[IFM_VERIFY_VERIFIED] + by[IFM_VERIFY_CROSS_CHECKED] == values->ok) {
        return IFM_VERIFY_CROSS_CHECKED;
    }
    return body->verification == IFM_VERIFY_CROSS_CHECKED ? IFM_VERIFY_CROSS_CHECKED : IFM_VERIFY_NONE;
}

static void bind_run_facts(sqlite3_stmt *stmt, const struct ifm_put *put)
{
    const struct ifm_msg_run *body = put->run;
    sqlite3_bind_int64(stmt, 1, put->started_at_ms);
    sqlite3_bind_blob(stmt, 2, put->id, IFM_UUID_BYTES, SQLITE_STATIC);
    ifm_db_bind_absent(stmt, 4, put->finished_at_ms);
    sqlite3_bind_int(stmt, 5, body->status);
    sqlite3_bind_int(stmt, 7, body->trust);
    ifm_db_bind_text(stmt, 8, body->model);
    ifm_db_bind_text(stmt, 9, body->variant);
    if (body->variant_sha256) sqlite3_bind_blob(stmt, 10, put->variant_sha256, IFM_SHA256_BYTES, SQLITE_STATIC);
    ifm_db_bind_text(stmt, 11, body->format);
    ifm_db_bind_text(stmt, 12, body->runtime);
    ifm_db_bind_text(stmt, 13, body->runtime_version);
    ifm_db_bind_text(stmt, 14, body->provider);
    ifm_db_bind_text(stmt, 15, body->device);
    if (body->device_key) sqlite3_bind_blob(stmt, 16, put->device_key, IFM_SHA256_BYTES, SQLITE_STATIC);
    if (body->config_key) sqlite3_bind_blob(stmt, 17, put->config_key, IFM_SHA256_BYTES, SQLITE_STATIC);
    ifm_db_bind_text(stmt, 18, body->commit);
    ifm_db_bind_text(stmt, 19, put->labels);
    sqlite3_bind_int64(stmt, 20, body->method_version);
    if (body->experiment.id) sqlite3_bind_blob(stmt, 35, put->experiment, IFM_UUID_BYTES, SQLITE_STATIC);
    ifm_db_bind_absent(stmt, 36, put->scenario);
    ifm_db_bind_text(stmt, 37, put->trust ? put->trust_line : NULL);
}

static void bind_run_summary(sqlite3_stmt *stmt, struct ifm_summary_values *values)
{
    sqlite3_bind_int64(stmt, 21, (int64_t)values->ok);
    sqlite3_bind_int64(stmt, 22, (int64_t)values->failed);
    ifm_db_bind_f64(stmt, 23, values->ok ? ifm_stat_median(values->iterations, values->ok) : (double)NAN);
    static const int columns[IFM_METRIC_COUNT] = { 24, 27, 28, 30, 31, 32, 33, 34, 38 };
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        struct ifm_estimate estimate;
        ifm_summary_values_estimate(values, (enum ifm_metric)metric, &estimate);
        ifm_db_bind_f64(stmt, columns[metric], estimate.value);
        if (metric == IFM_METRIC_P50) {
            ifm_db_bind_f64(stmt, 25, estimate.low);
            ifm_db_bind_f64(stmt, 26, estimate.high);
        }
        if (metric == IFM_METRIC_P99) sqlite3_bind_int(stmt, 29, estimate.enough);
    }
}

static int add_run(struct ifm_db *db, const struct ifm_put *put, int64_t key, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    struct ifm_summary_values values;
    int rc = ifm_summary_values_get(db, key, &values, err);
    if (!rc) rc = ifm_db_get(db, IFM_SQL_ADD_RUN, &stmt, err);
    if (!rc) {
        bind_run_facts(stmt, put);
        sqlite3_bind_int64(stmt, 3, key);
        sqlite3_bind_int(stmt, 6, verification_of(put->run, &values));
        bind_run_summary(stmt, &values);
        rc = ifm_db_run(db, stmt, "storing a run", err);
    }
    ifm_summary_values_done(&values);
    return rc;
}

static int add_body(struct ifm_db *db, const struct ifm_put *put, int64_t key, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_RUN_BODY, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key);
    sqlite3_bind_blob(stmt, 2, put->sha256, IFM_SHA256_BYTES, SQLITE_STATIC);
    sqlite3_bind_text64(stmt, 3, put->json, put->json_len, SQLITE_STATIC, SQLITE_UTF8);
    ifm_db_bind_text(stmt, 4, put->trust);
    ifm_db_bind_text(stmt, 5, put->ops);
    return ifm_db_run(db, stmt, "storing a run", err);
}

/* In run_id: a run that is new is closed as it is added. */
static int close_run_id(struct ifm_db *db, const struct ifm_put *put, int64_t *key, struct ifm_err *err)
{
    if (!*key) return add_run_id(db, put, put->started_at_ms, key, err);
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_CLOSE_RUN_ID, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, *key);
    sqlite3_bind_int64(stmt, 2, put->started_at_ms);
    return ifm_db_run(db, stmt, "closing a run", err);
}

static int add_labels(struct ifm_db *db, const struct ifm_put *put, struct ifm_err *err)
{
    const struct ifm_map *labels = &put->run->labels;
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_LABEL, &stmt, err);
    for (size_t i = 0; !rc && i < labels->count; i++) {
        ifm_db_bind_text(stmt, 1, labels->items[i].key);
        ifm_db_bind_text(stmt, 2, labels->items[i].value);
        sqlite3_bind_int64(stmt, 3, put->started_at_ms);
        sqlite3_bind_blob(stmt, 4, put->id, IFM_UUID_BYTES, SQLITE_STATIC);
        rc = ifm_db_run(db, stmt, "storing a label", err);
    }
    return rc;
}

/* An invocation that came with the run must not be stored yet: whether it is the same one cannot be told, since the
 * stored hash is of another request. */
static int check_not_stored(struct ifm_db *db, struct ifm_put *put, int64_t key, struct ifm_err *err)
{
    for (size_t i = 0; i < put->invocation_count; i++) {
        sqlite3_stmt *stmt;
        int64_t n = put->invocations[i].body->n;
        int rc = ifm_db_get(db, IFM_SQL_INVOCATION_SHA, &stmt, err);
        if (rc) return rc;
        sqlite3_bind_int64(stmt, 1, key * IFM_DB_INVOCATIONS + n);
        rc = ifm_db_step(db, stmt, "looking for an earlier copy", err);
        ifm_db_reset(stmt);
        if (rc < 0) return rc;
        if (rc > 0) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/invocation_bodies/%zu/n", i);
            ifm_err_set(&put->err, IFM_ERR_CONFLICT, pointer, "invocation %lld is stored already: leave it out of "
                        "invocation_bodies, or put each invocation by itself and then the run without them",
                        (long long)n);
            return 0;
        }
    }
    return 0;
}

/* How many invocations of a run are stored, and the last one's number. */
static int count_stored(struct ifm_db *db, int64_t key, long long *stored, long long *last, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    *stored = 0;
    *last = -1;
    int rc = key ? ifm_db_get(db, IFM_SQL_INVOCATION_COUNT, &stmt, err) : 0;
    if (rc || !key) return rc;
    sqlite3_bind_int64(stmt, 1, key * IFM_DB_INVOCATIONS);
    sqlite3_bind_int64(stmt, 2, key * IFM_DB_INVOCATIONS + IFM_DB_INVOCATIONS - 1);
    rc = ifm_db_step(db, stmt, "counting invocations", err);
    if (rc > 0) *stored = sqlite3_column_int64(stmt, 0);
    if (rc > 0 && *stored) *last = sqlite3_column_int64(stmt, 1);
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* The invocations must be the ones that were made: as many as the run says, numbered without a gap. Those that
 * came with the run count, though they are stored only after this check. */
static int check_invocations(struct ifm_db *db, struct ifm_put *put, int64_t key, struct ifm_err *err)
{
    long long stored, last;
    int rc = count_stored(db, key, &stored, &last, err);
    if (!rc && stored) rc = check_not_stored(db, put, key, err);
    if (rc || put->err.code) return rc;
    for (size_t i = 0; i < put->invocation_count; i++) {
        if (put->invocations[i].body->n > last) last = put->invocations[i].body->n;
    }
    long long count = stored + (long long)put->invocation_count;
    if (count != put->run->invocations || last + 1 != count) {
        ifm_err_set(&put->err, IFM_ERR_CONFLICT, "/invocations", "the run says %lld invocations, %lld are stored or "
                    "came with it (last number %lld): send those that are missing first",
                    (long long)put->run->invocations, count, last);
    } else if (put->run->trust && (long long)put->assessed != count) {
        ifm_err_set(&put->err, IFM_ERR_BUSY, "store", "an invocation of this run was being stored meanwhile: send the "
                    "run again");
    }
    return 0;
}

static int apply_run(struct ifm_db *db, struct ifm_put *put, struct ifm_err *err)
{
    int64_t key = 0;
    bool closed = false, stored = false;
    int rc = find_run(db, put, &key, &closed, err);
    if (!rc && closed) rc = check_stored(db, IFM_SQL_RUN_SHA, key, put, &stored, "this run", err);
    if (rc || stored) return rc;
    rc = check_invocations(db, put, key, err);
    if (rc || put->err.code) return rc;
    put->outcome = IFM_STORE_CREATED;
    rc = close_run_id(db, put, &key, err);
    for (size_t i = 0; !rc && i < put->invocation_count; i++) rc = add_invocation(db, put, i, key, err);
    if (!rc) rc = add_run(db, put, key, err);
    if (!rc) rc = add_body(db, put, key, err);
    if (!rc) rc = add_labels(db, put, err);
    return rc;
}

int ifm_put_apply(struct ifm_db *db, struct ifm_put *put, struct ifm_err *err)
{
    return put->run ? apply_run(db, put, err) : apply_invocation(db, put, err);
}
