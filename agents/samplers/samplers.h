/* The built-in samplers, in the order in which they are read. A sampler is a file of its own in
 * this folder; the host (agents/worker/observe.c) checks and drives them.
 *
 * Threading: constant. Ownership: static. */
#ifndef IFM_SAMPLERS_H
#define IFM_SAMPLERS_H

#include "inferometer/sampler.h"

extern const struct ifm_sampler_ops ifm_sampler_proc, ifm_sampler_freq, ifm_sampler_thermal,
    ifm_sampler_perf, ifm_sampler_rapl;

extern const struct ifm_sampler_ops *const ifm_samplers[]; /* NULL-terminated */

#endif
