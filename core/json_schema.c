#include "core/json.h"

#include <string.h>

/* Writes the schema compactly with the streaming writer, then lays it out: one member a line, short
 * lists of scalars on one line. Limits on bytes become limits on characters, which is the looser of
 * the two; the decoder stays the judge. */

#define TABLES_MAX 32
#define SCHEMA_MAX (1024 * 1024)

static void pair_string(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void pair_i64(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

/* "type": one word, or the word and null where null stands for absent. */
static void write_type(struct ifm_jw *w, const char *type, bool nullable)
{
    if (!nullable) {
        pair_string(w, "type", type);
        return;
    }
    ifm_jw_key(w, "type");
    ifm_jw_begin(w, '[');
    ifm_jw_string(w, type);
    ifm_jw_string(w, "null");
    ifm_jw_end(w, ']');
}

static void write_range(struct ifm_jw *w, int64_t min, int64_t max)
{
    if (min == 0 && max == 0)
        return;
    pair_i64(w, "minimum", min);
    pair_i64(w, "maximum", max);
}

static void write_choices(struct ifm_jw *w, const char *choices)
{
    ifm_jw_key(w, "enum");
    ifm_jw_begin(w, '[');
    for (const char *word = choices; *word;) {
        size_t len = strcspn(word, "|");
        ifm_jw_raw(w, "\"");
        ifm_buf_add(w->out, word, len);
        ifm_buf_addc(w->out, '"');
        word += len + (word[len] == '|');
    }
    ifm_jw_end(w, ']');
}

static void write_string(struct ifm_jw *w, const struct ifm_field *f)
{
    write_type(w, "string", !(f->flags & IFM_FIELD_REQUIRED));
    pair_i64(w, "maxLength", f->max > 0 ? f->max : 1024);
    if (f->flags & IFM_FIELD_UUID)
        pair_string(w, "format", "uuid");
    if (f->flags & IFM_FIELD_TIME)
        pair_string(w, "format", "date-time");
    if (f->flags & IFM_FIELD_SHA256)
        pair_string(w, "pattern", "^[0-9a-f]{64}$");
}

static void write_items(struct ifm_jw *w, const struct ifm_field *f)
{
    pair_string(w, "type", "array");
    pair_i64(w, "maxItems",
             f->max > 0                  ? f->max
             : f->kind == IFM_FIELD_LIST ? 1024
             : f->kind == IFM_FIELD_INTS ? 65536
                                         : 64);
    ifm_jw_key(w, "items");
    ifm_jw_begin(w, '{');
    if (f->kind == IFM_FIELD_LIST) {
        ifm_jw_key(w, "$ref");
        ifm_jw_raw(w, "\"#/$defs/");
        ifm_buf_adds(w->out, f->table->name);
        ifm_buf_addc(w->out, '"');
    } else if (f->kind == IFM_FIELD_INTS) {
        pair_string(w, "type", "integer");
        write_range(w, f->item_min, f->item_max);
    } else {
        pair_string(w, "type", "string");
        pair_i64(w, "maxLength", f->item_max ? f->item_max : 1024);
    }
    ifm_jw_end(w, '}');
}

static void write_map(struct ifm_jw *w, const struct ifm_field *f)
{
    pair_string(w, "type", "object");
    pair_i64(w, "maxProperties", f->max > 0 ? f->max : 64);
    ifm_jw_key(w, "propertyNames");
    ifm_jw_begin(w, '{');
    if (f->flags & IFM_FIELD_WORD_KEYS)
        pair_string(w, "pattern", "^[A-Za-z0-9_.-]{1,64}$");
    else
        pair_i64(w, "maxLength", 256);
    ifm_jw_end(w, '}');
    ifm_jw_key(w, "additionalProperties");
    ifm_jw_begin(w, '{');
    pair_string(w, "type", "string");
    pair_i64(w, "maxLength", f->item_max ? f->item_max : 1024);
    ifm_jw_end(w, '}');
}

static void write_block(struct ifm_jw *w, const struct ifm_field *f)
{
    pair_string(w, "type", "string");
    pair_string(w, "contentEncoding", "base64");
    int64_t bytes = f->max > 0 ? f->max : 8 * 1024 * 1024;
    pair_i64(w, "maxLength", (bytes + 2) / 3 * 4);
}

static void write_field(struct ifm_jw *w, const struct ifm_field *f)
{
    bool required = f->flags & IFM_FIELD_REQUIRED;
    ifm_jw_key(w, f->name);
    ifm_jw_begin(w, '{');
    if (f->help)
        pair_string(w, "description", f->help);
    switch (f->kind) {
    case IFM_FIELD_BOOL:
        pair_string(w, "type", "boolean");
        break;
    case IFM_FIELD_I64:
        write_type(w, "integer", !required && (f->flags & IFM_FIELD_NULLABLE));
        write_range(w, f->min, f->max);
        break;
    case IFM_FIELD_F64:
        write_type(w, "number", !required);
        write_range(w, f->min, f->max);
        break;
    case IFM_FIELD_STRING:
        write_string(w, f);
        break;
    case IFM_FIELD_CHOICE:
        pair_string(w, "type", "string");
        write_choices(w, f->choices);
        break;
    case IFM_FIELD_OBJECT:
        ifm_jw_key(w, "$ref");
        ifm_jw_raw(w, "\"#/$defs/");
        ifm_buf_adds(w->out, f->table->name);
        ifm_buf_addc(w->out, '"');
        break;
    case IFM_FIELD_LIST:
    case IFM_FIELD_STRINGS:
    case IFM_FIELD_INTS:
        write_items(w, f);
        break;
    case IFM_FIELD_MAP:
        write_map(w, f);
        break;
    case IFM_FIELD_BLOCK:
        write_block(w, f);
        break;
    }
    ifm_jw_end(w, '}');
}

/* The members that a table's own object and each of $defs have in common; the braces are the
 * caller's. */
static void write_object(const struct ifm_table *table, struct ifm_jw *w)
{
    if (table->help)
        pair_string(w, "description", table->help);
    pair_string(w, "type", "object");
    ifm_jw_key(w, "properties");
    ifm_jw_begin(w, '{');
    for (const struct ifm_field *f = table->fields; f->name; f++)
        write_field(w, f);
    ifm_jw_end(w, '}');
    ifm_jw_key(w, "required");
    ifm_jw_begin(w, '[');
    for (const struct ifm_field *f = table->fields; f->name; f++)
        if (f->flags & IFM_FIELD_REQUIRED)
            ifm_jw_string(w, f->name);
    ifm_jw_end(w, ']');
    ifm_jw_key(w, "additionalProperties");
    ifm_jw_bool(w, true);
}

static size_t collect(const struct ifm_table *table, const struct ifm_table **seen, size_t count)
{
    for (const struct ifm_field *f = table->fields; f->name; f++) {
        bool known = !f->table;
        for (size_t i = 0; i < count && !known; i++)
            known = seen[i] == f->table;
        if (known || count == TABLES_MAX)
            continue;
        seen[count++] = f->table;
        count = collect(f->table, seen, count);
    }
    return count;
}

static void new_line(struct ifm_buf *out, int depth)
{
    ifm_buf_addc(out, '\n');
    for (int i = 0; i < depth; i++)
        ifm_buf_adds(out, "  ");
}

/* Length of the string literal that starts at text, with its quotes. */
static size_t literal(const char *text)
{
    size_t n = 1;
    while (text[n] && text[n] != '"')
        n += text[n] == '\\' ? 2 : 1;
    return n + 1;
}

/* Length of a list of scalars; 0 when it holds lists or objects. */
static size_t flat_list(const char *text)
{
    size_t n = 1 + strcspn(text + 1, "{}[]");
    return text[n] == ']' ? n + 1 : 0;
}

static void lay_out(const char *text, struct ifm_buf *out)
{
    int depth = 0;
    while (*text) {
        size_t n = 1;
        if (*text == '"') {
            n = literal(text);
            ifm_buf_add(out, text, n);
        } else if (*text == '[' && flat_list(text) > 0) {
            n = flat_list(text);
            for (size_t i = 0; i < n; i++) {
                ifm_buf_addc(out, text[i]);
                if (text[i] == ',')
                    ifm_buf_addc(out, ' ');
            }
        } else if (*text == '{' || *text == '[') {
            ifm_buf_addc(out, *text);
            if (text[1] != '}')
                new_line(out, ++depth);
            else
                ifm_buf_addc(out, text[n++]);
        } else if (*text == '}' || *text == ']') {
            new_line(out, --depth);
            ifm_buf_addc(out, *text);
        } else if (*text == ',') {
            ifm_buf_addc(out, ',');
            new_line(out, depth);
        } else {
            ifm_buf_addc(out, *text);
            if (*text == ':')
                ifm_buf_addc(out, ' ');
        }
        text += n;
    }
    ifm_buf_addc(out, '\n');
}

void ifm_json_schema(const struct ifm_table *table, struct ifm_buf *out)
{
    struct ifm_buf compact;
    struct ifm_jw w;
    const struct ifm_table *nested[TABLES_MAX];
    size_t count = collect(table, nested, 0);
    ifm_buf_init(&compact, SCHEMA_MAX);
    ifm_jw_init(&w, &compact);
    ifm_jw_begin(&w, '{');
    pair_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    ifm_jw_key(&w, "$id");
    /* One relative segment: some validators resolve a longer one against itself, twice. */
    ifm_jw_raw(&w, "\"");
    ifm_buf_adds(&compact, table->name);
    ifm_buf_adds(&compact, ".schema.json\"");
    pair_string(&w, "title", table->name);
    write_object(table, &w);
    if (count > 0) {
        ifm_jw_key(&w, "$defs");
        ifm_jw_begin(&w, '{');
        for (size_t i = 0; i < count; i++) {
            ifm_jw_key(&w, nested[i]->name);
            ifm_jw_begin(&w, '{');
            write_object(nested[i], &w);
            ifm_jw_end(&w, '}');
        }
        ifm_jw_end(&w, '}');
    }
    ifm_jw_end(&w, '}');
    if (compact.failed && !out->failed)
        out->failed = compact.failed;
    if (compact.data && !compact.failed)
        lay_out(compact.data, out); /* a half-made text has open strings */
    ifm_buf_done(&compact);
}
