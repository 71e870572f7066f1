/* Checks of what else the machine does, of limits, of power, and of what it lets us see. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agents/agent/spool.h"
#include "agents/cli/doctor.h"
#include "agents/plan/limits.h"

#define OTHERS_MAX   0.5  /* cores */
#define STEAL_MAX    0.01 /* of the time */
#define PRESSURE_MAX 5.0  /* percent of the last ten seconds */
#define WATCH_NS     300000000
#define TEXT_MAX     16384

/* -- Load ---------------------------------------------------------------------------------------- */
struct times {
    double busy, steal, total; /* of all processors, in ticks */
    bool has_steal;
};

static bool read_times(const char *root, struct times *out)
{
    char text[512];
    double v[8] = { 0 };
    int n = 0;
    if (!ifm_doctor_read(root, "/proc/stat", text, sizeof text) || strncmp(text, "cpu ", 4) != 0)
        return false;
    for (char *at = text + 4, *end; n < 8; n++, at = end) {
        v[n] = strtod(at, &end);
        if (end == at)
            break;
    }
    /* user nice system idle iowait irq softirq steal; guest time is in user already */
    out->steal = v[7];
    out->has_steal = n == 8;
    out->busy = v[0] + v[1] + v[2] + v[5] + v[6];
    out->total = out->busy + v[3] + v[4] + v[7];
    return n >= 4;
}

static void others(struct ifm_doctor *d, double cores, const char *when)
{
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "load", cores > OTHERS_MAX ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK,
                       "others use %.2f of a core%s", cores, when);
    if (cores > OTHERS_MAX)
        ifm_doctor_remedy(c, "end what runs beside the measurement", "top -o %CPU");
}

static void stolen(struct ifm_doctor *d, bool known, double part)
{
    char cpuinfo[TEXT_MAX];
    bool read = ifm_doctor_read_all(d->root, "/proc/cpuinfo", cpuinfo, sizeof cpuinfo);
    bool guest = strstr(cpuinfo, " hypervisor") != NULL;
    if (known && part > STEAL_MAX) {
        ifm_doctor_remedy(ifm_doctor_add(d, "steal", IFM_DOCTOR_PROBLEM,
                                         "the hypervisor took %.1f %% of the time", part * 100),
                          "use a machine of your own, or measure when its neighbours are quiet", "");
        return;
    }
    ifm_doctor_add(d, "steal", guest || !read ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK, "%s",
                   !read ? "whether this is a virtual machine cannot be read here"
                   : guest ? "a virtual machine: neighbours may take time, clocks and caches; nothing was taken "
                           "just now"
                         : "no hypervisor");
}

static void load(struct ifm_doctor *d)
{
    struct times a, b;
    char text[64];
    if (!read_times(d->root, &a)) {
        ifm_doctor_add(d, "load", IFM_DOCTOR_NOTE, "/proc/stat cannot be read here");
    } else if (d->root[0]) { /* a recorded tree stands still: the load average is all there is */
        double average = ifm_doctor_read(d->root, "/proc/loadavg", text, sizeof text) ? strtod(text, NULL) : 0;
        others(d, average, " by the load average");
        stolen(d, false, 0);
    } else {
        struct timespec pause = { .tv_nsec = WATCH_NS };
        nanosleep(&pause, NULL);
        if (read_times(d->root, &b) && b.total > a.total) {
            double total = b.total - a.total;
            others(d, (b.busy - a.busy) / total * (double)sysconf(_SC_NPROCESSORS_ONLN), " just now");
            stolen(d, a.has_steal, (b.steal - a.steal) / total);
        }
    }
}

static void pressure(struct ifm_doctor *d)
{
    static const char *const names[] = { "cpu", "memory", "io" };
    char path[64], text[256], all[128] = "";
    bool high = false;
    size_t used = 0;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/proc/pressure/%s", names[i]);
        if (!ifm_doctor_read(d->root, path, text, sizeof text))
            continue;
        const char *at = strstr(text, "avg10=");
        double percent = at ? strtod(at + 6, NULL) : 0;
        high = high || percent > PRESSURE_MAX;
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s %.1f %%", used ? ", " : "", names[i],
                                 percent);
    }
    if (!used)
        return; /* named among the sources that are not there */
    struct ifm_doctor_check *c = ifm_doctor_add(d, "pressure", high ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK,
                                                "tasks waited in the last 10 s: %s", all);
    if (high)
        ifm_doctor_remedy(c, "end what competes for it, then wait ten seconds", "cat /proc/pressure/*");
}

/* -- Memory -------------------------------------------------------------------------------------- */
static int64_t kib(const char *meminfo, const char *key)
{
    const char *at = strstr(meminfo, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void memory(struct ifm_doctor *d)
{
    char text[TEXT_MAX];
    if (!ifm_doctor_read_all(d->root, "/proc/meminfo", text, sizeof text)) {
        ifm_doctor_add(d, "memory", IFM_DOCTOR_NOTE, "/proc/meminfo cannot be read here");
        return;
    }
    int64_t total = kib(text, "MemTotal:"), free_kib = kib(text, "MemAvailable:"),
            swap = kib(text, "SwapTotal:"), swap_free = kib(text, "SwapFree:");
    bool low = free_kib >= 0 && (free_kib < 256 * 1024 || free_kib < total / 20);
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "memory", low ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK, "%.1f of %.1f GB are free",
                       (double)free_kib * 1.024e-6, (double)total * 1.024e-6);
    if (low)
        ifm_doctor_remedy(c, "end what holds memory: page faults would be measured", "top -o %MEM");
    bool swapped = swap > 0 && swap - swap_free > 64 * 1024;
    c = ifm_doctor_add(d, "swap", swapped ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK,
                       swap > 0 ? "%.2f GB are swapped out" : "none",
                       swap > 0 ? (double)(swap - swap_free) * 1.024e-6 : 0.0);
    if (swapped)
        ifm_doctor_remedy(c, "pages may come back while measuring", "sudo swapoff -a && sudo swapon -a");
}

static void huge_pages(struct ifm_doctor *d)
{
    char text[128];
    if (!ifm_doctor_read(d->root, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text))
        return;
    char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return;
    *close = '\0';
    bool always = strcmp(open + 1, "always") == 0;
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "huge pages", always ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK, "%s%s", open + 1,
                       always ? ": the kernel may join pages while measuring" : "");
    if (always)
        ifm_doctor_remedy(c, "let programs ask for them",
                          "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
}

static void layout(struct ifm_doctor *d)
{
    int64_t value;
    if (!ifm_doctor_read_number(d->root, "/proc/sys/kernel/randomize_va_space", &value))
        return;
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "address layout", value == 2 ? IFM_DOCTOR_OK : IFM_DOCTOR_PROBLEM, "%s",
                       value == 2 ? "new in each process (ASLR on)"
                                  : "the same in every process: one lucky or unlucky layout looks like speed");
    if (value != 2)
        ifm_doctor_remedy(c, "processes must differ for the interval to cover it",
                          "sudo sysctl kernel.randomize_va_space=2");
}

/* -- Limits -------------------------------------------------------------------------------------- */
static void quota(struct ifm_doctor *d, int cpus)
{
    struct ifm_limits limits;
    ifm_limits_read(d->root, &limits);
    double cores = limits.cpus;
    char text[65];
    snprintf(text, sizeof text, "the container may use %.2f cores", cores);
    bool tight = cores > 0 && (cpus <= 0 || cores < cpus);
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "cpu quota", tight ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK,
                       "%s", cores > 0 ? text : "none");
    if (tight)
        ifm_doctor_remedy(c, "beyond it everything is stopped for the rest of 100 ms: lift the limit, or pin with",
                          "docker run --cpuset-cpus=0-1 (instead of --cpus)");
}

static void affinity(struct ifm_doctor *d)
{
    int cpus[IFM_DOCTOR_CPUS];
    size_t online = ifm_doctor_cpus(d->root, cpus);
    cpu_set_t set;
    int allowed = (int)online;
    if (!d->root[0] && sched_getaffinity(0, sizeof set, &set) == 0)
        allowed = CPU_COUNT(&set);
    if (!online) {
        ifm_doctor_add(d, "processors", IFM_DOCTOR_NOTE, "they cannot be counted here");
        quota(d, 0);
        return;
    }
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "processors", allowed < 2 || allowed < (int)online ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK,
                       "%d of %zu may be used", allowed, online);
    if (allowed < 2)
        ifm_doctor_remedy(c, "samplers find no spare core: they read at the ends of phases only", "");
    quota(d, (int)online);
    char isolated[128] = "";
    ifm_doctor_read(d->root, "/sys/devices/system/cpu/isolated", isolated, sizeof isolated);
    c = ifm_doctor_add(d, "isolation", IFM_DOCTOR_OK, "%s%s", isolated[0] ? "isolated processors: " : "none",
                       isolated);
    if (isolated[0]) {
        char command[200];
        snprintf(command, sizeof command, "taskset -c %.60s inferometer run MODEL", isolated);
        ifm_doctor_remedy(c, "measure on them", command);
    }
}

/* -- Power and disk ------------------------------------------------------------------------------- */
static void battery(struct ifm_doctor *d)
{
    static const char *const names[] = { "BAT0", "BAT1", "BATT", "battery" };
    char path[96], status[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/status", names[i]);
        if (!ifm_doctor_read(d->root, path, status, sizeof status))
            continue;
        bool empties = strcmp(status, "Discharging") == 0;
        struct ifm_doctor_check *c =
            ifm_doctor_add(d, "power", empties ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK, "%s",
                           empties ? "on battery: the clock is limited as it empties" : "plugged in");
        if (empties)
            ifm_doctor_remedy(c, "plug it in", "");
        return;
    }
    ifm_doctor_add(d, "power", IFM_DOCTOR_OK, "no battery");
}

static void disk(struct ifm_doctor *d)
{
    char folder[IFM_SPOOL_PATH_MAX];
    struct statvfs v;
    if (d->root[0] || ifm_spool_folder("", folder, NULL))
        return;
    for (char *slash = strrchr(folder, '/'); statvfs(folder, &v) != 0; slash = strrchr(folder, '/')) {
        if (!slash || slash == folder)
            return;
        *slash = '\0'; /* the store is made by the first run */
    }
    double gb = (double)v.f_bavail * (double)v.f_frsize / 1e9;
    struct ifm_doctor_check *c = ifm_doctor_add(d, "disk", gb < 0.1 ? IFM_DOCTOR_PROBLEM : gb < 1 ? IFM_DOCTOR_NOTE
                                                                                                  : IFM_DOCTOR_OK,
                                                "%.1f GB are free where runs are kept", gb);
    if (gb < 1)
        ifm_doctor_remedy(c, "make room: raw samples of a run take up to some megabytes", "");
}

void ifm_doctor_system(struct ifm_doctor *d)
{
    load(d);
    pressure(d);
    memory(d);
    huge_pages(d);
    layout(d);
    affinity(d);
    battery(d);
    disk(d);
}

/* -- What it lets us see -------------------------------------------------------------------------- */
static bool readable(const char *root, const char *path)
{
    char text[64];
    return ifm_doctor_read(root, path, text, sizeof text);
}

static void perf_events(struct ifm_doctor *d)
{
    int64_t level;
    if (!ifm_doctor_read_number(d->root, "/proc/sys/kernel/perf_event_paranoid", &level)) {
        ifm_doctor_add(d, "perf events", IFM_DOCTOR_NOTE, "this kernel has none");
        return;
    }
    bool closed = level > 2 && (d->root[0] || geteuid() != 0);
    struct ifm_doctor_check *c = ifm_doctor_add(d, "perf events", closed ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK,
                                                "kernel.perf_event_paranoid is %lld", (long long)level);
    if (closed)
        ifm_doctor_remedy(c, "cycles and instructions cannot be counted",
                          "sudo sysctl kernel.perf_event_paranoid=2");
}

void ifm_doctor_sources(struct ifm_doctor *d)
{
    struct times t;
    const struct {
        const char *word;
        bool there;
    } sources[] = { /* the words of the trust verdict */
                    { "clock", readable(d->root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq") },
                    { "temperature", readable(d->root, "/sys/class/thermal/thermal_zone0/temp") },
                    { "throttling",
                      readable(d->root, "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count") },
                    { "steal", read_times(d->root, &t) && t.has_steal },
                    { "pressure", readable(d->root, "/proc/pressure/cpu") },
                    { "energy", readable(d->root, "/sys/class/powercap/intel-rapl:0/energy_uj") }
    };
    size_t used = 0;
    perf_events(d);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (!sources[i].there)
            used += (size_t)snprintf(d->unobserved + used, sizeof d->unobserved - used, "%s%s",
                                     used ? ", " : "", sources[i].word);
    ifm_doctor_add(d, "sources", used ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK, "%s%s",
                   used ? "cannot be observed here: " : "all can be observed", d->unobserved);
}
