#include "daemon/analysis/rollup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/codec.h"
#include "core/mem.h"
#include "daemon/analysis/lanes.h"

#define PHASE_NS_MAX INT64_C(2592000000000000) /* 30 days: no sum of times can overflow */
#define QUEUED_NS_MAX (1000 * PHASE_NS_MAX)    /* latencies of an open loop overlap: each holds the queue before it */
#define RESOLUTION_MAX_NS 1000000
#define KEEP_MAX 262144 /* samples whose space a thread keeps for the next invocation */

/* -- Decode space of a thread ------------------------------------------------------------------- */
struct scratch {
    int64_t *values, *other; /* of capacity samples */
    size_t capacity;
    int64_t *lateness; /* of open loops only; of lateness_capacity */
    size_t lateness_capacity;
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *pointer)
{
    struct scratch *scratch = pointer;
    ifm_free(scratch->values);
    ifm_free(scratch->other);
    ifm_free(scratch->lateness);
    ifm_free(scratch);
}

static void make_key(void)
{
    if (pthread_key_create(&scratch_key, scratch_free)) abort(); /* 1,024 keys: a programmer's error */
}

static int grow(int64_t **array, size_t count)
{
    int64_t *larger = ifm_resize_array(*array, count, sizeof *larger);
    if (!larger) return -1;
    *array = larger;
    return 0;
}

static struct scratch *scratch_get(size_t samples, struct ifm_err *err)
{
    pthread_once(&scratch_once, make_key);
    struct scratch *scratch = pthread_getspecific(scratch_key);
    if (!scratch) {
        scratch = ifm_alloc(sizeof *scratch);
        if (scratch && pthread_setspecific(scratch_key, scratch)) {
            ifm_free(scratch);
            scratch = NULL;
        }
    }
    if (scratch && scratch->capacity < samples) {
        if (grow(&scratch->values, samples) || grow(&scratch->other, samples)) {
            scratch = NULL;
        } else {
            scratch->capacity = samples;
        }
    }
    if (!scratch) ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory for %zu samples", samples);
    return scratch;
}

static int scratch_get_lateness(struct scratch *scratch, size_t samples, struct ifm_err *err)
{
    if (scratch->lateness_capacity >= samples) return 0;
    if (grow(&scratch->lateness, samples)) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory for %zu samples", samples);
    }
    scratch->lateness_capacity = samples;
    return 0;
}

/* After a large invocation the space goes back, so that one of them does not cost its size for ever. */
static void scratch_put(struct scratch *scratch)
{
    if (!scratch || scratch->capacity <= KEEP_MAX) return;
    ifm_free(scratch->values);
    ifm_free(scratch->other);
    ifm_free(scratch->lateness);
    *scratch = (struct scratch){ 0 };
}

/* -- Plain latencies ---------------------------------------------------------------------------- */
static int check_latencies(const struct ifm_ints *plain, struct ifm_err *err)
{
    for (size_t i = 0; i < plain->count; i++) {
        if (plain->items[i] < 0 || plain->items[i] > IFM_ROLLUP_LATENCY_MAX_NS) {
            char pointer[64];
            snprintf(pointer, sizeof pointer, "/latency_ns/%zu", i);
            return ifm_err_set(err, IFM_ERR_INVALID, pointer, "%lld ns is not a latency: 0 to one hour",
                               (long long)plain->items[i]);
        }
    }
    return 0;
}

static int blocks_from_plain(struct ifm_msg_invocation *body, struct ifm_err *err)
{
    struct ifm_ints *plain = &body->latency_ns;
    if (body->samples.count) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/latency_ns", "stands beside samples: send one of the two");
    }
    int rc = check_latencies(plain, err);
    if (rc) return rc;
    size_t count = (plain->count + IFM_CODEC_SAMPLES_MAX - 1) / IFM_CODEC_SAMPLES_MAX;
    struct ifm_msg_block *blocks = ifm_alloc_array(count, sizeof *blocks);
    if (!blocks) return ifm_err_set(err, IFM_ERR_NOMEM, "analysis", "out of memory");
    body->samples = (struct ifm_list){ blocks, count };
    for (size_t i = 0; i < count && !rc; i++) {
        size_t first = i * IFM_CODEC_SAMPLES_MAX, left = plain->count - first;
        size_t here = left < IFM_CODEC_SAMPLES_MAX ? left : IFM_CODEC_SAMPLES_MAX;
        blocks[i] = (struct ifm_msg_block){ .phase = 1, .first = (int64_t)first, .count = (int64_t)here };
        rc = ifm_codec_encode(plain->items + first, here, &blocks[i].block, err);
    }
    if (rc) return rc;
    ifm_free(plain->items);
    *plain = (struct ifm_ints){ NULL, 0 };
    return 0;
}

/* -- Blocks ------------------------------------------------------------------------------------- */
struct phase { int64_t count, latency_ns, gaps_ns; bool every_gap, late; };

static int refuse(struct ifm_err *err, size_t index, const char *member, const char *why)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/samples/%zu/%s", index, member);
    return ifm_err_set(err, IFM_ERR_INVALID, pointer, "%s", why);
}

static bool fits(const struct ifm_block *block, int64_t count)
{
    return !block->len || ifm_codec_count(block->bytes, block->len) == (size_t)count;
}

/* What may stand beside latencies; before: the block in front of this one in its phase, or NULL. */
static int check_companions(const struct ifm_msg_block *block, const struct ifm_msg_block *before, size_t i,
                            struct ifm_err *err)
{
    if (!fits(&block->gaps, block->count)) return refuse(err, i, "gaps", "must be a block with one gap for each sample");
    if (!fits(&block->lateness, block->count)) {
        return refuse(err, i, "lateness", "must be a block with one value for each sample");
    }
    if (block->lateness.len && block->phase == 0) return refuse(err, i, "lateness", "belongs to steady samples");
    if (before && !block->lateness.len != !before->lateness.len) {
        return refuse(err, i, "lateness", "stands in some of the steady blocks only: give it in each or in none");
    }
    return 0;
}

/* Before anything is decoded: order, numbering, and how many samples there are in all. */
static int check_layout(const struct ifm_msg_invocation *body, size_t totals[2], struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    for (size_t i = 0; i < body->samples.count; i++) {
        const struct ifm_msg_block *block = &blocks[i];
        if (block->phase != 0 && block->phase != 1) return refuse(err, i, "phase", "is not a phase");
        if (i && block->phase < blocks[i - 1].phase) return refuse(err, i, "phase", "warm-up after steady samples");
        if (block->count < 1 || block->count > IFM_CODEC_SAMPLES_MAX ||
            ifm_codec_count(block->block.bytes, block->block.len) != (size_t)block->count) {
            return refuse(err, i, "count", "differs from the number of samples in the block, or the block is "
                                           "no sample block");
        }
        int rc = check_companions(block, i && block->phase == blocks[i - 1].phase ? block - 1 : NULL, i, err);
        if (rc) return rc;
        if (block->first != (int64_t)totals[block->phase]) {
            return refuse(err, i, "first", "must go on where the block before ended");
        }
        totals[block->phase] += (size_t)block->count;
        if (totals[0] + totals[1] > IFM_RUN_SAMPLES_MAX) {
            return ifm_err_set(err, IFM_ERR_TOO_LARGE, "/samples", "more than %d samples", IFM_RUN_SAMPLES_MAX);
        }
    }
    return 0;
}

/* Decodes one block and adds it up, to at most most_ns; negative when a value cannot be one. lowest is 0, or less for the pauses of an
 * open loop, where an inference may be due before the one before it has ended. */
static int decode(const struct ifm_block *block, int64_t *values, size_t capacity, int64_t lowest, int64_t most_ns,
                  int64_t *sum_ns, struct ifm_err *err)
{
    size_t count = 0;
    int rc = ifm_codec_decode(block->bytes, block->len, values, capacity, &count, err);
    if (rc) return rc;
    int64_t sum = 0; /* at most 65,536 hours: fits */
    for (size_t i = 0; i < count; i++) {
        if (values[i] < lowest || values[i] > IFM_ROLLUP_LATENCY_MAX_NS) {
            return ifm_err_set(err, IFM_ERR_INVALID, "", "sample %zu is %lld ns: not within 0 to one hour", i,
                               (long long)values[i]);
        }
        sum += values[i];
    }
    *sum_ns += sum;
    if (*sum_ns > most_ns || *sum_ns < -most_ns) {
        return ifm_err_set(err, IFM_ERR_INVALID, "", "the phase would have lasted more than 30 days");
    }
    return 0;
}

/* The codec's or our sentence stays; the pointer says which block. */
static int located(int rc, struct ifm_err *err, size_t index, const char *member)
{
    if (rc && err && rc != IFM_ERR_NOMEM) {
        snprintf(err->where, sizeof err->where, "/samples/%zu/%s", index, member);
    }
    return rc;
}

static int64_t most_sum(const struct ifm_msg_block *block)
{
    return block->lateness.len ? QUEUED_NS_MAX : PHASE_NS_MAX;
}

static int decode_gaps(const struct ifm_msg_block *block, struct scratch *scratch, struct phase *phase, size_t index,
                       struct ifm_err *err)
{
    int64_t lowest = block->lateness.len ? -IFM_ROLLUP_LATENCY_MAX_NS : 0;
    phase->every_gap = phase->every_gap && block->gaps.len;
    if (!block->gaps.len) return 0;
    int rc = decode(&block->gaps, scratch->other, scratch->capacity, lowest, most_sum(block), &phase->gaps_ns, err);
    return located(rc, err, index, "gaps");
}

static int decode_lateness(const struct ifm_msg_block *block, struct scratch *scratch, struct phase *phase, size_t index,
                           struct ifm_err *err)
{
    int64_t sum_ns = 0;
    if (!block->lateness.len) return 0;
    size_t used = (size_t)block->first;
    int rc = decode(&block->lateness, scratch->lateness + used, scratch->lateness_capacity - used, 0,
                    QUEUED_NS_MAX, &sum_ns, err);
    phase->late = true;
    return located(rc, err, index, "lateness");
}

/* Steady values gather in scratch->values; scratch->other takes whatever is only looked at. */
static int decode_all(const struct ifm_msg_invocation *body, struct scratch *scratch, struct phase phases[2],
                      struct ifm_err *err)
{
    const struct ifm_msg_block *blocks = body->samples.items;
    int rc = 0;
    for (size_t i = 0; !rc && i < body->samples.count; i++) {
        struct phase *phase = &phases[blocks[i].phase];
        bool steady = blocks[i].phase == 1;
        size_t used = steady ? (size_t)blocks[i].first : 0;
        rc = decode(&blocks[i].block, (steady ? scratch->values : scratch->other) + used,
                    scratch->capacity - used, 0, most_sum(&blocks[i]), &phase->latency_ns, err);
        rc = located(rc, err, i, "block");
        if (!rc) rc = decode_gaps(&blocks[i], scratch, phase, i, err);
        if (!rc) rc = decode_lateness(&blocks[i], scratch, phase, i, err);
        phase->count += blocks[i].count;
    }
    return rc;
}

static int check_count(int64_t *claimed, int64_t found, const char *pointer, struct ifm_err *err)
{
    if (*claimed == 0 || *claimed == IFM_JSON_ABSENT) *claimed = found;
    if (*claimed == found) return 0;
    return ifm_err_set(err, IFM_ERR_INVALID, pointer, "says %lld, but there are %lld in the samples",
                       (long long)*claimed, (long long)found);
}

/* The steady phase's wall time. A client's own figure may only differ from what the samples show by what
 * reading the clock costs; otherwise the samples decide. */
static int64_t steady_time(const struct ifm_msg_invocation *body, const struct phase *steady)
{
    int64_t shown = steady->latency_ns + steady->gaps_ns;
    if (!steady->every_gap) return body->steady_ns > 0 ? body->steady_ns : 0;
    bool near = body->steady_ns >= shown && body->steady_ns - shown <= shown / 20 + 1000000;
    return near ? body->steady_ns : shown;
}

/* The client's word for it only floors variances: no more than the coarsest clock there is. */
static int64_t resolution(const struct ifm_msg_clock *clock)
{
    if (clock->resolution_ns <= 0) return 0;
    return clock->resolution_ns < RESOLUTION_MAX_NS ? clock->resolution_ns : RESOLUTION_MAX_NS;
}

static int roll_up(struct ifm_msg_invocation *body, struct scratch *scratch, struct ifm_invocation_stats *stats,
                   bool *has_stats, struct ifm_err *err)
{
    struct phase phases[2] = { { .every_gap = true }, { .every_gap = true } };
    int64_t calls = body->batch_calls > 1 ? body->batch_calls : 1;
    int rc = decode_all(body, scratch, phases, err);
    if (!rc && phases[1].late && llabs(phases[1].latency_ns + phases[1].gaps_ns) > PHASE_NS_MAX) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "/samples", "the phase would have lasted more than 30 days");
    }
    if (!rc) rc = check_count(&body->iterations, phases[1].count * calls, "/iterations", err);
    /* A worker keeps the first 65,536 warm-up samples of what may be many more. */
    if (!rc && phases[0].count > body->warmup_iterations)
        rc = check_count(&body->warmup_iterations, phases[0].count, "/warmup_iterations", err);
    if (rc) return rc;
    *has_stats = phases[1].count > 0;
    if (*has_stats) {
        const struct ifm_samples samples = {
            .latency_ns = scratch->values,
            .lateness_ns = phases[1].late ? scratch->lateness : NULL,
            .n = (size_t)phases[1].count,
            .steady_ns = steady_time(body, &phases[1]),
            .batch_calls = calls,
            .resolution_ns = resolution(&body->clock),
        };
        ifm_summary_samples(&samples, scratch->other, stats);
    }
    return 0;
}

static bool is_open_loop(const struct ifm_list *samples)
{
    const struct ifm_msg_block *blocks = samples->items;
    return samples->count && blocks[samples->count - 1].lateness.len > 0;
}

int ifm_rollup(struct ifm_msg_invocation *body, struct ifm_invocation_stats *stats, bool *has_stats,
               struct ifm_err *err)
{
    size_t totals[2] = { 0, 0 };
    *has_stats = false;
    memset(stats, 0, sizeof *stats);
    int rc = body->latency_ns.count ? blocks_from_plain(body, err) : 0;
    if (!rc) rc = ifm_lanes_check(body, err);
    if (!rc) rc = check_layout(body, totals, err);
    if (!rc && body->status == 0 && !totals[1]) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "/samples", "an invocation that is ok must have steady samples");
    }
    if (rc) return rc;
    /* Room for the steady samples, and for any one block (warm-up, gaps). */
    size_t room = totals[1] > IFM_CODEC_SAMPLES_MAX ? totals[1] : IFM_CODEC_SAMPLES_MAX;
    struct scratch *scratch = scratch_get(room, err);
    if (!scratch) return IFM_ERR_NOMEM;
    if (is_open_loop(&body->samples)) rc = scratch_get_lateness(scratch, totals[1], err);
    if (!rc) rc = roll_up(body, scratch, stats, has_stats, err);
    scratch_put(scratch);
    return rc;
}
