/* Passes that are no latency pass: they change what they look at, so each is a process of its own.
 */
#include <dlfcn.h>
#include <string.h>
#include "agents/worker/count_malloc.h"
#include "agents/worker/phase.h"
#include "agents/worker/profile.h"

int ifm_phase_can_profile(struct ifm_run *r, struct ifm_err *err)
{
    return ifm_profile_check(&r->module, err);
}

int ifm_phase_profile(struct ifm_run *r, struct ifm_err *err)
{
    r->context->step = IFM_STEP_STEADY;
    return ifm_profile_run(&r->module, r->spec, &r->result.profile, err);
}

/* -- Allocations ----------------------------------------------------------------------------------
 */
static bool find(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name); /* of ifm_count.so, which main.c had preloaded */
    memcpy(slot, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* The loop allocates nothing and no sampler runs, so that all that is counted is the runtime's. */
int ifm_phase_allocations(struct ifm_run *r, struct ifm_err *err)
{
    struct ifm_msg_allocations *out = &r->result.allocations;
    struct ifm_loop loop = ifm_phase_loop(r);
    struct ifm_loop_result result;
    struct ifm_count_totals totals;
    ifm_count_start_fn start;
    ifm_count_stop_fn stop;
    const int64_t asked = r->spec->iterations > 0 ? r->spec->iterations : IFM_PHASE_COUNTED;
    r->context->step = IFM_STEP_STEADY;
    if (!find(&start, "ifm_count_start") || !find(&stop, "ifm_count_stop")) {
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "allocations",
                           "allocations are not counted in this process");
    }
    loop.iterations = asked < IFM_PHASE_COUNTED_MOST ? asked : IFM_PHASE_COUNTED_MOST;
    loop.max_ns = r->spec->max_ns;
    const int code = ifm_loop_array_init(&r->array, (size_t)loop.iterations, err);
    if (code != 0) {
        return code;
    }
    loop.samples = r->array.samples;
    loop.capacity = r->array.capacity;
    start();
    ifm_loop_run(&loop, &result);
    stop(&totals);
    if (result.status != 0) {
        return ifm_phase_failed(r, "run", result.status, IFM_ERR_MEASUREMENT, err);
    }
    *out = (struct ifm_msg_allocations){ .inferences = (int64_t)result.count,
                                         .allocations = totals.allocations,
                                         .frees = totals.frees,
                                         .bytes = totals.bytes };
    return 0;
}
