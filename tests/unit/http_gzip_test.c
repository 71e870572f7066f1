/* Content coding: what goes in comes out, a bomb costs no more than the limit, damage is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/gzip.h"

#define LARGE (3 * 1024 * 1024)

static struct ifm_gzip_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    return ifm_gzip_pool_new(&pool, 4, NULL);
}

static int drop_pool(void **state)
{
    (void)state;
    ifm_gzip_pool_free(pool);
    ifm_gzip_pool_free(NULL);
    return 0;
}

static void encode(const char *bytes, size_t len, struct ifm_buf *out)
{
    ifm_buf_init(out, len + 100);
    assert_int_equal(ifm_gzip_encode(pool, bytes, len, out, NULL), 0);
    assert_true(out->len < len);
}

static void goes_round(void **state)
{
    (void)state;
    static const size_t lengths[] = { 100, 65535, 65536, 65537, 1000000 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t len = lengths[i];
        char *text = malloc(len);
        assert_non_null(text);
        for (size_t j = 0; j < len; j++) {
            text[j] = (char)('a' + (j * j / 7) % 20);
        }
        struct ifm_buf coded, plain;
        encode(text, len, &coded);
        ifm_buf_init(&plain, len); /* exactly enough */
        assert_int_equal(ifm_gzip_decode(coded.data, coded.len, &plain, NULL), 0);
        assert_int_equal(plain.len, len);
        assert_memory_equal(plain.data, text, len);
        ifm_buf_done(&plain);
        ifm_buf_init(&plain, len - 1); /* one byte too few */
        assert_int_equal(ifm_gzip_decode(coded.data, coded.len, &plain, NULL), IFM_ERR_TOO_LARGE);
        ifm_buf_done(&plain);
        ifm_buf_done(&coded);
        free(text);
    }
}

static void a_bomb_is_too_large(void **state)
{
    (void)state;
    char *zeros = calloc(1, LARGE);
    assert_non_null(zeros);
    struct ifm_buf coded, plain;
    encode(zeros, LARGE, &coded);
    assert_true(coded.len < LARGE / 200);
    ifm_buf_init(&plain, 100000);
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_gzip_decode(coded.data, coded.len, &plain, &err), IFM_ERR_TOO_LARGE);
    assert_non_null(strstr(err.text, "100000"));
    assert_true(plain.cap <= 2 * 100001);
    ifm_buf_done(&plain);
    ifm_buf_done(&coded);
    free(zeros);
}

static void damage_is_refused(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    struct ifm_buf coded, plain;
    encode(text, sizeof text, &coded);
    for (size_t cut = 0; cut < coded.len; cut++) {
        ifm_buf_init(&plain, 10000);
        assert_int_equal(ifm_gzip_decode(coded.data, cut, &plain, NULL), IFM_ERR_BAD_REQUEST);
        ifm_buf_done(&plain);
    }
    coded.data[coded.len - 8] ^= 1; /* checksum */
    ifm_buf_init(&plain, 10000);
    assert_int_equal(ifm_gzip_decode(coded.data, coded.len, &plain, NULL), IFM_ERR_BAD_REQUEST);
    ifm_buf_done(&plain);
    coded.data[coded.len - 8] ^= 1;
    ifm_buf_addc(&coded, 'x'); /* more behind it */
    ifm_buf_init(&plain, 10000);
    assert_int_equal(ifm_gzip_decode(coded.data, coded.len, &plain, NULL), IFM_ERR_BAD_REQUEST);
    assert_int_equal(ifm_gzip_decode("no gzip", 7, &plain, NULL), IFM_ERR_BAD_REQUEST);
    ifm_buf_done(&plain);
    ifm_buf_done(&coded);
}

static void what_does_not_shrink_is_left_alone(void **state)
{
    (void)state;
    uint32_t x = 1;
    char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (char)(x >> 24);
    }
    struct ifm_buf out;
    ifm_buf_init(&out, sizeof noise);
    assert_int_equal(ifm_gzip_encode(pool, noise, sizeof noise, &out, NULL), IFM_ERR_TOO_LARGE);
    ifm_buf_done(&out);
    struct ifm_buf coded; /* and the state it used still works */
    memset(noise, 'y', sizeof noise);
    encode(noise, sizeof noise, &coded);
    ifm_buf_done(&coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_round),
        cmocka_unit_test(a_bomb_is_too_large),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(what_does_not_shrink_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_pool, drop_pool);
}
