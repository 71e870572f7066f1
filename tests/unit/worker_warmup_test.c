/* When a warm-up ends. The clock is this file's own and moves only while the model "runs", so that
 * every window, median and cap is exact. */
#include "tests/lib/testlib.h"
#include <string.h>
#include <time.h>
#include "agents/worker/warmup.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static int64_t now_ns = S;

/* Stands in for libc's in the whole process. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    (void)id;
    *t = (struct timespec){ .tv_sec = now_ns / S, .tv_nsec = now_ns % S };
    return 0;
}

struct law { /* duration of run n, from 0: base, a slow start, growth by each run, or two levels */
    int64_t base_ns, slow_runs, slow_ns, growth_ns, other_ns;
    int64_t level_runs; /* base and other take turns by so many */
    int64_t runs, fail_run;
};

static int model(void *state)
{
    struct law *l = state;
    const int64_t n = l->runs++;
    if (l->fail_run > 0 && l->runs == l->fail_run) {
        return -7;
    }
    int64_t ns = l->level_runs > 0 && n / l->level_runs % 2 ? l->other_ns : l->base_ns;
    ns = n < l->slow_runs ? l->slow_ns : ns;
    now_ns += ns + n * l->growth_ns;
    return 0;
}

static struct ifm_warmup warm_up(struct law *law, struct ifm_warmup_rule rule)
{
    const struct ifm_loop loop = { .run = model, .state = law };
    struct ifm_warmup w;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_warmup_run(&loop, &rule, &w, &err), 0);
    assert_int_equal(w.iterations, law->runs - (w.status != 0));
    assert_true(w.recorded ==
                (size_t)(w.iterations < IFM_WARMUP_KEEP ? w.iterations : IFM_WARMUP_KEEP));
    return w;
}

static int64_t length(const struct ifm_warmup *w)
{
    return w->end_ns - w->begin_ns;
}

/* -- Fixed ----------------------------------------------------------------------------------------
 */
static void a_fixed_number_is_made_whatever_it_takes(void **state)
{
    struct law law = { .base_ns = 20 * S };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ 17, S, S, 1 });
    assert_int_equal(w.iterations, 17);
    assert_int_equal(w.end, IFM_WARMUP_FIXED);
    assert_int_equal(w.p50_ns, 20 * S);
    ifm_loop_array_done(&w.array);
}

static void what_is_no_longer_recorded_still_counts(void **state)
{
    struct law law = { .base_ns = 100, .growth_ns = 1 };
    (void)state;
    struct ifm_warmup w =
        warm_up(&law, (struct ifm_warmup_rule){ .iterations = IFM_WARMUP_KEEP + 10000 });
    assert_int_equal(w.iterations, IFM_WARMUP_KEEP + 10000);
    assert_int_equal(w.recorded, IFM_WARMUP_KEEP);
    for (int64_t i = 0; i < IFM_WARMUP_KEEP; i++) { /* each chunk at its place */
        assert_int_equal(w.array.samples[i].duration_ns, 100 + i);
    }
    /* of the latest 16384 runs, the lower of the middle two */
    assert_int_equal(w.p50_ns, 100 + IFM_WARMUP_KEEP + 10000 - 16384 + 8191);
    ifm_loop_array_done(&w.array);
    law = (struct law){ .base_ns = 100 };
    w = warm_up(&law, (struct ifm_warmup_rule){ .iterations = IFM_WARMUP_KEEP });
    assert_int_equal(w.iterations, IFM_WARMUP_KEEP);
    ifm_loop_array_done(&w.array);
}

/* -- Converged ------------------------------------------------------------------------------------
 */
static void an_even_model_needs_three_windows(void **state)
{
    struct law law = { .base_ns = MS };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_int_equal(w.iterations, 300);
    assert_int_equal(length(&w), 300 * MS);
    assert_int_equal(w.p50_ns, MS);
    ifm_loop_array_done(&w.array);
}

static void a_window_has_ten_runs_however_slow(void **state)
{
    struct law law = { .base_ns = 50 * MS };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_int_equal(w.iterations, 30);
    ifm_loop_array_done(&w.array);
}

static void the_least_time_is_kept(void **state)
{
    struct law law = { .base_ns = MS };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .least_ns = 450 * MS });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_int_equal(length(&w), 500 * MS); /* whole windows */
    ifm_loop_array_done(&w.array);
}

static void slow_first_runs_are_waited_out(void **state)
{
    struct law law = { .base_ns = MS, .slow_runs = 120, .slow_ns = 2 * MS };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    /* two slow windows of 50, one of 20 slow and 60 fast runs, two more that agree with it */
    assert_int_equal(w.iterations, 50 + 50 + 80 + 100 + 100);
    assert_int_equal(w.p50_ns, MS);
    ifm_loop_array_done(&w.array);
}

static void a_stall_of_one_run_delays_nothing(void **state)
{
    struct law law = { .base_ns = MS, .slow_runs = 1, .slow_ns = 80 * MS };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_true(length(&w) < 400 * MS); /* medians do not see it */
    ifm_loop_array_done(&w.array);
}

static void a_fast_model_is_judged_over_whole_windows(void **state)
{
    struct law law = { .base_ns = 1000 };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 20 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_int_equal(length(&w), 300 * MS);
    assert_int_equal(w.iterations, 300000);
    assert_int_equal(w.recorded, IFM_WARMUP_KEEP);
    ifm_loop_array_done(&w.array);
}

/* -- Cap ------------------------------------------------------------------------------------------
 */
static void a_drift_never_converges_and_ends_by_count(void **state)
{
    struct law law = { .base_ns = MS, .growth_ns = 500 }; /* 5 % a window and more */
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CAP);
    assert_true(w.iterations >= 1000 && w.iterations < 1100); /* and ten windows */
    assert_true(length(&w) >= 1000 * MS && length(&w) < 2000 * MS);
    assert_true(w.p50_ns > MS);
    ifm_loop_array_done(&w.array);
}

static void two_levels_that_take_turns_end_at_the_cap(void **state)
{
    struct law law = { .base_ns = MS, .other_ns = MS + 25000, .level_runs = 100 };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CAP);
    ifm_loop_array_done(&w.array);
    law = (struct law){ .base_ns = MS, .other_ns = MS + 15000, .level_runs = 100 };
    w = warm_up(&law, (struct ifm_warmup_rule){ .tick_ns = 1 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED); /* 1.5 % is within 2 % */
    ifm_loop_array_done(&w.array);
}

static void a_slow_model_ends_at_30_seconds(void **state)
{
    struct law law = { .base_ns = 4 * S };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .least_ns = 500 * MS });
    assert_int_equal(w.end, IFM_WARMUP_CAP); /* not one window has its ten runs */
    assert_int_equal(w.iterations, 8);       /* the one that the cap falls into is the last */
    assert_int_equal(w.p50_ns, 4 * S);
    ifm_loop_array_done(&w.array);
}

static void the_cap_can_be_set_but_not_below_the_least(void **state)
{
    struct law law = { .base_ns = MS, .growth_ns = 2000 };
    (void)state;
    struct ifm_warmup w =
        warm_up(&law, (struct ifm_warmup_rule){ .least_ns = 200 * MS, .most_ns = 250 * MS });
    assert_int_equal(w.end, IFM_WARMUP_CAP);
    assert_true(length(&w) >= 250 * MS && length(&w) < 255 * MS);
    ifm_loop_array_done(&w.array);
    law = (struct law){ .base_ns = MS };
    w = warm_up(&law, (struct ifm_warmup_rule){ .least_ns = 700 * MS, .most_ns = 5 });
    assert_int_equal(w.end, IFM_WARMUP_CONVERGED);
    assert_int_equal(length(&w), 700 * MS);
    ifm_loop_array_done(&w.array);
}

/* -- Others ---------------------------------------------------------------------------------------
 */
static void medians_agree_within_2_percent_or_a_tick(void **state)
{
    const int64_t close[] = { 1000, 1020, 1001 }, far[] = { 1000, 1021, 1001 };
    const int64_t coarse[] = { 40, 60, 40 };
    (void)state;
    assert_true(ifm_warmup_agree(close, 1));
    assert_false(ifm_warmup_agree(far, 1));
    assert_true(ifm_warmup_agree(coarse, 20)); /* the clock knows nothing between */
    assert_false(ifm_warmup_agree(coarse, 19));
}

static void a_failed_run_ends_it(void **state)
{
    struct law law = { .base_ns = MS, .fail_run = 2 };
    (void)state;
    struct ifm_warmup w = warm_up(&law, (struct ifm_warmup_rule){ .least_ns = 1000 });
    assert_int_equal(w.status, -7);
    assert_int_equal(w.iterations, 1);
    ifm_loop_array_done(&w.array);
    law = (struct law){ .base_ns = MS, .fail_run = 1 };
    w = warm_up(&law, (struct ifm_warmup_rule){ .iterations = 5 });
    assert_int_equal(w.status, -7);
    assert_int_equal(w.iterations, 0);
    ifm_loop_array_done(&w.array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_number_is_made_whatever_it_takes),
        cmocka_unit_test(what_is_no_longer_recorded_still_counts),
        cmocka_unit_test(an_even_model_needs_three_windows),
        cmocka_unit_test(a_window_has_ten_runs_however_slow),
        cmocka_unit_test(the_least_time_is_kept),
        cmocka_unit_test(slow_first_runs_are_waited_out),
        cmocka_unit_test(a_stall_of_one_run_delays_nothing),
        cmocka_unit_test(a_fast_model_is_judged_over_whole_windows),
        cmocka_unit_test(a_drift_never_converges_and_ends_by_count),
        cmocka_unit_test(two_levels_that_take_turns_end_at_the_cap),
        cmocka_unit_test(a_slow_model_ends_at_30_seconds),
        cmocka_unit_test(the_cap_can_be_set_but_not_below_the_least),
        cmocka_unit_test(medians_agree_within_2_percent_or_a_tick),
        cmocka_unit_test(a_failed_run_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
