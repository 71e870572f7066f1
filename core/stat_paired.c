/* Right and wrong answers: the interval of a share, and whether two shares over the same samples differ. */
#include "core/stat.h"

#include <math.h>

void ifm_stat_wilson(int64_t k, int64_t n, double alpha, double *low, double *high)
{
    *low = *high = (double)NAN;
    if (n < 1 || k < 0 || k > n)
        return;
    const double z = ifm_stat_norm_quantile(1 - alpha / 2), m = (double)n, p = (double)k / m;
    const double scale = 1 + z * z / m, centre = (p + z * z / (2 * m)) / scale;
    const double half = z * sqrt(p * (1 - p) / m + z * z / (4 * m * m)) / scale;
    *low = k == 0 ? 0 : centre - half;
    *high = k == n ? 1 : centre + half;
}

double ifm_stat_mcnemar_p2(int64_t only_a, int64_t only_b)
{
    if (only_a < 0 || only_b < 0)
        return (double)NAN;
    const int64_t n = only_a + only_b, less = only_a < only_b ? only_a : only_b;
    if (n == 0 || only_a == only_b)
        return 1;
    const double p = 2 * ifm_stat_binom_cdf(less, n, 0.5);
    return p < 1 ? p : 1;
}
