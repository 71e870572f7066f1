/* Storage that fails: the n-th operation of each kind, n raised until it is not reached. After each fault the
 * store works again, what was acknowledged is there, nothing is half-written, and the sentence says what to do. */
#include "tests/lib/testlib.h"

#include <sqlite3.h>

#include "daemon/store/db.h"
#include "tests/fault/store_vfs.h"
#include "tests/unit/store_fixture.h"

static struct ifm_err err;
static unsigned next_id = 1;

static int open_at(struct ifm_store **store, const char *dir)
{
    struct ifm_store_options options = { .vfs = VFS_NAME, .readers = 2 };
    err = (struct ifm_err)IFM_ERR_INIT;
    return ifm_store_open(store, dir, &options, &err);
}

static void check_database(const char *dir)
{
    struct ifm_buf path;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    ifm_buf_init(&path, 4096);
    ifm_buf_addf(&path, "%s/inferometer.db", dir);
    assert_int_equal(sqlite3_open(path.data, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    /* no invocation without its run, no block without its invocation, as many rows as runs are closed */
    assert_int_equal(sqlite3_prepare_v2(db,
        "SELECT (SELECT count(*) FROM invocation WHERE key / 1024 NOT IN (SELECT key FROM run_id)) + "
        "(SELECT count(*) FROM sample WHERE key / 4096 NOT IN (SELECT key FROM invocation)) + "
        "(SELECT count(*) FROM invocation WHERE key NOT IN (SELECT key / 4096 FROM sample)) + "
        "(SELECT count(*) FROM run WHERE key NOT IN (SELECT key FROM run_body)) + "
        "abs((SELECT count(*) FROM run_body) - (SELECT count(started_at_ms) FROM run_id)) + "
        "abs((SELECT count(*) FROM run_body) - (SELECT count(*) FROM run))", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    ifm_buf_done(&path);
}

struct kind { const char *name; unsigned kinds; int code; int expected, also; const char *remedy; };

static const struct kind kinds[] = {
    { "write", VFS_WRITE, SQLITE_IOERR_WRITE, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "full", VFS_WRITE, SQLITE_FULL, IFM_ERR_FULL, IFM_ERR_FULL, "free space" },
    { "sync", VFS_SYNC, SQLITE_IOERR_FSYNC, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "read", VFS_READ, SQLITE_IOERR_READ, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "truncate", VFS_TRUNCATE, SQLITE_IOERR_TRUNCATE, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "open", VFS_OPEN, SQLITE_CANTOPEN, IFM_ERR_PERMISSION, IFM_ERR_PERMISSION, "--data" },
    { "shm", VFS_SHM, SQLITE_IOERR_SHMMAP, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "size", VFS_SIZE, SQLITE_IOERR_FSTAT, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "delete", VFS_DELETE, SQLITE_IOERR_DELETE, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "lock", VFS_LOCK, SQLITE_IOERR_LOCK, IFM_ERR_IO, IFM_ERR_IO, "check the disk" },
    { "busy", VFS_LOCK, SQLITE_BUSY, IFM_ERR_BUSY, IFM_ERR_BUSY, "locked by another program" },
};

static void check_error(const struct kind *kind, int nth, int rc)
{
    if (!rc) return;
    if (rc != kind->expected && rc != kind->also) {
        fail_msg("%s %d gave %s: %s", kind->name, nth, ifm_err_name(rc), err.text);
    }
    assert_int_equal(err.code, rc);
    t_assert_contains(err.text, kind->remedy);
}

/* One run of two invocations, then reads. Every step may fail; returns whether any did. */
static bool try_run(struct ifm_store *store, const char *id, const struct kind *kind, int nth, bool *stored)
{
    struct sf_invocation made[2];
    struct sf_run run;
    struct ifm_buf out;
    bool failed = false;
    ifm_buf_init(&out, 1 << 20);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(sf_invocation_init(&made[n], n, (uint64_t)n, 50, 1000), 0);
        int rc = sf_put_invocation(store, id, &made[n], NULL, &err);
        check_error(kind, nth, rc);
        failed = failed || rc;
    }
    sf_run_init(&run, id, 2, 1795000000000, NULL);
    int rc = failed ? IFM_ERR_CONFLICT : sf_put_run(store, &run, NULL, &err);
    if (!failed) check_error(kind, nth, rc);
    *stored = rc == 0;
    failed = failed || rc;

    struct ifm_store_filter all = { .limit = 1 };
    rc = ifm_store_list_runs(store, &all, &out, &err);
    check_error(kind, nth, rc);
    failed = failed || rc;
    ifm_buf_reset(&out);
    rc = ifm_store_get_run(store, id, &out, &err);
    if (rc != IFM_ERR_NOT_FOUND) check_error(kind, nth, rc);
    if (*stored && !rc) t_assert_contains(out.data, "\"closed\":true");
    failed = failed || rc;
    ifm_buf_done(&out);
    sf_invocation_done(&made[0]);
    sf_invocation_done(&made[1]);
    sf_run_done(&run);
    return failed;
}

/* The client sends everything again, as it would: all of it must now be there. */
static void repeat(struct ifm_store *store, const char *id)
{
    struct kind none = { .name = "repeat" };
    bool stored;
    if (try_run(store, id, &none, 0, &stored)) fail_msg("after the fault: %s", err.text);
    assert_true(stored);
}

static void writes_and_reads_fail_and_recover(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (int lasting = 0; lasting < 2; lasting++) {
            struct ifm_store *store;
            char name[40], id[IFM_UUID_TEXT];
            snprintf(name, sizeof name, "%s-%d", kinds[k].name, lasting);
            char *dir = t_temp_path(name);
            assert_int_equal(open_at(&store, dir), 0);
            int faults = 0, nth = 1;
            for (bool reached = true; reached && nth < 400; nth++) {
                bool stored;
                sf_id(id, next_id++);
                vfs_fail(kinds[k].kinds, nth, kinds[k].code, lasting);
                faults += try_run(store, id, &kinds[k], nth, &stored);
                reached = vfs_seen() >= nth;
                vfs_fail(0, 0, 0, false);
                repeat(store, id);
            }
            ifm_store_close(store);
            check_database(dir);
            if (kinds[k].kinds & (VFS_WRITE | VFS_SYNC)) assert_true(faults >= 3);
            print_message("    %s%s: %d places tried, %d faults seen\n", kinds[k].name, lasting ? ", lasting" : "",
                          nth - 1, faults);
            ifm_free(dir);
        }
    }
}

/* Opening fails at its n-th operation: one sentence, no store, and the next opening works. */
static void opening_fails_and_recovers(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        int faults = 0, nth = 1;
        for (bool reached = true; reached && nth < 400; nth++) {
            struct ifm_store *store;
            char name[40];
            snprintf(name, sizeof name, "open-%s-%d", kinds[k].name, nth);
            char *dir = t_temp_path(name);
            vfs_fail(kinds[k].kinds, nth, kinds[k].code, false);
            int rc = open_at(&store, dir);
            check_error(&kinds[k], nth, rc);
            if (rc) assert_null(store);
            reached = vfs_seen() >= nth;
            vfs_fail(0, 0, 0, false);
            ifm_store_close(store);
            faults += rc != 0;
            if (open_at(&store, dir)) fail_msg("%s %d: %s", kinds[k].name, nth, err.text);
            repeat(store, "019388a0-aaaa-7000-8000-000000000001");
            ifm_store_close(store);
            check_database(dir);
            ifm_free(dir);
        }
        print_message("    %s: %d places tried, %d refused\n", kinds[k].name, nth - 1, faults);
    }
}

/* The disk is full for a while: every waiting write hears of it, and later ones are stored. */
static void a_full_disk_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static struct sf_invocation made[MANY];
    static struct sf_wait waits[MANY];
    struct ifm_store *store;
    char *dir = t_temp_path("full-for-a-while");
    const char *id = "019388a0-bbbb-7000-8000-000000000001";
    assert_int_equal(open_at(&store, dir), 0);
    vfs_fail(VFS_WRITE, 30, SQLITE_FULL, true);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sf_invocation_init(&made[i], i, (uint64_t)i, 1000, 1000000), 0);
        sf_wait_init(&waits[i], 1);
        struct ifm_store_invocation write = { .run_id = id, .body = &made[i].body, .stats = &made[i].stats };
        memcpy(write.sha256, made[i].sha256, IFM_SHA256_BYTES);
        assert_int_equal(ifm_store_put_invocation(store, &write, sf_on_done, &waits[i], &err), 0);
    }
    int refused = 0;
    for (int i = 0; i < MANY; i++) {
        sf_wait_for(&waits[i]);
        assert_true(waits[i].err.code == 0 || waits[i].err.code == IFM_ERR_FULL);
        if (waits[i].err.code) t_assert_contains(waits[i].err.text, "free space on the disk of ");
        refused += waits[i].err.code != 0;
    }
    assert_true(refused > 0);
    t_assert_error(ifm_store_ready(store, &err), IFM_ERR_FULL, &err, "runs can be read, but none can be stored");
    struct ifm_buf out;
    struct ifm_store_filter all = { 0 };
    ifm_buf_init(&out, 1 << 20);
    assert_int_equal(ifm_store_list_runs(store, &all, &out, &err), 0); /* reads go on */
    ifm_buf_done(&out);
    vfs_fail(0, 0, 0, false);
    for (int i = 0; i < MANY; i++) {
        enum ifm_store_outcome outcome;
        assert_int_equal(sf_put_invocation(store, id, &made[i], &outcome, &err), 0);
        assert_int_equal(outcome, waits[i].err.code ? IFM_STORE_CREATED : IFM_STORE_REPLAYED);
        sf_invocation_done(&made[i]);
    }
    assert_int_equal(ifm_store_ready(store, &err), 0);
    ifm_store_close(store);
    check_database(dir);
    ifm_free(dir);
}

int main(void)
{
    ifm_db_setup();
    vfs_register();
    vfs_skip_sync(true);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_fail_and_recover),
        cmocka_unit_test(opening_fails_and_recovers),
        cmocka_unit_test(a_full_disk_loses_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
