/* The place in a list where the next page begins, as opaque text. It carries the last row's key and a tag
 * over that key and the filter, so that a cursor which was altered, or belongs to another filter, is refused
 * instead of giving a wrong page. Not a secret: what it names can be read anyway.
 *
 * Threading: pure functions. Internal to the store. */
#ifndef IFM_STORE_CURSOR_H
#define IFM_STORE_CURSOR_H

#include "core/buf.h"
#include "core/uuid.h"
#include "daemon/store/store.h"

#define IFM_CURSOR_TEXT 48 /* 43 characters and the NUL, rounded up */

struct ifm_cursor { int64_t started_at_ms; uint8_t id[IFM_UUID_BYTES]; };

/* A digest of everything in the filter that decides which rows there are (not limit and cursor). */
int ifm_cursor_filter_digest(const struct ifm_store_filter *filter, uint8_t digest[IFM_SHA256_BYTES],
                             struct ifm_err *err);
int ifm_cursor_write(const struct ifm_cursor *cursor, const uint8_t digest[IFM_SHA256_BYTES],
                     char text[IFM_CURSOR_TEXT], struct ifm_err *err);
/* IFM_ERR_BAD_REQUEST unless written by ifm_cursor_write with the same digest. */
int ifm_cursor_read(const char *text, const uint8_t digest[IFM_SHA256_BYTES], struct ifm_cursor *cursor,
                    struct ifm_err *err);

#endif
