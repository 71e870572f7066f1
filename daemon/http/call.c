/* One request's life: request line, head, body, handler, reply, log line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/mem.h"
#include "daemon/http/negotiate.h"
#include "daemon/http/server_private.h"

#define BODY_RESERVE (48 * 1024) /* below the size at which free() starts to tidy up the heap each time */
#define DRAIN_MAX (4 * (size_t)IFM_SERVER_BODY_MAX) /* a body that is thrown away is read so far, no further */

void *ifm_call_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct ifm_server *server = cls;
    struct ifm_call *call = ifm_alloc(sizeof *call);
    if (!call) {
        return NULL;
    }
    call->server = server;
    call->mhd = mhd;
    call->start_ns = ifm_clock_ns();
    call->request.context = server->options.context;
    ifm_buf_init(&call->request.body, IFM_SERVER_BODY_MAX);
    ifm_buf_init(&call->request.reply.body, IFM_REPLY_MAX);
    snprintf(call->request.id, sizeof call->request.id, "%s-%llx", server->boot,
             (unsigned long long)atomic_fetch_add(&server->next_id, 1));
    if (ifm_uri_parse(&call->request.uri, uri, &call->err) == IFM_ERR_TOO_LARGE) {
        call->status = 414;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    call->connection = info ? info->socket_context : NULL;
    ifm_connection_enter(call->connection, IFM_CONNECTION_HEAD);
    atomic_fetch_add(&server->active, 1);
    return call;
}

/* Somebody typed an address that is none: he reads a sentence, programs get problem+json. */
static bool wants_sentence(const struct ifm_call *call)
{
    return call->err.code == IFM_ERR_NOT_FOUND && ifm_negotiate_html(call->request.headers.accept) &&
           strncmp(call->request.uri.raw_path, "/api/", 5) != 0;
}

static enum MHD_Result fail_now(struct ifm_call *call)
{
    if (wants_sentence(call)) {
        ifm_request_text(&call->request, 404, "text/plain; charset=utf-8",
                         "404: there is no such page. The list of runs is at /\n");
        return ifm_reply_send(call);
    }
    ifm_request_problem(&call->request, call->status, &call->err);
    if (call->allow[0]) {
        ifm_request_header(&call->request, "Allow", "%s", call->allow);
    }
    if (call->request.reply.status == 503) {
        ifm_request_header(&call->request, "Retry-After", "1");
    }
    if (call->request.reply.status == 415) {
        ifm_request_header(&call->request, "Accept-Encoding", "gzip");
    }
    return ifm_reply_send(call);
}

static void refuse_while_stopping(struct ifm_call *call)
{
    ifm_err_set(&call->err, IFM_ERR_UNAVAILABLE, "http", "the daemon is stopping; try again when it is back");
}

/* An error is answered after the body, so that the client reads the reply instead of a broken connection;
 * at once only where the client waits for leave to send, or where it would send too much. */
static enum MHD_Result begin(struct ifm_call *call, const char *method)
{
    call->request.method = method;
    call->phase = IFM_CALL_BODY;
    ifm_connection_enter(call->connection, IFM_CONNECTION_BODY);
    ifm_head_check(call);
    if (!call->err.code && call->request.match.route->body && atomic_load(&call->server->draining)) {
        refuse_while_stopping(call);
    }
    if (call->err.code && (call->close || call->request.headers.expect)) {
        call->close = true;
        return fail_now(call);
    }
    return MHD_YES;
}

/* One allocation of the right size for what comes in one piece; larger bodies grow with what really came. */
static void reserve(struct ifm_call *call)
{
    const char *text = call->request.headers.content_length;
    unsigned long length = text ? strtoul(text, NULL, 10) : 0;
    if (length > 0) {
        ifm_buf_room(&call->request.body, length < BODY_RESERVE ? length : BODY_RESERVE);
    }
}

static bool take_body(struct ifm_call *call, const char *bytes, size_t len)
{
    struct ifm_server *server = call->server;
    struct ifm_buf *body = &call->request.body;
    bool first = call->received == 0;
    call->received += len;
    if (call->err.code || !call->request.match.route->body) {
        return call->received <= DRAIN_MAX;
    }
    call->counted += len;
    if (atomic_fetch_add(&server->body_bytes, len) + len > IFM_SERVER_BODIES_MAX) {
        ifm_err_set(&call->err, IFM_ERR_BUSY, "http", "too many large bodies at once; try again in a second");
    } else {
        if (first) {
            reserve(call);
        }
        ifm_buf_add(body, bytes, len);
        if (body->failed == IFM_ERR_TOO_LARGE) {
            ifm_err_set(&call->err, IFM_ERR_TOO_LARGE, "http",
                        "the body is over 8 MiB; send samples in more than one invocation");
        } else {
            ifm_buf_check(body, &call->err);
        }
    }
    if (call->err.code) {
        ifm_buf_done(body);
        atomic_fetch_sub(&server->body_bytes, call->counted);
        call->counted = 0;
    }
    return true;
}

/* Replaces a gzip body by what it holds. */
static int decode_content(struct ifm_call *call)
{
    const char *coding = call->request.headers.content_encoding;
    struct ifm_buf *body = &call->request.body;
    if (!coding || strcasecmp(coding, "identity") == 0 || !call->request.match.route->body) {
        return 0;
    }
    struct ifm_buf plain;
    ifm_buf_init(&plain, IFM_SERVER_BODY_MAX);
    int rc = ifm_gzip_decode(body->data, body->len, &plain, &call->err);
    ifm_buf_done(body);
    *body = plain;
    return rc;
}

static enum MHD_Result finish(struct ifm_call *call)
{
    if (call->request.reply.status == 0) {
        struct ifm_err err = IFM_ERR_INIT;
        ifm_err_set(&err, IFM_ERR_INTERNAL, "http", "the daemon gave no answer; please report this");
        ifm_request_problem(&call->request, 0, &err);
    }
    return ifm_reply_send(call);
}

/* A file of the dashboard is not a route: the table of assets says which there are. */
static bool try_asset(struct ifm_call *call)
{
    struct ifm_request *request = &call->request;
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (call->err.code != IFM_ERR_NOT_FOUND || !get || request->match.route) {
        return false;
    }
    const struct ifm_asset *asset = ifm_assets_find(request->uri.path);
    if (asset) {
        ifm_request_asset(request, asset);
    }
    return asset != NULL;
}

static enum MHD_Result handle(struct ifm_call *call)
{
    if (try_asset(call)) {
        return ifm_reply_send(call);
    }
    if (!call->err.code && atomic_load(&call->server->closing)) {
        refuse_while_stopping(call);
    }
    if (call->err.code || decode_content(call)) {
        return fail_now(call);
    }
    call->request.match.route->handler(&call->request);
    /* Set and cleared on this thread only: a resume from elsewhere comes back through on_request. */
    return call->suspended ? MHD_YES : finish(call);
}

static enum MHD_Result dispatch(struct ifm_call *call)
{
    ifm_connection_enter(call->connection, IFM_CONNECTION_WORKING);
    atomic_fetch_add(&call->server->working, 1);
    enum MHD_Result result = handle(call);
    if (!call->suspended) {
        atomic_fetch_sub(&call->server->working, 1);
    }
    return result;
}

/* A suspended request is back: its handler's second half fills the reply. */
static enum MHD_Result wake(struct ifm_call *call)
{
    call->phase = IFM_CALL_BODY;
    call->suspended = false;
    call->request.finish(&call->request);
    enum MHD_Result result = finish(call);
    atomic_fetch_sub(&call->server->working, 1);
    return result;
}

enum MHD_Result ifm_call_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *upload, size_t *upload_len, void **slot)
{
    (void)cls, (void)mhd, (void)url, (void)version;
    struct ifm_call *call = *slot;
    if (!call) {
        return MHD_NO; /* no memory for it: close */
    }
    if (call->phase == IFM_CALL_NEW) {
        return begin(call, method);
    }
    if (*upload_len) {
        bool go_on = take_body(call, upload, *upload_len);
        *upload_len = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    if (call->phase == IFM_CALL_WAITING) {
        return wake(call);
    }
    return dispatch(call);
}

void ifm_request_suspend(struct ifm_request *request, ifm_request_finish finish_with)
{
    struct ifm_call *call = (struct ifm_call *)request;
    request->finish = finish_with;
    call->suspended = true;
    call->phase = IFM_CALL_WAITING;
    MHD_suspend_connection(call->mhd);
}

void ifm_request_resume(struct ifm_request *request)
{
    struct ifm_call *call = (struct ifm_call *)request;
    MHD_resume_connection(call->mhd);
}

static void log_line(const struct ifm_call *call, enum MHD_RequestTerminationCode code)
{
    const struct ifm_request *request = &call->request;
    int64_t took = ifm_clock_ns() - call->start_ns;
    bool whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    enum ifm_log_level level = request->reply.status >= 500 ? IFM_LOG_ERROR : IFM_LOG_INFO;
    if (level == IFM_LOG_INFO && took > IFM_SERVER_SLOW_NS) {
        level = IFM_LOG_WARN;
    }
    if (level > call->server->log.level) {
        return; /* before anything is formatted */
    }
    char status[12], bytes[24], ms[32];
    snprintf(status, sizeof status, "%d", request->reply.status);
    snprintf(bytes, sizeof bytes, "%zu", call->sent);
    snprintf(ms, sizeof ms, "%.3f", (double)took / 1e6);
    const char *route = request->match.route ? request->match.route->path : "-";
    ifm_log_write(&call->server->log, level, level == IFM_LOG_WARN ? "slow request" : "request", "id",
                  request->id, "method", request->method ? request->method : "-", "route", route, "status", status,
                  "bytes", bytes, "ms", ms, whole ? NULL : "end", "cut off", NULL);
}

void ifm_call_on_completed(void *cls, struct MHD_Connection *mhd, void **slot,
                           enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    struct ifm_server *server = cls;
    struct ifm_call *call = *slot;
    if (!call) {
        return;
    }
    log_line(call, code);
    if (call->suspended) { /* resumed, but its client was gone and it never came back to wake() */
        atomic_fetch_sub(&server->working, 1);
    }
    ifm_connection_enter(call->connection, IFM_CONNECTION_IDLE);
    atomic_fetch_sub(&server->body_bytes, call->counted);
    ifm_request_done(&call->request);
    ifm_free(call);
    *slot = NULL;
    atomic_fetch_sub(&server->active, 1);
}
