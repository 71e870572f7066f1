#include "core/stat.h"

#include <math.h>

/* lgamma writes the global signgam; the arguments here are positive, so the sign is of no interest.
 */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

#define LENTZ_TERMS 10000 /* the need grows like sqrt(max(a, b)): 200 would fail near n = 1e6 */
#define LENTZ_FLOOR 1e-300
#define LENTZ_STOP  1e-15

static double away_from_zero(double x)
{
    return fabs(x) < LENTZ_FLOOR ? LENTZ_FLOOR : x;
}

/* Continued fraction of the incomplete beta function, modified Lentz; converges for x <
 * (a+1)/(a+b+2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), fraction = d;
    for (int m = 1; m <= LENTZ_TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        double step = d * c;
        fraction *= step;
        if (fabs(step - 1.0) < LENTZ_STOP)
            break;
    }
    return fraction;
}

double ifm_stat_betai(double a, double b, double x)
{
    if (!(a > 0.0) || !(b > 0.0) || isnan(x))
        return NAN;
    if (x <= 0.0)
        return 0.0;
    if (x >= 1.0)
        return 1.0;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0))
        return front * beta_fraction(a, b, x) / a;
    return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

double ifm_stat_binom_cdf(int64_t k, int64_t n, double p)
{
    if (k < 0)
        return 0.0;
    if (k >= n)
        return 1.0;
    return ifm_stat_betai((double)(n - k), (double)k + 1.0, 1.0 - p);
}

double ifm_stat_norm_cdf(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

/* Highest power first. */
static double polynomial(const double *coefficients, int count, double x)
{
    double sum = coefficients[0];
    for (int i = 1; i < count; i++)
        sum = sum * x + coefficients[i];
    return sum;
}

/* Wichura 1988, AS 241, PPND16: about 16 digits. */
double ifm_stat_norm_quantile(double p)
{
    static const double a[] = { 2.5090809287301226727e3, 3.3430575583588128105e4,
                                6.7265770927008700853e4, 4.5921953931549871457e4,
                                1.3731693765509461125e4, 1.9715909503065514427e3,
                                1.3314166789178437745e2, 3.3871328727963666080e0 };
    static const double b[] = { 5.2264952788528545610e3, 2.8729085735721942674e4,
                                3.9307895800092710610e4, 2.1213794301586595867e4,
                                5.3941960214247511077e3, 6.8718700749205790830e2,
                                4.2313330701600911252e1, 1.0 };
    static const double c[] = { 7.74545014278341407640e-4, 2.27238449892691845833e-2,
                                2.41780725177450611770e-1, 1.27045825245236838258e0,
                                3.64784832476320460504e0,  5.76949722146069140550e0,
                                4.63033784615654529590e0,  1.42343711074968357734e0 };
    static const double d[] = { 1.05075007164441684324e-9, 5.47593808499534494600e-4,
                                1.51986665636164571966e-2, 1.48103976427480074590e-1,
                                6.89767334985100004550e-1, 1.67638483018380384940e0,
                                2.05319162663775882187e0,  1.0 };
    static const double e[] = { 2.01033439929228813265e-7, 2.71155556874348757815e-5,
                                1.24266094738807843860e-3, 2.65321895265761230930e-2,
                                2.96560571828504891230e-1, 1.78482653991729133580e0,
                                5.46378491116411436990e0,  6.65790464350110377720e0 };
    static const double f[] = { 2.04426310338993978564e-15, 1.42151175831644588870e-7,
                                1.84631831751005468180e-5,  7.86869131145613259100e-4,
                                1.48753612908506148525e-2,  1.36929880922735805310e-1,
                                5.99832206555887937690e-1,  1.0 };
    if (!(p >= 0.0 && p <= 1.0))
        return NAN;
    if (p == 0.0 || p == 1.0)
        return p == 0.0 ? -INFINITY : INFINITY;
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(a, 8, r) / polynomial(b, 8, r);
    }
    double r = sqrt(-log(q < 0.0 ? p : 1.0 - p));
    double z = r <= 5.0 ? polynomial(c, 8, r - 1.6) / polynomial(d, 8, r - 1.6)
                        : polynomial(e, 8, r - 5.0) / polynomial(f, 8, r - 5.0);
    return q < 0.0 ? -z : z;
}

double ifm_stat_t_cdf2(double t, double df)
{
    if (isnan(t) || !(df > 0.0))
        return NAN;
    if (isinf(t))
        return 0.0;
    return ifm_stat_betai(0.5 * df, 0.5, df / (df + t * t));
}

double ifm_stat_t_quantile(double p, double df)
{
    if (!(p >= 0.0 && p <= 1.0) || !(df > 0.0))
        return NAN;
    if (p == 0.0 || p == 1.0)
        return p == 0.0 ? -INFINITY : INFINITY;
    if (p == 0.5)
        return 0.0;
    double two_sided = 2.0 * (p < 0.5 ? p : 1.0 - p), low = 0.0, high = 1.0;
    while (ifm_stat_t_cdf2(high, df) > two_sided && high < 1e300)
        high *= 2.0;
    for (int i = 0; i < 80 && high - low > 1e-15 * high; i++) {
        double middle = 0.5 * (low + high);
        if (ifm_stat_t_cdf2(middle, df) > two_sided)
            low = middle;
        else
            high = middle;
    }
    double t = 0.5 * (low + high);
    return p < 0.5 ? -t : t;
}
