/* A database of the first schema version, written here as that version wrote it, is brought up to date: everything is
 * read as before, its runs were not assessed, and new ones can be added beside them. */
#include "tests/lib/testlib.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/unit/store_fixture.h"

#define OLD "019388a0-0000-7000-8000-000000000001"
#define NEW "019388a0-0000-7000-8000-000000000002"

static struct ifm_err err;

static void sql(sqlite3 *db, const char *text)
{
    char *message = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %.200s", message, text);
}

/* What 0001_runs.sql and the writer of that time left behind: a closed run whose client claimed to be trusted, with
 * one invocation of 50 samples. */
static void make_old(const char *dir)
{
    char path[600];
    sqlite3 *db;
    struct sf_invocation made;
    char *file = t_source_path("schema/sql/0001_runs.sql"), *schema = t_read(file, NULL);
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(path, sizeof path, "%s/inferometer.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql(db, schema);
    sql(db, "PRAGMA application_id=1229344049; PRAGMA user_version=1"); /* IFM_DB_APPLICATION_ID */
    sql(db, "INSERT INTO run_id VALUES (1, x'019388a0000070008000000000000001', 1795000000000, 1795000000000)");
    sql(db, "INSERT INTO run VALUES (1795000000000, x'019388a0000070008000000000000001', 1, NULL, 0, 0, 1, 'nmp', NULL, "
            "zeroblob(32), 'onnx', 'null', NULL, NULL, 'bench-1', zeroblob(32), zeroblob(32), NULL, '{}', 1, 1, 0, 50, "
            "1000, NULL, NULL, 1100, 1200, 0, 990000, 5, 6, 7, 8)");
    sql(db, "INSERT INTO run_body VALUES (1, zeroblob(32), '{\"v\":1,\"id\":\"" OLD "\",\"started_at\":"
            "\"2026-11-18T11:06:40.000Z\",\"status\":\"complete\",\"invocations\":1,\"model\":\"nmp\",\"variant_sha256\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\",\"runtime\":\"null\",\"device_key\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\",\"config_key\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\",\"trust\":\"trusted\","
            "\"trust_reasons\":[\"says who\"]}')");
    sql(db, "INSERT INTO invocation VALUES (1024, 0, zeroblob(32), 0, 0, 5, 6, 7, 8.5, 50, 1000, 1100, 1200, 900, 1300, "
            "NULL, NULL, 1, 0, 1001.5, 20.5, 1000.0, 1100.0, 1200.0, 990000.0, 0.25, '{\"v\":1,\"n\":0,\"started_at\":"
            "\"2026-11-18T11:06:40.000Z\",\"status\":\"ok\",\"iterations\":50}')");
    assert_int_equal(sf_invocation_init(&made, 0, 1, 50, 1000), 0);
    const struct ifm_msg_block *block = made.body.samples.items;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO sample VALUES (4194304, 1, 0, 50, ?, ?)", -1, &stmt, NULL), 0);
    sqlite3_bind_blob(stmt, 1, block->block.bytes, (int)block->block.len, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, block->gaps.bytes, (int)block->gaps.len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sf_invocation_done(&made);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    ifm_free(schema);
    ifm_free(file);
}

static void check_old_run(struct ifm_store *store, struct ifm_buf *out)
{
    struct ifm_store_traits traits;
    ifm_buf_reset(out);
    assert_int_equal(ifm_store_get_run(store, OLD, out, &err), 0);
    t_assert_contains(out->data, "\"trust\":{\"state\":\"not_assessed\",\"line\":\"not assessed\",\"findings\":[],"
                                 "\"unobserved\":[]}");
    assert_null(strstr(out->data, "says who"));
    assert_null(strstr(out->data, "\"trust\":\"trusted\"")); /* nobody's claim */
    t_assert_contains(out->data, "\"sample_count\":50,\"p50_ns\":1000,");
    t_assert_contains(out->data, "\"autocorrelation\":0.25,\"steady_class\":null,\"mser_share\":null");
    t_assert_contains(out->data, "\"sample_calls\":1,\"lateness_p99_ns\":null");
    t_assert_contains(out->data, "\"energy_uj_per_inference\":{\"value\":null");
    assert_int_equal(ifm_store_get_traits(store, OLD, &traits, &err), 0);
    assert_int_equal(traits.scenario, IFM_SCENARIO_SINGLE);
    assert_false(traits.energy);
    ifm_buf_reset(out);
    assert_int_equal(ifm_store_get_invocation(store, OLD, 0, out, &err), 0);
    t_assert_contains(out->data, "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":50,\"block\":");
    assert_null(strstr(out->data, "lateness"));
    ifm_buf_reset(out);
    assert_int_equal(ifm_store_get_lanes(store, OLD, -1, out, &err), 0);
    t_assert_contains(out->data, "\"invocation\":0,\"steady_ns\":null,\"groups\":[]}");
}

static void an_old_database_is_brought_up_to_date(void **state)
{
    (void)state;
    char *dir = t_temp_path("old");
    struct ifm_store *store;
    struct ifm_buf out;
    make_old(dir);
    ifm_buf_init(&out, 1 << 20);
    for (int opened = 0; opened < 2; opened++) { /* migrated, and then opened as it is */
        assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
        check_old_run(store, &out);
        ifm_store_close(store);
    }
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    assert_int_equal(sf_store_run(store, NEW, 2, 1795000001000, NULL, 1000, &err), 0);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &(struct ifm_store_filter){ 0 }, &out, &err), 0);
    assert_int_equal(sf_count(out.data, "\"trust\":\"not_assessed\",\"trust_line\":\"not assessed\","
                                        "\"scenario\":\"single\",\"experiment\":null"), 2);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &(struct ifm_store_filter){ .trust = "trusted" }, &out, &err), 0);
    assert_string_equal(out.data, "{\"items\":[],\"next_cursor\":null}");
    ifm_store_close(store);
    ifm_buf_done(&out);
    ifm_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_old_database_is_brought_up_to_date) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
