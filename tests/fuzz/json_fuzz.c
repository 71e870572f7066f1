/* 50,000 deterministic mutations of the golden messages through the decoder. A mutant may be
 * accepted or refused, but never crash, leak, leave a half-filled struct, or give an error without
 * a sentence; what is accepted must be written and read again to the same text. Most useful under
 * the address sanitizer. */
#include "tests/lib/testlib.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/msg.h"
#include "core/rng.h"
#include "core/text.h"

#define MUTANTS    50000
#define CORPUS_MAX 64

struct seed {
    const struct ifm_table *table;
    char *text;
    size_t len;
};
static struct seed corpus[CORPUS_MAX];
static size_t corpus_count;
static struct ifm_rng rng;

static int load_corpus(void **state)
{
    (void)state;
    char *folder = t_source_path("schema/examples/v1");
    struct dirent **entries; /* sorted, so that mutants are the same on every machine */
    int n = scandir(folder, &entries, NULL, alphasort);
    assert_true(n > 2);
    for (int i = 0; i < n; i++) {
        size_t word = strcspn(entries[i]->d_name, "-.");
        for (const struct ifm_table *const *table = ifm_msg_tables; *table; table++) {
            if (strlen((*table)->name) != word ||
                memcmp((*table)->name, entries[i]->d_name, word) != 0)
                continue;
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            struct seed *seed = &corpus[corpus_count++];
            seed->table = *table;
            seed->text = t_read(path, &seed->len);
            assert_true(corpus_count < CORPUS_MAX);
        }
        free(entries[i]);
    }
    free(entries);
    ifm_free(folder);
    return corpus_count > 0 ? 0 : -1;
}

static int free_corpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < corpus_count; i++)
        ifm_free(corpus[i].text);
    return 0;
}

static size_t below(size_t bound)
{
    return (size_t)ifm_rng_below(&rng, bound);
}

static void splice(struct ifm_buf *text, size_t at, size_t drop, const char *insert, size_t len)
{
    struct ifm_buf out;
    ifm_buf_init(&out, 1024 * 1024);
    ifm_buf_add(&out, text->data, at);
    ifm_buf_add(&out, insert, len);
    ifm_buf_add(&out, text->data + at + drop, text->len - at - drop);
    assert_int_equal(out.failed, 0);
    ifm_buf_done(text);
    *text = out;
}

/* Keeps the text valid more often than not: another digit, or another letter of a word or a block.
 */
static void swap_digit(struct ifm_buf *text, size_t at)
{
    static const char letters[] = "0123456789abcdefABCDEF+/";
    for (; at < text->len; at++) {
        char c = text->data[at];
        bool digit = c >= '0' && c <= '9',
             letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!digit && !letter)
            continue;
        text->data[at] = letters[below(digit ? 10 : sizeof letters - 1)];
        return;
    }
}

static void mutate(struct ifm_buf *text)
{
    static const char *const pieces[] = { "\"",
                                          "\\",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          ":",
                                          "\\u0000",
                                          "\\ud800",
                                          "\\udc00",
                                          "\\u0022",
                                          "\xff",
                                          "\xc0\x80",
                                          "\xed\xa0\x80",
                                          "1e999",
                                          "-0",
                                          "NaN",
                                          "null",
                                          "true",
                                          "99999999999999999999",
                                          "-9223372036854775808",
                                          "\"block\":",
                                          "\"samples\":[",
                                          "\"gaps\":\"",
                                          "\"bl\\u006fck\":\"0\",",
                                          "{\"a\":{\"a\":{\"a\":",
                                          "[[[[[[[[",
                                          "\"v\":1,",
                                          "/*",
                                          "A",
                                          "=",
                                          "\n",
                                          "0",
                                          "9" };
    size_t at = below(text->len), left = text->len - at, other;
    const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
    switch (below(12)) {
    case 0:
        text->data[at] = (char)below(256);
        break;
    case 1:
    case 2:
        splice(text, at, 0, piece, strlen(piece));
        break;
    case 3:
        splice(text, at, 1 + below(left < 20 ? left : 20), "", 0);
        break;
    case 4:
    case 5:
        splice(text, at, 1, piece, strlen(piece));
        break;
    case 6: /* a part of it twice */
        other = below(left < 200 ? left : 200);
        if (text->len < 100000) {
            char *copy = ifm_dup_bytes(text->data + at, other);
            splice(text, at, 0, copy, other);
            ifm_free(copy);
        }
        break;
    case 7:
        splice(text, at, left, "", 0);
        break;
    default:
        swap_digit(text, at);
        break;
    }
    if (text->len == 0)
        splice(text, 0, 0, "{", 1);
}

static bool try_mutant(const struct ifm_table *table, const struct ifm_buf *text, void *out,
                       void *again)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf first, second;
    if (ifm_json_decode(table, text->data, text->len, out, &err)) {
        assert_true(err.code < 0 && err.text[0]);
        assert_true(ifm_text_valid(err.text, strlen(err.text)));
        for (size_t i = 0; i < table->size; i++)
            assert_int_equal(((unsigned char *)out)[i], 0);
        return false;
    }
    ifm_buf_init(&first, 1024 * 1024);
    ifm_buf_init(&second, 1024 * 1024);
    ifm_json_encode(table, out, &first);
    assert_int_equal(first.failed, 0);
    if (ifm_json_decode(table, first.data, first.len, again, &err))
        fail_msg("%s: %s", first.data, err.text);
    ifm_json_encode(table, again, &second);
    assert_string_equal(first.data, second.data);
    ifm_json_free(table, out);
    ifm_json_free(table, again);
    ifm_buf_done(&first);
    ifm_buf_done(&second);
    return true;
}

static void mutants_are_refused_or_understood(void **state)
{
    (void)state;
    size_t understood = 0;
    ifm_rng_init(&rng, 20261124);
    t_alloc_start();
    for (size_t i = 0; i < MUTANTS; i++) {
        const struct seed *seed = &corpus[below(corpus_count)];
        struct ifm_buf text;
        ifm_buf_init(&text, 1024 * 1024);
        ifm_buf_add(&text, seed->text, seed->len);
        for (size_t n = 1 + below(3); n > 0; n--)
            mutate(&text);
        /* an exact copy, so that the sanitizer sees one byte too far */
        char *exact = malloc(text.len);
        memcpy(exact, text.data, text.len);
        struct ifm_buf view = { .data = exact, .len = text.len };
        void *out = ifm_alloc(seed->table->size), *again = ifm_alloc(seed->table->size);
        understood += try_mutant(seed->table, &view, out, again);
        free(exact);
        ifm_free(out);
        ifm_free(again);
        ifm_buf_done(&text);
        if (t_alloc_outstanding() != 0)
            fail_msg("mutant %zu left %zu blocks behind", i, t_alloc_outstanding());
    }
    t_alloc_stop();
    print_message("%zu of %d mutants were understood\n", understood, MUTANTS);
    assert_true(understood > MUTANTS / 10); /* else the mutations are too wild to reach anything */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(mutants_are_refused_or_understood) };
    return cmocka_run_group_tests(tests, load_corpus, free_corpus);
}
