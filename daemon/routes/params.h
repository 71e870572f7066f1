/* Query parameters of one request as numbers and words, range-checked.
 * Threading: pure functions. Errors: IFM_ERR_BAD_REQUEST with a sentence that names parameter and range. */
#ifndef IFM_PARAMS_H
#define IFM_PARAMS_H

#include <stdint.h>
#include "daemon/http/uri.h"

/* *out keeps its value when the parameter was not given. */
int ifm_params_i64(const struct ifm_uri *uri, const char *name, int64_t min, int64_t max, int64_t *out,
                   struct ifm_err *err);
int ifm_params_f64(const struct ifm_uri *uri, const char *name, double *out, struct ifm_err *err);
/* One of the words of "a|b|c": *out becomes its index. */
int ifm_params_choice(const struct ifm_uri *uri, const char *name, const char *choices, int *out,
                      struct ifm_err *err);
/* A comma-separated list of such words is only checked; NULL passes. */
int ifm_params_check_words(const struct ifm_uri *uri, const char *name, const char *choices,
                           struct ifm_err *err);
/* RFC 3339 time or date, as milliseconds since 1970. */
int ifm_params_time(const struct ifm_uri *uri, const char *name, int64_t *out_ms, struct ifm_err *err);

#endif
