/* Two runs against each other, metric by metric: what differs in device, configuration and variant, and a
 * verdict per metric from values per invocation. The runs were made one after the other, and the reply says
 * so; it is no replacement for an interleaved comparison.
 *
 * Threading: safe. Ownership: the reply is appended to out. */
#ifndef IFM_COMPARE_H
#define IFM_COMPARE_H

#include "daemon/store/store.h"

#define IFM_COMPARE_DELTA 0.02     /* default: what counts as a change */
#define IFM_COMPARE_DELTA_MAX 10.0 /* exclusive upper bound of delta; it must be > 0 */

/* B against A. Appends {"a":row,"b":row,"interleaved":false,"caption":…,"comparable":…,"reason":…,
 * "differences":[…],"metrics":[…],"verdict":…}. Another device or method version: comparable false, reason
 * names the fields, every verdict inconclusive.
 * IFM_ERR_NOT_FOUND names the run that is missing; IFM_ERR_BAD_REQUEST for a delta out of range. */
int ifm_compare_json(struct ifm_store *store, const char *a_id, const char *b_id, double delta,
                     struct ifm_buf *out, struct ifm_err *err);

#endif
