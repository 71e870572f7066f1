/* From method and path to one row of a table of routes, and the check of its query parameters. The table
 * itself belongs to daemon/routes.
 *
 * Templates: literal segments and placeholders, one each at most: {uuid} a UUID, {n} a number 0..999999999
 * without leading zeros, {name} any text. HEAD finds the row of GET.
 * Threading: pure functions. Ownership: a match points into the URI it was made from. */
#ifndef IFM_ROUTER_H
#define IFM_ROUTER_H

#include <stdint.h>
#include "core/buf.h"
#include "daemon/http/uri.h"

struct ifm_request; /* daemon/http/request.h */
typedef void (*ifm_route_handler)(struct ifm_request *request);

struct ifm_route {
    const char *method;        /* "GET", "PUT" */
    const char *path;          /* template */
    ifm_route_handler handler;
    const char *body;          /* schema of the request body; NULL: takes none */
    const char *const *params; /* names that a query may have, NULL-terminated; "label." allows any label.KEY,
                                  "*" anything; a NULL list: none */
};

struct ifm_route_match {
    const struct ifm_route *route;
    const char *uuid;
    int64_t n;
    const char *name;
};

#define IFM_ROUTER_ALLOW_MAX 64
/* IFM_ERR_NOT_FOUND; IFM_ERR_METHOD when only other methods fit: allow then lists them for the Allow header. */
int ifm_router_match(const struct ifm_route *table, size_t count, const char *method,
                     const struct ifm_uri *uri, struct ifm_route_match *out, char allow[IFM_ROUTER_ALLOW_MAX],
                     struct ifm_err *err);
/* IFM_ERR_BAD_REQUEST for a parameter that the route does not know, with the nearest name it does. */
int ifm_router_check_params(const struct ifm_route *route, const struct ifm_uri *uri, struct ifm_err *err);

#endif
