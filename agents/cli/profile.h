/* What an operator profile says, and how it is shown: a table, JSON, a Chrome trace.
 *
 * The profile is a pass of its own in a process of its own; the latency of the same run was measured without
 * it. Threading: one thread. Ownership: everything is borrowed. Rules: measurement.md 10.7 and 10.9. */
#ifndef IFM_CLI_PROFILE_H
#define IFM_CLI_PROFILE_H

#include "agents/cli/cli.h"
#include "agents/cli/view.h"

#define IFM_PROFILE_DISTORTED 1.10 /* profiled over unprofiled P50 above this: caption "distorted" */
#define IFM_PROFILE_REMAINDER 0.10 /* part of the time that no operator accounts for, above which it is said */

struct ifm_profile_figures {
    double perturbation;     /* profiled over unprofiled P50; NAN: not known */
    int64_t unattributed_ns; /* profiled P50 less the operators' time of one inference; may be negative */
    double total_ns;         /* of all operators over all inferences */
};
void ifm_profile_figures(const struct ifm_msg_profile *profile, struct ifm_profile_figures *out);

/* top: operators shown, the others as one row; 0: all. */
void ifm_profile_human(struct ifm_cli *cli, const struct ifm_view *view, size_t top);
void ifm_profile_table(struct ifm_cli *cli, const struct ifm_view *view); /* csv or md: all operators */
void ifm_profile_json(struct ifm_cli *cli, const struct ifm_view *view);  /* GET /runs/ID/ops, with "v":1 */
/* The average inference as trace events: a slice per operator, a thread per provider. Opens in Perfetto and
 * chrome://tracing. */
void ifm_profile_trace(const struct ifm_view *view, struct ifm_buf *out);

#endif
