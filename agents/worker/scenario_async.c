/* A server whose runtime is asynchronous: one thread submits each query when it is due, the
 * measuring thread ends them, in order. A query that overtook an older one counts until that one
 * has ended, too: the ABI ends the oldest, as a client that answers in order would. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include "agents/worker/scenario.h"
#include "core/clock.h"
#include "core/mem.h"

#define SPIN_NS INT64_C(250000)
#define SLICE_NS                                                                                   \
    INT64_C(100000000) /* how long the generator sleeps before it looks whether to stop */
#define DRAIN_NS                                                                                   \
    INT64_C(2000000000) /* for what an overloaded runtime still has when the phase ends */

struct ifm_scenario_server {
    pthread_t thread;
    bool started;
    sem_t go, issued_one;
    _Atomic size_t issued;
    _Atomic int status; /* of a failed submit */
    atomic_bool stop;
};

/* -- Generator ------------------------------------------------------------------------------------
 */
/* A core that is not measured, where the measured ones were named and another is allowed. */
static void leave_measured_cores(const struct ifm_ints *measured)
{
    for (int cpu = 0; measured->count > 0 && cpu < CPU_SETSIZE; cpu++) {
        cpu_set_t one;
        bool taken = false;
        for (size_t i = 0; i < measured->count; i++) {
            taken = taken || measured->items[i] == cpu;
        }
        CPU_ZERO(&one);
        CPU_SET((size_t)cpu, &one);
        if (!taken && pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0) {
            return;
        }
    }
}

/* Now, when the query is due; 0: the phase is over. */
static int64_t until_due(struct ifm_scenario_server *v, int64_t due, int64_t *spun_ns)
{
    int64_t now = ifm_clock_ns();
    while (due - now > SLICE_NS && !atomic_load_explicit(&v->stop, memory_order_relaxed)) {
        now = ifm_scenario_wait_until(now + SLICE_NS / 2, 0, spun_ns);
    }
    if (atomic_load_explicit(&v->stop, memory_order_relaxed)) {
        return 0;
    }
    return ifm_scenario_wait_until(due, SPIN_NS, spun_ns);
}

static void issue_all(struct ifm_scenario *s, struct ifm_scenario_server *v)
{
    const int64_t begin = s->result.begin_ns;
    const int64_t maximum = s->spec->max_ns > 0 ? begin + s->spec->max_ns : INT64_MAX;
    int64_t free_ns = begin;
    for (size_t i = 0; i < s->planned; i++) {
        const int64_t due = begin + s->samples[i].start_ns;
        const int64_t start = due < maximum ? until_due(v, due, &s->spun_ns) : 0;
        if (start == 0) {
            return;
        }
        s->samples[i].start_ns = due;
        const int status = s->ops->submit(s->state);
        const int64_t took = ifm_clock_ns() - start; /* a full queue is the runtime's, not ours */
        s->lateness_ns[i] = ifm_scenario_charge(due, start, took, &free_ns);
        if (__builtin_expect(status != 0, 0)) {
            atomic_store(&v->status, status);
            return;
        }
        atomic_store_explicit(&v->issued, i + 1, memory_order_release);
        sem_post(&v->issued_one);
    }
}

static void *generate(void *arg)
{
    struct ifm_scenario *s = arg;
    struct ifm_scenario_server *v = s->server;
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    leave_measured_cores(&s->spec->cpus);
    while (sem_wait(&v->go) != 0) {
    }
    if (!atomic_load(&v->stop)) {
        issue_all(s, v);
    }
    sem_post(&v->issued_one); /* for a waiter that has nothing to wait for */
    return NULL;
}

int ifm_scenario_async_init(struct ifm_scenario *s, struct ifm_err *err)
{
    struct ifm_scenario_server *v = ifm_alloc(sizeof *v);
    if (!v) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "scenario", "out of memory");
    }
    s->server = v;
    sem_init(&v->go, 0, 0);
    sem_init(&v->issued_one, 0, 0);
    const int code = pthread_create(&v->thread, NULL, generate, s);
    if (code != 0) {
        return ifm_err_errno(err, code, "scenario", "cannot start the generator's thread");
    }
    v->started = true;
    return 0;
}

void ifm_scenario_async_done(struct ifm_scenario *s)
{
    struct ifm_scenario_server *v = s->server;
    if (!v) {
        return;
    }
    if (v->started) { /* never run */
        atomic_store(&v->stop, true);
        sem_post(&v->go);
        pthread_join(v->thread, NULL);
    }
    sem_destroy(&v->go);
    sem_destroy(&v->issued_one);
    ifm_free(v);
    s->server = NULL;
}

/* -- Measuring thread -----------------------------------------------------------------------------
 */
/* Whether there is a query to end; false: there will be none any more. */
static bool next_issued(struct ifm_scenario_server *v, size_t done)
{
    while (sem_wait(&v->issued_one) != 0) { /* EINTR */
    }
    return atomic_load_explicit(&v->issued, memory_order_acquire) > done;
}

static size_t end_all(struct ifm_scenario *s, struct ifm_scenario_server *v, int64_t maximum)
{
    struct ifm_loop_result *r = &s->result;
    size_t done = 0;
    while (done < s->planned && next_issued(v, done)) {
        r->status = s->ops->wait(s->state);
        r->end_ns = ifm_clock_ns();
        if (__builtin_expect(r->status != 0, 0)) {
            break;
        }
        s->samples[done].duration_ns = r->end_ns - s->samples[done].start_ns;
        done++;
        if (__builtin_expect(r->end_ns >= maximum, 0)) {
            break;
        }
    }
    return done;
}

void ifm_scenario_settle(struct ifm_scenario *s)
{
    const int64_t deadline = s->in_flight > 0 ? ifm_clock_ns() + DRAIN_NS : 0;
    int64_t left = s->in_flight;
    while (left > 0 && s->ops->wait(s->state) == 0) {
        left--;
        if (ifm_clock_ns() >= deadline) {
            break;
        }
    }
    s->in_flight = 0;
    s->abandoned = left;
}

void ifm_scenario_async_run(struct ifm_scenario *s)
{
    struct ifm_scenario_server *v = s->server;
    struct ifm_loop_result *r = &s->result;
    *r = (struct ifm_loop_result){ .begin_ns = ifm_clock_ns(),
                                   .end = s->cut ? IFM_LOOP_ARRAY_FULL : IFM_LOOP_COMPLETE };
    const int64_t maximum = s->spec->max_ns > 0 ? r->begin_ns + s->spec->max_ns : INT64_MAX;
    r->end_ns = r->begin_ns;
    s->slot = "wait";
    sem_post(&v->go);
    r->count = end_all(s, v, maximum);
    atomic_store(&v->stop, true);
    pthread_join(v->thread, NULL);
    v->started = false;
    const int refused = atomic_load(&v->status);
    if (r->status == 0 && refused != 0) {
        s->slot = "submit";
        r->status = refused;
    }
    if (r->status == 0) {
        const size_t issued = atomic_load(&v->issued);
        r->end = r->count < s->planned ? IFM_LOOP_MAXIMUM : r->end;
        ifm_scenario_count_unfinished(s, r->count, issued);
        s->in_flight = (int64_t)(issued - r->count);
    }
}
