/* Checks of what decides how fast the processor's clock runs, and of the clock that we read. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/doctor.h"
#include "core/clock.h"

#define HOT_MC        85000 /* most processors slow down between 90 and 105 degrees */
#define ZONES_MAX     64
#define TUNE          "inferometer doctor --tune -- COMMAND"
#define RESOLUTION_NS 1000
#define OVERHEAD_NS   1000

static bool cpu_file(const char *root, int cpu, const char *file, char *text, size_t size)
{
    char path[160];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    return ifm_doctor_read(root, path, text, size);
}

/* A governor that follows the load is not yet wrong: warm-up lets it settle. One that holds the lowest clock, or
 * different ones on different processors, are. */
static void governor(struct ifm_doctor *d, const int *cpus, size_t count)
{
    char first[32] = "", one[32], driver[64] = "";
    bool mixed = false;
    for (size_t i = 0; i < count; i++) {
        if (!cpu_file(d->root, cpus[i], "cpufreq/scaling_governor", one, sizeof one))
            continue;
        if (!first[0])
            snprintf(first, sizeof first, "%s", one);
        mixed = mixed || strcmp(first, one) != 0;
    }
    if (!first[0]) {
        ifm_doctor_add(d, "governor", IFM_DOCTOR_NOTE,
                       "there is no cpufreq here: the clock can be neither seen nor held");
        return;
    }
    cpu_file(d->root, cpus[0], "cpufreq/scaling_driver", driver, sizeof driver);
    bool active = strcmp(driver, "intel_pstate") == 0 || strncmp(driver, "amd-pstate-epp", 14) == 0;
    bool lowest = strcmp(first, "powersave") == 0 && !active;
    struct ifm_doctor_check *c = ifm_doctor_add(
        d, "governor",
        mixed || lowest                       ? IFM_DOCTOR_PROBLEM
        : strcmp(first, "performance") == 0   ? IFM_DOCTOR_OK
                                              : IFM_DOCTOR_NOTE,
        "%s%s%s%s", mixed ? "differs between processors; the first has " : "", first,
        driver[0] ? ", driver " : "", driver);
    if (c->state != IFM_DOCTOR_OK)
        ifm_doctor_remedy(c, lowest ? "it holds the lowest clock" : "the clock follows the load",
                          "echo performance | sudo tee "
                          "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor   # or: " TUNE);
}

static void turbo(struct ifm_doctor *d)
{
    int64_t value;
    bool inverse = ifm_doctor_read_number(d->root, "/sys/devices/system/cpu/intel_pstate/no_turbo",
                                          &value);
    if (!inverse && !ifm_doctor_read_number(d->root, "/sys/devices/system/cpu/cpufreq/boost", &value)) {
        ifm_doctor_add(d, "turbo", IFM_DOCTOR_NOTE, "whether it is on cannot be read here");
        return;
    }
    bool on = inverse ? value == 0 : value != 0;
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "turbo", on ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK, "%s",
                       on ? "on: the clock depends on temperature and on what else runs" : "off");
    if (on)
        ifm_doctor_remedy(c, "switch it off for numbers that repeat",
                          inverse ? "echo 1 | sudo tee "
                                    "/sys/devices/system/cpu/intel_pstate/no_turbo   # or: " TUNE
                                  : "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost   # or: "
                                    TUNE);
}

static void smt(struct ifm_doctor *d)
{
    int64_t active;
    char control[32] = "";
    ifm_doctor_read(d->root, "/sys/devices/system/cpu/smt/control", control, sizeof control);
    if (!ifm_doctor_read_number(d->root, "/sys/devices/system/cpu/smt/active", &active)) {
        ifm_doctor_add(d, "smt", IFM_DOCTOR_NOTE, "whether cores are shared cannot be read here");
        return;
    }
    struct ifm_doctor_check *c = ifm_doctor_add(
        d, "smt", active ? IFM_DOCTOR_NOTE : IFM_DOCTOR_OK, "%s",
        active ? "on: two threads share a core, so that the second one costs less than it looks" : "off");
    if (active)
        ifm_doctor_remedy(c, "give --threads at most the number of cores",
                          "echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

static void platform(struct ifm_doctor *d)
{
    char profile[32];
    if (!ifm_doctor_read(d->root, "/sys/firmware/acpi/platform_profile", profile, sizeof profile))
        return;
    bool low = strcmp(profile, "low-power") == 0 || strcmp(profile, "quiet") == 0;
    struct ifm_doctor_check *c = ifm_doctor_add(d, "power profile", low ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK,
                                                "%s", profile);
    if (low)
        ifm_doctor_remedy(c, "it limits the processor's power",
                          "echo balanced | sudo tee /sys/firmware/acpi/platform_profile");
}

static bool cooling_active(const char *root)
{
    for (int i = 0; i < ZONES_MAX; i++) {
        char path[96], type[64];
        int64_t state;
        snprintf(path, sizeof path, "/sys/class/thermal/cooling_device%d/type", i);
        if (!ifm_doctor_read(root, path, type, sizeof type))
            return false;
        snprintf(path, sizeof path, "/sys/class/thermal/cooling_device%d/cur_state", i);
        /* a fan that turns slows nothing down */
        if (!strstr(type, "fan") && !strstr(type, "Fan") && ifm_doctor_read_number(root, path, &state) &&
            state > 0 && (strstr(type, "rocessor") || strstr(type, "cpu")))
            return true;
    }
    return false;
}

static void thermal(struct ifm_doctor *d)
{
    int64_t hottest = INT64_MIN, mc;
    for (int i = 0; i < ZONES_MAX; i++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", i);
        if (ifm_doctor_read_number(d->root, path, &mc) && mc > hottest && mc < 200000)
            hottest = mc;
    }
    if (hottest == INT64_MIN) {
        ifm_doctor_add(d, "temperature", IFM_DOCTOR_NOTE, "no thermal zone can be read here");
        return;
    }
    bool slowed = cooling_active(d->root), hot = hottest >= HOT_MC;
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "temperature", slowed || hot ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK,
                       "%.1f degrees Celsius%s", (double)hottest / 1000,
                       slowed ? ": the processor is being slowed down" : hot ? ": about to slow down" : "");
    if (slowed || hot)
        ifm_doctor_remedy(c, "let it cool down, look at the fan and what runs", "top");
}

static void clock_source(struct ifm_doctor *d)
{
    char name[64];
    if (!ifm_doctor_read(d->root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", name,
                         sizeof name)) {
        ifm_doctor_add(d, "clock source", IFM_DOCTOR_NOTE, "it cannot be read here");
        return;
    }
    bool slow = strcmp(name, "hpet") == 0 || strcmp(name, "acpi_pm") == 0 ||
                strcmp(name, "jiffies") == 0 || strcmp(name, "refined-jiffies") == 0 ||
                strcmp(name, "pit") == 0;
    struct ifm_doctor_check *c =
        ifm_doctor_add(d, "clock source", slow ? IFM_DOCTOR_PROBLEM : IFM_DOCTOR_OK, "%s%s", name,
                       slow ? ": each reading is a system call and takes a microsecond or more" : "");
    if (slow)
        ifm_doctor_remedy(c, "use the processor's own counter",
                          "echo tsc | sudo tee "
                          "/sys/devices/system/clocksource/clocksource0/current_clocksource");
}

static void timer(struct ifm_doctor *d)
{
    struct ifm_clock_calibration t;
    if (d->root[0])
        return; /* of this machine, not of the recorded one */
    ifm_clock_calibrate(&t);
    bool off = t.raw_ratio > 0 && (t.raw_ratio > 1.01 || t.raw_ratio < 0.99);
    bool coarse = t.resolution_ns > RESOLUTION_NS || t.overhead_ns > OVERHEAD_NS;
    ifm_doctor_add(d, "timer",
                   off      ? IFM_DOCTOR_PROBLEM
                   : coarse ? IFM_DOCTOR_NOTE
                            : IFM_DOCTOR_OK,
                   "resolution %lld ns, a reading takes %lld ns%s", (long long)t.resolution_ns,
                   (long long)t.overhead_ns,
                   off      ? "; it runs more than 1 % off the raw clock"
                   : coarse ? "; short inferences are timed in batches"
                            : "");
}

void ifm_doctor_clocks(struct ifm_doctor *d)
{
    int cpus[IFM_DOCTOR_CPUS];
    size_t count = ifm_doctor_cpus(d->root, cpus);
    governor(d, cpus, count);
    turbo(d);
    smt(d);
    platform(d);
    thermal(d);
    clock_source(d);
    timer(d);
}
