/* The operator profile of a run as a reply: what was sent, and what follows from it.
 * Threading: safe. Ownership: the reply is appended to out. */
#ifndef IFM_OPS_H
#define IFM_OPS_H

#include "daemon/store/store.h"

/* {"run":id,"profile":null} without a profile, or {"ops":[…],"inferences","p50_ns","unprofiled_p50_ns","attributed_ns",
 * "fallback_share","perturbation","unattributed_ns"}: perturbation is profiled over unprofiled P50, unattributed_ns
 * what of a profiled inference no operator accounts for (below 0 where operators overlapped). IFM_ERR_NOT_FOUND. */
int ifm_ops_json(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err);

#endif
