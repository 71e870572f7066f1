#include "near.h"

#include "core/clock.h"
#include "core/uuid.h"

static void new_ids_are_version_7_and_carry_the_time(void **state)
{
    (void)state;
    char text[IFM_UUID_TEXT], previous[IFM_UUID_TEXT] = "";
    uint8_t bytes[IFM_UUID_BYTES];
    for (int i = 0; i < 1000; i++) {
        int64_t before = ifm_clock_wall_ms();
        assert_int_equal(ifm_uuid_new(text), 0);
        int64_t after = ifm_clock_wall_ms(), ms = 0;
        assert_true(ifm_uuid_valid(text));
        assert_int_equal(text[14], '7');
        assert_non_null(strchr("89ab", text[19]));
        assert_int_equal(ifm_uuid_parse(text, bytes), 0);
        for (int j = 0; j < 6; j++)
            ms = ms << 8 | bytes[j];
        assert_in_range(ms, before, after);
        assert_true(strncmp(text, previous, 13) >= 0); /* the time part sorts */
        assert_string_not_equal(text, previous);
        memcpy(previous, text, sizeof previous);
    }
}

static void format_and_parse_are_inverse(void **state)
{
    (void)state;
    static const char example[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; /* RFC 9562, A.6 */
    uint8_t bytes[IFM_UUID_BYTES];
    char text[IFM_UUID_TEXT];
    assert_int_equal(ifm_uuid_parse(example, bytes), 0);
    assert_int_equal(bytes[0], 0x01);
    assert_int_equal(bytes[15], 0x8f);
    ifm_uuid_format(bytes, text);
    assert_string_equal(text, example);
}

static void only_the_canonical_text_is_valid(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "0",
                                       "017F22E2-79b0-7cc3-98c4-dc0c0c07398f",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                       "017f22e279b07cc398c4dc0c0c07398f",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                                       "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                       "017f22e2_79b0-7cc3-98c4-dc0c0c07398f" };
    uint8_t bytes[IFM_UUID_BYTES];
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(ifm_uuid_valid(bad[i]));
        assert_int_equal(ifm_uuid_parse(bad[i], bytes), -1);
    }
    assert_false(ifm_uuid_valid(NULL));
    assert_true(ifm_uuid_valid("00000000-0000-0000-0000-000000000000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_ids_are_version_7_and_carry_the_time),
        cmocka_unit_test(format_and_parse_are_inverse),
        cmocka_unit_test(only_the_canonical_text_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
