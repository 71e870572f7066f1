/* The operator profile: a pass of its own, after the warm-up, never the latency pass. One block of plain
 * inferences before the profiled ones and one after them, in the same process, give the P50 that the profiled
 * P50 is divided by: how much the profiler distorts is measured every time.
 *
 * Threading: the measuring thread. Ownership: what is filled is freed with the event that holds it.
 * Method: measurement.md 10.7 and 10.9: perturbation, and the remainder that no operator accounts for. */
#ifndef IFM_PROFILE_H
#define IFM_PROFILE_H

#include "agents/worker/registry.h"
#include "core/msg.h"

#define IFM_PROFILE_INFERENCES     50
#define IFM_PROFILE_INFERENCES_MAX 10000

/* 0, or IFM_ERR_UNSUPPORTED with a sentence where the runtime has no operator profile. Before the load. */
int ifm_profile_check(const struct ifm_registry_module *module, struct ifm_err *err);
/* After the warm-up. spec->iterations: profiled inferences (0: IFM_PROFILE_INFERENCES); spec->max_ns bounds
 * each of the three blocks, which hold one inference at least. */
int ifm_profile_run(struct ifm_registry_module *module, const struct ifm_msg_spec *spec,
                    struct ifm_msg_profile *out, struct ifm_err *err);

/* -- For tests ------------------------------------------------------------------------------------ */
/* Rows of a module whose struct has `size` bytes, as messages, longest first; asked: the provider that was asked for,
 * or NULL. Where all of them are more than a message may hold, the shortest are one row, "(N others)". */
int ifm_profile_take(const void *rows, size_t count, size_t size, const char *asked,
                     struct ifm_msg_profile *out, struct ifm_err *err);

#endif
