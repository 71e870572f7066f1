/* Acknowledged means durable. A VFS drops what was written after the last sync, as a power cut would; every write
 * whose `done` came without an error must be there afterwards. The same test with synchronous=NORMAL must lose
 * one: that shows that it can fail at all. kill -9 would prove nothing: the page cache outlives a process. */
#include "tests/lib/testlib.h"

#include <sys/stat.h>

#include "daemon/store/db.h"
#include "tests/fault/store_vfs.h"
#include "tests/unit/store_fixture.h"

static struct ifm_err err;
static long database_bytes; /* just before the latest cut */

static struct ifm_store *open_in(const char *dir, bool weak)
{
    struct ifm_store *store;
    struct ifm_store_options options = { .vfs = VFS_NAME, .weak_sync = weak, .readers = 1 };
    int rc = ifm_store_open(&store, dir, &options, &err);
    if (rc) fail_msg("cannot open: %s", err.text);
    return store;
}

/* Runs first..last-1 that are whole: closed, with all their invocations and samples. */
static int count_whole(struct ifm_store *store, unsigned first, unsigned last)
{
    int whole = 0;
    struct ifm_buf out;
    ifm_buf_init(&out, 16 << 20);
    for (unsigned i = first; i < last; i++) {
        char id[IFM_UUID_TEXT];
        sf_id(id, i);
        ifm_buf_reset(&out);
        if (ifm_store_get_run(store, id, &out, &err)) {
            assert_int_equal(err.code, IFM_ERR_NOT_FOUND);
            continue;
        }
        if (!strstr(out.data, "\"closed\":true")) {
            assert_int_equal(i % 2, 0); /* a run in one write is there whole or not at all */
            continue;
        }
        assert_int_equal(sf_count(out.data, "\"autocorrelation\":"), 2);
        for (int n = 0; n < 2; n++) {
            ifm_buf_reset(&out);
            assert_int_equal(ifm_store_get_invocation(store, id, n, &out, &err), 0);
            t_assert_contains(out.data, "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":50");
        }
        whole++;
    }
    ifm_buf_done(&out);
    return whole;
}

/* By turns invocation by invocation, and all of a run in one write. */
static int put_runs(struct ifm_store *store, unsigned first, unsigned last)
{
    int acknowledged = 0;
    for (unsigned i = first; i < last; i++) {
        char id[IFM_UUID_TEXT];
        sf_id(id, i);
        int64_t at_ms = 1795000000000 + i;
        acknowledged += i % 2 ? sf_store_whole_run(store, id, 2, at_ms, 1000000, &err) == 0
                              : sf_store_run(store, id, 2, at_ms, NULL, 1000000, &err) == 0;
    }
    return acknowledged;
}

/* Returns how many acknowledged runs were lost. *unsynced: writes that the cut could take. */
static int cut(const char *name, bool weak, uint64_t seed, unsigned runs, int *unsynced)
{
    char *dir = t_temp_path(name);
    struct ifm_store *store = open_in(dir, weak);
    assert_int_equal(put_runs(store, 0, 3), 3);
    ifm_store_close(store); /* a clean shutdown: even weak, this much is safe */

    vfs_remember();
    store = open_in(dir, weak);
    assert_int_equal(put_runs(store, 3, runs), (int)runs - 3);
    struct ifm_buf path;
    struct stat info;
    ifm_buf_init(&path, 4096);
    ifm_buf_addf(&path, "%s/inferometer.db", dir);
    assert_int_equal(stat(path.data, &info), 0);
    database_bytes = (long)info.st_size;
    ifm_buf_done(&path);
    vfs_power_off();
    ifm_store_close(store);
    *unsynced = vfs_power_cut(seed);

    store = open_in(dir, weak);
    assert_int_equal(count_whole(store, 0, 3), 3);
    int lost = (int)runs - 3 - count_whole(store, 3, runs);
    assert_int_equal(sf_store_run(store, "019388a0-eeee-7000-8000-000000000000", 2, 1795000000000, NULL, 1000, &err), 0);
    ifm_store_close(store);
    ifm_free(dir);
    return lost;
}

static void acknowledged_runs_survive_a_power_cut(void **state)
{
    (void)state;
    int unsynced;
    assert_int_equal(cut("full", false, 0, 23, &unsynced), 0);
}

/* A disk may also have kept any part of what was not synced, in any order. */
static void acknowledged_runs_survive_a_torn_tail(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        char name[32];
        int unsynced;
        snprintf(name, sizeof name, "torn-%d", (int)seed);
        assert_int_equal(cut(name, false, seed, 8, &unsynced), 0);
    }
}

/* Long enough for checkpoints, where pages move from the log into the database. */
static void acknowledged_runs_survive_checkpoints(void **state)
{
    (void)state;
    int unsynced;
    assert_int_equal(cut("checkpoint", false, 0, 400, &unsynced), 0);
    assert_true(database_bytes > 400000); /* there was one: without, all of it would be in the log */
    assert_int_equal(cut("checkpoint-torn", false, 77, 400, &unsynced), 0);
}

static void the_test_can_fail(void **state)
{
    (void)state;
    int unsynced;
    int lost = cut("weak", true, 0, 23, &unsynced);
    assert_true(unsynced > 0);
    assert_true(lost > 0);
}

/* Power fails during the n-th write, for n from the beginning: a run is there whole, or not acknowledged. */
static void a_cut_at_any_write_leaves_whole_runs(void **state)
{
    (void)state;
    for (int nth = 1; nth < 60; nth += 3) {
        char name[32];
        snprintf(name, sizeof name, "any-%d", nth);
        char *dir = t_temp_path(name);
        struct ifm_store *store = open_in(dir, false);
        ifm_store_close(store);
        vfs_remember();
        store = open_in(dir, false);
        vfs_fail(VFS_WRITE | VFS_SYNC, nth, SQLITE_IOERR_WRITE, true);
        int acknowledged = put_runs(store, 0, 12);
        vfs_power_off();
        ifm_store_close(store);
        vfs_fail(0, 0, 0, false);
        vfs_power_cut((uint64_t)nth % 2 * (uint64_t)nth);
        store = open_in(dir, false);
        int whole = count_whole(store, 0, 12);
        assert_true(whole >= acknowledged);
        assert_int_equal(put_runs(store, 0, 12), 12); /* the client sends all again: idempotent */
        assert_int_equal(count_whole(store, 0, 12), 12);
        ifm_store_close(store);
        ifm_free(dir);
    }
}

int main(void)
{
    ifm_db_setup();
    vfs_register();
    vfs_skip_sync(true); /* the power cut is ours: no need to wait for a real disk */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_runs_survive_a_power_cut),
        cmocka_unit_test(acknowledged_runs_survive_a_torn_tail),
        cmocka_unit_test(acknowledged_runs_survive_checkpoints),
        cmocka_unit_test(the_test_can_fail),
        cmocka_unit_test(a_cut_at_any_write_leaves_whole_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
