#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/json_scan.h"
#include "core/json_tree.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/uuid.h"

/* Where the decoder is: rendered as a JSON pointer only when something is wrong. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an index */
    size_t index;
};

struct context {
    struct ifm_json_scan scan;
    struct ifm_err *err;
};

static int decode_object(struct context *c, const struct ifm_table *table, const json_t *json,
                         void *out, const struct place *place);

static void add_pointer(struct ifm_buf *out, const struct place *place)
{
    if (!place)
        return;
    add_pointer(out, place->up);
    ifm_buf_addc(out, '/');
    if (!place->name) {
        ifm_buf_addf(out, "%zu", place->index);
        return;
    }
    for (const char *p = place->name; *p; p++) {
        if (*p == '~' || *p == '/')
            ifm_buf_adds(out, *p == '~' ? "~0" : "~1");
        else
            ifm_buf_addc(out, *p);
    }
}

static int fail(struct context *c, int code, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int fail(struct context *c, int code, const struct place *place, const char *format, ...)
{
    struct ifm_buf pointer;
    ifm_buf_init(&pointer, 4096);
    add_pointer(&pointer, place);
    va_list args;
    va_start(args, format);
    ifm_err_vset(c->err, code, pointer.data ? pointer.data : "", format, args);
    va_end(args);
    ifm_buf_done(&pointer);
    return code;
}

static int no_memory(struct context *c)
{
    return ifm_err_set(c->err, IFM_ERR_NOMEM, "json", "out of memory");
}

/* What stands in the message, short enough for a sentence. */
static const char *came(const json_t *json, char text[64])
{
    char shown[40];
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    case JSON_INTEGER:
        snprintf(text, 64, "%lld", (long long)json_integer_value(json));
        return text;
    case JSON_REAL:
        snprintf(text, 64, "the real number %.17g", json_real_value(json));
        return text;
    case JSON_STRING:
        ifm_text_clip(shown, sizeof shown, json_string_value(json), json_string_length(json));
        snprintf(text, 64, "\"%s\"", shown);
        return text;
    }
    return "nothing";
}

static int wanted(struct context *c, const struct place *place, const char *what,
                  const json_t *json)
{
    char text[64];
    return fail(c, IFM_ERR_INVALID, place, "wanted %s, got %s", what, came(json, text));
}

static int64_t limit(const struct ifm_field *f, int64_t fallback)
{
    return f->max > 0 ? f->max : fallback;
}

static int decode_i64(struct context *c, int64_t min, int64_t max, const json_t *json, int64_t *out,
                      const struct place *place)
{
    if (!json_is_integer(json))
        return wanted(c, place, "an integer", json);
    int64_t value = json_integer_value(json);
    bool bounded = min != 0 || max != 0;
    if ((bounded && (value < min || value > max)) || value == IFM_JSON_ABSENT)
        return fail(c, IFM_ERR_INVALID, place, "wanted an integer from %lld to %lld, got %lld",
                    (long long)(bounded ? min : -INT64_MAX), (long long)(bounded ? max : INT64_MAX),
                    (long long)value);
    *out = value;
    return 0;
}

static int decode_f64(struct context *c, const struct ifm_field *f, const json_t *json, double *out,
                      const struct place *place)
{
    if (!json_is_number(json))
        return wanted(c, place, "a number", json);
    double value = json_number_value(json);
    bool bounded = f->min != 0 || f->max != 0;
    if (!isfinite(value) || (bounded && (value < (double)f->min || value > (double)f->max)))
        return fail(c, IFM_ERR_INVALID, place, "wanted a number from %lld to %lld, got %g",
                    (long long)f->min, (long long)f->max, value);
    *out = value;
    return 0;
}

static int copy_string(struct context *c, int64_t max, const json_t *json, char **out,
                       const struct place *place)
{
    if (!json_is_string(json))
        return wanted(c, place, "a string", json);
    size_t len = json_string_length(json);
    if (len > (size_t)max)
        return fail(c, IFM_ERR_INVALID, place,
                    "wanted a string of at most %lld bytes, got %zu bytes", (long long)max, len);
    *out = ifm_dup_bytes(json_string_value(json), len);
    return *out ? 0 : no_memory(c);
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int decode_string(struct context *c, const struct ifm_field *f, const json_t *json,
                         char **out, const struct place *place)
{
    int rc = copy_string(c, limit(f, 1024), json, out, place);
    if (rc)
        return rc;
    int64_t time;
    if ((f->flags & IFM_FIELD_UUID) && !ifm_uuid_valid(*out))
        return wanted(c, place, "a UUID in lower case", json);
    if ((f->flags & IFM_FIELD_SHA256) && !is_sha256(*out))
        return wanted(c, place, "a SHA-256 of 64 lower-case hexadecimal digits", json);
    if ((f->flags & IFM_FIELD_TIME) && ifm_clock_parse(*out, &time))
        return wanted(c, place, "a time like 2026-11-24T22:51:43.123Z", json);
    return 0;
}

static int not_a_choice(struct context *c, const struct ifm_field *f, const json_t *json,
                        const struct place *place)
{
    char what[140];
    snprintf(what, sizeof what, "one of %s", f->choices);
    return wanted(c, place, what, json);
}

static int decode_choice(struct context *c, const struct ifm_field *f, const json_t *json, int *out,
                         const struct place *place)
{
    if (!json_is_string(json))
        return not_a_choice(c, f, json, place);
    const char *word = json_string_value(json);
    size_t len = json_string_length(json);
    int index = 0;
    for (const char *p = f->choices; p; p = strchr(p, '|'), index++) {
        if (*p == '|')
            p++;
        if (strcspn(p, "|") == len && memcmp(p, word, len) == 0) {
            *out = index;
            return 0;
        }
    }
    return not_a_choice(c, f, json, place);
}

/* Checks that json is a list of 1..max items and makes room for them; *items stays NULL for an
 * empty list. */
static int open_list(struct context *c, const json_t *json, int64_t max, size_t item_bytes,
                     void *items, const struct place *place)
{
    if (!json_is_array(json))
        return wanted(c, place, "a list", json);
    size_t count = json_array_size(json);
    if (count > (size_t)max)
        return fail(c, IFM_ERR_INVALID, place, "wanted at most %lld items, got %zu", (long long)max,
                    count);
    if (count == 0)
        return 0;
    void *memory = ifm_alloc_array(count, item_bytes);
    if (!memory)
        return no_memory(c);
    memcpy(items, &memory, sizeof memory);
    return 0;
}

static int decode_list(struct context *c, const struct ifm_field *f, const json_t *json,
                       struct ifm_list *out, const struct place *place)
{
    int rc = open_list(c, json, limit(f, 1024), f->table->size, &out->items, place);
    size_t count = rc == 0 ? json_array_size(json) : 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct place item = { place, NULL, i };
        out->count = i + 1; /* also a half-made item is freed */
        rc = decode_object(c, f->table, json_array_get(json, i),
                           (char *)out->items + i * f->table->size, &item);
    }
    return rc;
}

static int decode_strings(struct context *c, const struct ifm_field *f, const json_t *json,
                          struct ifm_strings *out, const struct place *place)
{
    int rc = open_list(c, json, limit(f, 64), sizeof(char *), &out->items, place);
    size_t count = rc == 0 ? json_array_size(json) : 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct place item = { place, NULL, i };
        out->count = i + 1;
        rc = copy_string(c, f->item_max ? f->item_max : 1024, json_array_get(json, i),
                         &out->items[i], &item);
    }
    return rc;
}

static int decode_ints(struct context *c, const struct ifm_field *f, const json_t *json,
                       struct ifm_ints *out, const struct place *place)
{
    int rc = open_list(c, json, limit(f, 65536), sizeof(int64_t), &out->items, place);
    size_t count = rc == 0 ? json_array_size(json) : 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct place item = { place, NULL, i };
        rc =
            decode_i64(c, f->item_min, f->item_max, json_array_get(json, i), &out->items[i], &item);
    }
    out->count = rc == 0 ? count : 0;
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct ifm_map_entry *)a)->key, ((const struct ifm_map_entry *)b)->key);
}

static bool is_word(const char *key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t len = strlen(key);
    return len >= 1 && len <= 64 && strspn(key, letters) == len;
}

static int decode_entry(struct context *c, const struct ifm_field *f, const char *key,
                        const json_t *value, struct ifm_map_entry *out, const struct place *place)
{
    if (strlen(key) > 256)
        return fail(c, IFM_ERR_INVALID, place, "wanted keys of at most 256 bytes");
    if ((f->flags & IFM_FIELD_WORD_KEYS) && !is_word(key))
        return fail(c, IFM_ERR_INVALID, place,
                    "wanted a key of 1 to 64 letters, digits, '_', '.' or '-'");
    out->key = ifm_dup(key);
    if (!out->key)
        return no_memory(c);
    struct place item = { place, key, 0 };
    return copy_string(c, f->item_max ? f->item_max : 1024, value, &out->value, &item);
}

static int decode_map(struct context *c, const struct ifm_field *f, const json_t *json,
                      struct ifm_map *out, const struct place *place)
{
    if (!json_is_object(json))
        return wanted(c, place, "an object of strings", json);
    size_t count = json_object_size(json);
    if (count > (size_t)limit(f, 64))
        return fail(c, IFM_ERR_INVALID, place, "wanted at most %lld entries, got %zu",
                    (long long)limit(f, 64), count);
    if (count == 0)
        return 0;
    out->items = ifm_alloc_array(count, sizeof *out->items);
    if (!out->items)
        return no_memory(c);
    void *walk =
        json_object_iter((json_t *)(uintptr_t)json); /* jansson's iterator is not const-correct */
    int rc = 0;
    for (; walk && rc == 0; walk = json_object_iter_next((json_t *)(uintptr_t)json, walk)) {
        struct ifm_map_entry *entry = &out->items[out->count++];
        rc = decode_entry(c, f, json_object_iter_key(walk), json_object_iter_value(walk), entry,
                          place);
    }
    if (rc == 0)
        qsort(out->items, out->count, sizeof *out->items, by_key);
    return rc;
}

/* Some encoders write "\/" for '/', which base64 uses; returns the number of characters left. */
static size_t drop_escapes(char *to, const char *from, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (from[i] == '\\' && i + 1 < len && from[i + 1] == '/')
            continue;
        to[n++] = from[i];
    }
    return n;
}

static int decode_block(struct context *c, const struct ifm_field *f, const json_t *json,
                        struct ifm_block *out, const struct place *place)
{
    if (!json_is_string(json))
        return wanted(c, place, "a base64 string", json);
    size_t index = strtoul(json_string_value(json), NULL, 10);
    if (index >= c->scan.count)
        return fail(c, IFM_ERR_INVALID, place, "wanted a base64 string");
    const struct ifm_json_cut *cut = &c->scan.cuts[index];
    int64_t max = limit(f, 8 * 1024 * 1024);
    if (cut->len / 4 > (size_t)max / 3 + 1)
        return fail(c, IFM_ERR_TOO_LARGE, place,
                    "wanted a block of at most %lld bytes, got %zu base64 characters",
                    (long long)max, cut->len);
    if (cut->len == 0)
        return 0;
    const char *text = cut->text;
    size_t len = cut->len;
    char *plain = NULL;
    if (memchr(text, '\\', len)) {
        plain = ifm_resize(NULL, len);
        if (!plain)
            return no_memory(c);
        len = drop_escapes(plain, text, len);
        text = plain;
    }
    out->bytes = ifm_resize(NULL, len / 4 * 3 + 3);
    int rc = 0;
    if (!out->bytes)
        rc = no_memory(c);
    else if (ifm_base64_decode(text, len, out->bytes, &out->len))
        rc = fail(c, IFM_ERR_INVALID, place, "wanted base64 with its padding and nothing else");
    else if (out->len > (size_t)max)
        rc = fail(c, IFM_ERR_TOO_LARGE, place, "wanted a block of at most %lld bytes, got %zu",
                  (long long)max, out->len);
    ifm_free(plain);
    return rc;
}

static int decode_field(struct context *c, const struct ifm_field *f, const json_t *json, void *at,
                        const struct place *place)
{
    switch (f->kind) {
    case IFM_FIELD_BOOL:
        if (!json_is_boolean(json))
            return wanted(c, place, "true or false", json);
        *(bool *)at = json_is_true(json);
        return 0;
    case IFM_FIELD_I64:
        return decode_i64(c, f->min, f->max, json, at, place);
    case IFM_FIELD_F64:
        return decode_f64(c, f, json, at, place);
    case IFM_FIELD_STRING:
        return decode_string(c, f, json, at, place);
    case IFM_FIELD_CHOICE:
        return decode_choice(c, f, json, at, place);
    case IFM_FIELD_OBJECT:
        return decode_object(c, f->table, json, at, place);
    case IFM_FIELD_LIST:
        return decode_list(c, f, json, at, place);
    case IFM_FIELD_STRINGS:
        return decode_strings(c, f, json, at, place);
    case IFM_FIELD_INTS:
        return decode_ints(c, f, json, at, place);
    case IFM_FIELD_MAP:
        return decode_map(c, f, json, at, place);
    case IFM_FIELD_BLOCK:
        return decode_block(c, f, json, at, place);
    }
    return 0;
}

static bool null_is_absent(const struct ifm_field *f)
{
    return f->kind == IFM_FIELD_STRING || f->kind == IFM_FIELD_F64 ||
           (f->flags & IFM_FIELD_NULLABLE);
}

static int decode_object(struct context *c, const struct ifm_table *table, const json_t *json,
                         void *out, const struct place *place)
{
    ifm_json_init(table, out);
    if (!json_is_object(json))
        return wanted(c, place, "an object", json);
    for (const struct ifm_field *f = table->fields; f->name; f++) {
        struct place here = { place, f->name, 0 };
        bool required = f->flags & IFM_FIELD_REQUIRED;
        const json_t *value = json_object_get(json, f->name);
        if (!value || (json_is_null(value) && !required && null_is_absent(f))) {
            if (required)
                return fail(c, IFM_ERR_INVALID, &here, "is missing");
            continue;
        }
        int rc = decode_field(c, f, value, (char *)out + f->offset, &here);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse(struct context *c, struct ifm_json_tree *tree)
{
    struct ifm_err own = IFM_ERR_INIT;
    int rc = ifm_json_tree_parse(tree, c->scan.text, c->scan.len, &own);
    if (rc != IFM_ERR_BAD_REQUEST)
        return rc == 0 ? 0 : no_memory(c);
    return ifm_err_set(c->err, rc, "", "not valid JSON: %s at byte %zu", own.text,
                       ifm_json_scan_offset(&c->scan, tree->error_at));
}

int ifm_json_decode(const struct ifm_table *table, const char *text, size_t len, void *out,
                    struct ifm_err *err)
{
    struct context c = { .err = err };
    struct ifm_json_tree tree;
    tree.chunks = NULL; /* the rest is the parser's to fill; zeroing 16 KiB would cost as much */
    memset(out, 0, table->size);
    int rc = ifm_json_scan(table, text, len, &c.scan, err);
    if (rc == 0)
        rc = parse(&c, &tree);
    if (rc == 0)
        rc = decode_object(&c, table, tree.root, out, NULL);
    if (rc)
        ifm_json_free(table, out);
    ifm_json_tree_done(&tree);
    ifm_json_scan_done(&c.scan);
    return rc;
}
