#include "tests/lib/testlib.h"

#include <errno.h>
#include <string.h>

#include "core/text.h"

static void a_long_sentence_is_cut_at_a_character_and_ends_in_an_ellipsis(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    char text[2000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "é", 3);
    assert_int_equal(ifm_err_set(&err, IFM_ERR_IO, "store", "x%s", text), IFM_ERR_IO);
    assert_true(strlen(err.text) <= IFM_ERR_TEXT_MAX);
    assert_true(strlen(err.text) >= IFM_ERR_TEXT_MAX - 4);
    assert_true(ifm_text_valid(err.text, strlen(err.text)));
    assert_string_equal(err.text + strlen(err.text) - 3, "…");
    assert_string_equal(err.where, "store");
}

static void hostile_text_cannot_move_the_terminal(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_err_set(&err, IFM_ERR_USAGE, "a\nb", "name \"%s\"", "\x1b[2J\xff\xc2\x9b\xe2\x80\xae");
    assert_string_equal(err.text, "name \"\\x1B[2J\\xFF\\x9B\\u202E\"");
    assert_string_equal(err.where, "a\\x0Ab");
}

static void a_missing_struct_is_no_error_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(ifm_err_set(NULL, IFM_ERR_BUSY, "x", "y"), IFM_ERR_BUSY);
    ifm_err_prefix(NULL, "x");
    assert_int_equal(ifm_err_errno(NULL, ENOSPC, "x", "y"), IFM_ERR_FULL);
}

static void prefix_changes_only_an_error_that_is_set(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_err_prefix(&err, "run %d", 3);
    assert_string_equal(err.text, "");
    ifm_err_set(&err, IFM_ERR_IO, "file", "gone");
    ifm_err_prefix(&err, "run %d", 3);
    assert_string_equal(err.text, "run 3: gone");
    for (int i = 0; i < 100; i++)
        ifm_err_prefix(&err, "again");
    assert_true(strlen(err.text) <= IFM_ERR_TEXT_MAX);
}

static void errno_is_mapped(void **state)
{
    (void)state;
    static const struct {
        int value, code;
    } rows[] = { { ENOSPC, IFM_ERR_FULL },       { EDQUOT, IFM_ERR_FULL },
                 { EACCES, IFM_ERR_PERMISSION }, { EPERM, IFM_ERR_PERMISSION },
                 { EROFS, IFM_ERR_PERMISSION },  { ENOENT, IFM_ERR_NOT_FOUND },
                 { ENOMEM, IFM_ERR_NOMEM },      { EIO, IFM_ERR_IO },
                 { 99999, IFM_ERR_IO } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ifm_err err = IFM_ERR_INIT;
        assert_int_equal(ifm_err_errno(&err, rows[i].value, "file", "data.db"), rows[i].code);
        t_assert_contains(err.text, "data.db: ");
    }
}

static void a_part_is_told_of_the_whole(void **state)
{
    (void)state;
    static const struct {
        const char *where, *want;
    } rows[] = { { "/samples/3/block", "/list/12/samples/3/block" },
                 { "", "/list/12" },
                 { "store", "store" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ifm_err err = IFM_ERR_INIT;
        ifm_err_set(&err, IFM_ERR_INVALID, rows[i].where, "no");
        ifm_err_below(&err, "list", 12);
        assert_string_equal(err.where, rows[i].want);
    }
    struct ifm_err none = IFM_ERR_INIT;
    ifm_err_below(&none, "list", 0);
    assert_string_equal(none.where, "");
    ifm_err_below(NULL, "list", 0);
}

static void the_map_answers_for_every_code_and_for_none(void **state)
{
    (void)state;
    assert_string_equal(ifm_err_name(IFM_ERR_INVALID), "invalid-data");
    assert_int_equal(ifm_err_http(IFM_ERR_INVALID), 422);
    assert_int_equal(ifm_err_exit(IFM_ERR_INTERRUPTED), 130);
    assert_int_equal(ifm_err_http(IFM_OK), 200);
    assert_string_equal(ifm_err_name(-999), "unknown");
    assert_int_equal(ifm_err_http(-999), 500);
    assert_int_equal(ifm_err_exit(7), 70);
}

static void utf8_is_judged_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = { "\x80",
                                       "\xc0\xaf",
                                       "\xc3",
                                       "\xe0\x80\xaf",
                                       "\xed\xa0\x80",
                                       "\xed\xbf\xbf",
                                       "\xf0\x80\x80\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xf8\x88\x80\x80\x80",
                                       "\xff",
                                       "abcdefgh\xe2\x82" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ifm_text_valid(bad[i], strlen(bad[i])));
    static const char *const good[] = { "",
                                        "plain",
                                        "é",
                                        "€uro",
                                        "\xf0\x9f\x98\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        "12345678é12345678" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(ifm_text_valid(good[i], strlen(good[i])));
    assert_false(ifm_text_valid("a\0b", 3));
    assert_false(ifm_text_valid("12345678\0", 9));
}

static void clipping_fits_every_size(void **state)
{
    (void)state;
    static const char text[] = "a\xf0\x9f\x98\x80\x01"
                               "b€c\xff"
                               "defghijkl";
    for (size_t size = 8; size < 60; size++) {
        char out[64];
        memset(out, 'Z', sizeof out);
        size_t n = ifm_text_clip(out, size, text, sizeof text - 1);
        assert_true(n < size);
        assert_int_equal(out[n], 0);
        assert_int_equal(out[size], 'Z');
        assert_true(ifm_text_valid(out, n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_sentence_is_cut_at_a_character_and_ends_in_an_ellipsis),
        cmocka_unit_test(hostile_text_cannot_move_the_terminal),
        cmocka_unit_test(a_missing_struct_is_no_error_of_its_own),
        cmocka_unit_test(prefix_changes_only_an_error_that_is_set),
        cmocka_unit_test(errno_is_mapped),
        cmocka_unit_test(a_part_is_told_of_the_whole),
        cmocka_unit_test(the_map_answers_for_every_code_and_for_none),
        cmocka_unit_test(utf8_is_judged_strictly),
        cmocka_unit_test(clipping_fits_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
