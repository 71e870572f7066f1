/* What a route's handler sees: the request taken apart, the decoded body, and the reply to fill in. It knows
 * nothing of sockets; server.c fills and sends it.
 *
 * A handler either fills the reply and returns, or hands work to another thread: it calls
 * ifm_request_suspend *first*, then starts the work, and whoever ends it calls ifm_request_resume exactly
 * once (after which that thread must not touch the request); `finish` then runs on the HTTP thread and fills
 * the reply.
 *
 * Threading: a request belongs to one HTTP thread, except between suspend and resume. Ownership: everything
 * here lives until the reply was sent; `data` is released by data_free. */
#ifndef IFM_REQUEST_H
#define IFM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "daemon/http/assets.h"
#include "daemon/http/router.h"

#define IFM_REPLY_MAX (64 * 1024 * 1024) /* bytes of a reply's body */
#define IFM_REPLY_HEADERS_MAX 4
#define IFM_REQUEST_ID_MAX 24
#define IFM_ETAG_MAX 112

struct ifm_reply_header { const char *name; char *value; };
struct ifm_reply {
    int status;           /* 0: the handler failed to answer: 500 */
    const char *type;     /* Content-Type; a constant */
    const char *cache;    /* Cache-Control; a constant; NULL: no-cache */
    char etag[IFM_ETAG_MAX]; /* quoted, W/ before it when weak; "" for none */
    struct ifm_buf body;
    const void *fixed;    /* instead of body: bytes that live as long as the process */
    size_t fixed_len;
    const void *fixed_gzip; /* the same, already coded; NULL: none */
    size_t fixed_gzip_len;
    struct ifm_reply_header headers[IFM_REPLY_HEADERS_MAX];
    size_t header_count;
};

struct ifm_request_headers { /* NULL: not sent */
    const char *host, *origin, *accept, *accept_encoding, *if_none_match, *content_type, *content_encoding,
        *content_length, *transfer_encoding, *expect;
};

struct ifm_request;
typedef void (*ifm_request_finish)(struct ifm_request *request);

struct ifm_request {
    const char *method;
    struct ifm_uri uri;
    struct ifm_route_match match;
    struct ifm_request_headers headers;
    char id[IFM_REQUEST_ID_MAX];
    struct ifm_buf body;  /* after content decoding */
    struct ifm_reply reply;
    void *context;        /* of the routes: the store */
    void *data;           /* of the handler, from suspend to finish */
    void (*data_free)(void *data);
    ifm_request_finish finish;
};

void ifm_request_suspend(struct ifm_request *request, ifm_request_finish finish);
void ifm_request_resume(struct ifm_request *request); /* any thread */

/* Fills the reply with problem+json; status 0: from the error's code. */
void ifm_request_problem(struct ifm_request *request, int status, const struct ifm_err *err);
/* The body is what the handler appended to request->reply.body; IFM_ERR_… when that failed. */
void ifm_request_json(struct ifm_request *request, int status);
/* Adds a reply header; name is a constant, the value is formatted. */
void ifm_request_header(struct ifm_request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the reply's validator and looks at If-None-Match: true when the answer is 304 and there is no more to
 * do. */
bool ifm_request_fresh(struct ifm_request *request, const char *etag);
/* Answers with one of the dashboard's files. */
void ifm_request_asset(struct ifm_request *request, const struct ifm_asset *asset);
/* Answers with text that lives as long as the process. */
void ifm_request_text(struct ifm_request *request, int status, const char *type, const char *text);
void ifm_request_done(struct ifm_request *request); /* releases what the fields own */

#endif
