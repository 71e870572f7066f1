#include "tests/lib/testlib.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/rng.h"

static struct ifm_buf out;
static struct ifm_jw w;

static int setup(void **state)
{
    (void)state;
    ifm_buf_init(&out, 1000000);
    ifm_jw_init(&w, &out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ifm_buf_done(&out);
    return 0;
}

static const char *f64(double value)
{
    ifm_buf_reset(&out);
    ifm_jw_init(&w, &out);
    ifm_jw_f64(&w, value);
    return out.data;
}

static void commas_stand_where_they_belong(void **state)
{
    (void)state;
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "a");
    ifm_jw_begin(&w, '[');
    ifm_jw_end(&w, ']');
    ifm_jw_key(&w, "b");
    ifm_jw_begin(&w, '[');
    ifm_jw_i64(&w, 1);
    ifm_jw_bool(&w, true);
    ifm_jw_begin(&w, '{');
    ifm_jw_end(&w, '}');
    ifm_jw_string(&w, NULL);
    ifm_jw_i64(&w, IFM_JSON_ABSENT);
    ifm_jw_end(&w, ']');
    ifm_jw_key(&w, "c");
    ifm_jw_raw(&w, "[1,2]");
    ifm_jw_key(&w, "d");
    ifm_jw_f64(&w, NAN);
    ifm_jw_end(&w, '}');
    assert_string_equal(out.data, "{\"a\":[],\"b\":[1,true,{},null,null],\"c\":[1,2],\"d\":null}");
}

static void strings_are_escaped_and_always_utf8(void **state)
{
    (void)state;
    ifm_jw_string(&w, "\"\\/\b\f\n\r\t\x01\x1f\x7f é€\xf0\x9f\x98\x80 \xff\xc3");
    assert_string_equal(out.data,
                        "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7f é€\xf0\x9f\x98\x80"
                        " \\uFFFD\\uFFFD\"");
}

static const char *i64(int64_t value)
{
    ifm_buf_reset(&out);
    ifm_jw_init(&w, &out);
    ifm_jw_i64(&w, value);
    return out.data;
}

static void integers_of_every_length(void **state)
{
    (void)state;
    assert_string_equal(i64(0), "0");
    assert_string_equal(i64(-1), "-1");
    assert_string_equal(i64(INT64_MAX), "9223372036854775807");
    assert_string_equal(i64(INT64_MIN + 1), "-9223372036854775807");
    for (int64_t value = 1; value < INT64_MAX / 11; value = value * 10 + 9) {
        char want[32];
        snprintf(want, sizeof want, "%" PRId64, value);
        assert_string_equal(i64(value), want);
        snprintf(want, sizeof want, "%" PRId64, -value - 1);
        assert_string_equal(i64(-value - 1), want);
    }
}

/* Whole ones are written without printf; the text is the one that printf gives. */
static void whole_doubles_are_written_like_any(void **state)
{
    (void)state;
    static const double values[] = { 0,      7,       -7,     100,     1e14,    999999999999999.0,
                                     1e15,   -1e15,   1e16,   1e17,    1e300,   9007199254740993.0,
                                     -1e14,  1048576, 0.5,    12345.5, 1e-5,    123456789012345.0,
                                     4503599627370496.0 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char want[40];
        snprintf(want, sizeof want, "%.15g", values[i]);
        if (strtod(want, NULL) != values[i])
            snprintf(want, sizeof want, "%.16g", values[i]);
        assert_string_equal(f64(values[i]), want);
    }
}

static void doubles_are_short(void **state)
{
    (void)state;
    assert_string_equal(f64(0.1), "0.1");
    assert_string_equal(f64(1), "1");
    assert_string_equal(f64(-0.0), "-0.0");
    assert_string_equal(f64(1e22), "1e+22");
    assert_string_equal(f64(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(f64(1.0 / 3), "0.3333333333333333");
    assert_string_equal(f64(5e-324), "4.94065645841247e-324");
    assert_string_equal(f64(HUGE_VAL), "null");
    assert_string_equal(f64(NAN), "null");
}

static void doubles_read_back_bit_by_bit(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = ifm_rng_next(&rng);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        back = strtod(f64(value), NULL);
        assert_memory_equal(&value, &back, sizeof value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_where_they_belong, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_escaped_and_always_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(integers_of_every_length, setup, teardown),
        cmocka_unit_test_setup_teardown(whole_doubles_are_written_like_any, setup, teardown),
        cmocka_unit_test_setup_teardown(doubles_are_short, setup, teardown),
        cmocka_unit_test_setup_teardown(doubles_read_back_bit_by_bit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
