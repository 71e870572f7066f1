/* Two runs against each other, metric by metric: what differs in device, configuration and variant, and a
 * verdict per metric from values per invocation. Runs of one experiment took turns: they are compared in pairs, round by
 * round. Others were made one after the other, and the reply says so: that is no replacement.
 *
 * Threading: safe. Ownership: the reply is appended to out. */
#ifndef IFM_COMPARE_H
#define IFM_COMPARE_H

#include "daemon/store/store.h"

#define IFM_COMPARE_DELTA 0.02     /* default: what counts as a change */
#define IFM_COMPARE_DELTA_MAX 10.0 /* exclusive upper bound of delta; it must be > 0 */

/* B against A. Appends {"a":row,"b":row,"interleaved":…,"pairs":K|null,"caption":…,"precision":…,
 * "accuracy":…,"comparable":…,"reason":…,"differences":[…],"metrics":[…],"verdict":…}. precision says when the two
 * computed in different ones, and the caption repeats it; accuracy: accuracy.h. Another device or method version, an
 * emulated or untrusted run or one with wrong outputs: comparable false, reason says which and why, every verdict inconclusive.
 * IFM_ERR_NOT_FOUND names the run that is missing; IFM_ERR_BAD_REQUEST for a delta out of range. */
int ifm_compare_json(struct ifm_store *store, const char *a_id, const char *b_id, double delta,
                     struct ifm_buf *out, struct ifm_err *err);

#endif
