#include "daemon/http/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "daemon/http/negotiate.h"
#include "daemon/http/problem.h"

#define HEADER_VALUE_MAX 16384

void ifm_request_problem(struct ifm_request *request, int status, const struct ifm_err *err)
{
    struct ifm_reply *reply = &request->reply;
    ifm_buf_done(&reply->body);
    ifm_buf_init(&reply->body, IFM_REPLY_MAX);
    reply->fixed = reply->fixed_gzip = NULL;
    reply->etag[0] = '\0';
    reply->cache = "no-store";
    reply->type = IFM_PROBLEM_TYPE;
    reply->status = status ? status : ifm_err_http(err->code);
    ifm_problem_write(&reply->body, reply->status, err, request->uri.raw_path, request->id);
}

void ifm_request_json(struct ifm_request *request, int status)
{
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_buf_check(&request->reply.body, &err)) {
        ifm_request_problem(request, 500, &err);
        return;
    }
    request->reply.type = "application/json";
    request->reply.status = status;
}

void ifm_request_header(struct ifm_request *request, const char *name, const char *format, ...)
{
    struct ifm_reply *reply = &request->reply;
    if (reply->header_count == IFM_REPLY_HEADERS_MAX) {
        return;
    }
    char value[HEADER_VALUE_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    /* A value that is cut would be a wrong one: leave the header out. */
    char *copy = len >= 0 && (size_t)len < sizeof value ? ifm_dup(value) : NULL;
    if (copy) {
        reply->headers[reply->header_count++] = (struct ifm_reply_header){ name, copy };
    }
}

bool ifm_request_fresh(struct ifm_request *request, const char *etag)
{
    snprintf(request->reply.etag, sizeof request->reply.etag, "%s", etag);
    if (!ifm_negotiate_not_modified(request->headers.if_none_match, etag)) {
        return false;
    }
    request->reply.status = 304;
    return true;
}

void ifm_request_asset(struct ifm_request *request, const struct ifm_asset *asset)
{
    struct ifm_reply *reply = &request->reply;
    reply->cache = asset->immutable ? "public, max-age=31536000, immutable" : "no-cache";
    if (ifm_request_fresh(request, asset->etag)) {
        return;
    }
    reply->status = 200;
    reply->type = asset->content_type;
    reply->fixed = asset->bytes;
    reply->fixed_len = asset->len;
    reply->fixed_gzip = asset->gzip;
    reply->fixed_gzip_len = asset->gzip_len;
}

void ifm_request_text(struct ifm_request *request, int status, const char *type, const char *text)
{
    struct ifm_reply *reply = &request->reply;
    reply->status = status;
    reply->type = type;
    reply->fixed = text;
    reply->fixed_len = strlen(text);
}

void ifm_request_done(struct ifm_request *request)
{
    if (request->data && request->data_free) {
        request->data_free(request->data);
    }
    request->data = NULL;
    for (size_t i = 0; i < request->reply.header_count; i++) {
        ifm_free(request->reply.headers[i].value);
    }
    request->reply.header_count = 0;
    ifm_buf_done(&request->reply.body);
    ifm_buf_done(&request->body);
    ifm_uri_done(&request->uri);
}
