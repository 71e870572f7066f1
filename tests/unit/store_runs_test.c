/* Runs and invocations: written once, replayed, refused; read back as they were sent. */
#include "tests/lib/testlib.h"

#include "tests/unit/store_fixture.h"

#define ID "019388a0-0000-7000-8000-000000000001"

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;

static int open_store(void **state)
{
    (void)state;
    static int number;
    char name[32];
    snprintf(name, sizeof name, "runs-%d", number++);
    char *dir = t_temp_path(name);
    err = (struct ifm_err)IFM_ERR_INIT;
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    ifm_free(dir);
    ifm_buf_init(&out, 64 << 20);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    ifm_buf_done(&out);
    ifm_store_close(store);
    return 0;
}

static int put_invocation(int64_t n, uint64_t seed, enum ifm_store_outcome *outcome)
{
    struct sf_invocation made;
    assert_int_equal(sf_invocation_init(&made, n, seed, 1000, 1000000), 0);
    int rc = sf_put_invocation(store, ID, &made, outcome, &err);
    sf_invocation_done(&made);
    return rc;
}

static int put_run(int64_t invocations, enum ifm_store_outcome *outcome)
{
    struct sf_run made;
    sf_run_init(&made, ID, invocations, 1795000000000, NULL);
    int rc = sf_put_run(store, &made, outcome, &err);
    sf_run_done(&made);
    return rc;
}

static const char *get(void)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_run(store, ID, &out, &err), 0);
    return out.data;
}

static void stores_replays_and_refuses(void **state)
{
    (void)state;
    enum ifm_store_outcome outcome;
    assert_int_equal(put_invocation(0, 1, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_CREATED);
    assert_int_equal(put_invocation(0, 1, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_REPLAYED);
    t_assert_error(put_invocation(0, 2, NULL), IFM_ERR_CONFLICT, &err, "other content");

    t_assert_error(put_run(2, NULL), IFM_ERR_CONFLICT, &err, "says 2 invocations, 1 are stored");
    assert_int_equal(put_run(1, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_CREATED);
    assert_int_equal(put_run(1, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_REPLAYED);
    t_assert_error(put_run(3, NULL), IFM_ERR_CONFLICT, &err, "other content");

    assert_int_equal(put_invocation(0, 1, &outcome), 0); /* a late repeat of what is stored is no harm */
    assert_int_equal(outcome, IFM_STORE_REPLAYED);
    t_assert_error(put_invocation(1, 9, NULL), IFM_ERR_CONFLICT, &err, "closed without invocation 1");
}

static void refuses_numbers_with_a_gap(void **state)
{
    (void)state;
    assert_int_equal(put_invocation(0, 1, NULL), 0);
    assert_int_equal(put_invocation(2, 3, NULL), 0);
    t_assert_error(put_run(2, NULL), IFM_ERR_CONFLICT, &err, "last number 2");
    assert_int_equal(put_invocation(1, 2, NULL), 0);
    assert_int_equal(put_run(3, NULL), 0);
}

static void refuses_what_cannot_be_a_key(void **state)
{
    (void)state;
    struct sf_invocation made;
    assert_int_equal(sf_invocation_init(&made, 0, 1, 10, 1000), 0);
    t_assert_error(sf_put_invocation(store, "../../etc/passwd", &made, NULL, &err), IFM_ERR_INVALID, &err, "UUID");
    made.body.n = IFM_INVOCATIONS_MAX;
    t_assert_error(sf_put_invocation(store, ID, &made, NULL, &err), IFM_ERR_INVALID, &err, "0..999");
    made.body.n = -1;
    t_assert_error(sf_put_invocation(store, ID, &made, NULL, &err), IFM_ERR_INVALID, &err, "0..999");
    sf_invocation_done(&made);
    struct sf_run run;
    sf_run_init(&run, ID, 0, 1795000000000, NULL);
    run.body.device_key[0] = 'X';
    t_assert_error(sf_put_run(store, &run, NULL, &err), IFM_ERR_INVALID, &err, "SHA-256");
    assert_string_equal(err.where, "/device_key");
    sf_run_done(&run);
}

static void shows_a_run_before_it_is_closed(void **state)
{
    (void)state;
    char before[IFM_SHA256_HEX], after[IFM_SHA256_HEX], closed[IFM_SHA256_HEX];
    t_assert_error(ifm_store_get_run(store, ID, &out, &err), IFM_ERR_NOT_FOUND, &err, ID);
    assert_int_equal(put_invocation(0, 1, NULL), 0);
    t_assert_contains(get(), "\"run\":null,\"closed\":false");
    t_assert_contains(out.data, "\"p50_ns\":{\"value\":");
    assert_int_equal(ifm_store_run_version(store, ID, before, &err), 0);
    assert_int_equal(put_invocation(1, 2, NULL), 0);
    assert_int_equal(sf_count(get(), "\"autocorrelation\":"), 2);
    assert_int_equal(ifm_store_run_version(store, ID, after, &err), 0);
    assert_string_not_equal(before, after);

    struct ifm_store_filter all = { 0 };
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &all, &out, &err), 0);
    assert_string_equal(out.data, "{\"items\":[],\"next_cursor\":null}");

    assert_int_equal(put_run(2, NULL), 0);
    t_assert_contains(get(), "\"closed\":true");
    t_assert_contains(out.data, "\"run\":{\"v\":1,\"id\":\"" ID "\"");
    assert_int_equal(ifm_store_run_version(store, ID, closed, &err), 0);
    assert_string_not_equal(after, closed);
}

static void summary_is_the_median_over_ok_invocations(void **state)
{
    (void)state;
    for (int n = 0; n < 7; n++) { /* the seventh failed: it must not count */
        struct sf_invocation made;
        assert_int_equal(sf_invocation_init(&made, n, (uint64_t)n, 500, 1000 * (n + 1)), 0);
        made.body.status = n == 6;
        made.body.failure = n == 6 ? IFM_FAIL_CRASH : IFM_FAIL_NONE;
        made.stats.p50_ns = 1000 * (n + 1);
        assert_int_equal(sf_put_invocation(store, ID, &made, NULL, &err), 0);
        sf_invocation_done(&made);
    }
    assert_int_equal(put_run(7, NULL), 0);
    /* median of 1000..6000 is 3500; with K = 6 the interval is the extremes, coverage 1 - 2/64 */
    t_assert_contains(get(), "\"summary\":{\"p50_ns\":{\"value\":3500,\"low\":1000,\"high\":6000,"
                             "\"coverage\":0.96875,\"k\":6,\"needed\":0,\"enough\":true}");
    t_assert_contains(out.data, "\"failure\":\"crash\"");
    struct ifm_store_filter all = { 0 };
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &all, &out, &err), 0);
    t_assert_contains(out.data, "\"invocations_ok\":6,\"invocations_failed\":1,\"iterations\":500,\"p50_ns\":3500,"
                                "\"p50_low_ns\":1000,\"p50_high_ns\":6000");
    t_assert_contains(out.data, "\"p99_enough\":true");
    t_assert_contains(out.data, "\"peak_rss_bytes\":31000000"); /* the highest of the phases */
}

static void a_wrong_output_cannot_be_talked_away(void **state)
{
    (void)state;
    struct sf_invocation made;
    assert_int_equal(sf_invocation_init(&made, 0, 1, 10, 1000), 0);
    made.body.verification.state = IFM_VERIFY_WRONG;
    assert_int_equal(sf_put_invocation(store, ID, &made, NULL, &err), 0);
    sf_invocation_done(&made);
    assert_int_equal(put_run(1, NULL), 0); /* the run says "verified" */
    struct ifm_store_filter filter = { .verification = "wrong" };
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, &filter, &out, &err), 0);
    t_assert_contains(out.data, "\"verification\":\"wrong\"");
}

static void samples_come_back_bit_by_bit(void **state)
{
    (void)state;
    struct sf_invocation made;
    struct ifm_msg_invocation back;
    assert_int_equal(sf_invocation_init(&made, 0, 7, 5000, 1234567), 0);
    assert_int_equal(sf_put_invocation(store, ID, &made, NULL, &err), 0);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_invocation(store, ID, 0, &out, &err), 0);
    assert_int_equal(ifm_json_decode(&ifm_invocation_table, out.data, out.len, &back, &err), 0);
    const struct ifm_msg_block *sent = made.body.samples.items, *got = back.samples.items;
    assert_int_equal(back.samples.count, 1);
    assert_int_equal(got->phase, 1);
    assert_int_equal(got->count, 5000);
    assert_int_equal(got->block.len, sent->block.len);
    assert_memory_equal(got->block.bytes, sent->block.bytes, sent->block.len);
    assert_int_equal(got->gaps.len, sent->gaps.len);
    assert_memory_equal(got->gaps.bytes, sent->gaps.bytes, sent->gaps.len);
    struct ifm_buf again; /* and everything else: the same body encodes to the same text */
    ifm_buf_init(&again, 64 << 20);
    ifm_json_encode(&ifm_invocation_table, &made.body, &again);
    assert_int_equal(again.len, out.len);
    ifm_buf_done(&again);
    ifm_json_free(&ifm_invocation_table, &back);
    sf_invocation_done(&made);
    t_assert_error(ifm_store_get_invocation(store, ID, 1, &out, &err), IFM_ERR_NOT_FOUND, &err, "no invocation 1");
    t_assert_error(ifm_store_get_invocation(store, ID, -1, &out, &err), IFM_ERR_NOT_FOUND, &err, "no invocation -1");
}

static int remember(void *arg, const struct ifm_store_block *block, struct ifm_err *visit_err)
{
    (void)visit_err;
    struct ifm_buf *seen = arg;
    ifm_buf_addf(seen, "%lld/%d/%lld/%lld%s ", (long long)block->invocation, block->phase, (long long)block->first,
                 (long long)block->count, block->block ? "+" : "");
    return 0;
}

static int refuse(void *arg, const struct ifm_store_block *block, struct ifm_err *visit_err)
{
    (void)arg;
    (void)block;
    return ifm_err_set(visit_err, IFM_ERR_INVALID, "test", "no more");
}

static void visits_blocks_in_order(void **state)
{
    (void)state;
    assert_int_equal(put_invocation(0, 1, NULL), 0);
    assert_int_equal(put_invocation(1, 2, NULL), 0);
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_visit_samples(store, ID, -1, -1, remember, &out, &err), 0);
    assert_string_equal(out.data, "0/1/0/1000+ 1/1/0/1000+ ");
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_visit_counts(store, ID, 1, 1, remember, &out, &err), 0);
    assert_string_equal(out.data, "1/1/0/1000 ");
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_visit_samples(store, ID, -1, 0, remember, &out, &err), 0);
    assert_int_equal(out.len, 0);
    t_assert_error(ifm_store_visit_samples(store, ID, -1, -1, refuse, NULL, &err), IFM_ERR_INVALID, &err, "no more");
    t_assert_error(ifm_store_visit_samples(store, ID, 5, -1, remember, &out, &err), IFM_ERR_NOT_FOUND, &err,
                   "no invocation 5");
}

static void values_for_a_comparison(void **state)
{
    (void)state;
    struct ifm_store_run_values values;
    assert_int_equal(put_invocation(0, 1, NULL), 0);
    t_assert_error(ifm_store_get_run_values(store, ID, &values, &err), IFM_ERR_NOT_FOUND, &err, "not closed");
    assert_int_equal(put_invocation(1, 2, NULL), 0);
    assert_int_equal(put_run(2, NULL), 0);
    assert_int_equal(ifm_store_get_run_values(store, ID, &values, &err), 0);
    assert_int_equal(values.count, 2);
    assert_string_equal(values.run.model, "nmp");
    assert_true(values.values[IFM_METRIC_LOAD][0] == 12000001.0);
    assert_true(values.values[IFM_METRIC_LOAD][1] == 12000002.0);
    assert_true(values.values[IFM_METRIC_CPU][0] == 1000000.0);
    assert_true(values.enough[IFM_METRIC_P99]);
    t_assert_contains(values.row_json, "{\"id\":\"" ID "\",\"started_at\":\"2026-11-18T11:06:40.000Z\"");
    ifm_store_run_values_done(&values);
}

static void many_writes_share_transactions(void **state)
{
    (void)state;
    enum { MANY = 300 };
    int64_t generation = ifm_store_generation(store);
    static struct sf_invocation made[MANY];
    struct sf_wait wait;
    sf_wait_init(&wait, MANY);
    for (int i = 0; i < MANY; i++) assert_int_equal(sf_invocation_init(&made[i], i, (uint64_t)i, 20, 1000), 0);
    for (int i = 0; i < MANY; i++) {
        struct ifm_store_invocation write = { .run_id = ID, .body = &made[i].body, .stats = &made[i].stats };
        memcpy(write.sha256, made[i].sha256, IFM_SHA256_BYTES);
        assert_int_equal(ifm_store_put_invocation(store, &write, sf_on_done, &wait, &err), 0);
    }
    sf_wait_for(&wait);
    assert_int_equal(wait.err.code, 0);
    int64_t commits = ifm_store_generation(store) - generation;
    assert_true(commits >= 2 && commits < MANY); /* at most 256 in one */
    assert_int_equal(put_run(MANY, NULL), 0);
    for (int i = 0; i < MANY; i++) sf_invocation_done(&made[i]);
}

/* A refused write in the middle of a batch takes nothing with it. */
static void one_bad_write_spoils_no_other(void **state)
{
    (void)state;
    enum { MANY = 50 };
    static struct sf_invocation made[MANY];
    static struct sf_wait waits[MANY];
    assert_int_equal(put_invocation(MANY / 2, 999, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sf_invocation_init(&made[i], i, (uint64_t)i, 20, 1000), 0);
        sf_wait_init(&waits[i], 1);
        struct ifm_store_invocation write = { .run_id = ID, .body = &made[i].body, .stats = &made[i].stats };
        memcpy(write.sha256, made[i].sha256, IFM_SHA256_BYTES);
        assert_int_equal(ifm_store_put_invocation(store, &write, sf_on_done, &waits[i], &err), 0);
    }
    for (int i = 0; i < MANY; i++) {
        sf_wait_for(&waits[i]);
        assert_int_equal(waits[i].err.code, i == MANY / 2 ? IFM_ERR_CONFLICT : 0);
        sf_invocation_done(&made[i]);
    }
    assert_int_equal(put_run(MANY, NULL), 0);
}

/* A run that carries invocations first..first + count - 1 and says there are `says`. */
static int put_carrying(int64_t says, int64_t first, int64_t count, enum ifm_store_outcome *outcome)
{
    struct sf_run made;
    sf_run_init(&made, ID, says, 1795000000000, NULL);
    assert_int_equal(sf_run_carry(&made, first, count, 1000000), 0);
    int rc = sf_put_run(store, &made, outcome, &err);
    sf_run_done(&made);
    return rc;
}

static void a_run_carries_its_invocations(void **state)
{
    (void)state;
    enum ifm_store_outcome outcome;
    int64_t generation = ifm_store_generation(store);
    assert_int_equal(put_carrying(3, 0, 3, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_CREATED);
    assert_int_equal(ifm_store_generation(store), generation + 1); /* one transaction */
    t_assert_contains(get(), "\"closed\":true");
    assert_null(strstr(out.data, "invocation_bodies"));
    assert_int_equal(sf_count(out.data, "\"autocorrelation\":"), 3);
    t_assert_contains(out.data, "\"k\":3");
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_invocation(store, ID, 2, &out, &err), 0);
    t_assert_contains(out.data, "\"samples\":[{\"phase\":\"steady\",\"first\":0,\"count\":50");
    assert_int_equal(put_carrying(3, 0, 3, &outcome), 0);
    assert_int_equal(outcome, IFM_STORE_REPLAYED);
    assert_int_equal(ifm_store_generation(store), generation + 1);
    t_assert_error(put_run(3, NULL), IFM_ERR_CONFLICT, &err, "other content");
    t_assert_error(put_invocation(3, 1, NULL), IFM_ERR_CONFLICT, &err, "closed without invocation 3");
}

/* What it stores is what the same bodies store one by one, but for the hashes. */
static void carried_or_not_a_run_is_the_same(void **state)
{
    (void)state;
    static const char *const ids[] = { "019388a0-0000-7000-8000-000000000001", "019388a0-0000-7000-8000-000000000002" };
    struct ifm_buf views[2];
    for (int i = 0; i < 2; i++) {
        struct sf_run run;
        sf_run_init(&run, ids[i], 6, 1795000000000, NULL);
        assert_int_equal(sf_run_carry(&run, 0, 6, 1000000), 0);
        const struct ifm_msg_invocation *bodies = run.body.invocation_bodies.items;
        for (size_t n = 0; i == 1 && n < 6; n++) {
            struct sf_invocation one = { .body = bodies[n], .stats = run.stats[n], .sha256 = { (uint8_t)n } };
            assert_int_equal(sf_put_invocation(store, ids[i], &one, NULL, &err), 0);
        }
        struct ifm_list carried = run.body.invocation_bodies;
        if (i == 1) run.body.invocation_bodies = (struct ifm_list){ NULL, 0 };
        assert_int_equal(sf_put_run(store, &run, NULL, &err), 0);
        run.body.invocation_bodies = carried;
        sf_run_done(&run);
        ifm_buf_init(&views[i], 1 << 20);
        assert_int_equal(ifm_store_get_run(store, ids[i], &views[i], &err), 0);
        char *id = strstr(views[i].data, ids[i]);
        assert_non_null(id);
        memset(id, 'x', strlen(ids[i]));
    }
    assert_string_equal(views[0].data, views[1].data);
    ifm_buf_done(&views[0]);
    ifm_buf_done(&views[1]);
}

static void what_is_carried_completes_what_is_stored(void **state)
{
    (void)state;
    assert_int_equal(put_invocation(1, 7, NULL), 0);
    t_assert_error(put_carrying(2, 0, 2, NULL), IFM_ERR_CONFLICT, &err,
                   "invocation 1 is stored already: leave it out of invocation_bodies");
    assert_string_equal(err.where, "/invocation_bodies/1/n");
    t_assert_error(put_carrying(3, 0, 1, NULL), IFM_ERR_CONFLICT, &err, "says 3 invocations, 2 are stored or came");
    t_assert_error(put_carrying(2, 2, 1, NULL), IFM_ERR_CONFLICT, &err, "last number 2");
    t_assert_contains(get(), "\"closed\":false"); /* and nothing of the refused ones stayed */
    assert_int_equal(sf_count(out.data, "\"autocorrelation\":"), 1);
    assert_int_equal(put_carrying(2, 0, 1, NULL), 0);
    assert_int_equal(sf_count(get(), "\"autocorrelation\":"), 2);
}

static void refuses_what_cannot_be_carried(void **state)
{
    (void)state;
    struct sf_run made;
    sf_run_init(&made, ID, 3, 1795000000000, NULL);
    assert_int_equal(sf_run_carry(&made, 0, 3, 1000000), 0);
    struct ifm_msg_invocation *bodies = made.body.invocation_bodies.items;
    bodies[2].n = 1;
    t_assert_error(sf_put_run(store, &made, NULL, &err), IFM_ERR_INVALID, &err, "the number of an earlier one");
    assert_string_equal(err.where, "/invocation_bodies/2/n");
    bodies[2].n = IFM_INVOCATIONS_MAX;
    t_assert_error(sf_put_run(store, &made, NULL, &err), IFM_ERR_INVALID, &err, "0..999");
    assert_string_equal(err.where, "/invocation_bodies/2/n");
    sf_run_done(&made);
    t_assert_error(ifm_store_get_run(store, ID, &out, &err), IFM_ERR_NOT_FOUND, &err, ID);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
    const struct CMUnitTest tests[] = {
        EACH(stores_replays_and_refuses), EACH(refuses_numbers_with_a_gap), EACH(refuses_what_cannot_be_a_key),
        EACH(shows_a_run_before_it_is_closed), EACH(summary_is_the_median_over_ok_invocations),
        EACH(a_wrong_output_cannot_be_talked_away), EACH(samples_come_back_bit_by_bit),
        EACH(visits_blocks_in_order), EACH(values_for_a_comparison), EACH(many_writes_share_transactions),
        EACH(one_bad_write_spoils_no_other), EACH(a_run_carries_its_invocations),
        EACH(carried_or_not_a_run_is_the_same), EACH(what_is_carried_completes_what_is_stored),
        EACH(refuses_what_cannot_be_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
