/* All heap memory of this project goes through here, so that tests can make the n-th allocation fail and
 * count what is not freed. Not an arena and not a pool.
 *
 * Threading: the calls are thread-safe; ifm_mem_set_hooks must be called before the first thread starts.
 * Ownership: what is returned is the caller's, to be given to ifm_free. Errors: NULL when out of memory. */
#ifndef IFM_MEM_H
#define IFM_MEM_H

#include <stddef.h>

struct ifm_mem_hooks {
    void *(*alloc)(void *context, size_t bytes);
    void *(*resize)(void *context, void *pointer, size_t bytes);
    void (*release)(void *context, void *pointer);
    void *context;
};

void *ifm_alloc(size_t bytes);                      /* zeroed; bytes 0 gives a unique pointer */
void *ifm_alloc_array(size_t count, size_t bytes);  /* zeroed; NULL when the product overflows */
void *ifm_resize(void *pointer, size_t bytes);      /* new bytes are not zeroed; pointer may be NULL */
void *ifm_resize_array(void *pointer, size_t count, size_t bytes);
char *ifm_dup(const char *text);                    /* NULL gives NULL */
char *ifm_dup_bytes(const void *bytes, size_t len); /* len bytes and a NUL */
void ifm_free(void *pointer);                       /* accepts NULL */

void ifm_mem_set_hooks(const struct ifm_mem_hooks *hooks); /* NULL: back to libc */

#endif
