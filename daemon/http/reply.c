#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "daemon/http/negotiate.h"
#include "daemon/http/server_private.h"

#define GZIP_FROM 1024 /* bytes; below it a packet is a packet */

/* On every reply, also on errors and JSON: a reply that a browser shows as a page by mistake can then load
 * and run nothing. */
static const char *const security_headers[][2] = {
    { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
      "font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
};

struct content {
    const void *bytes;
    size_t len;
    bool fixed, coded, varies;
};

static void choose_fixed(const struct ifm_reply *reply, bool gzip, struct content *content)
{
    content->fixed = true;
    content->varies = reply->fixed_gzip != NULL;
    content->coded = gzip && reply->fixed_gzip;
    content->bytes = content->coded ? reply->fixed_gzip : reply->fixed;
    content->len = content->coded ? reply->fixed_gzip_len : reply->fixed_len;
}

/* Coding is best effort: a body that gzip cannot shorten, or no memory for it, goes out as it is. */
static void choose_body(struct ifm_call *call, bool gzip, struct content *content)
{
    struct ifm_reply *reply = &call->request.reply;
    content->varies = reply->body.len > GZIP_FROM;
    if (gzip && content->varies) {
        struct ifm_buf coded;
        ifm_buf_init(&coded, reply->body.len);
        if (ifm_gzip_encode(call->server->gzip, reply->body.data, reply->body.len, &coded, NULL) == 0) {
            ifm_buf_done(&reply->body);
            reply->body = coded;
            content->coded = true;
        } else {
            ifm_buf_done(&coded);
        }
    }
    content->bytes = reply->body.data;
    content->len = reply->body.len;
}

static struct MHD_Response *make_response(struct ifm_reply *reply, const struct content *content)
{
    union { const void *in; void *out; } cast = { .in = content->bytes }; /* libmicrohttpd does not write */
    if (content->fixed || content->len == 0) {
        return MHD_create_response_from_buffer(content->len, content->len ? cast.out : NULL,
                                               MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(content->len, cast.out, ifm_free);
    if (response) {
        ifm_buf_take(&reply->body);
    }
    return response;
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* A strong validator names bytes, so that the coded form needs another one. */
static void etag_of(const struct ifm_reply *reply, bool coded, char out[IFM_ETAG_MAX + 8])
{
    size_t len = strlen(reply->etag);
    if (coded && len > 1 && reply->etag[0] == '"') {
        snprintf(out, IFM_ETAG_MAX + 8, "%.*s-gzip\"", (int)(len - 1), reply->etag);
    } else {
        snprintf(out, IFM_ETAG_MAX + 8, "%s", reply->etag);
    }
}

static bool add_content_headers(struct MHD_Response *response, const struct ifm_reply *reply,
                                const struct content *content)
{
    char etag[IFM_ETAG_MAX + 8];
    etag_of(reply, content->coded, etag);
    return (!reply->type || content->len == 0 || add(response, "Content-Type", reply->type)) &&
           (!etag[0] || add(response, "ETag", etag)) &&
           (!content->varies || add(response, "Vary", "Accept-Encoding")) &&
           (!content->coded || add(response, "Content-Encoding", "gzip"));
}

static bool add_headers(struct MHD_Response *response, const struct ifm_call *call)
{
    const struct ifm_reply *reply = &call->request.reply;
    bool ok = add(response, "Cache-Control", reply->cache ? reply->cache : "no-cache") &&
              add(response, "X-Request-Id", call->request.id);
    for (size_t i = 0; ok && i < sizeof security_headers / sizeof security_headers[0]; i++) {
        ok = add(response, security_headers[i][0], security_headers[i][1]);
    }
    for (size_t i = 0; ok && i < reply->header_count; i++) {
        ok = add(response, reply->headers[i].name, reply->headers[i].value);
    }
    if (ok && (call->close || atomic_load(&call->server->draining))) {
        ok = add(response, "Connection", "close");
    }
    return ok;
}

enum MHD_Result ifm_reply_send(struct ifm_call *call)
{
    struct ifm_reply *reply = &call->request.reply;
    struct content content = { NULL, 0, false, false, false };
    bool gzip = ifm_negotiate_gzip(call->request.headers.accept_encoding);
    if (reply->status == 304) {
        content.varies = true;
    } else if (reply->fixed) {
        choose_fixed(reply, gzip, &content);
    } else {
        choose_body(call, gzip, &content);
    }
    struct MHD_Response *response = make_response(reply, &content);
    if (!response) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO; /* out of memory: the connection is closed */
    if (add_content_headers(response, reply, &content) && add_headers(response, call)) {
        bool head = strcmp(call->request.method, "HEAD") == 0;
        call->sent = head ? 0 : content.len;
        call->phase = IFM_CALL_ANSWERED;
        ifm_connection_enter(call->connection, IFM_CONNECTION_SENDING);
        result = MHD_queue_response(call->mhd, (unsigned)reply->status, response);
    }
    MHD_destroy_response(response);
    return result;
}
