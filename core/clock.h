/* The interval clock (CLOCK_MONOTONIC) and its calibration; the wall clock for time stamps only.
 *
 * Method: resolution = smallest positive difference of back-to-back reads, overhead = P50, jitter =
 * P99.99 of 100,000 pairs (docs/method.md). Overhead is recorded, never subtracted from samples.
 * Threading: all calls are safe on any thread. Errors: none; clock_gettime cannot fail for these
 * clocks. */
#ifndef IFM_CLOCK_H
#define IFM_CLOCK_H

#include <stdint.h>
#include <time.h>

struct ifm_clock_calibration {
    int64_t resolution_ns; /* > 0 */
    int64_t overhead_ns;
    int64_t jitter_ns;
    double raw_ratio; /* elapsed MONOTONIC over elapsed MONOTONIC_RAW during the calibration */
    char source[32];  /* current_clocksource of the kernel; "unknown" where it cannot be read */
};

static inline int64_t ifm_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t ifm_clock_boot_ns(void); /* CLOCK_BOOTTIME: also counts suspend */
int64_t ifm_clock_raw_ns(void);  /* CLOCK_MONOTONIC_RAW: not slewed */
int64_t ifm_clock_wall_ms(void); /* CLOCK_REALTIME since 1970, for time stamps */
void ifm_clock_calibrate(struct ifm_clock_calibration *out); /* takes about 10 ms */

/* One moment on three clocks. Two of them, before and after a phase, say how far MONOTONIC was
 * slewed and whether the machine slept meanwhile (docs/method.md). */
struct ifm_clock_point {
    int64_t monotonic_ns, raw_ns, boot_ns;
};
/* Of some tries the tightest: a preemption between the reads is no step of a clock. About 2 us. */
void ifm_clock_point(struct ifm_clock_point *out);
/* Elapsed MONOTONIC over elapsed RAW; 0 where less than IFM_CLOCK_RATIO_LEAST_NS passed: the reads'
 * own uncertainty would show. */
double ifm_clock_ratio(const struct ifm_clock_point *begin, const struct ifm_clock_point *end);
#define IFM_CLOCK_RATIO_LEAST_NS 10000000
/* By how much BOOTTIME grew more than MONOTONIC; 0 below IFM_CLOCK_SUSPEND_LEAST_NS. */
int64_t ifm_clock_suspended_ns(const struct ifm_clock_point *begin,
                               const struct ifm_clock_point *end);
#define IFM_CLOCK_SUSPEND_LEAST_NS 1000000

#define IFM_TIME_TEXT_MAX 32
/* RFC 3339 UTC with milliseconds: 2026-11-24T22:51:43.123Z. Years outside 0..9999 end at that edge.
 */
void ifm_clock_format(int64_t wall_ms, char text[IFM_TIME_TEXT_MAX]);
/* Accepts RFC 3339 with Z or an offset, fraction of up to nine digits, and a bare date. 0 or -1. */
int ifm_clock_parse(const char *text, int64_t *wall_ms);

#endif
