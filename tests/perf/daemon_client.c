#include "daemon_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/stat.h"

static struct bench_daemon *running;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void exec_daemon(const char *program, const char *data, const char *port_file, const char *log,
                        const char *const *extra)
{
    char *args[32] = { (char *)program, "--data", (char *)data, "--port", "0", "--port-file", (char *)port_file };
    size_t count = 7;
    for (; extra && *extra && count < 31; extra++) {
        args[count++] = (char *)*extra;
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDWR);
    if (fd >= 0 && null >= 0) {
        dup2(fd, 2);
        dup2(null, 1);
        dup2(null, 0);
    }
    execv(program, args);
    _exit(127);
}

static int read_port(const char *path)
{
    FILE *file = fopen(path, "r");
    int port = 0;
    if (file) {
        if (fscanf(file, "%d", &port) != 1) {
            port = 0;
        }
        fclose(file);
    }
    return port;
}

void bench_daemon_start(struct bench_daemon *daemon, const char *data, const char *const *extra)
{
    const char *build = getenv("IFM_BUILD_DIR"), *base = getenv("TMPDIR");
    char program[512], data_dir[512], port_file[512], log[512];
    snprintf(daemon->folder, sizeof daemon->folder, "%s/ifm-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(daemon->folder)) {
        die("mkdtemp: %s", strerror(errno));
    }
    snprintf(program, sizeof program, "%s/bin/inferometerd", build ? build : "build/release");
    snprintf(data_dir, sizeof data_dir, "%s", data ? data : daemon->folder);
    if (!data) {
        strncat(data_dir, "/data", sizeof data_dir - strlen(data_dir) - 1);
    }
    snprintf(port_file, sizeof port_file, "%s/port", daemon->folder);
    snprintf(log, sizeof log, "%s/log", daemon->folder);
    signal(SIGPIPE, SIG_IGN);
    daemon->pid = fork();
    if (daemon->pid == 0) {
        exec_daemon(program, data_dir, port_file, log, extra);
    }
    running = daemon;
    atexit(bench_daemon_stop);
    for (int i = 0; i < 1000 && (daemon->port = read_port(port_file)) == 0; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    if (!daemon->port) {
        die("the daemon did not start; see %s", log);
    }
}

void bench_daemon_stop(void)
{
    if (!running) {
        return;
    }
    int status = 0;
    kill(running->pid, SIGTERM);
    waitpid(running->pid, &status, 0);
    if (status != 0) {
        fprintf(stderr, "the daemon ended with status %d\n", status);
    }
    char command_path[300];
    const char *const names[] = { "port", "log", "data/inferometer.db", "data/inferometer.lock", "data", "" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(command_path, sizeof command_path, "%s/%s", running->folder, names[i]);
        if (unlink(command_path)) {
            rmdir(command_path);
        }
    }
    running = NULL;
}

int64_t bench_daemon_rss_bytes(const struct bench_daemon *daemon, const char *field)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)daemon->pid);
    FILE *file = fopen(path, "r");
    int64_t bytes = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, field, strlen(field)) == 0) {
            bytes = strtoll(line + strlen(field) + 1, NULL, 10) * 1024;
        }
    }
    if (file) {
        fclose(file);
    }
    return bytes;
}

double bench_daemon_cpu_s(const struct bench_daemon *daemon)
{
    clockid_t clock;
    struct timespec t = { 0, 0 };
    if (clock_getcpuclockid(daemon->pid, &clock) == 0) {
        clock_gettime(clock, &t);
    }
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int64_t bench_fdatasync_p50_ns(const char *folder)
{
    enum { TIMES = 200 };
    static const char block[4096];
    int64_t took[TIMES];
    char path[300];
    snprintf(path, sizeof path, "%s/sync", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        die("%s: %s", path, strerror(errno));
    }
    for (int i = 0; i < TIMES; i++) {
        int64_t start = ifm_clock_ns();
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd)) {
            die("%s: %s", path, strerror(errno));
        }
        took[i] = ifm_clock_ns() - start;
    }
    close(fd);
    unlink(path);
    ifm_stat_sort(took, TIMES);
    return ifm_stat_percentile(took, TIMES, 5000);
}

void bench_connect(struct bench_connection *connection, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    memset(connection, 0, sizeof *connection);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connection->reply = malloc(BENCH_REPLY_MAX);
    if (connection->fd < 0 || !connection->reply ||
        connect(connection->fd, (const struct sockaddr *)&to, sizeof to)) {
        die("connect: %s", strerror(errno));
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
}

void bench_send(const struct bench_connection *connection, const char *head, size_t head_len, const char *body,
                size_t body_len)
{
    struct iovec parts[2] = { { (void *)(uintptr_t)head, head_len }, { (void *)(uintptr_t)body, body_len } };
    if (writev(connection->fd, parts, body_len ? 2 : 1) != (ssize_t)(head_len + body_len)) {
        die("send: %s", strerror(errno));
    }
}

/* Status and whole length, once the blank line is there. */
static void parse_head(struct bench_connection *connection)
{
    char *reply = connection->reply;
    reply[connection->got] = '\0';
    const char *end = strstr(reply, "\r\n\r\n"), *length = strstr(reply, "Content-Length: ");
    if (!end) {
        return;
    }
    if (!length || length > end) {
        die("a reply without Content-Length: %.200s", reply);
    }
    connection->status = (int)strtol(reply + 9, NULL, 10);
    connection->whole = (size_t)(end + 4 - reply) + strtoul(length + 16, NULL, 10);
}

bool bench_receive(struct bench_connection *connection)
{
    ssize_t got = recv(connection->fd, connection->reply + connection->got,
                       BENCH_REPLY_MAX - 1 - connection->got, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        die("the daemon closed a connection: %s", got ? strerror(errno) : "end");
    }
    connection->got += (size_t)got;
    if (!connection->whole) {
        parse_head(connection);
    }
    if (!connection->whole || connection->got < connection->whole) {
        return false;
    }
    connection->got = connection->whole = 0; /* one request at a time: nothing follows */
    return true;
}
