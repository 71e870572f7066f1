/* The highest rate of Poisson arrivals that keeps a bound on latency: --find-max-qps --bound
 * 10ms@p99.
 *
 * Method (measurement.md 4.3): one closed-loop trial tells what an inference needs alone; from half
 * of that rate it is doubled until the bound breaks, then halved between until the highest that
 * passed and the lowest that failed are 1 % apart. A trial passes by MLPerf's early stopping (99 %
 * confidence) and is a fresh worker process. The rate found must pass five more with other seeds,
 * else it is lowered and tried again. Ten more trials up to 120 % give the curve. All are bounded
 * in time; what was found until then is kept.
 *
 * Threading: one thread. Ownership: what the search points at is borrowed; the capacity is the
 * caller's, freed with the run that holds it. Errors: a trial that fails ends the search with its
 * sentence. */
#ifndef IFM_CAPACITY_H
#define IFM_CAPACITY_H

#include "agents/executors/executor.h"
#include "core/msg.h"

#define IFM_CAPACITY_BUDGET_NS  INT64_C(600000000000) /* the whole search, unless told otherwise */
#define IFM_CAPACITY_RESOLUTION 1.01 /* failing over passing, where bisection ends */
#define IFM_CAPACITY_CONFIRM    5
#define IFM_CAPACITY_CURVE      10                  /* points up to 120 % */
#define IFM_CAPACITY_TRIAL_NS   INT64_C(2000000000) /* a trial lasts at least this long … */
#define IFM_CAPACITY_OVER       20 /* … and has so many queries that this many over the bound may pass \
                                    */

struct ifm_capacity_trial {
    double rate_per_s; /* 0: closed loop, one inference after the other */
    int64_t queries;
    int64_t seed;   /* of the arrivals */
    int64_t max_ns; /* hard maximum of the timed phase */
};
struct ifm_capacity_outcome {
    int64_t queries, over_bound; /* unfinished ones count in both */
    int64_t at_bound_ns;         /* the bound's percentile; INT64_MAX: beyond the finished ones */
    int64_t lateness_p99_ns;     /* -1: closed loop */
    double mean_ns;
    bool passed, valid; /* valid: the generator was on time */
    bool overloaded; /* fewer were answered than offered: no pass, however short the queue still was */
    int64_t took_ns;    /* the whole process */
};
enum ifm_capacity_phase {
    IFM_CAPACITY_ALONE,
    IFM_CAPACITY_DOUBLING,
    IFM_CAPACITY_BISECTION,
    IFM_CAPACITY_CONFIRMING,
    IFM_CAPACITY_DRAWING
};
enum ifm_capacity_end {
    IFM_CAPACITY_FOUND,       /* passed five of five */
    IFM_CAPACITY_IMPOSSIBLE,  /* no rate keeps the bound; max is NAN */
    IFM_CAPACITY_OUT_OF_TIME, /* max is the highest that passed, not confirmed; NAN where none did
                               */
    IFM_CAPACITY_GENERATOR,   /* the generator was late before the bound broke: it may be more; NAN: at any rate */
    IFM_CAPACITY_UNSTABLE     /* lowered again and again and never confirmed; max is NAN */
};

struct ifm_capacity_search {
    int64_t bound_ns;
    unsigned percentile; /* per 10,000 */
    int64_t budget_ns;   /* 0: IFM_CAPACITY_BUDGET_NS */
    int64_t seed;        /* trial n has seed + n, n from 0 */
    int (*trial)(void *arg, const struct ifm_capacity_trial *trial,
                 struct ifm_capacity_outcome *out, struct ifm_err *err);
    void *arg;
    /* Before each trial; may be NULL. left_ns: an estimate of the rest, this trial included. */
    void (*progress)(void *arg, enum ifm_capacity_phase phase, double rate_per_s, int64_t left_ns);
    void *progress_arg;
};
struct ifm_capacity_verdict {
    enum ifm_capacity_end end;
    char text[240]; /* one sentence for people: what was found, or what would be reachable */
};
/* Fills `out` (empty before) as far as the search came, also when it fails. */
int ifm_capacity_find(const struct ifm_capacity_search *search, struct ifm_msg_capacity *out,
                      struct ifm_capacity_verdict *verdict, struct ifm_err *err);
const char *ifm_capacity_phase_name(enum ifm_capacity_phase phase); /* "doubling" */

/* -- capacity_trial.c: a trial as a worker process ----------------------------------------------
 */
struct ifm_capacity_worker {
    const struct ifm_executor_ops *ops; /* &ifm_executor_local */
    struct ifm_executor *executor;
    const char *worker;
    const struct ifm_msg_spec *spec; /* of an ordinary invocation; scenario and size are replaced */
    const char *const *private_paths;
    int64_t bound_ns;
    unsigned percentile;
};
/* Fits search.trial; arg: struct ifm_capacity_worker. IFM_ERR_INTERRUPTED after a signal; a failed
 * worker is IFM_ERR_MEASUREMENT with its sentence, or what the worker itself said it was (bad
 * option, no such model). */
int ifm_capacity_worker_trial(void *arg, const struct ifm_capacity_trial *trial,
                              struct ifm_capacity_outcome *out, struct ifm_err *err);

#endif
