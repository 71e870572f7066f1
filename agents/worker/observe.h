/* Runs the samplers beside a measurement: which there are, where they run, what they read, and the
 * energy that follows from it. It never measures latency.
 *
 * Where: when a processor is spare (spec.threads is known and smaller than the allowed processors,
 * or spec.cpus leaves one out), the last spare one gets a thread that reads all samplers every 100
 * ms, and the measured threads are kept off it. Else there is no thread: reads happen at phase
 * edges alone, on the measuring thread, and every group is marked sparse.
 *
 * Threading: all calls come from the measuring thread, outside the timed loop. Between two edges it
 * shares nothing with the sampler thread: no lock, no cache line. ifm_observe_edge waits until the
 * read is done (about 0.1 ms). Ownership: opaque, freed by ifm_observe_close, which accepts NULL,
 * as do all calls here. The spec must outlive it. Lanes live in one mapping that is touched at the
 * start, so that its pages can be subtracted from peaks.
 *
 * Values: counters and energies are from the group's first read (which is 0 therefore), gauges as
 * read. A value that one read lacked repeats the one before it; a metric that never had one is no
 * lane. */
#ifndef IFM_OBSERVE_H
#define IFM_OBSERVE_H

#include <stdbool.h>
#include "core/msg.h"
#include "inferometer/sampler.h"

#define IFM_OBSERVE_PERIOD_NS ((int64_t)100000000)
/* Text of all lanes of one result, bytes: groups lose every second point until they fit. The whole
 * event has IFM_JSON_TEXT_MAX, and a run's invocations travel together where they can. */
#define IFM_OBSERVE_TEXT_MAX (48 * 1024)

enum ifm_observe_edge {
    IFM_OBSERVE_LOAD_BEGIN,
    IFM_OBSERVE_LOAD_END,
    IFM_OBSERVE_FIRST_BEGIN,
    IFM_OBSERVE_FIRST_END,
    IFM_OBSERVE_WARMUP_BEGIN,
    IFM_OBSERVE_WARMUP_END,
    IFM_OBSERVE_STEADY_BEGIN,
    IFM_OBSERVE_STEADY_END
};

struct ifm_observe;

/* Call before the module is loaded and before any other thread starts: counters are inherited from
 * here, and so is the affinity. Applies spec.cpus to the calling thread, also when spec.samplers is
 * "none". IFM_ERR_USAGE for an unknown sampler (names the nearest) or a processor that this process
 * may not use, IFM_ERR_NOT_FOUND for a sysroot that is no folder. An absent source is no error. */
int ifm_observe_open(const struct ifm_msg_spec *spec, struct ifm_observe **out,
                     struct ifm_err *err);

void ifm_observe_edge(struct ifm_observe *observe, enum ifm_observe_edge edge);

/* Sleeps spec.idle_ns with the runtime loaded and quiet, and reads the energy before and after;
 * returns at once where no energy source is present or idle_ns is 0. Call it before the warm-up,
 * not after it: a processor that slept begins the timed phase at a low clock. */
void ifm_observe_idle(struct ifm_observe *observe);

/* What the sampler thread used since it started, to be taken off the process's own figures: call
 * before and after the timed phase and subtract. cpu_ns is of now, the rest of its latest read. All
 * zero without a thread. */
struct ifm_observe_use {
    int64_t cpu_ns, voluntary_switches, involuntary_switches, minor_faults;
};
void ifm_observe_use(struct ifm_observe *observe, struct ifm_observe_use *use);
int64_t ifm_observe_bytes(const struct ifm_observe *observe); /* resident memory of the lanes */

/* Ends the thread and writes event->lanes, event->energy and event->warnings; times become relative
 * to begin_ns (CLOCK_MONOTONIC), the begin of the timed phase. Once. */
int ifm_observe_take(struct ifm_observe *observe, int64_t begin_ns, struct ifm_msg_event *event,
                     struct ifm_err *err);
void ifm_observe_close(struct ifm_observe *observe); /* also after a failed or missing take */

/* For tests: the same over other samplers than the built-in ones; NULL-terminated, outlives the
 * result. */
int ifm_observe_open_with(const struct ifm_sampler_ops *const *samplers,
                          const struct ifm_msg_spec *spec, struct ifm_observe **out,
                          struct ifm_err *err);

#endif
