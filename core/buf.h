/* A growing byte buffer with a stated maximum, always NUL-terminated. For building JSON, SQL lists and
 * request bodies. Sticky errors: after one failure (out of memory, over the maximum) every further append
 * does nothing, so that a writer checks once at the end.
 *
 * Threading: one thread at a time. Ownership: data is the buffer's until ifm_buf_take. */
#ifndef IFM_BUF_H
#define IFM_BUF_H

#include <stddef.h>
#include "core/err.h"

struct ifm_buf {
    char *data; /* NULL while empty */
    size_t len, cap;
    size_t max; /* bytes; appending beyond it fails with IFM_ERR_TOO_LARGE */
    int failed; /* 0 or the code of the first failure */
};

void ifm_buf_init(struct ifm_buf *buf, size_t max);
void ifm_buf_done(struct ifm_buf *buf);
void ifm_buf_reset(struct ifm_buf *buf); /* keeps the memory, clears length and failure */
void ifm_buf_add(struct ifm_buf *buf, const void *bytes, size_t len);
void ifm_buf_adds(struct ifm_buf *buf, const char *text);
void ifm_buf_addc(struct ifm_buf *buf, char c);
void ifm_buf_addf(struct ifm_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for len bytes and returns where to write them (then add to len by hand); NULL on failure. */
char *ifm_buf_room(struct ifm_buf *buf, size_t len);
char *ifm_buf_take(struct ifm_buf *buf); /* the caller owns the text; NULL if failed or nothing was added */
int ifm_buf_check(const struct ifm_buf *buf, struct ifm_err *err);
/* Reads a whole file of at most buf->max bytes. */
int ifm_buf_read_file(struct ifm_buf *buf, const char *path, struct ifm_err *err);
/* Writes a file so that a crash leaves the old or the new content: temporary file, fsync, rename, fsync of
 * the folder. */
int ifm_buf_write_file(const char *path, const void *bytes, size_t len, struct ifm_err *err);

#endif
