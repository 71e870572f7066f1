/* Energy by RAPL, as the kernel's powercap zones give it: packages, their cores and graphics,
 * memory, and the whole platform. Most kernels let only root read it. Package is not wall power. */
#include <stdio.h>
#include <string.h>
#include "agents/samplers/samplers.h"
#include "agents/samplers/source.h"

#define ZONES_MAX 16 /* top level, and below each of them */
#define PACKAGES  5  /* that can be told apart; each die of one counts */

/* Order within a package's metrics; the platform stands once, behind them. */
enum kind { PACKAGE, DRAM, CORE, UNCORE, KINDS };
#define PSYS    (KINDS * PACKAGES)
#define METRICS (PSYS + 1)

/* Cores and graphics are parts of the package; memory is beside it, although the kernel shows it
 * below. The platform holds everything, so it never counts with them. */
#define ENERGY(name, overlaps, text)                                                               \
    {                                                                                              \
        name, "uJ", IFM_SAMPLER_ENERGY, IFM_SAMPLER_DEVICE, text, overlaps                         \
    }
#define OF_PACKAGE(n)                                                                              \
    [(n)*KINDS +                                                                                   \
        PACKAGE] = ENERGY("package_" #n "_uj", 0, "energy of processor package " #n),              \
        [(n)*KINDS + DRAM] = ENERGY("dram_" #n "_uj", 0, "energy of the memory at package " #n),   \
        [(n)*KINDS + CORE] = ENERGY("core_" #n "_uj", 1, "energy of the cores in package " #n),    \
        [(n)*KINDS + UNCORE] =                                                                     \
            ENERGY("uncore_" #n "_uj", 1, "energy of the graphics in package " #n)
static const struct ifm_sampler_metric metrics[METRICS] = {
    OF_PACKAGE(0), OF_PACKAGE(1), OF_PACKAGE(2),
    OF_PACKAGE(3), OF_PACKAGE(4), [PSYS] = ENERGY("psys_uj", 1, "energy of the whole platform")
};

struct zone {
    struct ifm_source energy;
    int64_t range; /* the counter goes back to 0 behind it; 0: not known */
    int64_t last;
    int64_t total; /* without wraps, from the first read */
    bool seen;
};
struct state {
    struct zone zones[METRICS];
};

static void open_zone(struct zone *zone, const struct ifm_sampler_host *host, const char *path)
{
    struct ifm_source range;
    int64_t value = 0;
    if (ifm_source_is_open(&zone->energy)) { /* a name that comes twice: the first one stays */
        return;
    }
    if (ifm_source_open(&range, host, "%s/max_energy_range_uj", path) &&
        ifm_source_value(&range, &value) && value > 0) {
        zone->range = value;
    }
    ifm_source_close(&range);
    ifm_source_open(&zone->energy, host, "%s/energy_uj", path);
}

static bool name_of(const struct ifm_sampler_host *host, const char *path, char *name, size_t size)
{
    char file[IFM_SOURCE_PATH_MAX];
    snprintf(file, sizeof file, "%s/name", path);
    return ifm_source_once(host, file, name, size);
}

static void open_below(struct state *s, const struct ifm_sampler_host *host, const char *top,
                       size_t package)
{
    static const struct {
        const char *name;
        enum kind kind;
    } kinds[] = { { "core", CORE }, { "uncore", UNCORE }, { "dram", DRAM } };
    char path[128], name[32];
    for (int i = 0; i < ZONES_MAX; i++) {
        snprintf(path, sizeof path, "%s:%d", top, i);
        if (!name_of(host, path, name, sizeof name)) {
            continue;
        }
        name[strcspn(name, "\n")] = '\0';
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            if (strcmp(name, kinds[k].name) == 0) {
                open_zone(&s->zones[package * KINDS + kinds[k].kind], host, path);
            }
        }
    }
}

/* "package-0", "package-1-die-0", …: one after the other. The -mmio zones show the same packages
 * again and are left out. */
static int rapl_open(void *state, const struct ifm_sampler_host *host)
{
    struct state *s = state;
    char path[64], name[32];
    size_t package = 0;
    for (int i = 0; i < ZONES_MAX; i++) {
        snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d", i);
        if (!name_of(host, path, name, sizeof name)) {
            continue;
        }
        if (strncmp(name, "package", 7) == 0 && package < PACKAGES) {
            open_zone(&s->zones[package * KINDS + PACKAGE], host, path);
            open_below(s, host, path, package);
            package++;
        } else if (strncmp(name, "psys", 4) == 0) {
            open_zone(&s->zones[PSYS], host, path);
        }
    }
    return 0;
}

/* A counter that went back has wrapped once: the range is 60 s of full power or more. Where the
 * range is not known, or smaller than what was read, that step is lost and not guessed. */
static bool advance(struct zone *zone, int64_t now)
{
    if (now < 0 || zone->total >= IFM_SOURCE_NUMBER_MAX) {
        return false;
    }
    if (zone->seen && now >= zone->last) {
        zone->total += now - zone->last;
    } else if (zone->seen && zone->range >= zone->last) {
        zone->total += zone->range - zone->last + now;
    }
    zone->last = now;
    zone->seen = true;
    return zone->total < IFM_SOURCE_NUMBER_MAX;
}

static int rapl_sample(void *state, int64_t *values, uint32_t *valid)
{
    struct state *s = state;
    int64_t now = 0;
    for (size_t i = 0; i < METRICS; i++) {
        struct zone *zone = &s->zones[i];
        if (ifm_source_is_open(&zone->energy) && ifm_source_value(&zone->energy, &now) &&
            advance(zone, now)) {
            ifm_source_put(true, zone->total, i, values, valid);
        }
    }
    return 0;
}

static void rapl_close(void *state)
{
    struct state *s = state;
    for (size_t i = 0; i < METRICS; i++) {
        ifm_source_close(&s->zones[i].energy);
        s->zones[i] = (struct zone){ .seen = false };
    }
}

static int rapl_probe(void *state, const struct ifm_sampler_host *host, uint32_t *present)
{
    int64_t values[METRICS];
    *present = 0;
    rapl_open(state, host);
    rapl_sample(state, values, present);
    rapl_close(state);
    return *present ? 0 : IFM_SAMPLER_ABSENT;
}

const struct ifm_sampler_ops ifm_sampler_rapl = {
    .abi = IFM_SAMPLER_ABI,
    .size = sizeof(struct ifm_sampler_ops),
    .name = "rapl",
    .summary = "energy of packages, memory and platform from powercap",
    .state_size = sizeof(struct state),
    .metrics = metrics,
    .metric_count = METRICS,
    .min_period_ns = 1000000,
    .probe = rapl_probe,
    .open = rapl_open,
    .sample = rapl_sample,
    .close = rapl_close,
};
