/* The HTTP server: sockets, threads, limits, content coding, security headers and the request log, over
 * libmicrohttpd. What an address means is the routes' business.
 *
 * Threading: start, sweep, quiesce, stop belong to one thread (main); handlers run on pool threads.
 * Ownership: the server borrows routes, hosts and context until stop; it takes listen_fd. Legal order:
 * start, any sweeps, quiesce, wait until active is 0 or patience ends, stop. */
#ifndef IFM_SERVER_H
#define IFM_SERVER_H

#include <stdbool.h>
#include "core/log.h"
#include "daemon/http/router.h"

#define IFM_SERVER_BODY_MAX (8 * 1024 * 1024)     /* bytes of a request body, before and after decoding */
#define IFM_SERVER_BODIES_MAX (128 * 1024 * 1024) /* bytes of all bodies being received at once; over it: 503 */
#define IFM_SERVER_HEADERS_MAX (16 * 1024)        /* bytes of all header fields; over it: 431 */
#define IFM_SERVER_CONNECTIONS 1000               /* fewer when the descriptor limit is low */
#define IFM_SERVER_SLOW_NS INT64_C(50000000)      /* slower requests are logged as warnings */

struct ifm_server_options {
    int listen_fd;
    const struct ifm_route *routes;
    size_t route_count;
    void *context;             /* request->context */
    const char *const *hosts;  /* names besides loopback that the Host header may have */
    size_t host_count;
    int threads;               /* 0: as many as cores, at most 16 */
    int64_t timeout_ns;        /* for a request's head, and for its body, from the first byte; 0: 30 s */
    const struct ifm_log *log;
};

struct ifm_server;
int ifm_server_start(struct ifm_server **server, const struct ifm_server_options *options,
                     struct ifm_err *err);
/* Closes connections whose request takes longer than allowed (libmicrohttpd itself counts only inactivity, so
 * that one byte a second would live for ever) and those whose client went away in mid-request. Call about
 * once a second. */
void ifm_server_sweep(struct ifm_server *server);
/* Accepts no more connections; new writes on those there are get 503, replies say Connection: close. */
void ifm_server_quiesce(struct ifm_server *server);
size_t ifm_server_active(const struct ifm_server *server); /* requests begun and not yet ended */
/* Closes what is left and frees the server; true. libmicrohttpd aborts the process when it is stopped while
 * a request is suspended, so this waits some seconds for those that a handler works on; false: one still
 * sleeps, nothing was freed, and the process can only exit. */
bool ifm_server_stop(struct ifm_server *server);

#endif
