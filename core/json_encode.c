#include "core/json.h"

#include <math.h>
#include <string.h>

#include "core/hash.h"
#include "core/mem.h"

static void encode_object(const struct ifm_table *table, const void *in, struct ifm_jw *w);

static bool all_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static size_t size_of(const struct ifm_field *f)
{
    switch (f->kind) {
    case IFM_FIELD_BOOL:
        return sizeof(bool);
    case IFM_FIELD_I64:
        return sizeof(int64_t);
    case IFM_FIELD_F64:
        return sizeof(double);
    case IFM_FIELD_STRING:
        return sizeof(char *);
    case IFM_FIELD_CHOICE:
        return sizeof(int);
    case IFM_FIELD_OBJECT:
        return f->table->size;
    case IFM_FIELD_LIST:
        return sizeof(struct ifm_list);
    case IFM_FIELD_STRINGS:
        return sizeof(struct ifm_strings);
    case IFM_FIELD_INTS:
        return sizeof(struct ifm_ints);
    case IFM_FIELD_MAP:
        return sizeof(struct ifm_map);
    case IFM_FIELD_BLOCK:
        return sizeof(struct ifm_block);
    }
    return 0;
}

/* True where decoding would give the same value back from nothing. An object's turn comes after it
 * is written, when it turns out to be empty. */
static bool is_absent(const struct ifm_field *f, const void *at)
{
    if ((f->flags & IFM_FIELD_OMIT_ZERO) && all_zero(at, size_of(f)))
        return true;
    switch (f->kind) {
    case IFM_FIELD_I64:
        return (f->flags & IFM_FIELD_NULLABLE) && *(const int64_t *)at == IFM_JSON_ABSENT;
    case IFM_FIELD_F64:
        return !isfinite(*(const double *)at);
    case IFM_FIELD_STRING:
        return *(char *const *)at == NULL;
    case IFM_FIELD_LIST:
        return ((const struct ifm_list *)at)->count == 0;
    case IFM_FIELD_STRINGS:
        return ((const struct ifm_strings *)at)->count == 0;
    case IFM_FIELD_INTS:
        return ((const struct ifm_ints *)at)->count == 0;
    case IFM_FIELD_MAP:
        return ((const struct ifm_map *)at)->count == 0;
    case IFM_FIELD_BLOCK:
        return ((const struct ifm_block *)at)->len == 0;
    default:
        return false;
    }
}

static void encode_choice(const char *choices, int index, struct ifm_jw *w)
{
    const char *word = choices;
    for (int i = 0; i < index && word; i++) {
        word = strchr(word, '|');
        if (word)
            word++;
    }
    if (!word || index < 0) {
        ifm_jw_raw(w, "null"); /* a programmer's error; the reader will refuse it by name */
        return;
    }
    ifm_jw_raw(w, "\"");
    ifm_buf_add(w->out, word, strcspn(word, "|"));
    ifm_buf_addc(w->out, '"');
}

static void encode_block(const struct ifm_block *block, struct ifm_jw *w)
{
    ifm_jw_raw(w, "\"");
    size_t len = ifm_base64_length(block->len);
    char *room = ifm_buf_room(w->out, len);
    if (room) {
        ifm_base64_encode(block->bytes, block->len, room);
        w->out->len += len;
    }
    ifm_buf_addc(w->out, '"');
}

static void encode_list(const struct ifm_table *table, const struct ifm_list *list,
                        struct ifm_jw *w)
{
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < list->count; i++)
        encode_object(table, (const char *)list->items + i * table->size, w);
    ifm_jw_end(w, ']');
}

static void encode_strings(const struct ifm_strings *strings, struct ifm_jw *w)
{
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < strings->count; i++)
        ifm_jw_string(w, strings->items[i]);
    ifm_jw_end(w, ']');
}

static void encode_ints(const struct ifm_ints *ints, struct ifm_jw *w)
{
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < ints->count; i++)
        ifm_jw_i64(w, ints->items[i]);
    ifm_jw_end(w, ']');
}

static void encode_map(const struct ifm_map *map, struct ifm_jw *w)
{
    ifm_jw_begin(w, '{');
    for (size_t i = 0; i < map->count; i++) {
        ifm_jw_key(w, map->items[i].key);
        ifm_jw_string(w, map->items[i].value);
    }
    ifm_jw_end(w, '}');
}

static void encode_value(const struct ifm_field *f, const void *at, struct ifm_jw *w)
{
    switch (f->kind) {
    case IFM_FIELD_BOOL:
        ifm_jw_bool(w, *(const bool *)at);
        break;
    case IFM_FIELD_I64:
        ifm_jw_i64(w, *(const int64_t *)at);
        break;
    case IFM_FIELD_F64:
        ifm_jw_f64(w, *(const double *)at);
        break;
    case IFM_FIELD_STRING:
        ifm_jw_string(w, *(char *const *)at);
        break;
    case IFM_FIELD_CHOICE:
        encode_choice(f->choices, *(const int *)at, w);
        break;
    case IFM_FIELD_OBJECT:
        encode_object(f->table, at, w);
        break;
    case IFM_FIELD_LIST:
        encode_list(f->table, at, w);
        break;
    case IFM_FIELD_STRINGS:
        encode_strings(at, w);
        break;
    case IFM_FIELD_INTS:
        encode_ints(at, w);
        break;
    case IFM_FIELD_MAP:
        encode_map(at, w);
        break;
    case IFM_FIELD_BLOCK:
        encode_block(at, w);
        break;
    }
}

static void encode_object(const struct ifm_table *table, const void *in, struct ifm_jw *w)
{
    ifm_jw_begin(w, '{');
    for (const struct ifm_field *f = table->fields; f->name; f++) {
        const void *at = (const char *)in + f->offset;
        bool optional = !(f->flags & IFM_FIELD_REQUIRED);
        if (optional && is_absent(f, at))
            continue;
        struct ifm_jw before = *w;
        size_t len = w->out->len;
        ifm_jw_key(w, f->name);
        size_t start = w->out->len;
        encode_value(f, at, w);
        if (optional && f->kind == IFM_FIELD_OBJECT && w->out->len == start + 2 &&
            !w->out->failed) {
            w->out->len = len; /* "{}": take it back */
            w->out->data[len] = '\0';
            *w = before;
        }
    }
    ifm_jw_end(w, '}');
}

void ifm_json_encode(const struct ifm_table *table, const void *in, struct ifm_buf *out)
{
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    encode_object(table, in, &w);
}

void ifm_json_init(const struct ifm_table *table, void *out)
{
    memset(out, 0, table->size);
    for (const struct ifm_field *f = table->fields; f->name; f++) {
        char *at = (char *)out + f->offset;
        if (f->kind == IFM_FIELD_F64) {
            *(double *)(void *)at = NAN;
        } else if (f->kind == IFM_FIELD_I64 && (f->flags & IFM_FIELD_NULLABLE)) {
            *(int64_t *)(void *)at = IFM_JSON_ABSENT;
        } else if (f->kind == IFM_FIELD_OBJECT) {
            ifm_json_init(f->table, at);
        }
    }
}

static void free_field(const struct ifm_field *f, void *at)
{
    if (f->kind == IFM_FIELD_STRING) {
        ifm_free(*(char **)at);
    } else if (f->kind == IFM_FIELD_OBJECT) {
        ifm_json_free(f->table, at);
    } else if (f->kind == IFM_FIELD_LIST) {
        struct ifm_list *list = at;
        for (size_t i = 0; i < list->count; i++)
            ifm_json_free(f->table, (char *)list->items + i * f->table->size);
        ifm_free(list->items);
    } else if (f->kind == IFM_FIELD_STRINGS) {
        struct ifm_strings *strings = at;
        for (size_t i = 0; i < strings->count; i++)
            ifm_free(strings->items[i]);
        ifm_free(strings->items);
    } else if (f->kind == IFM_FIELD_INTS) {
        ifm_free(((struct ifm_ints *)at)->items);
    } else if (f->kind == IFM_FIELD_MAP) {
        struct ifm_map *map = at;
        for (size_t i = 0; i < map->count; i++) {
            ifm_free(map->items[i].key);
            ifm_free(map->items[i].value);
        }
        ifm_free(map->items);
    } else if (f->kind == IFM_FIELD_BLOCK) {
        ifm_free(((struct ifm_block *)at)->bytes);
    }
}

void ifm_json_free(const struct ifm_table *table, void *object)
{
    if (!object)
        return;
    for (const struct ifm_field *f = table->fields; f->name; f++)
        free_field(f, (char *)object + f->offset);
    memset(object, 0, table->size);
}
