/* The timed loop and its sample array. Nothing is allocated, locked, logged or formatted between
 * the first and the last clock read; what it costs beyond two clock reads is measured with the null
 * runtime.
 *
 * Threading: the measuring thread alone. Ownership: the array is a mapping of its own, so that its
 * pages can be subtracted exactly from every reported peak. */
#ifndef IFM_LOOP_H
#define IFM_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

struct ifm_loop_sample {
    int64_t start_ns; /* CLOCK_MONOTONIC */
    int64_t duration_ns;
};

struct ifm_loop_array {
    struct ifm_loop_sample *samples;
    size_t capacity;
    int64_t bytes; /* resident */
};

struct ifm_loop {
    int (*run)(void *state);
    int (*sync)(void *state); /* NULL: run is synchronous */
    void *state;
    struct ifm_loop_sample *samples;
    size_t capacity;
    int64_t calls;       /* in one sample; 0 and 1: one */
    int64_t iterations;  /* at least this many samples … */
    int64_t duration_ns; /* … and at least this long; ends with the first sample that meets both */
    int64_t max_ns;      /* hard maximum; 0: none */
};

enum ifm_loop_end {
    IFM_LOOP_COMPLETE,
    IFM_LOOP_ARRAY_FULL,
    IFM_LOOP_MAXIMUM
}; /* as IFM_END_CHOICES */

struct ifm_loop_result {
    size_t count;             /* samples written, without a failed one */
    int64_t begin_ns, end_ns; /* end of the last sample, failed or not */
    int status;               /* what the failing run or sync returned; 0 */
    enum ifm_loop_end end;
};

/* Maps and touches room for `capacity` samples. */
int ifm_loop_array_init(struct ifm_loop_array *array, size_t capacity, struct ifm_err *err);
void ifm_loop_array_done(struct ifm_loop_array *array);

void ifm_loop_run(const struct ifm_loop *loop, struct ifm_loop_result *result);

#endif
