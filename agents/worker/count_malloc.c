/* No file of this project is linked in here: this object is older than everything in the process.
 */
#include "agents/worker/count_malloc.h"
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_BYTES ((size_t)16384)
#define EARLY_ALIGN ((size_t)16)

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
} next;

static atomic_bool counting, ready;
static atomic_int_least64_t allocations, frees, bytes;

/* -- Before the next definitions are known --------------------------------------------------------
 * dlsym may allocate itself. What it takes comes from here and is never given back. */
static _Alignas(16) char early[EARLY_BYTES];
static atomic_size_t early_used;

static void *take_early(size_t size)
{
    const size_t room = (size + EARLY_ALIGN - 1) / EARLY_ALIGN * EARLY_ALIGN;
    const size_t at = size > EARLY_BYTES ? EARLY_BYTES : atomic_fetch_add(&early_used, room);
    if (at + room > EARLY_BYTES) {
        errno = ENOMEM;
        return NULL;
    }
    return early + at; /* zeroed, as all static memory */
}

static bool is_early(const void *pointer)
{
    const char *p = pointer;
    return p >= early && p < early + EARLY_BYTES;
}

static void find(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(slot, &symbol, sizeof symbol); /* ISO C has no cast to a function pointer */
}

/* The loader runs one thread, so that the first call needs no lock. */
static bool is_ready(void)
{
    static bool finding;
    if (atomic_load_explicit(&ready, memory_order_acquire)) {
        return true;
    }
    if (finding) {
        return false;
    }
    finding = true;
    find(&next.malloc, "malloc");
    find(&next.calloc, "calloc");
    find(&next.realloc, "realloc");
    find(&next.free, "free");
    find(&next.posix_memalign, "posix_memalign");
    find(&next.aligned_alloc, "aligned_alloc");
    find(&next.memalign, "memalign");
    find(&next.valloc, "valloc");
    find(&next.pvalloc, "pvalloc");
    atomic_store_explicit(&ready, true, memory_order_release);
    return true;
}

/* -- Counting -------------------------------------------------------------------------------------
 */
static void *taken(void *pointer, size_t size)
{
    if (pointer && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&bytes, (int_least64_t)size, memory_order_relaxed);
    }
    return pointer;
}

static void given(const void *pointer)
{
    if (pointer && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&frees, 1, memory_order_relaxed);
    }
}

void ifm_count_start(void)
{
    atomic_store(&allocations, 0);
    atomic_store(&frees, 0);
    atomic_store(&bytes, 0);
    atomic_store(&counting, true);
}

void ifm_count_stop(struct ifm_count_totals *totals)
{
    atomic_store(&counting, false);
    *totals = (struct ifm_count_totals){ .allocations = atomic_load(&allocations),
                                         .frees = atomic_load(&frees),
                                         .bytes = atomic_load(&bytes) };
}

/* -- The names that everybody calls ---------------------------------------------------------------
 */
void *malloc(size_t size)
{
    return is_ready() ? taken(next.malloc(size), size) : take_early(size);
}

void *calloc(size_t count, size_t size)
{
    if (!is_ready()) {
        return size && count > EARLY_BYTES / size ? NULL : take_early(count * size);
    }
    return taken(next.calloc(count, size), count * size); /* NULL where the product overflows */
}

void *realloc(void *pointer, size_t size)
{
    if (is_early(pointer)) { /* its size is not known, its end is: copy no further */
        void *moved = malloc(size);
        const size_t most = (size_t)(early + EARLY_BYTES - (char *)pointer);
        return moved ? memcpy(moved, pointer, size < most ? size : most) : NULL;
    }
    if (!is_ready()) {
        return take_early(size);
    }
    void *grown = next.realloc(pointer, size);
    if (grown || size == 0) { /* else the block stays as it was */
        given(pointer);
    }
    return taken(grown, size);
}

void free(void *pointer)
{
    if (!is_early(pointer) && is_ready()) {
        given(pointer);
        next.free(pointer);
    }
}

int posix_memalign(void **pointer, size_t alignment, size_t size)
{
    const int code = is_ready() ? next.posix_memalign(pointer, alignment, size) : ENOMEM;
    if (code == 0) {
        taken(*pointer, size);
    }
    return code;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_ready() ? taken(next.aligned_alloc(alignment, size), size) : NULL;
}

void *memalign(size_t alignment, size_t size)
{
    return is_ready() ? taken(next.memalign(alignment, size), size) : NULL;
}

void *valloc(size_t size)
{
    return is_ready() ? taken(next.valloc(size), size) : NULL;
}

void *pvalloc(size_t size)
{
    return is_ready() ? taken(next.pvalloc(size), size) : NULL;
}
