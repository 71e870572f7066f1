#include "agents/model/json_cursor.h"

#include <stdlib.h>
#include <string.h>

struct ifm_json_cursor ifm_json_cursor(const void *bytes, size_t len)
{
    return (struct ifm_json_cursor){ bytes, (const char *)bytes + len, false };
}

static bool fail(struct ifm_json_cursor *json)
{
    json->failed = true;
    return false;
}

/* The next character that is no white space, not taken; 0 at the end. */
static char peek(struct ifm_json_cursor *json)
{
    while (json->at < json->end && memchr(" \t\r\n", *json->at, 4))
        json->at++;
    return json->at < json->end && !json->failed ? *json->at : 0;
}

int ifm_json_enter(struct ifm_json_cursor *json, char open)
{
    if (peek(json) != open) {
        fail(json);
        return -1;
    }
    json->at++;
    if (peek(json) != (open == '{' ? '}' : ']'))
        return 1;
    json->at++;
    return 0;
}

int ifm_json_more(struct ifm_json_cursor *json, char close)
{
    char next = peek(json);
    if (next != ',' && next != close) {
        fail(json);
        return -1;
    }
    json->at++;
    return next == ',';
}

bool ifm_json_string(struct ifm_json_cursor *json, struct ifm_json_text *out)
{
    *out = (struct ifm_json_text){ "", 0 };
    if (peek(json) != '"')
        return fail(json);
    const char *start = ++json->at;
    for (; json->at < json->end; json->at++) {
        if (*json->at == '"') {
            *out = (struct ifm_json_text){ start, (size_t)(json->at++ - start) };
            return true;
        }
        if (*json->at == '\\')
            json->at++;
    }
    json->at = json->end;
    return fail(json);
}

bool ifm_json_key(struct ifm_json_cursor *json, struct ifm_json_text *out)
{
    if (!ifm_json_string(json, out))
        return false;
    if (peek(json) != ':')
        return fail(json);
    json->at++;
    return true;
}

bool ifm_json_integer(struct ifm_json_cursor *json, int64_t *out)
{
    bool minus = peek(json) == '-';
    int64_t value = 0;
    if (minus)
        json->at++;
    const char *start = json->at;
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *json->at - '0', &value))
            return fail(json);
    if (json->at == start || (json->at < json->end && memchr(".eE", *json->at, 3)))
        return fail(json);
    *out = minus ? -value : value;
    return true;
}

static bool skip_word(struct ifm_json_cursor *json)
{
    const char *start = json->at;
    while (json->at < json->end && !memchr(",]}: \t\r\n\"[{", *json->at, 11))
        json->at++;
    return json->at > start ? true : fail(json);
}

bool ifm_json_skip(struct ifm_json_cursor *json)
{
    char open[IFM_JSON_SKIP_MAX];
    size_t depth = 0;
    struct ifm_json_text text;
    do {
        char next = peek(json);
        if (next == '{' || next == '[') {
            if (depth == IFM_JSON_SKIP_MAX)
                return fail(json);
            open[depth++] = next == '{' ? '}' : ']';
            json->at++;
        } else if (depth && next == open[depth - 1]) {
            depth--;
            json->at++;
        } else if (depth && (next == ',' || next == ':')) {
            json->at++;
        } else if (!(next == '"' ? ifm_json_string(json, &text) : next && skip_word(json))) {
            return fail(json);
        }
    } while (depth);
    return true;
}

bool ifm_json_end(struct ifm_json_cursor *json)
{
    return !peek(json) && json->at == json->end && !json->failed;
}

bool ifm_json_is(const struct ifm_json_text *text, const char *word)
{
    return text->len == strlen(word) && memcmp(text->bytes, word, text->len) == 0;
}

static unsigned hex4(const char *text)
{
    char digits[5] = { text[0], text[1], text[2], text[3], 0 };
    return (unsigned)strtoul(digits, NULL, 16);
}

static size_t put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

void ifm_json_plain(const struct ifm_json_text *text, char *out, size_t size)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    size_t used = 0;
    for (size_t i = 0; i < text->len && used + 4 < size; i++) {
        char c = text->bytes[i];
        if (c != '\\' || i + 1 >= text->len) {
            out[used++] = c;
            continue;
        }
        c = text->bytes[++i];
        const char *known = memchr(from, c, sizeof from - 1);
        if (c == 'u' && i + 4 < text->len) { /* halves of a pair stay malformed, and are cleaned later */
            used += put_utf8(out + used, hex4(text->bytes + i + 1));
            i += 4;
        } else {
            out[used++] = known ? to[known - from] : c;
        }
    }
    out[used] = '\0';
}
