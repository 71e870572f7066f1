/* The count of allocations: the object in front of malloc by itself, and the worker's pass. */
#include "tests/lib/workerlib.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/worker/count_malloc.h"
#include "core/mem.h"

#define CHILD "IFM_TEST_COUNTED"

static void skip_where_a_sanitizer_owns_malloc(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIP: a sanitizer has a malloc of its own\n");
    skip();
#endif
}

/* -- This program again, with the object preloaded ------------------------------------------------
 */
static void *volatile kept[16]; /* volatile: no pair of calls is dropped */

static void *in_a_thread(void *argument)
{
    (void)argument;
    for (int i = 0; i < 1000; i++) {
        kept[15] = malloc(3);
        free(kept[15]);
    }
    return NULL;
}

static struct ifm_count_totals count(ifm_count_start_fn start, ifm_count_stop_fn stop,
                                     void (*work)(void))
{
    struct ifm_count_totals totals;
    start();
    work();
    stop(&totals);
    return totals;
}

static void nothing(void) {}

static void every_way_to_allocate(void)
{
    void *aligned = NULL;
    volatile size_t huge = SIZE_MAX / 2; /* or the compiler knows better */
    kept[0] = malloc(10);
    kept[1] = calloc(3, 5);
    kept[2] = realloc(NULL, 20);
    kept[2] = realloc(kept[2], 4000); /* and a free */
    kept[3] = posix_memalign(&aligned, 64, 30) == 0 ? aligned : NULL;
    kept[4] = aligned_alloc(64, 128);
    kept[5] = memalign(32, 7);
    kept[6] = strdup("hello");
    kept[7] = calloc(huge, 3); /* NULL: not counted */
    for (int i = 0; i < 8; i++) {
        free(kept[i]); /* seven and NULL */
    }
}

static void two_threads(void)
{
    pthread_t other;
    if (pthread_create(&other, NULL, in_a_thread, NULL) == 0) {
        in_a_thread(NULL);
        pthread_join(other, NULL);
    }
}

static bool equals(const char *what, struct ifm_count_totals t, int64_t allocations, int64_t frees,
                   int64_t bytes)
{
    const bool same = t.allocations == allocations && t.frees == frees && t.bytes == bytes;
    if (!same) {
        fprintf(stderr, "%s: %lld allocations, %lld frees, %lld bytes\n", what,
                (long long)t.allocations, (long long)t.frees, (long long)t.bytes);
    }
    return same;
}

static int counted_child(void)
{
    void *symbols[] = { dlsym(RTLD_DEFAULT, "ifm_count_start"),
                        dlsym(RTLD_DEFAULT, "ifm_count_stop") };
    ifm_count_start_fn start;
    ifm_count_stop_fn stop;
    memcpy(&start, &symbols[0], sizeof start);
    memcpy(&stop, &symbols[1], sizeof stop);
    if (!start || !stop) {
        return 2;
    }
    two_threads(); /* what a first thread makes for itself */
    const int64_t bytes = 10 + 15 + 20 + 4000 + 30 + 128 + 7 + 6;
    bool same = equals("nothing", count(start, stop, nothing), 0, 0, 0);
    same = equals("all", count(start, stop, every_way_to_allocate), 8, 8, bytes) && same;
    const struct ifm_count_totals t = count(start, stop, two_threads);
    return same && t.allocations >= 2000 && t.allocations < 2010 && t.bytes >= 6000 ? 0 : 1;
}

static void all_ways_and_all_threads_are_counted(void **state)
{
    int status = 0;
    (void)state;
    skip_where_a_sanitizer_owns_malloc();
    char *object = t_build_path("lib/inferometer/ifm_count.so");
    const pid_t child = fork();
    if (child == 0) {
        setenv("LD_PRELOAD", object, 1);
        setenv(CHILD, "1", 1);
        execl("/proc/self/exe", "counted", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ifm_free(object);
}

/* -- The pass -------------------------------------------------------------------------------------
 */
static struct ifm_msg_allocations allocations_of(const char *options, int iterations)
{
    char spec[1024];
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\",\"iterations\":%d,"
             "\"warmup_iterations\":3,\"options\":{\"latency\":\"0s\"%s}}",
             iterations, options);
    struct t_outcome *o = t_worker_run(spec);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_int_equal(WEXITSTATUS(o->status), 0);
    assert_int_equal(o->count, 4); /* hello, loaded, warm, result: no samples */
    assert_true(o->events[0].pid > 0);
    const struct ifm_msg_allocations a = t_worker_last(o)->allocations;
    t_worker_done(o);
    return a;
}

static void the_runtimes_allocations_are_told_exactly(void **state)
{
    (void)state;
    skip_where_a_sanitizer_owns_malloc();
    struct ifm_msg_allocations a = allocations_of(",\"alloc\":\"7\"", 50);
    assert_int_equal(a.inferences, 50);
    assert_int_equal(a.allocations, 350);
    assert_int_equal(a.frees, 350);
    assert_int_equal(a.bytes, 35000);
    a = allocations_of(",\"alloc\":\"2\",\"leak\":\"1kB\"", 10);
    assert_int_equal(a.allocations, 30);
    assert_int_equal(a.frees, 20);
    assert_int_equal(a.bytes, 2000 + 10000);
    a = allocations_of("", 0); /* the default number; nothing is allocated */
    assert_int_equal(a.inferences, 100);
    assert_int_equal(a.allocations, 0);
    assert_int_equal(a.frees, 0);
}

static void no_other_pass_counts(void **state)
{
    (void)state;
    struct t_outcome *o = t_worker_run("{\"v\":1,\"runtime\":\"sim\",\"iterations\":5,"
                                       "\"warmup_iterations\":3,\"options\":{\"alloc\":\"7\"}}");
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_int_equal(t_worker_last(o)->allocations.inferences, 0);
    t_worker_done(o);
}

static void errors_come_through_the_second_start(void **state)
{
    (void)state;
    skip_where_a_sanitizer_owns_malloc();
    t_worker_error("{\"v\":1,\"action\":\"allocations\",\"runtime\":\"nul\"}", "did you mean null?",
                   START, 64);
    t_worker_error("{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\",\"iterations\":20,"
                   "\"warmup_iterations\":3,\"options\":{\"fail-at\":\"10\",\"latency\":\"0s\"}}",
                   "run 10 failed", STEADY, 4);
    t_worker_error("{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\","
                   "\"memory_limit_bytes\":200000000,\"options\":{\"memory\":\"1GB\"}}",
                   "memory limit of 200000000 bytes", LOAD, 6);
}

/* The environment of a second start, without one: whose descriptor it names is not known. */
static void a_mark_that_somebody_else_set_closes_nothing(void **state)
{
    (void)state;
    setenv("INFEROMETER_COUNTED", "1", 1); /* the events go there */
    struct t_outcome *o = t_worker_run("{\"v\":1,\"runtime\":\"sim\",\"iterations\":5,"
                                       "\"warmup_iterations\":3}");
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    t_worker_done(o);
    t_worker_error("{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\"}",
                   "allocations cannot be counted here", START, 69);
    unsetenv("INFEROMETER_COUNTED");
}

/* A folder whose name could not stand in LD_PRELOAD, and one without the object. */
static void the_object_is_found_wherever_it_lies(void **state)
{
    (void)state;
    skip_where_a_sanitizer_owns_malloc();
    char *folder = t_temp_path("a b:c"), *object = t_temp_path("a b:c/ifm_count.so"),
         *module = t_temp_path("a b:c/ifm_rt_sim.so");
    char *real_object = t_build_path("lib/inferometer/ifm_count.so"),
         *real_module = t_build_path("lib/inferometer/ifm_rt_sim.so");
    allocations_of("", 1); /* the library of the tests has cleared the environment now */
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(symlink(real_module, module), 0);
    setenv("INFEROMETER_MODULE_DIR", folder, 1);
    t_worker_error("{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\"}",
                   "ifm_count.so, which counts allocations, is not beside the runtime modules",
                   START, 78);
    assert_int_equal(symlink(real_object, object), 0);
    assert_int_equal(allocations_of(",\"alloc\":\"3\"", 4).allocations, 12);
    unsetenv("INFEROMETER_MODULE_DIR");
    ifm_free(folder);
    ifm_free(object);
    ifm_free(module);
    ifm_free(real_object);
    ifm_free(real_module);
}

static void a_spec_as_long_as_can_be_comes_through(void **state)
{
    (void)state;
    skip_where_a_sanitizer_owns_malloc();
    const size_t len = 200000; /* more than a pipe holds */
    char *spec = ifm_alloc(len + 512);
    int n = snprintf(spec, 256,
                     "{\"v\":1,\"action\":\"allocations\",\"runtime\":\"sim\","
                     "\"warmup_iterations\":3,\"iterations\":2,\"options\":{\"alloc\":"
                     "\"5\"},\"seed\":");
    memset(spec + n, ' ', len);
    snprintf(spec + (size_t)n + len, 8, "7}\n");
    struct t_outcome *o = t_worker_bytes(spec, strlen(spec));
    assert_int_equal(t_worker_last(o)->allocations.allocations, 10);
    t_worker_done(o);
    ifm_free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_and_all_threads_are_counted),
        cmocka_unit_test(the_runtimes_allocations_are_told_exactly),
        cmocka_unit_test(no_other_pass_counts),
        cmocka_unit_test(errors_come_through_the_second_start),
        cmocka_unit_test(a_mark_that_somebody_else_set_closes_nothing),
        cmocka_unit_test(the_object_is_found_wherever_it_lies),
        cmocka_unit_test(a_spec_as_long_as_can_be_comes_through),
    };
    if (getenv(CHILD)) {
        return counted_child();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
