#include "agents/worker/observe.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "agents/samplers/samplers.h"
#include "agents/worker/observe_group.h"
#include "agents/worker/observe_place.h"
#include "agents/worker/report.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/opt.h"

#define WARNINGS_MAX  32
#define WARM_HALVINGS 4                    /* of the points before the timed phase */
#define STACK_BYTES   ((size_t)256 * 1024) /* the usual 8 MB would count against a memory limit */

struct ifm_observe {
    const struct ifm_msg_spec *spec;
    struct ifm_observe_group groups[IFM_LANE_GROUPS_MAX];
    size_t count;
    int cpus[IFM_OBSERVE_CPUS_MAX + 1]; /* of the measured threads; ended by -1 */
    int spare;                          /* processor of the sampler thread; -1: none */
    int64_t bytes;

    /* With a thread, all below is its own or under the lock; the measuring thread takes that at
     * edges alone. */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool stop;
    unsigned asked, answered; /* edges */
    int edge;
    struct ifm_observe_use use;
};

/* -- Reading --------------------------------------------------------------------------------------
 */
static void read_all(struct ifm_observe *o, int edge)
{
    for (size_t i = 0; i < o->count; i++) {
        ifm_observe_group_read(&o->groups[i], edge);
    }
}

static int64_t read_due(struct ifm_observe *o, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < o->count; i++) {
        struct ifm_observe_group *g = &o->groups[i];
        if (!g->on) {
            continue;
        }
        if (g->due_ns <= now_ns) {
            ifm_observe_group_read(g, IFM_OBSERVE_TIMED);
            while (g->due_ns <= now_ns) { /* what was missed is not made up for */
                g->due_ns += g->period_ns;
            }
        }
        next_ns = g->due_ns < next_ns ? g->due_ns : next_ns;
    }
    return next_ns;
}

static void note_use(struct ifm_observe *o)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    o->use.voluntary_switches = u.ru_nvcsw;
    o->use.involuntary_switches = u.ru_nivcsw;
    o->use.minor_faults = u.ru_minflt;
}

static void sleep_until(struct ifm_observe *o, int64_t at_ns)
{
    const struct timespec at = { .tv_sec = (time_t)(at_ns / 1000000000),
                                 .tv_nsec = at_ns % 1000000000 };
    if (at_ns == INT64_MAX) {
        pthread_cond_wait(&o->wake, &o->lock);
    } else {
        pthread_cond_timedwait(&o->wake, &o->lock, &at);
    }
}

static void *run(void *argument)
{
    struct ifm_observe *o = argument;
    prctl(PR_SET_NAME, "ifm-sampler");
    pthread_mutex_lock(&o->lock);
    while (!o->stop) {
        if (o->asked != o->answered) {
            read_all(o, o->edge);
            note_use(o);
            o->answered = o->asked;
            pthread_cond_signal(&o->done);
            continue;
        }
        const int64_t next_ns = read_due(o, ifm_clock_ns());
        note_use(o);
        sleep_until(o, next_ns);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* False where no thread is to be had: reads happen at edges, as on a machine without a spare
 * processor. */
static bool start_thread(struct ifm_observe *o)
{
    pthread_attr_t attr;
    pthread_condattr_t clock;
    cpu_set_t set;
    sigset_t all, before;
    CPU_ZERO(&set);
    CPU_SET((size_t)o->spare, &set);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->wake, &clock);
    pthread_cond_init(&o->done, NULL);
    sigfillset(&all); /* signals are the measuring thread's business */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    o->threaded = pthread_create(&o->thread, &attr, run, o) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_condattr_destroy(&clock);
    pthread_attr_destroy(&attr);
    return o->threaded;
}

static void stop_thread(struct ifm_observe *o)
{
    if (o->threaded) {
        pthread_mutex_lock(&o->lock);
        o->stop = true;
        pthread_cond_signal(&o->wake);
        pthread_mutex_unlock(&o->lock);
        pthread_join(o->thread, NULL);
        o->threaded = false;
    }
}

/* -- Open -----------------------------------------------------------------------------------------
 */
static bool wanted(const struct ifm_msg_spec *spec, const char *name)
{
    if (spec->samplers.count == 0) {
        return true;
    }
    for (size_t i = 0; i < spec->samplers.count; i++) {
        if (strcmp(spec->samplers.items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool none_wanted(const struct ifm_msg_spec *spec)
{
    return spec->samplers.count == 1 && strcmp(spec->samplers.items[0], "none") == 0;
}

static int check_names(const struct ifm_sampler_ops *const *samplers,
                       const struct ifm_msg_spec *spec, struct ifm_err *err)
{
    const char *known[IFM_LANE_GROUPS_MAX + 2] = { "none" };
    size_t count = 1;
    for (size_t i = 0; samplers[i] && i < IFM_LANE_GROUPS_MAX; i++) {
        known[count++] = samplers[i]->name;
    }
    for (size_t i = 0; i < spec->samplers.count; i++) {
        const char *name = spec->samplers.items[i];
        size_t at = 0;
        while (at < count && strcmp(known[at], name) != 0) {
            at++;
        }
        if (at == 0 && spec->samplers.count > 1) {
            return ifm_err_set(err, IFM_ERR_USAGE, "samplers",
                               "'none' switches all samplers off: name no other beside it");
        }
        if (at == count) {
            const char *near = ifm_opt_nearest(name, known);
            return ifm_err_set(err, IFM_ERR_USAGE, "samplers", "unknown sampler '%.40s'%s%s%s",
                               name, near ? "; did you mean " : "", near ? near : "",
                               near ? "?" : "");
        }
    }
    return 0;
}

static int check_sysroot(const char *sysroot, struct ifm_err *err)
{
    struct stat st;
    if (sysroot && *sysroot && (stat(sysroot, &st) != 0 || !S_ISDIR(st.st_mode))) {
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "sysroot",
                           "the recorded tree %.120s is no folder", sysroot);
    }
    return 0;
}

static int open_groups(struct ifm_observe *o, const struct ifm_sampler_ops *const *samplers,
                       struct ifm_err *err)
{
    const struct ifm_msg_spec *spec = o->spec;
    const struct ifm_sampler_host host = { .abi = IFM_SAMPLER_ABI,
                                           .size = sizeof host,
                                           .sysroot = spec->sysroot ? spec->sysroot : "",
                                           .pid = getpid(),
                                           .cpus = o->cpus };
    const int64_t asked =
        spec->sampler_period_ns > 0 ? spec->sampler_period_ns : IFM_OBSERVE_PERIOD_NS;
    int code = 0;
    for (size_t i = 0; code == 0 && samplers[i] && o->count < IFM_LANE_GROUPS_MAX; i++) {
        code = ifm_observe_group_check(samplers[i], err);
        if (code != 0 || !wanted(spec, samplers[i]->name)) {
            continue;
        }
        struct ifm_observe_group *g = &o->groups[o->count++];
        g->named = spec->samplers.count > 0;
        code = ifm_observe_group_open(g, samplers[i], &host, err);
        const int64_t least = samplers[i]->min_period_ns;
        g->period_ns = !o->threaded ? 0 : asked > least ? asked : least;
        g->due_ns = ifm_clock_ns();
        o->bytes += g->bytes;
    }
    return code;
}

/* The thread comes before the samplers: counters are inherited by later threads, and it is not to
 * be counted. */
static int start(struct ifm_observe *o, const struct ifm_sampler_ops *const *samplers,
                 struct ifm_err *err)
{
    if (o->spare < 0 || !start_thread(o)) {
        return open_groups(o, samplers, err);
    }
    pthread_mutex_lock(&o->lock);
    const int code = open_groups(o, samplers, err);
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    return code;
}

int ifm_observe_open_with(const struct ifm_sampler_ops *const *samplers,
                          const struct ifm_msg_spec *spec, struct ifm_observe **out,
                          struct ifm_err *err)
{
    int code = check_names(samplers, spec, err);
    *out = NULL;
    if (code == 0) {
        code = check_sysroot(spec->sysroot, err);
    }
    if (code != 0) {
        return code;
    }
    struct ifm_observe *o = mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (o == MAP_FAILED) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "samplers", "out of memory for the samplers");
    }
    const bool samplers_on = !none_wanted(spec);
    o->spec = spec;
    o->bytes = (int64_t)sizeof *o;
    code = ifm_observe_place(spec, samplers_on, o->cpus, &o->spare, err);
    if (code == 0 && samplers_on) {
        code = start(o, samplers, err);
    }
    if (code != 0) {
        ifm_observe_close(o);
        return code;
    }
    *out = o;
    return 0;
}

int ifm_observe_open(const struct ifm_msg_spec *spec, struct ifm_observe **out, struct ifm_err *err)
{
    return ifm_observe_open_with(ifm_samplers, spec, out, err);
}

/* -- Phases ---------------------------------------------------------------------------------------
 */
static void read_edge(struct ifm_observe *o, int edge)
{
    if (!o->threaded) {
        read_all(o, edge);
        return;
    }
    pthread_mutex_lock(&o->lock);
    o->edge = edge;
    o->asked++;
    pthread_cond_signal(&o->wake);
    while (o->asked != o->answered) {
        pthread_cond_wait(&o->done, &o->lock);
    }
    pthread_mutex_unlock(&o->lock);
}

void ifm_observe_edge(struct ifm_observe *o, enum ifm_observe_edge edge)
{
    if (o) {
        read_edge(o, (int)edge);
    }
}

void ifm_observe_idle(struct ifm_observe *o)
{
    bool energy = false;
    for (size_t i = 0; o && i < o->count; i++) {
        energy = energy || (o->groups[i].on && ifm_observe_group_has_energy(&o->groups[i]));
    }
    if (!energy || o->spec->idle_ns <= 0) {
        return;
    }
    const struct timespec length = { .tv_sec = (time_t)(o->spec->idle_ns / 1000000000),
                                     .tv_nsec = o->spec->idle_ns % 1000000000 };
    struct timespec left = length;
    read_edge(o, IFM_OBSERVE_IDLE_BEGIN);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
    read_edge(o, IFM_OBSERVE_IDLE_END);
}

void ifm_observe_use(struct ifm_observe *o, struct ifm_observe_use *use)
{
    struct timespec t;
    clockid_t clock;
    *use = (struct ifm_observe_use){ .cpu_ns = 0 };
    if (!o || !o->threaded) {
        return;
    }
    pthread_mutex_lock(&o->lock);
    *use = o->use;
    pthread_mutex_unlock(&o->lock);
    if (pthread_getcpuclockid(o->thread, &clock) == 0 && clock_gettime(clock, &t) == 0) {
        use->cpu_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    }
}

int64_t ifm_observe_bytes(const struct ifm_observe *o)
{
    return o ? o->bytes : 0;
}

/* -- Results --------------------------------------------------------------------------------------
 */
static void note_failures(const struct ifm_observe *o, struct ifm_msg_event *event)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct ifm_observe_group *g = &o->groups[i];
        if (g->failed[0]) {
            ifm_report_note(&event->warnings, WARNINGS_MAX, "sampler %s was switched off: %s",
                            g->ops->name, g->failed);
        } else if (g->named && g->lanes == 0) {
            ifm_report_note(
                &event->warnings, WARNINGS_MAX,
                "sampler %s: this machine has not its source, or does not let it be read",
                g->ops->name);
        }
    }
}

static size_t total_text(const struct ifm_observe *o, int64_t begin_ns,
                         struct ifm_observe_group **largest)
{
    size_t total = 0, most = 0;
    for (size_t i = 0; i < o->count; i++) {
        const size_t bytes = ifm_observe_group_text(&o->groups[i], begin_ns);
        total += bytes;
        if (bytes > most) {
            most = bytes;
            *largest = (struct ifm_observe_group *)&o->groups[i];
        }
    }
    return total;
}

/* First what was read before the timed phase, a long warm-up mostly, then the rest; the group with
 * the most text first, so that a slow source keeps all it has. */
static void fit(struct ifm_observe *o, int64_t begin_ns)
{
    struct ifm_observe_group *largest = NULL;
    bool more = true;
    for (int i = 0; i < WARM_HALVINGS && total_text(o, begin_ns, &largest) > IFM_OBSERVE_TEXT_MAX;
         i++) {
        for (size_t g = 0; g < o->count; g++) {
            ifm_observe_group_thin(&o->groups[g], begin_ns);
        }
    }
    while (more && total_text(o, begin_ns, &largest) > IFM_OBSERVE_TEXT_MAX) {
        more = ifm_observe_group_thin(largest, INT64_MAX);
        largest->period_ns *= 2; /* what is left was read that far apart */
    }
}

static int build(struct ifm_observe *o, int64_t begin_ns, struct ifm_msg_event *event,
                 struct ifm_err *err)
{
    struct ifm_msg_lanes *groups = ifm_alloc_array(o->count ? o->count : 1, sizeof *groups);
    int code =
        groups ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "samplers", "out of memory for the lanes");
    event->lanes = (struct ifm_list){ .items = groups };
    for (size_t i = 0; code == 0 && i < o->count; i++) {
        if (o->groups[i].count >
            0) { /* counted before it is filled: the event's table frees it half-built */
            code = ifm_observe_group_lanes(&o->groups[i], begin_ns, &groups[event->lanes.count++],
                                           err);
        }
        if (code == 0) {
            code = ifm_observe_group_energy(&o->groups[i], &event->energy, err);
        }
    }
    return code;
}

int ifm_observe_take(struct ifm_observe *o, int64_t begin_ns, struct ifm_msg_event *event,
                     struct ifm_err *err)
{
    if (!o) {
        return 0;
    }
    stop_thread(o);
    for (size_t i = 0; i < o->count; i++) {
        ifm_observe_group_settle(&o->groups[i]);
    }
    note_failures(o, event);
    fit(o, begin_ns);
    return build(o, begin_ns, event, err);
}

void ifm_observe_close(struct ifm_observe *o)
{
    if (!o) {
        return;
    }
    stop_thread(o);
    for (size_t i = 0; i < o->count; i++) {
        ifm_observe_group_close(&o->groups[i]);
    }
    munmap(o, sizeof *o);
}
