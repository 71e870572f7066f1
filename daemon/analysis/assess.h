/* The trust verdict of a run that is being closed: over the invocations that came with it and those that are stored,
 * from raw samples and lanes. Whatever the client said about trust is replaced.
 *
 * Threading: safe; a reader connection is held while stored invocations are read. Memory: lanes of at most
 * IFM_ASSESS_VALUES_MAX values are looked at; invocations beyond that are judged without theirs. */
#ifndef IFM_ASSESS_H
#define IFM_ASSESS_H

#include "daemon/store/store.h"

#define IFM_ASSESS_VALUES_MAX 4000000

/* stats: one for each of run->invocation_bodies, n 0: none; NULL when there are none. *assessed gets the number of
 * invocations that were looked at, for struct ifm_store_run. */
int ifm_assess_run(struct ifm_store *store, struct ifm_msg_run *run, const struct ifm_invocation_stats *stats,
                   size_t *assessed, struct ifm_err *err);

#endif
