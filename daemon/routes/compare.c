/* /compare: one run against another. */
#include "daemon/analysis/compare.h"
#include "core/uuid.h"
#include "daemon/routes/params.h"
#include "daemon/routes/routes.h"

static int take_run(const struct ifm_uri *uri, const char *name, const char **out, struct ifm_err *err)
{
    *out = ifm_uri_param(uri, name);
    if (!*out || !ifm_uuid_valid(*out)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                           "%s must be a run's id: /api/v1/compare?a=ID&b=ID", name);
    }
    return 0;
}

void ifm_routes_get_compare(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    const char *a = NULL, *b = NULL;
    double delta = IFM_COMPARE_DELTA;
    int rc = take_run(&request->uri, "a", &a, &err);
    rc = rc ? rc : take_run(&request->uri, "b", &b, &err);
    rc = rc ? rc : ifm_params_f64(&request->uri, "delta", &delta, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    if (ifm_routes_validate(request, a, b)) {
        return;
    }
    rc = ifm_compare_json(ifm_routes_context(request)->store, a, b, delta, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}
