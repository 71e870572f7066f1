#include "tests/lib/testlib.h"

#include <string.h>

#include "core/mem.h"
#include "core/opt.h"

struct target {
    bool quick, color;
    int64_t threads, warmup, memory;
    double rtol;
    const char *runtime;
    int level;
    struct ifm_option_list inputs;
};

#define OFF(f) offsetof(struct target, f)
static const struct ifm_option rows[] = {
    { "quick", IFM_OPT_BOOL, OFF(quick), NULL, 0, 0, NULL, NULL, "fewer iterations", 'q' },
    { "color", IFM_OPT_BOOL, OFF(color), "true", 0, 0, NULL, NULL, "colours", 0 },
    { "threads", IFM_OPT_INT, OFF(threads), "4", 1, 64, NULL, "N", "threads inside one inference",
      't' },
    { "warmup", IFM_OPT_DURATION, OFF(warmup), "500ms", 0, 60000000000, NULL, "TIME",
      "warm up this long", 0 },
    { "memory-limit", IFM_OPT_SIZE, OFF(memory), NULL, 1048576, INT64_MAX, NULL, "SIZE",
      "limit of the data", 0 },
    { "rtol", IFM_OPT_DOUBLE, OFF(rtol), "0.001", 0, 1, NULL, "X", "relative tolerance", 0 },
    { "runtime", IFM_OPT_STRING, OFF(runtime), NULL, 0, 16, NULL, "NAME",
      "runtime that executes the model, by its name as `inferometer runtime list` shows it, or "
      "null for the one "
      "that does nothing at all and so measures the measuring",
      0 },
    { "level", IFM_OPT_CHOICE, OFF(level), "all", 0, 0, "off|basic|all", NULL, "graph optimisation",
      0 },
    { "input", IFM_OPT_LIST, OFF(inputs), NULL, 0, 0, NULL, "NAME=FILE", "one input", 'i' },
    IFM_OPTION_END
};

static struct target t;

static int defaults(void **state)
{
    (void)state;
    memset(&t, 0xA5, sizeof t);
    return ifm_opt_defaults(rows, &t, NULL);
}

static int done(void **state)
{
    (void)state;
    ifm_opt_done(rows, &t);
    return 0;
}

static void fallbacks_are_written(void **state)
{
    (void)state;
    assert_false(t.quick);
    assert_true(t.color);
    assert_int_equal(t.threads, 4);
    assert_int_equal(t.warmup, 500000000);
    assert_int_equal(t.memory, 0); /* no fallback: zero, also outside the range */
    assert_true(t.rtol == 0.001);
    assert_null(t.runtime);
    assert_int_equal(t.level, 2);
    assert_int_equal(t.inputs.count, 0);
}

static void a_command_line_is_parsed_and_the_rest_kept_in_order(void **state)
{
    (void)state;
    char *argv[] = { "run",   "model.onnx", "--threads", "8",          "--runtime=null",
                     "-q",    "-i",         "a=1",       "--no-color", "-",
                     "-ib=2", "--level",    "off",       "--warmup",   "1.5s",
                     "--",    "--quick",    "-5",        NULL };
    int rest = -1;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_opt_parse(rows, &t, 18, argv, &rest, &err), 0);
    assert_int_equal(rest, 4);
    assert_string_equal(argv[0], "model.onnx");
    assert_string_equal(argv[1], "-");
    assert_string_equal(argv[2], "--quick");
    assert_string_equal(argv[3], "-5");
    assert_true(t.quick);
    assert_false(t.color);
    assert_int_equal(t.threads, 8);
    assert_string_equal(t.runtime, "null");
    assert_int_equal(t.level, 0);
    assert_int_equal(t.warmup, 1500000000);
    assert_int_equal(t.inputs.count, 2);
    assert_string_equal(t.inputs.items[1], "b=2");
}

static void wrong_command_lines_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *arg, *next, *text;
    } wrong[] = { { "--runtme", "x", "unknown option --runtme; did you mean --runtime?" },
                  { "--run", "x", "did you mean --runtime?" },
                  { "--thraeds=3", NULL, "did you mean --threads?" },
                  { "--zzzzzzzz", NULL, "unknown option --zzzzzzzz" },
                  { "--threads", NULL, "option threads needs a value (N)" },
                  { "--threads", "--quick", "option threads needs a value (N)" },
                  { "--threads", "eight", "option threads wants a whole number, got \"eight\"" },
                  { "--threads", "0", "a whole number from 1 to 64, got \"0\"" },
                  { "--threads", "99999999999999999999", "wants a whole number" },
                  { "--threads=", NULL, "wants a whole number" },
                  { "--warmup", "2h", "a value from 0 to 1m, got \"2h\"" },
                  { "--warmup", "soon", "a duration like 500ms" },
                  { "--memory-limit", "1KB", "a value from 1MiB" },
                  { "--memory-limit", "-1", "a size like" },
                  { "--rtol", "nan", "wants a number" },
                  { "--rtol", "2", "a number from 0 to 1" },
                  { "--level", "max", "option level wants one of off|basic|all, got \"max\"" },
                  { "--level", "", "one of off|basic|all" },
                  { "--runtime", "a name that is too long", "at most 16 bytes, got 23" },
                  { "--quick=perhaps", NULL, "option quick wants true or false, got \"perhaps\"" },
                  { "--no-threads", NULL, "option --threads cannot be switched off" },
                  { "--no-quick=1", NULL, "cannot be switched off" },
                  { "-x", NULL, "unknown option -x" },
                  { "-qx", NULL, "option -q takes no value" },
                  { "--\x1b[2J", NULL, "unknown option --\\x1B[2J" } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *argv[] = { "run", (char *)(uintptr_t)wrong[i].arg, (char *)(uintptr_t)wrong[i].next,
                         NULL };
        int rest;
        struct ifm_err err = IFM_ERR_INIT;
        t_assert_error(ifm_opt_parse(rows, &t, wrong[i].next ? 3 : 2, argv, &rest, &err),
                       IFM_ERR_USAGE, &err, wrong[i].text);
    }
}

static void a_configuration_sets_options_by_name(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_opt_set(rows, &t, "memory_limit", "64MiB", &err), 0);
    assert_int_equal(t.memory, 67108864);
    assert_int_equal(ifm_opt_set(rows, &t, "quick", "on", &err), 0);
    assert_true(t.quick);
    t_assert_error(ifm_opt_set(rows, &t, "levle", "x", &err), IFM_ERR_USAGE, &err,
                   "unknown option levle; did you mean level?");
}

static void sizes_and_durations_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t size, duration;
    } good[] = { { "0", 0, 0 },
                 { "1.5GB", 1500000000, -1 },
                 { "64MiB", 67108864, -1 },
                 { "2 kb", 2000, -1 },
                 { "250ms", -1, 250000000 },
                 { "3", 3, 3000000000 },
                 { "2m", 2000000, 120000000000 },
                 { ".5us", -1, 500 },
                 { "1h", -1, 3600000000000 },
                 { "7d", -1, 604800000000000 },
                 { "1ns", -1, 1 },
                 { "3µs", -1, 3000 } };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t size = -1, duration = -1;
        assert_int_equal(ifm_opt_parse_size(good[i].text, &size), good[i].size < 0 ? -1 : 0);
        assert_int_equal(ifm_opt_parse_duration(good[i].text, &duration),
                         good[i].duration < 0 ? -1 : 0);
        assert_int_equal(size, good[i].size);
        assert_int_equal(duration, good[i].duration);
    }
    static const char *const bad[] = { "",      " ",   "-1",        "+1",
                                       "inf",   "nan", "0x10",      "1e30",
                                       "1.2.3", "ms",  "5 parsecs", "9999999999999TB",
                                       ".",     "1 2" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t out;
        assert_int_equal(ifm_opt_parse_size(bad[i], &out), -1);
        assert_int_equal(ifm_opt_parse_duration(bad[i], &out), -1);
    }
}

static void nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const words[] = { "model", "runtime", "device", "since", NULL };
    assert_string_equal(ifm_opt_nearest("runtiem", words), "runtime");
    assert_string_equal(ifm_opt_nearest("modl", words), "model");
    assert_string_equal(ifm_opt_nearest("dev", words), "device");
    assert_null(ifm_opt_nearest("verification", words));
    assert_null(ifm_opt_nearest("", words));
    assert_null(ifm_opt_nearest("x", words));
    char huge[5000];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(ifm_opt_nearest(huge, words));
}

static void help_is_aligned_and_no_wider_than_100_columns(void **state)
{
    (void)state;
    struct ifm_buf out;
    ifm_buf_init(&out, 100000);
    ifm_opt_help(rows, &out);
    assert_int_equal(ifm_buf_check(&out, NULL), 0);
    t_assert_contains(
        out.data,
        "  -t, --threads N             threads inside one inference (1..64, default 4)\n");
    t_assert_contains(out.data, "      --level off|basic|all   graph optimisation (default all)\n");
    t_assert_contains(out.data,
                      "      --memory-limit SIZE     limit of the data (at least 1MiB)\n");
    t_assert_contains(out.data, "      --[no-]color            colours (default on)\n");
    t_assert_contains(out.data, "(0..1m, default 500ms)");
    t_assert_contains(out.data, "one input (may be repeated)\n");
    for (const char *line = out.data; *line;) {
        size_t len = strcspn(line, "\n");
        assert_true(len <= 100);
        assert_true(len > 0 && line[len - 1] != ' ');
        line += len + 1;
    }
    ifm_buf_done(&out);
}

static void man_page_and_json_say_the_same(void **state)
{
    (void)state;
    static const struct ifm_option tricky[] = { { "dot", IFM_OPT_STRING, 0, "a\\b", 0, 0, NULL,
                                                  "FILE", ".a \"quote\" and a \\ backslash", 'd' },
                                                IFM_OPTION_END };
    struct ifm_buf out;
    ifm_buf_init(&out, 100000);
    ifm_opt_man(tricky, &out);
    assert_string_equal(out.data, ".It Fl d , Fl -dot Ar FILE\n"
                                  "\\&.a \"quote\" and a \\e backslash (default a\\eb)\n");
    ifm_buf_reset(&out);
    ifm_opt_json(tricky, &out);
    assert_string_equal(out.data, "[{\"name\":\"dot\",\"type\":\"string\",\"default\":\"a\\\\b\","
                                  "\"help\":\".a \\\"quote\\\" and a \\\\ backslash\"}]");
    ifm_buf_reset(&out);
    ifm_opt_json(rows, &out);
    t_assert_contains(out.data, "\"choices\":[\"off\",\"basic\",\"all\"]");
    t_assert_contains(out.data, "\"min\":1,\"max\":64");
    ifm_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fallbacks_are_written, defaults, done),
        cmocka_unit_test_setup_teardown(a_command_line_is_parsed_and_the_rest_kept_in_order,
                                        defaults, done),
        cmocka_unit_test_setup_teardown(wrong_command_lines_are_refused_by_name, defaults, done),
        cmocka_unit_test_setup_teardown(a_configuration_sets_options_by_name, defaults, done),
        cmocka_unit_test(sizes_and_durations_have_units),
        cmocka_unit_test(nearest_word_is_near),
        cmocka_unit_test(help_is_aligned_and_no_wider_than_100_columns),
        cmocka_unit_test(man_page_and_json_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
