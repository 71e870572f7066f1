#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/mem.h"
#include "daemon/http/server_private.h"

#define IDLE_FACTOR 2    /* an idle connection may stay twice as long as a request's head */
#define SENDING_FACTOR 4 /* a slow reader gets more time: replies may be large */

void ifm_connection_enter(struct ifm_connection *connection, enum ifm_connection_state state)
{
    if (!connection) {
        return;
    }
    atomic_store_explicit(&connection->since_ns, ifm_clock_ns(), memory_order_relaxed);
    atomic_store_explicit(&connection->state, state, memory_order_relaxed);
}

static void link_in(struct ifm_server *server, struct ifm_connection *connection)
{
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    if (connection->next) {
        connection->next->previous = connection;
    }
    server->connections = connection;
    pthread_mutex_unlock(&server->lock);
}

static void unlink_from(struct ifm_server *server, struct ifm_connection *connection)
{
    pthread_mutex_lock(&server->lock);
    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    if (connection->next) {
        connection->next->previous = connection->previous;
    }
    pthread_mutex_unlock(&server->lock);
}

/* libmicrohttpd calls this before it closes the descriptor, so that sweep, which holds the lock, never
 * touches a descriptor that became somebody else's. */
void ifm_connection_notify(void *cls, struct MHD_Connection *mhd, void **slot,
                           enum MHD_ConnectionNotificationCode code)
{
    struct ifm_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*slot) {
            unlink_from(server, *slot);
            ifm_free(*slot);
            *slot = NULL;
        }
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ifm_connection *connection = info ? ifm_alloc(sizeof *connection) : NULL;
    if (!connection) {
        return; /* out of memory: this connection only loses its deadline */
    }
    connection->fd = info->connect_fd;
    ifm_connection_enter(connection, IFM_CONNECTION_IDLE);
    link_in(server, connection);
    *slot = connection;
}

static int64_t limit_of(int state, int64_t timeout_ns)
{
    switch (state) {
    case IFM_CONNECTION_IDLE: return timeout_ns * IDLE_FACTOR;
    case IFM_CONNECTION_WORKING: return INT64_MAX;
    case IFM_CONNECTION_SENDING: return timeout_ns * SENDING_FACTOR;
    default: return timeout_ns;
    }
}

/* A client that closed its side in the middle of a request. When its last bytes and the end come together,
 * libmicrohttpd 0.9.75 takes the short read for "no more yet" and, edge-triggered, hears of the end no more.
 * True only at the second look, so that what it has just read is not mistaken for nothing. */
static bool is_orphan(struct ifm_connection *connection, int state)
{
    struct pollfd poll_fd = { .fd = connection->fd, .events = POLLRDHUP };
    int unread = 0;
    bool ended = state < IFM_CONNECTION_WORKING && poll(&poll_fd, 1, 0) == 1 &&
                 (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0 &&
                 ioctl(connection->fd, FIONREAD, &unread) == 0 && unread == 0;
    bool before = connection->ended;
    connection->ended = ended;
    return ended && before;
}

void ifm_server_sweep(struct ifm_server *server)
{
    int64_t now = ifm_clock_ns();
    pthread_mutex_lock(&server->lock);
    for (struct ifm_connection *c = server->connections; c; c = c->next) {
        int state = atomic_load_explicit(&c->state, memory_order_relaxed);
        int64_t age = now - atomic_load_explicit(&c->since_ns, memory_order_relaxed);
        if (is_orphan(c, state) || age > limit_of(state, server->options.timeout_ns)) {
            shutdown(c->fd, SHUT_RDWR); /* its thread sees the end of the stream and closes it */
        }
    }
    pthread_mutex_unlock(&server->lock);
}
