/* How a run is divided into invocations, and how long it will take. Holds the method's defaults (10
 * invocations x max(3 s, 1,024 inferences), a hard maximum that bounds slow models) in one place.
 *
 * Threading: pure functions. Ownership: structs hold no pointers. */
#ifndef IFM_PLAN_H
#define IFM_PLAN_H

#include "core/msg.h"

#define IFM_PLAN_INVOCATIONS         10
#define IFM_PLAN_ITERATIONS          1024
#define IFM_PLAN_DURATION_NS         INT64_C(3000000000)
#define IFM_PLAN_MAX_NS              INT64_C(30000000000) /* timed phase, unless the user asked for more */
#define IFM_PLAN_MAX_ASKED_NS        INT64_C(600000000000) /* the most a timed phase may last */
#define IFM_PLAN_WARMUP_NS           INT64_C(500000000)
#define IFM_PLAN_WARMUP_MAX_NS       INT64_C(10000000000) /* warm-up that does not settle ends then */
#define IFM_PLAN_QUICK_WARMUP_MAX_NS INT64_C(2000000000)
#define IFM_PLAN_ASKED_WARMUP_MAX_NS INT64_C(30000000000)
#define IFM_PLAN_OVERHEAD_NS                                                                       \
    INT64_C(300000000) /* process, load, clock check: a guess before the first */
#define IFM_PLAN_TIMEOUT_EXTRA_NS                                                                  \
    INT64_C(180000000000) /* load and warm-up, beyond the timed phase */
#define IFM_PLAN_COOLDOWN_NS       INT64_C(1000000000) /* idle between invocations … */
#define IFM_PLAN_QUICK_COOLDOWN_NS INT64_C(200000000)
#define IFM_PLAN_SPIN_NS           INT64_C(100000000) /* … and then a spin, so that clocks ramp up */
#define IFM_PLAN_QUICK_INVOCATIONS 3
#define IFM_PLAN_QUICK_NS          INT64_C(2300000000)

/* What the user typed; 0 where nothing was. */
struct ifm_plan_asked {
    bool quick;
    int64_t invocations, iterations, duration_ns, max_ns, warmup_iterations, timeout_ns;
    int64_t warmup_max_ns;
    bool has_cooldown; /* cooldown_ns was typed; else by the size of the plan */
    int64_t cooldown_ns;
};
struct ifm_plan {
    int64_t invocations;
    int64_t iterations, duration_ns,
        max_ns; /* of the timed phase: both minima, bounded by max_ns */
    int64_t warmup_iterations, warmup_ns, warmup_max_ns;
    int64_t timeout_ns;           /* of one process */
    int64_t cooldown_ns, spin_ns; /* before each invocation but the first; no pause, no spin */
};
void ifm_plan_make(const struct ifm_plan_asked *asked, struct ifm_plan *out);
/* Before anything is known of the model: least and most nanoseconds for the whole run. */
void ifm_plan_bounds(const struct ifm_plan *plan, int64_t *least_ns, int64_t *most_ns);
/* Fills the fields of a spec that the plan decides. */
void ifm_plan_spec(const struct ifm_plan *plan, struct ifm_msg_spec *spec);
/* "about 40 s", "2 min 5 s", "1 h 3 min"; text has at least 32 bytes. */
void ifm_plan_time_text(int64_t ns, char *text, size_t size);

#endif
