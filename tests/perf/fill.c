/* Fills a data folder with synthetic runs through the store's own functions, for benchmarks of lists:
 *     fill DIR RUNS [THREADS]
 * Each run has one invocation of 20 samples; 40 models, 8 runtimes, 12 devices, a commit each 500 runs, a label on
 * every 10th, one in 200 failed and one in 1,000 wrong; 7 s apart, ending today. Weak sync: made data may be lost. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store_fixture.h"

#define IN_FLIGHT 200

static struct ifm_store *store;
static atomic_long next_run;
static long total;
static int64_t base_ms;

struct slot { struct sf_invocation invocation; struct sf_run run; };

static void make_run(struct slot *slot, long i)
{
    char id[IFM_UUID_TEXT], model[24], device[24], commit[48];
    static const char *const runtimes[] = { "onnxruntime", "litert", "null", "executorch", "ncnn", "openvino",
                                            "tensorrt", "coreml" };
    int64_t started_ms = base_ms + i * 7000;
    snprintf(id, sizeof id, "%08x-%04x-7%03x-8%03x-%012x", (unsigned)(started_ms >> 16),
             (unsigned)started_ms & 0xffffu, (unsigned)i & 0xfffu, (unsigned)i >> 12 & 0xfffu, (unsigned)i);
    snprintf(model, sizeof model, "model-%02ld", i * 7 % 40);
    snprintf(device, sizeof device, "device-%02ld", i % 12);
    unsigned long number = (unsigned long)(i / 500);
    snprintf(commit, sizeof commit, "%016lx%016lx%08lx", number * 0x9E3779B97F4A7C15ul, number, number);
    struct sf_facts facts = { model, runtimes[i % 8], device, commit, i % 10 ? NULL : "team", i % 20 ? "vision" : "speech",
                              i % 200 == 0 ? 2 : 0 };
    sf_invocation_init(&slot->invocation, 0, (uint64_t)i, 20, 1000000 + i % 1000 * 100);
    if (i % 1000 == 1) slot->invocation.body.verification.state = IFM_VERIFY_WRONG;
    sf_run_init(&slot->run, id, 1, started_ms, &facts);
}

/* Queues IN_FLIGHT runs, waits for all, begins again: the writer has full batches. */
static void *fill(void *arg)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct slot *slots = ifm_alloc_array(IN_FLIGHT, sizeof *slots);
    (void)arg;
    for (;;) {
        long first = atomic_fetch_add(&next_run, IN_FLIGHT);
        int count = total - first < IN_FLIGHT ? (int)(total - first) : IN_FLIGHT;
        if (count <= 0) break;
        struct sf_wait wait;
        sf_wait_init(&wait, 2 * count);
        for (int i = 0; i < count; i++) {
            make_run(&slots[i], first + i);
            struct ifm_store_invocation invocation = { .run_id = slots[i].run.body.id, .body = &slots[i].invocation.body,
                                                       .stats = &slots[i].invocation.stats };
            struct ifm_store_run run = { .body = &slots[i].run.body };
            memcpy(invocation.sha256, slots[i].invocation.sha256, IFM_SHA256_BYTES);
            memcpy(run.sha256, slots[i].run.sha256, IFM_SHA256_BYTES);
            if (ifm_store_put_invocation(store, &invocation, sf_on_done, &wait, &err) ||
                ifm_store_put_run(store, &run, sf_on_done, &wait, &err)) {
                fprintf(stderr, "%s\n", err.text);
                exit(1);
            }
        }
        sf_wait_for(&wait);
        if (wait.err.code) {
            fprintf(stderr, "%s\n", wait.err.text);
            exit(1);
        }
        for (int i = 0; i < count; i++) {
            sf_invocation_done(&slots[i].invocation);
            sf_run_done(&slots[i].run);
        }
    }
    ifm_free(slots);
    return NULL;
}

int main(int argc, char **argv)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_store_options options = { .weak_sync = true };
    pthread_t threads[16];
    total = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 2;
    if (total <= 0 || count < 1 || count > 2) { /* two of them fill the queue */
        fprintf(stderr, "usage: fill DIR RUNS [1|2]\n");
        return 64;
    }
    if (ifm_store_open(&store, argv[1], &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    base_ms = ifm_clock_wall_ms() - total * 7000;
    int64_t begin = ifm_clock_ns();
    for (long i = 0; i < count; i++) pthread_create(&threads[i], NULL, fill, NULL);
    for (long i = 0; i < count; i++) pthread_join(threads[i], NULL);
    double seconds = (double)(ifm_clock_ns() - begin) * 1e-9;
    ifm_store_close(store);
    printf("%ld runs in %.1f s, %.0f a second\n", total, seconds, (double)total / seconds);
    return 0;
}
