/* --find-max-qps of `run`: the search before an arm is measured, its progress on stderr, and the table of what was
 * tried. The arm is then measured at the rate that was found, like any other.
 *
 * Threading: one thread. Ownership: struct ifm_capacity_run outlives the measurement and is freed with
 * ifm_capacity_run_done. */
#ifndef IFM_CAPACITY_RUN_H
#define IFM_CAPACITY_RUN_H

#include "agents/cli/capacity.h"
#include "agents/cli/measure.h"

struct ifm_capacity_run {
    struct ifm_msg_capacity capacity; /* until the run takes it over */
    struct ifm_capacity_verdict verdict;
};
/* Before the arm is begun. On success the verdict is said as a note, the arm's scenario is server at the rate found,
 * and the capacity goes into its run when that is closed (by m->extra, which must be free). Where no rate was found:
 * IFM_ERR_MEASUREMENT with the verdict; after a signal IFM_ERR_INTERRUPTED. budget_ns 0: IFM_CAPACITY_BUDGET_NS. */
int ifm_capacity_prepare(struct ifm_measure *m, int64_t bound_ns, unsigned percentile, int64_t budget_ns,
                         int64_t seed, struct ifm_capacity_run *out, struct ifm_err *err);
void ifm_capacity_run_done(struct ifm_capacity_run *found);
/* For people, lowest rate first; nothing where no search was made. */
void ifm_capacity_print(struct ifm_cli *cli, const struct ifm_msg_capacity *capacity);

#endif
