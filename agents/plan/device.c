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
    char *text = slurp(device, "/proc/cpuinfo");
    char value[VALUE_MAX];
    for (size_t i = 0; text && i < sizeof rows / sizeof *rows; i++)
        if (line_value(text, rows[i][1], ':', value, sizeof value))
            add(device, true, rows[i][0], value);
    if (text && count_lines(text, "processor"))
        addf(device, true, "cpu_count", "%d", count_lines(text, "processor"));
    if (text)
        add(device, true, "hypervisor", strstr(text, " hypervisor") ? "yes" : "no");
    ifm_free(text);
    add_file(device, true, "cpu_online", "/sys/devices/system/cpu/online");
    add_file(device, true, "cpu_smt", "/sys/devices/system/cpu/smt/active");
    add_file(device, true, "cpu_governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    add_file(device, true, "cpu_driver", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
    add_file(device, true, "cpu_max_khz", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq");
    add_file(device, true, "cpu_turbo", "/sys/devices/system/cpu/cpufreq/boost");
    add_file(device, true, "cpu_no_turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo");
    add_file(device, true, "cpu_microcode_version",
             "/sys/devices/system/cpu/cpu0/microcode/version");
    add_file(device, true, "hypervisor_type", "/sys/hypervisor/type");
    add_file(device, true, "product", "/sys/class/dmi/id/product_name");
    add_file(device, true, "device_tree_model", "/proc/device-tree/model");
}

static void memory(struct device *device)
{
    char *text = slurp(device, "/proc/meminfo");
    char value[VALUE_MAX];
    if (text && line_value(text, "MemTotal", ':', value, sizeof value)) {
        long long kib = strtoll(value, NULL, 10);
        /* the kernel's own share differs between boots: whole 64 MiB */
        addf(device, true, "ram_mib", "%lld", (kib / 1024 + 32) / 64 * 64);
    }
    if (text && line_value(text, "MemAvailable", ':', value, sizeof value))
        add(device, false, "ram_available", value);
    ifm_free(text);
    addf(device, true, "page_bytes", "%ld", sysconf(_SC_PAGESIZE));
    add_file(device, true, "transparent_hugepages", "/sys/kernel/mm/transparent_hugepage/enabled");
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
    confstr(_CS_GNU_LIBC_VERSION, libc_version, sizeof libc_version);
#endif
    add(device, true, "libc", libc_version);
}

static void limits(struct device *device)
{
    cpu_set_t set;
    if (!device->root[0] && sched_getaffinity(0, sizeof set, &set) == 0)
        addf(device, true, "affinity_cpus", "%d", CPU_COUNT(&set));
    /* a limit that is not there is no fact; version 2 first, then the mount points of version 1 */
    add_file(device, true, "cgroup_cpu_max", "/sys/fs/cgroup/cpu.max");
    add_file(device, true, "cgroup_memory_max", "/sys/fs/cgroup/memory.max");
    add_file(device, true, "cgroup_cpu_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    add_file(device, true, "cgroup_cpu_period_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    add_file(device, true, "cgroup_memory_limit_bytes",
             "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    add_file(device, true, "cgroup_cpuset", "/sys/fs/cgroup/cpuset.cpus.effective");
}

static void soft(struct device *device)
{
    add_file(device, false, "loadavg", "/proc/loadavg");
    add_file(device, false, "uptime_s", "/proc/uptime");
    add_file(device, false, "clocksource",
             "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    add_file(device, false, "aslr", "/proc/sys/kernel/randomize_va_space");
    add_file(device, false, "temperature_millicelsius", "/sys/class/thermal/thermal_zone0/temp");
    add_file(device, false, "battery_percent", "/sys/class/power_supply/BAT0/capacity");
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
