/* What the timed loop costs beyond two clock reads, with the null runtime loaded as the worker loads it.
 * Blocks of the loop and of bare pairs of clock reads alternate; printed is the P50 over blocks of the
 * difference per iteration, and the tail of single samples. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/worker/loop.h"
#include "core/clock.h"
#include "core/stat.h"
#include "inferometer/runtime.h"

enum { BLOCKS = 400, PER_BLOCK = 10000, CALLS = 1000 };

static int fail(void *context, const char *format, ...)
{
    (void)context;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    return -1;
}

static void no_log(void *context, enum ifm_log_level level, const char *format, ...)
{
    (void)context, (void)level, (void)format;
}

static void *zeroed(void *context, size_t bytes) { (void)context; return calloc(1, bytes); }
static void release(void *context, void *pointer) { (void)context; free(pointer); }

static double clock_pair_ns(void)
{
    volatile int64_t sink = 0;
    const int64_t begin = ifm_clock_ns();
    for (int i = 0; i < PER_BLOCK; i++) {
        const int64_t start = ifm_clock_ns();
        sink = ifm_clock_ns() - start;
    }
    (void)sink;
    return (double)(ifm_clock_ns() - begin) / PER_BLOCK;
}

int main(void)
{
    static const struct ifm_host host = { .abi = IFM_RUNTIME_ABI, .size = sizeof host, .log = no_log,
                                          .fail = fail, .alloc = zeroed, .free = release };
    static double loop_ns[BLOCKS], pair_ns[BLOCKS], beyond_ns[BLOCKS], batch_ns[BLOCKS];
    static int64_t durations[BLOCKS * PER_BLOCK];
    char path[4096];
    snprintf(path, sizeof path, "%s/lib/inferometer/ifm_rt_null.so", getenv("IFM_BUILD_DIR") ? getenv("IFM_BUILD_DIR") : "build/release");
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        printf("SKIP loop_bench: %s\n", dlerror());
        return 77;
    }
    ifm_runtime_entry_fn entry;
    *(void **)&entry = dlsym(module, "ifm_runtime_entry");
    const struct ifm_runtime_ops *ops = entry(&host);
    void *state = calloc(1, ops->state_size + 64);
    struct ifm_loop_array array;
    struct ifm_err err = IFM_ERR_INIT;
    if (!state || ops->open(state, NULL) || ifm_loop_array_init(&array, PER_BLOCK, &err)) {
        fprintf(stderr, "loop_bench: cannot start: %s\n", err.text);
        return 1;
    }
    struct ifm_loop loop = { .run = ops->run, .sync = ops->sync, .state = state, .samples = array.samples,
                             .capacity = PER_BLOCK, .iterations = PER_BLOCK };
    struct ifm_loop batched = loop;
    batched.calls = CALLS;
    batched.iterations = PER_BLOCK / CALLS;
    struct ifm_loop_result result;
    for (int b = 0; b < BLOCKS; b++) {
        pair_ns[b] = clock_pair_ns();
        ifm_loop_run(&loop, &result);
        loop_ns[b] = (double)(result.end_ns - result.begin_ns) / PER_BLOCK;
        beyond_ns[b] = loop_ns[b] - pair_ns[b];
        for (int i = 0; i < PER_BLOCK; i++)
            durations[b * PER_BLOCK + i] = array.samples[i].duration_ns;
        ifm_loop_run(&batched, &result);
        batch_ns[b] = (double)(result.end_ns - result.begin_ns) / PER_BLOCK;
    }
    ifm_stat_sort(durations, BLOCKS * PER_BLOCK);
    printf("timed loop with null, %d blocks of %d: %.1f ns an iteration, two clock reads %.1f ns, beyond them "
           "%.1f ns at P50 (goal <= 10); one sample P50 %lld, P99 %lld, P99.9 %lld ns\n", BLOCKS, PER_BLOCK,
           ifm_stat_median(loop_ns, BLOCKS), ifm_stat_median(pair_ns, BLOCKS), ifm_stat_median(beyond_ns, BLOCKS),
           (long long)ifm_stat_percentile(durations, BLOCKS * PER_BLOCK, 5000),
           (long long)ifm_stat_percentile(durations, BLOCKS * PER_BLOCK, 9900),
           (long long)ifm_stat_percentile(durations, BLOCKS * PER_BLOCK, 9990));
    printf("in batches of %d calls: %.1f ns a call, the call itself included\n", CALLS,
           ifm_stat_median(batch_ns, BLOCKS));
    ops->close(state);
    ifm_loop_array_done(&array);
    free(state);
    return 0;
}
