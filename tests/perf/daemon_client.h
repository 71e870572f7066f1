/* What the daemon's benchmarks share: a daemon of their own on an ephemeral port, non-blocking connections
 * that keep alive, and figures about disk and memory. Not a general HTTP client: it reads status and
 * Content-Length, no more.
 *
 * Threading: one thread. Failure: a message, then exit(1): a benchmark has nothing to clean up but its
 * daemon, which bench_daemon_stop (called atexit) ends. */
#ifndef IFM_DAEMON_CLIENT_H
#define IFM_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_daemon { pid_t pid; int port; char folder[256]; bool keep_data; };
/* data NULL: a folder of its own, removed at the end. extra: further arguments, NULL-terminated, or NULL. */
void bench_daemon_start(struct bench_daemon *daemon, const char *data, const char *const *extra);
void bench_daemon_stop(void);
int64_t bench_daemon_rss_bytes(const struct bench_daemon *daemon, const char *field); /* "VmRSS", "VmHWM" */
double bench_daemon_cpu_s(const struct bench_daemon *daemon);
int64_t bench_fdatasync_p50_ns(const char *folder); /* of 4 KiB appends */

#define BENCH_REPLY_MAX (256 * 1024)
struct bench_connection {
    int fd;
    char *reply;
    size_t got;
    size_t whole; /* length of the whole reply once its head is there; 0 before */
    int status;
};
void bench_connect(struct bench_connection *connection, int port);
/* Sends all of it at once; it fits the socket's buffer or the benchmark fails. */
void bench_send(const struct bench_connection *connection, const char *head, size_t head_len, const char *body,
                size_t body_len);
/* Reads what is there; true when the reply is whole. */
bool bench_receive(struct bench_connection *connection);

#endif
