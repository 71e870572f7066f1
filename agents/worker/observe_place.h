/* Which processors the measured threads get and which one is left for the sampler thread: a part of
 * observe.c, not to be used by anybody else.
 *
 * Threading: changes the affinity of the calling thread, which later threads inherit. Ownership:
 * none. */
#ifndef IFM_OBSERVE_PLACE_H
#define IFM_OBSERVE_PLACE_H

#include <stdbool.h>
#include "core/msg.h"

#define IFM_OBSERVE_CPUS_MAX 1024 /* of a fixed cpu_set_t */

/* cpus gets the measured ones, ended by -1, at most IFM_OBSERVE_CPUS_MAX; *spare one that none of
 * them is, or -1. Without spec.cpus nothing is restricted unless a thread of samplers is to have
 * its own. */
int ifm_observe_place(const struct ifm_msg_spec *spec, bool samplers, int *cpus, int *spare,
                      struct ifm_err *err);

#endif
