/* /runs/{uuid}/samples, /histogram, /lanes, /windows and /ops: what the pictures of a run are drawn from. */
#include "daemon/analysis/samples.h"
#include "daemon/analysis/histogram.h"
#include "daemon/analysis/ops.h"
#include "daemon/analysis/scenario.h"
#include "daemon/routes/params.h"
#include "daemon/routes/routes.h"

void ifm_routes_get_samples(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_samples_range range = { 0, IFM_SAMPLES_NS_MAX };
    int64_t invocation = -1, buckets = IFM_SAMPLES_BUCKETS;
    int phase = -1;
    int rc = ifm_params_i64(&request->uri, "invocation", 0, IFM_INVOCATIONS_MAX - 1, &invocation, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "buckets", 1, IFM_SAMPLES_BUCKETS_MAX, &buckets, &err);
    rc = rc ? rc : ifm_params_choice(&request->uri, "phase", IFM_PHASE_CHOICES, &phase, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "from", 0, IFM_SAMPLES_NS_MAX, &range.from_ns, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "to", 0, IFM_SAMPLES_NS_MAX, &range.to_ns, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    rc = ifm_samples_json(ifm_routes_context(request)->store, request->match.uuid, invocation, phase,
                          (int)buckets, &range, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_histogram(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    int64_t invocation = -1, bins = IFM_HISTOGRAM_BINS, low_ns = -1, high_ns = -1;
    int rc = ifm_params_i64(&request->uri, "invocation", 0, IFM_INVOCATIONS_MAX - 1, &invocation, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "bins", 1, IFM_HISTOGRAM_BINS_MAX, &bins, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "low_ns", 0, INT64_MAX / 4, &low_ns, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "high_ns", 0, INT64_MAX / 4, &high_ns, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    rc = ifm_histogram_json(ifm_routes_context(request)->store, request->match.uuid, invocation, (int)bins,
                            low_ns, high_ns, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_lanes(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    int64_t invocation = -1;
    int rc = ifm_params_i64(&request->uri, "invocation", 0, IFM_INVOCATIONS_MAX - 1, &invocation, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    rc = ifm_store_get_lanes(ifm_routes_context(request)->store, request->match.uuid, invocation,
                             &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_windows(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    int64_t invocation = -1, width_ns = 0;
    int rc = ifm_params_i64(&request->uri, "invocation", 0, IFM_INVOCATIONS_MAX - 1, &invocation, &err);
    rc = rc ? rc : ifm_params_i64(&request->uri, "width_ns", 1, IFM_WINDOWS_WIDTH_MAX_NS, &width_ns, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    rc = ifm_windows_json(ifm_routes_context(request)->store, request->match.uuid, invocation, width_ns,
                          &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_ops(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    int rc = ifm_ops_json(ifm_routes_context(request)->store, request->match.uuid, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}
