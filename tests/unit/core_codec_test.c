/* Sample blocks: what goes in comes out, what is not a block is refused, and the size is as
 * promised. */
#include "near.h"

#include <pthread.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/stat.h"

static int64_t decoded[IFM_CODEC_SAMPLES_MAX];

static void check_round_trip(const int64_t *values, size_t count)
{
    struct ifm_block block;
    struct ifm_err err = IFM_ERR_INIT;
    size_t got = 0;
    assert_int_equal(ifm_codec_encode(values, count, &block, &err), 0);
    assert_int_equal(ifm_codec_count(block.bytes, block.len), count);
    memset(decoded, 0x55, count * sizeof *decoded);
    assert_int_equal(ifm_codec_decode(block.bytes, block.len, decoded, count, &got, &err), 0);
    assert_int_equal(got, count);
    assert_memory_equal(decoded, values, count * sizeof *values);
    ifm_free(block.bytes);
}

static void blocks_are_lossless_in_time_order(void **state)
{
    (void)state;
    static const int64_t extremes[] = {
        INT64_MIN, INT64_MAX, 0, -1, 1, INT64_MIN + 1, INT64_MAX - 1
    };
    static const int64_t ends[] = { INT64_MAX, INT64_MIN };
    int64_t one = 123456789, zero = 0, least = INT64_MIN;
    check_round_trip(extremes, COUNT(extremes));
    check_round_trip(ends, 2);
    check_round_trip(&one, 1);
    check_round_trip(&zero, 1);
    check_round_trip(&least, 1);
    struct ifm_rng rng;
    ifm_rng_init(&rng, 21);
    static int64_t values[IFM_CODEC_SAMPLES_MAX];
    for (int bits = 1; bits <= 64; bits++) /* every width, odd counts, unsorted, both signs */
        for (int round = 0; round < 3; round++) {
            size_t count = (size_t)ifm_rng_below(&rng, 700) + 1;
            for (size_t i = 0; i < count; i++)
                values[i] = (int64_t)(ifm_rng_next(&rng) >> (64 - bits)) - (round == 1 ? 1000 : 0);
            check_round_trip(values, count);
        }
    for (size_t i = 0; i < COUNT(values); i++) /* incompressible, and the largest block */
        values[i] = (int64_t)ifm_rng_next(&rng);
    check_round_trip(values, COUNT(values));
    for (size_t i = 0; i < COUNT(values); i++)
        values[i] = 5;
    check_round_trip(values, COUNT(values));
}

static void encode_refuses_empty_and_oversized_blocks(void **state)
{
    (void)state;
    struct ifm_block block = { (uint8_t *)1, 1 };
    struct ifm_err err = IFM_ERR_INIT;
    int64_t value = 0;
    assert_int_equal(ifm_codec_encode(&value, 0, &block, &err), IFM_ERR_INVALID);
    assert_null(block.bytes);
    assert_int_equal(ifm_codec_encode(&value, IFM_CODEC_SAMPLES_MAX + 1, &block, &err),
                     IFM_ERR_INVALID);
    assert_non_null(strstr(err.text, "65537"));
}

/* -- Hostile blocks ---------------------------------------------------------------------------- */

static size_t allocations, fail_at = SIZE_MAX;

static void *counting_alloc(void *context, size_t bytes)
{
    (void)context;
    return allocations++ == fail_at ? NULL : calloc(1, bytes ? bytes : 1);
}

static void *counting_resize(void *context, void *pointer, size_t bytes)
{
    (void)context;
    return allocations++ == fail_at ? NULL : realloc(pointer, bytes ? bytes : 1);
}

static void counting_free(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static const struct ifm_mem_hooks counting = { counting_alloc, counting_resize, counting_free,
                                               NULL };

static struct ifm_block sample_block(size_t count)
{
    struct ifm_rng rng;
    struct ifm_block block;
    int64_t *values = malloc(count * sizeof *values);
    ifm_rng_init(&rng, 33);
    for (size_t i = 0; i < count; i++)
        values[i] = 1000000 + (int64_t)(3000 * ifm_rng_normal(&rng));
    assert_int_equal(ifm_codec_encode(values, count, &block, NULL), 0);
    free(values);
    return block;
}

static void wrong_sizes_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    struct ifm_block block = sample_block(500);
    struct {
        size_t at;
        uint8_t value;
    } edits[] = { { 0, 'X' },  { 1, 'X' }, { 2, 2 }, { 3, 0 },    { 3, 9 }, { 3, 8 },
                  { 4, 0xff }, { 5, 0 },   { 6, 1 }, { 7, 0xff }, { 16, 0 } };
    uint8_t *copy = malloc(block.len + 8);
    ifm_mem_set_hooks(&counting);
    for (size_t i = 0; i < COUNT(edits); i++) {
        size_t got = 77;
        struct ifm_err err = IFM_ERR_INIT;
        memcpy(copy, block.bytes, block.len);
        copy[edits[i].at] = edits[i].value;
        allocations = 0;
        assert_int_equal(ifm_codec_decode(copy, block.len, decoded, COUNT(decoded), &got, &err),
                         IFM_ERR_INVALID);
        assert_int_equal(allocations, 0);
        assert_int_equal(got, 0);
        assert_true(err.text[0] != '\0');
    }
    size_t got;
    memcpy(copy, block.bytes, block.len);
    for (size_t len = 0; len < block.len; len++) { /* every truncation */
        allocations = 0;
        assert_int_equal(ifm_codec_decode(copy, len, decoded, COUNT(decoded), &got, NULL),
                         IFM_ERR_INVALID);
        assert_int_equal(allocations, 0);
    }
    copy[block.len] = 0; /* and anything behind the frame */
    assert_int_equal(ifm_codec_decode(copy, block.len + 1, decoded, COUNT(decoded), &got, NULL),
                     IFM_ERR_INVALID);
    assert_int_equal(ifm_codec_decode(copy, block.len, decoded, 499, &got, NULL), IFM_ERR_INVALID);
    assert_int_equal(ifm_codec_decode(NULL, 0, decoded, 1, &got, NULL), IFM_ERR_INVALID);
    assert_int_equal(allocations, 0);
    ifm_mem_set_hooks(NULL);
    free(copy);
    ifm_free(block.bytes);
}

static void random_mutations_never_crash(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 44);
    struct ifm_block blocks[3] = { sample_block(1), sample_block(300), sample_block(5000) };
    int accepted = 0;
    for (int round = 0; round < 20000; round++) {
        const struct ifm_block *block = &blocks[ifm_rng_below(&rng, 3)];
        size_t len = block->len, got = 0, cut = (size_t)ifm_rng_below(&rng, 8);
        if (cut == 0)
            len = (size_t)ifm_rng_below(&rng, len + 1);
        uint8_t *copy =
            malloc(len + 1); /* exactly as long, so that a sanitizer sees a read beyond */
        memcpy(copy, block->bytes, len);
        for (uint64_t edits = ifm_rng_below(&rng, 6); len && edits > 0; edits--)
            copy[ifm_rng_below(&rng, ifm_rng_below(&rng, 2) ? len
                                     : len < 40             ? len
                                                            : 40)] = (uint8_t)ifm_rng_next(&rng);
        uint8_t *exact = realloc(copy, len ? len : 1);
        struct ifm_err err = IFM_ERR_INIT;
        int rc = ifm_codec_decode(exact, len, decoded, COUNT(decoded), &got, &err);
        assert_true(rc == 0 || rc == IFM_ERR_INVALID);
        assert_true(rc == 0 ? got > 0 : got == 0 && err.text[0]);
        accepted += rc == 0;
        free(exact);
    }
    assert_true(accepted > 0 &&
                accepted < 20000); /* an edit of the median alone makes a valid block */
    for (int i = 0; i < 3; i++)
        ifm_free(blocks[i].bytes);
}

/* The n-th allocation fails, for every n until none does: an error or the whole result, and no
 * leak. */
static void out_of_memory_is_an_error(void **state)
{
    (void)state;
    static int64_t values[1000];
    struct ifm_block block;
    size_t got;
    for (size_t i = 0; i < COUNT(values); i++)
        values[i] = (int64_t)(i * i);
    ifm_mem_set_hooks(&counting);
    for (fail_at = 0;; fail_at++) {
        allocations = 0;
        int rc = ifm_codec_encode(values, COUNT(values), &block, NULL);
        assert_true(rc == 0 || (rc == IFM_ERR_NOMEM && block.bytes == NULL));
        if (rc == 0 && allocations <= fail_at)
            break;
        ifm_free(block.bytes);
    }
    assert_true(fail_at >= 2);
    allocations = fail_at = 0;
    assert_int_equal(ifm_codec_decode(block.bytes, block.len, decoded, COUNT(decoded), &got, NULL),
                     IFM_ERR_NOMEM);
    assert_int_equal(got, 0);
    fail_at = SIZE_MAX;
    ifm_free(block.bytes);
    ifm_mem_set_hooks(NULL);
}

/* -- Threads and size -------------------------------------------------------------------------- */

static void *round_trips(void *argument)
{
    struct ifm_rng rng;
    ifm_rng_init(&rng, (uint64_t)(uintptr_t)argument);
    int64_t values[500], back[500];
    for (int round = 0; round < 50; round++) {
        struct ifm_block block;
        size_t got;
        for (size_t i = 0; i < COUNT(values); i++)
            values[i] = (int64_t)ifm_rng_below(&rng, 1000000);
        if (ifm_codec_encode(values, COUNT(values), &block, NULL) != 0 ||
            ifm_codec_decode(block.bytes, block.len, back, COUNT(back), &got, NULL) != 0 ||
            memcmp(values, back, sizeof values) != 0)
            return (void *)1;
        ifm_free(block.bytes);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (int generation = 0; generation < 3;
         generation++) { /* contexts of ended threads are given back */
        pthread_t threads[4];
        for (size_t i = 0; i < COUNT(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, round_trips, (void *)(i + 1)), 0);
        for (size_t i = 0; i < COUNT(threads); i++) {
            void *failed;
            assert_int_equal(pthread_join(threads[i], &failed), 0);
            assert_null(failed);
        }
    }
}

/* Latencies as they are: correlated noise, one slow in a hundred, rare stalls of a millisecond. */
static void simulate_latencies(int64_t *values, size_t count, double median_ns, double sd_ns,
                               uint64_t seed)
{
    struct ifm_rng rng;
    double drift = 0;
    ifm_rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        drift = 0.5 * drift + ifm_rng_normal(&rng);
        double latency = median_ns + sd_ns * drift;
        if (ifm_rng_below(&rng, 100) == 0)
            latency *= 1.5;
        if (ifm_rng_below(&rng, 2000) == 0)
            latency += 1e6;
        values[i] = (int64_t)latency;
    }
}

static void blocks_keep_their_size_bound(void **state)
{
    (void)state;
    static const double laws[][2] = {
        { 12e3, 60 }, { 200e3, 2e3 }, { 2e6, 40e3 }, { 35e6, 1e6 }, { 200e6, 20e6 }
    };
    static int64_t values[IFM_CODEC_SAMPLES_MAX], sorted[IFM_CODEC_SAMPLES_MAX];
    static const size_t counts[] = { 1000, 10000, IFM_CODEC_SAMPLES_MAX };
    for (size_t i = 0; i < COUNT(laws); i++)
        for (size_t j = 0; j < COUNT(counts); j++) {
            size_t n = counts[j];
            struct ifm_block block;
            simulate_latencies(values, n, laws[i][0], laws[i][1], 100 + i);
            assert_int_equal(ifm_codec_encode(values, n, &block, NULL), 0);
            memcpy(sorted, values, n * sizeof *values);
            ifm_stat_sort(sorted, n);
            double iqr_ns = (double)(sorted[n * 3 / 4] - sorted[n / 4]);
            double bound = fmax(1.0, log2(iqr_ns) / 8 + 0.7), size = (double)block.len / (double)n;
            print_message("median %.0f ns, IQR %.0f ns, n %zu: %.3f bytes a sample, bound %.3f\n",
                          laws[i][0], iqr_ns, n, size, bound);
            assert_true(size <= bound);
            ifm_free(block.bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_lossless_in_time_order),
        cmocka_unit_test(encode_refuses_empty_and_oversized_blocks),
        cmocka_unit_test(wrong_sizes_are_refused_before_memory_is_taken),
        cmocka_unit_test(random_mutations_never_crash),
        cmocka_unit_test(out_of_memory_is_an_error),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(blocks_keep_their_size_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
