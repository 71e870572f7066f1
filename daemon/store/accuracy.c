/* A run's accuracy as it goes out: the share that was right and its interval in place of the bit of every sample, which
 * only a comparison needs. Done on the text, so that a reply stays a join of texts. */
#include "daemon/store/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/stat.h"

/* Quotes inside strings are escaped and maps hold texts alone, so this stands only where the member is. */
static const char accuracy_key[] = "\"accuracy\":{";
static const char bits_key[] = "\"correct_bits\":\"";

static const char *end_of_object(const char *at)
{
    bool in_string = false;
    for (; *at && (in_string || *at != '}'); at++) {
        if (in_string && *at == '\\' && at[1]) {
            at++;
        } else if (*at == '"') {
            in_string = !in_string;
        }
    }
    return at;
}

static const char *find(const char *from, const char *end, const char *key)
{
    const char *at = strstr(from, key);
    return at && at < end ? at : NULL;
}

/* Members that are 0 may be left out. */
static int64_t count_of(const char *from, const char *end, const char *key)
{
    const char *at = find(from, end, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static void add_figures(const char *from, const char *end, struct ifm_buf *out)
{
    int64_t samples = count_of(from, end, "\"samples\":"), correct = count_of(from, end, "\"correct\":");
    double low, high;
    struct ifm_jw w;
    ifm_stat_wilson(correct, samples, 0.05, &low, &high);
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "value");
    ifm_jw_f64(&w, isfinite(low) ? (double)correct / (double)samples : (double)NAN);
    ifm_jw_key(&w, "low");
    ifm_jw_f64(&w, low);
    ifm_jw_key(&w, "high");
    ifm_jw_f64(&w, high);
    ifm_jw_end(&w, '}');
    out->len--; /* the brace: the members that were sent follow */
}

void ifm_store_add_body(struct ifm_buf *out, const char *body)
{
    const char *key = strstr(body, accuracy_key);
    if (!key) {
        ifm_buf_adds(out, body);
        return;
    }
    const char *from = key + sizeof accuracy_key - 1, *end = end_of_object(from);
    const char *bits = find(from, end, bits_key), *after = end;
    ifm_buf_add(out, body, (size_t)(from - 1 - body));
    add_figures(from, end, out);
    if (bits) {
        after = strchr(bits + sizeof bits_key - 1, '"');
        after = after ? after + 1 : end; /* base64 has no quotes */
    }
    const char *stop = bits ? bits : end;
    if (stop > from && stop[-1] == ',') stop--;
    if (stop > from) {
        ifm_buf_addc(out, ',');
        ifm_buf_add(out, from, (size_t)(stop - from));
    }
    ifm_buf_adds(out, after);
}
