/* Cold levels on a real file: what is dropped, what is proven, and a second session. */
#include "tests/lib/workerlib.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "agents/worker/cold.h"
#include "core/mem.h"

enum { PAGES = 300, BYTES = PAGES * 4096 - 100 };

static char *put(const char *name, size_t bytes)
{
    char *path = t_temp_path(name), *content = ifm_alloc(bytes + 1);
    memset(content, 'x', bytes);
    t_write(path, content, bytes);
    ifm_free(content);
    return path;
}

/* A file system that keeps its pages, as a tmpfs does, has nothing to drop them to. */
static bool drops_pages(void)
{
    struct statfs info;
    const bool memory = statfs(t_temp_dir(), &info) == 0 &&
                        (info.f_type == 0x01021994 /* tmpfs */ || info.f_type == 0x858458f6);
    if (memory) {
        print_message("SKIP: %s is held in memory\n", t_temp_dir());
    }
    return !memory;
}

static void a_file_just_written_is_resident_until_it_is_dropped(void **state)
{
    struct ifm_msg_cold cold = { .level = 0 };
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        print_message("SKIP: pages are not 4 KiB\n");
        skip();
    }
    char *path = put("model.onnx", BYTES);
    ifm_cold_look(path, &cold);
    assert_int_equal(cold.pages, PAGES);
    assert_int_equal(cold.resident, PAGES);
    if (!drops_pages()) {
        ifm_free(path);
        skip();
    }
    ifm_cold_evict(path); /* dirty until then */
    ifm_cold_look(path, &cold);
    assert_int_equal(cold.pages, PAGES);
    assert_int_equal(cold.resident, 0);
    ifm_cold_look(path, &cold); /* looking reads nothing */
    assert_int_equal(cold.resident, 0);
    ifm_free(t_read(path, NULL));
    ifm_cold_look(path, &cold);
    assert_int_equal(cold.resident, PAGES);
    unlink(path);
    ifm_free(path);
}

static void a_page_that_somebody_maps_is_told(void **state)
{
    char *path = put("mapped.onnx", BYTES);
    struct ifm_msg_cold cold = { .level = 0 };
    (void)state;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    volatile char *memory = mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    assert_true(fd >= 0 && memory != MAP_FAILED);
    ifm_cold_evict(path);
    ifm_cold_look(path, &cold);
    assert_true(cold.resident > 0); /* evicted by asking, not by believing */
    munmap((void *)(uintptr_t)memory, BYTES);
    close(fd);
    unlink(path);
    ifm_free(path);
}

static void weights_beside_the_model_go_along(void **state)
{
    char *model = put("net.onnx", 100);
    char *weights[] = { put("net.onnx.data", 5000), put("net.onnx_data", 5000),
                        put("net.bin", 5000) };
    char *others[] = { put("net.tflite", 9000), put("net2.onnx", 9000), put("other.bin", 9000) };
    struct ifm_msg_cold cold = { .level = 0 };
    (void)state;
    ifm_cold_look(model, &cold);
    assert_int_equal(cold.pages, 1 + 3 * 2);
    for (size_t i = 0; i < 3; i++) {
        unlink(weights[i]);
        unlink(others[i]);
        ifm_free(weights[i]);
        ifm_free(others[i]);
    }
    ifm_cold_look(model, &cold);
    assert_int_equal(cold.pages, 1);
    unlink(model);
    ifm_free(model);
}

static void what_is_no_file_is_absent(void **state)
{
    struct ifm_msg_cold cold = { .level = 0 };
    char *gone = t_temp_path("gone.onnx"), *empty = put("empty.onnx", 0);
    const char *const paths[] = { NULL, "", gone, empty, "/dev/null", "/", t_temp_dir() };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ifm_cold_evict(paths[i]);
        ifm_cold_look(paths[i], &cold);
        assert_int_equal(cold.pages, IFM_JSON_ABSENT);
        assert_int_equal(cold.resident, IFM_JSON_ABSENT);
    }
    ifm_free(gone);
    ifm_free(empty);
}

/* -- In the worker --------------------------------------------------------------------------------
 */
static struct t_outcome *run(const char *model, const char *cold, const char *options)
{
    char spec[4096];
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"sim\",\"model\":\"%s\",\"cold\":\"%s\",\"iterations\":5,"
             "\"warmup_iterations\":3,\"samplers\":[\"none\"],\"options\":{%s}}",
             model, cold, options);
    struct t_outcome *o = t_worker_run(spec);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    return o;
}

static void the_worker_proves_what_it_dropped(void **state)
{
    char *path = put("run.onnx", BYTES);
    (void)state;
    struct t_outcome *o = run(path, "C1", "");
    assert_int_equal(o->events[2].event, IFM_EVENT_WARM);
    assert_int_equal(o->events[2].cold.level, IFM_COLD_C1);
    assert_int_equal(o->events[2].cold.resident, o->events[2].cold.pages);
    t_worker_done(o);
    o = run(path, "C0", "");
    assert_int_equal(o->events[2].cold.level, IFM_COLD_C0);
    assert_true(o->events[2].cold.pages > 0);
    if (drops_pages()) {
        assert_int_equal(o->events[2].cold.resident, 0);
    }
    t_worker_done(o);
    unlink(path);
    ifm_free(path);
}

/* The law of sim counts its runs from the begin of a session: a first run that is slow, and slow
 * in the second session too, shows that the second one is what is reported. */
static void the_second_session_is_the_one_reported(void **state)
{
    (void)state;
    struct t_outcome *o = run("", "C2",
                              "\"load-time\":\"30ms\",\"latency\":\"1ms\","
                              "\"warmup-iterations\":\"1\",\"warmup-factor\":\"20\"");
    assert_int_equal(o->count, 6); /* one of each: the rehearsal is silent */
    assert_int_equal(o->events[1].event, IFM_EVENT_LOADED);
    assert_true(o->events[1].load_ns >= 30000000);
    assert_int_equal(o->events[2].cold.level, IFM_COLD_C2);
    assert_true(o->events[2].first_inference_ns >= 20000000);
    assert_int_equal(t_worker_last(o)->iterations, 5);
    assert_true(t_worker_last(o)->deterministic);
    t_worker_done(o);
    /* what fails in the first session is the invocation's failure */
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"cold\":\"C2\",\"options\":{\"fail-at\":\"1\"}}",
                   "run 1 failed", FIRST, 4);
}

static void options_hold_in_the_second_session(void **state)
{
    (void)state;
    struct t_outcome *o = run("", "C2", "\"inputs\":\"2x3,i64:4\",\"latency\":\"2ms\"");
    assert_int_equal(o->events[1].inputs.count, 2);
    t_assert_contains(o->events[1].effective, "latency_ns=2000000");
    t_worker_done(o);
}

static void spinning_delays_the_load_and_is_no_part_of_it(void **state)
{
    (void)state;
    const char spec[] = "{\"v\":1,\"runtime\":\"null\",\"spin_ns\":50000000,\"iterations\":5,"
                        "\"warmup_iterations\":3,\"samplers\":[\"none\"]}";
    struct t_outcome *o = t_worker_run(spec);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_true(o->events[1].load_ns < 50000000);
    t_worker_done(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_just_written_is_resident_until_it_is_dropped),
        cmocka_unit_test(a_page_that_somebody_maps_is_told),
        cmocka_unit_test(weights_beside_the_model_go_along),
        cmocka_unit_test(what_is_no_file_is_absent),
        cmocka_unit_test(the_worker_proves_what_it_dropped),
        cmocka_unit_test(the_second_session_is_the_one_reported),
        cmocka_unit_test(options_hold_in_the_second_session),
        cmocka_unit_test(spinning_delays_the_load_and_is_no_part_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
