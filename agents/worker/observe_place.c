#include "agents/worker/observe_place.h"
#include <errno.h>
#include <sched.h>

static int restrict_to(const int *cpus, struct ifm_err *err)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int *cpu = cpus; *cpu >= 0; cpu++) {
        CPU_SET((size_t)*cpu, &set);
    }
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        return ifm_err_errno(err, errno, "cpus", "cannot stay on the processors asked for");
    }
    return 0;
}

static bool contains(const struct ifm_ints *cpus, int cpu)
{
    for (size_t i = 0; i < cpus->count; i++) {
        if (cpus->items[i] == cpu) {
            return true;
        }
    }
    return false;
}

/* As asked; whatever lies outside is spare. */
static int place_asked(const struct ifm_ints *asked, const cpu_set_t *allowed, int *cpus,
                       int *spare, struct ifm_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < asked->count; i++) {
        const int64_t cpu = asked->items[i];
        if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed)) {
            return ifm_err_set(err, IFM_ERR_USAGE, "cpus",
                               "processor %lld is none of the %d that this process may use",
                               (long long)cpu, CPU_COUNT(allowed));
        }
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (contains(asked, cpu)) {
            cpus[count++] = cpu;
        } else if (CPU_ISSET((size_t)cpu, allowed)) {
            *spare = cpu;
        }
    }
    cpus[count] = -1;
    return restrict_to(cpus, err);
}

/* Fewer threads than processors: the last one is spare. Threads that nobody counted get all. */
int ifm_observe_place(const struct ifm_msg_spec *spec, bool samplers, int *cpus, int *spare,
                      struct ifm_err *err)
{
    cpu_set_t allowed;
    size_t count = 0;
    *spare = -1;
    cpus[0] = -1;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) { /* more than fit: none is named */
        return spec->cpus.count
                   ? ifm_err_errno(err, errno, "cpus", "cannot ask which processors there are")
                   : 0;
    }
    if (spec->cpus.count > 0) {
        return place_asked(&spec->cpus, &allowed, cpus, spare, err);
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &allowed)) {
            cpus[count++] = cpu;
        }
    }
    const bool one_left = samplers && spec->threads > 0 && spec->threads < (int64_t)count;
    if (one_left) {
        *spare = cpus[--count];
    }
    cpus[count] = -1;
    return one_left ? restrict_to(cpus, err) : 0;
}
