/* Shared by server.c, call.c, head.c, connection.c and reply.c alone: the state of the server and of one
 * request in flight.
 * Threading and ownership: as server.h and request.h say. */
#ifndef IFM_SERVER_PRIVATE_H
#define IFM_SERVER_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/http/gzip.h"
#include "daemon/http/request.h"
#include "daemon/http/server.h"

enum ifm_connection_state {
    IFM_CONNECTION_IDLE,    /* nothing of a request yet, or part of its first line */
    IFM_CONNECTION_HEAD,    /* header fields are coming */
    IFM_CONNECTION_BODY,
    IFM_CONNECTION_WORKING, /* ours: no deadline */
    IFM_CONNECTION_SENDING
};
struct ifm_connection {
    struct ifm_connection *next, *previous;
    int fd;
    _Atomic int state;
    _Atomic int64_t since_ns; /* when that state began */
    bool ended;               /* sweep alone: its client was found gone at the last look */
};

struct ifm_server {
    struct ifm_server_options options;
    struct ifm_log log, mhd_log;
    struct MHD_Daemon *daemon;
    struct ifm_gzip_pool *gzip;
    pthread_mutex_t lock; /* of connections */
    struct ifm_connection *connections;
    atomic_size_t body_bytes, active;
    atomic_size_t working; /* handed to a handler and not yet answered: may be suspended */
    atomic_uint_fast64_t next_id;
    atomic_bool draining, closing;
    char boot[9]; /* first part of request ids, new at each start */
};

enum ifm_call_phase { IFM_CALL_NEW, IFM_CALL_BODY, IFM_CALL_WAITING, IFM_CALL_ANSWERED };
struct ifm_call {
    struct ifm_request request; /* first: a request is its call */
    struct ifm_server *server;
    struct MHD_Connection *mhd;
    struct ifm_connection *connection;
    enum ifm_call_phase phase;
    bool suspended, close;   /* close: the connection cannot be used again */
    struct ifm_err err;      /* found before the handler could run */
    int status;              /* goes with err; 0: the code's own */
    char allow[IFM_ROUTER_ALLOW_MAX];
    size_t received;         /* body bytes, also those thrown away */
    size_t counted;          /* of them, in server->body_bytes */
    size_t header_bytes;
    int64_t start_ns;
    size_t sent;             /* body bytes of the reply */
};

/* connection.c */
void ifm_connection_enter(struct ifm_connection *connection, enum ifm_connection_state state);
void ifm_connection_notify(void *cls, struct MHD_Connection *mhd, void **slot,
                           enum MHD_ConnectionNotificationCode code);
/* call.c */
void *ifm_call_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result ifm_call_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *upload, size_t *upload_len, void **slot);
void ifm_call_on_completed(void *cls, struct MHD_Connection *mhd, void **slot,
                           enum MHD_RequestTerminationCode code);
/* head.c: fills call->err (and status, close) when the request must not reach a handler. */
void ifm_head_check(struct ifm_call *call);
/* reply.c: queues the reply that request->reply describes. */
enum MHD_Result ifm_reply_send(struct ifm_call *call);

#endif
