#include "daemon/http/negotiate.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* The quality of one list item, which ends at a comma: false for q=0, q=0.0, q=0.00, q=0.000. */
static bool quality_above_zero(const char *item, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        bool starts = (item[i] == 'q' || item[i] == 'Q') && item[i + 1] == '=' && i > 0 &&
                      (item[i - 1] == ';' || item[i - 1] == ' ' || item[i - 1] == '\t');
        if (!starts) {
            continue;
        }
        for (size_t j = i + 2; j < len; j++) {
            if (item[j] >= '1' && item[j] <= '9') {
                return true;
            }
        }
        return false;
    }
    return true;
}

/* 1: listed with quality above 0; 0: listed with quality 0; -1: not listed. */
static int find_token(const char *list, const char *token)
{
    size_t want = strlen(token);
    for (const char *at = list ? list : ""; *at;) {
        at = skip_space(at);
        size_t item = strcspn(at, ","), name = strcspn(at, ",; \t");
        if (name == want && strncasecmp(at, token, want) == 0) {
            return quality_above_zero(at, item) ? 1 : 0;
        }
        at += item;
        at += *at == ',';
    }
    return -1;
}

bool ifm_negotiate_gzip(const char *accept_encoding)
{
    int gzip = find_token(accept_encoding, "gzip");
    if (gzip < 0) {
        gzip = find_token(accept_encoding, "x-gzip");
    }
    if (gzip < 0) {
        gzip = find_token(accept_encoding, "*");
    }
    return gzip > 0;
}

bool ifm_negotiate_html(const char *accept)
{
    return find_token(accept, "text/html") > 0;
}

bool ifm_negotiate_is_json(const char *content_type)
{
    static const char json[] = "application/json";
    if (!content_type || strncasecmp(content_type, json, sizeof json - 1) != 0) {
        return false;
    }
    const char *rest = skip_space(content_type + sizeof json - 1);
    return *rest == '\0' || *rest == ';';
}

/* Opaque part of a tag, between the quotes, less our "-gzip". */
static const char *opaque(const char *tag, size_t *len)
{
    static const char suffix[] = "-gzip";
    if (strncmp(tag, "W/", 2) == 0) {
        tag += 2;
    }
    if (*tag != '"') {
        return NULL;
    }
    *len = strcspn(tag + 1, "\"");
    size_t cut = sizeof suffix - 1;
    if (*len > cut && memcmp(tag + 1 + *len - cut, suffix, cut) == 0) {
        *len -= cut;
    }
    return tag + 1;
}

bool ifm_negotiate_not_modified(const char *if_none_match, const char *etag)
{
    size_t ours_len = 0;
    const char *ours = etag ? opaque(etag, &ours_len) : NULL;
    if (!if_none_match || !ours) {
        return false;
    }
    for (const char *at = skip_space(if_none_match); *at;) {
        if (*at == '*') {
            return true;
        }
        size_t len = 0;
        const char *theirs = opaque(at, &len);
        if (!theirs) {
            return false; /* not a list of tags: treat as not sent */
        }
        if (len == ours_len && memcmp(theirs, ours, len) == 0) {
            return true;
        }
        at = strchr(theirs, '"');
        at = at ? at + 1 : "";
        at += strspn(at, " \t,");
    }
    return false;
}
