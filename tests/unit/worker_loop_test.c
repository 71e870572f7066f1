/* The timed loop: when it ends, what it records, and that it allocates nothing. */
#include "tests/lib/testlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/worker/loop.h"
#include "agents/worker/registry.h"
#include "core/clock.h"

/* -- Every allocation of this process is counted --------------------------------------------------
 */
static size_t allocations;
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *pointer, size_t bytes);
void __libc_free(void *pointer);
void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes)
{
    allocations++;
    return __libc_calloc(count, bytes);
}
void *realloc(void *pointer, size_t bytes)
{
    allocations++;
    return __libc_realloc(pointer, bytes);
}
void free(void *pointer)
{
    allocations += pointer != NULL;
    __libc_free(pointer);
}
#endif

struct fake {
    int runs, syncs, fail_run, fail_sync;
};

static int fake_run(void *state)
{
    struct fake *f = state;
    return ++f->runs == f->fail_run ? -7 : 0;
}

static int fake_sync(void *state)
{
    struct fake *f = state;
    assert_int_equal(f->syncs, f->runs - 1); /* once after each run */
    return ++f->syncs == f->fail_sync ? -8 : 0;
}

static struct ifm_loop_sample room[4096];

static struct ifm_loop loop_over(struct fake *f)
{
    return (struct ifm_loop){ .run = fake_run, .state = f, .samples = room, .capacity = 4096 };
}

static void ends_with_the_iterations_when_no_time_is_asked_for(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 10);
    assert_int_equal(f.runs, 10);
    assert_int_equal(r.end, IFM_LOOP_COMPLETE);
    assert_int_equal(r.status, 0);
}

static void runs_once_when_nothing_is_asked_for(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.end, IFM_LOOP_COMPLETE);
}

static void goes_on_until_iterations_and_duration_are_both_met(void **state)
{
    static struct ifm_loop_sample many[400000];
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.samples = many;
    loop.capacity = 400000;
    loop.iterations = 5;
    loop.duration_ns = 2000000;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.end, IFM_LOOP_COMPLETE);
    assert_true(r.count >= 5 && r.end_ns - r.begin_ns >= 2000000);
    if (r.count > 5) { /* the sample before the last did not meet the duration */
        const struct ifm_loop_sample *s = &many[r.count - 2];
        assert_true(s->start_ns + s->duration_ns - r.begin_ns < 2000000);
    }
}

static void ends_when_the_array_is_full(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.duration_ns = INT64_C(3600000000000);
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 4096);
    assert_int_equal(r.end, IFM_LOOP_ARRAY_FULL);
}

static void ends_at_the_hard_maximum(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.duration_ns = INT64_C(3600000000000);
    loop.iterations = 4000;
    loop.max_ns = 1;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.end, IFM_LOOP_MAXIMUM);
}

static void a_failing_run_ends_it_and_is_not_a_sample(void **state)
{
    struct fake f = { .fail_run = 4 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.status, -7);
}

static void sync_follows_each_run_and_may_fail_too(void **state)
{
    struct fake f = { .fail_sync = 6 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.sync = fake_sync;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 5);
    assert_int_equal(r.status, -8);
    assert_int_equal(f.syncs, 6);
}

/* -- Batches --------------------------------------------------------------------------------------
 */
static void a_batch_is_one_sample(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.calls = 7;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 10);
    assert_int_equal(f.runs, 70);
    assert_int_equal(r.end, IFM_LOOP_COMPLETE);
    f = (struct fake){ .runs = 0 };
    loop.sync = fake_sync; /* asserts that it follows each run */
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 10);
    assert_int_equal(f.syncs, 70);
}

static void a_run_that_fails_within_a_batch_ends_it(void **state)
{
    struct fake f = { .fail_run = 9 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.calls = 4;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.status, -7);
    assert_int_equal(r.count, 2);
    assert_int_equal(f.runs, 9);
    f = (struct fake){ .fail_sync = 5 };
    loop.sync = fake_sync;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.status, -8);
    assert_int_equal(r.count, 1);
}

static void one_call_is_no_batch(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    (void)state;
    loop.calls = 1;
    loop.iterations = 10;
    ifm_loop_run(&loop, &r);
    assert_int_equal(r.count, 10);
    assert_int_equal(f.runs, 10);
}

static void samples_stand_in_time_order_and_do_not_overlap(void **state)
{
    struct fake f = { .runs = 0 };
    struct ifm_loop loop = loop_over(&f);
    struct ifm_loop_result r;
    int64_t end;
    (void)state;
    loop.iterations = 4000;
    ifm_loop_run(&loop, &r);
    end = r.begin_ns;
    for (size_t i = 0; i < r.count; i++) {
        assert_true(room[i].start_ns >= end && room[i].duration_ns >= 0);
        end = room[i].start_ns + room[i].duration_ns;
    }
    assert_true(end == r.end_ns);
}

static void the_array_is_whole_pages_and_writable(void **state)
{
    struct ifm_loop_array array;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(ifm_loop_array_init(&array, 1000, &err), 0);
    assert_int_equal(array.capacity, 1000);
    assert_int_equal(array.bytes % sysconf(_SC_PAGESIZE), 0);
    assert_true(array.bytes >= 16000);
    array.samples[999].duration_ns = 5;
    ifm_loop_array_done(&array);
    ifm_loop_array_done(&array);
    t_assert_error(ifm_loop_array_init(&array, 0, &err), IFM_ERR_INVALID, &err, "0");
    ifm_loop_array_done(&array);
}

/* -- Allocation -----------------------------------------------------------------------------------
 */
static struct ifm_registry_module module; /* must not move while it is open */

static void open_module(const char *name)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_map_entry entry = { .key = "latency", .value = "0s" };
    const struct ifm_map options = { .items = &entry, .count = strcmp(name, "sim") == 0 ? 1 : 0 };
    char *modules = t_build_path("lib/inferometer");
    setenv("INFEROMETER_MODULE_DIR", modules, 1);
    assert_int_equal(ifm_registry_open(&module, name, NULL, NULL, &err), 0);
    assert_int_equal(ifm_registry_options(&module, &options, &err), 0);
    assert_int_equal(module.ops.open(module.state, NULL), 0);
    free(modules);
}

static void nothing_is_allocated_in_the_loop(void **state)
{
    const char *const names[] = { "null", "sim" };
    (void)state;
#ifndef COUNTS_ALLOCATIONS
    print_message("SKIP: a sanitizer owns the allocator\n");
    skip();
#endif
    for (size_t i = 0; i < 2; i++) {
        struct ifm_loop_result r;
        open_module(names[i]);
        const struct ifm_loop loop = { .run = module.ops.run,
                                       .sync = module.ops.sync,
                                       .state = module.state,
                                       .samples = room,
                                       .capacity = 4096,
                                       .iterations = 4000 };
        struct ifm_loop batches = loop;
        const size_t before = allocations;
        ifm_loop_run(&loop, &r);
        assert_int_equal(r.count, 4000);
        batches.calls = 3;
        batches.iterations = 1000;
        ifm_loop_run(&batches, &r);
        assert_int_equal(r.count, 1000);
        const size_t during = allocations - before;
        assert_int_equal(during, 0);
        ifm_registry_close(&module);
    }
    const size_t before = allocations;
    free(malloc(1)); /* the counter does count */
    assert_int_equal(allocations - before, 2);
}

/* -- The simulated laws, by their lower bounds: a machine may be slower, never faster -------------
 */
static int64_t shortest(const char *const *options, size_t first, size_t count)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_map_entry entries[8];
    struct ifm_map map = { .items = entries, .count = 0 };
    struct ifm_loop_result r;
    int64_t least = INT64_MAX;
    for (; options[2 * map.count]; map.count++) {
        entries[map.count].key = (char *)(uintptr_t)options[2 * map.count];
        entries[map.count].value = (char *)(uintptr_t)options[2 * map.count + 1];
    }
    open_module("sim");
    assert_int_equal(ifm_registry_options(&module, &map, &err), 0);
    const struct ifm_loop loop = { .run = module.ops.run,
                                   .state = module.state,
                                   .samples = room,
                                   .capacity = 4096,
                                   .iterations = (int64_t)(first + count) };
    ifm_loop_run(&loop, &r);
    for (size_t i = first; i < r.count; i++) {
        least = room[i].duration_ns < least ? room[i].duration_ns : least;
    }
    ifm_registry_close(&module);
    return least;
}

static void simulated_latencies_keep_their_law(void **state)
{
    const char *const constant[] = { "latency", "50us", NULL };
    const char *const slow_start[] = {
        "latency", "20us", "warmup-factor", "50", "warmup-iterations", "3", NULL
    };
    const char *const outliers[] = { "latency",        "20us", "outliers", "1",
                                     "outlier-factor", "10",   NULL };
    const char *const bimodal[] = {
        "latency", "100us", "distribution", "bimodal", "sd", "0.5", NULL
    };
    const char *const asleep[] = { "latency", "200us", "sleep", "yes", NULL };
    (void)state;
    assert_true(shortest(constant, 0, 100) >= 50000);
    assert_true(shortest(slow_start, 0, 3) >= 1000000);
    assert_true(shortest(slow_start, 3, 50) < 1000000); /* one of fifty is on time */
    assert_true(shortest(outliers, 0, 50) >= 200000);
    assert_true(shortest(bimodal, 0, 100) >= 50000);
    assert_true(shortest(asleep, 0, 5) >= 200000);
}

/* -- Own cost: printed, never asserted ------------------------------------------------------------
 */
static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

enum { COST_RUNS = 200000 };

static void prints_what_an_iteration_costs_beyond_two_clock_reads(void **state)
{
    static struct ifm_loop_sample samples[COST_RUNS];
    static int64_t loops[COST_RUNS], pairs[COST_RUNS];
    struct ifm_loop_result r;
    (void)state;
    open_module("null");
    const struct ifm_loop loop = { .run = module.ops.run,
                                   .state = module.state,
                                   .samples = samples,
                                   .capacity = COST_RUNS,
                                   .iterations = COST_RUNS };
    for (int round = 0; round < 2; round++) { /* the second one is warm */
        ifm_loop_run(&loop, &r);
        int64_t previous = ifm_clock_ns();
        for (size_t i = 0; i < COST_RUNS; i++) {
            ifm_clock_ns();
            const int64_t now = ifm_clock_ns();
            pairs[i] = now - previous;
            previous = now;
        }
    }
    for (size_t i = 1; i < COST_RUNS; i++) {
        loops[i] = samples[i].start_ns - samples[i - 1].start_ns;
    }
    qsort(loops + 1, COST_RUNS - 1, sizeof *loops, by_value);
    qsort(pairs, COST_RUNS, sizeof *pairs, by_value);
    print_message(
        "an iteration of null: P50 %lld ns, P99.9 %lld ns; two clock reads: P50 %lld ns, P99.9 "
        "%lld ns; own cost at P50: %lld ns\n",
        (long long)loops[COST_RUNS / 2], (long long)loops[COST_RUNS / 1000 * 999],
        (long long)pairs[COST_RUNS / 2], (long long)pairs[COST_RUNS / 1000 * 999],
        (long long)(loops[COST_RUNS / 2] - pairs[COST_RUNS / 2]));
    assert_int_equal(r.count, COST_RUNS);
    ifm_registry_close(&module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_with_the_iterations_when_no_time_is_asked_for),
        cmocka_unit_test(runs_once_when_nothing_is_asked_for),
        cmocka_unit_test(goes_on_until_iterations_and_duration_are_both_met),
        cmocka_unit_test(ends_when_the_array_is_full),
        cmocka_unit_test(ends_at_the_hard_maximum),
        cmocka_unit_test(a_failing_run_ends_it_and_is_not_a_sample),
        cmocka_unit_test(sync_follows_each_run_and_may_fail_too),
        cmocka_unit_test(a_batch_is_one_sample),
        cmocka_unit_test(a_run_that_fails_within_a_batch_ends_it),
        cmocka_unit_test(one_call_is_no_batch),
        cmocka_unit_test(samples_stand_in_time_order_and_do_not_overlap),
        cmocka_unit_test(the_array_is_whole_pages_and_writable),
        cmocka_unit_test(nothing_is_allocated_in_the_loop),
        cmocka_unit_test(simulated_latencies_keep_their_law),
        cmocka_unit_test(prints_what_an_iteration_costs_beyond_two_clock_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
