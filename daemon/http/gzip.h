/* Content coding "gzip" (zlib): bounded decoding of request bodies, and encoding of replies with a few
 * encoder states that are kept, because making one costs more than compressing a short reply.
 *
 * Threading: decode is pure; an encoder pool may be used from any thread. Ownership: output buffers are the
 * caller's. */
#ifndef IFM_GZIP_H
#define IFM_GZIP_H

#include <stddef.h>
#include "core/buf.h"

/* Appends the decoded bytes to out, whose max bounds them: IFM_ERR_TOO_LARGE over it (a bomb costs no more
 * than out->max). IFM_ERR_BAD_REQUEST for what is not one whole gzip member. */
int ifm_gzip_decode(const void *bytes, size_t len, struct ifm_buf *out, struct ifm_err *err);

struct ifm_gzip_pool;
int ifm_gzip_pool_new(struct ifm_gzip_pool **pool, int level, struct ifm_err *err);
void ifm_gzip_pool_free(struct ifm_gzip_pool *pool);
/* Appends the coded bytes to out. IFM_ERR_TOO_LARGE when that would not be shorter than the input. */
int ifm_gzip_encode(struct ifm_gzip_pool *pool, const void *bytes, size_t len, struct ifm_buf *out,
                    struct ifm_err *err);

#endif
