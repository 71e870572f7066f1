/* What option rows say, for people and for programs. Part of core/opt.h. */
#include "core/opt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"

#define HELP_WIDTH  100
#define HELP_COLUMN 30

/* Bytes and nanoseconds in the largest unit that loses nothing. */
static void format_unit(int64_t value, const int64_t *sizes, const char *const *names, size_t count,
                        char text[32])
{
    for (size_t i = 0; i < count; i++) {
        if (value == 0 || value % sizes[i] != 0)
            continue;
        snprintf(text, 32, "%" PRId64 "%s", value / sizes[i], names[i]);
        return;
    }
    snprintf(text, 32, "%" PRId64, value);
}

void ifm_opt_format(const struct ifm_option *row, int64_t value, char text[32])
{
    static const int64_t times[] = { 3600000000000, 60000000000, 1000000000, 1000000, 1000, 1 };
    static const char *const time_names[] = { "h", "m", "s", "ms", "us", "ns" };
    static const int64_t sizes[] = { INT64_C(1) << 40, 1 << 30, 1 << 20, 1 << 10, 1 };
    static const char *const size_names[] = { "TiB", "GiB", "MiB", "KiB", "B" };
    if (row->type == IFM_OPT_DURATION)
        format_unit(value, times, time_names, 6, text);
    else if (row->type == IFM_OPT_SIZE)
        format_unit(value, sizes, size_names, 5, text);
    else
        snprintf(text, 32, "%" PRId64, value);
}

static bool has_range(const struct ifm_option *row)
{
    bool number = row->type == IFM_OPT_INT || row->type == IFM_OPT_DOUBLE ||
                  row->type == IFM_OPT_DURATION || row->type == IFM_OPT_SIZE;
    return number && (row->min != 0 || row->max != 0);
}

static const char *value_word(const struct ifm_option *row)
{
    if (row->type == IFM_OPT_BOOL)
        return NULL;
    if (row->value)
        return row->value;
    return row->type == IFM_OPT_CHOICE ? row->choices : "VALUE";
}

/* A flag that is on by default is typed in its other form. */
static const char *no_prefix(const struct ifm_option *row)
{
    bool on = row->type == IFM_OPT_BOOL && row->fallback && strcmp(row->fallback, "true") == 0;
    return on ? "[no-]" : "";
}

/* "(1..64, default 4)" behind the help sentence. */
static void add_facts(const struct ifm_option *row, struct ifm_buf *out)
{
    const char *before = " (";
    const char *value = value_word(row);
    if (row->type == IFM_OPT_CHOICE && strcmp(value, row->choices) != 0) {
        ifm_buf_addf(out, "%s%s", before, row->choices);
        before = ", ";
    }
    if (has_range(row)) {
        char low[32], high[32];
        ifm_opt_format(row, row->min, low);
        ifm_opt_format(row, row->max, high);
        if (row->max == INT64_MAX)
            ifm_buf_addf(out, "%sat least %s", before, low);
        else
            ifm_buf_addf(out, "%s%s..%s", before, low, high);
        before = ", ";
    }
    if (row->fallback && row->type == IFM_OPT_BOOL) {
        ifm_buf_addf(out, "%sdefault %s", before, *no_prefix(row) ? "on" : "off");
        before = ", ";
    } else if (row->fallback) {
        ifm_buf_addf(out, "%sdefault %s", before, row->fallback);
        before = ", ";
    }
    if (row->type == IFM_OPT_LIST) {
        ifm_buf_addf(out, "%smay be repeated", before);
        before = ", ";
    }
    if (strcmp(before, ", ") == 0)
        ifm_buf_addc(out, ')');
}

/* Columns that text takes: its UTF-8 characters. */
static size_t columns(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xC0u) != 0x80u;
    return n;
}

static void wrap(const char *text, size_t column, struct ifm_buf *out)
{
    while (*text) {
        size_t len = strcspn(text, " "), width = columns(text, len);
        if (column > HELP_COLUMN && column + 1 + width > HELP_WIDTH) {
            ifm_buf_addf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            ifm_buf_addc(out, ' ');
            column++;
        }
        ifm_buf_add(out, text, len);
        column += width;
        text += len + strspn(text + len, " ");
    }
    ifm_buf_addc(out, '\n');
}

void ifm_opt_help(const struct ifm_option *rows, struct ifm_buf *out)
{
    for (; rows->name; rows++) {
        struct ifm_buf left, right;
        ifm_buf_init(&left, 1024);
        ifm_buf_init(&right, 8192);
        if (rows->letter)
            ifm_buf_addf(&left, "  -%c, --%s%s", rows->letter, no_prefix(rows), rows->name);
        else
            ifm_buf_addf(&left, "      --%s%s", no_prefix(rows), rows->name);
        if (value_word(rows))
            ifm_buf_addf(&left, " %s", value_word(rows));
        ifm_buf_adds(&right, rows->help ? rows->help : "");
        add_facts(rows, &right);
        int failed = left.failed ? left.failed : right.failed;
        if (failed) {
            if (!out->failed)
                out->failed = failed;
        } else {
            size_t width = columns(left.data, left.len);
            ifm_buf_add(out, left.data, left.len);
            if (width + 2 > HELP_COLUMN)
                ifm_buf_addf(out, "\n%*s", HELP_COLUMN, "");
            else
                ifm_buf_addf(out, "%*s", (int)(HELP_COLUMN - width), "");
            wrap(right.data ? right.data : "", HELP_COLUMN, out);
        }
        ifm_buf_done(&left);
        ifm_buf_done(&right);
    }
}

/* A dot or a quote at the start of a line would be a request to the formatter, a backslash an
 * escape. */
static void add_roff(const char *text, struct ifm_buf *out)
{
    if (*text == '.' || *text == '\'')
        ifm_buf_adds(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            ifm_buf_adds(out, "\\e");
        else
            ifm_buf_addc(out, *text == '\n' ? ' ' : *text);
    }
    ifm_buf_addc(out, '\n');
}

void ifm_opt_man(const struct ifm_option *rows, struct ifm_buf *out)
{
    for (; rows->name; rows++) {
        struct ifm_buf text;
        ifm_buf_init(&text, 8192);
        ifm_buf_adds(out, ".It");
        if (rows->letter)
            ifm_buf_addf(out, " Fl %c ,", rows->letter);
        ifm_buf_addf(out, " Fl -%s%s", no_prefix(rows), rows->name);
        if (value_word(rows))
            ifm_buf_addf(out, " Ar %s", value_word(rows));
        ifm_buf_addc(out, '\n');
        ifm_buf_adds(&text, rows->help ? rows->help : "");
        add_facts(rows, &text);
        if (text.data)
            add_roff(text.data, out);
        if (text.failed && !out->failed)
            out->failed = text.failed;
        ifm_buf_done(&text);
    }
}

static void add_choices(const char *choices, struct ifm_jw *w)
{
    ifm_jw_key(w, "choices");
    ifm_jw_begin(w, '[');
    for (const char *word = choices; *word;) {
        size_t len = strcspn(word, "|");
        char text[128];
        snprintf(text, sizeof text, "%.*s", (int)len, word);
        ifm_jw_string(w, text);
        word += len + (word[len] == '|');
    }
    ifm_jw_end(w, ']');
}

void ifm_opt_json(const struct ifm_option *rows, struct ifm_buf *out)
{
    static const char *const types[] = { "bool",     "int",  "double", "string",
                                         "duration", "size", "choice", "list" };
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '[');
    for (; rows->name; rows++) {
        ifm_jw_begin(&w, '{');
        ifm_jw_key(&w, "name");
        ifm_jw_string(&w, rows->name);
        ifm_jw_key(&w, "type");
        ifm_jw_string(&w, types[rows->type]);
        ifm_jw_key(&w, "default");
        ifm_jw_string(&w, rows->fallback);
        if (has_range(rows)) {
            ifm_jw_key(&w, "min");
            ifm_jw_i64(&w, rows->min);
            ifm_jw_key(&w, "max");
            ifm_jw_i64(&w, rows->max);
        }
        if (rows->type == IFM_OPT_CHOICE)
            add_choices(rows->choices, &w);
        ifm_jw_key(&w, "help");
        ifm_jw_string(&w, rows->help);
        ifm_jw_end(&w, '}');
    }
    ifm_jw_end(&w, ']');
}
