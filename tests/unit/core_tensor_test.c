/* Element types, shapes, seeded inputs and the comparison with a reference. */
#include "near.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/tensor.h"

#define MANY ((size_t)1 << 30)

static struct ifm_tensor make(const char *name, enum ifm_dtype dtype, int64_t n)
{
    struct ifm_tensor t;
    assert_int_equal(ifm_tensor_new(&t, name, dtype, &n, 1, MANY, NULL), 0);
    return t;
}

static struct ifm_tensor make_f32(const float *values, int64_t n)
{
    struct ifm_tensor t = make("output", IFM_DTYPE_F32, n);
    memcpy(t.data, values, (size_t)n * sizeof *values);
    return t;
}

/* -- Types and shapes -------------------------------------------------------------------------- */

static void every_type_has_a_name_and_a_size(void **state)
{
    (void)state;
    size_t total = 0;
    for (int i = IFM_DTYPE_NONE + 1; i < IFM_DTYPE_COUNT; i++) {
        enum ifm_dtype dtype = (enum ifm_dtype)i;
        assert_int_equal(ifm_dtype_from_name(ifm_dtype_name(dtype)), dtype);
        assert_true(ifm_dtype_bytes(dtype) > 0);
        total += ifm_dtype_bytes(dtype);
    }
    assert_int_equal(total, 4 + 8 + 2 + 2 + 2 * (1 + 2 + 4 + 8) + 1);
    assert_string_equal(ifm_dtype_name(IFM_DTYPE_NONE), "unsupported");
    assert_string_equal(ifm_dtype_name((enum ifm_dtype)99), "unsupported");
    assert_int_equal(ifm_dtype_bytes(IFM_DTYPE_NONE), 0);
    assert_int_equal(ifm_dtype_from_name("unsupported"), IFM_DTYPE_NONE);
    assert_int_equal(ifm_dtype_from_name("complex64"), IFM_DTYPE_NONE);
    assert_int_equal(ifm_dtype_from_name(NULL), IFM_DTYPE_NONE);
}

static void elements_are_counted_without_overflow(void **state)
{
    (void)state;
    int64_t image[] = { 1, 3, 224, 224 }, dynamic[] = { -1, 3 },
            empty[] = { INT64_MAX, INT64_MAX, 0 };
    int64_t huge[] = { INT64_MAX, 2 };
    assert_int_equal(ifm_tensor_elements(image, 4), 150528);
    assert_int_equal(ifm_tensor_elements(image, 0), 1);
    assert_int_equal(ifm_tensor_elements(dynamic, 2), -1);
    assert_int_equal(ifm_tensor_elements(huge, 2), -1);
    assert_int_equal(ifm_tensor_elements(empty, 3), 0);
    assert_int_equal(ifm_tensor_elements(image, -1), -1);
}

static void new_checks_shape_limit_and_type(void **state)
{
    (void)state;
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    int64_t dims[] = { 2, 3, 4, 5, 6, 7, 8, 9, 10 }, bad[] = { 2, -3 }, huge[] = { INT64_MAX, 1 };
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_F32, dims, 3, 96, &err), 0);
    assert_int_equal(t.bytes, 96);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    assert_string_equal(t.name, "x");
    for (size_t i = 0; i < t.bytes; i++)
        assert_int_equal(((uint8_t *)t.data)[i], 0);
    ifm_tensor_done(&t);
    assert_null(t.data);
    ifm_tensor_done(&t);
    ifm_tensor_done(NULL);
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_F32, dims, 3, 95, &err), IFM_ERR_TOO_LARGE);
    assert_non_null(strstr(err.text, "2x3x4"));
    assert_non_null(strstr(err.text, "95"));
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_F32, dims, 9, MANY, &err), IFM_ERR_INVALID);
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_F32, bad, 2, MANY, &err), IFM_ERR_INVALID);
    assert_non_null(strstr(err.text, "2x-3"));
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_F64, huge, 2, SIZE_MAX, &err),
                     IFM_ERR_TOO_LARGE);
    assert_int_equal(ifm_tensor_new(&t, "x", IFM_DTYPE_NONE, dims, 2, MANY, &err),
                     IFM_ERR_UNSUPPORTED);
    assert_int_equal(ifm_tensor_new(&t, NULL, IFM_DTYPE_I8, NULL, 0, 1, &err), 0); /* a scalar */
    assert_int_equal(t.bytes, 1);
    assert_string_equal(t.name, "");
    ifm_tensor_done(&t);
    char text[12];
    ifm_tensor_shape_text(dims, 3, text, sizeof text);
    assert_string_equal(text, "2x3x4");
    ifm_tensor_shape_text(dims, 0, text, sizeof text);
    assert_string_equal(text, "scalar");
    ifm_tensor_shape_text(dims, 9, text, sizeof text);
    assert_string_equal(text, "2x3x4x5x6x7");
}

/* -- Narrow floats ----------------------------------------------------------------------------- */

static void half_precision_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        double value;
        uint16_t bits;
    } f16[] = { { 0.0, 0x0000 },
                { -0.0, 0x8000 },
                { 1.0, 0x3c00 },
                { -2.0, 0xc000 },
                { 65504.0, 0x7bff },
                { 65519.999, 0x7bff },
                { 65520.0, 0x7c00 } /* halfway to 65536, even is infinity */,
                { 1e300, 0x7c00 },
                { -1e300, 0xfc00 },
                { 0x1p-14, 0x0400 },
                { 0x1p-24, 0x0001 },
                { 0x1p-25, 0x0000 },
                { 0x1.8p-25, 0x0001 },
                { 0x1.8p-24, 0x0002 },
                { 1023.5 * 0x1p-24, 0x0400 },
                { 1.0 / 3, 0x3555 },
                { 1 + 0x1p-11, 0x3c00 },
                { 1 + 3 * 0x1p-11, 0x3c02 },
                { 2049.0, 0x6800 },
                { 2051.0, 0x6802 },
                { 1 + 0x1p-11 + 0x1p-40,
                  0x3c01 } /* through float this would be a tie and round down */,
                { 5e-324, 0x0000 } };
    for (size_t i = 0; i < COUNT(f16); i++)
        assert_int_equal(ifm_tensor_to_f16(f16[i].value), f16[i].bits);
    static const struct {
        double value;
        uint16_t bits;
    } bf16[] = { { 1.0, 0x3f80 },
                 { -1.0, 0xbf80 },
                 { 3.140625, 0x4049 },
                 { 1 + 0x1p-8, 0x3f80 },
                 { 1 + 3 * 0x1p-8, 0x3f82 },
                 { 0x1.fep127, 0x7f7f },
                 { 0x1.ffp127, 0x7f80 },
                 { 0x1p-133, 0x0001 },
                 { 0x1p-134, 0x0000 },
                 { 1 + 0x1p-8 + 0x1p-50, 0x3f81 } };
    for (size_t i = 0; i < COUNT(bf16); i++)
        assert_int_equal(ifm_tensor_to_bf16(bf16[i].value), bf16[i].bits);
    assert_true(isnan(ifm_tensor_from_f16(ifm_tensor_to_f16(NAN))));
    assert_true(isnan(ifm_tensor_from_bf16(ifm_tensor_to_bf16(-NAN))));
    assert_int_equal(ifm_tensor_to_f16(INFINITY), 0x7c00);
    assert_int_equal(ifm_tensor_to_bf16(-INFINITY), 0xff80);
}

/* Every pattern returns through double, and lies where its neighbours say. */
static void every_half_pattern_survives(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        double f16 = ifm_tensor_from_f16((uint16_t)bits),
               bf16 = ifm_tensor_from_bf16((uint16_t)bits);
        if (!isnan(f16))
            assert_int_equal(ifm_tensor_to_f16(f16), bits);
        if (!isnan(bf16)) {
            assert_int_equal(ifm_tensor_to_bf16(bf16), bits);
            uint32_t word = bits << 16; /* bfloat16 is the upper half of a float */
            float same;
            memcpy(&same, &word, sizeof same);
            assert_true((double)same == bf16);
        }
        if ((bits & 0x7fff) < 0x7bff) { /* the midpoint goes to the even neighbour */
            double next = ifm_tensor_from_f16((uint16_t)(bits + 1)), middle = 0.5 * (f16 + next);
            assert_int_equal(ifm_tensor_to_f16(middle), bits & 1 ? bits + 1 : bits);
        }
    }
}

/* -- Seeded inputs ----------------------------------------------------------------------------- */

static void hash_seeded(enum ifm_dtype dtype, const char *name, uint64_t seed, double low,
                        double high, char hex[IFM_SHA256_HEX])
{
    struct ifm_tensor t = make(name, dtype, 1000);
    ifm_tensor_seed(&t, seed, low, high);
    assert_int_equal(ifm_hash_sha256_hex(t.data, t.bytes, hex), 0);
    ifm_tensor_done(&t);
}

static void seeded_bytes_are_the_same_everywhere(void **state)
{
    (void)state;
    static const struct {
        enum ifm_dtype dtype;
        const char *sha256;
    } rows[] = {
        { IFM_DTYPE_F32, "86a39d60369f7596f89cdf39eb2d7bd691cadc841651f576b9f1795cfeba47e0" },
        { IFM_DTYPE_F64, "a32c27da7d3bd9795986cb6b2e53066d47de9d95cfe7bd061687f9117edbb9be" },
        { IFM_DTYPE_F16, "2a7a2516c7333f8bf24e758e6ae1c65e09eaaa41de6528150533bb63b1e52486" },
        { IFM_DTYPE_BF16, "97744e0b5ff66eb0f71c02c81dc9c5422e1e739b574524b5b28d1e01f0b6360b" },
        { IFM_DTYPE_I8, "7471cccf8db8e094a9eb79f3b41975867040e9569007ec722c9b667986793e08" },
        { IFM_DTYPE_I16, "ae63e746301acfb8a4f0c9fc64fb6864c89a8654137e947e14bb6afd1738849a" },
        { IFM_DTYPE_I32, "2e8497bb28a15fbaf1cbb5d2b9e49f7ec8ea214a7dd1f8f55f3315b2785bad5d" },
        { IFM_DTYPE_I64, "200d00a841cc12b9429e5a2e95706e3346c652cf19d52e729e798daf4eca3766" },
        { IFM_DTYPE_U8, "b35dad8effc61271cd11a53d0b7f85faa66b56d69534529ee91b381ffe323658" },
        { IFM_DTYPE_U16, "d858633855ea63b959d1b2766725170fc7f6c2e4b8f429ba818358d427a4bfe2" },
        { IFM_DTYPE_U32, "8f8c1f92ef6df5e52d1c6704c842b5b61f75914a2deecf96ce2ce76c73ac0d0f" },
        { IFM_DTYPE_U64, "811fc54a1e37833d08bafa2c13bc5a8a889c300e25f7ffffd188ffad15b91176" },
        { IFM_DTYPE_BOOL, "a79b084254b38af9ee12a85117f7532f39b11d9e4c255d6884d7055fb94bf5c7" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char hex[IFM_SHA256_HEX];
        hash_seeded(rows[i].dtype, "input", 42, -1.5, 100, hex);
        if (strcmp(hex, rows[i].sha256) != 0)
            print_error("%s: %s\n", ifm_dtype_name(rows[i].dtype), hex);
        assert_string_equal(hex, rows[i].sha256);
    }
    char one[IFM_SHA256_HEX], other[IFM_SHA256_HEX];
    hash_seeded(IFM_DTYPE_F32, "input", 42, 0, 1, one);
    hash_seeded(IFM_DTYPE_F32, "input", 43, 0, 1, other);
    assert_string_not_equal(one, other);
    hash_seeded(IFM_DTYPE_F32, "mask", 42, 0, 1, other);
    assert_string_not_equal(one, other);
}

static void seeded_values_lie_in_their_range(void **state)
{
    (void)state;
    static const double ranges[][2] = { { 0, 1 },           { -3, 5 },         { 7, 7 },
                                        { 0, 255 },         { -1e300, 1e300 }, { 0.25, 0.75 },
                                        { -9.3e18, 1.9e19 } };
    for (int i = IFM_DTYPE_NONE + 1; i < IFM_DTYPE_COUNT; i++)
        for (size_t j = 0; j < COUNT(ranges); j++) {
            enum ifm_dtype dtype = (enum ifm_dtype)i;
            bool real = dtype <= IFM_DTYPE_BF16;
            double low = ranges[j][0], high = ranges[j][1], least = INFINITY, most = -INFINITY;
            struct ifm_tensor t = make("x", dtype, 4000);
            ifm_tensor_seed(&t, 9, low, high);
            for (size_t k = 0; k < 4000; k++) {
                double value = ifm_tensor_value(&t, k);
                least = fmin(least, value);
                most = fmax(most, value);
                assert_true(isfinite(value));
                assert_true(real || value == floor(value));
            }
            if (dtype == IFM_DTYPE_BOOL) {
                assert_true(least == 0 && most == 1);
            } else if (real && low < high) {
                assert_true(least >= low && most < high);
                assert_true(most > least);
            } else if (j == 1) { /* whole numbers: both ends are reached */
                bool is_unsigned = dtype >= IFM_DTYPE_U8;
                assert_true(most == 5 && least == (is_unsigned ? 0 : -3));
            } else if (j == 2) {
                assert_true(least == 7 && most == 7);
            }
            ifm_tensor_done(&t);
        }
}

static void odd_seed_ranges_do_no_harm(void **state)
{
    (void)state;
    struct ifm_tensor t = make("x", IFM_DTYPE_F16, 100);
    ifm_tensor_seed(&t, 1, 0.9999,
                    0.99995); /* no half lies in there: the nearest below or at low */
    assert_near(ifm_tensor_value(&t, 50), 1, 0.001);
    ifm_tensor_seed(&t, 1, NAN, NAN);
    assert_near(ifm_tensor_value(&t, 50), 0, 0);
    ifm_tensor_seed(&t, 1, 5, 2);
    assert_near(ifm_tensor_value(&t, 50), 5, 0);
    ifm_tensor_seed(&t, 1, -INFINITY, INFINITY);
    assert_true(isfinite(ifm_tensor_value(&t, 50)));
    ifm_tensor_done(&t);
    struct ifm_tensor nothing = { 0 };
    ifm_tensor_seed(&nothing, 1, 0, 1);
}

/* -- Comparison -------------------------------------------------------------------------------- */

static void comparison_gives_the_reference_values(void **state)
{
    (void)state;
    struct ifm_tensor d = make("y", IFM_DTYPE_F64, 4), a = make("y", IFM_DTYPE_F64, 4);
    static const double expected[] = { 1, 2, 3, 4 }, actual[] = { 1.01, 1.98, 3.03, 3.96 };
    memcpy(d.data, expected, sizeof expected);
    memcpy(a.data, actual, sizeof actual);
    struct ifm_comparison c;
    assert_int_equal(ifm_tensor_compare(&a, &d, 0.0101, 0, &c, NULL), 0);
    assert_near(c.cosine, .9999552607737426, 1e-15);
    assert_near(c.snr_db, 40.0, 1e-10);
    assert_near(c.max_abs, .04, 1e-15);
    assert_near(c.max_rel, .01, 1e-15);
    assert_int_equal(c.elements, 4);
    assert_int_equal(c.mismatched, 0);
    assert_int_equal(c.first_mismatch, -1);
    assert_int_equal(ifm_tensor_compare(&a, &d, 0, 0.025, &c, NULL), 0);
    assert_int_equal(c.mismatched, 2);
    assert_int_equal(c.first_mismatch, 2);
    assert_int_equal(ifm_tensor_compare(&d, &d, 0, 0, &c, NULL), 0);
    assert_near(c.cosine, 1, 1e-15);
    assert_true(isinf(c.snr_db) && c.snr_db > 0);
    ifm_tensor_done(&a);
    ifm_tensor_done(&d);
}

/* The tolerance scales with the expected value, not with the actual one. */
static void allclose_is_asymmetric(void **state)
{
    (void)state;
    float small[] = { 10.0f }, large[] = { 11.05f };
    struct ifm_tensor a = make_f32(small, 1), b = make_f32(large, 1);
    struct ifm_comparison c;
    assert_int_equal(ifm_tensor_compare(&a, &b, 0.1, 0, &c, NULL), 0); /* 1.05 <= 1.105 */
    assert_int_equal(c.mismatched, 0);
    assert_int_equal(ifm_tensor_compare(&b, &a, 0.1, 0, &c, NULL), 0); /* 1.05 > 1.0 */
    assert_int_equal(c.mismatched, 1);
    ifm_tensor_done(&a);
    ifm_tensor_done(&b);
}

static void not_a_number_and_infinity_match_by_place_and_sign(void **state)
{
    (void)state;
    float expected[] = { NAN, INFINITY, -INFINITY, 1, 2, NAN, INFINITY, 0 };
    float actual[] = { NAN, INFINITY, INFINITY, NAN, INFINITY, 3, 4, 0 };
    struct ifm_tensor e = make_f32(expected, 8), a = make_f32(actual, 8);
    struct ifm_comparison c;
    assert_int_equal(ifm_tensor_compare(&a, &e, 1e30, 1e30, &c, NULL), 0);
    assert_int_equal(c.mismatched, 5);
    assert_int_equal(c.first_mismatch, 2);
    assert_int_equal(c.not_finite, 2);
    assert_true(isfinite(c.max_abs));
    ifm_tensor_done(&a);
    ifm_tensor_done(&e);
}

static void zeros_have_a_cosine(void **state)
{
    (void)state;
    float zero[] = { 0, 0 }, one[] = { 1, 1 }, minus[] = { -1, -1 };
    struct ifm_tensor z = make_f32(zero, 2), o = make_f32(one, 2), m = make_f32(minus, 2);
    struct ifm_comparison c;
    ifm_tensor_compare(&z, &z, 0, 0, &c, NULL);
    assert_near(c.cosine, 1, 0);
    ifm_tensor_compare(&z, &o, 0, 0, &c, NULL);
    assert_near(c.cosine, 0, 0);
    assert_near(c.snr_db, 0, 1e-12);
    ifm_tensor_compare(&o, &z, 0, 0, &c, NULL);
    assert_near(c.cosine, 0, 0);
    assert_true(isinf(c.snr_db) && c.snr_db < 0);
    ifm_tensor_compare(&m, &o, 0, 0, &c, NULL);
    assert_near(c.cosine, -1, 1e-15);
    ifm_tensor_done(&z);
    ifm_tensor_done(&o);
    ifm_tensor_done(&m);
}

static void large_integers_are_compared_exactly(void **state)
{
    (void)state;
    struct ifm_tensor a = make("i", IFM_DTYPE_I64, 2), b = make("i", IFM_DTYPE_I64, 2);
    struct ifm_comparison c;
    ((int64_t *)a.data)[0] = INT64_MAX; /* the same double */
    ((int64_t *)b.data)[0] = INT64_MAX - 1;
    ((int64_t *)a.data)[1] = INT64_MIN; /* the difference does not fit in an int64_t */
    ((int64_t *)b.data)[1] = INT64_MAX;
    assert_int_equal(ifm_tensor_compare(&a, &b, 0, 0, &c, NULL), 0);
    assert_int_equal(c.mismatched, 2);
    assert_near_relative(c.max_abs, 0x1p64, 1e-15);
    assert_int_equal(ifm_tensor_compare(&a, &b, 0, 1, &c, NULL), 0);
    assert_int_equal(c.first_mismatch, 1);
    ifm_tensor_done(&a);
    ifm_tensor_done(&b);
    a = make("u", IFM_DTYPE_U64, 1);
    b = make("u", IFM_DTYPE_U64, 1);
    ((uint64_t *)a.data)[0] = UINT64_MAX;
    ((uint64_t *)b.data)[0] = UINT64_MAX - 1;
    assert_int_equal(ifm_tensor_compare(&a, &b, 0, 0, &c, NULL), 0);
    assert_int_equal(c.mismatched, 1);
    ifm_tensor_done(&a);
    ifm_tensor_done(&b);
}

static void every_type_is_compared(void **state)
{
    (void)state;
    for (int i = IFM_DTYPE_NONE + 1; i < IFM_DTYPE_COUNT; i++) {
        struct ifm_tensor a = make("x", (enum ifm_dtype)i, 100),
                          b = make("x", (enum ifm_dtype)i, 100);
        struct ifm_comparison c;
        ifm_tensor_seed(&a, 1, 1, 100);
        ifm_tensor_seed(&b, 1, 1, 100);
        assert_int_equal(ifm_tensor_compare(&a, &b, 0, 0, &c, NULL), 0);
        assert_int_equal(c.mismatched, 0);
        ifm_tensor_seed(&b, 2, 1, 100);
        assert_int_equal(ifm_tensor_compare(&a, &b, 0, 0, &c, NULL), 0);
        assert_true(c.mismatched > 30);
        assert_true(c.max_abs > 0);
        ifm_tensor_done(&a);
        ifm_tensor_done(&b);
    }
}

static void other_types_and_shapes_are_named(void **state)
{
    (void)state;
    struct ifm_tensor f = make("logits", IFM_DTYPE_F32, 6), h = make("logits", IFM_DTYPE_F16, 6), g;
    struct ifm_comparison c;
    struct ifm_err err = IFM_ERR_INIT;
    int64_t dims[] = { 2, 3 };
    assert_int_equal(ifm_tensor_compare(&h, &f, 0, 0, &c, &err), IFM_ERR_INVALID);
    assert_string_equal(err.text, "output \"logits\" is float16, its reference float32");
    assert_int_equal(ifm_tensor_new(&g, "logits", IFM_DTYPE_F32, dims, 2, MANY, NULL), 0);
    assert_int_equal(ifm_tensor_compare(&g, &f, 0, 0, &c, &err), IFM_ERR_INVALID);
    assert_string_equal(err.text, "output \"logits\" has shape 2x3, its reference 6");
    f.dims[0] = 7; /* says more than it holds */
    g.rank = 1;
    g.dims[0] = 7;
    assert_int_equal(ifm_tensor_compare(&g, &f, 0, 0, &c, &err), IFM_ERR_INVALID);
    ifm_tensor_done(&f);
    ifm_tensor_done(&g);
    ifm_tensor_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_name_and_a_size),
        cmocka_unit_test(elements_are_counted_without_overflow),
        cmocka_unit_test(new_checks_shape_limit_and_type),
        cmocka_unit_test(half_precision_rounds_to_nearest_even),
        cmocka_unit_test(every_half_pattern_survives),
        cmocka_unit_test(seeded_bytes_are_the_same_everywhere),
        cmocka_unit_test(seeded_values_lie_in_their_range),
        cmocka_unit_test(odd_seed_ranges_do_no_harm),
        cmocka_unit_test(comparison_gives_the_reference_values),
        cmocka_unit_test(allclose_is_asymmetric),
        cmocka_unit_test(not_a_number_and_infinity_match_by_place_and_sign),
        cmocka_unit_test(zeros_have_a_cosine),
        cmocka_unit_test(large_integers_are_compared_exactly),
        cmocka_unit_test(every_type_is_compared),
        cmocka_unit_test(other_types_and_shapes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
