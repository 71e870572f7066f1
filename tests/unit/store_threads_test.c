/* Many writers and readers at once. Run under the thread sanitizer by tests/run.sh; without it, it still shows
 * that every acknowledged run is whole and that lists stay in order while rows arrive. */
#include "tests/lib/testlib.h"

#include <stdatomic.h>

#include "tests/unit/store_fixture.h"

#define WRITERS 8
#define READERS 4
#define RUNS_EACH 12

static struct ifm_store *store;
static atomic_bool stop;
static atomic_int failures, lists;

static void *write_runs(void *arg)
{
    unsigned first = *(unsigned *)arg;
    struct ifm_err err = IFM_ERR_INIT;
    for (unsigned i = 0; i < RUNS_EACH; i++) {
        char id[IFM_UUID_TEXT];
        sf_id(id, first + i);
        if (sf_store_run(store, id, 2, 1795000000000 + first + i, NULL, 1000000, &err)) atomic_fetch_add(&failures, 1);
    }
    return NULL;
}

/* 0 when the ids of a page descend in order. */
static int check_order(const char *reply)
{
    char last[IFM_UUID_TEXT] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    for (const char *at = reply; (at = strstr(at, "{\"id\":\"")) != NULL; at++) {
        if (strncmp(at + 7, last, 36) >= 0) return 1;
        memcpy(last, at + 7, 36);
    }
    return 0;
}

static void *read_lists(void *arg)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf out;
    (void)arg;
    ifm_buf_init(&out, 8 << 20);
    while (!atomic_load(&stop)) {
        struct ifm_store_filter filter = { .limit = 20, .model = "nmp" };
        char id[IFM_UUID_TEXT], version[IFM_SHA256_HEX];
        ifm_buf_reset(&out);
        if (ifm_store_list_runs(store, &filter, &out, &err) || check_order(out.data)) atomic_fetch_add(&failures, 1);
        sf_id(id, (unsigned)(atomic_load(&lists) % (WRITERS * RUNS_EACH)));
        ifm_buf_reset(&out);
        int rc = ifm_store_get_run(store, id, &out, &err);
        if (rc && rc != IFM_ERR_NOT_FOUND) atomic_fetch_add(&failures, 1);
        if (!rc && strstr(out.data, "\"closed\":true") && sf_count(out.data, "\"autocorrelation\"") != 2) {
            atomic_fetch_add(&failures, 1);
        }
        rc = ifm_store_run_version(store, id, version, &err);
        if (rc && rc != IFM_ERR_NOT_FOUND) atomic_fetch_add(&failures, 1);
        if (ifm_store_ready(store, &err) || ifm_store_generation(store) <= 0) atomic_fetch_add(&failures, 1);
        atomic_fetch_add(&lists, 1);
    }
    ifm_buf_done(&out);
    return NULL;
}

static void writers_and_readers_at_once(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    pthread_t writers[WRITERS], readers[READERS];
    unsigned first[WRITERS];
    char *dir = t_temp_path("threads");
    struct ifm_store_options options = { .readers = 3 }; /* fewer than threads: some wait */
    assert_int_equal(ifm_store_open(&store, dir, &options, &err), 0);
    for (unsigned i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_lists, NULL), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        first[i] = i * RUNS_EACH;
        assert_int_equal(pthread_create(&writers[i], NULL, write_runs, &first[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    assert_true(atomic_load(&lists) > 0);

    struct ifm_buf out;
    struct ifm_store_filter all = { .limit = IFM_STORE_LIST_MAX };
    ifm_buf_init(&out, 8 << 20);
    assert_int_equal(ifm_store_list_runs(store, &all, &out, &err), 0);
    assert_int_equal(sf_count(out.data, "{\"id\":"), WRITERS * RUNS_EACH);
    ifm_buf_done(&out);
    ifm_store_close(store);
    ifm_free(dir);
}

/* Closing finishes what is queued; each `done` is called once, before close returns. */
static void closing_finishes_the_queue(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static struct sf_invocation made[MANY];
    struct ifm_err err = IFM_ERR_INIT;
    struct sf_wait wait;
    char *dir = t_temp_path("closing");
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    sf_wait_init(&wait, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sf_invocation_init(&made[i], i, (uint64_t)i, 20, 1000), 0);
        struct ifm_store_invocation write = { .run_id = "019388a0-0000-7000-8000-000000000001",
                                              .body = &made[i].body, .stats = &made[i].stats };
        memcpy(write.sha256, made[i].sha256, IFM_SHA256_BYTES);
        assert_int_equal(ifm_store_put_invocation(store, &write, sf_on_done, &wait, &err), 0);
    }
    ifm_store_close(store);
    assert_int_equal(wait.left, 0);
    assert_int_equal(wait.err.code, 0);
    for (int i = 0; i < MANY; i++) sf_invocation_done(&made[i]);
    ifm_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_and_readers_at_once),
        cmocka_unit_test(closing_finishes_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
