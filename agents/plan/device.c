#include "agents/plan/device.h"

#include <ctype.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agents/plan/keys.h"
#include "agents/plan/limits.h"
#include "core/mem.h"

#define FILE_TEXT_MAX 65536
#define VALUE_MAX     256

struct device { /* what is being gathered */
    const char *root;
    struct ifm_list *facts;
    bool failed;
};

static void add(struct device *device, bool hard, const char *name, const char *value)
{
    while (value && isspace((unsigned char)*value))
        value++;
    if (!value || !*value || device->failed)
        return;
    size_t len = strlen(value);
    while (len && isspace((unsigned char)value[len - 1]))
        len--;
    if (len > VALUE_MAX)
        len = VALUE_MAX;
    struct ifm_msg_fact *items =
        ifm_resize_array(device->facts->items, device->facts->count + 1, sizeof *items);
    if (!items) {
        device->failed = true;
        return;
    }
    device->facts->items = items;
    struct ifm_msg_fact *fact = &items[device->facts->count];
    *fact = (struct ifm_msg_fact){ .name = ifm_dup(name),
                                   .value = ifm_dup_bytes(value, len),
                                   .hard = hard };
    if (!fact->name || !fact->value) {
        ifm_free(fact->name);
        ifm_free(fact->value);
        device->failed = true;
        return;
    }
    device->facts->count++;
}

__attribute__((format(printf, 4, 5))) static void addf(struct device *device, bool hard,
                                                       const char *name, const char *format, ...)
{
    char value[VALUE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    add(device, hard, name, value);
}

/* The start of a file below the root; "" when it cannot be read. */
static char *slurp(const struct device *device, const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", device->root, path);
    char *text = ifm_alloc(FILE_TEXT_MAX + 1);
    FILE *file = text ? fopen(full, "re") : NULL;
    if (file) {
        size_t n = fread(text, 1, FILE_TEXT_MAX, file);
        text[n] = '\0';
        fclose(file);
    }
    return text;
}

static void add_file(struct device *device, bool hard, const char *name, const char *path)
{
    char *text = slurp(device, path);
    if (text) {
        char *end = strchr(text, '\n');
        if (end)
            *end = '\0';
        add(device, hard, name, text);
    }
    ifm_free(text);
}

/* Value of the first line "key<spaces><separator> value"; false when there is none. */
static bool line_value(const char *text, const char *key, char separator, char *value, size_t size)
{
    size_t len = strlen(key);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, len) != 0)
            continue;
        const char *at = line + len;
        while (*at == ' ' || *at == '\t')
            at++;
        if (*at != separator)
            continue;
        at++;
        while (*at == ' ' || *at == '\t' || *at == '"')
            at++;
        size_t n = strcspn(at, "\"\n");
        if (n >= size)
            n = size - 1;
        memcpy(value, at, n);
        value[n] = '\0';
        return true;
    }
    return false;
}

static int count_lines(const char *text, const char *key)
{
    int n = 0;
    size_t len = strlen(key);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        n += strncmp(line, key, len) == 0;
    return n;
}

/* -- Processors ----------------------------------------------------------------------------------- */

#define CPUS_MAX     1024
#define CLUSTERS_MAX 16

/* Appends a word to a list of distinct ones, separated by '+'. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t len = strlen(word), used = strlen(list);
    for (const char *at = list; *at; at += strcspn(at, "+"), at += *at == '+')
        if (strncmp(at, word, len) == 0 && (at[len] == '+' || !at[len]))
            return;
    if (used + len + 2 < size)
        snprintf(list + used, size - used, "%s%s", used ? "+" : "", word);
}

static bool cpu_line(const struct device *device, int cpu, const char *file, char line[64])
{
    char path[160];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    char *text = slurp(device, path);
    bool any = text && *text;
    if (any) {
        text[strcspn(text, "\n")] = '\0';
        snprintf(line, 64, "%.60s", text);
    }
    ifm_free(text);
    return any;
}

/* Governors of all processors, and how many there are of each top speed: "4x1800000+4x2400000". */
static void frequencies(struct device *device)
{
    char governors[VALUE_MAX] = "", clusters[VALUE_MAX] = "", line[64];
    long long khz[CLUSTERS_MAX];
    int counts[CLUSTERS_MAX], known = 0;
    for (int cpu = 0, missing = 0; cpu < CPUS_MAX && missing < 8; cpu++) {
        if (cpu_line(device, cpu, "cpufreq/scaling_governor", line))
            add_word(governors, sizeof governors, line);
        if (!cpu_line(device, cpu, "cpufreq/cpuinfo_max_freq", line)) {
            missing++; /* numbers may have gaps where processors are offline */
            continue;
        }
        long long value = strtoll(line, NULL, 10);
        int at = 0;
        while (at < known && khz[at] != value)
            at++;
        if (at == known && known < CLUSTERS_MAX) {
            khz[known] = value;
            counts[known++] = 0;
        }
        if (at < known)
            counts[at]++;
    }
    for (int i = 0; i < known; i++) {
        size_t used = strlen(clusters);
        snprintf(clusters + used, sizeof clusters - used, "%s%dx%lld", used ? "+" : "", counts[i], khz[i]);
    }
    add(device, true, "cpu_governor", governors);
    add(device, true, "cpu_max_khz", clusters);
}

/* Of x86 the flags say it; elsewhere only a node of the device tree does, and nothing is guessed. */
static void hypervisor(struct device *device, const char *cpuinfo)
{
    if (strstr(cpuinfo, "\nflags") || strncmp(cpuinfo, "flags", 5) == 0)
        add(device, true, "hypervisor", strstr(cpuinfo, " hypervisor") ? "yes" : "no");
    else
        add_file(device, true, "hypervisor", "/proc/device-tree/hypervisor/compatible");
}

static void processor(struct device *device)
{
    static const char *const rows[][2] = { /* fact, /proc/cpuinfo */
                                           { "cpu_model", "model name" },
                                           { "cpu_family", "cpu family" },
                                           { "cpu_model_number", "model" },
                                           { "cpu_stepping", "stepping" },
                                           { "cpu_microcode", "microcode" },
                                           { "cpu_implementer", "CPU implementer" },
                                           { "cpu_part", "CPU part" },
                                           { "cpu_revision", "CPU revision" },
                                           { "board", "Model" }
    };
    static const char *const files[][2] = { /* fact, file */
        { "cpu_online", "/sys/devices/system/cpu/online" },
        { "cpu_smt", "/sys/devices/system/cpu/smt/active" },
        { "cpu_isolated", "/sys/devices/system/cpu/isolated" },
        { "cpu_driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver" },
        { "cpu_turbo", "/sys/devices/system/cpu/cpufreq/boost" },
        { "cpu_no_turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo" },
        { "cpu_microcode_version", "/sys/devices/system/cpu/cpu0/microcode/version" },
        { "cache_l2", "/sys/devices/system/cpu/cpu0/cache/index2/size" },
        { "cache_l3", "/sys/devices/system/cpu/cpu0/cache/index3/size" },
        { "numa_nodes", "/sys/devices/system/node/online" },
        { "hypervisor_type", "/sys/hypervisor/type" },
        { "product", "/sys/class/dmi/id/product_name" },
        { "device_tree_model", "/proc/device-tree/model" }
    };
    char *text = slurp(device, "/proc/cpuinfo");
    char value[VALUE_MAX];
    for (size_t i = 0; text && i < sizeof rows / sizeof *rows; i++)
        if (line_value(text, rows[i][1], ':', value, sizeof value))
            add(device, true, rows[i][0], value);
    if (text && count_lines(text, "processor"))
        addf(device, true, "cpu_count", "%d", count_lines(text, "processor"));
    if (text && *text)
        hypervisor(device, text);
    ifm_free(text);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        add_file(device, true, files[i][0], files[i][1]);
    frequencies(device);
}

/* -- Memory and software ------------------------------------------------------------------------ */

/* "always [madvise] never": the word in brackets. */
static void add_chosen(struct device *device, const char *name, const char *path)
{
    char *text = slurp(device, path);
    char *open = text ? strchr(text, '[') : NULL, *close = open ? strchr(open, ']') : NULL;
    if (close) {
        *close = '\0';
        add(device, true, name, open + 1);
    }
    ifm_free(text);
}

static void memory(struct device *device)
{
    char *text = slurp(device, "/proc/meminfo");
    char value[VALUE_MAX], unused[VALUE_MAX];
    if (text && line_value(text, "MemTotal", ':', value, sizeof value)) {
        long long kib = strtoll(value, NULL, 10);
        /* the kernel's own share differs between boots: whole 64 MiB */
        addf(device, true, "ram_mib", "%lld", (kib / 1024 + 32) / 64 * 64);
    }
    if (text && line_value(text, "MemAvailable", ':', value, sizeof value))
        add(device, false, "ram_available", value);
    if (text && line_value(text, "SwapTotal", ':', value, sizeof value) &&
        line_value(text, "SwapFree", ':', unused, sizeof unused))
        addf(device, false, "swap_used", "%lld kB", strtoll(value, NULL, 10) - strtoll(unused, NULL, 10));
    ifm_free(text);
    if (!device->root[0]) /* a recorded tree does not tell */
        addf(device, true, "page_bytes", "%ld", sysconf(_SC_PAGESIZE));
    add_chosen(device, "transparent_hugepages", "/sys/kernel/mm/transparent_hugepage/enabled");
}

static void system_software(struct device *device)
{
    struct utsname names;
    if (!device->root[0] && uname(&names) == 0) {
        addf(device, true, "kernel", "%s %s", names.sysname, names.release);
        add(device, true, "machine", names.machine);
        add(device, false, "kernel_build", names.version);
    } else {
        add_file(device, true, "kernel", "/proc/sys/kernel/osrelease");
    }
    char *text = slurp(device, "/etc/os-release");
    char value[VALUE_MAX];
    if (text && line_value(text, "ID", '=', value, sizeof value))
        add(device, true, "os", value);
    if (text && line_value(text, "VERSION_ID", '=', value, sizeof value))
        add(device, true, "os_version", value);
    ifm_free(text);
    char libc_version[64] = "";
#ifdef _CS_GNU_LIBC_VERSION
    if (!device->root[0])
        confstr(_CS_GNU_LIBC_VERSION, libc_version, sizeof libc_version);
#endif
    add(device, true, "libc", libc_version);
}

/* How many processors may be used, and how much of them, makes the device; which ones differs from job to job
 * where something hands them out, and is only noted. */
static void limits(struct device *device)
{
    struct ifm_limits limits;
    char *status = slurp(device, "/proc/self/status");
    char value[VALUE_MAX];
    cpu_set_t set;
    if (!device->root[0] && sched_getaffinity(0, sizeof set, &set) == 0)
        addf(device, true, "affinity_cpus", "%d", CPU_COUNT(&set));
    if (status && line_value(status, "Cpus_allowed_list", ':', value, sizeof value))
        add(device, false, "affinity", value);
    ifm_free(status);
    ifm_limits_read(device->root, &limits);
    if (limits.cpus > 0) /* a limit that is not there is no fact */
        addf(device, true, "cgroup_cpus", "%.4g", limits.cpus);
    if (limits.memory_bytes > 0)
        addf(device, true, "cgroup_memory_bytes", "%lld", (long long)limits.memory_bytes);
}

/* -- What changes by itself ----------------------------------------------------------------------- */

/* "off" when switched off at boot, else how many weaknesses of the processor are worked around. */
static void mitigations(struct device *device)
{
    static const char *const names[] = { "meltdown", "spectre_v1", "spectre_v2",  "spec_store_bypass", "l1tf",
                                         "mds",      "srbds",      "tsx_async_abort", "retbleed",      "itlb_multihit",
                                         "mmio_stale_data", "gather_data_sampling", "spec_rstack_overflow",
                                         "reg_file_data_sampling" };
    char *line = slurp(device, "/proc/cmdline");
    int active = 0, open = 0;
    bool off = line && strstr(line, "mitigations=off");
    ifm_free(line);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/vulnerabilities/%s", names[i]);
        char *text = slurp(device, path);
        active += text && strncmp(text, "Mitigation", 10) == 0;
        open += text && strncmp(text, "Vulnerable", 10) == 0;
        ifm_free(text);
    }
    if (off || active || open)
        addf(device, false, "mitigations", "%s%d active, %d vulnerable", off ? "off; " : "", active, open);
}

static void temperature(struct device *device)
{
    long long hottest = 0;
    for (int zone = 0; zone < 64; zone++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", zone);
        char *text = slurp(device, path);
        long long value = text ? strtoll(text, NULL, 10) : 0;
        bool none = !text || !*text;
        ifm_free(text);
        if (none && zone)
            break;
        hottest = value > hottest && value < 200000 ? value : hottest;
    }
    if (hottest)
        addf(device, false, "temperature_millicelsius", "%lld", hottest);
}

static void soft(struct device *device)
{
    static const char *const files[][2] = {
        { "loadavg", "/proc/loadavg" },
        { "uptime_s", "/proc/uptime" },
        { "clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource" },
        { "aslr", "/proc/sys/kernel/randomize_va_space" },
        { "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid" },
        { "cpu_limit_khz", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq" },
        { "power_profile", "/sys/firmware/acpi/platform_profile" },
        { "battery_percent", "/sys/class/power_supply/BAT0/capacity" },
        { "battery_status", "/sys/class/power_supply/BAT0/status" }
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        add_file(device, false, files[i][0], files[i][1]);
    temperature(device);
    mitigations(device);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ifm_msg_fact *)a)->name, ((const struct ifm_msg_fact *)b)->name);
}

int ifm_device_facts(const char *root, struct ifm_list *facts, struct ifm_err *err)
{
    struct device device = { .root = root ? root : "", .facts = facts };
    *facts = (struct ifm_list){ 0 };
    processor(&device);
    memory(&device);
    system_software(&device);
    limits(&device);
    soft(&device);
    if (device.failed) {
        ifm_device_facts_done(facts);
        return ifm_err_set(err, IFM_ERR_NOMEM, "device",
                           "out of memory while reading the device's facts");
    }
    if (facts->count)
        qsort(facts->items, facts->count, sizeof(struct ifm_msg_fact), by_name);
    return 0;
}

void ifm_device_facts_done(struct ifm_list *facts)
{
    struct ifm_msg_fact *items = facts->items;
    for (size_t i = 0; i < facts->count; i++) {
        ifm_free(items[i].name);
        ifm_free(items[i].value);
    }
    ifm_free(items);
    *facts = (struct ifm_list){ 0 };
}

int ifm_device_key(const struct ifm_list *facts, char key[IFM_SHA256_HEX], struct ifm_err *err)
{
    struct ifm_map hard = { 0 };
    const struct ifm_msg_fact *items = facts->items;
    int rc = 0;
    for (size_t i = 0; !rc && i < facts->count; i++)
        if (items[i].hard)
            rc = ifm_map_set(&hard, items[i].name, items[i].value, err);
    if (!rc)
        rc = ifm_key_of_map(&hard, key, err);
    ifm_map_done(&hard);
    return rc;
}

void ifm_device_name(char *name, size_t size)
{
    if (gethostname(name, size) != 0 || !*name)
        snprintf(name, size, "unknown");
    name[size - 1] = '\0';
    char *dot = strchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
}
