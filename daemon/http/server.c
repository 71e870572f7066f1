#include "daemon/http/server.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "daemon/http/server_private.h"

#define POOL_BYTES (32 * 1024) /* of one connection: request line, header fields, receive buffer */
#define DESCRIPTORS_KEPT 128   /* for the store, logs and epoll */
#define THREADS_MAX 16
#define TIMEOUT_NS INT64_C(30000000000)
#define GZIP_LEVEL 3 /* a list of 50: 0.3 ms and a tenth of its size; level 6 takes twice as long for 13 % less */
#define STOP_NS INT64_C(5000000000)

/* Percent escapes are ours to decode, once (uri.c). */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    size_t len = 0;
    while (text[len]) {
        len++;
    }
    return len;
}

static void __attribute__((format(printf, 2, 0))) log_mhd(void *cls, const char *format, va_list args)
{
    struct ifm_server *server = cls;
    if (server->mhd_log.level < IFM_LOG_DEBUG) {
        return;
    }
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    ifm_log_write(&server->mhd_log, IFM_LOG_DEBUG, "libmicrohttpd", "text", text, NULL);
}

static unsigned thread_count(int asked)
{
    long cores = asked > 0 ? asked : sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 2) {
        cores = 2; /* a pool of one would be no pool: a slow decode would stop everybody */
    }
    return cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

/* Raises the soft descriptor limit as far as needed, then takes what there is. */
static unsigned connection_limit(void)
{
    struct rlimit limit;
    rlim_t want = IFM_SERVER_CONNECTIONS + DESCRIPTORS_KEPT;
    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        return 256;
    }
    if (limit.rlim_cur < want) {
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= want) {
        return IFM_SERVER_CONNECTIONS;
    }
    return limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (unsigned)(limit.rlim_cur - DESCRIPTORS_KEPT) : 64;
}

static struct MHD_Daemon *start_daemon(struct ifm_server *server)
{
    unsigned connections = connection_limit();
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    unsigned seconds = (unsigned)(server->options.timeout_ns / 1000000000);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, ifm_call_on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, log_mhd, server, /* first, so that it hears of the others */
        MHD_OPTION_LISTEN_SOCKET, server->options.listen_fd,
        MHD_OPTION_THREAD_POOL_SIZE, thread_count(server->options.threads),
        MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections * 3 / 4,
        MHD_OPTION_CONNECTION_TIMEOUT, seconds ? seconds : 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, ifm_call_on_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server,
        MHD_OPTION_NOTIFY_COMPLETED, ifm_call_on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, ifm_connection_notify, server, MHD_OPTION_END);
}

static void boot_id(char boot[9])
{
    uint8_t random[4] = { 0 };
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        random[0] = (uint8_t)getpid(); /* ids need to be handy, not secret */
    }
    ifm_hash_hex(random, sizeof random, boot);
}

int ifm_server_start(struct ifm_server **out, const struct ifm_server_options *options, struct ifm_err *err)
{
    struct ifm_server *server = *out = ifm_alloc(sizeof *server);
    if (!server) {
        close(options->listen_fd);
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory");
    }
    server->options = *options;
    if (server->options.timeout_ns <= 0) {
        server->options.timeout_ns = TIMEOUT_NS;
    }
    server->log = ifm_log_child(options->log, "daemon/http");
    server->mhd_log = ifm_log_child(options->log, "daemon/http/mhd");
    pthread_mutex_init(&server->lock, NULL);
    boot_id(server->boot);
    int rc = ifm_gzip_pool_new(&server->gzip, GZIP_LEVEL, err);
    if (!rc) {
        server->daemon = start_daemon(server);
        rc = server->daemon ? 0 : ifm_err_set(err, IFM_ERR_INTERNAL, "http", "cannot start the HTTP threads");
    }
    if (rc) {
        close(options->listen_fd);
        ifm_server_stop(server);
        *out = NULL;
    }
    return rc;
}

void ifm_server_quiesce(struct ifm_server *server)
{
    atomic_store(&server->draining, true);
    MHD_socket fd = MHD_quiesce_daemon(server->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        close(fd);
    }
}

size_t ifm_server_active(const struct ifm_server *server)
{
    return atomic_load(&server->active);
}

/* True once no handler works any more. With `closing` set before the count is read, and dispatch counting
 * before it reads `closing`, no request can slip in between. */
static bool wait_for_handlers(struct ifm_server *server)
{
    atomic_store(&server->closing, true);
    const struct timespec pause = { .tv_nsec = 2000000 };
    for (int64_t end = ifm_clock_ns() + STOP_NS; atomic_load(&server->working) > 0;) {
        if (ifm_clock_ns() > end) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

bool ifm_server_stop(struct ifm_server *server)
{
    if (!server) {
        return true;
    }
    if (server->daemon) {
        if (!wait_for_handlers(server)) {
            return false;
        }
        MHD_stop_daemon(server->daemon);
    }
    ifm_gzip_pool_free(server->gzip);
    pthread_mutex_destroy(&server->lock);
    ifm_free(server);
    return true;
}
