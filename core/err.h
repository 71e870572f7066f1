/* Errors as values: a negative code plus a caller-owned struct that holds one sentence. Not a logger.
 *
 * Threading: no global state. Ownership: the struct is the caller's, fixed size, never allocates. A function
 * that can fail returns int (0 or a negative code) and takes `struct ifm_err *err` last; err may be NULL.
 * A lower error passes up unchanged; a caller may prefix one word of context with ifm_err_prefix. */
#ifndef IFM_ERR_H
#define IFM_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* X(symbol, code, name, HTTP status, exit status); the one place that maps them. */
#define IFM_ERR_MAP(X)                                                   \
    X(IFM_OK, 0, "ok", 200, 0)                                           \
    X(IFM_ERR_USAGE, -1, "usage", 400, 64)                               \
    X(IFM_ERR_INVALID, -2, "invalid-data", 422, 65)                      \
    X(IFM_ERR_NOT_FOUND, -3, "not-found", 404, 66)                       \
    X(IFM_ERR_CONFLICT, -4, "conflict", 409, 65)                         \
    X(IFM_ERR_TOO_LARGE, -5, "too-large", 413, 65)                       \
    X(IFM_ERR_MEDIA_TYPE, -6, "unsupported-media-type", 415, 65)         \
    X(IFM_ERR_BUSY, -7, "busy", 503, 75)                                 \
    X(IFM_ERR_UNAVAILABLE, -8, "unavailable", 503, 69)                   \
    X(IFM_ERR_INTERNAL, -9, "internal", 500, 70)                         \
    X(IFM_ERR_IO, -10, "input-output", 500, 74)                          \
    X(IFM_ERR_FULL, -11, "disk-full", 507, 74)                           \
    X(IFM_ERR_PERMISSION, -12, "permission", 403, 77)                    \
    X(IFM_ERR_CONFIG, -13, "configuration", 500, 78)                     \
    X(IFM_ERR_MISDIRECTED, -14, "misdirected-request", 421, 65)          \
    X(IFM_ERR_METHOD, -15, "method-not-allowed", 405, 65)                \
    X(IFM_ERR_NOMEM, -16, "out-of-memory", 503, 70)                      \
    X(IFM_ERR_TIMEOUT, -17, "timeout", 408, 75)                          \
    X(IFM_ERR_BAD_REQUEST, -18, "bad-request", 400, 65)                  \
    X(IFM_ERR_UNSUPPORTED, -19, "unsupported", 501, 69)                  \
    X(IFM_ERR_MEASUREMENT, -20, "measurement-failed", 422, 4)            \
    X(IFM_ERR_WRONG_OUTPUT, -21, "wrong-output", 422, 5)                 \
    X(IFM_ERR_MEMORY_LIMIT, -22, "memory-limit", 422, 6)                 \
    X(IFM_ERR_INTERRUPTED, -23, "interrupted", 503, 130)                 \
    X(IFM_ERR_NOT_ACCEPTABLE, -24, "not-acceptable", 406, 65)

enum ifm_err_code {
#define X(symbol, code, name, http, exit_status) symbol = code,
    IFM_ERR_MAP(X)
#undef X
};

#define IFM_ERR_TEXT_MAX 200 /* characters kept, without the NUL */

struct ifm_err {
    int code;                        /* 0 or one of enum ifm_err_code */
    char where[64];                  /* module or JSON pointer: "store", "/samples/0/block" */
    char text[IFM_ERR_TEXT_MAX + 1]; /* what was wrong and what to do; UTF-8, one sentence */
};

#define IFM_ERR_INIT { .code = 0 }

/* Fills err (if not NULL) and returns code, so that `return ifm_err_set(err, …)` ends a function. Text that
 * does not fit is cut at a character boundary and ends in "…". */
int ifm_err_set(struct ifm_err *err, int code, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int ifm_err_vset(struct ifm_err *err, int code, const char *where, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

/* Puts "context: " before the text of an error that is already set; does nothing when none is. */
void ifm_err_prefix(struct ifm_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "/list/3" before err->where when that is a JSON pointer: what was wrong with a part is told of the whole. */
void ifm_err_below(struct ifm_err *err, const char *list, size_t index);

/* Maps errno to a code and fills err with "<what>: <strerror>"; ENOSPC and EDQUOT become IFM_ERR_FULL,
 * EACCES, EPERM and EROFS IFM_ERR_PERMISSION, ENOENT IFM_ERR_NOT_FOUND, ENOMEM IFM_ERR_NOMEM, else IO. */
int ifm_err_errno(struct ifm_err *err, int errno_value, const char *where, const char *what);

const char *ifm_err_name(int code); /* "unknown" for a code that is not in the map */
int ifm_err_http(int code);         /* 500 for an unknown code */
int ifm_err_exit(int code);         /* 70 for an unknown code */

#endif
