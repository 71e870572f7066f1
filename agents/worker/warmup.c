#include "agents/worker/warmup.h"

#define CHUNK  4096  /* runs between two looks at the array */
#define VALUES 16384 /* latest runs of a window that its median is taken of */

struct warming {
    struct ifm_loop loop; /* over one chunk */
    struct ifm_warmup *out;
    int64_t *values; /* durations of the window; the oldest are overwritten */
    size_t seen;     /* runs of the window */
    int64_t medians[IFM_WARMUP_WINDOWS];
    int64_t windows;
};

static int64_t median_of_three(int64_t a, int64_t b, int64_t c)
{
    return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

/* Hoare's selection, in place: no allocation and no full sort while the processor should stay busy
 * with the model. */
static int64_t median_of(int64_t *values, size_t n)
{
    const size_t wanted = (n - 1) / 2;
    size_t low = 0, high = n - 1;
    while (low < high) {
        const int64_t pivot =
            median_of_three(values[low], values[low + (high - low) / 2], values[high]);
        size_t i = low, j = high;
        for (;; i++, j--) {
            while (values[i] < pivot) {
                i++;
            }
            while (values[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            const int64_t swapped = values[i];
            values[i] = values[j];
            values[j] = swapped;
        }
        if (wanted <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return values[wanted];
}

static void keep(struct warming *w, const struct ifm_loop_result *result)
{
    struct ifm_warmup *out = w->out;
    for (size_t i = 0; i < result->count; i++) {
        if (out->recorded < IFM_WARMUP_KEEP) {
            out->array.samples[out->recorded++] = w->loop.samples[i];
        }
        w->values[w->seen++ % VALUES] = w->loop.samples[i].duration_ns;
    }
    out->begin_ns = out->iterations == 0 ? result->begin_ns : out->begin_ns;
    out->iterations += (int64_t)result->count;
    out->end_ns = result->end_ns;
    out->status = result->status;
}

/* At least `runs` and `least_ns`. False: it ended before, at most_ns (0: never) or by a failure. */
static bool window(struct warming *w, int64_t runs, int64_t least_ns, int64_t most_ns)
{
    struct ifm_loop_result result;
    int64_t begin_ns = 0;
    w->seen = 0;
    do {
        const int64_t gone = w->seen ? w->out->end_ns - begin_ns : 0;
        w->loop.iterations = runs - (int64_t)w->seen;
        w->loop.duration_ns = least_ns - gone;
        w->loop.max_ns = most_ns == 0 ? 0 : most_ns > gone ? most_ns - gone : 1;
        ifm_loop_run(&w->loop, &result);
        begin_ns = w->seen ? begin_ns : result.begin_ns;
        keep(w, &result);
    } while (result.end == IFM_LOOP_ARRAY_FULL && result.status == 0);
    if (w->seen > 0) {
        w->out->p50_ns = median_of(w->values, w->seen < VALUES ? w->seen : VALUES);
        w->medians[w->windows++ % IFM_WARMUP_WINDOWS] = w->out->p50_ns;
    }
    return result.status == 0 && result.end == IFM_LOOP_COMPLETE;
}

bool ifm_warmup_agree(const int64_t medians[IFM_WARMUP_WINDOWS], int64_t tick_ns)
{
    int64_t low = medians[0], high = medians[0];
    for (size_t i = 1; i < IFM_WARMUP_WINDOWS; i++) {
        low = medians[i] < low ? medians[i] : low;
        high = medians[i] > high ? medians[i] : high;
    }
    return high - low <= low / 50 || high - low <= tick_ns; /* 1 / 50: 2 % */
}

static enum ifm_warmup_end converge(struct warming *w, const struct ifm_warmup_rule *rule)
{
    const struct ifm_warmup *out = w->out;
    const int64_t asked = rule->most_ns > 0 ? rule->most_ns : IFM_WARMUP_MOST_NS;
    const int64_t most_ns = asked > rule->least_ns ? asked : rule->least_ns;
    int64_t left = most_ns;
    while (window(w, IFM_WARMUP_WINDOW_RUNS, IFM_WARMUP_WINDOW_NS, left)) {
        const int64_t gone = out->end_ns - out->begin_ns;
        left = most_ns - gone;
        if (gone >= rule->least_ns && w->windows >= IFM_WARMUP_WINDOWS &&
            ifm_warmup_agree(w->medians, rule->tick_ns)) {
            return IFM_WARMUP_CONVERGED;
        }
        if (left <= 0 || (gone >= rule->least_ns && out->iterations >= IFM_WARMUP_MOST_RUNS &&
                          w->windows >= IFM_WARMUP_MOST_WINDOWS)) {
            break;
        }
    }
    return IFM_WARMUP_CAP;
}

int ifm_warmup_run(const struct ifm_loop *base, const struct ifm_warmup_rule *rule,
                   struct ifm_warmup *out, struct ifm_err *err)
{
    struct warming w = { .loop = *base, .out = out };
    const size_t for_values = VALUES * sizeof *w.values / sizeof *out->array.samples;
    *out = (struct ifm_warmup){ .iterations = 0 };
    const int code = ifm_loop_array_init(&out->array, IFM_WARMUP_KEEP + CHUNK + for_values, err);
    if (code != 0) {
        return code;
    }
    w.loop.calls = 1;
    w.loop.samples = out->array.samples + IFM_WARMUP_KEEP;
    w.loop.capacity = CHUNK;
    w.values = (int64_t *)(void *)(w.loop.samples + CHUNK); /* int64_t pairs are what samples are */
    if (rule->iterations > 0) {
        window(&w, rule->iterations, 0, 0);
        out->end = IFM_WARMUP_FIXED;
    } else {
        out->end = converge(&w, rule);
    }
    return 0;
}
