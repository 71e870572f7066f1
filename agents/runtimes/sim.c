/* A runtime that pretends: latencies by a law, and every fault a vendor library can have, by
 * options. It is what the statistics, the fault tests and the command line's error paths are
 * checked with.
 *
 * Inputs and outputs have the shapes that were asked for; output i holds 2 * input[i] + 1, element
 * by element (cyclic where the sizes differ), so that verification has a known truth. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "agents/runtimes/sim.h"

#define OOM_CHUNK   ((size_t)16 << 20)
#define ALLOC_BYTES ((size_t)100)

static const struct ifm_host *host;
static volatile int *bad_address;

/* Makes pages resident. Through volatile: the compiler drops a memset of memory that nobody reads.
 */
static void touch(void *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 1024) {
        ((volatile char *)memory)[i] = 1;
    }
}

int64_t sim_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int sim_probe(void *state, struct ifm_runtime_info *info)
{
    (void)state;
    snprintf(info->version, sizeof info->version, "1");
    snprintf(info->providers, sizeof info->providers, "simulated");
    return 0;
}

void sim_wait_until(int64_t deadline_ns, bool asleep)
{
    struct timespec t = { .tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000 };
    if (asleep) {
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
        }
    }
    while (sim_now_ns() < deadline_ns) {
    }
}

static int sim_open(void *state, const char *model_path)
{
    struct sim_state *s = state;
    const int64_t start = sim_now_ns();
    (void)model_path;
    sim_law_start(&s->law,
                  s->seed ? (uint64_t)s->seed : (uint64_t)start ^ ((uint64_t)getpid() << 32));
    if (sim_shapes(s, host) != 0) {
        return -1;
    }
    s->held = s->memory ? malloc((size_t)s->memory) : NULL;
    if (s->memory && !s->held) {
        return host->fail(host->context, "out of memory: cannot hold %lld bytes",
                          (long long)s->memory);
    }
    if (s->held) {
        touch(s->held, (size_t)s->memory);
    }
    sim_wait_until(start + s->load_time, s->sleep);
    return 0;
}

static int sim_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                        const struct ifm_tensor_info **outputs, size_t *output_count)
{
    struct sim_state *s = state;
    *inputs = s->in_info;
    *input_count = s->in_count;
    *outputs = s->out_info;
    *output_count = s->out_count;
    return 0;
}

static size_t width_of(const struct ifm_tensor *t)
{
    return t->dtype == IFM_DTYPE_I64 ? 8 : 4;
}

static int sim_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    struct sim_state *s = state;
    if (input_count != s->in_count) {
        return host->fail(host->context, "got %zu inputs for a model of %zu", input_count,
                          s->in_count);
    }
    if (sim_async_bind(s) != 0) {
        return host->fail(host->context, "cannot allocate the queue of %lld servers",
                          (long long)s->servers);
    }
    memcpy(s->inputs, inputs, input_count * sizeof *inputs);
    for (size_t i = 0; i < s->out_count; i++) {
        const struct ifm_tensor_info *info = &s->out_info[i];
        struct ifm_tensor *out = &s->outputs[i];
        *out = (struct ifm_tensor){ .name = info->name, .dtype = info->dtype, .rank = info->rank };
        size_t elements = 1;
        for (int32_t d = 0; d < info->rank; d++) { /* dynamic: as the first input */
            const bool known = info->dims[d] >= 0 || d >= inputs[0].rank;
            out->dims[d] = known ? llabs(info->dims[d]) : inputs[0].dims[d];
            elements *= (size_t)out->dims[d];
        }
        out->bytes = elements * width_of(out);
        out->data = malloc(out->bytes);
        if (!out->data) {
            return host->fail(host->context, "cannot allocate %zu bytes for output %s", out->bytes,
                              out->name);
        }
    }
    return 0;
}

static int misbehave(struct sim_state *s)
{
    const int64_t n = s->law.count;
    if (n == s->crash_at) {
        *bad_address = 1;
    }
    if (n == s->abort_at) {
        abort();
    }
    if (n == s->exit_at) {
        exit((int)s->exit_status);
    }
    while (n == s->hang_at) {
        pause();
    }
    while (n == s->oom_at) {
        char *p = malloc(OOM_CHUNK);
        if (!p) {
            snprintf(s->error, sizeof s->error, "run %lld found no more memory", (long long)n);
            return -1;
        }
        touch(p, OOM_CHUNK); /* on purpose never freed */
    }
    if (n == s->fail_at) {
        snprintf(s->error, sizeof s->error, "run %lld failed as asked by fail-at", (long long)n);
        return -1;
    }
    return 0;
}

/* What waiting does not have: every cycle that something else takes shows in it. */
static void work(struct sim_state *s)
{
    uint64_t x = s->worked;
    for (int64_t i = 0; i < s->work; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
    }
    s->worked = x;
}

int sim_begin(struct sim_state *s, int64_t start_ns, int64_t *latency_ns)
{
    sim_law_begin(&s->law, start_ns);
    if (misbehave(s) != 0) {
        return -1;
    }
    if (s->leak > 0) {
        char *lost = malloc((size_t)s->leak);
        if (lost) {
            touch(lost, (size_t)s->leak);
        }
    }
    for (int64_t i = 0; i < s->alloc; i++) {
        char *block = malloc(ALLOC_BYTES);
        if (block) {
            touch(block, ALLOC_BYTES); /* or the compiler drops the pair */
        }
        free(block);
    }
    work(s);
    if (s->chatter) {
        printf("sim: run %lld\n{\"event\":\"result\"}\n", (long long)s->law.count);
    }
    *latency_ns = sim_profile_latency(s, sim_law_draw(&s->law, start_ns));
    return 0;
}

static int sim_run(void *state)
{
    struct sim_state *s = state;
    const int64_t start = sim_now_ns();
    int64_t latency = 0;
    if (sim_begin(s, start, &latency) != 0) {
        return -1;
    }
    sim_wait_until(start + latency, s->sleep);
    return 0;
}

static int sim_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    struct sim_state *s = state;
    for (size_t o = 0; o < s->out_count; o++) {
        struct ifm_tensor *out = &s->outputs[o];
        const struct ifm_tensor *in = &s->inputs[o % s->in_count];
        const size_t in_count = in->bytes / width_of(in), out_count = out->bytes / width_of(out);
        const int64_t *long_in = in->data;
        const float *float_in = in->data;
        for (size_t i = 0, j = 0; i < out_count; i++, j = i % in_count) {
            const double x = in->dtype == IFM_DTYPE_I64 ? (double)long_in[j] : (double)float_in[j];
            const double y = 2 * x + (s->wrong_outputs ? 2 : 1);
            if (out->dtype == IFM_DTYPE_I64) {
                ((int64_t *)out->data)[i] = (int64_t)y;
            } else {
                ((float *)out->data)[i] = s->nan_outputs && i == 0 ? NAN : (float)y;
            }
        }
    }
    *outputs = s->outputs;
    *output_count = s->out_count;
    return 0;
}

static const char *sim_errdetails(void *state)
{
    return ((struct sim_state *)state)->error;
}

static int sim_effective(void *state, char *text, size_t text_size)
{
    const struct sim_state *s = state;
    snprintf(text, text_size, "provider=simulated\nlatency_ns=%lld", (long long)s->law.latency);
    return 0;
}

static int sim_memory(void *state, int64_t *allocator_peak_bytes)
{
    const struct sim_state *s = state;
    *allocator_peak_bytes = s->memory; /* what it holds, and its outputs */
    for (size_t i = 0; i < s->out_count; i++) {
        *allocator_peak_bytes += (int64_t)s->outputs[i].bytes;
    }
    return 0;
}

static void sim_close(void *state)
{
    struct sim_state *s = state;
    free(s->held);
    sim_async_close(s);
    for (size_t i = 0; i < TENSORS_MAX; i++) {
        free(s->outputs[i].data);
    }
}

static const struct ifm_runtime_ops sim_ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "sim",
    .summary = "simulated latencies and faults, for tests",
    .caps = IFM_CAP_MODELLESS | IFM_CAP_ASYNC | IFM_CAP_PROFILE,
    .state_size = sizeof(struct sim_state),
    .options = sim_options,
    .probe = sim_probe,
    .open = sim_open,
    .describe = sim_describe,
    .bind = sim_bind,
    .run = sim_run,
    .fetch = sim_fetch,
    .close = sim_close,
    .errdetails = sim_errdetails,
    .submit = sim_submit,
    .wait = sim_wait,
    .memory = sim_memory,
    .effective = sim_effective,
    .profile_start = sim_profile_start,
    .profile_stop = sim_profile_stop,
    .op_size = sizeof(struct ifm_op_profile),
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *lent)
{
    host = lent;
    return &sim_ops;
}
