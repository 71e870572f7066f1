/* Who computes which operator of a model that XNNPACK takes in part: an addition, a comparison and a search for what
 * is true (written by tests/lib/tflite_writer.py). */
#include "tests/lib/testlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/worker/load.h"
#include "agents/worker/registry.h"
#include "core/mem.h"

static struct ifm_registry_module module;
static struct ifm_load inputs;
static struct ifm_msg_event holder; /* frees the inputs' messages by its table */

/* Returns what bind returned. */
static int ready(const char *provider, const char *strict)
{
    struct ifm_map_entry entries[] = { { .key = (char *)(uintptr_t) "provider", .value = (char *)(uintptr_t)provider },
                                       { .key = (char *)(uintptr_t) "strict", .value = (char *)(uintptr_t)strict } };
    const struct ifm_map options = { .items = entries, .count = 2 };
    const struct ifm_msg_spec spec = { .seed = 1 };
    const struct ifm_tensor_info *in, *out;
    size_t in_count, out_count;
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_build_path("models/found.tflite");
    ifm_json_init(&ifm_event_table, &holder);
    assert_int_equal(ifm_registry_open(&module, "litert", NULL, NULL, &err), 0);
    assert_int_equal(ifm_registry_options(&module, &options, &err), 0);
    if (module.ops.open(module.state, path) != 0) {
        fail_msg("%s", module.said.text);
    }
    ifm_free(path);
    assert_int_equal(module.ops.describe(module.state, &in, &in_count, &out, &out_count), 0);
    assert_int_equal(ifm_load_inputs(&spec, in, in_count, &inputs, &holder.inputs, &err), 0);
    return module.ops.bind(module.state, inputs.tensors, in_count);
}

static void done(void)
{
    ifm_registry_close(&module);
    ifm_load_done(&inputs);
    ifm_json_free(&ifm_event_table, &holder);
}

static void placement_counts_every_operator_once(void **state)
{
    struct ifm_placement rows[4];
    char text[512];
    size_t n = 4;
    (void)state;
    assert_int_equal(ready("xnnpack", "false"), 0);
    assert_int_equal(module.ops.placement(module.state, rows, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].provider, "xnnpack");
    assert_int_equal(rows[0].operators, 1);
    assert_string_equal(rows[1].provider, "builtin");
    assert_int_equal(rows[1].operators, 2);
    assert_int_equal(module.ops.effective(module.state, text, sizeof text), 0);
    t_assert_contains(text, "provider=xnnpack\n");
    t_assert_contains(text, "\nprecision=float32");
    done();
}

static void builtin_kernels_take_all(void **state)
{
    struct ifm_placement rows[4];
    size_t n = 4;
    (void)state;
    assert_int_equal(ready("builtin", "true"), 0);
    assert_int_equal(module.ops.placement(module.state, rows, &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].provider, "builtin");
    assert_int_equal(rows[0].operators, 3);
    n = 0; /* no space: nothing is written */
    assert_int_equal(module.ops.placement(module.state, rows, &n), 0);
    assert_int_equal(n, 0);
    done();
}

static void strict_names_the_first_operator_that_is_left(void **state)
{
    (void)state;
    assert_int_equal(ready("xnnpack", "true"), IFM_RUNTIME_UNAVAILABLE);
    t_assert_contains(module.said.text, "takes 1 of 3 operators");
    t_assert_contains(module.said.text, "'over'");
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(placement_counts_every_operator_once),
                                        cmocka_unit_test(builtin_kernels_take_all),
                                        cmocka_unit_test(strict_names_the_first_operator_that_is_left) };
    struct ifm_runtime_info info;
    struct ifm_err err = IFM_ERR_INIT;
    setenv("INFEROMETER_MODULE_DIR", MODULES, 1);
    if (ifm_registry_open(&module, "litert", NULL, NULL, &err) != 0) {
        printf("%s\n", err.text);
        return 1;
    }
    t_first_load(true);
    const int status = module.ops.probe(module.state, &info);
    t_first_load(false);
    if (status == IFM_RUNTIME_UNAVAILABLE) {
        printf("SKIP: %s\n", module.said.text);
    }
    ifm_registry_close(&module);
    return status == IFM_RUNTIME_UNAVAILABLE ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
