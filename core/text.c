#include "core/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_tail(unsigned char c)
{
    return (c & 0xC0u) == 0x80u;
}

size_t ifm_text_char(const char *text, size_t len, unsigned *code)
{
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0)
        return 0;
    unsigned value = s[0];
    size_t n = 1;
    if (s[0] >= 0x80) {
        n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
        if (s[0] < 0xC2 || s[0] > 0xF4 || len < n)
            return 0;
        value = s[0] & (0xFFu >> (n + 1));
        for (size_t i = 1; i < n; i++) {
            if (!is_tail(s[i]))
                return 0;
            value = value << 6 | (s[i] & 0x3Fu);
        }
        static const unsigned lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
        if (value < lowest[n] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
            return 0;
    }
    if (code)
        *code = value;
    return n;
}

/* Eight bytes that are all plain ASCII other than NUL: the common case, skipped at a stride. */
static bool plain8(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    const uint64_t high = UINT64_C(0x8080808080808080), one = UINT64_C(0x0101010101010101);
    return ((word | (word - one)) & high) == 0;
}

bool ifm_text_valid(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (len - i >= 8 && plain8(text + i)) {
            i += 8;
            continue;
        }
        size_t n = ifm_text_char(text + i, len - i, NULL);
        if (n == 0 || text[i] == '\0')
            return false;
        i += n;
    }
    return true;
}

bool ifm_text_unsafe(unsigned code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

size_t ifm_text_clip(char *out, size_t size, const char *text, size_t len)
{
    static const char ellipsis[] = "…";
    size_t used = 0, fits = 0; /* fits: the last boundary that leaves room for the ellipsis */
    for (size_t i = 0; i < len;) {
        unsigned code = 0;
        char piece[8];
        size_t n = ifm_text_char(text + i, len - i, &code), piece_len = n;
        if (n == 0 || ifm_text_unsafe(code)) {
            if (n == 0)
                code = (unsigned char)text[i], n = 1;
            piece_len =
                (size_t)snprintf(piece, sizeof piece, code > 0xFF ? "\\u%04X" : "\\x%02X", code);
        } else {
            memcpy(piece, text + i, n);
        }
        if (used + piece_len + 1 > size) {
            memcpy(out + fits, ellipsis, sizeof ellipsis);
            return fits + sizeof ellipsis - 1;
        }
        memcpy(out + used, piece, piece_len);
        used += piece_len;
        if (used + sizeof ellipsis <= size)
            fits = used;
        i += n;
    }
    out[used] = '\0';
    return used;
}
