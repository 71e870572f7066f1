#include "daemon/analysis/histogram.h"

#include "core/codec.h"
#include "core/mem.h"
#include "daemon/analysis/loghist.h"

struct work {
    bool ok[IFM_INVOCATIONS_MAX]; /* invocations that count */
    bool ranging;                 /* first pass: only look for the range */
    int64_t low_ns, bin_ns, below, above, total;
    int bins;
    int64_t counts[IFM_HISTOGRAM_BINS_MAX];
    struct ifm_loghist hist;
    int64_t values[IFM_CODEC_SAMPLES_MAX];
};

static int mark_ok(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    struct work *work = arg;
    (void)err;
    work->ok[block->invocation] = true;
    return 0;
}

static void add_value(struct work *work, int64_t value)
{
    work->total++;
    if (value < work->low_ns) {
        work->below++;
    } else if ((value - work->low_ns) / work->bin_ns >= work->bins) {
        work->above++;
    } else {
        work->counts[(value - work->low_ns) / work->bin_ns]++;
    }
}

static int add_block(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    struct work *work = arg;
    size_t count = 0;
    if (!work->ok[block->invocation]) return 0;
    int rc = ifm_codec_decode(block->block, block->block_len, work->values, IFM_CODEC_SAMPLES_MAX, &count, err);
    for (size_t i = 0; !rc && i < count; i++) {
        if (work->ranging) {
            ifm_loghist_add(&work->hist, work->values[i]);
        } else {
            add_value(work, work->values[i]);
        }
    }
    return rc;
}

static void write_reply(const struct work *work, bool empty, struct ifm_buf *out)
{
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "low_ns");
    ifm_jw_i64(&w, empty ? IFM_JSON_ABSENT : work->low_ns);
    ifm_jw_key(&w, "high_ns");
    ifm_jw_i64(&w, empty ? IFM_JSON_ABSENT : work->low_ns + work->bin_ns * work->bins);
    ifm_jw_key(&w, "bin_ns");
    ifm_jw_i64(&w, empty ? IFM_JSON_ABSENT : work->bin_ns);
    ifm_jw_key(&w, "counts");
    ifm_jw_begin(&w, '[');
    for (int i = 0; !empty && i < work->bins; i++) ifm_jw_i64(&w, work->counts[i]);
    ifm_jw_end(&w, ']');
    ifm_jw_key(&w, "below");
    ifm_jw_i64(&w, work->below);
    ifm_jw_key(&w, "above");
    ifm_jw_i64(&w, work->above);
    ifm_jw_key(&w, "n");
    ifm_jw_i64(&w, work->total);
    ifm_jw_end(&w, '}');
}

/* Sets low_ns and bin_ns; with the default range from a pass of its own. *empty: there are no samples. */
static int find_range(struct ifm_store *store, const char *run_id, int64_t invocation, int64_t low_ns,
                      int64_t high_ns, struct work *work, bool *empty, struct ifm_err *err)
{
    if (low_ns < 0 || high_ns < 0) {
        ifm_loghist_reset(&work->hist);
        work->ranging = true;
        int rc = ifm_store_visit_samples(store, run_id, invocation, 1, add_block, work, err);
        work->ranging = false;
        if (rc) return rc;
        *empty = work->hist.total == 0;
        if (low_ns < 0) low_ns = *empty ? 0 : work->hist.min;
        if (high_ns < 0) high_ns = ifm_loghist_percentile(&work->hist, 9990) + 1; /* so that it lies inside */
        if (high_ns <= low_ns) high_ns = low_ns + 1; /* an asked-for end beyond all samples */
    }
    work->low_ns = low_ns;
    work->bin_ns = (high_ns - low_ns + work->bins - 1) / work->bins;
    return 0;
}

static int check(int bins, int64_t low_ns, int64_t high_ns, struct ifm_err *err)
{
    if (bins < 1 || bins > IFM_HISTOGRAM_BINS_MAX) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "bins", "bins is 1..%d", IFM_HISTOGRAM_BINS_MAX);
    }
    if (low_ns > IFM_HISTOGRAM_NS_MAX || high_ns > IFM_HISTOGRAM_NS_MAX ||
        (low_ns >= 0 && high_ns >= 0 && low_ns >= high_ns)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "low_ns", "low_ns must be below high_ns, and both at most "
                           "one hour");
    }
    return 0;
}

int ifm_histogram_json(struct ifm_store *store, const char *run_id, int64_t invocation, int bins,
                       int64_t low_ns, int64_t high_ns, struct ifm_buf *out, struct ifm_err *err)
{
    if (bins == 0) bins = IFM_HISTOGRAM_BINS;
    int rc = check(bins, low_ns, high_ns, err);
    if (rc) return rc;
    struct work *work = ifm_alloc(sizeof *work);
    if (!work) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    bool empty = false;
    work->bins = bins;
    rc = ifm_store_visit_invocations(store, run_id, invocation == -1, mark_ok, work, err);
    if (!rc) rc = find_range(store, run_id, invocation, low_ns, high_ns, work, &empty, err);
    if (!rc) rc = ifm_store_visit_samples(store, run_id, invocation, 1, add_block, work, err);
    if (!rc) {
        write_reply(work, empty, out);
        rc = ifm_buf_check(out, err);
    }
    ifm_free(work);
    return rc;
}
