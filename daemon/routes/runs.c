/* /runs: PUT of invocations and runs (decoded, checked and rolled up here, on the HTTP thread; written by
 * the store's thread while the request sleeps), and what can be read of them. */
#include "daemon/routes/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "daemon/analysis/assess.h"
#include "daemon/analysis/rollup.h"
#include "daemon/analysis/scenario.h"
#include "daemon/routes/params.h"

/* Everything a write borrows until it is done. */
struct put {
    struct ifm_msg_invocation invocation;
    struct ifm_msg_run run;
    struct ifm_invocation_stats stats;
    struct ifm_invocation_stats *each; /* of the invocations that came with a run */
    bool is_run;
    enum ifm_store_outcome outcome;
    struct ifm_err err;
};

static void put_free(void *data)
{
    struct put *put = data;
    ifm_json_free(put->is_run ? &ifm_run_table : &ifm_invocation_table,
                  put->is_run ? (void *)&put->run : (void *)&put->invocation);
    ifm_free(put->each);
    ifm_free(put);
}

static struct put *put_new(struct ifm_request *request, bool is_run)
{
    struct put *put = ifm_alloc(sizeof *put);
    if (!put) {
        struct ifm_err err = IFM_ERR_INIT;
        ifm_routes_answer(request, ifm_err_set(&err, IFM_ERR_NOMEM, "http", "out of memory"), &err);
        return NULL;
    }
    put->is_run = is_run;
    request->data = put;
    request->data_free = put_free;
    return put;
}

/* On the writer's thread: as little as possible, and nothing after the resume. */
static void on_done(void *arg, enum ifm_store_outcome outcome, const struct ifm_err *err)
{
    struct ifm_request *request = arg;
    struct put *put = request->data;
    put->outcome = outcome;
    if (err) {
        put->err = *err;
    }
    ifm_request_resume(request);
}

static void finish_put(struct ifm_request *request)
{
    const struct put *put = request->data;
    if (put->err.code) {
        ifm_routes_answer(request, put->err.code, &put->err);
        return;
    }
    bool replayed = put->outcome == IFM_STORE_REPLAYED;
    struct ifm_jw w;
    ifm_jw_init(&w, &request->reply.body);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "run");
    ifm_jw_string(&w, request->match.uuid);
    if (!put->is_run) {
        ifm_jw_key(&w, "n");
        ifm_jw_i64(&w, request->match.n);
    }
    ifm_jw_key(&w, "outcome");
    ifm_jw_string(&w, replayed ? "replayed" : "created");
    ifm_jw_end(&w, '}');
    if (replayed) {
        ifm_request_header(request, "Idempotency-Replayed", "true");
    } else if (put->is_run) {
        ifm_request_header(request, "Location", "/runs/%s", request->match.uuid);
    }
    ifm_request_json(request, replayed ? 200 : 201);
}

/* Decodes the body, hashes it and lets it go: what the store needs now stands in *put. */
static int take_body(struct ifm_request *request, const struct ifm_table *table, void *out, uint8_t *sha256,
                     struct ifm_err *err)
{
    const char *text = request->body.data ? request->body.data : "";
    int rc = ifm_json_decode(table, text, request->body.len, out, err);
    if (!rc && ifm_hash_sha256(text, request->body.len, sha256)) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "http", "SHA-256 is not available");
    }
    ifm_buf_done(&request->body);
    return rc;
}

static int check_number(int64_t in_body, int64_t in_address, struct ifm_err *err)
{
    if (in_address >= IFM_INVOCATIONS_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/n", "an invocation's number is below %d", IFM_INVOCATIONS_MAX);
    }
    if (in_body != in_address) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/n", "n is %lld in the body and %lld in the address",
                           (long long)in_body, (long long)in_address);
    }
    return 0;
}

void ifm_routes_put_invocation(struct ifm_request *request)
{
    struct put *put = put_new(request, false);
    if (!put) {
        return;
    }
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_store_invocation write = { .run_id = request->match.uuid, .body = &put->invocation };
    bool has_stats = false;
    int rc = take_body(request, &ifm_invocation_table, &put->invocation, write.sha256, &err);
    if (!rc) {
        rc = check_number(put->invocation.n, request->match.n, &err);
    }
    if (!rc) {
        rc = ifm_rollup(&put->invocation, &put->stats, &has_stats, &err);
    }
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    write.stats = has_stats ? &put->stats : NULL;
    /* Suspended first: the writer may be done before the call below returns. */
    ifm_request_suspend(request, finish_put);
    if (ifm_store_put_invocation(ifm_routes_context(request)->store, &write, on_done, request, &put->err)) {
        ifm_request_resume(request);
    }
}

/* stats[i].n stays 0 where an invocation has no steady sample. */
static int roll_up_each(struct put *put, struct ifm_err *err)
{
    struct ifm_msg_invocation *bodies = put->run.invocation_bodies.items;
    size_t count = put->run.invocation_bodies.count;
    if (!count) {
        return 0;
    }
    put->each = ifm_alloc_array(count, sizeof *put->each);
    if (!put->each) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        bool has_stats;
        int rc = ifm_rollup(&bodies[i], &put->each[i], &has_stats, err);
        if (rc) {
            ifm_err_below(err, "invocation_bodies", i);
            return rc;
        }
    }
    return 0;
}

void ifm_routes_put_run(struct ifm_request *request)
{
    struct put *put = put_new(request, true);
    if (!put) {
        return;
    }
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_store_run write = { .body = &put->run };
    int rc = take_body(request, &ifm_run_table, &put->run, write.sha256, &err);
    if (!rc && strcmp(put->run.id, request->match.uuid) != 0) {
        rc = ifm_err_set(&err, IFM_ERR_INVALID, "/id", "id is another run's than the address names");
    }
    rc = rc ? rc : roll_up_each(put, &err);
    rc = rc ? rc : ifm_assess_run(ifm_routes_context(request)->store, &put->run, put->each, &write.assessed, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    write.stats = put->each;
    ifm_request_suspend(request, finish_put);
    if (ifm_store_put_run(ifm_routes_context(request)->store, &write, on_done, request, &put->err)) {
        ifm_request_resume(request);
    }
}

/* -- Reads -------------------------------------------------------------------------------------- */

static int take_label(const struct ifm_uri *uri, struct ifm_store_filter *filter, struct ifm_err *err)
{
    for (size_t i = 0; i < uri->param_count; i++) {
        if (strncmp(uri->params[i].name, "label.", 6) != 0) {
            continue;
        }
        if (filter->label_key) {
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "a list can be filtered by one label at a time");
        }
        filter->label_key = uri->params[i].name + 6;
        filter->label_value = uri->params[i].value;
    }
    return 0;
}

/* An empty value ("model=") is as good as none: a form sends it. */
static const char *text_of(const struct ifm_uri *uri, const char *name)
{
    const char *value = ifm_uri_param(uri, name);
    return value && value[0] ? value : NULL;
}

static int take_filter(const struct ifm_uri *uri, struct ifm_store_filter *f, struct ifm_err *err)
{
    const struct { const char *name; const char **value; } texts[] = {
        { "id_prefix", &f->id_prefix }, { "model", &f->model }, { "runtime", &f->runtime },
        { "provider", &f->provider }, { "device", &f->device }, { "commit", &f->commit },
        { "status", &f->status }, { "verification", &f->verification }, { "trust", &f->trust },
        { "format", &f->format }, { "variant_sha256", &f->variant_sha256 }, { "device_key", &f->device_key },
        { "config_key", &f->config_key }, { "experiment", &f->experiment }, { "scenario", &f->scenario },
        { "q", &f->search }, { "cursor", &f->cursor },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].value = text_of(uri, texts[i].name);
    }
    int64_t limit = 0;
    int rc = ifm_params_i64(uri, "limit", 1, IFM_STORE_LIST_MAX, &limit, err);
    f->limit = (int)limit;
    rc = rc ? rc : ifm_params_check_words(uri, "status", IFM_RUN_STATUS_CHOICES, err);
    rc = rc ? rc : ifm_params_check_words(uri, "verification", IFM_VERIFICATION_CHOICES, err);
    rc = rc ? rc : ifm_params_check_words(uri, "trust", IFM_TRUST_CHOICES, err);
    rc = rc ? rc : ifm_params_check_words(uri, "scenario", IFM_SCENARIO_CHOICES, err);
    rc = rc ? rc : ifm_params_time(uri, "since", &f->since_ms, err);
    rc = rc ? rc : ifm_params_time(uri, "until", &f->until_ms, err);
    return rc ? rc : take_label(uri, f, err);
}

/* The cursor is the last thing in the store's reply; the Link header repeats it with the same filters. */
static void add_next_link(struct ifm_request *request)
{
    static const char key[] = "\"next_cursor\":\"";
    const struct ifm_buf *body = &request->reply.body;
    const char *found = NULL;
    for (size_t i = body->len; i >= sizeof key - 1 && !found && body->len - i < 1024; i--) {
        const char *at = body->data + i - (sizeof key - 1);
        found = memcmp(at, key, sizeof key - 1) == 0 ? at + sizeof key - 1 : NULL;
    }
    if (!found || found + strcspn(found, "\"") + 2 != body->data + body->len) { /* none, or a label of that name */
        return;
    }
    char query[IFM_URI_MAX + 1];
    size_t len = 0;
    for (const char *at = request->uri.raw_query; *at;) {
        size_t piece = strcspn(at, "&");
        if (piece > 0 && strncmp(at, "cursor=", 7) != 0) {
            memcpy(query + len, at, piece);
            len += piece;
            query[len++] = '&';
        }
        at += piece;
        at += *at == '&';
    }
    ifm_request_header(request, "Link", "</api/v1/runs?%.*scursor=%.*s>; rel=\"next\"", (int)len, query,
                       (int)strcspn(found, "\""), found);
}

void ifm_routes_list_runs(struct ifm_request *request)
{
    const struct ifm_routes_context *context = ifm_routes_context(request);
    struct ifm_store_filter filter = { 0 };
    struct ifm_err err = IFM_ERR_INIT;
    int rc = take_filter(&request->uri, &filter, &err);
    if (rc) {
        ifm_routes_answer(request, rc, &err);
        return;
    }
    char etag[IFM_ETAG_MAX];
    /* Before the list is read: a commit in between makes the tag too old, never too new. */
    snprintf(etag, sizeof etag, "W/\"%s-%lld-%s\"", context->boot,
             (long long)ifm_store_generation(context->store), context->build);
    if (ifm_request_fresh(request, etag)) {
        return;
    }
    rc = ifm_store_list_runs(context->store, &filter, &request->reply.body, &err);
    if (!rc) {
        add_next_link(request);
    }
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_run(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    struct ifm_store *store = ifm_routes_context(request)->store;
    int rc = ifm_store_get_run(store, request->match.uuid, &request->reply.body, &err);
    rc = rc ? rc : ifm_figures_add(store, request->match.uuid, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}

void ifm_routes_get_invocation(struct ifm_request *request)
{
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_routes_validate(request, request->match.uuid, NULL)) {
        return;
    }
    int rc = ifm_store_get_invocation(ifm_routes_context(request)->store, request->match.uuid,
                                      request->match.n, &request->reply.body, &err);
    ifm_routes_answer(request, rc, &err);
}
