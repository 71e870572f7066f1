/* Several runs measured interleaved: rounds in which each arm gets one fresh process, in an order
 * drawn anew for every round, with pauses between them. Stops after the planned rounds, when the
 * targets of precision are reached, at a hard maximum, or at Ctrl-C; every finished invocation is
 * on disk by then.
 *
 * Threading: one thread. Ownership: arms and texts are the caller's. */
#ifndef IFM_CLI_EXPERIMENT_H
#define IFM_CLI_EXPERIMENT_H

#include "agents/cli/measure.h"
#include "agents/plan/experiment.h"
#include "agents/plan/until.h"
#include "core/uuid.h"

struct ifm_experiment {
    /* Given. */
    struct ifm_cli *cli;
    struct ifm_measure *arms; /* in the order typed; their plans are alike */
    size_t count;
    int64_t rounds;     /* planned; the fewest where there are targets */
    int64_t max_rounds; /* the most where there are targets; else rounds */
    int64_t max_ns;     /* for all of it; 0: no maximum */
    struct ifm_target targets[IFM_TARGETS_MAX];
    size_t target_count;
    const char *sysroot;    /* where temperatures are read; NULL: this machine */
    char id[IFM_UUID_TEXT]; /* "" for a single arm */
    int64_t seed;           /* of the order */
    /* Made. */
    int64_t made; /* invocations, over all arms */
    bool interrupted, out_of_time, reached;
};
/* Id and seed of more than one arm, and which arm each is. */
int ifm_experiment_begin(struct ifm_experiment *x, struct ifm_err *err);
int ifm_experiment_run(struct ifm_experiment *x, struct ifm_err *err);

/* -- experiment_print.c -------------------------------------------------------------------------
 */
void ifm_experiment_plan(const struct ifm_experiment *x); /* arms and time, on stderr */
int ifm_experiment_print(const struct ifm_experiment *x, struct ifm_err *err);

/* -- experiment_rank.c: who is faster -----------------------------------------------------------
 */
#define IFM_EXPERIMENT_DELTA 0.005 /* differences below are none */
#define IFM_EXPERIMENT_TEXT  512
struct ifm_versus { /* two arms, over the rounds in which both were ok */
    size_t fast, slow;
    struct ifm_comparison_result result; /* time of `fast` over time of `slow` */
    double detectable;                   /* a difference of this part would have been seen; NAN */
    bool seen;
};
bool ifm_experiment_ranked(const struct ifm_measure *arm); /* ok, and its outputs not WRONG */
bool ifm_experiment_by_items(
    const struct ifm_experiment *x); /* batches differ: items a second decide */
double ifm_experiment_speed(const struct ifm_experiment *x,
                            size_t arm); /* more is faster; NAN: none */
/* Arms by speed, those that are not ranked at the end in the order typed. Returns how many are
 * ranked. */
size_t ifm_experiment_rank(const struct ifm_experiment *x, size_t *arms);
int ifm_experiment_versus(const struct ifm_experiment *x, size_t fast, size_t slow,
                          struct ifm_versus *out, struct ifm_err *err);
/* Comparisons that the last lines state: the fastest against the second, and against the first
 * typed. */
int ifm_experiment_comparisons(const struct ifm_experiment *x, struct ifm_versus out[2],
                               size_t *count, struct ifm_err *err);
void ifm_experiment_sentence(const struct ifm_experiment *x, const struct ifm_versus *v,
                             char text[IFM_EXPERIMENT_TEXT]);

/* -- experiment_reasons.c: facts, choices, exclusions, why one loses -----------------------------
 */
struct ifm_grid;
void ifm_experiment_facts(const struct ifm_experiment *x, struct ifm_grid *grid);
void ifm_experiment_closing(const struct ifm_experiment *x, struct ifm_buf *out);

#endif
