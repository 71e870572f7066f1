#include "core/json_scan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

#define KEPT_USUAL 4096
#define LEADS_MAX  32 /* objects, lists and blocks in one table */

/* What the scan knows about the place it is in. The walk follows the field tables, so that a label
 * that happens to be called "block" is left alone. */
struct level {
    char bracket;
    const struct ifm_table *table;   /* of the object, or of an array's items; NULL: none of ours */
    const struct ifm_field *pending; /* object: the field whose value comes next */
    bool key_next;
    size_t lead_count; /* fields of the table that can lead to a block: the only ones that matter */
    const struct ifm_field *leads[LEADS_MAX];
};

struct walk {
    const char *text;
    size_t len, i;
    size_t cut;    /* bytes that were cut so far */
    size_t copied; /* up to here the text is in out->kept */
    const struct ifm_table *root;
    struct level levels[IFM_JSON_DEPTH_MAX + 1];
    size_t depth;
    struct ifm_json_scan *out;
};

static int refuse(const struct walk *w, struct ifm_err *err, const char *what)
{
    return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "", "not valid JSON: %s at byte %zu", what, w->i);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Compares a raw key, escapes and all, with a field name: "bl\u006fck" must not slip past the scan.
 */
static bool key_is(const char *key, size_t len, const char *name)
{
    size_t i = 0;
    for (; *name; name++) {
        if (i >= len)
            return false;
        if (key[i] != '\\') {
            if (key[i++] != *name)
                return false;
        } else {
            if (len - i < 6 || key[i + 1] != 'u')
                return false; /* names hold nothing that \n and the like give */
            int code = 0;
            for (size_t k = 2; k < 6; k++) {
                int digit = hex_digit(key[i + k]);
                if (digit < 0)
                    return false;
                code = code * 16 + digit;
            }
            if (code != *name)
                return false;
            i += 6;
        }
    }
    return i == len;
}

static void note_leads(struct level *level)
{
    for (const struct ifm_field *f = level->table->fields; f->name; f++) {
        if (f->kind != IFM_FIELD_BLOCK && f->kind != IFM_FIELD_LIST && f->kind != IFM_FIELD_OBJECT)
            continue;
        assert(level->lead_count < LEADS_MAX);
        level->leads[level->lead_count++] = f;
    }
}

static const struct ifm_field *find_lead(const struct level *level, const char *key, size_t len)
{
    for (size_t i = 0; i < level->lead_count; i++)
        if (key_is(key, len, level->leads[i]->name))
            return level->leads[i];
    return NULL;
}

/* Most bytes are neither: these two keep the walk from looking at each of them twice. */
static bool plain_inside(unsigned char c)
{
    return (unsigned char)(c - 0x20) < 0x60 && c != '"' && c != '\\';
}

static bool plain_outside(unsigned char c)
{
    return (c >= '-' && c <= 'Z') ||
           (c >= 'a' && c <= 'z'); /* no bracket, quote or comma in these */
}

/* w->i stands on the opening quote; leaves it on the closing one. */
static int skip_string(struct walk *w, struct ifm_err *err)
{
    for (w->i++; w->i < w->len; w->i++) {
        const char *at = w->text + w->i, *last = w->text + w->len - 1;
        while (at < last && plain_inside((unsigned char)*at))
            at++;
        w->i = (size_t)(at - w->text);
        unsigned char c = (unsigned char)w->text[w->i];
        if (c == '"')
            return 0;
        if (c == '\\') {
            w->i++; /* whatever is escaped cannot end the string; the parser judges it */
            if (w->i < w->len && (unsigned char)w->text[w->i] >= 0x80)
                return refuse(w, err, "a wrong escape");
        } else if (c < 0x20) {
            return refuse(w, err, "a control character inside a string");
        } else if (c >= 0x80) {
            size_t n = ifm_text_char(w->text + w->i, w->len - w->i, NULL);
            if (n == 0)
                return refuse(w, err, "invalid UTF-8");
            w->i += n - 1;
        }
        if (w->i > w->cut + IFM_JSON_TEXT_MAX)
            break; /* judged by the caller's size check */
    }
    return w->i >= w->len ? refuse(w, err, "a string without an end") : 0;
}

/* Cuts the string that w->i stands on and leaves w->i on its closing quote. Its bytes are not
 * looked at: the base64 decoder takes nothing but its own alphabet. */
static int cut_string(struct walk *w, struct ifm_err *err)
{
    struct ifm_json_scan *out = w->out;
    const char *start = w->text + w->i + 1;
    const char *end = memchr(start, '"', w->len - w->i - 1);
    if (!end)
        return refuse(w, err, "a string without an end");
    if (out->count == 0) { /* from here on most of the text is copied: room for a usual one */
        ifm_buf_room(&out->kept, w->len < KEPT_USUAL ? w->len : KEPT_USUAL);
    }
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        struct ifm_json_cut *cuts = ifm_resize_array(out->cuts, cap, sizeof *cuts);
        if (!cuts)
            return ifm_err_set(err, IFM_ERR_NOMEM, "json", "out of memory");
        out->cuts = cuts;
        out->cap = cap;
    }
    ifm_buf_add(&out->kept, w->text + w->copied, (size_t)(start - w->text) - w->copied);
    out->cuts[out->count] = (struct ifm_json_cut){ start, (size_t)(end - start), out->kept.len };
    char index[24];
    int n = snprintf(index, sizeof index, "%zu", out->count++);
    ifm_buf_add(&out->kept, index, (size_t)n);
    w->copied = w->i = (size_t)(end - w->text);
    w->cut += (size_t)(end - start);
    return 0;
}

static int on_string(struct walk *w, struct ifm_err *err)
{
    struct level *top = &w->levels[w->depth];
    size_t start = w->i + 1;
    if (!top->key_next && top->pending && top->pending->kind == IFM_FIELD_BLOCK) {
        int rc = cut_string(w, err);
        top->pending = NULL;
        return rc;
    }
    int rc = skip_string(w, err);
    if (rc || !top->key_next)
        return rc;
    top->key_next = false;
    top->pending = find_lead(top, w->text + start, w->i - start);
    return 0;
}

static int on_open(struct walk *w, char bracket, struct ifm_err *err)
{
    if (w->depth == IFM_JSON_DEPTH_MAX)
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "",
                           "JSON is nested deeper than %d levels at byte %zu", IFM_JSON_DEPTH_MAX,
                           w->i);
    struct level *up = &w->levels[w->depth];
    const struct ifm_table *table = NULL;
    if (w->depth == 0)
        table = bracket == '{' ? w->root : NULL;
    else if (up->bracket == '[')
        table = bracket == '{' ? up->table : NULL;
    else if (up->pending && (up->pending->kind == IFM_FIELD_LIST) == (bracket == '['))
        table = up->pending->kind == IFM_FIELD_BLOCK ? NULL : up->pending->table;
    struct level *level = &w->levels[++w->depth];
    level->bracket = bracket;
    level->table = table;
    level->pending = NULL;
    level->key_next = bracket == '{';
    level->lead_count = 0;
    if (table && bracket == '{')
        note_leads(level);
    return 0;
}

static int on_close(struct walk *w, char bracket, struct ifm_err *err)
{
    if (w->depth == 0 || w->levels[w->depth].bracket != (bracket == '}' ? '{' : '['))
        return refuse(w, err, "a bracket that closes nothing");
    w->depth--;
    return 0;
}

static int on_byte(struct walk *w, struct ifm_err *err)
{
    char c = w->text[w->i];
    switch (c) {
    case '"':
        return on_string(w, err);
    case '{':
    case '[':
        return on_open(w, c, err);
    case '}':
    case ']':
        return on_close(w, c, err);
    case ',':
        w->levels[w->depth].key_next = w->levels[w->depth].bracket == '{';
        w->levels[w->depth].pending = NULL;
        return 0;
    default:
        if ((unsigned char)c >= 0x7F || (c < 0x20 && c != '\n' && c != '\r' && c != '\t'))
            return refuse(w, err, "a byte that JSON does not know");
        return 0;
    }
}

int ifm_json_scan(const struct ifm_table *table, const char *text, size_t len,
                  struct ifm_json_scan *out, struct ifm_err *err)
{
    *out = (struct ifm_json_scan){ .text = text, .len = len };
    ifm_buf_init(&out->kept,
                 (size_t)2 * IFM_JSON_TEXT_MAX); /* indices may be longer than empty blocks */
    struct walk w; /* not zeroed as a whole: the levels are filled when they are entered */
    w.text = text;
    w.len = len;
    w.root = table;
    w.out = out;
    w.i = w.cut = w.copied = w.depth = 0;
    w.levels[0] = (struct level){ .bracket = ' ' };
    for (w.i = 0; w.i < len; w.i++) {
        while (w.i + 1 < len && plain_outside((unsigned char)text[w.i]))
            w.i++;
        int rc = on_byte(&w, err);
        if (rc)
            return rc;
        if (w.i - w.cut >= IFM_JSON_TEXT_MAX)
            return ifm_err_set(err, IFM_ERR_TOO_LARGE, "",
                               "JSON is larger than %d bytes outside its sample blocks",
                               IFM_JSON_TEXT_MAX);
    }
    if (w.depth > 0)
        return refuse(&w, err, "an end before the last bracket was closed");
    if (out->count > 0) {
        ifm_buf_add(&out->kept, text + w.copied, len - w.copied);
        if (ifm_buf_check(&out->kept, err))
            return out->kept.failed;
        out->text = out->kept.data;
        out->len = out->kept.len;
    }
    return 0;
}

void ifm_json_scan_done(struct ifm_json_scan *scan)
{
    ifm_free(scan->cuts);
    ifm_buf_done(&scan->kept);
}

size_t ifm_json_scan_offset(const struct ifm_json_scan *scan, size_t offset)
{
    size_t original = offset;
    for (size_t i = 0; i < scan->count && scan->cuts[i].at < offset; i++) {
        char index[24];
        int n = snprintf(index, sizeof index, "%zu", i);
        original += scan->cuts[i].len - (size_t)n;
    }
    return original;
}
