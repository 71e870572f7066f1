/* Which modules are found, and what the registry refuses before it calls one. */
#include "tests/lib/testlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "agents/worker/registry.h"
#include "core/mem.h"

static int dummy(void *state)
{
    (void)state;
    return 0;
}
static int dummy_probe(void *s, struct ifm_runtime_info *i)
{
    (void)s;
    (void)i;
    return 0;
}
static int dummy_open(void *s, const char *p)
{
    (void)s;
    (void)p;
    return 0;
}
static int dummy_describe(void *s, const struct ifm_tensor_info **i, size_t *n,
                          const struct ifm_tensor_info **o, size_t *m)
{
    (void)s;
    (void)i;
    (void)n;
    (void)o;
    (void)m;
    return 0;
}
static int dummy_bind(void *s, const struct ifm_tensor *i, size_t n)
{
    (void)s;
    (void)i;
    (void)n;
    return 0;
}
static int dummy_fetch(void *s, const struct ifm_tensor **o, size_t *n)
{
    (void)s;
    (void)o;
    (void)n;
    return 0;
}
static void dummy_close(void *s)
{
    (void)s;
}

static struct ifm_runtime_ops good(void)
{
    return (struct ifm_runtime_ops){
        .abi = IFM_RUNTIME_ABI,
        .size = sizeof(struct ifm_runtime_ops),
        .name = "demo",
        .summary = "demo",
        .state_size = 64,
        .probe = dummy_probe,
        .open = dummy_open,
        .describe = dummy_describe,
        .bind = dummy_bind,
        .run = dummy,
        .fetch = dummy_fetch,
        .close = dummy_close,
    };
}

static void names_what_a_module_lacks(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_runtime_ops ops = good();
    (void)state;
    assert_int_equal(ifm_registry_check(&ops, "demo", &err), 0);
    ops.run = NULL;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "lacks run");
    ops = good();
    ops.close = NULL;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "lacks close");
    ops = good();
    ops.abi = 99;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "ABI 99");
    ops = good();
    ops.size = 40;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "40 bytes");
    ops = good();
    t_assert_error(ifm_registry_check(&ops, "other", &err), IFM_ERR_CONFIG, &err,
                   "calls itself 'demo'");
    ops.state_size = 0;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "0 bytes");
    ops.state_size = SIZE_MAX;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "state");
}

static void a_capability_and_its_slots_go_together(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_runtime_ops ops = good();
    (void)state;
    ops.caps = IFM_CAP_ASYNC;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "submit or wait");
    ops.submit = dummy;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "submit or wait");
    ops.wait = dummy;
    assert_int_equal(ifm_registry_check(&ops, "demo", &err), 0);
    ops.caps = 0;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "cap ASYNC");
    ops = good();
    ops.profile_start = dummy;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "cap PROFILE");
    ops.caps = IFM_CAP_PROFILE;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "profile_stop");
}

static void slots_beyond_an_older_modules_size_do_not_count(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_runtime_ops ops = good();
    (void)state;
    ops.size = offsetof(struct ifm_runtime_ops, submit);
    ops.submit = dummy; /* garbage after its end */
    assert_int_equal(ifm_registry_check(&ops, "demo", &err), 0);
}

static void an_option_outside_the_state_is_refused(void **state)
{
    static const struct ifm_option rows[] = {
        { "far", IFM_OPT_INT, 60, "0", 0, 0, NULL, "N", "reaches over the end", 0 }, IFM_OPTION_END
    };
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_runtime_ops ops = good();
    (void)state;
    ops.options = rows;
    t_assert_error(ifm_registry_check(&ops, "demo", &err), IFM_ERR_CONFIG, &err, "'far'");
}

static void aliases_are_known(void **state)
{
    (void)state;
    assert_string_equal(ifm_registry_alias("ort"), "onnxruntime");
    assert_string_equal(ifm_registry_alias("tflite"), "litert");
    assert_string_equal(ifm_registry_alias("null"), "null");
}

static void use_built_modules(void)
{
    char *modules = t_build_path("lib/inferometer");
    setenv("INFEROMETER_MODULE_DIR", modules, 1);
    ifm_free(modules);
}

static void lists_the_modules_that_are_there(void **state)
{
    struct ifm_strings names;
    struct ifm_err err = IFM_ERR_INIT;
    bool null = false;
    (void)state;
    use_built_modules();
    assert_int_equal(ifm_registry_names(&names, &err), 0);
    for (size_t i = 0; i < names.count; i++) {
        null = null || strcmp(names.items[i], "null") == 0;
        assert_true(i == 0 || strcmp(names.items[i - 1], names.items[i]) < 0);
    }
    assert_true(null);
    ifm_registry_names_done(&names);
    setenv("INFEROMETER_MODULE_DIR", "/nonexistent", 1);
    t_assert_error(ifm_registry_names(&names, &err), IFM_ERR_CONFIG, &err, "/nonexistent");
    use_built_modules();
}

static void an_unknown_name_gives_the_nearest_and_all(void **state)
{
    struct ifm_registry_module m;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    use_built_modules();
    t_assert_error(ifm_registry_open(&m, "nul", NULL, NULL, &err), IFM_ERR_USAGE, &err,
                   "did you mean null?");
    t_assert_contains(err.text, "sim");
    ifm_registry_close(&m);
}

static void no_name_leaves_the_folder(void **state)
{
    const char *const names[] = {
        "../null",
        "..",
        "",
        "a/b",
        "NULL",
        "null\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };
    (void)state;
    use_built_modules();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct ifm_registry_module m;
        struct ifm_err err = IFM_ERR_INIT;
        t_assert_error(ifm_registry_open(&m, names[i], NULL, NULL, &err), IFM_ERR_USAGE, &err,
                       "unknown runtime");
        ifm_registry_close(&m);
    }
}

static void a_file_that_is_no_module_gives_a_sentence(void **state)
{
    struct ifm_registry_module m;
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_temp_path("ifm_rt_fake.so");
    (void)state;
    t_write(path, "no ELF", 6);
    setenv("INFEROMETER_MODULE_DIR", t_temp_dir(), 1);
    t_assert_error(ifm_registry_open(&m, "fake", NULL, NULL, &err), IFM_ERR_CONFIG, &err,
                   "cannot be loaded");
    ifm_registry_close(&m);
    ifm_free(path);
    use_built_modules();
}

static void close_accepts_a_zeroed_struct(void **state)
{
    struct ifm_registry_module m = { .handle = NULL };
    (void)state;
    ifm_registry_close(&m);
    ifm_registry_close(&m);
}

/* -- Installed vendor runtimes --------------------------------------------------------------------
 */
static void install(const char *version, const char *json)
{
    char folder[4096], path[4200];
    snprintf(folder, sizeof folder, "%s/runtimes", t_temp_dir());
    mkdir(folder, 0755);
    snprintf(folder, sizeof folder, "%s/runtimes/demo", t_temp_dir());
    mkdir(folder, 0755);
    snprintf(folder, sizeof folder, "%s/runtimes/demo/%s", t_temp_dir(), version);
    mkdir(folder, 0755);
    snprintf(path, sizeof path, "%s/runtime.json", folder);
    if (json) {
        t_write(path, json, strlen(json));
    } else {
        remove(path);
    }
    snprintf(folder, sizeof folder, "%s/runtimes", t_temp_dir());
    setenv("INFEROMETER_RUNTIME_DIR", folder, 1);
}

static void versions_are_compared_by_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(ifm_installed_compare("1.9.0", "1.10.0"), -1);
    assert_int_equal(ifm_installed_compare("1.32.0", "1.32"), 1);
    assert_int_equal(ifm_installed_compare("1.32.0", "1.32.0"), 0);
    assert_int_equal(ifm_installed_compare("2", "1.99"), 1);
    assert_int_equal(ifm_installed_compare("1.2-rc1", "1.2-rc2"), -1);
    assert_int_equal(ifm_installed_compare("", "1"), -1);
}

static void the_newest_installed_version_wins(void **state)
{
    struct ifm_installed found;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    install("1.9.0", "{\"name\":\"demo\",\"version\":\"1.9.0\",\"library\":\"old.so\"}");
    install("1.10.0", "{\"name\":\"demo\",\"version\":\"1.10.0\",\"library\":\"lib/"
                      "new.so\",\"preloads\":[\"a.so\"]}");
    assert_int_equal(ifm_installed_find("demo", &found, &err), 0);
    assert_string_equal(found.version, "1.10.0");
    t_assert_contains(found.library, "/demo/1.10.0/lib/new.so");
    t_assert_contains(found.preloads[0], "/demo/1.10.0/a.so");
    assert_null(found.preloads[1]);
    ifm_installed_done(&found);
    assert_int_equal(ifm_installed_find("other", &found, &err), 0);
    assert_null(found.library);
    ifm_installed_done(&found);
}

static void a_runtime_json_that_lies_is_refused(void **state)
{
    const char *const bad[] = { "{",
                                "{}",
                                "[]",
                                "{\"version\":\"1\",\"library\":\"../../../lib.so\"}",
                                "{\"version\":\"1\",\"library\":\"/usr/lib/x.so\"}",
                                "{\"version\":\"1\",\"library\":\"a/../../b.so\"}",
                                "{\"version\":\"1\",\"library\":\"a.so\",\"preloads\":[\"..\"]}" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ifm_installed found;
        struct ifm_err err = IFM_ERR_INIT;
        install("2.0", bad[i]);
        t_assert_error(ifm_installed_find("demo", &found, &err), IFM_ERR_CONFIG, &err,
                       "runtime.json");
        assert_null(found.library);
        ifm_installed_done(&found);
    }
    install("2.0", NULL); /* an empty folder is no installation */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_a_module_lacks),
        cmocka_unit_test(a_capability_and_its_slots_go_together),
        cmocka_unit_test(slots_beyond_an_older_modules_size_do_not_count),
        cmocka_unit_test(an_option_outside_the_state_is_refused),
        cmocka_unit_test(aliases_are_known),
        cmocka_unit_test(lists_the_modules_that_are_there),
        cmocka_unit_test(an_unknown_name_gives_the_nearest_and_all),
        cmocka_unit_test(no_name_leaves_the_folder),
        cmocka_unit_test(a_file_that_is_no_module_gives_a_sentence),
        cmocka_unit_test(close_accepts_a_zeroed_struct),
        cmocka_unit_test(versions_are_compared_by_their_numbers),
        cmocka_unit_test(the_newest_installed_version_wins),
        cmocka_unit_test(a_runtime_json_that_lies_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
