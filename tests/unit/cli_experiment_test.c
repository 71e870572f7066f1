/* Who is faster: ranks, pairs, and the sentence that says so. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/experiment.h"
#include "core/mem.h"

#define ROUNDS 10

struct fixture {
    struct ifm_measure arms[3];
    struct ifm_experiment x;
};

/* One arm whose invocation n took scale * (1 + noise[n]); NAN: it failed. */
static void fill(struct ifm_measure *m, const char *name, double scale, const double *noise)
{
    snprintf(m->name, sizeof m->name, "%s", name);
    m->view.items = ifm_alloc_array(ROUNDS, sizeof *m->view.items);
    assert_non_null(m->view.items);
    memset(m->view.items, 0, ROUNDS * sizeof *m->view.items);
    for (size_t n = 0; n < ROUNDS; n++) {
        struct ifm_view_invocation *item = &m->view.items[n];
        ifm_json_init(&ifm_invocation_table, &item->body);
        item->body.n = (int64_t)n;
        item->has_stats = !isnan(noise[n]);
        item->body.status = isnan(noise[n]);
        item->stats.p50_ns = (int64_t)(scale * (1 + (item->has_stats ? noise[n] : 0)));
        item->stats.throughput_per_s = 1e9 / (double)item->stats.p50_ns;
        m->view.ok += item->has_stats;
    }
    m->view.count = ROUNDS;
    assert_int_equal(ifm_view_numbers(&m->view, NULL), 0);
}

static const double quiet[ROUNDS] = { .001, -.001, .002, 0, -.002, .001, 0, -.001, .002, 0 };
static const double other[ROUNDS] = { 0, .001, -.002, .001, .001, -.001, .002, 0, -.001, .001 };

static void start(struct fixture *f, double a, double b, double c)
{
    memset(f, 0, sizeof *f);
    fill(&f->arms[0], "A", a, quiet);
    fill(&f->arms[1], "B", b, other);
    fill(&f->arms[2], "C", c, quiet);
    f->x.arms = f->arms;
    f->x.count = 3;
}

static void stop(struct fixture *f)
{
    for (size_t i = 0; i < 3; i++)
        ifm_view_done(&f->arms[i].view);
}

static void says(const struct fixture *f, const struct ifm_versus *v, const char *part)
{
    char text[IFM_EXPERIMENT_TEXT];
    ifm_experiment_sentence(&f->x, v, text);
    t_assert_contains(text, part);
}

static void the_fastest_is_compared_with_the_second_and_with_the_first_typed(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_versus versus[2];
    size_t count, order[3];
    start(&f, 2e6, 1e6, 1.5e6);
    assert_int_equal(ifm_experiment_rank(&f.x, order), 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    assert_int_equal(ifm_experiment_comparisons(&f.x, versus, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(versus[0].slow, 2);
    assert_int_equal(versus[1].slow, 0);
    assert_true(versus[0].seen && versus[1].seen);
    says(&f, &versus[1], "B is 2.00x faster than A [");
    says(&f, &versus[0], "by 10 interleaved pairs");
    stop(&f);
}

static void wrong_and_failed_arms_have_no_rank(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_versus versus[2];
    size_t count, order[3];
    start(&f, 2e6, 1e6, 1.5e6);
    f.arms[1].view.run.verification = IFM_VERIFY_WRONG;
    assert_int_equal(ifm_experiment_rank(&f.x, order), 2);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[2], 1);
    assert_int_equal(ifm_experiment_comparisons(&f.x, versus, &count, NULL), 0);
    assert_int_equal(count, 1);
    f.arms[0].view.ok = 0;
    assert_int_equal(ifm_experiment_comparisons(&f.x, versus, &count, NULL), 0);
    assert_int_equal(count, 0);
    stop(&f);
}

static void small_differences_are_none_and_say_what_would_have_been_seen(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_versus v;
    start(&f, 1e6, 1.0005e6, 3e6);
    assert_int_equal(ifm_experiment_versus(&f.x, 0, 1, &v, NULL), 0);
    assert_false(v.seen);
    assert_true(v.detectable > 0.005 && v.detectable < 0.02);
    says(&f, &v, "no difference seen between");
    says(&f, &v, "% would have been");
    stop(&f);
}

static void only_rounds_in_which_both_delivered_are_pairs(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_versus v;
    double holes[ROUNDS];
    memcpy(holes, quiet, sizeof holes);
    for (size_t i = 0; i < 6; i++)
        holes[i] = NAN;
    start(&f, 1e6, 1.2e6, 3e6);
    ifm_view_done(&f.arms[0].view);
    fill(&f.arms[0], "A", 1e6, holes);
    assert_int_equal(ifm_experiment_versus(&f.x, 0, 1, &v, NULL), 0);
    assert_int_equal(v.result.k_a, 4);
    says(&f, &v, "4 pairs give no interval: needs 6");
    stop(&f);
}

static void batches_count_items(void **state)
{
    (void)state;
    struct fixture f;
    size_t order[3];
    struct ifm_versus v;
    start(&f, 1e6, 2e6, 9e6);
    f.arms[1].spec.batch = 8; /* twice the time, eight items */
    assert_true(ifm_experiment_by_items(&f.x));
    ifm_experiment_rank(&f.x, order);
    assert_int_equal(order[0], 1);
    assert_int_equal(ifm_experiment_versus(&f.x, 1, 0, &v, NULL), 0);
    says(&f, &v, "B does 4.00x as many items a second as A");
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_compared_with_the_second_and_with_the_first_typed),
        cmocka_unit_test(wrong_and_failed_arms_have_no_rank),
        cmocka_unit_test(small_differences_are_none_and_say_what_would_have_been_seen),
        cmocka_unit_test(only_rounds_in_which_both_delivered_are_pairs),
        cmocka_unit_test(batches_count_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
