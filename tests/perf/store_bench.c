/* What the store alone can do, without HTTP:
 *   ingest: durable runs a second from 8 threads (one invocation of 1,000 samples, then the closing body, each
 *           acknowledged before the thread goes on), with the disk's own fdatasync P50 beside it;
 *   list:   P50 and P99 of pages of 50, with $IFM_STORE_BENCH_DIR a folder made by `fill`, else 20,000 runs.
 * Prints figures, asserts nothing. */
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/stat.h"
#include "daemon/analysis/rollup.h"
#include "tests/unit/store_fixture.h"

#define THREADS 8
#define SECONDS 4

static struct ifm_store *store;
static atomic_uint next_id;
static atomic_bool stop;

static void print_latencies(const char *what, int64_t *values, size_t n)
{
    ifm_stat_sort(values, n);
    printf("%-34s P50 %8.3f ms  P99 %8.3f ms  max %8.3f ms  n %zu\n", what,
           (double)ifm_stat_percentile(values, n, 5000) * 1e-6, (double)ifm_stat_percentile(values, n, 9900) * 1e-6,
           (double)values[n - 1] * 1e-6, n);
}

/* -- The disk ------------------------------------------------------------------------------------ */
static void bench_sync(const char *dir)
{
    enum { N = 300 };
    static int64_t values[N];
    static char page[4096];
    char path[4096];
    snprintf(path, sizeof path, "%s/sync", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < N && fd >= 0; i++) {
        if (pwrite(fd, page, sizeof page, (off_t)i * 4096) < 0) break;
        int64_t begin = ifm_clock_ns();
        fdatasync(fd);
        values[i] = ifm_clock_ns() - begin;
    }
    close(fd);
    print_latencies("fdatasync of 4 KiB more", values, N);
}

/* -- Ingest -------------------------------------------------------------------------------------- */
struct ingest { struct sf_invocation invocation; struct sf_run run; long runs; bool roll_up; };

static void *ingest(void *arg)
{
    struct ingest *job = arg;
    struct ifm_err err = IFM_ERR_INIT;
    while (!atomic_load(&stop)) {
        char id[IFM_UUID_TEXT];
        bool has_stats;
        sf_id(id, atomic_fetch_add(&next_id, 1));
        memcpy(job->run.body.id, id, IFM_UUID_TEXT);
        if (job->roll_up && ifm_rollup(&job->invocation.body, &job->invocation.stats, &has_stats, &err)) abort();
        if (sf_put_invocation(store, id, &job->invocation, NULL, &err) || sf_put_run(store, &job->run, NULL, &err)) {
            fprintf(stderr, "%s\n", err.text);
            abort();
        }
        job->runs++;
    }
    return NULL;
}

static void bench_ingest(int threads, bool roll_up)
{
    static struct ingest jobs[64];
    pthread_t running[64];
    long runs = 0;
    atomic_store(&stop, false);
    int64_t generation = ifm_store_generation(store);
    for (int i = 0; i < threads; i++) {
        sf_invocation_init(&jobs[i].invocation, 0, (uint64_t)i, 1000, 1000000);
        sf_run_init(&jobs[i].run, "019388a0-0000-7000-8000-000000000000", 1, ifm_clock_wall_ms(), NULL);
        jobs[i].runs = 0;
        jobs[i].roll_up = roll_up;
    }
    int64_t begin = ifm_clock_ns();
    for (int i = 0; i < threads; i++) pthread_create(&running[i], NULL, ingest, &jobs[i]);
    sleep(SECONDS);
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
        runs += jobs[i].runs;
        sf_invocation_done(&jobs[i].invocation);
        sf_run_done(&jobs[i].run);
    }
    double seconds = (double)(ifm_clock_ns() - begin) * 1e-9;
    double commits = (double)(ifm_store_generation(store) - generation);
    printf("ingest, %2d threads%s %8.0f durable runs/s  %6.0f commits/s  %.1f writes each\n", threads,
           roll_up ? ", rollup   " : ", no rollup", (double)runs / seconds, commits / seconds,
           2 * (double)runs / commits);
}

static void bench_rollup(void)
{
    enum { N = 2000 };
    static int64_t values[N];
    struct sf_invocation made;
    struct ifm_err err = IFM_ERR_INIT;
    bool has_stats;
    sf_invocation_init(&made, 0, 1, 1000, 1000000);
    for (int i = 0; i < N; i++) {
        int64_t begin = ifm_clock_ns();
        if (ifm_rollup(&made.body, &made.stats, &has_stats, &err)) abort();
        values[i] = ifm_clock_ns() - begin;
    }
    sf_invocation_done(&made);
    print_latencies("rollup of 1,000 samples and gaps", values, N);
}

/* -- Lists --------------------------------------------------------------------------------------- */
static void bench_list(const char *what, struct ifm_store_filter filter, int rounds)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf out;
    char cursor[64] = "";
    int64_t *values = ifm_alloc_array((size_t)rounds, sizeof *values);
    size_t items = 0, bytes = 0;
    ifm_buf_init(&out, 8 << 20);
    for (int i = 0; i < rounds; i++) {
        filter.cursor = filter.cursor ? cursor : NULL;
        ifm_buf_reset(&out);
        int64_t begin = ifm_clock_ns();
        if (ifm_store_list_runs(store, &filter, &out, &err)) {
            fprintf(stderr, "%s: %s\n", what, err.text);
            break;
        }
        values[i] = ifm_clock_ns() - begin;
        items += sf_count(out.data, "{\"id\":");
        bytes = out.len;
        if (filter.cursor) sf_cursor(out.data, cursor);
    }
    char text[96];
    snprintf(text, sizeof text, "list %s", what);
    print_latencies(text, values, (size_t)rounds);
    printf("%34s %.1f rows a page, last page %zu bytes\n", "", (double)items / rounds, bytes);
    ifm_buf_done(&out);
    ifm_free(values);
}

static void bench_lists(void)
{
    bench_list("newest 50", (struct ifm_store_filter){ 0 }, 2000);
    bench_list("all pages, in turn", (struct ifm_store_filter){ .cursor = "" }, 1000);
    bench_list("model (index)", (struct ifm_store_filter){ .model = "model-14" }, 500);
    bench_list("status failed (index)", (struct ifm_store_filter){ .status = "failed" }, 500);
    bench_list("label (index)", (struct ifm_store_filter){ .label_key = "team", .label_value = "speech" }, 500);
    bench_list("id prefix", (struct ifm_store_filter){ .id_prefix = "0" }, 500);
    bench_list("model, runtime (index, test)",
               (struct ifm_store_filter){ .model = "model-14", .runtime = "onnxruntime" }, 200);
    bench_list("two models (scan)", (struct ifm_store_filter){ .model = "model-14,model-15" }, 200);
    bench_list("search, common", (struct ifm_store_filter){ .search = "odel-1" }, 200);
    bench_list("search, no match (full window)", (struct ifm_store_filter){ .search = "nothing" }, 100);
    bench_list("index and no match (full window)",
               (struct ifm_store_filter){ .model = "model-14", .provider = "nothing" }, 100);
}

static void bench_run(void)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf out;
    enum { N = 1000 };
    static int64_t values[N];
    char id[IFM_UUID_TEXT] = "019388a0-f000-7000-8000-000000000001";
    sf_store_run(store, id, 10, 1000, NULL, 1000000, &err);
    ifm_buf_init(&out, 8 << 20);
    for (int i = 0; i < N; i++) {
        ifm_buf_reset(&out);
        int64_t begin = ifm_clock_ns();
        if (ifm_store_get_run(store, id, &out, &err)) abort();
        values[i] = ifm_clock_ns() - begin;
    }
    print_latencies("get run of 10 invocations", values, N);
    ifm_buf_done(&out);
}

int main(void)
{
    struct ifm_err err = IFM_ERR_INIT;
    char dir[] = "/var/tmp/ifm-store-bench-XXXXXX", command[256];
    const char *filled = getenv("IFM_STORE_BENCH_DIR");
    if (!mkdtemp(dir) || ifm_store_open(&store, dir, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_sync(dir);
    bench_rollup();
    bench_ingest(1, false);
    bench_ingest(THREADS, false);
    bench_ingest(THREADS, true);
    bench_ingest(64, true);
    bench_run();
    if (filled) {
        ifm_store_close(store);
        if (ifm_store_open(&store, filled, NULL, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    bench_lists();
    ifm_store_close(store);
    const char *const names[] = { "inferometer.db", "inferometer.db-wal", "inferometer.db-shm", "inferometer.lock", "sync" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(command, sizeof command, "%s/%s", dir, names[i]);
        remove(command);
    }
    rmdir(dir);
    return 0;
}
