/* An emulator shows a process its own program; the kernel's link of the thread names the emulator. */
#include "tests/lib/testlib.h"
#include <stdlib.h>
#include "agents/worker/emulator.h"

static char name[IFM_EMULATOR_NAME];

static void links_that_differ_name_the_emulator(void **state)
{
    (void)state;
    assert_true(ifm_emulator_of_links("/opt/bin/inferometer-worker", "/usr/bin/qemu-aarch64-static", name, sizeof name));
    assert_string_equal(name, "qemu-aarch64-static");
    assert_true(ifm_emulator_of_links("/w", "/usr/bin/my \x01\xff", name, sizeof name)); /* cut at the blank */
    assert_string_equal(name, "my");
    assert_false(ifm_emulator_of_links("/w", "/w", name, sizeof name));
    assert_string_equal(name, "");
    assert_false(ifm_emulator_of_links(NULL, "/w", name, sizeof name));
    assert_false(ifm_emulator_of_links("/w", NULL, name, sizeof name)); /* no /proc: nothing is claimed */
}

static void a_processor_of_the_other_family_is_none(void **state)
{
    const char *x86 = "processor\t: 0\nvendor_id\t: GenuineIntel\n", *arm = "processor\t: 0\nCPU implementer\t: 0x41\n";
    (void)state;
    assert_true(ifm_emulator_of_processor("aarch64", x86, name, sizeof name));
    assert_string_equal(name, "unknown");
    assert_true(ifm_emulator_of_processor("x86_64", arm, name, sizeof name));
    assert_false(ifm_emulator_of_processor("aarch64", arm, name, sizeof name));
    assert_false(ifm_emulator_of_processor("x86_64", x86, name, sizeof name));
    assert_false(ifm_emulator_of_processor("riscv64", x86, name, sizeof name));
    assert_false(ifm_emulator_of_processor("aarch64", NULL, name, sizeof name));
}

static void the_variable_names_one_that_hides(void **state)
{
    (void)state;
    setenv("INFEROMETER_EMULATOR", "/opt/some-emulator", 1);
    assert_true(ifm_emulator_find(name, sizeof name));
    assert_string_equal(name, "some-emulator");
    unsetenv("INFEROMETER_EMULATOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(links_that_differ_name_the_emulator),
                                        cmocka_unit_test(a_processor_of_the_other_family_is_none),
                                        cmocka_unit_test(the_variable_names_one_that_hides) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
