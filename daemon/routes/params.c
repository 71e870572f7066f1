#include "daemon/routes/params.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/opt.h"
#include "core/text.h"

#define WORDS_MAX 12
#define WORD_MAX 32

static int refuse(const char *name, const char *value, struct ifm_err *err, const char *want)
{
    char shown[64];
    ifm_text_clip(shown, sizeof shown, value, strlen(value));
    return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "%s=%s is not possible; it takes %s", name, shown, want);
}

int ifm_params_i64(const struct ifm_uri *uri, const char *name, int64_t min, int64_t max, int64_t *out,
                   struct ifm_err *err)
{
    const char *text = ifm_uri_param(uri, name);
    if (!text) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool digits = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    if (!digits || *end != '\0' || errno || value < min || value > max) {
        char want[96];
        snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)min, (long long)max);
        return refuse(name, text, err, want);
    }
    *out = value;
    return 0;
}

int ifm_params_f64(const struct ifm_uri *uri, const char *name, double *out, struct ifm_err *err)
{
    const char *text = ifm_uri_param(uri, name);
    if (!text) {
        return 0;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    bool plain = text[0] && strspn(text, "0123456789.eE+-") == strlen(text); /* no "inf", no hexadecimal */
    if (!plain || *end != '\0' || !isfinite(value)) {
        return refuse(name, text, err, "a number such as 0.02");
    }
    *out = value;
    return 0;
}

/* Cuts "a|b|c" into words for ifm_opt_nearest. */
struct words { char text[WORDS_MAX][WORD_MAX]; const char *names[WORDS_MAX + 1]; };

static void split_words(const char *choices, struct words *out)
{
    size_t count = 0;
    for (const char *at = choices; *at && count < WORDS_MAX; count++) {
        size_t len = strcspn(at, "|");
        snprintf(out->text[count], WORD_MAX, "%.*s", (int)len, at);
        out->names[count] = out->text[count];
        at += len;
        at += *at == '|';
    }
    out->names[count] = NULL;
}

static int find_word(const char *name, const char *word, const char *choices, int *index, struct ifm_err *err)
{
    struct words words;
    split_words(choices, &words);
    for (int i = 0; words.names[i]; i++) {
        if (strcmp(words.names[i], word) == 0) {
            *index = i;
            return 0;
        }
    }
    char want[160];
    const char *near = ifm_opt_nearest(word, words.names);
    if (near) {
        snprintf(want, sizeof want, "%s; did you mean %s?", choices, near);
    } else {
        snprintf(want, sizeof want, "%s", choices);
    }
    return refuse(name, word, err, want);
}

int ifm_params_choice(const struct ifm_uri *uri, const char *name, const char *choices, int *out,
                      struct ifm_err *err)
{
    const char *text = ifm_uri_param(uri, name);
    return text ? find_word(name, text, choices, out, err) : 0;
}

int ifm_params_check_words(const struct ifm_uri *uri, const char *name, const char *choices,
                           struct ifm_err *err)
{
    const char *text = ifm_uri_param(uri, name);
    for (const char *at = text ? text : ""; *at;) {
        char word[64];
        size_t len = strcspn(at, ",");
        ifm_text_clip(word, sizeof word, at, len);
        int index = 0;
        int rc = find_word(name, word, choices, &index, err);
        if (rc) {
            return rc;
        }
        at += len;
        at += *at == ',';
    }
    return 0;
}

int ifm_params_time(const struct ifm_uri *uri, const char *name, int64_t *out_ms, struct ifm_err *err)
{
    const char *text = ifm_uri_param(uri, name);
    if (text && ifm_clock_parse(text, out_ms)) {
        return refuse(name, text, err, "an RFC 3339 time such as 2026-11-24T22:00:00Z, or a date");
    }
    return 0;
}
