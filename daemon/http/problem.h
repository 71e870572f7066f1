/* Error replies as application/problem+json (RFC 9457) from one struct ifm_err.
 * Threading: pure functions. */
#ifndef IFM_PROBLEM_H
#define IFM_PROBLEM_H

#include "core/buf.h"

#define IFM_PROBLEM_TYPE "application/problem+json"

/* {"type":"/problems/<name>","title":…,"status":…,"detail":…,"instance":…,"request_id":…[,"errors":[{"pointer",
 * "detail"}]]}. status 0: what the error's code maps to; 411, 414 and 431 have names of their own. errors is
 * there when err->where is a JSON pointer. */
void ifm_problem_write(struct ifm_buf *out, int status, const struct ifm_err *err, const char *instance,
                       const char *request_id);

#endif
