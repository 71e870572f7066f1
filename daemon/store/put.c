/* One write, in two halves: what needs no database (texts, keys, times) is made on the caller's thread, so
 * that the writer thread only binds and steps. Whether a write is refused is found out by SELECTs before
 * anything is changed; a refused write therefore leaves nothing to undo. */
#include "daemon/store/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/clock.h"
#include "core/mem.h"

#define BODY_MAX (64u * 1024 * 1024)
#define BODY_USUAL 1500 /* bytes without blocks: room that need not grow */

void ifm_put_free(struct ifm_put *put)
{
    if (!put) return;
    for (size_t i = 0; i < put->invocation_count; i++) ifm_free(put->invocations[i].json);
    ifm_free(put->json);
    ifm_free(put->labels);
    ifm_free(put);
}

/* -- Caller's thread ---------------------------------------------------------------------------- */
static int set_json(const struct ifm_table *table, const void *body, char **json, size_t *len, struct ifm_err *err)
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, BODY_MAX);
    ifm_buf_room(&buf, BODY_USUAL);
    ifm_json_encode(table, body, &buf);
    int rc = ifm_buf_check(&buf, err);
    if (!rc) {
        *len = buf.len;
        *json = ifm_buf_take(&buf);
    }
    ifm_buf_done(&buf);
    return rc;
}

static int set_time(const char *text, const char *pointer, int64_t *wall_ms, struct ifm_err *err)
{
    if (!text) {
        *wall_ms = IFM_JSON_ABSENT;
        return 0;
    }
    if (ifm_clock_parse(text, wall_ms)) {
        return ifm_err_set(err, IFM_ERR_INVALID, pointer, "\"%.40s\" is not an RFC 3339 time", text);
    }
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A missing key is stored as NULL. */
static int set_key(const char *hex, const char *pointer, uint8_t out[IFM_SHA256_BYTES], struct ifm_err *err)
{
    if (!hex) return 0;
    bool good = strlen(hex) == 2 * IFM_SHA256_BYTES;
    for (int i = 0; good && i < IFM_SHA256_BYTES; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        good = high >= 0 && low >= 0;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return good ? 0 : ifm_err_set(err, IFM_ERR_INVALID, pointer, "is not a SHA-256: 64 lower-case hex digits");
}

static struct ifm_put *put_new(const char *run_id, const uint8_t *sha256, size_t invocations, struct ifm_err *err)
{
    struct ifm_put *put = ifm_alloc(sizeof *put + invocations * sizeof put->invocations[0]);
    if (!put) {
        ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
        return NULL;
    }
    if (!run_id || ifm_uuid_parse(run_id, put->id)) {
        ifm_err_set(err, IFM_ERR_INVALID, "/id", "\"%.40s\" is not a UUID", run_id ? run_id : "");
        ifm_free(put);
        return NULL;
    }
    put->invocation_count = invocations;
    memcpy(put->sha256, sha256, IFM_SHA256_BYTES);
    return put;
}

static int set_invocation(struct ifm_put *put, size_t index, const struct ifm_msg_invocation *body,
                          const struct ifm_invocation_stats *stats, struct ifm_err *err)
{
    if (body->n < 0 || body->n >= IFM_INVOCATIONS_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/n", "%lld is not an invocation: 0..%d", (long long)body->n,
                           IFM_INVOCATIONS_MAX - 1);
    }
    if (body->samples.count > IFM_DB_BLOCKS) {
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "/samples", "%zu blocks; at most %d: put more samples into each",
                           body->samples.count, IFM_DB_BLOCKS);
    }
    struct ifm_put_invocation *made = &put->invocations[index];
    made->body = body;
    made->stats = stats;
    const struct ifm_msg_block *blocks = body->samples.items;
    for (size_t i = 0; i < body->samples.count; i++) put->bytes += blocks[i].block.len + blocks[i].gaps.len;
    struct ifm_msg_invocation facts = *body; /* without the blocks, which go to a table of their own */
    facts.samples = (struct ifm_list){ NULL, 0 };
    int rc = set_json(&ifm_invocation_table, &facts, &made->json, &made->json_len, err);
    put->bytes += made->json_len;
    return rc;
}

struct ifm_put *ifm_put_new_invocation(const struct ifm_store_invocation *write, struct ifm_err *err)
{
    struct ifm_put *put = put_new(write->run_id, write->sha256, 1, err);
    if (put && set_invocation(put, 0, write->body, write->stats, err)) {
        ifm_put_free(put);
        return NULL;
    }
    return put;
}

static int set_invocations(struct ifm_put *put, const struct ifm_store_run *write, struct ifm_err *err)
{
    const struct ifm_msg_invocation *bodies = write->body->invocation_bodies.items;
    bool seen[IFM_INVOCATIONS_MAX] = { false };
    for (size_t i = 0; i < put->invocation_count; i++) {
        const struct ifm_invocation_stats *stats = write->stats && write->stats[i].n ? &write->stats[i] : NULL;
        int rc = set_invocation(put, i, &bodies[i], stats, err);
        if (!rc && seen[bodies[i].n]) {
            rc = ifm_err_set(err, IFM_ERR_INVALID, "/n", "%lld is the number of an earlier one in this list",
                             (long long)bodies[i].n);
        }
        if (rc) {
            ifm_err_below(err, "invocation_bodies", i);
            return rc;
        }
        seen[bodies[i].n] = true;
    }
    return 0;
}

static int set_labels(struct ifm_put *put, const struct ifm_map *labels, struct ifm_err *err)
{
    struct ifm_buf buf;
    struct ifm_jw w;
    ifm_buf_init(&buf, BODY_MAX);
    ifm_jw_init(&w, &buf);
    ifm_jw_begin(&w, '{');
    for (size_t i = 0; i < labels->count; i++) {
        ifm_jw_key(&w, labels->items[i].key);
        ifm_jw_string(&w, labels->items[i].value);
    }
    ifm_jw_end(&w, '}');
    int rc = ifm_buf_check(&buf, err);
    if (!rc) put->labels = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

struct ifm_put *ifm_put_new_run(const struct ifm_store_run *write, struct ifm_err *err)
{
    const struct ifm_msg_run *body = write->body;
    struct ifm_put *put = put_new(body->id, write->sha256, body->invocation_bodies.count, err);
    if (!put) return NULL;
    struct ifm_msg_run facts = *body; /* what is stored as the run's body */
    facts.invocation_bodies = (struct ifm_list){ NULL, 0 };
    put->run = body;
    int rc = set_time(body->started_at, "/started_at", &put->started_at_ms, err);
    if (!rc && put->started_at_ms == IFM_JSON_ABSENT) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "/started_at", "is missing");
    }
    if (!rc) rc = set_time(body->finished_at, "/finished_at", &put->finished_at_ms, err);
    if (!rc) rc = set_key(body->variant_sha256, "/variant_sha256", put->variant_sha256, err);
    if (!rc) rc = set_key(body->device_key, "/device_key", put->device_key, err);
    if (!rc) rc = set_key(body->config_key, "/config_key", put->config_key, err);
    if (!rc) rc = set_labels(put, &body->labels, err);
    if (!rc) rc = set_json(&ifm_run_table, &facts, &put->json, &put->json_len, err);
    if (!rc) rc = set_invocations(put, write, err);
    put->bytes += put->json_len;
    if (rc) {
        ifm_put_free(put);
        return NULL;
    }
    return put;
}

/* -- Writer thread ------------------------------------------------------------------------------ */
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

static void bind_stats(sqlite3_stmt *stmt, const struct ifm_invocation_stats *stats)
{
    if (!stats) return; /* parameters that are not bound are NULL */
    const int64_t whole[] = { stats->n, stats->p50_ns, stats->p90_ns, stats->p99_ns, stats->min_ns, stats->max_ns };
    for (int i = 0; i < 6; i++) sqlite3_bind_int64(stmt, 10 + i, whole[i]);
    ifm_db_bind_absent(stmt, 16, stats->p50_low_ns < 0 ? IFM_JSON_ABSENT : stats->p50_low_ns);
    ifm_db_bind_absent(stmt, 17, stats->p50_high_ns < 0 ? IFM_JSON_ABSENT : stats->p50_high_ns);
    sqlite3_bind_int(stmt, 18, stats->p90_enough);
    sqlite3_bind_int(stmt, 19, stats->p99_enough);
    const double real[] = { stats->mean_ns, stats->sd_ns, stats->p50_interp_ns, stats->p90_interp_ns,
                            stats->p99_interp_ns, stats->throughput_per_s, stats->autocorrelation };
    for (int i = 0; i < 7; i++) ifm_db_bind_f64(stmt, 20 + i, real[i]);
}

static int add_facts(struct ifm_db *db, const struct ifm_put *put, const struct ifm_put_invocation *made,
                     int64_t key, struct ifm_err *err)
{
    const struct ifm_msg_invocation *body = made->body;
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, IFM_SQL_ADD_INVOCATION, &stmt, err);
    if (rc) return rc;
    bool has_cpu = body->cpu_ns > 0 && body->iterations > 0;
    sqlite3_bind_int64(stmt, 1, key);
    sqlite3_bind_int64(stmt, 2, body->n);
    sqlite3_bind_blob(stmt, 3, put->sha256, IFM_SHA256_BYTES, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, body->status);
    sqlite3_bind_int(stmt, 5, body->verification.state);
    ifm_db_bind_absent(stmt, 6, positive(body->load_ns));
    ifm_db_bind_absent(stmt, 7, positive(body->first_inference_ns));
    ifm_db_bind_absent(stmt, 8, peak_rss(body));
    ifm_db_bind_f64(stmt, 9, has_cpu ? (double)body->cpu_ns / (double)body->iterations : (double)NAN);
    bind_stats(stmt, made->stats);
    sqlite3_bind_text64(stmt, 27, made->json, made->json_len, SQLITE_STATIC, SQLITE_UTF8);
    return ifm_db_run(db, stmt, "storing an invocation", err);
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

/* What the invocations show, whatever the client says; only a cross-check can come from outside them. */
static int verification_of(const struct ifm_msg_run *body, const struct ifm_summary_values *values)
{
    const size_t *by = values->by_verification;
    if (by[IFM_VERIFY_WRONG]) return IFM_VERIFY_WRONG;
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
}

static void bind_run_summary(sqlite3_stmt *stmt, struct ifm_summary_values *values)
{
    sqlite3_bind_int64(stmt, 21, (int64_t)values->ok);
    sqlite3_bind_int64(stmt, 22, (int64_t)values->failed);
    ifm_db_bind_f64(stmt, 23, values->ok ? ifm_stat_median(values->iterations, values->ok) : (double)NAN);
    static const int columns[IFM_METRIC_COUNT] = { 24, 27, 28, 30, 31, 32, 33, 34 };
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
