/* What an invocation costs the command line and the daemon: its summary, and of that the steadiness. Beside it the
 * sorting, which any percentile needs, so that the figures mean something. Least of some repeats, CPU time of one
 * thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mem.h"
#include "core/rng.h"
#include "core/summary.h"

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

int main(void)
{
    static const size_t sizes[] = { 100, 1000, 10000, 100000, 1000000 };
    printf("%9s %12s %12s %12s\n", "samples", "sort", "steadiness", "summary");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        int64_t *values = ifm_alloc_array(n, sizeof *values);
        int64_t *sorted = ifm_alloc_array(n, sizeof *sorted);
        struct ifm_rng rng;
        if (!values || !sorted)
            return 70;
        ifm_rng_init(&rng, 1);
        for (size_t i = 0; i < n; i++)
            values[i] = (int64_t)(1e6 * exp(0.03 * ifm_rng_normal(&rng)));
        double best[3] = { INFINITY, INFINITY, INFINITY };
        for (int round = 0; round < (n > 10000 ? 5 : 200); round++) {
            struct ifm_invocation_stats stats;
            struct ifm_steadiness steady;
            double t0 = now_us();
            memcpy(sorted, values, n * sizeof *values);
            ifm_stat_sort(sorted, n);
            double t1 = now_us();
            ifm_steady_assess(values, sorted, NULL, n, 30, &steady);
            double t2 = now_us();
            ifm_summary_invocation(values, sorted, n, 0, &stats);
            double t3 = now_us();
            best[0] = least(best[0], t1 - t0);
            best[1] = least(best[1], t2 - t1);
            best[2] = least(best[2], t3 - t2);
        }
        printf("%9zu %9.1f us %9.1f us %9.1f us\n", n, best[0], best[1], best[2]);
        ifm_free(values);
        ifm_free(sorted);
    }
    return 0;
}
