/* How many durable runs a second the daemon takes: 8 connections, each PUTs a run with its invocation of 1,000
 * samples and waits for the acknowledgement; then the same in two requests, invocation and closing run, each by a
 * daemon of its own. Printed beside it: the disk's own fdatasync, the daemon's memory and processor time.
 * Arguments: [seconds each] [daemon options …]; TMPDIR says on which disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/msg.h"
#include "core/rng.h"
#include "core/uuid.h"
#include "daemon_client.h"

enum { CONNECTIONS = 8, BODIES = 64, SAMPLES = 1000 };

enum way { ONE_REQUEST, TWO_REQUESTS };
struct body { char *text; size_t len; };
struct client {
    struct bench_connection connection;
    char id[IFM_UUID_TEXT];
    bool closing; /* the run's PUT is out */
};

static struct body wholes[BODIES], invocations[BODIES], run_body;
static size_t id_at; /* where the id stands in run_body and in each of wholes */
static struct ifm_msg_run run;
static enum way way;

static void check(int rc, const struct ifm_err *err)
{
    if (rc) {
        fprintf(stderr, "%s: %s\n", err->where, err->text);
        exit(1);
    }
}

static void encode(const struct ifm_table *table, const void *message, struct body *out)
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, 1 << 20);
    ifm_json_encode(table, message, &buf);
    out->len = buf.len;
    out->text = ifm_buf_take(&buf);
}

/* Latencies around 1 ms with noise of some microseconds and now and then an outlier, as real loops have. */
static void make_bodies(struct ifm_rng *rng, struct body *invocation, struct body *whole)
{
    int64_t latency[SAMPLES], gap[SAMPLES], sum = 0;
    for (int i = 0; i < SAMPLES; i++) {
        latency[i] = 1000000 + (int64_t)(ifm_rng_next(rng) % 4000) + (int64_t)(ifm_rng_next(rng) % 4000);
        latency[i] += ifm_rng_next(rng) % 100 == 0 ? 60000 : 0;
        gap[i] = 40 + (int64_t)(ifm_rng_next(rng) % 30);
        sum += latency[i] + gap[i];
    }
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_msg_block block = { .phase = 1, .count = SAMPLES };
    check(ifm_codec_encode(latency, SAMPLES, &block.block, &err), &err);
    check(ifm_codec_encode(gap, SAMPLES, &block.gaps, &err), &err);
    struct ifm_msg_invocation message = {
        .v = 1, .started_at = "2026-11-24T22:51:43.123Z", .signal = IFM_JSON_ABSENT, .exit_status = IFM_JSON_ABSENT,
        .step = 8, .spawn_ns = 9000000, .load_ns = 48000000, .first_inference_ns = 3000000, .iterations = SAMPLES,
        .steady_ns = sum, .cpu_ns = sum, .samples = { &block, 1 }, .deterministic = true,
    };
    struct ifm_msg_run carrier = run;
    carrier.invocation_bodies = (struct ifm_list){ &message, 1 };
    encode(&ifm_invocation_table, &message, invocation);
    encode(&ifm_run_table, &carrier, whole);
    ifm_free(block.block.bytes);
    ifm_free(block.gaps.bytes);
}

static void make_run(void)
{
    const char *source = getenv("IFM_SOURCE_DIR");
    char path[512];
    snprintf(path, sizeof path, "%s/schema/examples/v1/run.json", source ? source : ".");
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf text;
    ifm_buf_init(&text, 1 << 20);
    check(ifm_buf_read_file(&text, path, &err), &err);
    check(ifm_json_decode(&ifm_run_table, text.data, text.len, &run, &err), &err);
    run.planned = run.invocations = 1;
    encode(&ifm_run_table, &run, &run_body);
    id_at = (size_t)(strstr(run_body.text, run.id) - run_body.text);
    ifm_buf_done(&text);
}

static void put(struct client *client, const char *suffix, const char *body, size_t len)
{
    char head[300];
    int head_len = snprintf(head, sizeof head,
                            "PUT /api/v1/runs/%s%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n", client->id, suffix, len);
    bench_send(&client->connection, head, (size_t)head_len, body, len);
}

static void put_run(struct client *client, struct body *body)
{
    client->closing = true;
    memcpy(body->text + id_at, client->id, IFM_UUID_TEXT - 1);
    put(client, "", body->text, body->len);
}

static void begin_run(struct client *client)
{
    static size_t next;
    size_t i = next++ % BODIES;
    ifm_uuid_new(client->id);
    client->closing = false;
    if (way == ONE_REQUEST) {
        put_run(client, &wholes[i]);
    } else {
        put(client, "/invocations/0", invocations[i].text, invocations[i].len);
    }
}

static int64_t serve(int epoll, int64_t seconds)
{
    struct epoll_event events[CONNECTIONS];
    int64_t stored = 0;
    for (int64_t end = ifm_clock_ns() + seconds * 1000000000; ifm_clock_ns() < end;) {
        int count = epoll_wait(epoll, events, CONNECTIONS, 100);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (!bench_receive(&client->connection)) {
                continue;
            }
            if (client->connection.status != 201) {
                fprintf(stderr, "status %d: %.600s\n", client->connection.status, client->connection.reply);
                exit(1);
            }
            if (client->closing) {
                stored++;
                begin_run(client);
            } else {
                put_run(client, &run_body);
            }
        }
    }
    return stored;
}

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(int64_t seconds, const char *const *options)
{
    struct bench_daemon daemon = { 0 };
    struct client clients[CONNECTIONS];
    memset(clients, 0, sizeof clients);
    bench_daemon_start(&daemon, NULL, options);
    int64_t before = bench_fdatasync_p50_ns(daemon.folder);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };
        bench_connect(&clients[i].connection, daemon.port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].connection.fd, &event);
        begin_run(&clients[i]);
    }
    double cpu = bench_daemon_cpu_s(&daemon), own = own_cpu_s();
    int64_t start = ifm_clock_ns();
    int64_t stored = serve(epoll, seconds);
    double took = (double)(ifm_clock_ns() - start) / 1e9;
    cpu = bench_daemon_cpu_s(&daemon) - cpu;
    own = own_cpu_s() - own;
    printf("ingest, %s a run: %.0f durable runs/s (%lld in %.1f s, %d connections)\n",
           way == ONE_REQUEST ? "one request" : "two requests", (double)stored / took, (long long)stored, took,
           CONNECTIONS);
    printf("        daemon %.0f us CPU a run, RSS %.1f MB (peak %.1f, anonymous %.1f); client %.0f us\n",
           cpu / (double)stored * 1e6, (double)bench_daemon_rss_bytes(&daemon, "VmRSS") / 1e6,
           (double)bench_daemon_rss_bytes(&daemon, "VmHWM") / 1e6,
           (double)bench_daemon_rss_bytes(&daemon, "RssAnon") / 1e6, own / (double)stored * 1e6);
    printf("        fdatasync of a 4 KiB append here: P50 %.0f us before, %.0f us after\n", (double)before / 1e3,
           (double)bench_fdatasync_p50_ns(daemon.folder) / 1e3);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(clients[i].connection.fd);
        free(clients[i].connection.reply);
    }
    close(epoll);
    bench_daemon_stop();
}

int main(int argc, char **argv)
{
    int64_t seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 1);
    make_run();
    for (int i = 0; i < BODIES; i++) {
        make_bodies(&rng, &invocations[i], &wholes[i]);
    }
    printf("bodies of %zu bytes in one request, of %zu + %zu in two; %d samples a run\n", wholes[0].len,
           invocations[0].len, run_body.len, SAMPLES);
    for (way = ONE_REQUEST; way <= TWO_REQUESTS; way++) {
        measure(seconds, argc > 2 ? (const char *const *)&argv[2] : NULL);
    }
    return 0;
}
