/* Paths and manifests: what may stand in a bundle. Whole bundles are tested with the command line.
 */
#include "tests/lib/testlib.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/model/bundle.h"
#include "agents/model/npz.h"

#define HASH "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"
#define VARIANT(name)                                                                              \
    "{\"name\":\"" name "\",\"path\":\"variants/" name                                             \
    "/m\",\"format\":\"onnx\",\"sha256\":\"" HASH "\"}"

static void only_plain_relative_paths_pass(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "a/b.c", "variants/x y/m.onnx", "..a/b..", "a/..." };
    static const char *const bad[] = { "",    "/",   "/a",     "a/",   "a//b", ".",    "..",
                                       "./a", "a/.", "a/../b", "../a", "a\\b", "a\nb", "a\x7f" };
    char longest[600];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(ifm_path_check(good[i], "", NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ifm_path_check(bad[i], "", NULL), IFM_ERR_INVALID);
    memset(longest, 'a', sizeof longest);
    longest[513] = '\0';
    assert_int_equal(ifm_path_check(longest, "", NULL), IFM_ERR_INVALID);
    longest[512] = '\0';
    assert_int_equal(ifm_path_check(longest, "", NULL), 0);
    assert_int_equal(ifm_path_check(NULL, "", NULL), IFM_ERR_INVALID);
}

static int decode(const char *text, struct ifm_manifest *out, struct ifm_err *err)
{
    return ifm_manifest_decode(text, strlen(text), out, err);
}

static void a_manifest_gives_names_by_variant_and_tolerances_by_precision(void **state)
{
    (void)state;
    struct ifm_manifest m;
    struct ifm_err err = IFM_ERR_INIT;
    static const char text[] = "{\"v\":1,\"model\":\"toy\",\"variants\":[" VARIANT("a") "," VARIANT(
        "b") "],"
             "\"tolerances\":{\"float32\":{\"rtol\":0.5,\"atol\":0.25},\"int8\":{\"atol\":3}},"
             "\"names\":{\"b\":{\"inputs\":{\"x\":\"in:0\"}},\"nobody\":{\"inputs\":{\"x\":\"y\"}}}"
             ",\"more\":1}";
    assert_int_equal(decode(text, &m, &err), 0);
    assert_int_equal(m.variants.count, 2);
    assert_int_equal(m.names[0].inputs.count, 0);
    assert_int_equal(m.names[1].inputs.count, 1);
    assert_string_equal(m.names[1].inputs.items[0].value, "in:0");
    assert_true(ifm_manifest_tolerance(&m, "float32").rtol == 0.5);
    assert_true(ifm_manifest_tolerance(&m, NULL).atol == 0.25);
    assert_true(ifm_manifest_tolerance(&m, "float16").rtol == 0.01);
    assert_true(ifm_manifest_tolerance(NULL, "float32").rtol == 1e-4);
    ifm_manifest_done(&m);
}

static void manifests_that_break_a_rule_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = { { "", "manifest.json" },
                 { "{\"v\":1,\"model\":\"m\",\"variants\":[]}", "at least one variant" },
                 { "{\"v\":2,\"model\":\"m\",\"variants\":[" VARIANT("a") "]}", "/v" },
                 { "{\"v\":1,\"variants\":[" VARIANT("a") "]}", "model" },
                 { "{\"v\":1,\"model\":\"m\",\"variants\":[" VARIANT("../a") "]}", "\"..\"" },
                 { "{\"v\":1,\"model\":\"m\",\"variants\":[" VARIANT(
                       "a") "],\"inputs\":[{\"path\":\"/x\",\"sha256\":\"" HASH "\"}]}",
                   "relative" },
                 { "{\"v\":1,\"model\":\"m\",\"variants\":[" VARIANT(
                       "a") "],\"names\":{\"a\":{\"inputs\":{\"x\":1}}}}",
                   "names" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ifm_manifest m;
        struct ifm_err err = IFM_ERR_INIT;
        t_assert_error(decode(rows[i].text, &m, &err), IFM_ERR_INVALID, &err, rows[i].part);
        assert_null(m.model);
    }
}

static int decode_once(void *text, struct ifm_err *err)
{
    struct ifm_manifest m;
    int rc = decode(text, &m, err);
    if (!rc)
        ifm_manifest_done(&m);
    return rc;
}

static void running_out_of_memory_leaks_nothing(void **state)
{
    (void)state;
    static char text[] = "{\"v\":1,\"model\":\"toy\",\"variants\":[" VARIANT(
        "a") "],"
             "\"names\":{\"a\":{\"inputs\":{\"x\":\"in:0\"}}}}";
    t_alloc_start();
    assert_true(t_sweep_strict("manifest", decode_once, text) > 5);
    t_alloc_stop();
}

static void a_temporary_folder_is_private_and_vanishes(void **state)
{
    (void)state;
    struct ifm_tempdir dir = { .path = "" };
    struct stat status;
    char inner[400], path[300];
    ifm_tempdir_done(&dir); /* nothing made, nothing removed */
    assert_int_equal(ifm_tempdir_make(&dir, NULL), 0);
    snprintf(path, sizeof path, "%s", dir.path);
    assert_int_equal(ifm_tempdir_make(&dir, NULL), 0);
    assert_string_equal(path, dir.path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    snprintf(inner, sizeof inner, "%s/a", path);
    assert_int_equal(mkdir(inner, 0700), 0);
    snprintf(inner, sizeof inner, "%s/a/link", path);
    assert_int_equal(symlink("/", inner), 0);
    ifm_tempdir_done(&dir);
    assert_int_not_equal(stat(path, &status), 0);
    assert_int_equal(stat("/etc", &status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_relative_paths_pass),
        cmocka_unit_test(a_manifest_gives_names_by_variant_and_tolerances_by_precision),
        cmocka_unit_test(manifests_that_break_a_rule_are_refused),
        cmocka_unit_test(running_out_of_memory_leaks_nothing),
        cmocka_unit_test(a_temporary_folder_is_private_and_vanishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
