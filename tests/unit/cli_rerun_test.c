/* rerun: from a stored command to words again, and the rule of agreement, case by case. */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/measure.h"
#include "agents/cli/rerun.h"
#include "agents/plan/keys.h"
#include "core/mem.h"
#include "core/trust.h"

/* -- Words ---------------------------------------------------------------------------------------- */

static void a_command_and_back(void **state)
{
    static char *words[] = { "run", "m.onnx", "--label", "who=it's me", "-O", "key=a$b \\c", "--name", "", NULL };
    struct ifm_words again;
    (void)state;
    char *command = ifm_measure_command(words, 8);
    assert_int_equal(ifm_words_split(command, &again, NULL), 0);
    assert_int_equal(again.count, 9);
    assert_string_equal(again.items[0], "inferometer");
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(again.items[i + 1], words[i]);
    ifm_words_done(&again);
    ifm_free(command);
}

static void broken_commands_end(void **state)
{
    static const char *const commands[] = { "", "   ", "'", "a 'b", "\\", "a\\ b", "''" };
    static const size_t counts[] = { 0, 0, 1, 2, 1, 1, 1 };
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct ifm_words words;
        assert_int_equal(ifm_words_split(commands[i], &words, NULL), 0);
        assert_int_equal(words.count, counts[i]);
        ifm_words_done(&words);
    }
}

/* -- A plan --------------------------------------------------------------------------------------- */

static void set(struct ifm_view *view, const char *key, const char *value)
{
    assert_int_equal(ifm_map_set(&view->run.config, key, value, NULL), 0);
}

static void an_arm_gets_its_own_values(void **state)
{
    static const char *const wanted[] = { "run",      "--runtime", "sim",      "--threads", "2",
                                          "--option", "latency=1ms", "--no-sandbox", "--option", "latency=3ms" };
    struct ifm_view view = { .closed = true };
    struct ifm_rerun_plan plan;
    (void)state;
    view.run.format = "none";
    view.run.runtime = "sim";
    view.run.command = "inferometer run --runtime sim,null --threads=1,2 --vary latency=1ms,3ms -O latency=1ms "
                       "--no-sandbox --daemon http://x --json -q -o out.json";
    set(&view, "threads", "auto");
    set(&view, "asked.threads", "2");
    set(&view, "latency", "3ms");
    assert_int_equal(ifm_rerun_plan(&view, NULL, NULL, &plan, NULL), 0);
    assert_int_equal(plan.words.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < plan.words.count; i++)
        assert_string_equal(plan.words.items[i], wanted[i]);
    assert_string_equal(plan.model, "");
    ifm_rerun_plan_done(&plan);
    ifm_map_done(&view.run.config);
}

/* Which of two versions, or libraries, of one runtime it was. */
static void an_arm_gets_its_own_runtime(void **state)
{
    static const struct {
        const char *typed, *runtime, *version, *library, *wanted; /* NULL: the run does not say */
    } rows[] = {
        { "a@1.17.0,a@1.20.1", "a", "1.20.1", NULL, "a@1.20.1" },
        { "a@1.17.0,a@1.20.1", "a", "1.18.0", NULL, NULL },
        { "a@1.17.0,b", "a", "1.17.0-dev", NULL, "a@1.17.0" },
        { "a,a@1.20.1", "a", "1.19.0", NULL, "a" },
        { "a@1.20.1,a", "a", "1.19.0", NULL, "a" },
        { "a=/x/liba.so.1,a=/x/liba.so.2", "a", "1", "liba.so.2", "a=/x/liba.so.2" },
        { "all", "a", "1", NULL, "a" },
    };
    static char run[] = "run", option[] = "--runtime";
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ifm_view view = { .closed = true };
        struct ifm_rerun_plan plan;
        char *argv[] = { run, option, (char *)(uintptr_t)rows[i].typed };
        const struct ifm_note note = { .argv = { .items = argv, .count = 3 } };
        view.run.format = "none";
        view.run.runtime = (char *)(uintptr_t)rows[i].runtime;
        view.run.runtime_version = (char *)(uintptr_t)rows[i].version;
        if (rows[i].library)
            set(&view, "library", rows[i].library);
        int rc = ifm_rerun_plan(&view, &note, NULL, &plan, NULL);
        assert_int_equal(rc, rows[i].wanted ? 0 : IFM_ERR_INVALID);
        if (!rc)
            assert_string_equal(plan.words.items[2], rows[i].wanted);
        ifm_rerun_plan_done(&plan);
        ifm_map_done(&view.run.config);
    }
}

/* A command from elsewhere must not name what is loaded here. */
static void a_library_of_somebody_else_is_refused(void **state)
{
    struct ifm_view view = { .closed = true };
    struct ifm_rerun_plan plan;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    view.run.format = "none";
    view.run.runtime = "sim";
    view.run.command = "inferometer run --runtime sim=/home/you/Downloads/x.so";
    t_assert_error(ifm_rerun_plan(&view, NULL, NULL, &plan, &err), IFM_ERR_INVALID, &err, "a library of its own");
    ifm_rerun_plan_done(&plan);
}

static void a_rate_that_was_searched_for_is_measured_again(void **state)
{
    struct ifm_view view = { .closed = true };
    struct ifm_rerun_plan plan;
    (void)state;
    view.run.format = "none";
    view.run.command = "inferometer run --runtime sim --find-max-qps --bound 5ms@p90";
    set(&view, "scenario", "server");
    set(&view, "rate", "456.5");
    assert_int_equal(ifm_rerun_plan(&view, NULL, NULL, &plan, NULL), 0);
    assert_int_equal(plan.words.count, 9);
    assert_string_equal(plan.words.items[3], "--bound");
    assert_string_equal(plan.words.items[6], "server");
    assert_string_equal(plan.words.items[8], "456.5");
    ifm_rerun_plan_done(&plan);
    ifm_map_done(&view.run.config);
}

static void what_cannot_be_repeated_is_said(void **state)
{
    struct ifm_view view = { .closed = true };
    struct ifm_rerun_plan plan;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    view.run.format = "onnx";
    view.run.command = "inferometer profile m.onnx";
    t_assert_error(ifm_rerun_plan(&view, NULL, NULL, &plan, &err), IFM_ERR_INVALID, &err, "but by `profile`");
    ifm_rerun_plan_done(&plan);
    view.run.command = "inferometer run m.onnx --from-the-future 3";
    t_assert_error(ifm_rerun_plan(&view, NULL, NULL, &plan, &err), IFM_ERR_INVALID, &err, "--from-the-future");
    ifm_rerun_plan_done(&plan);
    view.run.command = "inferometer run no-such-model.onnx";
    t_assert_error(ifm_rerun_plan(&view, NULL, NULL, &plan, &err), IFM_ERR_NOT_FOUND, &err, "--model PATH");
    ifm_rerun_plan_done(&plan);
    view.run.command = NULL;
    t_assert_error(ifm_rerun_plan(&view, NULL, NULL, &plan, &err), IFM_ERR_INVALID, &err, "cannot be repeated");
    ifm_rerun_plan_done(&plan);
}

/* -- The answer ----------------------------------------------------------------------------------- */

static struct ifm_view trusted_a, trusted_b;

static struct ifm_compared compared_at(double ratio, double low, double high)
{
    struct ifm_compared c = { .a = &trusted_a, .b = &trusted_b, .comparable = true };
    trusted_a.run.trust = trusted_b.run.trust = IFM_TRUST_TRUSTED;
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++)
        c.detectable[m] = 0.011;
    c.metrics[IFM_METRIC_P50] = (struct ifm_comparison_result){ .ratio = ratio, .low = low, .high = high,
                                                                .k_a = 10, .k_b = 10 };
    return c;
}

static void the_rule(void **state)
{
    static const struct {
        double ratio, low, high;
        enum ifm_agreement answer;
        const char *part;
    } cases[] = {
        { 1.003, 0.99, 1.02, IFM_AGREES, "no difference seen" },
        { 1.100, 0.90, 1.30, IFM_AGREES, "1.1 % would have been seen" }, /* says how little it says */
        { 1.008, 1.004, 1.012, IFM_AGREES, "within the tolerance" },
        { 1.021, 1.015, 1.026, IFM_DIFFERS, "differs by +2.1 % [+1.5 .. +2.6] in P50" },
        { 0.900, 0.88, 0.92, IFM_DIFFERS, "differs by -10.0 %" },
        { 1.0, NAN, NAN, IFM_NOT_COMPARABLE, "too few invocations" },
    };
    char text[640];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ifm_compared c = compared_at(cases[i].ratio, cases[i].low, cases[i].high);
        assert_int_equal(ifm_rerun_judge(&c, 0.02, text, sizeof text), cases[i].answer);
        t_assert_contains(text, cases[i].part);
    }
}

static void what_is_not_trusted_is_part_of_the_answer(void **state)
{
    char text[640];
    struct ifm_compared c = compared_at(1.003, 0.99, 1.02);
    (void)state;
    trusted_b.run.trust = IFM_TRUST_CAUTION;
    assert_int_equal(ifm_rerun_judge(&c, 0.02, text, sizeof text), IFM_AGREES);
    t_assert_contains(text, "the new run is caution");
    trusted_a.run.trust = IFM_TRUST_UNTRUSTED;
    snprintf(c.capped, sizeof c.capped, "A is untrusted");
    assert_int_equal(ifm_rerun_judge(&c, 0.02, text, sizeof text), IFM_NOT_COMPARABLE);
    t_assert_contains(text, "cannot tell: agrees: P50 +0.3 %");
    t_assert_contains(text, "the stored run is untrusted");
}

static void fields_that_differ_are_named(void **state)
{
    char text[640], small[16];
    struct ifm_difference differences[] = { { "device", "cpu_model", "A", "B" },
                                            { "device", "kernel", "5", "6" },
                                            { "configuration", "threads", "", "4" },
                                            { "variant", "sha256", "x", "y" } };
    struct ifm_compared c = compared_at(1.003, 0.99, 1.02);
    (void)state;
    c.differences = differences;
    c.difference_count = 4;
    c.comparable = false;
    assert_int_equal(ifm_rerun_judge(&c, 0.02, text, sizeof text), IFM_NOT_COMPARABLE);
    assert_string_equal(text, "not comparable: device cpu_model was A and is B, device kernel was 5 and is 6, "
                              "configuration threads was absent and is 4 and 1 more");
    assert_int_equal(ifm_rerun_judge(&c, 0.02, small, sizeof small), IFM_NOT_COMPARABLE);
    assert_string_equal(small, "not comparable:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_and_back),
        cmocka_unit_test(broken_commands_end),
        cmocka_unit_test(an_arm_gets_its_own_values),
        cmocka_unit_test(an_arm_gets_its_own_runtime),
        cmocka_unit_test(a_library_of_somebody_else_is_refused),
        cmocka_unit_test(a_rate_that_was_searched_for_is_measured_again),
        cmocka_unit_test(what_cannot_be_repeated_is_said),
        cmocka_unit_test(the_rule),
        cmocka_unit_test(what_is_not_trusted_is_part_of_the_answer),
        cmocka_unit_test(fields_that_differ_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
