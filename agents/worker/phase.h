/* One invocation in its phases. Each takes the state, does its part, fills what it knows of the
 * result event, and leaves the step it is in behind for the error event.
 *
 * run.c says which action takes which phases in which order. Threading: the measuring thread.
 * Ownership: struct ifm_run owns what its members own; run.c frees it, whatever phase failed. */
#ifndef IFM_PHASE_H
#define IFM_PHASE_H

#include "agents/worker/load.h"
#include "agents/worker/loop.h"
#include "agents/worker/observe.h"
#include "agents/worker/registry.h"
#include "agents/worker/run.h"
#include "agents/worker/scenario.h"
#include "agents/worker/warmup.h"
#include "core/clock.h"

#define IFM_PHASE_WARNINGS_MAX 32
#define IFM_PHASE_COUNTED      100 /* inferences of the pass that counts allocations */
#define IFM_PHASE_COUNTED_MOST 100000

struct ifm_run {
    const struct ifm_msg_spec *spec;
    struct ifm_msg_spec unobserved; /* the same without samplers, for the other passes */
    struct ifm_run_context *context;
    struct ifm_registry_module module;
    const struct ifm_tensor_info *in_infos, *out_infos; /* the module's */
    size_t in_count, out_count;
    struct ifm_load inputs;
    struct ifm_warmup warmup;
    struct ifm_observe *observe;  /* NULL: none; its calls take that */
    struct ifm_loop_array array;  /* of the timed phase, scenario single */
    struct ifm_scenario scenario; /* of the others */
    struct ifm_loop_result steady;
    struct ifm_clock_calibration clock;
    int64_t load_ns, first_ns;
    char *library_path; /* of the vendor library; NULL: there is none */
    struct ifm_msg_cold cold;
    char precision[32]; /* in which the runtime computes; "": it does not tell */
    bool rehearsing; /* the session before the one that counts */
    uint64_t outputs_hash;
    struct ifm_msg_event result; /* filled as the phases go */
};

/* All return 0 or the error's code. */
typedef int ifm_phase(struct ifm_run *r, struct ifm_err *err);

/* phase_start.c: the processors of the spec are taken and, for a measurement, the samplers opened:
 * before there is a thread of the vendor's, which inherits both. */
int ifm_phase_place(struct ifm_run *r, struct ifm_err *err);
/* The module is loaded, probed and said hello for. */
int ifm_phase_start(struct ifm_run *r, struct ifm_err *err);
/* The system call filter, unless the spec wants none; where the kernel refuses, a warning. */
int ifm_phase_isolate(struct ifm_run *r, struct ifm_err *err);
/* What a slot's failure means; under a memory limit it may be that. */
int ifm_phase_failed(struct ifm_run *r, const char *slot, int status, int code,
                     struct ifm_err *err);

/* phase_load.c: C2's first session; open, inputs, bind, event `loaded`. */
int ifm_phase_rehearse(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_load(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_open(struct ifm_run *r, struct ifm_err *err); /* the model alone: no inputs, no bind */

/* phase_warm.c */
int ifm_phase_first(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_verify_before(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_idle(struct ifm_run *r, struct ifm_err *err);    /* power of the quiet runtime */
int ifm_phase_warm_up(struct ifm_run *r, struct ifm_err *err); /* and event `warm` */
int ifm_phase_verify_after(struct ifm_run *r, struct ifm_err *err);
struct ifm_loop ifm_phase_loop(const struct ifm_run *r); /* over the module's slots */

/* phase_steady.c: the timed phase; memory right after it; the events `samples` of it and of the
 * warm-up. */
int ifm_phase_steady(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_memory_end(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_report(struct ifm_run *r, struct ifm_err *err);

/* phase_passes.c: what is no latency pass, after a warm-up. */
int ifm_phase_can_profile(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_profile(struct ifm_run *r, struct ifm_err *err);
int ifm_phase_allocations(struct ifm_run *r, struct ifm_err *err);
/* phase_accuracy.c: top-1 over the labelled samples of the spec. */
int ifm_phase_accuracy(struct ifm_run *r, struct ifm_err *err);

#endif
