/* THE table: method, address, handler, schema of the body, query parameters. A row here needs an entry in
 * schema/openapi.json; the schema test fails until that is there and a test has asked for it. */
#include "daemon/routes/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/uuid.h"

static const char *const list_params[] = {
    "model", "runtime", "provider", "device", "commit", "status", "verification", "trust", "format",
    "variant_sha256", "device_key", "config_key", "experiment", "scenario", "id_prefix", "q", "label.", "since", "until", "limit",
    "cursor", NULL
};
static const char *const samples_params[] = { "invocation", "phase", "buckets", "from", "to", NULL };
static const char *const windows_params[] = { "invocation", "width_ns", NULL };
static const char *const histogram_params[] = { "invocation", "bins", "low_ns", "high_ns", NULL };
static const char *const lanes_params[] = { "invocation", NULL };
static const char *const compare_params[] = { "a", "b", "delta", NULL };
/* A page's query belongs to its script, which ignores what it does not know. */
static const char *const page_params[] = { "*", NULL };

#define API "/api/v1"

const struct ifm_route ifm_routes[] = {
    { "PUT", API "/runs/{uuid}/invocations/{n}", ifm_routes_put_invocation, "invocation", NULL },
    { "PUT", API "/runs/{uuid}", ifm_routes_put_run, "run", NULL },
    { "GET", API "/runs", ifm_routes_list_runs, NULL, list_params },
    { "GET", API "/runs/{uuid}", ifm_routes_get_run, NULL, NULL },
    { "GET", API "/runs/{uuid}/invocations/{n}", ifm_routes_get_invocation, NULL, NULL },
    { "GET", API "/runs/{uuid}/samples", ifm_routes_get_samples, NULL, samples_params },
    { "GET", API "/runs/{uuid}/histogram", ifm_routes_get_histogram, NULL, histogram_params },
    { "GET", API "/runs/{uuid}/lanes", ifm_routes_get_lanes, NULL, lanes_params },
    { "GET", API "/runs/{uuid}/ops", ifm_routes_get_ops, NULL, NULL },
    { "GET", API "/runs/{uuid}/windows", ifm_routes_get_windows, NULL, windows_params },
    { "GET", API "/compare", ifm_routes_get_compare, NULL, compare_params },
    { "GET", API "/schemas/{name}", ifm_routes_get_schema, NULL, NULL },
    { "GET", API "/openapi.json", ifm_routes_get_openapi, NULL, NULL },
    { "GET", API "/version", ifm_routes_get_version, NULL, NULL },
    { "GET", "/openapi.json", ifm_routes_get_openapi, NULL, NULL },
    { "GET", "/version", ifm_routes_get_version, NULL, NULL },
    { "GET", "/livez", ifm_routes_get_livez, NULL, NULL },
    { "GET", "/healthz", ifm_routes_get_livez, NULL, NULL },
    { "GET", "/readyz", ifm_routes_get_readyz, NULL, NULL },
    { "GET", "/problems/{name}", ifm_routes_get_problem, NULL, NULL },
    { "GET", "/", ifm_routes_get_page, NULL, page_params },
    { "GET", "/runs/{name}", ifm_routes_get_page, NULL, page_params },
    { "GET", "/compare", ifm_routes_get_page, NULL, page_params },
    { "GET", "/api", ifm_routes_get_page, NULL, page_params },
};
const size_t ifm_route_count = sizeof ifm_routes / sizeof ifm_routes[0];

void ifm_routes_init(struct ifm_routes_context *context, struct ifm_store *store)
{
    char uuid[IFM_UUID_TEXT] = "0";
    ifm_uuid_new(uuid);
    memset(context, 0, sizeof *context);
    context->store = store;
    snprintf(context->boot, sizeof context->boot, "%.8s%.12s", uuid, strlen(uuid) > 24 ? uuid + 24 : "");
    snprintf(context->build, sizeof context->build, "%s", IFM_VERSION);
}

bool ifm_routes_validate(struct ifm_request *request, const char *run_id, const char *other_id)
{
    const struct ifm_routes_context *context = ifm_routes_context(request);
    char version[IFM_SHA256_HEX], other[IFM_SHA256_HEX] = "", etag[IFM_ETAG_MAX];
    struct ifm_err err = IFM_ERR_INIT;
    int rc = ifm_store_run_version(context->store, run_id, version, &err);
    if (!rc && other_id) {
        rc = ifm_store_run_version(context->store, other_id, other, &err);
    }
    if (rc) {
        ifm_request_problem(request, 0, &err);
        return true;
    }
    snprintf(etag, sizeof etag, "\"%.32s%s%.32s-%s\"", version, other_id ? "-" : "", other, context->build);
    return ifm_request_fresh(request, etag);
}

void ifm_routes_answer(struct ifm_request *request, int rc, const struct ifm_err *err)
{
    if (rc) {
        ifm_request_problem(request, 0, err);
        if (request->reply.status == 503) {
            ifm_request_header(request, "Retry-After", "1");
        }
        return;
    }
    ifm_request_json(request, 200);
}
