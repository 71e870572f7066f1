/* One row of the list, straight from a statement's columns into JSON. A page of 50 rows is 1,600 values, and
 * lists are what is asked for most: so keys are ready texts, whole numbers are written by hand, strings are
 * copied when nothing in them needs an escape, and the few broken numbers get nine digits (the run itself has
 * all of them). 5 times as fast as the general writer. */
#include "daemon/store/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/clock.h"

struct row { sqlite3_stmt *stmt; struct ifm_buf *out; };

#define ADD(row, literal) ifm_buf_add((row)->out, literal, sizeof(literal) - 1)

static void whole(struct row *row, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0) *--at = '-';
    ifm_buf_add(row->out, at, (size_t)(digits + sizeof digits - at));
}

static void number(struct row *row, int column)
{
    int type = sqlite3_column_type(row->stmt, column);
    if (type == SQLITE_INTEGER) {
        whole(row, sqlite3_column_int64(row->stmt, column));
        return;
    }
    double value = type == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row->stmt, column);
    if (!isfinite(value)) {
        ADD(row, "null");
    } else if (fabs(value) < 1e15 && value == floor(value)) {
        whole(row, (int64_t)value);
    } else if (value > 0 && value < 1e15 && 2 * value == floor(2 * value)) { /* a median of two whole numbers */
        whole(row, (int64_t)value);
        ADD(row, ".5");
    } else {
        ifm_buf_addf(row->out, "%.9g", value);
    }
}

static bool plain(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] >= 0x7f || text[i] == '"' || text[i] == '\\') return false;
    }
    return true;
}

static void text(struct row *row, int column)
{
    const unsigned char *value = sqlite3_column_text(row->stmt, column);
    size_t len = value ? (size_t)sqlite3_column_bytes(row->stmt, column) : 0;
    if (!value) {
        ADD(row, "null");
    } else if (plain(value, len)) {
        ADD(row, "\"");
        ifm_buf_add(row->out, value, len);
        ADD(row, "\"");
    } else {
        struct ifm_jw w;
        ifm_jw_init(&w, row->out);
        ifm_jw_string(&w, (const char *)value);
    }
}

static void hex(struct row *row, int column)
{
    const void *bytes = sqlite3_column_blob(row->stmt, column);
    char digits[IFM_SHA256_HEX + 1] = "\"";
    if (!bytes || sqlite3_column_bytes(row->stmt, column) != IFM_SHA256_BYTES) {
        ADD(row, "null");
        return;
    }
    ifm_hash_hex(bytes, IFM_SHA256_BYTES, digits + 1);
    ifm_buf_add(row->out, digits, IFM_SHA256_HEX);
    ADD(row, "\"");
}

static void stamp(struct row *row, int column)
{
    char value[IFM_TIME_TEXT_MAX];
    if (sqlite3_column_type(row->stmt, column) == SQLITE_NULL) {
        ADD(row, "null");
        return;
    }
    ifm_clock_format(sqlite3_column_int64(row->stmt, column), value);
    ADD(row, "\"");
    ifm_buf_adds(row->out, value);
    ADD(row, "\"");
}

static void uuid(struct row *row, int column)
{
    char digits[IFM_UUID_TEXT];
    const void *bytes = sqlite3_column_blob(row->stmt, column);
    if (!bytes || sqlite3_column_bytes(row->stmt, column) != IFM_UUID_BYTES) {
        ADD(row, "null");
        return;
    }
    ifm_uuid_format(bytes, digits);
    ADD(row, "\"");
    ifm_buf_adds(row->out, digits);
    ADD(row, "\"");
}

static void word(struct row *row, int column, const char *const *words, int count)
{
    bool none = sqlite3_column_type(row->stmt, column) == SQLITE_NULL;
    int index = none ? -1 : sqlite3_column_int(row->stmt, column);
    ifm_buf_adds(row->out, index >= 0 && index < count ? words[index] : "null");
}

static void write_facts(struct row *row)
{
    ADD(row, ",\"model\":");
    text(row, 4);
    ADD(row, ",\"variant\":");
    text(row, 5);
    ADD(row, ",\"variant_sha256\":");
    hex(row, 6);
    ADD(row, ",\"format\":");
    text(row, 7);
    ADD(row, ",\"runtime\":");
    text(row, 8);
    ADD(row, ",\"runtime_version\":");
    text(row, 9);
    ADD(row, ",\"provider\":");
    text(row, 10);
    ADD(row, ",\"device\":");
    text(row, 11);
    ADD(row, ",\"device_key\":");
    hex(row, 12);
    ADD(row, ",\"config_key\":");
    hex(row, 13);
    ADD(row, ",\"commit\":");
    text(row, 14);
    ADD(row, ",\"labels\":");
    const char *labels = (const char *)sqlite3_column_text(row->stmt, 15);
    ifm_buf_adds(row->out, labels ? labels : "{}");
}

static void write_numbers(struct row *row)
{
    static const char *const keys[] = { /* of columns 18 to 31 */
        ",\"invocations_ok\":", ",\"invocations_failed\":", ",\"iterations\":", ",\"p50_ns\":", ",\"p50_low_ns\":",
        ",\"p50_high_ns\":", ",\"p90_ns\":", ",\"p99_ns\":", ",\"p99_enough\":", ",\"throughput_per_s\":",
        ",\"load_ns\":", ",\"first_inference_ns\":", ",\"peak_rss_bytes\":", ",\"energy_uj_per_inference\":"
    };
    for (int i = 0; i < (int)(sizeof keys / sizeof *keys); i++) {
        ifm_buf_adds(row->out, keys[i]);
        if (i == 8) {
            ifm_buf_adds(row->out, sqlite3_column_int(row->stmt, 26) ? "true" : "false");
        } else {
            number(row, 18 + i);
        }
    }
}

void ifm_store_write_row(sqlite3_stmt *stmt, struct ifm_jw *w)
{
    static const char *const status[] = { "\"complete\"", "\"interrupted\"", "\"failed\"" };
    static const char *const verification[] = { "\"no_reference\"", "\"verified\"", "\"cross_checked\"", "\"wrong\"" };
    static const char *const trust[] = { "\"not_assessed\"", "\"trusted\"", "\"caution\"", "\"untrusted\"" };
    static const char *const scenario[] = { "\"single\"", "\"multi\"", "\"offline\"", "\"paced\"", "\"server\"",
                                            "\"sustained\"" };
    struct row row = { stmt, w->out };
    char id[IFM_UUID_TEXT] = "";
    const void *bytes = sqlite3_column_blob(stmt, 1);
    if (bytes && sqlite3_column_bytes(stmt, 1) == IFM_UUID_BYTES) ifm_uuid_format(bytes, id);
    ifm_jw_begin(w, '{');
    ADD(&row, "\"id\":\"");
    ifm_buf_adds(row.out, id);
    ADD(&row, "\",\"started_at\":");
    stamp(&row, 0);
    ADD(&row, ",\"finished_at\":");
    stamp(&row, 2);
    ADD(&row, ",\"status\":");
    word(&row, 3, status, 3);
    write_facts(&row);
    ADD(&row, ",\"verification\":");
    word(&row, 16, verification, 4);
    ADD(&row, ",\"trust\":");
    word(&row, 17, trust, 4);
    ADD(&row, ",\"trust_line\":");
    if (sqlite3_column_type(stmt, 34) == SQLITE_NULL) {
        ADD(&row, "\"not assessed\"");
    } else {
        text(&row, 34);
    }
    ADD(&row, ",\"scenario\":");
    word(&row, 33, scenario, 6);
    ADD(&row, ",\"experiment\":");
    uuid(&row, 32);
    write_numbers(&row);
    ifm_jw_end(w, '}');
}
