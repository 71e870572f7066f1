/* The text forms of options: sizes, durations, and words that are nearly right. Part of core/opt.h.
 */
#include "core/opt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    double factor;
};

static int parse_with_unit(const char *text, const struct unit *units, int64_t *out)
{
    /* strtod would also take "inf", "nan", "0x10" and signs */
    if (strspn(text, "0123456789.") == 0 || (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
        return -1;
    char *end;
    double number = strtod(text, &end);
    if (end == text)
        return -1;
    while (*end == ' ')
        end++;
    for (const struct unit *u = units; u->name; u++) {
        if (strcasecmp(end, u->name) != 0)
            continue;
        double value = number * u->factor;
        if (!(value < 9.2e18))
            return -1;
        *out = (int64_t)(value + 0.5);
        return 0;
    }
    return -1;
}

int ifm_opt_parse_size(const char *text, int64_t *bytes)
{
    static const struct unit units[] = { { "", 1 },
                                         { "B", 1 },
                                         { "K", 1e3 },
                                         { "KB", 1e3 },
                                         { "KiB", 1024 },
                                         { "M", 1e6 },
                                         { "MB", 1e6 },
                                         { "G", 1e9 },
                                         { "MiB", 1048576 },
                                         { "GB", 1e9 },
                                         { "GiB", 1073741824.0 },
                                         { "T", 1e12 },
                                         { "TB", 1e12 },
                                         { "TiB", 1099511627776.0 },
                                         { NULL, 0 } };
    return parse_with_unit(text, units, bytes);
}

int ifm_opt_parse_duration(const char *text, int64_t *ns)
{
    static const struct unit units[] = { { "", 1e9 },      { "ns", 1 },     { "us", 1e3 },
                                         { "µs", 1e3 },    { "ms", 1e6 },   { "s", 1e9 },
                                         { "m", 60e9 },    { "min", 60e9 }, { "h", 3600e9 },
                                         { "d", 86400e9 }, { NULL, 0 } };
    return parse_with_unit(text, units, ns);
}

#define WORD_MAX 64

/* Edit distance with neighbours swapped counting as one (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);
    if (n > WORD_MAX || m > WORD_MAX)
        return SIZE_MAX;
    size_t *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        old[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = old[j - 1] + (a[i - 1] != b[j - 1]);
            if (old[j] + 1 < best)
                best = old[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
        size_t *recycled = older;
        older = old;
        old = now;
        now = recycled;
    }
    return old[m];
}

const char *ifm_opt_nearest(const char *word, const char *const *words)
{
    size_t len = strlen(word), best = len / 3 > 2 ? len / 3 : 2;
    const char *found = NULL;
    for (; *words; words++) {
        size_t d = distance(word, *words);
        /* A word that was not finished is near whatever is missing. */
        if (len >= 3 && strncmp(word, *words, len) == 0)
            d = 1;
        if (d >= len || d > best || (found && d == best))
            continue;
        best = d;
        found = *words;
    }
    return found;
}
