/* How large a file is once gzip has compressed it, as a web server would send it.
 * Threading: one thread. Ownership: nothing is kept. */
#ifndef IFM_PACKED_H
#define IFM_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define IFM_PACKED_BYTES_MAX (INT64_C(64) << 20) /* read at most; of a larger file the rest is taken to be alike */

/* *whole false: *packed is scaled up from the first IFM_PACKED_BYTES_MAX. */
int ifm_packed_bytes(const char *path, int64_t *packed, bool *whole, struct ifm_err *err);

#endif
