/* Counts what a process takes from malloc and gives back: ifm_count.so, preloaded in the pass that
 * counts allocations and in no other, so that no latency pays for it.
 *
 * Counted, over all threads, from start to stop: malloc, calloc, realloc, aligned_alloc,
 * posix_memalign, memalign, valloc, pvalloc, and what comes through them (C++ new, strdup). A
 * realloc is an allocation, and a free where it is given a block. Not counted: mmap by the caller
 * itself, an allocator that a library has linked in. Where the block comes from is the next
 * definition of the same name: libc's, or that of an allocator preloaded behind this one.
 * Threading: counters are atomic; start and stop belong to one thread. */
#ifndef IFM_COUNT_MALLOC_H
#define IFM_COUNT_MALLOC_H

#include <stdint.h>

struct ifm_count_totals {
    int64_t allocations, frees, bytes; /* bytes as asked for */
};

void ifm_count_start(void); /* from zero */
void ifm_count_stop(struct ifm_count_totals *totals);
typedef void (*ifm_count_start_fn)(void);
typedef void (*ifm_count_stop_fn)(struct ifm_count_totals *totals);

#endif
