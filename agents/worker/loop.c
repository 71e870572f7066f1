#include "agents/worker/loop.h"
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/clock.h"

/* `fenced` and `batched` are constants in all callers: the compiler makes four loops, none of which
 * asks for either. */
static inline __attribute__((always_inline)) void measure(const struct ifm_loop *loop,
                                                          const bool fenced, const bool batched,
                                                          struct ifm_loop_result *result)
{
    int (*const run)(void *) = loop->run;
    int (*const sync)(void *) = loop->sync;
    void *const state = loop->state;
    struct ifm_loop_sample *const samples = loop->samples;
    const size_t capacity = loop->capacity;
    const int64_t calls = batched ? loop->calls : 1;
    const size_t wanted = loop->iterations > 0 ? (size_t)loop->iterations : 1;
    const int64_t begin = ifm_clock_ns();
    const int64_t long_enough = begin + loop->duration_ns;
    const int64_t maximum = loop->max_ns > 0 ? begin + loop->max_ns : INT64_MAX;
    int64_t end = begin;
    size_t n = 0;
    int status = 0;

    result->end = IFM_LOOP_ARRAY_FULL;
    while (n < capacity) {
        const int64_t start = ifm_clock_ns();
        int64_t left = calls;
        do {
            status = run(state);
            if (fenced && status == 0) {
                status = sync(state);
            }
        } while (batched && status == 0 && --left > 0);
        end = ifm_clock_ns();
        if (__builtin_expect(status != 0, 0)) {
            break;
        }
        samples[n].start_ns = start;
        samples[n].duration_ns = end - start;
        n++;
        if (end >= long_enough && n >= wanted) {
            result->end = IFM_LOOP_COMPLETE;
            break;
        }
        if (__builtin_expect(end >= maximum, 0)) {
            result->end = IFM_LOOP_MAXIMUM;
            break;
        }
    }
    result->count = n;
    result->begin_ns = begin;
    result->end_ns = end;
    result->status = status;
}

void ifm_loop_run(const struct ifm_loop *loop, struct ifm_loop_result *result)
{
    if (loop->calls > 1) {
        if (loop->sync) {
            measure(loop, true, true, result);
        } else {
            measure(loop, false, true, result);
        }
    } else if (loop->sync) {
        measure(loop, true, false, result);
    } else {
        measure(loop, false, false, result);
    }
}

int ifm_loop_array_init(struct ifm_loop_array *array, size_t capacity, struct ifm_err *err)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *array = (struct ifm_loop_array){ .samples = NULL };
    if (capacity == 0 || capacity > SIZE_MAX / sizeof *array->samples - page) {
        return ifm_err_set(err, IFM_ERR_INVALID, "loop", "a sample array of %zu is not possible",
                           capacity);
    }
    const size_t bytes = (capacity * sizeof *array->samples + page - 1) / page * page;
    /* MAP_POPULATE touches every page now, not inside the loop. */
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        return ifm_err_errno(err, errno, "loop", "no memory for the sample array");
    }
    array->samples = memory;
    array->capacity = capacity;
    array->bytes = (int64_t)bytes;
    return 0;
}

void ifm_loop_array_done(struct ifm_loop_array *array)
{
    if (array->samples) {
        munmap(array->samples, (size_t)array->bytes);
    }
    *array = (struct ifm_loop_array){ .samples = NULL };
}
