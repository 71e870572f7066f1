#include "core/json.h"

#include <inttypes.h>
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

static void write_quoted(struct ifm_buf *out, const char *text)
{
    size_t len = strlen(text), plain = 0, i = 0;
    ifm_buf_addc(out, '"');
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

void ifm_jw_i64(struct ifm_jw *w, int64_t value)
{
    if (value == IFM_JSON_ABSENT) {
        ifm_jw_raw(w, "null");
        return;
    }
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    ifm_jw_raw(w, text);
}

void ifm_jw_f64(struct ifm_jw *w, double value)
{
    if (!isfinite(value)) {
        ifm_jw_raw(w, "null");
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* "-0" is an integer to a parser and would come back without its sign. */
    ifm_jw_raw(w, value == 0 && signbit(value) ? "-0.0" : text);
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
