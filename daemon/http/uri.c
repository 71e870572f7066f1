#include "daemon/http/uri.h"

#include <stdbool.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes in place. In a query '+' stands for a space. False for a broken escape, a NUL or bad UTF-8. */
static bool decode(char *text, bool query)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = query && *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return ifm_text_valid(text, (size_t)(to - text));
}

static int check_bytes(const char *raw, size_t *len, struct ifm_err *err)
{
    *len = strnlen(raw, IFM_URI_MAX + 1);
    if (*len > IFM_URI_MAX) {
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "http", "the address is longer than %d bytes", IFM_URI_MAX);
    }
    if (raw[0] != '/') {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "the request target must begin with /");
    }
    for (size_t i = 0; i < *len; i++) {
        if (raw[i] < 0x21 || raw[i] > 0x7e) {
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                               "byte %zu of the address must be percent-encoded", i);
        }
    }
    return 0;
}

static int split_path(struct ifm_uri *uri, char *path, struct ifm_err *err)
{
    for (char *at = path[1] ? path + 1 : NULL; at;) {
        char *slash = strchr(at, '/');
        if (slash) {
            *slash = '\0';
        }
        if (uri->segment_count == IFM_URI_SEGMENTS_MAX) {
            return ifm_err_set(err, IFM_ERR_NOT_FOUND, "http", "no address here has more than %d parts",
                               IFM_URI_SEGMENTS_MAX);
        }
        if (!decode(at, false)) {
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                               "part %zu of the path is not percent-encoded UTF-8 without NUL",
                               uri->segment_count + 1);
        }
        uri->segments[uri->segment_count++] = at;
        at = slash ? slash + 1 : NULL;
    }
    return 0;
}

static int add_param(struct ifm_uri *uri, char *pair, struct ifm_err *err)
{
    char *value = strchr(pair, '=');
    if (value) {
        *value++ = '\0';
    } else {
        value = pair + strlen(pair);
    }
    if (!decode(pair, true) || !decode(value, true)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                           "query parameter %zu is not percent-encoded UTF-8 without NUL", uri->param_count + 1);
    }
    if (ifm_uri_param(uri, pair)) {
        char shown[64];
        ifm_text_clip(shown, sizeof shown, pair, strlen(pair));
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "query parameter “%s” is given twice", shown);
    }
    if (uri->param_count == IFM_URI_PARAMS_MAX) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "more than %d query parameters",
                           IFM_URI_PARAMS_MAX);
    }
    uri->params[uri->param_count++] = (struct ifm_uri_param){ pair, value };
    return 0;
}

static int split_query(struct ifm_uri *uri, char *query, struct ifm_err *err)
{
    for (char *at = query; at;) {
        char *next = strchr(at, '&');
        if (next) {
            *next++ = '\0';
        }
        int rc = *at ? add_param(uri, at, err) : 0;
        if (rc) {
            return rc;
        }
        at = next;
    }
    return 0;
}

/* storage holds three copies: as sent, path decoded as a whole, and the one that is cut into pieces. */
static int take_apart(struct ifm_uri *uri, const char *raw, size_t len, struct ifm_err *err)
{
    uri->storage = ifm_alloc(3 * (len + 1) + 1);
    if (!uri->storage) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory");
    }
    char *sent = uri->storage, *whole = sent + len + 1, *pieces = whole + len + 1;
    memcpy(sent, raw, len);
    memcpy(pieces, raw, len);
    const char *question = strchr(raw, '?');
    size_t path_len = question ? (size_t)(question - raw) : len;
    memcpy(whole, raw, path_len);
    sent[path_len] = pieces[path_len] = '\0';
    uri->raw_path = sent;
    uri->raw_query = question ? sent + path_len + 1 : sent + path_len;
    uri->path = whole;
    if (!decode(whole, false)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                           "the path is not percent-encoded UTF-8 without NUL");
    }
    int rc = split_path(uri, pieces, err);
    if (!rc && question) {
        rc = split_query(uri, pieces + path_len + 1, err);
    }
    return rc;
}

int ifm_uri_parse(struct ifm_uri *uri, const char *raw, struct ifm_err *err)
{
    memset(uri, 0, sizeof *uri);
    uri->raw_path = uri->path = "/";
    uri->raw_query = "";
    size_t len = 0;
    int rc = check_bytes(raw ? raw : "", &len, err);
    if (!rc) {
        rc = take_apart(uri, raw, len, err);
    }
    if (rc) {
        ifm_uri_done(uri);
    }
    return rc;
}

void ifm_uri_done(struct ifm_uri *uri)
{
    ifm_free(uri->storage);
    memset(uri, 0, sizeof *uri);
    uri->raw_path = uri->path = "/";
    uri->raw_query = "";
}

const char *ifm_uri_param(const struct ifm_uri *uri, const char *name)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strcmp(uri->params[i].name, name) == 0) {
            return uri->params[i].value;
        }
    }
    return NULL;
}
