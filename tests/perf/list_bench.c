/* The list of the 50 newest runs at a fixed rate: 16 connections, 500 requests a second in all, latency from
 * the moment a request was due, so that a slow reply also counts against those that waited behind it.
 * Arguments: FOLDER (filled by fill.c) [seconds] [rate] [query] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "core/stat.h"
#include "daemon_client.h"

enum { CONNECTIONS = 16, REQUESTS_MAX = 1000000 };

struct client {
    struct bench_connection connection;
    bool busy;
    int64_t due_ns;
};

static struct client clients[CONNECTIONS];
static int64_t took[REQUESTS_MAX];

struct load {
    int epoll;
    const char *head;
    size_t head_len;
    int64_t start_ns, period_ns, count; /* requests in all */
    int64_t sent, done;
    size_t reply_bytes;
};

static struct client *free_client(void)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        if (!clients[i].busy) {
            return &clients[i];
        }
    }
    return NULL;
}

/* Sends whatever is due; a request that finds no free connection waits and its clock runs. */
static void send_due(struct load *load, int64_t now)
{
    for (; load->sent < load->count; load->sent++) {
        int64_t due = load->start_ns + load->sent * load->period_ns;
        struct client *client = due <= now ? free_client() : NULL;
        if (!client) {
            return;
        }
        client->busy = true;
        client->due_ns = due;
        bench_send(&client->connection, load->head, load->head_len, NULL, 0);
    }
}

static void receive(struct load *load, struct client *client)
{
    if (!bench_receive(&client->connection)) {
        return;
    }
    if (client->connection.status != 200) {
        fprintf(stderr, "status %d: %.300s\n", client->connection.status, client->connection.reply);
        exit(1);
    }
    load->reply_bytes = strlen(client->connection.reply);
    took[load->done++] = ifm_clock_ns() - client->due_ns;
    client->busy = false;
}

static void run_load(struct load *load)
{
    struct epoll_event events[CONNECTIONS];
    load->start_ns = ifm_clock_ns();
    while (load->done < load->count) {
        send_due(load, ifm_clock_ns());
        int count = epoll_wait(load->epoll, events, CONNECTIONS, 1);
        for (int i = 0; i < count; i++) {
            receive(load, events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    static struct bench_daemon daemon;
    if (argc < 2) {
        printf("SKIP list_bench: give a folder that fill has filled\n");
        return 77;
    }
    int64_t seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 10, rate = argc > 3 ? strtol(argv[3], NULL, 10) : 500;
    const char *query = argc > 4 ? argv[4] : "limit=50";
    char head[600];
    int len = snprintf(head, sizeof head, "GET /api/v1/runs?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query);
    bench_daemon_start(&daemon, argv[1], NULL);
    struct load load = { .head = head, .head_len = (size_t)len, .period_ns = 1000000000 / rate,
                         .count = seconds * rate < REQUESTS_MAX ? seconds * rate : REQUESTS_MAX };
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };
        bench_connect(&clients[i].connection, daemon.port);
        epoll_ctl(load.epoll, EPOLL_CTL_ADD, clients[i].connection.fd, &event);
    }
    double cpu = bench_daemon_cpu_s(&daemon);
    run_load(&load);
    double spent = bench_daemon_cpu_s(&daemon) - cpu, all = (double)(ifm_clock_ns() - load.start_ns) / 1e9;
    size_t n = (size_t)load.done;
    ifm_stat_sort(took, n);
    printf("list: %s, %lld requests at %lld/s (%.0f/s done), %d connections, replies of %zu bytes\n", query,
           (long long)load.done, (long long)rate, (double)n / all, CONNECTIONS, load.reply_bytes);
    printf("      P50 %.2f ms, P99 %.2f ms, max %.2f ms from when each was due; daemon %.0f us CPU each, RSS %.1f MB\n",
           (double)ifm_stat_percentile(took, n, 5000) / 1e6, (double)ifm_stat_percentile(took, n, 9900) / 1e6,
           (double)took[n - 1] / 1e6, spent / (double)n * 1e6, (double)bench_daemon_rss_bytes(&daemon, "VmRSS") / 1e6);
    return 0;
}
