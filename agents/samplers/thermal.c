/* Temperature of the hottest zone, how often processors were throttled for heat, and how far the
 * cooling that slows processors down is engaged. */
#include <stdio.h>
#include <string.h>
#include "agents/samplers/samplers.h"
#include "agents/samplers/source.h"

#define ZONES_MAX   64 /* numbers tried; they have gaps where a zone went away */
#define CPUS_MAX    64
#define COUNT_MAX   ((int64_t)1 << 48)
#define COLDEST_MC  (-60000) /* beyond these a sensor is broken or not there */
#define HOTTEST_MC  250000
#define COOLING_MAX 10000

enum { MAX, THROTTLE, COOLING, METRICS };

static const struct ifm_sampler_metric metrics[METRICS] = {
    [MAX] = { "max_mc", "mC", IFM_SAMPLER_GAUGE, IFM_SAMPLER_HOST,
              "temperature of the hottest zone", 0 },
    [THROTTLE] = { "throttle_count", "count", IFM_SAMPLER_COUNTER, IFM_SAMPLER_HOST,
                   "times that measured cores or their packages were throttled for heat", 0 },
    [COOLING] = { "cooling_state", "count", IFM_SAMPLER_GAUGE, IFM_SAMPLER_HOST,
                  "steps that cooling slows processors by", 0 },
};

struct state {
    struct ifm_source zones[ZONES_MAX], cooling[ZONES_MAX];
    struct ifm_source core[CPUS_MAX], package[CPUS_MAX];
};

/* A fan that turns, a dimmed display or a firmware's fixed offset slows nothing down: only devices
 * known to hold processors back count. */
static bool slows_processors(const struct ifm_source *type)
{
    static const char *const words[] = { "cpu",  "Processor", "processor", "powerclamp",
                                         "idle", "devfreq",   "gpu",       "thermal-" };
    char text[64];
    ifm_source_text(type, text, sizeof text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(text, words[i]) && !strstr(text, "fan")) {
            return true;
        }
    }
    return false;
}

/* -1 where the kernel does not say: every processor then counts by itself. */
static int64_t topology(const struct ifm_sampler_host *host, int cpu, const char *file)
{
    char path[96], text[32];
    int64_t id = -1;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, file);
    return ifm_source_once(host, path, text, sizeof text) && ifm_source_number(text, NULL, &id)
               ? id
               : -1;
}

/* Siblings show the counter of their core, and all of a package that of the package: each is read
 * once, so that a sum is a number of times. */
static void open_throttles(struct state *s, const struct ifm_sampler_host *host)
{
    int64_t packages[CPUS_MAX], cores[CPUS_MAX];
    for (int i = 0; i < CPUS_MAX && host->cpus[i] >= 0; i++) {
        const int cpu = host->cpus[i];
        bool same_package = false, same_core = false;
        packages[i] = topology(host, cpu, "physical_package_id");
        cores[i] = topology(host, cpu, "core_id");
        for (int j = 0; j < i && packages[i] >= 0; j++) {
            same_package = same_package || packages[j] == packages[i];
            same_core =
                same_core || (packages[j] == packages[i] && cores[i] >= 0 && cores[j] == cores[i]);
        }
        const char *const folder = "/sys/devices/system/cpu/cpu";
        if (!same_core) {
            ifm_source_open(&s->core[i], host, "%s%d/thermal_throttle/core_throttle_count", folder,
                            cpu);
        }
        if (!same_package) {
            ifm_source_open(&s->package[i], host, "%s%d/thermal_throttle/package_throttle_count",
                            folder, cpu);
        }
    }
}

static int thermal_open(void *state, const struct ifm_sampler_host *host)
{
    struct state *s = state;
    for (int i = 0; i < ZONES_MAX; i++) {
        struct ifm_source type;
        ifm_source_open(&s->zones[i], host, "/sys/class/thermal/thermal_zone%d/temp", i);
        if (ifm_source_open(&type, host, "/sys/class/thermal/cooling_device%d/type", i) &&
            slows_processors(&type)) {
            ifm_source_open(&s->cooling[i], host, "/sys/class/thermal/cooling_device%d/cur_state",
                            i);
        }
        ifm_source_close(&type);
    }
    open_throttles(s, host);
    return 0;
}

/* Adds up what lies in range; a cooling device that is off may say -1. */
static bool sum_of(const struct ifm_source *sources, size_t count, int64_t most, int64_t *sum)
{
    bool any = false;
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (ifm_source_is_open(&sources[i]) && ifm_source_value(&sources[i], &value) &&
            value >= -1 && value <= most) {
            *sum += value > 0 ? value : 0;
            any = true;
        }
    }
    return any;
}

static int thermal_sample(void *state, int64_t *values, uint32_t *valid)
{
    const struct state *s = state;
    int64_t hottest = INT64_MIN, count = 0, cooling = 0, value = 0;
    for (size_t i = 0; i < ZONES_MAX; i++) {
        if (ifm_source_is_open(&s->zones[i]) && ifm_source_value(&s->zones[i], &value) &&
            value > COLDEST_MC && value < HOTTEST_MC && value > hottest) {
            hottest = value;
        }
    }
    ifm_source_put(hottest != INT64_MIN, hottest, MAX, values, valid);
    const bool cores = sum_of(s->core, CPUS_MAX, COUNT_MAX, &count);
    const bool packages = sum_of(s->package, CPUS_MAX, COUNT_MAX, &count);
    ifm_source_put(cores || packages, count, THROTTLE, values, valid);
    const bool cools = sum_of(s->cooling, ZONES_MAX, COOLING_MAX, &cooling);
    ifm_source_put(cools, cooling, COOLING, values, valid);
    return 0;
}

static void thermal_close(void *state)
{
    struct state *s = state;
    for (size_t i = 0; i < ZONES_MAX; i++) {
        ifm_source_close(&s->zones[i]);
        ifm_source_close(&s->cooling[i]);
    }
    for (size_t i = 0; i < CPUS_MAX; i++) {
        ifm_source_close(&s->core[i]);
        ifm_source_close(&s->package[i]);
    }
}

static int thermal_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    int64_t values[METRICS];
    *present = 0;
    thermal_open(state, host);
    thermal_sample(state, values, present);
    thermal_close(state);
    return *present ? 0 : IFM_SAMPLER_ABSENT;
}

const struct ifm_sampler_ops ifm_sampler_thermal = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "thermal",
    .summary = "temperatures, throttle counts and cooling from /sys",
    .state_size = sizeof(struct state),
    .metrics = metrics,
    .metric_count = METRICS,
    .min_period_ns = 100000000, /* sensors behind a bus take milliseconds */
    .probe = thermal_probe,
    .open = thermal_open,
    .sample = thermal_sample,
    .close = thermal_close,
};
