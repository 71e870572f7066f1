#include "tests/lib/testlib.h"
#include <math.h>
#include "core/energy.h"

static struct ifm_msg_energy rail(const char *name, bool counted, int64_t uj, int64_t window_ns,
                                  int64_t idle_uw, int64_t updates)
{
    return (struct ifm_msg_energy){ .rail = (char *)name,
                                    .counted = counted,
                                    .energy_uj = uj,
                                    .window_ns = window_ns,
                                    .idle_uw = idle_uw,
                                    .updates = updates };
}

#define SECOND ((int64_t)1000000000)

static void gross_and_net_are_per_inference_over_counted_rails(void **state)
{
    struct ifm_msg_energy rails[] = { rail("package_0", true, 300000000, 20 * SECOND, 5000000, 199),
                                      rail("dram_0", true, 40000000, 20 * SECOND, 1000000, 150),
                                      rail("core_0", false, 200000000, 20 * SECOND, 1, 199) };
    const struct ifm_list list = { .items = rails, .count = 3 };
    struct ifm_energy e;
    char text[IFM_ENERGY_TEXT_MAX];
    (void)state;
    ifm_energy_assess(&list, 1000, &e);
    assert_true(fabs(e.gross_uj - 340000.0) < 1e-6);
    assert_true(fabs(e.net_uj - (340000.0 - 6.0 * 20 * 1e6 / 1000)) < 1e-6);
    assert_true(fabs(e.mean_uw - 17e6) < 1e-3);
    assert_int_equal(e.rails, 3);
    assert_int_equal(e.counted, 2);
    assert_int_equal(e.updates, 150);
    assert_false(e.few);
    ifm_energy_coverage(&list, &e, text);
    assert_string_equal(text, "package_0 + dram_0 (not added: core_0), 150 updates in 20.0 s");
}

static void few_updates_or_a_short_window_are_said(void **state)
{
    struct ifm_msg_energy rails[] = { rail("package_0", true, 3000, 3 * SECOND, 10, 150) };
    const struct ifm_list list = { .items = rails, .count = 1 };
    struct ifm_energy e;
    char text[IFM_ENERGY_TEXT_MAX];
    (void)state;
    ifm_energy_assess(&list, 3, &e);
    assert_true(e.few);
    ifm_energy_coverage(&list, &e, text);
    assert_string_equal(text, "package_0, 150 updates in 3.0 s: few updates");
    rails[0].window_ns = 11 * SECOND;
    rails[0].updates = 99;
    ifm_energy_assess(&list, 3, &e);
    assert_true(e.few);
    rails[0].updates = 100;
    ifm_energy_assess(&list, 3, &e);
    assert_false(e.few);
}

static void what_is_absent_stays_absent(void **state)
{
    struct ifm_msg_energy rails[] = {
        rail("package_0", true, 3000, 3 * SECOND, IFM_JSON_ABSENT, 30),
        rail("dram_0", true, 0, 3 * SECOND, IFM_JSON_ABSENT, 0), /* held still */
    };
    struct ifm_list list = { .items = rails, .count = 2 };
    struct ifm_energy e;
    char text[IFM_ENERGY_TEXT_MAX];
    (void)state;
    ifm_energy_assess(&list, 10, &e);
    assert_true(fabs(e.gross_uj - 300) < 1e-9);
    assert_true(isnan(e.net_uj));
    assert_int_equal(e.counted, 1);
    rails[0].counted = false;
    ifm_energy_assess(&list, 10, &e);
    assert_true(isnan(e.gross_uj) && isnan(e.net_uj) && isnan(e.mean_uw));
    ifm_energy_coverage(&list, &e, text);
    assert_string_equal(text, "");
    list.count = 0;
    ifm_energy_assess(&list, 10, &e);
    assert_true(isnan(e.gross_uj));
    rails[0].counted = true;
    list.count = 1;
    ifm_energy_assess(&list, 0, &e);
    assert_true(isnan(e.gross_uj));
}

static void many_rails_are_cut_not_overrun(void **state)
{
    struct ifm_msg_energy rails[32];
    const struct ifm_list list = { .items = rails, .count = 32 };
    struct ifm_energy e;
    char text[IFM_ENERGY_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < 32; i++) {
        rails[i] = rail("a_rail_with_a_name_of_some_length", i % 2 == 0, 1, SECOND, 1, 1);
    }
    ifm_energy_assess(&list, 1, &e);
    ifm_energy_coverage(&list, &e, text);
    t_assert_contains(text, "1 update in 1.0 s: few updates");
}

static void power_is_of_a_counter_that_moved(void **state)
{
    (void)state;
    assert_int_equal(ifm_energy_power_uw(5000000, SECOND), 5000000);
    assert_int_equal(ifm_energy_power_uw(1, 3), 333333333);
    assert_int_equal(ifm_energy_power_uw(0, SECOND), IFM_JSON_ABSENT);
    assert_int_equal(ifm_energy_power_uw(5, 0), IFM_JSON_ABSENT);
    assert_int_equal(ifm_energy_power_uw(INT64_MAX, 1), IFM_JSON_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gross_and_net_are_per_inference_over_counted_rails),
        cmocka_unit_test(few_updates_or_a_short_window_are_said),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(many_rails_are_cut_not_overrun),
        cmocka_unit_test(power_is_of_a_counter_that_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
