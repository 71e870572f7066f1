/* What the daemon says about itself, and the pages, which are one shell: its script reads the address. */
#include <string.h>

#include "daemon/http/assets.h"
#include "daemon/routes/documents.h"
#include "daemon/routes/routes.h"

void ifm_routes_get_livez(struct ifm_request *request)
{
    request->reply.cache = "no-store";
    ifm_request_text(request, 200, "application/json", "{\"status\":\"ok\"}");
}

void ifm_routes_get_readyz(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    request->reply.cache = "no-store";
    if (ifm_store_ready(ifm_routes_context(request)->store, &err)) {
        ifm_err_prefix(&err, "store");
        ifm_request_problem(request, 503, &err);
        return;
    }
    ifm_request_text(request, 200, "application/json", "{\"status\":\"ready\",\"checks\":{\"store\":\"ok\"}}");
}

static void add_text(struct ifm_jw *w, const char *key, const char *text)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, text);
}

void ifm_routes_get_version(struct ifm_request *request)
{
    struct ifm_jw w;
    ifm_jw_init(&w, &request->reply.body);
    ifm_jw_begin(&w, '{');
    add_text(&w, "name", "inferometerd");
    add_text(&w, "version", IFM_VERSION);
    add_text(&w, "api", "v1");
    ifm_jw_key(&w, "schema_version");
    ifm_jw_i64(&w, ifm_store_schema_version());
    ifm_jw_key(&w, "message_version");
    ifm_jw_i64(&w, IFM_MSG_VERSION);
    ifm_jw_key(&w, "method_version");
    ifm_jw_i64(&w, IFM_METHOD_VERSION);
    add_text(&w, "git", IFM_GIT[0] ? IFM_GIT : NULL);
    ifm_jw_key(&w, "dashboard");
    ifm_jw_bool(&w, ifm_assets_find("/index.html") != NULL);
    ifm_jw_end(&w, '}');
    ifm_request_json(request, 200);
}

static bool send_document(struct ifm_request *request, const char *name)
{
    for (size_t i = 0; i < ifm_document_count; i++) {
        const struct ifm_document *document = &ifm_documents[i];
        if (strcmp(document->name, name) != 0) {
            continue;
        }
        if (!ifm_request_fresh(request, document->etag)) {
            ifm_buf_add(&request->reply.body, document->bytes, document->len);
            ifm_request_json(request, 200);
        }
        return true;
    }
    return false;
}

void ifm_routes_get_openapi(struct ifm_request *request)
{
    send_document(request, "openapi.json");
}

void ifm_routes_get_schema(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    if (strcmp(request->match.name, "openapi.json") == 0 || !send_document(request, request->match.name)) {
        ifm_err_set(&err, IFM_ERR_NOT_FOUND, "http",
                    "there is no such schema; those there are stand in /openapi.json");
        ifm_request_problem(request, 0, &err);
    }
}

static const char no_dashboard[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Inferometer</title></head>\n"
    "<body><h1>Inferometer</h1>\n<p>This inferometerd was built without its dashboard: run "
    "<code>node web/build.mjs</code> and build it again.</p>\n"
    "<p>The data are there: <a href=\"/api/v1/runs\">/api/v1/runs</a>, described in "
    "<a href=\"/openapi.json\">/openapi.json</a>.</p></body></html>\n";

void ifm_routes_get_page(struct ifm_request *request)
{
    const struct ifm_asset *index = ifm_assets_find("/index.html");
    if (index) {
        ifm_request_asset(request, index);
    } else {
        ifm_request_text(request, 200, "text/html; charset=utf-8", no_dashboard);
    }
}
