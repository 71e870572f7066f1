/* The verdict at closing: recomputed, whatever the client claims, and the same whether the invocations came with the
 * run or before it; then what it does to comparisons, which are paired where runs took turns. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdlib.h>

#include "core/trust.h"
#include "daemon/analysis/assess.h"
#include "daemon/analysis/compare.h"
#include "daemon/analysis/rollup.h"
#include "tests/unit/store_fixture.h"

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;
static unsigned next_id;

static int open_store(void **state)
{
    (void)state;
    char *dir = t_temp_path("assess");
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

/* Ten invocations of 1,000 samples; in the suspended ones the machine slept for a second. */
static void make_run(struct sf_run *run, char id[IFM_UUID_TEXT], unsigned seed, int64_t centre_ns, size_t suspended)
{
    sf_id(id, ++next_id);
    sf_run_init(run, id, 10, 1795000000000 + next_id, NULL);
    struct ifm_msg_invocation *bodies = ifm_alloc_array(10, sizeof *bodies);
    run->stats = ifm_alloc_array(10, sizeof *run->stats);
    run->body.invocation_bodies = (struct ifm_list){ bodies, 10 };
    for (int64_t n = 0; n < 10; n++) {
        struct sf_invocation one;
        bool has_stats;
        /* rounds differ by much more than arms do: only pairs can tell */
        int64_t centre = centre_ns + (n * 7 % 10) * centre_ns / 100;
        assert_int_equal(sf_invocation_init(&one, n, (uint64_t)(seed * 100 + (unsigned)n), 1000, centre), 0);
        if (n < (int64_t)suspended) one.body.suspended_ns = 1000000000;
        one.body.sandboxed = true;
        bodies[n] = one.body;
        assert_int_equal(ifm_rollup(&bodies[n], &run->stats[n], &has_stats, &err), 0);
    }
}

static int put_whole(struct sf_run *run)
{
    struct sf_wait wait;
    struct ifm_store_run write = { .body = &run->body, .stats = run->stats };
    memcpy(write.sha256, run->sha256, IFM_SHA256_BYTES);
    assert_int_equal(ifm_assess_run(store, &run->body, run->stats, &write.assessed, &err), 0);
    assert_int_equal(write.assessed, 10);
    sf_wait_init(&wait, 1);
    return sf_finish(ifm_store_put_run(store, &write, sf_on_done, &wait, &err), &wait, NULL, &err);
}

/* The first `before` invocations one by one, then the run with the rest. */
static void put_in_parts(struct sf_run *run, size_t before)
{
    struct ifm_msg_invocation *bodies = run->body.invocation_bodies.items;
    struct ifm_invocation_stats *all = run->stats;
    for (size_t n = 0; n < before; n++) {
        struct sf_invocation one = { .body = bodies[n], .stats = all[n], .sha256 = { (uint8_t)n } };
        assert_int_equal(sf_put_invocation(store, run->body.id, &one, NULL, &err), 0);
    }
    run->body.invocation_bodies = (struct ifm_list){ bodies + before, 10 - before };
    run->stats = all + before;
    assert_int_equal(put_whole(run), 0);
    run->body.invocation_bodies = (struct ifm_list){ bodies, 10 };
    run->stats = all;
}

static void claim(struct ifm_msg_run *run)
{
    struct ifm_msg_finding *finding = ifm_alloc(sizeof *finding);
    *finding = (struct ifm_msg_finding){ .code = ifm_dup("made_up"), .text = ifm_dup("Trust me."), .value = NAN,
                                         .limit = NAN };
    run->trust = IFM_TRUST_TRUSTED;
    run->trust_findings = (struct ifm_list){ finding, 1 };
}

/* The object after "trust": in the reply about a run. */
static void get_trust(const char *id, char *text, size_t size)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_get_run(store, id, &out, &err), 0);
    const char *at = strstr(out.data, "\"closed\":true,\"trust\":");
    const char *end = at ? strstr(at, ",\"summary\":") : NULL;
    assert_non_null(end);
    assert_true((size_t)(end - at) < size);
    memcpy(text, at, (size_t)(end - at));
    text[end - at] = '\0';
}

static void the_verdict_is_the_daemons_in_every_way_to_arrive(void **state)
{
    (void)state;
    static const size_t before[] = { 0, 10, 4 }; /* all with the run, all before it, some of each */
    char first[8192], text[8192];
    for (size_t i = 0; i < 3; i++) {
        struct sf_run run;
        char id[IFM_UUID_TEXT];
        make_run(&run, id, 1, 1000000, 4);
        claim(&run.body);
        put_in_parts(&run, before[i]);
        get_trust(id, text, sizeof text);
        t_assert_contains(text, "\"state\":\"untrusted\",\"line\":\"untrusted: suspended");
        t_assert_contains(text, "{\"code\":\"suspended\",\"severity\":\"untrusted\",\"text\":\"");
        t_assert_contains(text, "\"invocations\":4,");
        assert_null(strstr(out.data, "made_up")); /* neither there nor in the body */
        t_assert_contains(out.data, "\"trust\":\"untrusted\",\"trust_reasons\":[");
        if (i == 0) memcpy(first, text, sizeof first);
        assert_string_equal(text, first);
        sf_run_done(&run);
    }
}

/* An invocation that reached the store between the verdict and the closing. */
static void a_verdict_over_other_invocations_closes_nothing(void **state)
{
    (void)state;
    struct sf_run run;
    struct sf_wait wait;
    char id[IFM_UUID_TEXT];
    make_run(&run, id, 2, 1000000, 0);
    struct ifm_store_run write = { .body = &run.body, .stats = run.stats };
    assert_int_equal(ifm_assess_run(store, &run.body, run.stats, &write.assessed, &err), 0);
    assert_true(run.body.trust != IFM_TRUST_NOT_ASSESSED);
    write.assessed = 9;
    sf_wait_init(&wait, 1);
    t_assert_error(sf_finish(ifm_store_put_run(store, &write, sf_on_done, &wait, &err), &wait, NULL, &err), IFM_ERR_BUSY,
                   &err, "send the run again");
    t_assert_error(ifm_store_get_run(store, id, &out, &err), IFM_ERR_NOT_FOUND, &err, "no run");
    assert_int_equal(put_whole(&run), 0);
    sf_run_done(&run);
}

static const char *compare(const char *a, const char *b)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_compare_json(store, a, b, 0.005, &out, &err), 0);
    return out.data;
}

/* The number of "key": in the first metric, P50. */
static double p50_number(const char *key)
{
    const char *metric = strstr(out.data, "{\"metric\":\"p50_ns\""), *ratio = metric ? strstr(metric, "\"ratio\":") : NULL;
    const char *at = ratio ? strstr(ratio, key) : NULL;
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void runs_that_took_turns_are_compared_in_pairs(void **state)
{
    (void)state;
    static const char experiment[] = "019388a0-eeee-7000-8000-000000000001";
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT], c[IFM_UUID_TEXT];
    struct sf_run runs[3];
    make_run(&runs[0], a, 3, 1000000, 0);
    make_run(&runs[1], b, 4, 1020000, 0); /* 2 % slower, where rounds differ by 9 % */
    make_run(&runs[2], c, 5, 1020000, 0);
    for (int i = 0; i < 3; i++) {
        if (i < 2) runs[i].body.experiment = (struct ifm_msg_experiment){ ifm_dup(experiment), 1, 2, i };
        if (i == 1) ((struct ifm_msg_invocation *)runs[i].body.invocation_bodies.items)[3].status = 1; /* one pair less */
        assert_int_equal(put_whole(&runs[i]), 0);
        sf_run_done(&runs[i]);
    }
    t_assert_contains(compare(a, b), "\"interleaved\":true,\"caption\":\"interleaved, 9 pairs\",\"pairs\":9,");
    t_assert_contains(out.data, "],\"verdict\":\"regression\"}");
    assert_true(fabs(p50_number("\"ratio\":") - 1.02) < 0.003);
    assert_true(p50_number("\"low\":") > 1.01 && p50_number("\"high\":") < 1.03);
    double detectable = p50_number("\"detectable\":");
    assert_true(detectable > 0 && detectable < 0.005);
    t_assert_contains(compare(b, a), "],\"verdict\":\"improvement\"}");
    t_assert_contains(compare(a, c), "\"interleaved\":false,\"caption\":\"sequential, not interleaved\",\"pairs\":null,");
    t_assert_contains(out.data, "],\"verdict\":\"inconclusive\"}"); /* the same difference, not seen */
    assert_true(p50_number("\"detectable\":") > 0.02);
    t_assert_contains(compare(a, a), "\"interleaved\":false");
}

static void untrusted_runs_decide_nothing(void **state)
{
    (void)state;
    char a[IFM_UUID_TEXT], b[IFM_UUID_TEXT];
    struct sf_run good, bad;
    make_run(&good, a, 6, 1000000, 0);
    make_run(&bad, b, 7, 2000000, 10);
    assert_int_equal(put_whole(&good), 0);
    assert_int_equal(put_whole(&bad), 0);
    t_assert_contains(compare(a, b), "\"comparable\":false,\"reason\":\"B is untrusted: suspended");
    assert_int_equal(sf_count(out.data, "\"verdict\":\"inconclusive\""), IFM_METRIC_COUNT + 1);
    t_assert_contains(compare(b, b), "\"reason\":\"A is untrusted: suspended; B is untrusted: suspended\"");
    sf_run_done(&good);
    sf_run_done(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_the_daemons_in_every_way_to_arrive),
        cmocka_unit_test(a_verdict_over_other_invocations_closes_nothing),
        cmocka_unit_test(runs_that_took_turns_are_compared_in_pairs),
        cmocka_unit_test(untrusted_runs_decide_nothing),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
