/* What tests share: an allocator that fails on purpose and counts, temporary folders that remove
 * themselves, paths of the source and build tree. Include it before anything else of a test; it
 * brings cmocka with it.
 *
 * Threading: the counters are atomic, the rest belongs to the test's main thread. Ownership: what
 * t_* returns as char * is the caller's, from ifm_alloc, unless said otherwise. Failure: the test
 * fails, nothing returns. */
#ifndef IFM_TESTLIB_H
#define IFM_TESTLIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"

/* -- Allocator --------------------------------------------------------------------------------- */
/* Puts the counting allocator behind ifm_alloc (and so behind jansson, which core/json.h feeds from
 * it). Start with nothing allocated; blocks from before may be freed after, they are not counted. */
void t_alloc_start(void);
void t_alloc_stop(void);
void t_alloc_fail_at(size_t nth); /* the nth allocation (1-based) from now fails, once; 0: none */
size_t t_alloc_count(void);       /* allocations since start or the latest t_alloc_fail_at */
size_t t_alloc_outstanding(void); /* blocks that were allocated and not freed */
size_t t_alloc_bytes_peak(void);  /* largest sum of living bytes since start */

/* Runs action with the first allocation failing, then the second, …, until it is not reached any
 * more. Each run must return IFM_ERR_NOMEM in its code and in *err, and leave nothing behind; the
 * last must return 0. A run may also return 0 where it can do without that memory: the action
 * checks its own result, and t_sweep_strict allows none of it. `name` stands in the message.
 * Returns the number of places that fail. */
size_t t_sweep(const char *name, int (*action)(void *argument, struct ifm_err *err),
               void *argument);
size_t t_sweep_strict(const char *name, int (*action)(void *argument, struct ifm_err *err),
                      void *argument);

/* Between true and false a leak checker looks away: what a vendor library allocates while it is loaded, and never
 * frees, is no leak of ours. */
void t_first_load(bool begins);

/* -- Files ------------------------------------------------------------------------------------- */
const char *t_temp_dir(void);                /* borrowed; removed with its contents at exit */
char *t_temp_path(const char *name);         /* inside it */
char *t_source_path(const char *relative);   /* below $IFM_SOURCE_DIR */
char *t_build_path(const char *relative);    /* below $IFM_BUILD_DIR */
char *t_read(const char *path, size_t *len); /* whole file and a NUL; len may be NULL */
void t_write(const char *path, const void *bytes, size_t len);

/* -- Assertions -------------------------------------------------------------------------------- */
#define t_assert_contains(text, part) t_contains((text), (part), __FILE__, __LINE__)
void t_contains(const char *text, const char *part, const char *file, int line);
/* The call must fail with `code`, and its sentence must contain `part`. */
#define t_assert_error(call, expected, error, part)                                                \
    do {                                                                                           \
        assert_int_equal((call), (expected));                                                      \
        assert_int_equal((error)->code, (expected));                                               \
        t_contains((error)->text, (part), __FILE__, __LINE__);                                     \
    } while (0)

#endif
