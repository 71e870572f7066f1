/* The table of routes: every address of the daemon, with its handler. Handlers stand in one file per
 * resource; they turn a request into calls of the store and of analysis, and results into replies.
 *
 * Threading: handlers run on HTTP threads; the context is const after init. Ownership: the context borrows
 * the store. */
#ifndef IFM_ROUTES_H
#define IFM_ROUTES_H

#include "daemon/http/request.h"
#include "daemon/store/store.h"

struct ifm_routes_context {
    struct ifm_store *store;
    char build[24]; /* part of every validator: another build may write replies in another way */
    char boot[24];  /* part of the validators of lists, whose counter starts anew with the process */
};

extern const struct ifm_route ifm_routes[];
extern const size_t ifm_route_count;

void ifm_routes_init(struct ifm_routes_context *context, struct ifm_store *store);

/* runs.c */
void ifm_routes_put_invocation(struct ifm_request *request);
void ifm_routes_put_run(struct ifm_request *request);
void ifm_routes_list_runs(struct ifm_request *request);
void ifm_routes_get_run(struct ifm_request *request);
void ifm_routes_get_invocation(struct ifm_request *request);
/* samples.c */
void ifm_routes_get_samples(struct ifm_request *request);
void ifm_routes_get_histogram(struct ifm_request *request);
void ifm_routes_get_lanes(struct ifm_request *request);
void ifm_routes_get_ops(struct ifm_request *request);
void ifm_routes_get_windows(struct ifm_request *request);
/* compare.c */
void ifm_routes_get_compare(struct ifm_request *request);
/* meta.c */
void ifm_routes_get_livez(struct ifm_request *request);
void ifm_routes_get_readyz(struct ifm_request *request);
void ifm_routes_get_version(struct ifm_request *request);
void ifm_routes_get_openapi(struct ifm_request *request);
void ifm_routes_get_schema(struct ifm_request *request);
void ifm_routes_get_page(struct ifm_request *request);
/* problems.c */
void ifm_routes_get_problem(struct ifm_request *request);

/* Shared by the files above. */
static inline struct ifm_routes_context *ifm_routes_context(const struct ifm_request *request)
{
    return request->context;
}
/* Sets the strong validator of one run (or of two, other_id not NULL). True when the request is answered:
 * 304, or 404 and the like. */
bool ifm_routes_validate(struct ifm_request *request, const char *run_id, const char *other_id);
/* Answers with the JSON in the reply's body, or with the problem when rc is not 0. */
void ifm_routes_answer(struct ifm_request *request, int rc, const struct ifm_err *err);

#endif
