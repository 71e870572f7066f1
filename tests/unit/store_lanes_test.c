/* Lanes, lateness, operators and what else goes with an invocation or run: stored apart, put together again as sent. */
#include "tests/lib/testlib.h"

#include <sys/stat.h>

#include "tests/unit/store_fixture.h"

#define ID "019388a0-0000-7000-8000-000000000001"
#define EXPERIMENT "019388a0-eeee-7000-8000-000000000009"

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;

static int open_store(void **state)
{
    (void)state;
    static int number;
    char name[32];
    snprintf(name, sizeof name, "lanes-%d", number++);
    char *dir = t_temp_path(name);
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

/* A group of points reads and lanes lanes; value i of lane k is made(k, i). */
static void add_group(struct ifm_msg_lanes *group, const char *sampler, size_t points, size_t lanes,
                      int64_t (*made)(size_t lane, size_t i))
{
    struct ifm_msg_lane *all = ifm_alloc_array(lanes ? lanes : 1, sizeof *all);
    *group = (struct ifm_msg_lanes){ .sampler = ifm_dup(sampler), .lanes = { all, lanes } };
    group->t_ns = (struct ifm_ints){ ifm_alloc_array(points ? points : 1, sizeof(int64_t)), points };
    for (size_t i = 0; i < points; i++) group->t_ns.items[i] = ((int64_t)i - 1) * 100000000 + (int64_t)i * 37;
    for (size_t k = 0; k < lanes; k++) {
        char name[32];
        snprintf(name, sizeof name, "lane_%zu", k);
        all[k] = (struct ifm_msg_lane){ .name = ifm_dup(name), .unit = ifm_dup("ns"), .kind = (int)k % 3,
                                        .scope = (int)(k + 1) % 3 };
        all[k].values = (struct ifm_ints){ ifm_alloc_array(points ? points : 1, sizeof(int64_t)), points };
        for (size_t i = 0; i < points; i++) all[k].values.items[i] = made(k, i);
    }
}

static int64_t counter(size_t lane, size_t i)
{
    return 7000000000 + (int64_t)(i * i * 131 + lane);
}

static int64_t extreme(size_t lane, size_t i)
{
    static const int64_t values[] = { INT64_MAX, INT64_MIN + 1, 0, -1, 1, INT64_MAX };
    return values[(lane + i) % 6];
}

static void put_with_lanes(struct sf_invocation *made)
{
    assert_int_equal(sf_invocation_init(made, 0, 7, 500, 1000000), 0);
    struct ifm_msg_lanes *groups = ifm_alloc_array(3, sizeof *groups);
    made->body.lanes = (struct ifm_list){ groups, 3 };
    made->body.steady_ns = 500 * 1000000;
    add_group(&groups[0], "proc", 300, 11, counter);
    add_group(&groups[1], "odd", 7, 3, extreme);
    add_group(&groups[2], "none", 0, 1, counter);
    groups[1].sparse = true;
    groups[1].period_ns = 100000000;
    groups[1].cost_ns = 12345;
    assert_int_equal(sf_put_invocation(store, ID, made, NULL, &err), 0);
}

static void assert_same_text(const struct ifm_table *table, const void *a, const void *b)
{
    struct ifm_buf first, second;
    ifm_buf_init(&first, 64 << 20);
    ifm_buf_init(&second, 64 << 20);
    ifm_json_encode(table, a, &first);
    ifm_json_encode(table, b, &second);
    assert_string_equal(first.data, second.data);
    ifm_buf_done(&first);
    ifm_buf_done(&second);
}

static void lanes_come_back_as_they_were_sent(void **state)
{
    (void)state;
    struct sf_invocation made;
    struct ifm_msg_invocation back;
    put_with_lanes(&made);
    assert_int_equal(ifm_store_get_invocation(store, ID, 0, &out, &err), 0);
    assert_int_equal(ifm_json_decode(&ifm_invocation_table, out.data, out.len, &back, &err), 0);
    assert_same_text(&ifm_invocation_table, &made.body, &back);
    ifm_json_free(&ifm_invocation_table, &back);

    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_lanes(store, ID, -1, &out, &err), 0);
    t_assert_contains(out.data, "{\"run\":\"" ID "\",\"invocation\":0,\"steady_ns\":500000000,\"groups\":[{\"sampler\":"
                                "\"proc\",\"sparse\":false,\"period_ns\":0,\"cost_ns\":0,\"t_ns\":[-100000000,37,");
    t_assert_contains(out.data, "{\"sampler\":\"odd\",\"sparse\":true,\"period_ns\":100000000,\"cost_ns\":12345,\"t_ns\":[");
    t_assert_contains(out.data, "\"values\":[9223372036854775807,-9223372036854775807,0,-1,1,9223372036854775807,");
    t_assert_contains(out.data, "{\"sampler\":\"none\",\"sparse\":false,\"period_ns\":0,\"cost_ns\":0,\"t_ns\":[],\"lanes\":"
                                "[{\"name\":\"lane_0\",\"unit\":\"ns\",\"kind\":\"gauge\",\"scope\":\"device\",\"values\":[]}]}");
    t_assert_error(ifm_store_get_lanes(store, ID, 3, &out, &err), IFM_ERR_NOT_FOUND, &err, "no invocation 3");

    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_run(store, ID, &out, &err), 0);
    assert_null(strstr(out.data, "lane_0")); /* a run is shown without them */
    sf_invocation_done(&made);
}

struct seen { size_t count, values; int64_t last; bool stats; };

static int look(void *arg, struct ifm_msg_invocation *body, const struct ifm_invocation_stats *stats,
                struct ifm_err *look_err)
{
    struct seen *seen = arg;
    (void)look_err;
    const struct ifm_msg_lanes *groups = body->lanes.items;
    seen->count++;
    seen->stats = stats && stats->n == 500 && stats->p50_ns > 0 && stats->lateness_p99_ns == -1;
    for (size_t i = 0; i < body->lanes.count; i++) {
        const struct ifm_msg_lane *lanes = groups[i].lanes.items;
        seen->values += groups[i].t_ns.count * groups[i].lanes.count;
        if (i == 0) seen->last = lanes[10].values.items[299];
    }
    ifm_json_free(&ifm_invocation_table, body);
    return 0;
}

static void bodies_are_visited_with_lanes_and_statistics(void **state)
{
    (void)state;
    struct sf_invocation made;
    struct seen seen = { 0 };
    assert_int_equal(ifm_store_visit_bodies(store, ID, -1, look, &seen, &err), 0); /* nothing is stored yet: no error */
    assert_int_equal(seen.count, 0);
    put_with_lanes(&made);
    assert_int_equal(ifm_store_visit_bodies(store, ID, -1, look, &seen, &err), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.values, 300 * 11 + 7 * 3);
    assert_int_equal(seen.last, counter(10, 299));
    assert_true(seen.stats);
    assert_int_equal(ifm_store_visit_bodies(store, ID, 3, look, &seen, &err), 0); /* the one that is named, which is not there */
    assert_int_equal(seen.count, 1);
    sf_invocation_done(&made);
}

/* A lane of a hundred reads of a counter takes a byte or two a value. */
static void lanes_rest_small(void **state)
{
    (void)state;
    struct sf_invocation made;
    struct stat info;
    int64_t sizes[2];
    for (int with = 0; with < 2; with++) {
        char name[32];
        snprintf(name, sizeof name, "size-%d", with);
        char *dir = t_temp_path(name), path[600];
        struct ifm_store *other;
        assert_int_equal(ifm_store_open(&other, dir, NULL, &err), 0);
        for (int64_t n = 0; n < 20; n++) {
            assert_int_equal(sf_invocation_init(&made, n, (uint64_t)n, 50, 1000000), 0);
            if (with) {
                struct ifm_msg_lanes *group = ifm_alloc(sizeof *group);
                made.body.lanes = (struct ifm_list){ group, 1 };
                add_group(group, "proc", 240, 11, counter);
            }
            assert_int_equal(sf_put_invocation(other, ID, &made, NULL, &err), 0);
            sf_invocation_done(&made);
        }
        ifm_store_close(other);
        snprintf(path, sizeof path, "%s/inferometer.db", dir);
        assert_int_equal(stat(path, &info), 0);
        sizes[with] = info.st_size;
        ifm_free(dir);
    }
    assert_true(sizes[1] - sizes[0] < 20 * 240 * 12 * 4); /* as text it is 10 characters a value and more */
}

static void a_run_keeps_its_operators_apart(void **state)
{
    (void)state;
    struct sf_run made;
    struct ifm_msg_run back;
    char *ops = NULL;
    sf_run_init(&made, ID, 0, 1795000000000, NULL);
    struct ifm_msg_op *op = ifm_alloc_array(2, sizeof *op);
    op[0] = (struct ifm_msg_op){ ifm_dup("conv \"1\""), ifm_dup("Conv"), ifm_dup("cpu"), ifm_dup("1x3"), 50, 900000, 0 };
    op[1] = (struct ifm_msg_op){ ifm_dup("relu"), NULL, NULL, NULL, 50, 100000, IFM_JSON_ABSENT };
    made.body.profile = (struct ifm_msg_profile){ .ops = { op, 2 }, .inferences = 50, .p50_ns = 30000,
                                                  .unprofiled_p50_ns = 25000, .attributed_ns = 20000,
                                                  .fallback_share = 0.25 };
    made.body.experiment = (struct ifm_msg_experiment){ ifm_dup(EXPERIMENT), 42, 3, 1 };
    assert_int_equal(sf_put_run(store, &made, NULL, &err), 0);
    assert_int_equal(ifm_store_get_run(store, ID, &out, &err), 0);
    assert_null(strstr(out.data, "relu"));
    t_assert_contains(out.data, "\"profile\":{\"inferences\":50,\"p50_ns\":30000");
    assert_int_equal(ifm_store_get_body(store, ID, &back, &ops, &err), 0);
    assert_string_equal(ops, "[{\"name\":\"conv \\\"1\\\"\",\"type\":\"Conv\",\"provider\":\"cpu\",\"shapes\":\"1x3\",\"calls\":50,"
                             "\"total_ns\":900000,\"start_ns\":0},{\"name\":\"relu\",\"type\":null,\"provider\":null,\"shapes\":null,"
                             "\"calls\":50,\"total_ns\":100000,\"start_ns\":null}]");
    assert_string_equal(back.experiment.id, EXPERIMENT);
    ifm_free(ops);
    ifm_json_free(&ifm_run_table, &back);

    static const struct { const char *experiment, *scenario; int items; } filters[] = {
        { EXPERIMENT, NULL, 1 }, { EXPERIMENT, "single", 1 }, { NULL, "server", 0 }, { NULL, "single,server", 1 },
        { ID, NULL, 0 }, { EXPERIMENT "," ID, NULL, 1 },
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct ifm_store_filter filter = { .experiment = filters[i].experiment, .scenario = filters[i].scenario };
        ifm_buf_reset(&out);
        assert_int_equal(ifm_store_list_runs(store, &filter, &out, &err), 0);
        assert_int_equal(sf_count(out.data, "\"experiment\":\"" EXPERIMENT "\""), filters[i].items);
    }
    struct ifm_store_filter bad = { .experiment = "abc" };
    t_assert_error(ifm_store_list_runs(store, &bad, &out, &err), IFM_ERR_BAD_REQUEST, &err, "experiment takes a UUID");
    sf_run_done(&made);
}

static void an_arm_beyond_the_last_is_refused(void **state)
{
    (void)state;
    struct sf_run made;
    sf_run_init(&made, ID, 0, 1795000000000, NULL);
    made.body.experiment = (struct ifm_msg_experiment){ ifm_dup(EXPERIMENT), 42, 3, 3 };
    t_assert_error(sf_put_run(store, &made, NULL, &err), IFM_ERR_INVALID, &err, "arm 3 of 3");
    assert_string_equal(err.where, "/experiment/arm");
    sf_run_done(&made);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
    const struct CMUnitTest tests[] = {
        EACH(lanes_come_back_as_they_were_sent), EACH(bodies_are_visited_with_lanes_and_statistics),
        EACH(lanes_rest_small), EACH(a_run_keeps_its_operators_apart), EACH(an_arm_beyond_the_last_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
