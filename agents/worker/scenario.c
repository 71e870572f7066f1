#include "agents/worker/scenario.h"
#include <errno.h>
#include <math.h>
#include <sys/prctl.h>
#include <time.h>
#include "core/clock.h"
#include "core/rng.h"

#define SAMPLES_DEFAULT 4194304
#define SAMPLES_LEAST   1024
#define OFFSET_MAX      1e18

static bool is_async(const struct ifm_scenario *s)
{
    return (s->ops->caps & IFM_CAP_ASYNC) != 0;
}

/* -- Waiting --------------------------------------------------------------------------------------
 */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int64_t ifm_scenario_wait_until(int64_t t_ns, int64_t spin_ns, int64_t *spun_ns)
{
    int64_t now = ifm_clock_ns();
    const int64_t wake = t_ns - spin_ns;
    if (now < wake) {
        const struct timespec t = { .tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
        }
        now = ifm_clock_ns();
    }
    const int64_t awake = now;
    while (now < t_ns) {
        relax();
        now = ifm_clock_ns();
    }
    *spun_ns += now - awake;
    return now;
}

/* -- Schedule -------------------------------------------------------------------------------------
 */
static double rate_of(const struct ifm_msg_spec *spec)
{
    return spec->scenario == IFM_SCENARIO_PACED ? 1e9 / (double)spec->period_ns : spec->rate_per_s;
}

/* Until both minima are met. Gaps are added up as doubles: a nanosecond in 1e15 is exact. */
void ifm_scenario_schedule(struct ifm_scenario *s)
{
    const struct ifm_msg_spec *spec = s->spec;
    const bool random = spec->scenario == IFM_SCENARIO_SERVER && spec->arrival == 0;
    const double gap = 1e9 / rate_of(spec);
    const int64_t wanted = spec->iterations > 0 ? spec->iterations : 1;
    struct ifm_rng rng;
    double t = 0;
    size_t n = 0;
    ifm_rng_init(&rng, (uint64_t)spec->schedule_seed);
    for (; n < s->capacity; n++) {
        t = random ? t - log1p(-ifm_rng_unit(&rng)) * gap : (double)n * gap;
        if (n >= (size_t)wanted && t >= (double)spec->duration_ns) {
            break;
        }
        s->samples[n].start_ns = (int64_t)(t < OFFSET_MAX ? t : OFFSET_MAX);
    }
    s->planned = n;
    s->cut = n == s->capacity && ((int64_t)n < wanted || t < (double)spec->duration_ns);
}

/* What was issued stands with its due time in the array, what was not with its offset still. */
void ifm_scenario_count_unfinished(struct ifm_scenario *s, size_t done, size_t issued)
{
    const struct ifm_loop_result *r = &s->result;
    for (size_t i = done; i < s->planned; i++) {
        const int64_t begin = i < issued ? 0 : r->begin_ns;
        s->unfinished += s->samples[i].start_ns + begin <= r->end_ns;
    }
}

/* -- Size -----------------------------------------------------------------------------------------
 */
static size_t bounded(double wanted, double most)
{
    return (size_t)(wanted > most                                    ? most
                    : wanted < SAMPLES_LEAST && most > SAMPLES_LEAST ? SAMPLES_LEAST
                                                                     : wanted);
}

/* Twice of what the duration needs at the warm-up's speed, as for single. */
static void size_closed(struct ifm_scenario *s, double most, int64_t p50_ns)
{
    const struct ifm_msg_spec *spec = s->spec;
    const bool multi = spec->scenario == IFM_SCENARIO_MULTI;
    const double once = (double)(p50_ns > 0 ? p50_ns : 1);
    const double one = multi         ? once * (double)s->calls
                       : is_async(s) ? once / (double)s->calls
                                     : once;
    const double wanted = 2 * (double)spec->duration_ns / one + (double)spec->iterations;
    if (!multi && !(spec->scenario == IFM_SCENARIO_OFFLINE && is_async(s))) {
        const double calls = p50_ns > 0 ? ceil(wanted / most) : 1;
        s->calls = s->batch_calls = (int64_t)(calls > 1 ? calls : 1);
    }
    s->capacity = bounded(wanted / (double)s->batch_calls, most);
}

/* Six standard deviations of a Poisson count beyond its mean. */
static void size_open(struct ifm_scenario *s, double most)
{
    const double timed = (double)s->spec->duration_ns / 1e9 * rate_of(s->spec);
    const double asked = (double)s->spec->iterations;
    const double mean = timed > asked ? timed : asked;
    s->capacity = bounded(mean + 6 * sqrt(mean) + 16, most);
}

static int check(const struct ifm_msg_spec *spec, struct ifm_err *err)
{
    if (spec->scenario == IFM_SCENARIO_SERVER && !(spec->rate_per_s > 0)) {
        return ifm_err_set(err, IFM_ERR_USAGE, "scenario",
                           "the scenario server needs a rate above 0: --rate QUERIES-PER-SECOND");
    }
    if (spec->scenario == IFM_SCENARIO_PACED && spec->period_ns <= 0) {
        return ifm_err_set(err, IFM_ERR_USAGE, "scenario",
                           "the scenario paced needs a period: --period 33.3ms");
    }
    if (spec->streams < 0 || spec->streams > IFM_SCENARIO_STREAMS_MAX) {
        return ifm_err_set(err, IFM_ERR_USAGE, "scenario", "streams are 1 to %d, not %lld",
                           IFM_SCENARIO_STREAMS_MAX, (long long)spec->streams);
    }
    return 0;
}

static int map_arrays(struct ifm_scenario *s, bool open, struct ifm_err *err)
{
    int code = ifm_loop_array_init(&s->sample_pages, s->capacity, err);
    s->samples = s->sample_pages.samples;
    if (code == 0 && open) { /* an array of another type in pages of the same kind */
        const size_t cells = s->capacity * sizeof *s->lateness_ns / sizeof *s->samples + 1;
        code = ifm_loop_array_init(&s->lateness_pages, cells, err);
        s->lateness_ns = (int64_t *)(void *)s->lateness_pages.samples;
    }
    s->bytes = s->sample_pages.bytes + s->lateness_pages.bytes;
    return code;
}

int ifm_scenario_init(struct ifm_scenario *s, const struct ifm_runtime_ops *ops, void *state,
                      const struct ifm_msg_spec *spec, int64_t p50_ns, struct ifm_err *err)
{
    const double most = (double)(spec->max_samples > 0 ? spec->max_samples : SAMPLES_DEFAULT);
    const bool open = spec->scenario == IFM_SCENARIO_SERVER || spec->scenario == IFM_SCENARIO_PACED;
    const bool streams =
        spec->scenario == IFM_SCENARIO_MULTI || spec->scenario == IFM_SCENARIO_OFFLINE;
    *s = (struct ifm_scenario){ .ops = ops, .state = state, .spec = spec, .batch_calls = 1 };
    s->slot = "run";
    int code = check(spec, err);
    if (code != 0) {
        return code;
    }
    s->calls = !streams ? 1 : spec->streams > 0 ? spec->streams : IFM_SCENARIO_STREAMS;
    if (open) {
        size_open(s, most);
    } else {
        size_closed(s, most, p50_ns);
    }
    code = map_arrays(s, open, err);
    if (code == 0 && open) {
        ifm_scenario_schedule(s);
    }
    if (code == 0 && spec->scenario == IFM_SCENARIO_SERVER && is_async(s)) {
        code = ifm_scenario_async_init(s, err);
    }
    return code;
}

void ifm_scenario_run(struct ifm_scenario *s)
{
    const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* 50 us otherwise, on each tick */
    if (s->server) {
        ifm_scenario_async_run(s);
    } else if (s->lateness_ns) {
        ifm_scenario_run_open(s);
    } else {
        ifm_scenario_run_closed(s);
    }
    prctl(PR_SET_TIMERSLACK, slack > 0 ? slack : 0, 0, 0, 0);
}

void ifm_scenario_done(struct ifm_scenario *s)
{
    ifm_scenario_async_done(s);
    ifm_loop_array_done(&s->sample_pages);
    ifm_loop_array_done(&s->lateness_pages);
    s->samples = NULL;
    s->lateness_ns = NULL;
}
