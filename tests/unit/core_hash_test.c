/* SHA-256 and base64 against the vectors of FIPS 180-4 and RFC 4648. */
#include "near.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/rng.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_SHA256   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    char hex[IFM_SHA256_HEX];
    assert_int_equal(ifm_hash_sha256_hex(NULL, 0, hex), 0);
    assert_string_equal(hex, EMPTY_SHA256);
    assert_int_equal(ifm_hash_sha256_hex("abc", 3, hex), 0);
    assert_string_equal(hex, ABC_SHA256);
    uint8_t digest[IFM_SHA256_BYTES];
    assert_int_equal(ifm_hash_sha256("abc", 3, digest), 0);
    ifm_hash_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, ABC_SHA256);
}

static void file_hash_streams_and_counts(void **state)
{
    (void)state;
    char path[] = "/tmp/ifm_hash_XXXXXX", hex[IFM_SHA256_HEX], whole[IFM_SHA256_HEX];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    enum { SIZE = 200001 }; /* more than three chunks, and not a multiple */
    uint8_t *bytes = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    close(fd);
    int64_t size = -1;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_hash_file(path, hex, &size, &err), 0);
    assert_int_equal(size, SIZE);
    ifm_hash_sha256_hex(bytes, SIZE, whole);
    assert_string_equal(hex, whole);
    assert_int_equal(ifm_hash_file(path, hex, NULL, NULL), 0);
    unlink(path);
    free(bytes);
    assert_int_equal(ifm_hash_file(path, hex, &size, &err), IFM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_string_equal(hex, "");
    assert_int_equal(ifm_hash_file("/tmp", hex, &size, &err), IFM_ERR_INVALID);
    assert_non_null(strstr(err.text, "folder"));
}

static void equal_compares_all_bytes(void **state)
{
    (void)state;
    assert_true(ifm_hash_equal("abcd", "abcd", 4));
    assert_false(ifm_hash_equal("abcd", "abce", 4));
    assert_true(ifm_hash_equal("abcd", "abce", 3));
    assert_true(ifm_hash_equal("a", "b", 0));
}

static void base64_gives_the_published_vectors(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "", "" },
                                           { "f", "Zg==" },
                                           { "fo", "Zm8=" },
                                           { "foo", "Zm9v" },
                                           { "foob", "Zm9vYg==" },
                                           { "fooba", "Zm9vYmE=" },
                                           { "foobar", "Zm9vYmFy" },
                                           { "\xfb\xff\xfe", "+//+" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[32];
        uint8_t bytes[32];
        size_t len = strlen(rows[i][0]), got = 99;
        ifm_base64_encode((const uint8_t *)rows[i][0], len, text);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(ifm_base64_length(len), strlen(text));
        assert_int_equal(ifm_base64_decode(text, strlen(text), bytes, &got), 0);
        assert_int_equal(got, len);
        assert_memory_equal(bytes, rows[i][0], len);
    }
}

static void base64_returns_every_byte_string(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 11);
    for (size_t len = 0; len < 300; len++) {
        uint8_t *bytes = malloc(len + 1), *back = malloc((len + 2) / 3 * 3 + 1);
        char *text = malloc(ifm_base64_length(len) + 1);
        size_t got;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)ifm_rng_next(&rng);
        ifm_base64_encode(bytes, len, text);
        assert_int_equal(ifm_base64_decode(text, strlen(text), back, &got), 0);
        assert_int_equal(got, len);
        assert_memory_equal(back, bytes, len);
        free(bytes);
        free(back);
        free(text);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Zg",   "Zg=",       "Zg===", "=Zg=", "Zg==Zg==", "Z===", "====",       "Zm9v ",
        "Zm 9", "Zm9v\n123", "Zm9-",  "Zm9_", "Zh==",     "Zm9=", "Zm\xc3\xa9", "Z=9v"
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint8_t bytes[32];
        size_t got = 99;
        assert_int_equal(ifm_base64_decode(bad[i], strlen(bad[i]), bytes, &got), -1);
        assert_int_equal(got, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(file_hash_streams_and_counts),
        cmocka_unit_test(equal_compares_all_bytes),
        cmocka_unit_test(base64_gives_the_published_vectors),
        cmocka_unit_test(base64_returns_every_byte_string),
        cmocka_unit_test(base64_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
