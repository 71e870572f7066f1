#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

void ifm_jw_init(struct ifm_jw *w, struct ifm_buf *out)
{
    *w = (struct ifm_jw){ .out = out };
}

static void before_value(struct ifm_jw *w)
{
    if (w->comma)
        ifm_buf_addc(w->out, ',');
    w->comma = true;
}

void ifm_jw_begin(struct ifm_jw *w, char bracket)
{
    before_value(w);
    ifm_buf_addc(w->out, bracket);
    w->comma = false;
}

void ifm_jw_end(struct ifm_jw *w, char bracket)
{
    ifm_buf_addc(w->out, bracket);
    w->comma = true;
}

static const char *short_escape(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

/* Most strings have nothing to escape: their length up to the first byte that must be looked at. */
static size_t plain_length(const char *text)
{
    size_t n = 0;
    while ((unsigned char)(text[n] - 0x20) < 0x60 && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

static void write_escaped(struct ifm_buf *out, const char *text, size_t i)
{
    size_t len = strlen(text), plain = 0;
    while (i < len) {
        unsigned code = 0;
        size_t n = ifm_text_char(text + i, len - i, &code);
        if (n > 0 && code >= 0x20 && code != '"' && code != '\\') {
            i += n;
            continue;
        }
        ifm_buf_add(out, text + plain, i - plain);
        const char *escape = short_escape(text[i]);
        if (n == 0) {
            ifm_buf_adds(out,
                         "\\uFFFD"); /* what is not UTF-8 must not make the whole reply invalid */
            n = 1;
        } else if (escape) {
            ifm_buf_adds(out, escape);
        } else {
            ifm_buf_addf(out, "\\u%04x", code);
        }
        plain = i += n;
    }
    ifm_buf_add(out, text + plain, len - plain);
}

static void write_quoted(struct ifm_buf *out, const char *text)
{
    size_t n = plain_length(text);
    char *room = text[n] ? NULL : ifm_buf_room(out, n + 2);
    if (room) {
        room[0] = '"';
        memcpy(room + 1, text, n);
        room[n + 1] = '"';
        out->len += n + 2;
        return;
    }
    ifm_buf_addc(out, '"');
    write_escaped(out, text, n);
    ifm_buf_addc(out, '"');
}

void ifm_jw_key(struct ifm_jw *w, const char *key)
{
    before_value(w);
    write_quoted(w->out, key);
    ifm_buf_addc(w->out, ':');
    w->comma = false;
}

void ifm_jw_string(struct ifm_jw *w, const char *text)
{
    if (!text) {
        ifm_jw_raw(w, "null");
        return;
    }
    before_value(w);
    write_quoted(w->out, text);
}

static void write_digits(struct ifm_jw *w, int64_t value)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        text[--at] = '-';
    before_value(w);
    ifm_buf_add(w->out, text + at, sizeof text - at);
}

void ifm_jw_i64(struct ifm_jw *w, int64_t value)
{
    if (value == IFM_JSON_ABSENT)
        ifm_jw_raw(w, "null");
    else
        write_digits(w, value);
}

void ifm_jw_f64(struct ifm_jw *w, double value)
{
    if (!isfinite(value)) {
        ifm_jw_raw(w, "null");
        return;
    }
    if (value == 0 && signbit(value)) {
        ifm_jw_raw(w, "-0.0"); /* "-0" is an integer to a parser and would lose its sign */
        return;
    }
    if (fabs(value) < 1e15 && value == trunc(value)) { /* what "%.15g" would print, without it */
        write_digits(w, (int64_t)value);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    ifm_jw_raw(w, text);
}

void ifm_jw_bool(struct ifm_jw *w, bool value)
{
    ifm_jw_raw(w, value ? "true" : "false");
}

void ifm_jw_raw(struct ifm_jw *w, const char *json)
{
    before_value(w);
    ifm_buf_adds(w->out, json);
}
