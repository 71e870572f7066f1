/* Processor time, faults and switches of the process; load, steal and pressure of the machine;
 * times the process was throttled by its control groups. The template for a new sampler. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "agents/samplers/samplers.h"
#include "agents/samplers/source.h"

#define LEVELS_MAX   8 /* of nested control groups */
#define RECORDED_TCK 100

enum {
    PROCESS_CPU,
    MINOR_FAULTS,
    MAJOR_FAULTS,
    VOLUNTARY,
    INVOLUNTARY, /* of the process */
    HOST_BUSY,
    STEAL,
    PSI_CPU,
    PSI_MEMORY,
    THROTTLED,
    LOAD,
    METRICS
};

#define OF_PROCESS IFM_SAMPLER_COUNTER, IFM_SAMPLER_PROCESS
#define OF_HOST    IFM_SAMPLER_COUNTER, IFM_SAMPLER_HOST
static const struct ifm_sampler_metric metrics[METRICS] = {
    [PROCESS_CPU] = { "process_cpu_ns", "ns", OF_PROCESS, "processor time of all threads", 0 },
    [MINOR_FAULTS] = { "minor_faults", "count", OF_PROCESS, "page faults without a disk", 0 },
    [MAJOR_FAULTS] = { "major_faults", "count", OF_PROCESS, "page faults that read a disk", 0 },
    [VOLUNTARY] = { "voluntary_switches", "count", OF_PROCESS, "a thread waited", 0 },
    [INVOLUNTARY] = { "involuntary_switches", "count", OF_PROCESS, "something else ran", 0 },
    [HOST_BUSY] = { "host_busy_ns", "ns", OF_HOST, "all processors busy, without steal", 0 },
    [STEAL] = { "steal_ns", "ns", OF_HOST, "time that a hypervisor gave to others", 0 },
    [PSI_CPU] = { "psi_cpu_some_us", "us", OF_HOST, "some task waited for a processor", 0 },
    [PSI_MEMORY] = { "psi_memory_some_us", "us", OF_HOST, "some task waited for memory", 0 },
    [THROTTLED] = { "cgroup_throttled", "count", OF_PROCESS, "periods stopped by a quota", 0 },
    [LOAD] = { "load_milli", "count", IFM_SAMPLER_GAUGE, IFM_SAMPLER_HOST,
               "load average of one minute, thousandths", 0 },
};

enum { STAT_FILE, PROCESS_FILE, STATUS_FILE, PSI_CPU_FILE, PSI_MEMORY_FILE, LOAD_FILE, FILES };

struct state {
    bool own; /* the process is this one: the kernel tells more, and more exactly, by getrusage */
    int64_t tick_ns;
    struct ifm_source files[FILES];
    struct ifm_source throttled[LEVELS_MAX]; /* one per level that has a quota's counters */
    size_t levels;
};

/* A quota may stand at any level above the process: the groups of all levels are summed. */
static void add_level(struct state *s, const struct ifm_sampler_host *host, const char *mount,
                      const char *group)
{
    char text[1024];
    int64_t count = 0;
    struct ifm_source source;
    if (s->levels < LEVELS_MAX &&
        ifm_source_open(&source, host, "/sys/fs/cgroup%s%s/cpu.stat", mount, group)) {
        ifm_source_text(&source, text, sizeof text);
        if (ifm_source_key(text, "nr_throttled", &count)) {
            s->throttled[s->levels++] = source;
        } else {
            ifm_source_close(&source);
        }
    }
}

static void add_group(struct state *s, const struct ifm_sampler_host *host, const char *mount,
                      const char *path)
{
    char group[512];
    const size_t len = strcspn(path, "\n");
    if (len >= sizeof group ||
        strstr(path, "..")) { /* of another namespace: only the mount's root */
        add_level(s, host, mount, "");
        return;
    }
    memcpy(group, path, len);
    group[len] = '\0';
    for (char *slash = strrchr(group, '/'); slash; slash = strrchr(group, '/')) {
        if (slash[1] != '\0') {
            add_level(s, host, mount, group);
        }
        *slash = '\0';
    }
    add_level(s, host, mount, "");
}

/* Lines are "0::/path" (version 2) and "4:cpu,cpuacct:/path" (version 1, one per controller). */
static void open_groups(struct state *s, const struct ifm_sampler_host *host, const char *process)
{
    char text[4096], path[64], mount[128];
    snprintf(path, sizeof path, "%s/cgroup", process);
    if (!ifm_source_once(host, path, text, sizeof text)) {
        return;
    }
    for (char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;
        if (!group || strcspn(line, "\n") < (size_t)(group - line)) {
            continue;
        }
        const int len = (int)(group - names - 1);
        char first[8];
        snprintf(first, sizeof first, "%.*s", len < 4 ? len : 4, names + 1);
        if (len == 0) {
            add_group(s, host, "", group + 1);
            add_group(s, host, "/unified", group + 1);
        } else if (len < 100 && (strcmp(first, "cpu") == 0 || strcmp(first, "cpu,") == 0)) {
            snprintf(mount, sizeof mount, "/%.*s", len, names + 1);
            add_group(s, host, mount, group + 1);
        }
    }
}

static int proc_open(void *state, const struct ifm_sampler_host *host)
{
    struct state *s = state;
    const bool recorded = host->sysroot && host->sysroot[0];
    char process[32] = "/proc/self";
    s->own = !recorded && host->pid == (int32_t)getpid();
    if (!recorded && !s->own) {
        snprintf(process, sizeof process, "/proc/%d", (int)host->pid);
    }
    const long tck = recorded ? RECORDED_TCK : sysconf(_SC_CLK_TCK);
    s->tick_ns = 1000000000 / (tck > 0 ? tck : RECORDED_TCK);
    if (!s->own) {
        ifm_source_open(&s->files[PROCESS_FILE], host, "%s/stat", process);
        ifm_source_open(&s->files[STATUS_FILE], host, "%s/status", process);
    }
    ifm_source_open(&s->files[STAT_FILE], host, "/proc/stat");
    ifm_source_open(&s->files[PSI_CPU_FILE], host, "/proc/pressure/cpu");
    ifm_source_open(&s->files[PSI_MEMORY_FILE], host, "/proc/pressure/memory");
    ifm_source_open(&s->files[LOAD_FILE], host, "/proc/loadavg");
    open_groups(s, host, process);
    return 0;
}

/* -1: more than fits. */
static int64_t ticks_ns(const struct state *s, int64_t count)
{
    return count <= IFM_SOURCE_NUMBER_MAX / s->tick_ns ? count * s->tick_ns : -1;
}

/* Numbers in a row from text on: how many there were. Counts of ticks or faults: sums stay in
 * range. */
static size_t numbers(const char *text, int64_t *out, size_t count)
{
    size_t n = 0;
    while (n < count && ifm_source_number(text, &text, &out[n]) && out[n] >= 0 &&
           out[n] < (int64_t)1 << 50) {
        n++;
    }
    return n;
}

static void read_own(int64_t *values, uint32_t *valid)
{
    struct rusage u;
    struct timespec t;
    getrusage(RUSAGE_SELF, &u);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    ifm_source_put(true, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, PROCESS_CPU, values, valid);
    ifm_source_put(true, u.ru_minflt, MINOR_FAULTS, values, valid);
    ifm_source_put(true, u.ru_majflt, MAJOR_FAULTS, values, valid);
    ifm_source_put(true, u.ru_nvcsw, VOLUNTARY, values, valid);
    ifm_source_put(true, u.ru_nivcsw, INVOLUNTARY, values, valid);
}

static void read_process(const struct state *s, int64_t *values, uint32_t *valid)
{
    char text[2048];
    int64_t f[6],
        value = 0; /* minflt cminflt majflt cmajflt utime stime: fields 10 to 15 of proc(5) */
    ifm_source_text(&s->files[PROCESS_FILE], text, sizeof text);
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 3; at && field <= 10; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at && numbers(at, f, 6) == 6) {
        ifm_source_put(true, f[0], MINOR_FAULTS, values, valid);
        ifm_source_put(true, f[2], MAJOR_FAULTS, values, valid);
        value = ticks_ns(s, f[4] + f[5]);
        ifm_source_put(value >= 0, value, PROCESS_CPU, values, valid);
    }
    ifm_source_text(&s->files[STATUS_FILE], text, sizeof text);
    const bool voluntary = ifm_source_key(text, "voluntary_ctxt_switches", &value);
    ifm_source_put(voluntary && value >= 0, value, VOLUNTARY, values, valid);
    const bool involuntary = ifm_source_key(text, "nonvoluntary_ctxt_switches", &value);
    ifm_source_put(involuntary && value >= 0, value, INVOLUNTARY, values, valid);
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guest is within user. */
static void read_host(const struct state *s, int64_t *values, uint32_t *valid)
{
    char text[512];
    int64_t f[8];
    ifm_source_text(&s->files[STAT_FILE], text, sizeof text);
    if (strncmp(text, "cpu ", 4) == 0 && numbers(text + 4, f, 8) == 8) {
        const int64_t busy = ticks_ns(s, f[0] + f[1] + f[2] + f[5] + f[6]);
        const int64_t steal = ticks_ns(s, f[7]);
        ifm_source_put(busy >= 0, busy, HOST_BUSY, values, valid);
        ifm_source_put(steal >= 0, steal, STEAL, values, valid);
    }
}

static void read_pressure(const struct ifm_source *source, size_t index, int64_t *values,
                          uint32_t *valid)
{
    char text[256];
    int64_t total = 0;
    ifm_source_text(source, text, sizeof text);
    const char *at = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
    const bool known = at && ifm_source_number(at + 6, NULL, &total) && total >= 0;
    ifm_source_put(known, total, index, values, valid);
}

static void read_load(const struct state *s, int64_t *values, uint32_t *valid)
{
    char text[64];
    unsigned whole = 0, hundredths = 0;
    ifm_source_text(&s->files[LOAD_FILE], text, sizeof text);
    const bool known =
        isdigit((unsigned char)text[0]) && sscanf(text, "%6u.%2u ", &whole, &hundredths) == 2;
    ifm_source_put(known, (int64_t)whole * 1000 + (int64_t)hundredths * 10, LOAD, values, valid);
}

static void read_throttled(const struct state *s, int64_t *values, uint32_t *valid)
{
    char text[1024];
    int64_t sum = 0, count = 0;
    bool known = s->levels > 0;
    for (size_t i = 0; i < s->levels; i++) {
        ifm_source_text(&s->throttled[i], text, sizeof text);
        known = known && ifm_source_key(text, "nr_throttled", &count) && count >= 0 &&
                count < (int64_t)1 << 48;
        sum += known ? count : 0;
    }
    ifm_source_put(known, sum, THROTTLED, values, valid);
}

static int proc_sample(void *state, int64_t *values, uint32_t *valid)
{
    const struct state *s = state;
    if (s->own) {
        read_own(values, valid);
    } else {
        read_process(s, values, valid);
    }
    read_host(s, values, valid);
    read_pressure(&s->files[PSI_CPU_FILE], PSI_CPU, values, valid);
    read_pressure(&s->files[PSI_MEMORY_FILE], PSI_MEMORY, values, valid);
    read_load(s, values, valid);
    read_throttled(s, values, valid);
    return 0;
}

static void proc_close(void *state)
{
    struct state *s = state;
    for (size_t i = 0; i < FILES; i++) {
        ifm_source_close(&s->files[i]);
    }
    for (; s->levels > 0; s->levels--) {
        ifm_source_close(&s->throttled[s->levels - 1]);
    }
}

static int proc_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    int64_t values[METRICS]; /* present is what one read gives: a file may hold something else */
    *present = 0;
    proc_open(state, host);
    proc_sample(state, values, present);
    proc_close(state);
    return *present ? 0 : IFM_SAMPLER_ABSENT;
}

const struct ifm_sampler_ops ifm_sampler_proc = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "proc",
    .summary = "processor time, faults, switches, load, steal and pressure from /proc",
    .state_size = sizeof(struct state),
    .metrics = metrics,
    .metric_count = METRICS,
    .min_period_ns = 10000000, /* the kernel's tick */
    .probe = proc_probe,
    .open = proc_open,
    .sample = proc_sample,
    .close = proc_close,
};
