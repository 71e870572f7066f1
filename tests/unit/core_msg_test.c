#include "tests/lib/testlib.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/msg.h"

static void every_row_is_documented_and_inside_its_struct(void **state)
{
    (void)state;
    for (const struct ifm_table *const *table = ifm_msg_tables; *table; table++) {
        assert_non_null((*table)->help);
        for (const struct ifm_field *f = (*table)->fields; f->name; f++) {
            if (!f->help || !*f->help)
                fail_msg("%s.%s has no help", (*table)->name, f->name);
            assert_true(f->offset < (*table)->size);
            assert_true(f->min <= f->max || f->max == 0);
            for (const struct ifm_field *other = (*table)->fields; other != f; other++) {
                assert_string_not_equal(other->name, f->name);
                assert_int_not_equal(other->offset, f->offset);
            }
        }
    }
}

/* A writer fills the fields of one kind of event; the others must not appear on the wire. */
static void an_event_has_only_the_fields_of_its_kind(void **state)
{
    (void)state;
    struct ifm_buf out;
    ifm_buf_init(&out, 10000);
    struct ifm_msg_event zeroed = { .v = 1, .event = IFM_EVENT_WARM, .warmup_ns = 5 }, initialised;
    ifm_json_encode(&ifm_event_table, &zeroed, &out);
    assert_string_equal(out.data, "{\"v\":1,\"event\":\"warm\",\"warmup_ns\":5}");
    ifm_buf_reset(&out);
    ifm_json_init(&ifm_event_table, &initialised);
    initialised.v = 1;
    initialised.event = IFM_EVENT_METRICS;
    initialised.memory_load.major_faults = 0;
    ifm_json_encode(&ifm_event_table, &initialised, &out);
    assert_string_equal(out.data,
                        "{\"v\":1,\"event\":\"metrics\",\"memory_load\":{\"major_faults\":0}}");
    ifm_buf_done(&out);
}

static void an_invocation_says_false_and_zero_aloud(void **state)
{
    (void)state;
    struct ifm_buf out;
    struct ifm_msg_invocation in;
    ifm_buf_init(&out, 10000);
    ifm_json_init(&ifm_invocation_table, &in);
    ifm_json_encode(&ifm_invocation_table, &in, &out);
    t_assert_contains(out.data, "\"deterministic\":false");
    t_assert_contains(out.data, "\"failure\":\"none\"");
    t_assert_contains(out.data, "\"verification\":{\"state\":\"no_reference\"}");
    assert_null(strstr(out.data, "signal"));
    assert_null(strstr(out.data, "memory_first"));
    assert_null(strstr(out.data, "clock"));
    ifm_buf_done(&out);
}

static void a_newer_version_is_read_and_an_older_than_the_first_is_not(void **state)
{
    (void)state;
    struct ifm_msg_spec spec;
    struct ifm_err err = IFM_ERR_INIT;
    const char *newer = "{\"v\":2,\"runtime\":\"null\",\"invented_later\":{\"x\":[1]}}",
               *zero = "{\"v\":0,\"runtime\":\"null\"}";
    assert_int_equal(ifm_json_decode(&ifm_spec_table, newer, strlen(newer), &spec, &err), 0);
    assert_int_equal(spec.v, 2);
    ifm_json_free(&ifm_spec_table, &spec);
    assert_int_equal(ifm_json_decode(&ifm_spec_table, zero, strlen(zero), &spec, &err),
                     IFM_ERR_INVALID);
    assert_string_equal(err.where, "/v");
}

static void a_scripts_smallest_invocation_and_run_are_enough(void **state)
{
    (void)state;
    struct ifm_msg_invocation invocation;
    struct ifm_msg_run run;
    struct ifm_err err = IFM_ERR_INIT;
    char *path = t_source_path("schema/examples/v1/invocation-plain.json");
    size_t len;
    char *text = t_read(path, &len);
    assert_int_equal(ifm_json_decode(&ifm_invocation_table, text, len, &invocation, &err), 0);
    assert_int_equal(invocation.latency_ns.count, 6);
    assert_int_equal(invocation.latency_ns.items[1], 1601234);
    assert_true(invocation.memory_load.peak_rss_bytes == IFM_JSON_ABSENT);
    ifm_json_free(&ifm_invocation_table, &invocation);
    char body[600], key[65];
    memset(key, 'a', 64);
    key[64] = '\0';
    snprintf(
        body, sizeof body,
        "{\"v\":1,\"id\":\"01936a5c-1f2b-7abc-8def-0123456789ab\",\"started_at\":\"2026-11-24T22:"
        "51:43Z\","
        "\"status\":\"complete\",\"model\":\"m\",\"variant_sha256\":\"%s\",\"runtime\":\"null\","
        "\"device_key\":\"%s\",\"config_key\":\"%s\",\"invocations\":1}",
        key, key, key);
    assert_int_equal(ifm_json_decode(&ifm_run_table, body, strlen(body), &run, &err), 0);
    ifm_json_free(&ifm_run_table, &run);
    ifm_free(text);
    ifm_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_documented_and_inside_its_struct),
        cmocka_unit_test(an_event_has_only_the_fields_of_its_kind),
        cmocka_unit_test(an_invocation_says_false_and_zero_aloud),
        cmocka_unit_test(a_newer_version_is_read_and_an_older_than_the_first_is_not),
        cmocka_unit_test(a_scripts_smallest_invocation_and_run_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
