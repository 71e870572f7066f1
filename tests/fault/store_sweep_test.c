/* Allocator sweep over store and analysis: the n-th allocation fails (SQLite's own are among them), n is raised
 * until all passes. No crash, no leak, nothing half-written, and the error says "out of memory". */
#include "tests/lib/testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/analysis/assess.h"
#include "daemon/analysis/compare.h"
#include "daemon/analysis/histogram.h"
#include "daemon/analysis/ops.h"
#include "daemon/analysis/rollup.h"
#include "daemon/analysis/samples.h"
#include "daemon/analysis/scenario.h"
#include "daemon/store/db.h"
#include "tests/fault/store_vfs.h"
#include "tests/unit/store_fixture.h"

#define A "019388a0-0000-7000-8000-00000000000a"
#define B "019388a0-0000-7000-8000-00000000000b"
#define C "019388a0-0000-7000-8000-00000000000c"

static char *shared_dir, *fresh_name;
static struct sf_invocation invocation;
static struct sf_run run_a, run_b, run_c; /* c carries its invocations */

static int open_at(struct ifm_store **store, const char *dir, struct ifm_err *err)
{
    struct ifm_store_options options = { .vfs = VFS_NAME, .readers = 1 };
    return ifm_store_open(store, dir, &options, err);
}

static int write_all(struct ifm_store *store, struct ifm_err *err)
{
    int rc = sf_put_invocation(store, A, &invocation, NULL, err);
    if (!rc) rc = sf_put_invocation(store, B, &invocation, NULL, err);
    if (!rc) rc = sf_put_run(store, &run_a, NULL, err);
    if (!rc) rc = sf_put_run(store, &run_b, NULL, err);
    if (!rc) rc = sf_put_run(store, &run_c, NULL, err);
    return rc;
}

/* Opens what is there already, with everything repeated: nothing may be lost by an earlier failure. */
static int open_and_write(void *argument, struct ifm_err *err)
{
    struct ifm_store *store = NULL;
    int rc = open_at(&store, argument, err);
    if (!rc) rc = write_all(store, err);
    ifm_store_close(store);
    return rc;
}

static int assess_again(struct ifm_store *store, struct ifm_err *err)
{
    struct ifm_msg_run run;
    size_t assessed;
    int rc = ifm_store_get_body(store, A, &run, NULL, err);
    if (rc) return rc;
    rc = ifm_assess_run(store, &run, NULL, &assessed, err);
    ifm_json_free(&ifm_run_table, &run);
    return rc;
}

static int read_all(struct ifm_store *store, struct ifm_err *err)
{
    struct ifm_buf out;
    struct ifm_store_filter filter = { .model = "nmp", .search = "onnx", .label_key = "team", .label_value = "vision" };
    char version[IFM_SHA256_HEX];
    ifm_buf_init(&out, 8 << 20);
    int rc = ifm_store_list_runs(store, &filter, &out, err);
    if (!rc) rc = ifm_store_get_run(store, A, &out, err);
    if (!rc) rc = ifm_store_get_invocation(store, A, 0, &out, err);
    if (!rc) rc = ifm_store_run_version(store, A, version, err);
    if (!rc) rc = ifm_compare_json(store, A, B, 0.02, &out, err);
    if (!rc) rc = ifm_samples_json(store, A, -1, -1, 10, NULL, &out, err);
    if (!rc) rc = ifm_histogram_json(store, A, -1, 10, -1, -1, &out, err);
    if (!rc) rc = assess_again(store, err);
    if (!rc) rc = ifm_windows_json(store, A, -1, 0, &out, err);
    if (!rc) rc = ifm_ops_json(store, A, &out, err);
    if (!rc) rc = ifm_store_get_lanes(store, A, -1, &out, err);
    if (!rc) rc = ifm_figures_add(store, B, &out, err);
    if (!rc) rc = ifm_store_ready(store, err);
    ifm_buf_done(&out);
    return rc;
}

static int open_and_read(void *argument, struct ifm_err *err)
{
    struct ifm_store *store = NULL;
    int rc = open_at(&store, argument, err);
    if (!rc) rc = read_all(store, err);
    ifm_store_close(store);
    return rc;
}

/* Two lanes of two reads. */
static void add_lanes(struct ifm_msg_invocation *body)
{
    struct ifm_msg_lanes *group = ifm_alloc(sizeof *group);
    struct ifm_msg_lane *lanes = ifm_alloc_array(2, sizeof *lanes);
    *group = (struct ifm_msg_lanes){ .sampler = ifm_dup("proc"), .lanes = { lanes, 2 } };
    group->t_ns = (struct ifm_ints){ ifm_alloc_array(2, sizeof(int64_t)), 2 };
    for (int i = 0; i < 2; i++) {
        lanes[i] = (struct ifm_msg_lane){ .name = ifm_dup(i ? "b" : "a"), .unit = ifm_dup("ns") };
        lanes[i].values = (struct ifm_ints){ ifm_alloc_array(2, sizeof(int64_t)), 2 };
    }
    body->lanes = (struct ifm_list){ group, 1 };
}

static void set_up_messages(void)
{
    const struct sf_facts facts = { "nmp", "onnxruntime", "bench-1", "c0ffee", "team", "vision", 0 };
    assert_int_equal(sf_invocation_init(&invocation, 0, 1, 100, 1000000), 0);
    add_lanes(&invocation.body);
    sf_run_init(&run_a, A, 1, 1795000000000, &facts);
    sf_run_init(&run_b, B, 1, 1795000001000, &facts);
    ifm_free(run_b.body.config.items[1].key); /* "threads" */
    ifm_free(run_b.body.config.items[1].value);
    run_b.body.config.items[1] = (struct ifm_map_entry){ ifm_dup("scenario"), ifm_dup("server") };
    sf_run_init(&run_c, C, 2, 1795000002000, &facts);
    assert_int_equal(sf_run_carry(&run_c, 0, 2, 1000000), 0);
}

static void opening_and_writing(void **state)
{
    (void)state;
    size_t places = t_sweep("open and write", open_and_write, shared_dir);
    print_message("    %zu places\n", places);
    assert_true(places > 100);
}

static void reading(void **state)
{
    (void)state;
    size_t places = t_sweep("open and read", open_and_read, shared_dir);
    print_message("    %zu places\n", places);
    assert_true(places > 100);
}

/* A new folder each time: migrations are in it. */
static int open_fresh(void *argument, struct ifm_err *err)
{
    static int number;
    char dir[512];
    (void)argument;
    snprintf(dir, sizeof dir, "%s-%d", fresh_name, number++);
    struct ifm_store *store = NULL;
    int rc = open_at(&store, dir, err);
    ifm_store_close(store);
    return rc;
}

/* Migrations are fifteen thousand places that differ little, and each costs a database: the first all, then one in
 * eleven. */
static void creating(void **state)
{
    (void)state;
    size_t tried = 0;
    bool reached = true;
    for (size_t n = 1; reached; n += n < 500 ? 1 : 11, tried++) {
        struct ifm_err err = IFM_ERR_INIT;
        t_alloc_start();
        t_alloc_fail_at(n);
        int rc = open_fresh(NULL, &err);
        reached = t_alloc_count() >= n;
        t_alloc_fail_at(0);
        if (rc && (!reached || rc != IFM_ERR_NOMEM || err.code != rc)) fail_msg("create: place %zu: %d %s", n, rc, err.text);
        assert_int_equal(t_alloc_outstanding(), 0);
        t_alloc_stop();
    }
    print_message("    %zu places\n", tried);
    assert_true(tried > 50);
}

/* On a thread of its own, so that the decode space a thread keeps is given back. */
struct rollup_job { int rc; struct ifm_err *err; bool plain; };

static void *rollup_thread(void *arg)
{
    struct rollup_job *job = arg;
    struct sf_invocation made;
    struct ifm_invocation_stats stats;
    bool has_stats;
    job->rc = sf_invocation_init(&made, 0, 1, 1000, 1000000);
    if (job->rc) {
        ifm_err_set(job->err, job->rc, "test", "out of memory");
    } else {
        job->rc = ifm_rollup(&made.body, &stats, &has_stats, job->err);
    }
    sf_invocation_done(&made);
    return NULL;
}

static int roll_up(void *argument, struct ifm_err *err)
{
    struct rollup_job job = { .err = err };
    pthread_t thread;
    (void)argument;
    assert_int_equal(pthread_create(&thread, NULL, rollup_thread, &job), 0);
    pthread_join(thread, NULL);
    return job.rc;
}

static void rolling_up(void **state)
{
    (void)state;
    assert_true(t_sweep("rollup", roll_up, NULL) > 2);
}

int main(void)
{
    ifm_db_setup();
    vfs_register();
    vfs_skip_sync(true);
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1); /* thousands of databases are created */
    shared_dir = t_temp_path("shared");
    fresh_name = t_temp_path("fresh");
    set_up_messages();
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_store *store; /* what SQLite allocates once per process is not a leak */
    if (open_at(&store, shared_dir, &err)) return 1;
    ifm_store_close(store);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_and_writing), cmocka_unit_test(reading), cmocka_unit_test(creating),
        cmocka_unit_test(rolling_up),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sf_invocation_done(&invocation);
    sf_run_done(&run_a);
    sf_run_done(&run_b);
    sf_run_done(&run_c);
    ifm_free(shared_dir);
    ifm_free(fresh_name);
    return failed;
}
