/* The checks that need only a request's head, in the order in which they are reported. */
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "daemon/http/negotiate.h"
#include "daemon/http/origin.h"
#include "daemon/http/server_private.h"

static void fail(struct ifm_call *call, int status, int code, const char *text)
{
    call->status = status;
    ifm_err_set(&call->err, code, "http", "%s", text);
}

/* One pass over the fields; a field that must be unique and is not makes the framing ambiguous. */
static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct ifm_call *call = cls;
    struct ifm_request_headers *h = &call->request.headers;
    const struct { const char *name; const char **value; bool unique; } known[] = {
        { "Host", &h->host, true },
        { "Origin", &h->origin, true },
        { "Accept", &h->accept, false },
        { "Accept-Encoding", &h->accept_encoding, false },
        { "If-None-Match", &h->if_none_match, false },
        { "Content-Type", &h->content_type, true },
        { "Content-Encoding", &h->content_encoding, true },
        { "Content-Length", &h->content_length, true },
        { "Transfer-Encoding", &h->transfer_encoding, true },
        { "Expect", &h->expect, false },
    };
    call->header_bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(known[i].name, name) != 0) {
            continue;
        }
        if (known[i].unique && *known[i].value && !call->err.code) {
            call->close = true;
            ifm_err_set(&call->err, IFM_ERR_BAD_REQUEST, "http", "the header field %s is there twice",
                        known[i].name);
        }
        *known[i].value = value ? value : "";
        break;
    }
    return MHD_YES;
}

/* What would let two parsers disagree on where a body ends is refused, and the connection closed. */
static void check_framing(struct ifm_call *call)
{
    const struct ifm_request_headers *h = &call->request.headers;
    if (h->transfer_encoding && h->content_length) {
        fail(call, 0, IFM_ERR_BAD_REQUEST, "a request has Content-Length or Transfer-Encoding, not both");
    } else if (h->transfer_encoding && strcasecmp(h->transfer_encoding, "chunked") != 0) {
        fail(call, 0, IFM_ERR_UNSUPPORTED, "the only Transfer-Encoding here is chunked");
    } else if (call->header_bytes > IFM_SERVER_HEADERS_MAX) {
        fail(call, 431, IFM_ERR_TOO_LARGE, "the header fields are over 16 KiB together");
    } else {
        return;
    }
    call->close = true;
}

static bool is_write(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static void check_origin(struct ifm_call *call)
{
    const struct ifm_request_headers *h = &call->request.headers;
    if (!ifm_origin_host_allowed(h->host, call->server->options.hosts, call->server->options.host_count)) {
        char shown[64];
        ifm_text_clip(shown, sizeof shown, h->host ? h->host : "", h->host ? strlen(h->host) : 0);
        ifm_err_set(&call->err, IFM_ERR_MISDIRECTED, "http",
                    "this daemon does not answer for the host “%s”; start it with --host NAME if it should",
                    shown);
    } else if (is_write(call->request.method) && !ifm_origin_same(h->origin, h->host)) {
        ifm_err_set(&call->err, IFM_ERR_PERMISSION, "http",
                    "a page of another origin may not write here; use the command line, or the daemon's own "
                    "pages");
    }
}

/* Decimal digits only; what does not fit is as good as too much. */
static size_t declared_length(const char *text)
{
    size_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (value > SIZE_MAX / 10 - 10) {
            return SIZE_MAX;
        }
        value = value * 10 + (size_t)(*text - '0');
    }
    return value;
}

static bool coding_known(const char *coding)
{
    return !coding || strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0 ||
           strcasecmp(coding, "identity") == 0;
}

static void check_body_headers(struct ifm_call *call)
{
    const struct ifm_request_headers *h = &call->request.headers;
    if (!h->content_length && !h->transfer_encoding) {
        fail(call, 411, IFM_ERR_BAD_REQUEST, "send the body with Content-Length or Transfer-Encoding: chunked");
    } else if (!ifm_negotiate_is_json(h->content_type)) {
        fail(call, 0, IFM_ERR_MEDIA_TYPE, "send the body with Content-Type: application/json");
    } else if (!coding_known(h->content_encoding)) {
        fail(call, 0, IFM_ERR_MEDIA_TYPE, "the only Content-Encoding here is gzip");
    }
}

static void check_length(struct ifm_call *call)
{
    const char *length = call->request.headers.content_length;
    if (length && declared_length(length) > IFM_SERVER_BODY_MAX) {
        call->close = true; /* answered at once, so that nobody sends it in vain */
        fail(call, 0, IFM_ERR_TOO_LARGE, "the body is over 8 MiB; send samples in more than one invocation");
    }
}

void ifm_head_check(struct ifm_call *call)
{
    struct ifm_request *request = &call->request;
    struct ifm_err uri_err = call->err; /* set when the request line was read */
    int uri_status = call->status;
    call->err = (struct ifm_err)IFM_ERR_INIT;
    MHD_get_connection_values(call->mhd, MHD_HEADER_KIND, take_header, call);
    if (!call->err.code) {
        check_framing(call);
    }
    if (!call->err.code) {
        check_origin(call);
    }
    if (!call->err.code && uri_err.code) {
        call->err = uri_err;
        call->status = uri_status;
    }
    if (!call->err.code) {
        ifm_router_match(call->server->options.routes, call->server->options.route_count, request->method,
                         &request->uri, &request->match, call->allow, &call->err);
    }
    if (!call->err.code) {
        ifm_router_check_params(request->match.route, &request->uri, &call->err);
    }
    if (!call->err.code && request->match.route->body) {
        check_body_headers(call);
    }
    if (!call->err.code) {
        check_length(call);
    }
}
