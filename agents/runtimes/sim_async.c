/* Submitted inferences of the sim runtime: a queue before `servers` that work in parallel, as a
 * device does. No thread plays them, so none takes a core from what is measured: submit reckons
 * when its inference will be done, wait waits until then.
 *
 * One thread may submit while another waits. They share two counters; the one that follows them
 * sees what was written before them. */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include "agents/runtimes/sim.h"

#define QUEUE_MAX   65536 /* submitted and not yet ended; submit waits while it is full */
#define SERVERS_MAX 1024

struct sim_queue {
    _Atomic int64_t submitted, ended;
    int64_t free_ns[SERVERS_MAX]; /* when each server is done with what it has */
    int64_t done_ns[QUEUE_MAX];   /* by order of submission */
};

/* A ring of untouched pages: only a queue that grows long makes them resident. */
int sim_async_bind(struct sim_state *s)
{
    s->queue = s->queue ? s->queue : calloc(1, sizeof *s->queue);
    return s->queue ? 0 : -1;
}

void sim_async_close(struct sim_state *s)
{
    free(s->queue);
}

static void pause_briefly(void)
{
    const struct timespec t = { .tv_nsec = 20000 };
    nanosleep(&t, NULL);
}

int sim_submit(void *state)
{
    struct sim_state *s = state;
    struct sim_queue *q = s->queue;
    const int64_t n = atomic_load_explicit(&q->submitted, memory_order_relaxed);
    int64_t latency = 0;
    size_t first = 0;
    while (n - atomic_load_explicit(&q->ended, memory_order_acquire) >= QUEUE_MAX) {
        pause_briefly();
    }
    const int64_t now = sim_now_ns();
    if (sim_begin(s, now, &latency) != 0) {
        return -1;
    }
    for (size_t i = 1; i < (size_t)s->servers; i++) {
        first = q->free_ns[i] < q->free_ns[first] ? i : first;
    }
    const int64_t start = q->free_ns[first] > now ? q->free_ns[first] : now;
    q->free_ns[first] = start + latency;
    q->done_ns[n % QUEUE_MAX] = start + latency;
    atomic_store_explicit(&q->submitted, n + 1, memory_order_release);
    return 0;
}

int sim_wait(void *state)
{
    struct sim_state *s = state;
    struct sim_queue *q = s->queue;
    const int64_t n = atomic_load_explicit(&q->ended, memory_order_relaxed);
    while (atomic_load_explicit(&q->submitted, memory_order_acquire) <= n) {
        pause_briefly();
    }
    sim_wait_until(q->done_ns[n % QUEUE_MAX], s->sleep);
    atomic_store_explicit(&q->ended, n + 1, memory_order_release);
    return 0;
}
