#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "core/stat.h"
#include "core/steady_parts.h"

#define PELT_MOST     4096
#define PENALTY       15.0 /* times ln n, as Barrett et al. */
#define LEAST_SEGMENT 10   /* shorter ones make the variance of tied samples vanish */
#define DELTA         0.01 /* of the last mean; the paper's 1 ms is for iterations of seconds */
#define STEADY_LEAST  50
#define WINDOW        21  /* for isolated outliers; odd */
#define NOISE_FLOOR   0.1 /* of the noise: ten equal ones among tied values are chance */
#define FINE_POINTS   50  /* places for a change, evenly spaced: the cost grows with their square */
#define HALF_SQRT_PI  0.886226925452758014 /* sd over mean absolute difference, normal values */
#define LN_2PI        1.83787706640934548356

/* -- PELT -------------------------------------------------------------------------------------- */

struct pelt {
    size_t n, least, step; /* segments end at n, n - step, n - 2 step, … */
    double floor_var, penalty;
    double *s1, *s2;    /* prefix sums of x and x^2, against the mean */
    double *inverse;    /* 1 / length */
    double *best;       /* cost of the best segmentation of [0, t) */
    double *value;      /* per candidate, at the present t */
    size_t *last;       /* begin of the last segment of that best */
    size_t *candidates; /* begins that can still win */
    size_t *doomed;     /* t from which a begin is out; 0: not decided */
};

enum { REALS = 5, SIZES = 3 };
struct pelt_room { /* for series as short as those of ifm_steady_assess: no allocation, no failure
                    */
    double reals[REALS][IFM_STEADY_POINTS + 1];
    size_t sizes[SIZES][IFM_STEADY_POINTS + 1];
};

/* len (ln 2 pi + ln variance + 1): the normal cost with free mean and variance. */
static double cost(const struct pelt *p, size_t from, size_t to)
{
    double n = (double)(to - from), sum = p->s1[to] - p->s1[from], inverse = p->inverse[to - from];
    double variance = (p->s2[to] - p->s2[from] - sum * sum * inverse) * inverse;
    return n * (LN_2PI + 1.0 + log(variance > p->floor_var ? variance : p->floor_var));
}

/* F(t) = min over s of F(s) + C(s, t) + penalty. A begin s with F(s) + C(s, t) > F(t) cannot win
 * once t itself may begin a segment, and that is `least` points later. Returns how many begins are
 * left. */
static size_t advance(struct pelt *p, size_t t, size_t alive)
{
    size_t winner = 0, kept = 0;
    for (size_t i = 0; i < alive; i++) {
        p->value[i] = p->best[p->candidates[i]] + cost(p, p->candidates[i], t);
        if (p->value[i] < p->value[winner])
            winner = i;
    }
    p->best[t] = p->value[winner] + p->penalty;
    p->last[t] = p->candidates[winner];
    for (size_t i = 0; i < alive; i++) {
        size_t s = p->candidates[i];
        if (p->doomed[s] == 0 && p->value[i] > p->best[t])
            p->doomed[s] = t + p->least;
        if (p->doomed[s] == 0 || t < p->doomed[s])
            p->candidates[kept++] = s;
    }
    return kept;
}

static void prepare(struct pelt *p, const double *values)
{
    double mean = 0.0;
    for (size_t i = 0; i < p->n; i++)
        mean += values[i] / (double)p->n;
    p->s1[0] = p->s2[0] = p->inverse[0] = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        double x = values[i] - mean;
        p->s1[i + 1] = p->s1[i] + x;
        p->s2[i + 1] = p->s2[i] + x * x;
        p->inverse[i + 1] = 1.0 / (double)(i + 1);
        p->doomed[i] = 0;
    }
}

static size_t segment(struct pelt *p, size_t *ends)
{
    size_t alive = 1, next = 0, count = 0;
    p->best[0] = -p->penalty;
    p->candidates[0] = 0;
    for (size_t t = p->n % p->step; t <= p->n; t += p->step) {
        if (t < p->least)
            continue;
        /* Begins that leave at least `least` points up to t, and were such an end themselves. */
        for (next = next ? next : t; next + p->least <= t; next += p->step)
            p->candidates[alive++] = next;
        alive = advance(p, t, alive);
    }
    for (size_t t = p->n; t > 0; t = p->last[t])
        ends[count++] = t;
    for (size_t i = 0; i < count / 2; i++) {
        size_t kept = ends[i];
        ends[i] = ends[count - 1 - i];
        ends[count - 1 - i] = kept;
    }
    return count;
}

static size_t pelt(const double *values, struct pelt *p, size_t *ends)
{
    struct pelt_room room;
    double *memory = NULL;
    size_t n = p->n;
    if (n == 0 || n > PELT_MOST)
        return 0;
    if (n < 2 * p->least) { /* no place for a second one */
        ends[0] = n;
        return 1;
    }
    double **reals[REALS] = { &p->s1, &p->s2, &p->inverse, &p->best, &p->value };
    size_t **sizes[SIZES] = { &p->last, &p->candidates, &p->doomed };
    if (n > IFM_STEADY_POINTS) {
        memory = ifm_alloc_array(n + 1, REALS * sizeof(double) + SIZES * sizeof(size_t));
        if (!memory)
            return 0;
    }
    for (size_t i = 0; i < REALS; i++)
        *reals[i] = memory ? memory + i * (n + 1) : room.reals[i];
    for (size_t i = 0; i < SIZES; i++)
        *sizes[i] = memory ? (size_t *)(memory + REALS * (n + 1)) + i * (n + 1) : room.sizes[i];
    prepare(p, values);
    size_t count = segment(p, ends);
    ifm_free(memory);
    return count;
}

size_t ifm_steady_pelt_meanvar(const double *values, size_t n, double penalty, size_t least,
                               double floor_var, size_t *ends)
{
    struct pelt p = {
        .n = n, .least = least ? least : 1, .step = 1, .floor_var = floor_var, .penalty = penalty
    };
    return pelt(values, &p, ends);
}

/* -- Barrett, Bolz-Tereick, Killick, Mount, Tratt 2017 ------------------------------------------
 */

/* Takes `old` out of an ascending window and puts `fresh` in. */
static void slide(double *window, double old, double fresh)
{
    size_t at = 0;
    while (window[at] < old)
        at++;
    for (; at + 1 < WINDOW && window[at + 1] < fresh; at++)
        window[at] = window[at + 1];
    for (; at > 0 && window[at - 1] > fresh; at--)
        window[at] = window[at - 1];
    window[at] = fresh;
}

/* Centred window (at the ends: the first and the last whole one): a value is an outlier if it lies
 * further from the window's median than three times the distance of its P90 and P10; it is ignored
 * by giving it that median. A change of level is not touched, because it widens the window's
 * percentiles. */
static void level_outliers(const double *values, size_t n, double *out)
{
    double window[WINDOW];
    memcpy(out, values, n * sizeof *out);
    if (n < WINDOW)
        return;
    memcpy(window, values, sizeof window);
    ifm_stat_sort_f64(window, WINDOW);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > WINDOW / 2 && from + WINDOW < n) {
            slide(window, values[from], values[from + WINDOW]);
            from++;
        }
        double middle = window[WINDOW / 2], width = window[WINDOW - 3] - window[2];
        if (fabs(values[i] - middle) > 3.0 * width)
            out[i] = middle;
    }
}

struct segment {
    size_t begin, end;
    double mean, variance; /* of values as parts of the last segment's mean */
};

static void describe(const double *values, struct segment *s)
{
    double n = (double)(s->end - s->begin), mean = 0.0, squares = 0.0;
    for (size_t i = s->begin; i < s->end; i++)
        mean += values[i] / n;
    for (size_t i = s->begin; i < s->end; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    s->mean = mean;
    s->variance = squares / n;
}

/* The paper wants the last segment itself to cover the last iterations. Here the segments that are
 * equivalent to it count too: a burst of noise near the end changes the variance, not the level. */
static enum ifm_steady_class judge(const double *values, size_t n, size_t steady,
                                   const size_t *ends, size_t count)
{
    struct segment last = { count > 1 ? ends[count - 2] : 0, n, 0, 0 };
    describe(values, &last);
    double unit = last.mean > 0.0 ? last.mean : 1.0;
    double slack = last.variance / (unit * unit);
    slack = slack > DELTA ? slack : DELTA;
    enum ifm_steady_class class = IFM_STEADY_FLAT;
    for (size_t i = count - 1; i-- > 0;) {
        struct segment s = { i ? ends[i - 1] : 0, ends[i], 0, 0 };
        describe(values, &s);
        double mean = s.mean / unit, variance = s.variance / (unit * unit);
        double base = last.mean / unit;
        if (mean + variance >= base - slack && mean - variance <= base + slack)
            continue;
        if (s.end + steady > n)
            return IFM_STEADY_NO_STEADY_STATE;
        if (mean - variance < base - slack)
            return IFM_STEADY_SLOWDOWN; /* an earlier segment was faster */
        class = IFM_STEADY_WARMUP;
    }
    return class;
}

double ifm_steady_noise(const double *values, size_t n)
{
    double sum = 0.0;
    for (size_t i = 1; i < n; i++)
        sum += fabs(values[i] - values[i - 1]);
    return n > 1 ? HALF_SQRT_PI * sum / (double)(n - 1) : 0.0;
}

enum ifm_steady_class ifm_steady_classify(const double *values, size_t n, size_t steady,
                                          double floor_var, bool isolated)
{
    double levelled[IFM_STEADY_POINTS];
    size_t ends[IFM_STEADY_POINTS];
    if (n == 0 || n > IFM_STEADY_POINTS)
        return IFM_STEADY_TOO_FEW;
    if (isolated) {
        level_outliers(values, n, levelled);
        values = levelled;
    }
    double noise = NOISE_FLOOR * ifm_steady_noise(values, n);
    floor_var = noise * noise > floor_var ? noise * noise : floor_var;
    struct pelt p = { .n = n,
                      .least = LEAST_SEGMENT,
                      .step = (n + FINE_POINTS - 1) / FINE_POINTS,
                      .floor_var = floor_var,
                      .penalty = PENALTY * log((double)n) };
    size_t count = pelt(values, &p, ends);
    return judge(values, n, steady, ends, count);
}

enum ifm_steady_class ifm_steady_barrett(const double *values, size_t n, double floor_var)
{
    if (n < STEADY_LEAST)
        return IFM_STEADY_TOO_FEW;
    return ifm_steady_classify(values, n, n / 4 > STEADY_LEAST ? n / 4 : STEADY_LEAST, floor_var,
                               true);
}
