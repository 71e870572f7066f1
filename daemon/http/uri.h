/* A request target taken apart: path segments and query parameters, percent-decoded exactly once. Splitting
 * comes before decoding, so that an encoded slash can never add a segment. Not a router.
 *
 * Threading: pure functions. Ownership: all texts live in `storage` until ifm_uri_done. */
#ifndef IFM_URI_H
#define IFM_URI_H

#include <stddef.h>
#include "core/err.h"

#define IFM_URI_MAX 8192        /* bytes of the whole target; more is 414 */
#define IFM_URI_SEGMENTS_MAX 16
#define IFM_URI_PARAMS_MAX 64

struct ifm_uri_param { const char *name, *value; };
struct ifm_uri {
    char *storage;
    const char *raw_path; /* as sent, without the query; visible ASCII */
    const char *raw_query; /* as sent, without the '?'; "" when there is none */
    const char *path;     /* decoded as a whole, for comparison with fixed names only */
    const char *segments[IFM_URI_SEGMENTS_MAX]; /* decoded; "/" has none, "/a/" has "a" and "" */
    size_t segment_count;
    struct ifm_uri_param params[IFM_URI_PARAMS_MAX]; /* decoded, in order of the query */
    size_t param_count;
};

/* IFM_ERR_TOO_LARGE over IFM_URI_MAX; IFM_ERR_BAD_REQUEST for a target that does not begin with '/', bytes
 * outside visible ASCII, broken percent escapes, an encoded NUL, text that is not UTF-8, a parameter given
 * twice. On failure *uri is valid and empty. */
int ifm_uri_parse(struct ifm_uri *uri, const char *raw, struct ifm_err *err);
void ifm_uri_done(struct ifm_uri *uri);
const char *ifm_uri_param(const struct ifm_uri *uri, const char *name); /* NULL: not given */

#endif
