/* From what was typed to the arms of an experiment: models x variants x runtimes x batches x
 * threads x values of runtime options. What is opened once serves all arms that need it.
 *
 * Threading: one thread. Ownership: ifm_arms_done frees everything, and closes runs that were not
 * finished. Errors: nothing is left behind. */
#ifndef IFM_ARMS_H
#define IFM_ARMS_H

#include "agents/cli/experiment.h"
#include "agents/cli/run_options.h"

struct ifm_arms {
    struct ifm_subject *subjects;
    char (*libraries)[1024]; /* beside each subject: another vendor library; "" */
    size_t subject_count;
    struct ifm_measure *items; /* what ifm_experiment measures */
    size_t count;
    char **samplers; /* list of the spec; one block */
    size_t sampler_count;
    char *sampler_text;
};
/* models may be empty: a runtime that makes its own work. */
int ifm_arms_make(struct ifm_cli *cli, const struct ifm_run_asked *asked, int model_count,
                  char **models, struct ifm_arms *out, struct ifm_err *err);
void ifm_arms_done(struct ifm_arms *arms);

/* -- arms_subjects.c ----------------------------------------------------------------------------
 */
int ifm_arms_open(struct ifm_cli *cli, const struct ifm_run_asked *asked, int model_count,
                  char **models, struct ifm_arms *out, struct ifm_err *err);

#endif
