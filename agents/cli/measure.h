/* Carries out a plan: one worker after the other, each kept on disk as it ends, and the run closed
 * at the end, however that comes. Knows nothing of options and prints nothing but progress.
 *
 * Threading: one thread. Ownership: see the struct; ifm_measure_done frees what a measurement made.
 * Interruption: after the first signal the worker under way is stopped and what is finished is
 * kept. */
#ifndef IFM_MEASURE_H
#define IFM_MEASURE_H

#include "agents/agent/spool.h"
#include "agents/cli/progress.h"
#include "agents/cli/subject.h"
#include "agents/cli/view.h"
#include "agents/executors/executor.h"
#include "agents/plan/plan.h"

struct ifm_measure {
    /* Given; borrowed. */
    struct ifm_cli *cli;
    const struct ifm_subject *subject;
    struct ifm_plan plan;
    struct ifm_msg_spec spec;      /* inputs, expect, options, runtime and model are borrowed */
    const char *commit, *provider; /* as typed; NULL */
    struct ifm_map labels;         /* moved into the run */
    /* Made. */
    struct ifm_view view; /* with the run's facts */
    struct ifm_spool spool;
    struct ifm_progress progress;
    int64_t spent_ns; /* of finished invocations */
    int configured;   /* 1: from a worker's hello, 2: from a loaded model */
    int bad_input;    /* the first worker refused what it was given: a code; the run is discarded */
    struct ifm_err refusal;
    bool interrupted, over_memory;
};
/* 0 when the run was kept (complete, interrupted or failed); a negative code when nothing could be.
 */
int ifm_measure_run(struct ifm_measure *m, struct ifm_err *err);
void ifm_measure_done(struct ifm_measure *m);

/* -- measure_facts.c: what a run says of itself
 * ---------------------------------------------------- */
int ifm_measure_facts(struct ifm_measure *m, struct ifm_err *err); /* before the first invocation */
int ifm_measure_configuration(struct ifm_measure *m, struct ifm_exec_result *result,
                              struct ifm_err *err);
void ifm_measure_verdict(struct ifm_measure *m); /* verification over all ok invocations */
/* The command to repeat a run, without local folders. NULL when out of memory. */
char *ifm_measure_command(char **argv, int argc);

#endif
