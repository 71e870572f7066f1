/* Rows of an operator profile as messages. */
#include "tests/lib/testlib.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "agents/worker/profile.h"
#include "core/mem.h"

static struct ifm_op_profile rows[IFM_OPS_MAX];

static void fill(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct ifm_op_profile){ .calls = 2, .total_ns = 1000 + i, .start_ns = (int64_t)i };
        snprintf(rows[i].name, sizeof rows[i].name, "/model/layers.%zu/self_attn/a \"quoted\" projection/MatMul_%zu", i / 40, i);
        snprintf(rows[i].type, sizeof rows[i].type, "MatMul");
        snprintf(rows[i].provider, sizeof rows[i].provider, "%s", i % 2 ? "CPUExecutionProvider" : "OtherProvider");
        snprintf(rows[i].shapes, sizeof rows[i].shapes, "1x128x768 768x3072");
    }
}

static void few_rows_stay_as_they_are(void **state)
{
    (void)state;
    struct ifm_msg_event event = { .profile = { .inferences = 2 } };
    fill(3);
    assert_int_equal(ifm_profile_take(rows, 3, sizeof *rows, "CPUExecutionProvider", &event.profile, NULL), 0);
    const struct ifm_msg_op *op = event.profile.ops.items;
    assert_int_equal(event.profile.ops.count, 3);
    assert_int_equal(op[0].total_ns, 1002); /* longest first */
    assert_string_equal(op[0].type, "MatMul");
    assert_int_equal(event.profile.attributed_ns, 3003 / 2);
    ifm_json_free(&ifm_event_table, &event);
}

/* Expected: an event that can be read. Once: 2,048 operators with the names of a transformer made a text that every
 * reader refuses, and the profile of a large model failed as a broken protocol. */
static void many_rows_fit_into_a_message(void **state)
{
    (void)state;
    struct ifm_msg_event event = { .v = 1, .event = IFM_EVENT_RESULT, .profile = { .inferences = 2 } }, read;
    struct ifm_buf json;
    int64_t total = 0, calls = 0, wanted = 0;
    fill(IFM_OPS_MAX);
    for (size_t i = 0; i < IFM_OPS_MAX; i++)
        wanted += (int64_t)rows[i].total_ns;
    assert_int_equal(ifm_profile_take(rows, IFM_OPS_MAX, sizeof *rows, "CPUExecutionProvider", &event.profile, NULL), 0);
    ifm_buf_init(&json, 8 << 20);
    ifm_json_encode(&ifm_event_table, &event, &json);
    assert_int_equal(ifm_buf_check(&json, NULL), 0);
    assert_true(json.len < IFM_JSON_TEXT_MAX / 4 * 3); /* the run that takes it over says more */
    assert_int_equal(ifm_json_decode(&ifm_event_table, json.data, json.len, &read, NULL), 0);
    const struct ifm_msg_op *op = read.profile.ops.items;
    const size_t count = read.profile.ops.count;
    assert_in_range(count, 300, IFM_OPS_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        total += op[i].total_ns;
        calls += op[i].calls;
    }
    assert_int_equal(total, wanted); /* nothing of the time is lost */
    assert_int_equal(calls, 2 * IFM_OPS_MAX);
    t_assert_contains(op[count - 1].name, " others)");
    assert_true(fabs(read.profile.fallback_share - 0.5) < 0.01);
    ifm_json_free(&ifm_event_table, &read);
    ifm_json_free(&ifm_event_table, &event);
    ifm_buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rows_stay_as_they_are),
        cmocka_unit_test(many_rows_fit_into_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
