/* The method's defaults, and how what was typed changes them. */
#include "tests/lib/testlib.h"

#include "agents/plan/plan.h"

#define SECOND INT64_C(1000000000)

static struct ifm_plan make(struct ifm_plan_asked asked)
{
    struct ifm_plan plan;
    ifm_plan_make(&asked, &plan);
    return plan;
}

static void defaults_are_those_of_the_method(void **state)
{
    (void)state;
    struct ifm_plan plan = make((struct ifm_plan_asked){ 0 });
    assert_int_equal(plan.invocations, 10);
    assert_int_equal(plan.iterations, 1024);
    assert_int_equal(plan.duration_ns, 3 * SECOND);
    assert_int_equal(plan.max_ns, 30 * SECOND);
    assert_int_equal(plan.warmup_iterations, 0);
    assert_int_equal(plan.warmup_ns, SECOND / 2);
    assert_int_equal(plan.warmup_max_ns, 10 * SECOND);
    assert_int_equal(plan.timeout_ns, 210 * SECOND);
    assert_int_equal(plan.cooldown_ns, SECOND);
    assert_int_equal(plan.spin_ns, SECOND / 10);
}

static void quick_takes_about_ten_seconds(void **state)
{
    (void)state;
    struct ifm_plan plan = make((struct ifm_plan_asked){ .quick = true });
    int64_t least, most;
    ifm_plan_bounds(&plan, &least, &most);
    assert_int_equal(plan.invocations, 3);
    assert_in_range(least, 8 * SECOND, 11 * SECOND);
    assert_int_equal(most, least + 3 * (2 * SECOND - SECOND / 2)); /* where the warm-up does not settle */
}

static void a_typed_count_means_that_count(void **state)
{
    (void)state;
    struct ifm_plan plan =
        make((struct ifm_plan_asked){ .iterations = 50, .warmup_iterations = 7 });
    assert_int_equal(plan.iterations, 50);
    assert_int_equal(plan.duration_ns, 0);
    assert_int_equal(plan.max_ns, 600 * SECOND);
    assert_int_equal(plan.warmup_iterations, 7);
    assert_int_equal(plan.warmup_ns, 0);
}

static void a_typed_duration_means_that_duration(void **state)
{
    (void)state;
    struct ifm_plan plan = make((struct ifm_plan_asked){ .duration_ns = 40 * SECOND });
    assert_int_equal(plan.iterations, 1);
    assert_int_equal(plan.duration_ns, 40 * SECOND);
    assert_true(plan.max_ns >= plan.duration_ns);
    assert_true(plan.timeout_ns > plan.max_ns);
}

static void a_typed_maximum_is_honoured(void **state)
{
    (void)state;
    struct ifm_plan plan = make((struct ifm_plan_asked){ .max_ns = 5 * SECOND });
    int64_t least, most;
    ifm_plan_bounds(&plan, &least, &most);
    assert_int_equal(plan.max_ns, 5 * SECOND);
    assert_int_equal(least, 10 * (SECOND * 9 / 10 + 3 * SECOND) + 9 * SECOND);
    assert_int_equal(most, 10 * (SECOND * 4 / 10 + 10 * SECOND + 5 * SECOND) + 9 * SECOND);
}

static void pauses_follow_the_size(void **state)
{
    (void)state;
    static const struct {
        struct ifm_plan_asked asked;
        int64_t cooldown_ns, spin_ns;
    } rows[] = {
        { { .quick = true }, SECOND / 5, SECOND / 10 },
        { { .iterations = 20 }, 0, 0 },
        { { .duration_ns = SECOND * 3 / 4 }, SECOND / 4, SECOND / 10 },
        { { .duration_ns = 10 * SECOND }, SECOND, SECOND / 10 },
        { { .iterations = 20, .has_cooldown = true, .cooldown_ns = 5 * SECOND }, 5 * SECOND, SECOND / 10 },
        { { .has_cooldown = true }, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ifm_plan plan = make(rows[i].asked);
        assert_int_equal(plan.cooldown_ns, rows[i].cooldown_ns);
        assert_int_equal(plan.spin_ns, rows[i].spin_ns);
    }
}

static void a_warm_up_ends_in_proportion(void **state)
{
    (void)state;
    assert_int_equal(make((struct ifm_plan_asked){ .quick = true }).warmup_max_ns, 2 * SECOND);
    assert_int_equal(make((struct ifm_plan_asked){ .duration_ns = SECOND / 2 }).warmup_max_ns, 2 * SECOND);
    assert_int_equal(make((struct ifm_plan_asked){ .duration_ns = 2 * SECOND }).warmup_max_ns, 6 * SECOND);
    assert_int_equal(make((struct ifm_plan_asked){ .duration_ns = 60 * SECOND }).warmup_max_ns, 30 * SECOND);
    assert_int_equal(make((struct ifm_plan_asked){ .warmup_iterations = 3 }).warmup_max_ns, 0);
    struct ifm_plan plan = make((struct ifm_plan_asked){ .warmup_max_ns = SECOND / 5 });
    assert_int_equal(plan.warmup_max_ns, SECOND / 5);
    assert_int_equal(plan.warmup_ns, SECOND / 5);
}

static void the_spec_gets_the_plan(void **state)
{
    (void)state;
    struct ifm_plan plan = make((struct ifm_plan_asked){ .iterations = 9, .timeout_ns = SECOND });
    struct ifm_msg_spec spec = { .seed = 5 };
    ifm_plan_spec(&plan, &spec);
    assert_int_equal(spec.iterations, 9);
    assert_int_equal(spec.timeout_ns, SECOND);
    assert_int_equal(spec.max_ns, plan.max_ns);
    assert_int_equal(spec.spin_ns, plan.spin_ns);
    assert_int_equal(spec.seed, 5);
}

static void times_read_well(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        { 300000000, "300 ms" },        { 3 * SECOND, "3 s" },          { 2300000000, "2.3 s" },
        { 59 * SECOND, "59 s" },        { 61 * SECOND, "1 min 1 s" },   { 600 * SECOND, "10 min" },
        { 3600 * SECOND, "1 h 0 min" }, { 7380 * SECOND, "2 h 3 min" }, { 0, "1 s" }
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[40];
        ifm_plan_time_text(rows[i].ns, text, sizeof text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_method),
        cmocka_unit_test(quick_takes_about_ten_seconds),
        cmocka_unit_test(a_typed_count_means_that_count),
        cmocka_unit_test(a_typed_duration_means_that_duration),
        cmocka_unit_test(a_typed_maximum_is_honoured),
        cmocka_unit_test(pauses_follow_the_size),
        cmocka_unit_test(a_warm_up_ends_in_proportion),
        cmocka_unit_test(the_spec_gets_the_plan),
        cmocka_unit_test(times_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
