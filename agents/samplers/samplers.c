#include "agents/samplers/samplers.h"
#include <stddef.h>

/* Energy first: it is the one whose time of reading matters. A new sampler is a line here. */
const struct ifm_sampler_ops *const ifm_samplers[] = { &ifm_sampler_rapl,    &ifm_sampler_perf,
                                                       &ifm_sampler_proc,    &ifm_sampler_freq,
                                                       &ifm_sampler_thermal, NULL };
