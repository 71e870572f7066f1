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
#define WINDOW        21 /* for isolated outliers; odd */
#define LN_2PI        1.83787706640934548356

/* -- PELT -------------------------------------------------------------------------------------- */

struct pelt {
    size_t n;
    double *s1, *s2;        /* prefix sums of x and x^2, against the mean */
    double *best;           /* cost of the best segmentation of [0, t) */
    double *value;          /* per candidate, at the present t */
    size_t *last;           /* begin of the last segment of that best */
    size_t *candidates;     /* begins that can still win */
    size_t *doomed;         /* t from which a begin is out; 0: not decided */
    double floor_var;
};

struct pelt_room { /* for series as short as those of ifm_steady_assess: no allocation, no failure */
    double reals[4][IFM_STEADY_POINTS + 1];
    size_t sizes[3][IFM_STEADY_POINTS + 1];
};

static double cost(const struct pelt *p, size_t from, size_t to)
{
    double n = (double)(to - from), sum = p->s1[to] - p->s1[from];
    double variance = (p->s2[to] - p->s2[from] - sum * sum / n) / n;
    return n * (LN_2PI + 1.0 + log(variance > p->floor_var ? variance : p->floor_var));
}

/* F(t) = min over s of F(s) + C(s, t) + penalty. A begin s with F(s) + C(s, t) > F(t) cannot win
 * once t itself may begin a segment, and that is `least` points later. Returns how many begins are
 * left. */
static size_t advance(struct pelt *p, size_t t, size_t least, double penalty, size_t alive)
{
    size_t winner = 0, kept = 0;
    for (size_t i = 0; i < alive; i++) {
        p->value[i] = p->best[p->candidates[i]] + cost(p, p->candidates[i], t);
        if (p->value[i] < p->value[winner])
            winner = i;
    }
    p->best[t] = p->value[winner] + penalty;
    p->last[t] = p->candidates[winner];
    for (size_t i = 0; i < alive; i++) {
        size_t s = p->candidates[i];
        if (p->doomed[s] == 0 && p->value[i] > p->best[t])
            p->doomed[s] = t + least;
        if (p->doomed[s] == 0 || t < p->doomed[s])
            p->candidates[kept++] = s;
    }
    return kept;
}

static size_t segment(struct pelt *p, const double *values, double penalty, size_t least,
                      size_t *ends)
{
    double mean = 0.0;
    for (size_t i = 0; i < p->n; i++)
        mean += values[i] / (double)p->n;
    p->s1[0] = p->s2[0] = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        double x = values[i] - mean;
        p->s1[i + 1] = p->s1[i] + x;
        p->s2[i + 1] = p->s2[i] + x * x;
        p->doomed[i] = 0;
    }
    size_t alive = 0;
    p->best[0] = -penalty;
    for (size_t t = least; t <= p->n; t++) {
        if (t == least || t - least >= least) /* a begin before that would leave a short segment */
            p->candidates[alive++] = t - least;
        alive = advance(p, t, least, penalty, alive);
    }
    size_t count = 0;
    for (size_t t = p->n; t > 0; t = p->last[t])
        ends[count++] = t;
    for (size_t i = 0; i < count / 2; i++) {
        size_t kept = ends[i];
        ends[i] = ends[count - 1 - i];
        ends[count - 1 - i] = kept;
    }
    return count;
}

size_t ifm_steady_pelt_meanvar(const double *values, size_t n, double penalty, size_t least,
                               double floor_var, size_t *ends)
{
    struct pelt_room room;
    struct pelt p = { .n = n, .floor_var = floor_var };
    double *memory = NULL;
    least = least ? least : 1;
    if (n == 0 || n > PELT_MOST)
        return 0;
    if (n < 2 * least) { /* no place for a second one */
        ends[0] = n;
        return 1;
    }
    double **reals[] = { &p.s1, &p.s2, &p.best, &p.value };
    size_t **sizes[] = { &p.last, &p.candidates, &p.doomed };
    if (n > IFM_STEADY_POINTS) {
        memory = ifm_alloc_array(n + 1, 4 * sizeof *memory + 3 * sizeof **sizes[0]);
        if (!memory)
            return 0;
    }
    for (size_t i = 0; i < 4; i++)
        *reals[i] = memory ? memory + i * (n + 1) : room.reals[i];
    for (size_t i = 0; i < 3; i++)
        *sizes[i] = memory ? (size_t *)(memory + 4 * (n + 1)) + i * (n + 1) : room.sizes[i];
    size_t count = segment(&p, values, penalty, least, ends);
    ifm_free(memory);
    return count;
}

/* -- Barrett, Bolz-Tereick, Killick, Mount, Tratt 2017 ------------------------------------------ */

/* Centred window: a value is an outlier if it lies further from the window's median than three
 * times the distance of its P90 and P10; it is ignored by giving it that median. A change of level
 * is not touched, because it widens the window's percentiles. */
static void level_outliers(const double *values, size_t n, double *out)
{
    memcpy(out, values, n * sizeof *out);
    for (size_t i = WINDOW / 2; i + WINDOW / 2 < n; i++) {
        double window[WINDOW];
        memcpy(window, values + i - WINDOW / 2, sizeof window);
        ifm_stat_sort_f64(window, WINDOW);
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

static enum ifm_steady_class judge(const double *values, size_t n, size_t steady,
                                   const size_t *ends, size_t count)
{
    struct segment last = { count > 1 ? ends[count - 2] : 0, n, 0, 0 };
    describe(values, &last);
    if (last.begin + steady > n)
        return IFM_STEADY_NO_STEADY_STATE;
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
        if (mean - variance < base - slack)
            return IFM_STEADY_SLOWDOWN; /* an earlier segment was faster */
        class = IFM_STEADY_WARMUP;
    }
    return class;
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
    size_t count = ifm_steady_pelt_meanvar(values, n, PENALTY * log((double)n), LEAST_SEGMENT,
                                           floor_var, ends);
    return judge(values, n, steady, ends, count);
}

enum ifm_steady_class ifm_steady_barrett(const double *values, size_t n, double floor_var)
{
    if (n < STEADY_LEAST)
        return IFM_STEADY_TOO_FEW;
    return ifm_steady_classify(values, n, n / 4 > STEADY_LEAST ? n / 4 : STEADY_LEAST, floor_var,
                               true);
}
