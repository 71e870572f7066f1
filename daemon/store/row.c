/* One row of the list, straight from a statement's columns into JSON: no tree in between. */
#include "daemon/store/internal.h"

#include "core/clock.h"

static void hex(struct ifm_jw *w, const char *key, sqlite3_stmt *stmt, int column)
{
    char text[IFM_SHA256_HEX];
    ifm_jw_key(w, key);
    const void *bytes = sqlite3_column_blob(stmt, column);
    if (bytes && sqlite3_column_bytes(stmt, column) == IFM_SHA256_BYTES) {
        ifm_hash_hex(bytes, IFM_SHA256_BYTES, text);
        ifm_jw_string(w, text);
    } else {
        ifm_jw_string(w, NULL);
    }
}

static void text(struct ifm_jw *w, const char *key, sqlite3_stmt *stmt, int column)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, (const char *)sqlite3_column_text(stmt, column));
}

static void number(struct ifm_jw *w, const char *key, sqlite3_stmt *stmt, int column)
{
    ifm_jw_key(w, key);
    if (sqlite3_column_type(stmt, column) == SQLITE_FLOAT) {
        ifm_jw_f64(w, sqlite3_column_double(stmt, column));
    } else {
        ifm_jw_i64(w, ifm_db_i64(stmt, column));
    }
}

static void time_of(struct ifm_jw *w, const char *key, sqlite3_stmt *stmt, int column)
{
    char stamp[IFM_TIME_TEXT_MAX];
    ifm_jw_key(w, key);
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        ifm_jw_string(w, NULL);
    } else {
        ifm_clock_format(sqlite3_column_int64(stmt, column), stamp);
        ifm_jw_string(w, stamp);
    }
}

static void choice(struct ifm_jw *w, const char *key, sqlite3_stmt *stmt, int column, const char *const *words,
                   int count)
{
    int index = sqlite3_column_int(stmt, column);
    ifm_jw_key(w, key);
    ifm_jw_string(w, index >= 0 && index < count ? words[index] : NULL);
}

void ifm_store_write_row(sqlite3_stmt *stmt, struct ifm_jw *w)
{
    static const char *const status[] = { "complete", "interrupted", "failed" };
    static const char *const verification[] = { "no_reference", "verified", "cross_checked", "wrong" };
    static const char *const trust[] = { "not_assessed", "trusted", "caution", "untrusted" };
    char id[IFM_UUID_TEXT] = "";
    const void *bytes = sqlite3_column_blob(stmt, 1);
    if (bytes && sqlite3_column_bytes(stmt, 1) == IFM_UUID_BYTES) ifm_uuid_format(bytes, id);
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "id");
    ifm_jw_string(w, id);
    time_of(w, "started_at", stmt, 0);
    time_of(w, "finished_at", stmt, 2);
    choice(w, "status", stmt, 3, status, 3);
    text(w, "model", stmt, 4);
    text(w, "variant", stmt, 5);
    hex(w, "variant_sha256", stmt, 6);
    text(w, "format", stmt, 7);
    text(w, "runtime", stmt, 8);
    text(w, "runtime_version", stmt, 9);
    text(w, "provider", stmt, 10);
    text(w, "device", stmt, 11);
    hex(w, "device_key", stmt, 12);
    hex(w, "config_key", stmt, 13);
    text(w, "commit", stmt, 14);
    ifm_jw_key(w, "labels");
    const char *labels = (const char *)sqlite3_column_text(stmt, 15);
    ifm_jw_raw(w, labels ? labels : "{}");
    choice(w, "verification", stmt, 16, verification, 4);
    choice(w, "trust", stmt, 17, trust, 4);
    number(w, "invocations_ok", stmt, 18);
    number(w, "invocations_failed", stmt, 19);
    number(w, "iterations", stmt, 20);
    number(w, "p50_ns", stmt, 21);
    number(w, "p50_low_ns", stmt, 22);
    number(w, "p50_high_ns", stmt, 23);
    number(w, "p90_ns", stmt, 24);
    number(w, "p99_ns", stmt, 25);
    ifm_jw_key(w, "p99_enough");
    ifm_jw_bool(w, sqlite3_column_int(stmt, 26) != 0);
    number(w, "throughput_per_s", stmt, 27);
    number(w, "load_ns", stmt, 28);
    number(w, "first_inference_ns", stmt, 29);
    number(w, "peak_rss_bytes", stmt, 30);
    ifm_jw_end(w, '}');
}
