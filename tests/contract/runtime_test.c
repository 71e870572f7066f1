/* The contract of include/inferometer/runtime.h, held against one module (RUNTIME, MODEL by the
 * build). */
#include "tests/lib/testlib.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/load.h"
#include "agents/worker/profile.h"
#include "agents/worker/registry.h"
#include "agents/worker/verify.h"
#include "core/mem.h"
#include "core/opt.h"
#include "core/tensor.h"

/* An input of which the model tells no shape, and the shape that the test gives it. */
#ifndef SHAPE_OF
#define SHAPE_OF NULL
#define SHAPE    { 0 }
#endif

static char model_path[4096];

/* What a user who wants the model to run would say. */
static struct ifm_msg_spec make_spec(void)
{
    static int64_t dims[] = SHAPE;
    static struct ifm_msg_spec_input input = { .name = SHAPE_OF, .low = NAN, .high = NAN };
    struct ifm_msg_spec spec = { .seed = 7 };
    if (input.name) {
        input.dims = (struct ifm_ints){ .items = dims, .count = sizeof dims / sizeof *dims };
        spec.inputs = (struct ifm_list){ .items = &input, .count = 1 };
    }
    return spec;
}

static struct ifm_registry_module *open_module(void)
{
    struct ifm_registry_module *m = ifm_alloc(sizeof *m);
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_map none = { .items = NULL };
    assert_non_null(m);
    if (ifm_registry_open(m, RUNTIME, NULL, NULL, &err) != 0 ||
        ifm_registry_options(m, &none, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return m;
}

static void close_module(struct ifm_registry_module *m)
{
    ifm_registry_close(m);
    ifm_free(m);
}

static void the_entry_passes_the_registrys_checks(void **state)
{
    struct ifm_registry_module *m = open_module();
    (void)state;
    assert_string_equal(m->ops.name, RUNTIME);
    assert_true(strlen(m->ops.summary) > 0 && !strchr(m->ops.summary, '\n'));
    assert_int_equal(m->ops.abi, IFM_RUNTIME_ABI);
    close_module(m);
}

/* -- Options --------------------------------------------------------------------------------------
 */
struct option_row {
    char *name, *type, *help;
};
struct option_list {
    struct ifm_list options;
};
static const struct ifm_field row_fields[] = { { .name = "name",
                                                 .kind = IFM_FIELD_STRING,
                                                 .offset = offsetof(struct option_row, name),
                                                 .flags = 1 },
                                               { .name = "type",
                                                 .kind = IFM_FIELD_STRING,
                                                 .offset = offsetof(struct option_row, type),
                                                 .flags = 1 },
                                               { .name = "help",
                                                 .kind = IFM_FIELD_STRING,
                                                 .offset = offsetof(struct option_row, help),
                                                 .flags = 1 },
                                               { .name = NULL } };
static const struct ifm_table row_table = { "row", "", sizeof(struct option_row), row_fields };
static const struct ifm_field list_fields[] = {
    { .name = "options", .kind = IFM_FIELD_LIST, .offset = 0, .flags = 1, .table = &row_table },
    { .name = NULL }
};
static const struct ifm_table list_table = { "list", "", sizeof(struct option_list), list_fields };

static void options_are_described_as_json(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf text;
    struct option_list list;
    size_t rows = 0;
    (void)state;
    ifm_buf_init(&text, 65536);
    ifm_buf_adds(&text, "{\"options\":");
    if (m->ops.options) {
        ifm_opt_json(m->ops.options, &text);
    } else {
        ifm_buf_adds(&text, "[]");
    }
    ifm_buf_adds(&text, "}");
    assert_int_equal(ifm_json_decode(&list_table, text.data, text.len, &list, &err), 0);
    for (const struct ifm_option *o = m->ops.options; o && o->name; o++, rows++) {
        const struct option_row *row = (struct option_row *)list.options.items + rows;
        assert_true(rows < list.options.count);
        assert_string_equal(row->name, o->name);
        assert_true(strlen(row->help) > 0 && strlen(row->help) < 100);
    }
    assert_int_equal(rows, list.options.count);
    ifm_json_free(&list_table, &list);
    ifm_buf_done(&text);
    close_module(m);
}

static void an_unknown_option_is_refused_by_name(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_map_entry entry = { .key = "no-such-option", .value = "1" };
    const struct ifm_map options = { .items = &entry, .count = 1 };
    (void)state;
    t_assert_error(ifm_registry_options(m, &options, &err), IFM_ERR_USAGE, &err, "no-such-option");
    close_module(m);
}

/* -- Half-open states -----------------------------------------------------------------------------
 */
static void close_accepts_a_state_that_was_never_opened(void **state)
{
    struct ifm_registry_module *m = ifm_alloc(sizeof *m);
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(ifm_registry_open(m, RUNTIME, NULL, NULL, &err), 0);
    close_module(m);
}

static void a_model_that_is_not_there_gives_one_sentence(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    if (m->ops.caps & IFM_CAP_MODELLESS) {
        assert_int_equal(m->ops.open(m->state, "/nonexistent/model"), 0);
    } else {
        const int status = m->ops.open(m->state, "/nonexistent/model");
        assert_true(status < 0);
        ifm_registry_failed(m, "open", status, IFM_ERR_INVALID, &err);
        assert_true(strlen(err.text) > 10 && !strchr(err.text, '\n'));
    }
    close_module(m);
}

static void a_broken_model_gives_one_sentence(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_temp_path("broken.model");
    (void)state;
    t_write(path, "this is not a model", 19);
    if (!(m->ops.caps & IFM_CAP_MODELLESS)) {
        const int status = m->ops.open(m->state, path);
        assert_true(status < 0);
        ifm_registry_failed(m, "open", status, IFM_ERR_INVALID, &err);
        assert_true(strlen(err.text) > 10 && !strchr(err.text, '\n'));
    }
    ifm_free(path);
    close_module(m);
}

/* -- The whole order ------------------------------------------------------------------------------
 */
static void probe_says_version_and_providers_and_repeats_it(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_runtime_info a = { .version = "" }, b = { .version = "" };
    (void)state;
    assert_int_equal(m->ops.probe(m->state, &a), 0);
    assert_int_equal(m->ops.probe(m->state, &b), 0);
    assert_true(strlen(a.version) > 0 && strlen(a.providers) > 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_null(strchr(a.library, '/'));
    close_module(m);
}

static void check_infos(const struct ifm_tensor_info *infos, size_t count)
{
    assert_true(count > 0 && count <= IFM_MAX_TENSORS);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(infos[i].name) > 0);
        assert_in_range(infos[i].dtype, IFM_DTYPE_NONE, IFM_DTYPE_COUNT - 1);
        assert_true(infos[i].rank >= -1 && infos[i].rank <= IFM_MAX_RANK);
        for (int32_t d = 0; d < infos[i].rank; d++) {
            assert_true(infos[i].dims[d] >= -1);
        }
    }
}

static void check_output(const struct ifm_tensor *t, const struct ifm_tensor_info *info)
{
    assert_string_equal(t->name, info->name);
    assert_true(t->dtype != IFM_DTYPE_NONE && t->rank >= 0);
    assert_true(info->dtype == IFM_DTYPE_NONE || t->dtype == info->dtype);
    assert_true(info->rank < 0 || t->rank == info->rank);
    for (int32_t d = 0; d < info->rank; d++) {
        assert_true(info->dims[d] < 0 || info->dims[d] == t->dims[d]);
    }
    assert_non_null(t->data);
    assert_int_equal(t->bytes,
                     (size_t)ifm_tensor_elements(t->dims, t->rank) * ifm_dtype_bytes(t->dtype));
    for (size_t i = 0; i < t->bytes / ifm_dtype_bytes(t->dtype); i++) {
        assert_true(isfinite(ifm_tensor_value(t, i)));
    }
}

static void run_three_times(struct ifm_registry_module *m, const struct ifm_tensor_info *infos,
                            size_t count)
{
    const struct ifm_tensor *outputs = NULL;
    uint64_t hash = 0;
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        assert_int_equal(m->ops.run(m->state), 0);
        if (m->ops.sync) {
            assert_int_equal(m->ops.sync(m->state), 0);
        }
        assert_int_equal(m->ops.fetch(m->state, &outputs, &n), 0);
        assert_int_equal(n, count);
        for (size_t o = 0; o < n; o++) {
            check_output(&outputs[o], &infos[o]);
        }
        assert_true(i == 0 || hash == ifm_verify_hash(outputs, n));
        hash = ifm_verify_hash(outputs, n);
    }
}

/* Submitted inferences end in order and give what run gives; close takes one that was not ended. */
static void submit_and_wait(struct ifm_registry_module *m)
{
    const struct ifm_tensor *outputs = NULL;
    size_t n = 0;
    assert_int_equal(m->ops.fetch(m->state, &outputs, &n), 0);
    const uint64_t before = ifm_verify_hash(outputs, n);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(m->ops.submit(m->state), 0);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(m->ops.wait(m->state), 0);
    }
    assert_int_equal(m->ops.fetch(m->state, &outputs, &n), 0);
    assert_true(before == ifm_verify_hash(outputs, n));
    assert_int_equal(m->ops.run(m->state), 0); /* the plain way still works */
    assert_int_equal(m->ops.submit(m->state), 0);
}

/* Providers by name, each once; a runtime may not know how many operators (0). */
static void check_placement(struct ifm_registry_module *m)
{
    struct ifm_placement rows[IFM_PLACEMENTS_MAX], again[1];
    size_t count = IFM_PLACEMENTS_MAX, few = 1;
    memset(rows, 0xff, sizeof rows);
    assert_int_equal(m->ops.placement(m->state, rows, &count), 0);
    assert_in_range(count, 1, IFM_PLACEMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(memchr(rows[i].provider, '\0', sizeof rows[i].provider));
        assert_true(rows[i].provider[0] && rows[i].operators < 1000000);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(rows[i].provider, rows[k].provider);
        }
    }
    assert_int_equal(m->ops.placement(m->state, again, &few), 0);
    assert_true(few <= 1); /* no more than there is space for */
}

static void the_slots_work_in_their_order(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_tensor_info *in, *out, *in_again, *out_again;
    size_t in_count, out_count, in_count_again, out_count_again;
    struct ifm_msg_event holder; /* the messages are freed by an event's table */
    const struct ifm_msg_spec spec = make_spec();
    struct ifm_load inputs = { .count = 0 };
    struct ifm_runtime_info info;
    char text[4096] = "";
    (void)state;
    ifm_json_init(&ifm_event_table, &holder);
    assert_int_equal(m->ops.probe(m->state, &info), 0);
    if (m->ops.open(m->state, model_path) != 0) {
        fail_msg("%s", m->said.text);
    }
    assert_int_equal(m->ops.describe(m->state, &in, &in_count, &out, &out_count), 0);
    assert_int_equal(
        m->ops.describe(m->state, &in_again, &in_count_again, &out_again, &out_count_again), 0);
    assert_true(in == in_again && out == out_again && in_count == in_count_again &&
                out_count == out_count_again);
    check_infos(in, in_count);
    check_infos(out, out_count);
    assert_int_equal(ifm_load_inputs(&spec, in, in_count, &inputs, &holder.inputs, &err), 0);
    assert_int_equal(m->ops.bind(m->state, inputs.tensors, in_count), 0);
    if (m->ops.effective) {
        assert_int_equal(m->ops.effective(m->state, text, sizeof text), 0);
        t_assert_contains(text, "provider=");
    }
    if (m->ops.placement) {
        check_placement(m);
    }
    if (m->ops.memory && m->ops.run(m->state) == 0) {
        int64_t peak = -1;
        assert_int_equal(m->ops.memory(m->state, &peak), 0);
        assert_true(peak > 0 && peak < INT64_C(1) << 32);
    }
    const uint64_t before = ifm_verify_hash(inputs.tensors, in_count);
    run_three_times(m, out, out_count);
    assert_true(before == ifm_verify_hash(inputs.tensors, in_count)); /* inputs are not touched */
    if (m->ops.caps & IFM_CAP_ASYNC) {
        submit_and_wait(m);
    }
    close_module(m);
    ifm_load_done(&inputs);
    ifm_json_free(&ifm_event_table, &holder);
}

/* Rows have names, calls in step with the inferences, and times that fit into the wall time; the runtime
 * works on afterwards, with the same outputs. */
static void check_profile(struct ifm_registry_module *m)
{
    struct ifm_msg_profile profile = { .inferences = 0 };
    const struct ifm_msg_spec spec = { .iterations = 5 };
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_profile_run(m, &spec, &profile, &err) != 0) {
        fail_msg("%s", err.text);
    }
    const struct ifm_msg_op *op = profile.ops.items;
    assert_int_equal(profile.inferences, 5);
    assert_true(profile.ops.count > 0 && profile.p50_ns > 0 && profile.unprofiled_p50_ns > 0);
    assert_true(profile.attributed_ns > 0 && profile.fallback_share <= 1);
    for (size_t i = 0; i < profile.ops.count; i++) {
        assert_true(op[i].name && op[i].name[0] && op[i].calls > 0 && op[i].total_ns >= 0);
        assert_true(i == 0 || op[i].total_ns <= op[i - 1].total_ns);
    }
    struct ifm_msg_event holder; /* frees the rows by an event's table */
    ifm_json_init(&ifm_event_table, &holder);
    holder.profile = profile;
    ifm_json_free(&ifm_event_table, &holder);
}

/* Cold level C2: another state in the same process, with the same outputs. */
static uint64_t one_session(struct ifm_registry_module *m)
{
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_tensor_info *in, *out;
    const struct ifm_tensor *outputs = NULL;
    size_t in_count, out_count, n = 0;
    struct ifm_msg_event holder;
    const struct ifm_msg_spec spec = make_spec();
    struct ifm_load inputs = { .count = 0 };
    struct ifm_runtime_info info;
    ifm_json_init(&ifm_event_table, &holder);
    assert_int_equal(m->ops.probe(m->state, &info), 0);
    assert_int_equal(m->ops.open(m->state, model_path), 0);
    assert_int_equal(m->ops.describe(m->state, &in, &in_count, &out, &out_count), 0);
    assert_int_equal(ifm_load_inputs(&spec, in, in_count, &inputs, &holder.inputs, &err), 0);
    assert_int_equal(m->ops.bind(m->state, inputs.tensors, in_count), 0);
    run_three_times(m, out, out_count);
    assert_int_equal(m->ops.fetch(m->state, &outputs, &n), 0);
    const uint64_t hash = ifm_verify_hash(outputs, n);
    const struct ifm_map none = { .items = NULL };
    assert_int_equal(ifm_registry_restart(m, &none, &err), 0);
    ifm_load_done(&inputs); /* they stay valid until close */
    ifm_json_free(&ifm_event_table, &holder);
    return hash;
}

static void a_second_session_in_one_process_does_the_same(void **state)
{
    struct ifm_registry_module *m = open_module();
    (void)state;
    const uint64_t first = one_session(m);
    assert_true(first == one_session(m));
    close_module(m); /* a third state, never opened */
}

static void a_profile_adds_up_and_leaves_the_runtime_as_it_was(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_tensor_info *in, *out;
    size_t in_count, out_count;
    struct ifm_msg_event holder;
    const struct ifm_msg_spec spec = make_spec();
    struct ifm_load inputs = { .count = 0 };
    (void)state;
    if (!(m->ops.caps & IFM_CAP_PROFILE)) {
        assert_int_equal(ifm_profile_check(m, &err), IFM_ERR_UNSUPPORTED);
        close_module(m);
        return;
    }
    ifm_json_init(&ifm_event_table, &holder);
    assert_int_equal(m->ops.open(m->state, model_path), 0);
    assert_int_equal(m->ops.describe(m->state, &in, &in_count, &out, &out_count), 0);
    assert_int_equal(ifm_load_inputs(&spec, in, in_count, &inputs, &holder.inputs, &err), 0);
    assert_int_equal(m->ops.bind(m->state, inputs.tensors, in_count), 0);
    check_profile(m);
    check_profile(m); /* again in the same process */
    run_three_times(m, out, out_count);
    close_module(m);
    ifm_load_done(&inputs);
    ifm_json_free(&ifm_event_table, &holder);
}

static void a_wrong_number_of_inputs_is_refused(void **state)
{
    struct ifm_registry_module *m = open_module();
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(m->ops.open(m->state, model_path), 0);
    const int status = m->ops.bind(m->state, NULL, 0);
    assert_true(status < 0);
    ifm_registry_failed(m, "bind", status, IFM_ERR_INVALID, &err);
    assert_true(strlen(err.text) > 10);
    close_module(m);
}

/* Returns why this runtime cannot be tested here, or NULL. */
static const char *missing(void)
{
    static char reason[400];
    struct ifm_registry_module *m = open_module();
    struct ifm_runtime_info info;
    struct ifm_err err = IFM_ERR_INIT;
#ifdef __SANITIZE_ADDRESS__
    if (strcmp(RUNTIME, "openvino") == 0) {
        close_module(m);
        return "OpenVINO opens a library of its own with RTLD_DEEPBIND, which the address sanitizer refuses";
    }
#endif
    t_first_load(true);
    const int status = m->ops.probe(m->state, &info);
    t_first_load(false);
    const char *folder = getenv("IFM_MODEL_DIR"), *source = getenv("IFM_SOURCE_DIR");
    if (status == IFM_RUNTIME_UNAVAILABLE) {
        ifm_registry_failed(m, "probe", status, IFM_ERR_UNAVAILABLE, &err);
        snprintf(reason, sizeof reason, "%s", err.text);
    }
    close_module(m);
    if (MODEL[0] && !reason[0]) {
        snprintf(model_path, sizeof model_path, "%s%s/%s",
                 folder   ? folder
                 : source ? source
                          : ".",
                 folder ? "" : "/build/models", MODEL);
        if (access(model_path, R_OK) != 0) {
            snprintf(reason, sizeof reason, "%s is not there; get it with deploy/fetch models",
                     MODEL);
        }
    }
    return reason[0] ? reason : NULL;
}

/* A module that is compiled when its runtime is installed may not be there. */
static bool not_installed(void)
{
    struct ifm_registry_module m;
    struct ifm_err err = IFM_ERR_INIT;
    const int code = ifm_registry_open(&m, RUNTIME, NULL, NULL, &err);
    if (code == IFM_ERR_USAGE || code == IFM_ERR_UNAVAILABLE) {
        printf("SKIP: %s is not here; run: inferometer runtime install %s\n", RUNTIME, RUNTIME);
    }
    ifm_registry_close(&m);
    return code == IFM_ERR_USAGE || code == IFM_ERR_UNAVAILABLE;
}

int main(void)
{
    const struct CMUnitTest always[] = {
        cmocka_unit_test(the_entry_passes_the_registrys_checks),
        cmocka_unit_test(options_are_described_as_json),
        cmocka_unit_test(an_unknown_option_is_refused_by_name),
        cmocka_unit_test(close_accepts_a_state_that_was_never_opened),
    };
    const struct CMUnitTest with_library[] = {
        cmocka_unit_test(probe_says_version_and_providers_and_repeats_it),
        cmocka_unit_test(a_model_that_is_not_there_gives_one_sentence),
        cmocka_unit_test(a_broken_model_gives_one_sentence),
        cmocka_unit_test(the_slots_work_in_their_order),
        cmocka_unit_test(a_second_session_in_one_process_does_the_same),
        cmocka_unit_test(a_profile_adds_up_and_leaves_the_runtime_as_it_was),
        cmocka_unit_test(a_wrong_number_of_inputs_is_refused),
    };
    setenv("INFEROMETER_MODULE_DIR", MODULES, MODULES[0] != '\0');
    if (!MODULES[0] && not_installed()) {
        return 77;
    }
    const int failed = cmocka_run_group_tests(always, NULL, NULL);
    if (failed) {
        return failed;
    }
    const char *reason = missing();
    if (reason) {
        printf("SKIP: %s\n", reason);
        return 77;
    }
    return cmocka_run_group_tests(with_library, NULL, NULL);
}
