/* Figures of a run that was not of single inferences and any run's latencies in windows of time, from stored samples by
 * core/scenario.h; what its inferences cost in energy, by core/energy.h.
 *
 * Threading: safe. Ownership: replies are appended to out. Memory: the samples of one invocation, which must not be
 * more than IFM_WINDOWS_SAMPLES_MAX. */
#ifndef IFM_ANALYSIS_SCENARIO_H
#define IFM_ANALYSIS_SCENARIO_H

#include "daemon/store/store.h"

#define IFM_WINDOWS_SAMPLES_MAX 4194304 /* as many as a worker keeps */
#define IFM_WINDOWS_WIDTH_MAX_NS INT64_C(2592000000000000) /* 30 days: longer than any phase */

/* {"run":id,"invocation":n,"width_ns":,"t_ns":[],"p50_ns":[],"p90_ns":[],"n":[],"lateness_p99_ns":[]|null}: columns, one
 * entry for each window; null in a window without samples. invocation -1: the first that is ok. width_ns 0: 60 windows;
 * it is raised where more than 600 would be needed, and the reply says so. IFM_ERR_NOT_FOUND; IFM_ERR_INVALID for an
 * invocation of too many samples. */
int ifm_windows_json(struct ifm_store *store, const char *run_id, int64_t invocation, int64_t width_ns,
                     struct ifm_buf *out, struct ifm_err *err);

/* Puts "scenario": null or {"kind",…}, and "energy": null or {"gross_uj","net_uj","mean_uw","coverage","few"} (medians
 * over invocations, per inference), as last members into the object that out ends with. */
int ifm_figures_add(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err);

#endif
