#include "daemon/analysis/samples.h"

#include <string.h>
#include "core/codec.h"
#include "core/mem.h"
#include "daemon/analysis/loghist.h"

/* The median of a bucket is exact up to this many samples; beyond, from a histogram to within 1 %. */
#define EXACT_MAX 262144
#define PHASES 2

/* -- Columns of one phase ----------------------------------------------------------------------- */
struct columns { int64_t *t, *min, *max, *p50, *n; int used; }; /* of `buckets` entries, one allocation */

struct work {
    struct ifm_jw *w;
    int buckets, phase; /* phase: what was asked for, -1 both */
    const struct ifm_samples_range *range; /* NULL: all */
    int64_t current;    /* invocation that is being gathered, -1 none */
    int64_t totals[IFM_INVOCATIONS_MAX][PHASES];
    /* the phase that is being gathered */
    int at_phase;
    int64_t seen, clock_ns, bucket_end;
    int64_t *values;      /* of the open bucket */
    size_t value_count, value_capacity;
    bool estimate;        /* buckets are too large to be held */
    struct ifm_loghist hist;
    struct columns columns[PHASES];
    int64_t latencies[IFM_CODEC_SAMPLES_MAX], gaps[IFM_CODEC_SAMPLES_MAX];
};

static int columns_init(struct columns *columns, int buckets, struct ifm_err *err)
{
    size_t each = (size_t)buckets;
    columns->t = ifm_alloc_array(5 * each, sizeof *columns->t);
    if (!columns->t) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    columns->min = columns->t + each;
    columns->max = columns->min + each;
    columns->p50 = columns->max + each;
    columns->n = columns->p50 + each;
    return 0;
}

static void write_column(struct ifm_jw *w, const char *key, const int64_t *values, int count)
{
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '[');
    for (int i = 0; i < count; i++) ifm_jw_i64(w, values[i]);
    ifm_jw_end(w, ']');
}

static void write_phase(struct work *work, int phase)
{
    static const char *const names[PHASES] = { "warmup", "steady" };
    struct columns *columns = &work->columns[phase];
    struct ifm_jw *w = work->w;
    if (work->phase >= 0 && work->phase != phase) return;
    ifm_jw_key(w, names[phase]);
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "count");
    ifm_jw_i64(w, work->totals[work->current][phase]);
    write_column(w, "t_ns", columns->t, columns->used);
    write_column(w, "min", columns->min, columns->used);
    write_column(w, "max", columns->max, columns->used);
    write_column(w, "p50", columns->p50, columns->used);
    write_column(w, "n", columns->n, columns->used);
    ifm_jw_end(w, '}');
    columns->used = 0;
}

/* -- Buckets ------------------------------------------------------------------------------------ */
/* Bucket b of a phase of n samples ends before sample n * (b + 1) / buckets: sizes differ by one at most. */
static int64_t end_of(const struct work *work, int64_t total, int bucket)
{
    int64_t buckets = total < work->buckets ? total : work->buckets;
    return total / buckets * (bucket + 1) + total % buckets * (bucket + 1) / buckets;
}

static void close_bucket(struct work *work)
{
    struct columns *columns = &work->columns[work->at_phase];
    int i = columns->used;
    if (work->estimate) {
        columns->min[i] = work->hist.min;
        columns->max[i] = work->hist.max;
        columns->p50[i] = ifm_loghist_percentile(&work->hist, 5000);
        columns->n[i] = work->hist.total;
        ifm_loghist_reset(&work->hist);
    } else {
        ifm_stat_sort(work->values, work->value_count);
        columns->min[i] = work->values[0];
        columns->max[i] = work->values[work->value_count - 1];
        columns->p50[i] = ifm_stat_percentile(work->values, work->value_count, 5000);
        columns->n[i] = (int64_t)work->value_count;
        work->value_count = 0;
    }
    columns->used++;
}

static bool within(const struct work *work)
{
    const struct ifm_samples_range *range = work->range;
    int64_t t = work->clock_ns > 0 ? work->clock_ns : 0;
    return !range || (t >= range->from_ns && t < range->to_ns);
}

static void add_sample(struct work *work, int64_t latency, int64_t gap, int64_t total)
{
    struct columns *columns = &work->columns[work->at_phase];
    work->clock_ns += gap;
    bool wanted = within(work) && columns->used < work->buckets; /* more than was counted cannot be */
    if (!wanted) {
        work->clock_ns += latency;
        return;
    }
    if (!work->value_count && !work->hist.total) {
        columns->t[columns->used] = work->clock_ns > 0 ? work->clock_ns : 0; /* pauses of an open loop may be < 0 */
        work->bucket_end = end_of(work, total, columns->used);
    }
    if (work->estimate) {
        ifm_loghist_add(&work->hist, latency);
    } else {
        work->values[work->value_count++] = latency;
    }
    work->clock_ns += latency;
    if (++work->seen == work->bucket_end) close_bucket(work);
}

/* -- Visits ------------------------------------------------------------------------------------- */
static int decode(struct work *work, const struct ifm_store_block *block, size_t *count, size_t *gap_count,
                  struct ifm_err *err)
{
    *count = *gap_count = 0;
    int rc = ifm_codec_decode(block->block, block->block_len, work->latencies, IFM_CODEC_SAMPLES_MAX, count, err);
    if (rc || !block->gaps) return rc;
    return ifm_codec_decode(block->gaps, block->gaps_len, work->gaps, IFM_CODEC_SAMPLES_MAX, gap_count, err);
}

/* How many samples there are; with a range, only those within it, which takes decoding. */
static int count_block(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    struct work *work = arg;
    size_t count, gap_count;
    int64_t *total = &work->totals[block->invocation][block->phase & 1];
    if (!work->range) {
        *total += block->count;
        return 0;
    }
    if (block->first == 0) work->clock_ns = 0;
    int rc = decode(work, block, &count, &gap_count, err);
    for (size_t i = 0; !rc && i < count; i++) {
        work->clock_ns += i < gap_count ? work->gaps[i] : 0;
        *total += within(work);
        work->clock_ns += work->latencies[i];
    }
    return rc;
}

static void close_invocation(struct work *work)
{
    if (work->current < 0) return;
    ifm_jw_begin(work->w, '{');
    ifm_jw_key(work->w, "n");
    ifm_jw_i64(work->w, work->current);
    for (int phase = 0; phase < PHASES; phase++) write_phase(work, phase);
    ifm_jw_end(work->w, '}');
    work->current = -1;
}

static int begin_phase(struct work *work, int phase, int64_t total, struct ifm_err *err)
{
    work->at_phase = phase;
    work->seen = work->clock_ns = 0;
    work->value_count = 0;
    ifm_loghist_reset(&work->hist);
    int64_t largest = total / work->buckets + 1;
    work->estimate = largest > EXACT_MAX;
    if (work->estimate || (size_t)largest <= work->value_capacity) return 0;
    int64_t *values = ifm_resize_array(work->values, (size_t)largest, sizeof *values);
    if (!values) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    work->values = values;
    work->value_capacity = (size_t)largest;
    return 0;
}

/* An invocation that came after the counting has no totals: it is for the next request. */
static int add_block(void *arg, const struct ifm_store_block *block, struct ifm_err *err)
{
    struct work *work = arg;
    int phase = block->phase & 1;
    int64_t total = work->totals[block->invocation][phase];
    size_t count = 0, gap_count = 0;
    int rc = 0;
    if (!total) return 0;
    if (block->invocation != work->current) close_invocation(work);
    work->current = block->invocation;
    if (block->first == 0) rc = begin_phase(work, phase, total, err);
    if (!rc) rc = decode(work, block, &count, &gap_count, err);
    for (size_t i = 0; !rc && i < count; i++) {
        add_sample(work, work->latencies[i], i < gap_count ? work->gaps[i] : 0, total);
    }
    return rc;
}

static int write_reply(struct ifm_store *store, const char *run_id, int64_t invocation, struct work *work,
                       struct ifm_err *err)
{
    struct ifm_jw *w = work->w;
    int rc = work->range ? ifm_store_visit_samples(store, run_id, invocation, work->phase, count_block, work, err)
                         : ifm_store_visit_counts(store, run_id, invocation, work->phase, count_block, work, err);
    if (rc) return rc;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "run");
    ifm_jw_string(w, run_id);
    ifm_jw_key(w, "unit");
    ifm_jw_string(w, "ns");
    ifm_jw_key(w, "invocations");
    ifm_jw_begin(w, '[');
    rc = ifm_store_visit_samples(store, run_id, invocation, work->phase, add_block, work, err);
    close_invocation(work);
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
    return rc ? rc : ifm_buf_check(w->out, err);
}

int ifm_samples_json(struct ifm_store *store, const char *run_id, int64_t invocation, int phase, int buckets,
                     const struct ifm_samples_range *range, struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_jw w;
    if (buckets == 0) buckets = IFM_SAMPLES_BUCKETS;
    if (buckets < 1 || buckets > IFM_SAMPLES_BUCKETS_MAX) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "buckets", "buckets is 1..%d", IFM_SAMPLES_BUCKETS_MAX);
    }
    if (range && range->from_ns >= range->to_ns) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "from", "from must be below to");
    }
    if (range && range->from_ns == 0 && range->to_ns == IFM_SAMPLES_NS_MAX) range = NULL; /* nothing is decoded twice */
    struct work *work = ifm_alloc(sizeof *work);
    if (!work) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    ifm_jw_init(&w, out);
    work->w = &w;
    work->buckets = buckets;
    work->phase = phase;
    work->range = range;
    work->current = -1;
    int rc = columns_init(&work->columns[0], buckets, err);
    if (!rc) rc = columns_init(&work->columns[1], buckets, err);
    if (!rc) rc = write_reply(store, run_id, invocation, work, err);
    ifm_free(work->columns[0].t);
    ifm_free(work->columns[1].t);
    ifm_free(work->values);
    ifm_free(work);
    return rc;
}
