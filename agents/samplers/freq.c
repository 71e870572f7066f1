/* Clock of the measured processors: what they really ran at, by APERF over MPERF where those are
 * readable, else what the governor says, of the busy ones; and the limit they may use now. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "agents/samplers/samplers.h"
#include "agents/samplers/source.h"

#define CPUS_MAX    64 /* of a larger set the first ones */
#define MSR_MPERF   0xE7
#define MSR_APERF   0xE8
#define LEAST_TICKS 100000 /* of MPERF between two reads: below, the processors slept */
#define KHZ_MAX     100000000
#define STAT_BYTES  32768 /* of /proc/stat: the processors stand first */
#define LEAST_BUSY  5     /* ticks of all of them between two looks at who is busy */

enum { BUSY, LIMIT, METRICS };

static const struct ifm_sampler_metric metrics[METRICS] = {
    [BUSY] = { "busy_khz", "kHz", IFM_SAMPLER_GAUGE, IFM_SAMPLER_DEVICE,
               "mean clock of the measured processors, by how busy each was", 0 },
    [LIMIT] = { "limit_khz", "kHz", IFM_SAMPLER_GAUGE, IFM_SAMPLER_DEVICE,
                "highest clock that all of them may use now", 0 },
};

struct counters {     /* of one processor */
    int aperf, mperf; /* descriptor + 1; the same one when it is the MSR device */
    uint64_t aperf_before, mperf_before;
};
struct state {
    size_t cpus;
    struct ifm_source current[CPUS_MAX], limit[CPUS_MAX];
    struct counters counters[CPUS_MAX];
    bool counted;     /* every processor has counters, and the base clock is known */
    bool read_before; /* the counters' last values are there */
    int64_t base_khz;

    struct ifm_source stat; /* without counters: who was busy */
    int cpu[CPUS_MAX];
    int64_t ticks[CPUS_MAX], weight[CPUS_MAX];
    bool looked; /* the ticks of the last look are there */
    char text[STAT_BYTES];
};

static bool clock_of(const struct ifm_source *source, int64_t *khz)
{
    return ifm_source_value(source, khz) && *khz > 0 && *khz <= KHZ_MAX;
}

/* -- APERF and MPERF ------------------------------------------------------------------------------
 * APERF counts at the real clock, MPERF at the base clock, both only while the processor is awake:
 * their ratio is the clock of busy time, which scaling_cur_freq is not. Only on a live x86 machine.
 */
static int open_event(const struct ifm_sampler_host *host, const char *name, int cpu)
{
    char path[96], text[64];
    int64_t type = 0;
    unsigned config = 0;
    snprintf(path, sizeof path, "/sys/bus/event_source/devices/msr/events/%s", name);
    if (!ifm_source_once(host, path, text, sizeof text) || sscanf(text, "event=%x", &config) != 1 ||
        !ifm_source_once(host, "/sys/bus/event_source/devices/msr/type", text, sizeof text) ||
        !ifm_source_number(text, NULL, &type)) {
        return -1;
    }
    struct perf_event_attr attr = { .type = (uint32_t)type, .size = sizeof attr, .config = config };
    return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static void close_counters(struct counters *c)
{
    if (c->mperf > 0 && c->mperf != c->aperf) {
        close(c->mperf - 1);
    }
    if (c->aperf > 0) {
        close(c->aperf - 1);
    }
    *c = (struct counters){ .aperf = 0 };
}

static bool open_counters(struct counters *c, const struct ifm_sampler_host *host, int cpu)
{
    char path[64];
    c->aperf = open_event(host, "aperf", cpu) + 1;
    c->mperf = open_event(host, "mperf", cpu) + 1;
    if (c->aperf > 0 && c->mperf > 0) {
        return true;
    }
    close_counters(c);
    snprintf(path, sizeof path, "/dev/cpu/%d/msr", cpu);
    c->aperf = c->mperf = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) + 1;
    return c->aperf > 0;
}

static bool read_counters(const struct counters *c, uint64_t *aperf, uint64_t *mperf)
{
    const ssize_t wanted = (ssize_t)sizeof *aperf;
    if (c->aperf == c->mperf) {
        return pread(c->aperf - 1, aperf, sizeof *aperf, MSR_APERF) == wanted &&
               pread(c->mperf - 1, mperf, sizeof *mperf, MSR_MPERF) == wanted;
    }
    return read(c->aperf - 1, aperf, sizeof *aperf) == wanted &&
           read(c->mperf - 1, mperf, sizeof *mperf) == wanted;
}

/* Summed over the processors, so that those that slept count for nothing. */
static bool read_ratio(struct state *s, int64_t *khz)
{
    double aperf = 0, mperf = 0;
    for (size_t i = 0; i < s->cpus; i++) {
        struct counters *c = &s->counters[i];
        uint64_t a = 0, m = 0;
        if (!read_counters(c, &a, &m)) {
            return false;
        }
        aperf += (double)(a - c->aperf_before);
        mperf += (double)(m - c->mperf_before);
        c->aperf_before = a;
        c->mperf_before = m;
    }
    const bool known = s->read_before && mperf >= LEAST_TICKS;
    s->read_before = true;
    *khz = known ? (int64_t)(aperf / mperf * (double)s->base_khz) : 0;
    return known && *khz > 0 && *khz <= KHZ_MAX;
}

/* -- Who was busy ---------------------------------------------------------------------------------
 * One thread on a machine of many processors: what the sleeping ones say of their clocks moves as
 * it likes and would drown the one that works. */
static bool busy_ticks(const char *text, int cpu, int64_t *ticks)
{
    char key[16];
    const size_t len = (size_t)snprintf(key, sizeof key, "cpu%d ", cpu);
    int64_t f[7]; /* user nice system idle iowait irq softirq */
    const char *line = text;
    while (line && strncmp(line, key, len) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    for (size_t i = 0; line && i < 7; i++) {
        if (!ifm_source_number(i ? line : line + len, &line, &f[i]) || f[i] < 0 ||
            f[i] >= (int64_t)1 << 50) {
            return false;
        }
    }
    *ticks = line ? f[0] + f[1] + f[2] + f[5] + f[6] : 0;
    return line != NULL;
}

/* Weights stay as they are until enough ticks have passed for others. */
static void weigh(struct state *s)
{
    int64_t now[CPUS_MAX], more[CPUS_MAX], sum = 0;
    ifm_source_text(&s->stat, s->text, sizeof s->text);
    for (size_t i = 0; i < s->cpus; i++) {
        if (!busy_ticks(s->text, s->cpu[i], &now[i])) {
            return;
        }
        more[i] = now[i] > s->ticks[i] ? now[i] - s->ticks[i] : 0;
        sum += more[i];
    }
    if (s->looked && sum < LEAST_BUSY) {
        return;
    }
    memcpy(s->ticks, now, s->cpus * sizeof *now);
    if (s->looked) {
        memcpy(s->weight, more, s->cpus * sizeof *more);
    }
    s->looked = true;
}

/* Mean of what the governor says; all count the same where nobody is known to have been busy. */
static bool read_current(struct state *s, int64_t *khz)
{
    double sum = 0, weights = 0, plain = 0, count = 0;
    int64_t clock = 0;
    weigh(s);
    for (size_t i = 0; i < s->cpus; i++) {
        if (clock_of(&s->current[i], &clock)) {
            sum += (double)clock * (double)s->weight[i];
            weights += (double)s->weight[i];
            plain += (double)clock;
            count++;
        }
    }
    *khz = (int64_t)(weights > 0 ? sum / weights : count > 0 ? plain / count : 0);
    return *khz > 0;
}

/* -- Slots ----------------------------------------------------------------------------------------
 */
static bool base_clock(const struct ifm_sampler_host *host, int cpu, int64_t *khz)
{
    char path[96], text[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/base_frequency", cpu);
    if (ifm_source_once(host, path, text, sizeof text) && ifm_source_number(text, NULL, khz)) {
        return *khz > 0 && *khz <= KHZ_MAX;
    }
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/acpi_cppc/nominal_freq", cpu);
    if (ifm_source_once(host, path, text, sizeof text) && ifm_source_number(text, NULL, khz) &&
        *khz <= KHZ_MAX / 1000) {
        *khz *= 1000;
        return *khz > 0;
    }
    return false;
}

static int freq_open(void *state, const struct ifm_sampler_host *host)
{
    struct state *s = state;
    for (; s->cpus < CPUS_MAX && host->cpus[s->cpus] >= 0; s->cpus++) {
        const int cpu = s->cpu[s->cpus] = host->cpus[s->cpus];
        ifm_source_open(&s->current[s->cpus], host,
                        "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
        ifm_source_open(&s->limit[s->cpus], host,
                        "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_max_freq", cpu);
    }
    s->counted = !(host->sysroot && host->sysroot[0]) && s->cpus > 0 &&
                 base_clock(host, host->cpus[0], &s->base_khz);
    for (size_t i = 0; s->counted && i < s->cpus; i++) {
        s->counted = open_counters(&s->counters[i], host, host->cpus[i]);
    }
    if (!s->counted) {
        ifm_source_open(&s->stat, host, "/proc/stat");
    }
    return 0;
}

static int freq_sample(void *state, int64_t *values, uint32_t *valid)
{
    struct state *s = state;
    int64_t khz = 0, busy = 0, limits = 0, least = INT64_MAX;
    const bool known = s->counted ? read_ratio(s, &busy) : read_current(s, &busy);
    for (size_t i = 0; i < s->cpus; i++) {
        if (clock_of(&s->limit[i], &khz)) {
            least = khz < least ? khz : least;
            limits++;
        }
    }
    ifm_source_put(known, busy, BUSY, values, valid);
    ifm_source_put(limits > 0, least, LIMIT, values, valid);
    return 0;
}

static void freq_close(void *state)
{
    struct state *s = state;
    for (size_t i = 0; i < CPUS_MAX; i++) {
        ifm_source_close(&s->current[i]);
        ifm_source_close(&s->limit[i]);
        close_counters(&s->counters[i]);
        s->weight[i] = 0;
    }
    ifm_source_close(&s->stat);
    s->looked = false;
    s->cpus = 0;
}

static int freq_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    struct state *s = state;
    int64_t values[METRICS];
    *present = 0;
    freq_open(state, host);
    freq_sample(state, values, present);
    *present |= s->counted ? 1u << BUSY : 0; /* a ratio needs two reads */
    freq_close(state);
    s->counted = s->read_before = false;
    return *present ? 0 : IFM_SAMPLER_ABSENT;
}

const struct ifm_sampler_ops ifm_sampler_freq = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "freq",
    .summary = "clock of the measured processors from APERF/MPERF or cpufreq",
    .state_size = sizeof(struct state),
    .metrics = metrics,
    .metric_count = METRICS,
    .min_period_ns = 10000000,
    .probe = freq_probe,
    .open = freq_open,
    .sample = freq_sample,
    .close = freq_close,
};
