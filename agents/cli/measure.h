/* One run while it is measured: an arm of an experiment, or the only one. Each invocation is kept
 * on disk as it ends and the run closed at the end, however that comes. Knows nothing of options
 * and prints nothing; the order of invocations, pauses and progress are agents/cli/experiment.h.
 *
 * Threading: one thread. Ownership: see the struct; ifm_measure_done frees what a measurement made
 * and the maps that were given to it. */
#ifndef IFM_MEASURE_H
#define IFM_MEASURE_H

#include "agents/agent/spool.h"
#include "agents/cli/cli.h"
#include "agents/cli/subject.h"
#include "agents/cli/view.h"
#include "agents/executors/executor.h"
#include "agents/plan/plan.h"

#define IFM_MEASURE_NAME_MAX 128

struct ifm_measure {
    /* Given; borrowed. */
    struct ifm_cli *cli;
    const struct ifm_subject *subject;
    struct ifm_plan plan;
    struct ifm_msg_spec spec;      /* inputs, expect, options, runtime and model are borrowed */
    const char *commit, *provider; /* as typed; NULL */
    struct ifm_map labels;         /* moved into the run */
    struct ifm_map settings;       /* further settings that count, beside what the spec says */
    const char *until;             /* targets as typed; NULL */
    struct ifm_msg_experiment experiment; /* id borrowed; NULL: the only arm */
    char name[IFM_MEASURE_NAME_MAX]; /* what tells this arm from the others; "": the only one */
    int64_t window_ns;               /* sustained: width of the windows shown; 0: a twentieth */
    bool count_allocations;          /* in a process of its own, after the last invocation */
    /* After the last invocation and before the run is closed, where one was ok; NULL: nothing. */
    int (*extra)(struct ifm_measure *m, void *arg, struct ifm_err *err);
    void *extra_arg;
    /* Made. */
    struct ifm_view view; /* with the run's facts */
    struct ifm_spool spool;
    int64_t spent_ns; /* of finished invocations */
    int configured;   /* 1: from a worker's hello, 2: from a loaded model */
    int bad_input;    /* the first worker refused what it was given: a code; the run is discarded */
    struct ifm_err refusal;
    bool begun, stopped; /* the folder is there; no more invocations of it */
    bool interrupted, over_memory;
    int64_t
        cut_ns; /* the latest invocation may last so long, though its own limit is higher; 0: not */
    bool cut;   /* … and was ended by that */
};

/* All arms of one experiment in the order of its rounds, or one run of plan.invocations where count
 * is 1 and no limits are set. 0 when something was kept or there was nothing to keep; a negative
 * code when results could not be kept: what is finished until then is. In experiment.c. */
int ifm_measure_run(struct ifm_measure *m, struct ifm_err *err);
void ifm_measure_done(struct ifm_measure *m);

/* -- The parts, for experiment.c ----------------------------------------------------------------
 */
int ifm_measure_begin(struct ifm_measure *m, struct ifm_err *err); /* facts, folder, lock */
/* One invocation. Sets stopped where no other should follow: the worker refused its input, the
 * first two failed the same way, or the user interrupted. */
int ifm_measure_one(struct ifm_measure *m, struct ifm_executor *executor,
                    struct ifm_exec_request *request, struct ifm_err *err);
/* Verdict, trust, run.json; or removes a run in which nothing was measured. */
int ifm_measure_finish(struct ifm_measure *m, struct ifm_executor *executor, const char *worker,
                       struct ifm_err *err);
void ifm_measure_abandon(
    struct ifm_measure *m); /* after an error: closed as interrupted if that can be */

/* -- measure_facts.c: what a run says of itself -------------------------------------------------
 */
int ifm_measure_facts(struct ifm_measure *m, struct ifm_err *err); /* before the first invocation */
int ifm_measure_configuration(struct ifm_measure *m, struct ifm_exec_result *result,
                              struct ifm_err *err);
/* measure_told.c: effective precision and placement, from the first worker that tells them. */
int ifm_measure_told(struct ifm_measure *m, const struct ifm_exec_result *result,
                     struct ifm_err *err);
/* The command to repeat a run, without local folders. NULL when out of memory. */
char *ifm_measure_command(char **argv, int argc);

#endif
