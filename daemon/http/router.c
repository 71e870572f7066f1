#include "daemon/http/router.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/opt.h"
#include "core/text.h"
#include "core/uuid.h"

static bool parse_number(const char *text, int64_t *n)
{
    size_t len = strnlen(text, 10);
    if (len == 0 || len > 9 || (text[0] == '0' && len > 1)) {
        return false;
    }
    *n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *n = *n * 10 + (text[i] - '0');
    }
    return true;
}

/* *want gets what the placeholder would have accepted, for the 404's sentence. */
static bool match_segment(const char *template, size_t len, const char *segment, struct ifm_route_match *out,
                          const char **want)
{
    if (len == 6 && memcmp(template, "{uuid}", 6) == 0) {
        out->uuid = segment;
        *want = "a run's id (a UUID in lower case)";
        return ifm_uuid_valid(segment);
    }
    if (len == 3 && memcmp(template, "{n}", 3) == 0) {
        *want = "a number";
        return parse_number(segment, &out->n);
    }
    if (len == 6 && memcmp(template, "{name}", 6) == 0) {
        out->name = segment;
        return segment[0] != '\0';
    }
    return strlen(segment) == len && memcmp(template, segment, len) == 0;
}

struct misfit { const char *segment, *want; };

static bool match_path(const char *template, const struct ifm_uri *uri, struct ifm_route_match *out,
                       struct misfit *misfit)
{
    const char *at = template + 1;
    for (size_t i = 0; i < uri->segment_count; i++) {
        if (*at == '\0') {
            return false;
        }
        size_t len = strcspn(at, "/");
        const char *want = NULL;
        if (!match_segment(at, len, uri->segments[i], out, &want)) {
            if (want) {
                *misfit = (struct misfit){ uri->segments[i], want };
            }
            return false;
        }
        at += len;
        at += *at == '/';
    }
    return *at == '\0';
}

static void add_allow(char allow[IFM_ROUTER_ALLOW_MAX], const char *method)
{
    size_t len = strlen(allow);
    bool get = strcmp(method, "GET") == 0;
    snprintf(allow + len, IFM_ROUTER_ALLOW_MAX - len, "%s%s%s", len ? ", " : "", method, get ? ", HEAD" : "");
}

static int not_found(const struct ifm_uri *uri, const struct misfit *misfit, struct ifm_err *err)
{
    char shown[64];
    if (misfit->segment) {
        ifm_text_clip(shown, sizeof shown, misfit->segment, strlen(misfit->segment));
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "http", "“%s” in the address is not %s", shown,
                           misfit->want);
    }
    ifm_text_clip(shown, sizeof shown, uri->raw_path, strlen(uri->raw_path));
    return ifm_err_set(err, IFM_ERR_NOT_FOUND, "http",
                       "nothing is at %s; /openapi.json lists what there is", shown);
}

int ifm_router_match(const struct ifm_route *table, size_t count, const char *method,
                     const struct ifm_uri *uri, struct ifm_route_match *out, char allow[IFM_ROUTER_ALLOW_MAX],
                     struct ifm_err *err)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct misfit misfit = { NULL, NULL };
    allow[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        memset(out, 0, sizeof *out);
        if (!match_path(table[i].path, uri, out, &misfit)) {
            continue;
        }
        if (strcmp(table[i].method, wanted) == 0) {
            out->route = &table[i];
            return 0;
        }
        add_allow(allow, table[i].method);
    }
    memset(out, 0, sizeof *out);
    if (allow[0]) {
        char shown[24];
        ifm_text_clip(shown, sizeof shown, method, strlen(method));
        return ifm_err_set(err, IFM_ERR_METHOD, "http", "%s is not possible here; %s is", shown, allow);
    }
    return not_found(uri, &misfit, err);
}

static bool knows(const char *const *names, const char *name)
{
    for (; names && *names; names++) {
        size_t len = strlen(*names);
        if (strcmp(*names, "*") == 0) {
            return true;
        }
        bool prefix = len > 0 && (*names)[len - 1] == '.';
        if (prefix ? strncmp(*names, name, len) == 0 && name[len] : strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

int ifm_router_check_params(const struct ifm_route *route, const struct ifm_uri *uri, struct ifm_err *err)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        const char *name = uri->params[i].name;
        if (knows(route->params, name)) {
            continue;
        }
        char shown[64];
        ifm_text_clip(shown, sizeof shown, name, strlen(name));
        const char *near = route->params ? ifm_opt_nearest(name, route->params) : NULL;
        if (near) {
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                               "there is no query parameter “%s” here; did you mean “%s”?", shown, near);
        }
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "there is no query parameter “%s” here", shown);
    }
    return 0;
}
