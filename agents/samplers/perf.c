/* Counters of the process by perf_event_open: hardware where the machine has them, software
 * everywhere. Inherited by every thread that starts later; multiplexed counters are scaled by the
 * time they ran. */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "agents/samplers/samplers.h"
#include "agents/samplers/source.h"

enum { CYCLES, INSTRUCTIONS, TASK_CLOCK, SWITCHES, MIGRATIONS, FAULTS, METRICS };

#define COUNTER(name, unit, text)                                                                  \
    {                                                                                              \
        name, unit, IFM_SAMPLER_COUNTER, IFM_SAMPLER_PROCESS, text, 0                              \
    }
static const struct ifm_sampler_metric metrics[METRICS] = {
    [CYCLES] = COUNTER("cycles", "count", "processor cycles"),
    [INSTRUCTIONS] = COUNTER("instructions", "count", "instructions retired"),
    [TASK_CLOCK] = COUNTER("task_clock_ns", "ns", "time that threads ran"),
    [SWITCHES] = COUNTER("context_switches", "count", "context switches"),
    [MIGRATIONS] = COUNTER("cpu_migrations", "count", "moves to another processor"),
    [FAULTS] = COUNTER("page_faults", "count", "page faults"),
};

/* Two groups, so that one read (one interrupt of a measured core) gives all of a kind, and a
 * machine without hardware counters still has the software ones. in_kernel: seen by the kernel's
 * part alone, and always 0 where only user time may be counted. */
static const struct row {
    uint32_t type;
    uint64_t config;
    bool in_kernel;
} rows[METRICS] = {
    [CYCLES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false },
    [INSTRUCTIONS] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, false },
    [TASK_CLOCK] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, false },
    [SWITCHES] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, true },
    [MIGRATIONS] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, true },
    [FAULTS] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, false },
};

struct group {
    int leader; /* descriptor + 1 */
    int members[METRICS];
    size_t index[METRICS]; /* of the members, in the order of opening */
    size_t count;
    uint64_t enabled, running, raw[METRICS]; /* of the latest read */
    double total[METRICS];                   /* scaled */
};
struct state {
    struct group groups[2];
};

static int open_row(const struct row *row, int pid, int leader)
{
    struct perf_event_attr attr = { .type = row->type,
                                    .size = sizeof attr,
                                    .config = row->config,
                                    .inherit = 1,
                                    .read_format = PERF_FORMAT_GROUP |
                                                   PERF_FORMAT_TOTAL_TIME_ENABLED |
                                                   PERF_FORMAT_TOTAL_TIME_RUNNING };
    int fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, leader, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM) && !row->in_kernel) {
        attr.exclude_kernel = 1;
        attr.exclude_hv = 1;
        fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, leader, PERF_FLAG_FD_CLOEXEC);
    }
    return fd;
}

static void open_group(struct group *g, int pid, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        const int fd = open_row(&rows[i], pid, g->leader - 1);
        if (fd >= 0) {
            g->leader = g->leader ? g->leader : fd + 1;
            g->members[g->count] = fd + 1;
            g->index[g->count++] = i;
        }
    }
}

static int perf_open(void *state, const struct ifm_sampler_host *host)
{
    struct state *s = state;
    if (host->sysroot && host->sysroot[0]) { /* a recorded tree has no counters */
        return 0;
    }
    open_group(&s->groups[0], host->pid, CYCLES, TASK_CLOCK);
    open_group(&s->groups[1], host->pid, TASK_CLOCK, METRICS);
    return 0;
}

/* Scaled by differences: what was counted since the latest read stands for the whole time since
 * then. A counter that did not run adds nothing, and a total never goes back. */
static void read_group(struct group *g, int64_t *values, uint32_t *valid)
{
    struct {
        uint64_t count, enabled, running, values[METRICS];
    } now;
    const ssize_t want = (ssize_t)((3 + g->count) * sizeof(uint64_t));
    if (g->count == 0 || read(g->leader - 1, &now, sizeof now) != want || now.count != g->count ||
        now.running == 0) {
        return;
    }
    const double ran = (double)(now.running - g->running);
    const double scale = ran > 0 ? (double)(now.enabled - g->enabled) / ran : 0;
    for (size_t i = 0; i < g->count; i++) {
        const uint64_t more = now.values[i] > g->raw[i] ? now.values[i] - g->raw[i] : 0;
        g->total[i] += (double)more * scale;
        g->raw[i] = now.values[i];
        ifm_source_put(g->total[i] < 0x1p62, (int64_t)g->total[i], g->index[i], values, valid);
    }
    g->enabled = now.enabled;
    g->running = now.running;
}

static int perf_sample(void *state, int64_t *values, uint32_t *valid)
{
    struct state *s = state;
    read_group(&s->groups[0], values, valid);
    read_group(&s->groups[1], values, valid);
    return 0;
}

static void perf_close(void *state)
{
    struct state *s = state;
    for (size_t g = 0; g < 2; g++) {
        for (size_t i = s->groups[g].count; i > 0; i--) {
            close(s->groups[g].members[i - 1] - 1);
        }
        s->groups[g] = (struct group){ .count = 0 };
    }
}

static int perf_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    struct state *s = state;
    *present = 0;
    perf_open(state, host);
    for (size_t g = 0; g < 2; g++) {
        for (size_t i = 0; i < s->groups[g].count; i++) {
            *present |= 1u << s->groups[g].index[i];
        }
    }
    perf_close(state);
    return *present ? 0 : IFM_SAMPLER_ABSENT;
}

const struct ifm_sampler_ops ifm_sampler_perf = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "perf",
    .summary = "cycles, instructions, switches, migrations and faults by perf_event_open",
    .state_size = sizeof(struct state),
    .metrics = metrics,
    .metric_count = METRICS,
    .min_period_ns = 10000000, /* a read interrupts the measured core for about 2 us */
    .probe = perf_probe,
    .open = perf_open,
    .sample = perf_sample,
    .close = perf_close,
};
