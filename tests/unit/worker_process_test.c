/* The worker as its parent sees it: spec in, event stream and exit status out, whatever the runtime
 * does. */
#include "tests/lib/workerlib.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/mem.h"
#include "core/tensor.h"

/* -- Good runs ------------------------------------------------------------------------------------
 */
static void a_run_writes_its_events_in_order_and_exits_with_0(void **state)
{
    struct t_outcome *o = t_worker_run("{\"v\":1,\"runtime\":\"null\",\"iterations\":500,\"warmup_"
                                       "iterations\":20,\"batch_calls\":1}");
    const int kinds[] = { IFM_EVENT_HELLO,   IFM_EVENT_LOADED,  IFM_EVENT_WARM,
                          IFM_EVENT_SAMPLES, IFM_EVENT_SAMPLES, IFM_EVENT_RESULT };
    (void)state;
    assert_true(WIFEXITED(o->status) && WEXITSTATUS(o->status) == 0);
    assert_int_equal(o->count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(o->events[i].event, kinds[i]);
        assert_int_equal(o->events[i].v, 1);
    }
    const struct ifm_msg_event *hello = &o->events[0], *result = t_worker_last(o);
    assert_string_equal(hello->runtime, "null");
    assert_true(hello->pid > 0 && hello->clock.resolution_ns > 0 && hello->clock.overhead_ns > 0);
    assert_true(hello->start_ns > 0);
    assert_int_equal(o->events[2].warmup_iterations, 20);
    assert_int_equal(o->events[3].samples.count, 20);
    assert_int_equal(o->events[4].samples.count, 500);
    assert_int_equal(result->iterations, 500);
    assert_int_equal(result->end_reason, 0);
    assert_true(result->deterministic);
    assert_int_equal(result->verification.state, IFM_VERIFY_NONE);
    assert_true(result->memory_steady.peak_rss_bytes != 0 && result->own_array_bytes > 0);
    assert_int_equal(result->warnings.count, 0);
    print_message("null: RssAnon less the arrays %lld bytes, peak %lld bytes\n",
                  (long long)result->memory_steady.anon_bytes,
                  (long long)result->memory_steady.peak_rss_bytes);
    t_worker_done(o);
}

static void the_array_and_the_hard_maximum_end_a_run_with_their_reason(void **state)
{
    struct t_outcome *o = t_worker_run(
        "{\"v\":1,\"runtime\":\"null\",\"duration_ns\":60000000000,\"max_samples\":100,"
        "\"warmup_iterations\":3,\"batch_calls\":1}");
    (void)state;
    assert_int_equal(t_worker_last(o)->iterations, 100);
    assert_int_equal(t_worker_last(o)->end_reason, 1);
    assert_int_equal(t_worker_last(o)->warnings.count, 1);
    t_assert_contains(t_worker_last(o)->warnings.items[0], "ended after 100 samples");
    t_worker_done(o);
    o = t_worker_run(
        "{\"v\":1,\"runtime\":\"sim\",\"options\":{\"latency\":\"1ms\"},\"duration_ns\":"
        "60000000000,"
        "\"max_ns\":1,\"warmup_iterations\":1}");
    assert_int_equal(t_worker_last(o)->iterations, 1);
    assert_int_equal(t_worker_last(o)->end_reason, 2);
    t_worker_done(o);
}

static void probe_and_describe_measure_nothing(void **state)
{
    struct t_outcome *o = t_worker_run("{\"v\":1,\"action\":\"probe\",\"runtime\":\"sim\"}");
    (void)state;
    assert_int_equal(o->count, 2);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_string_equal(o->events[0].providers, "simulated");
    t_worker_done(o);
    o = t_worker_run(
        "{\"v\":1,\"action\":\"describe\",\"runtime\":\"sim\",\"options\":{\"inputs\":\"?x3,"
        "i64:2\"}}");
    assert_int_equal(o->count, 3);
    assert_int_equal(o->events[1].event, IFM_EVENT_LOADED);
    assert_int_equal(o->events[1].inputs.count, 2);
    const struct ifm_msg_tensor *t = o->events[1].inputs.items;
    assert_string_equal(t[0].assumed.items[0], "dim 0 (batch) = 1");
    assert_string_equal(t[1].dtype, "int64");
    assert_int_equal(WEXITSTATUS(o->status), 0);
    t_worker_done(o);
}

static void what_a_vendor_prints_is_log_text(void **state)
{
    struct t_outcome *o = t_worker_run(
        "{\"v\":1,\"runtime\":\"sim\",\"options\":{\"chatter\":\"yes\",\"latency\":\"0s\"},"
        "\"iterations\":50,\"warmup_iterations\":3,\"batch_calls\":1}");
    (void)state;
    assert_int_equal(WEXITSTATUS(o->status), 0);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_int_equal(t_worker_last(o)->iterations, 50);
    t_assert_contains(o->log, "sim: run 1\n");
    t_worker_done(o);
}

/* -- Bad specs ------------------------------------------------------------------------------------
 */
static void a_spec_that_is_not_one_is_refused(void **state)
{
    (void)state;
    t_worker_error("", "spec", START, 65);
    t_worker_error("{", "spec: not valid JSON", START, 65);
    t_worker_error("{\"v\":1}", "runtime", START, 65);
    t_worker_error("{\"v\":1,\"runtime\":7}", "/runtime", START, 65);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"iterations\":-1}", "/iterations", START, 65);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"runtime\":\"sim\"}", "runtime", START, 65);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"action\":\"explode\"}", "/action", START, 65);
    struct t_outcome *o = t_worker_bytes("", 0);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_ERROR);
    assert_int_equal(WEXITSTATUS(o->status), 65);
    t_worker_done(o);
}

static void a_spec_over_its_limit_is_refused(void **state)
{
    const size_t len = 3 << 20;
    char *big = ifm_alloc(len);
    (void)state;
    memset(big, ' ', len);
    memcpy(big, "{\"v\":1,\"x\":\"", 12);
    big[len - 1] = '\n';
    signal(SIGPIPE, SIG_IGN);
    struct t_outcome *o = t_worker_bytes(big, len);
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_ERROR);
    assert_int_equal(t_worker_last(o)->step, START);
    assert_int_equal(WEXITSTATUS(o->status), 65);
    t_assert_contains(t_worker_last(o)->message, "spec");
    t_worker_done(o);
    ifm_free(big);
}

static void names_that_are_not_known_get_a_suggestion(void **state)
{
    (void)state;
    t_worker_error("{\"v\":1,\"runtime\":\"nul\"}", "did you mean null?", START, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"../../lib\"}", "unknown runtime", START, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"options\":{\"latncy\":\"1ms\"}}", "latency",
                   START, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"options\":{\"latency\":\"soon\"}}", "latency",
                   START, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"inputs\":[{\"name\":\"xx\"}]}", "no input 'xx'",
                   BIND, 65);
    t_worker_error(
        "{\"v\":1,\"runtime\":\"null\",\"expect\":[{\"output\":\"yy\",\"file\":\"/x.npy\"}]}",
        "no output 'yy'", VERIFY, 65);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"options\":{\"inputs\":\"1xq\"}}",
                   "is not a shape", LOAD, 65);
}

/* -- Inputs and references ------------------------------------------------------------------------
 */
static void write_npy(const char *path, enum ifm_dtype dtype, int64_t columns, double offset)
{
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    const int64_t dims[] = { 1, columns };
    assert_int_equal(ifm_tensor_new(&t, "t", dtype, dims, 2, 1 << 20, &err), 0);
    for (int64_t i = 0; dtype == IFM_DTYPE_F32 && i < columns; i++) {
        ((float *)t.data)[i] = (float)(2 * (double)i / 16 + offset);
    }
    assert_int_equal(ifm_npy_write(path, &t, &err), 0);
    ifm_tensor_done(&t);
}

static struct t_outcome *run_with_files(const char *options, const char *input, const char *expect)
{
    char spec[8192];
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"sim\",\"iterations\":5,\"warmup_iterations\":3,\"options\":{"
             "\"latency\":\"0s\"%s},"
             "\"inputs\":[{\"name\":\"x0\",\"file\":\"%s\"}],"
             "\"expect\":[{\"output\":\"y0\",\"file\":\"%s\",\"rtol\":1e-5,\"atol\":1e-6}]}",
             options, input, expect);
    return t_worker_run(spec);
}

static void outputs_are_held_against_their_reference(void **state)
{
    char *input = t_temp_path("input.npy"), *expect = t_temp_path("expect.npy");
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_msg_comparison *c;
    (void)state;
    write_npy(input, IFM_DTYPE_F32, 16, 0); /* x = i / 8 */
    assert_int_equal(ifm_npy_read(input, "x", 1 << 20, &t, &err), 0);
    for (size_t i = 0; i < 16; i++) {
        ((float *)t.data)[i] = 2 * ((float *)t.data)[i] + 1;
    }
    assert_int_equal(ifm_npy_write(expect, &t, &err), 0);
    ifm_tensor_done(&t);

    struct t_outcome *o = run_with_files("", input, expect);
    assert_int_equal(t_worker_last(o)->verification.state, IFM_VERIFY_VERIFIED);
    c = t_worker_last(o)->verification.outputs.items;
    assert_true(c->passed && c->elements == 16 && c->max_abs == 0);
    assert_string_equal(((struct ifm_msg_tensor *)o->events[1].inputs.items)->source, "file");
    t_worker_done(o);

    o = run_with_files(",\"wrong-outputs\":\"yes\"", input, expect);
    assert_int_equal(t_worker_last(o)->verification.state, IFM_VERIFY_WRONG);
    c = t_worker_last(o)->verification.outputs.items;
    assert_int_equal(c->mismatched, 16);
    t_assert_contains(c->reason, "16 of 16");
    assert_int_equal(WEXITSTATUS(o->status), 0); /* measured, and wrong: the reader judges */
    t_worker_done(o);

    o = run_with_files(",\"nan-outputs\":\"yes\"", input, expect);
    assert_int_equal(t_worker_last(o)->verification.state, IFM_VERIFY_WRONG);
    c = t_worker_last(o)->verification.outputs.items;
    assert_int_equal(c->not_finite, 1);
    assert_true(t_worker_last(o)->warnings.count >= 1);
    t_assert_contains(t_worker_last(o)->warnings.items[0], "NaN");
    t_worker_done(o);
    ifm_free(input);
    ifm_free(expect);
}

static void inputs_that_do_not_fit_end_it_before_the_first_run(void **state)
{
    char *input = t_temp_path("bad.npy"), spec[4096];
    (void)state;
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"sim\",\"inputs\":[{\"name\":\"x0\",\"file\":\"%s\"}]}", input);
    write_npy(input, IFM_DTYPE_F64, 16, 0);
    t_worker_error(spec, "input 'x0': the model wants float32 1x16, the file holds float64 1x16",
                   BIND, 65);
    write_npy(input, IFM_DTYPE_F32, 17, 0);
    t_worker_error(spec, "the file holds float32 1x17", BIND, 65);
    t_write(input, "\x93NUMPY", 6);
    t_worker_error(spec, "input 'x0'", BIND, 65);
    unlink(input);
    t_worker_error(spec, "input 'x0'", BIND, 66);
    struct t_outcome *o = t_worker_run(spec);
    assert_null(strstr(t_worker_last(o)->message, t_temp_dir())); /* local folders do not travel */
    t_worker_done(o);
    ifm_free(input);
}

/* -- A runtime that misbehaves --------------------------------------------------------------------
 */
static void a_failing_run_is_an_error_with_the_runtimes_sentence(void **state)
{
    (void)state;
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"options\":{\"fail-at\":\"1\"}}", "run 1 failed",
                   FIRST, 4);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"options\":{\"fail-at\":\"3\"}}", "run 3 failed",
                   WARMUP, 4);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"iterations\":50,\"warmup_iterations\":3,\"batch_"
                   "calls\":1,\"options\":{\"fail-at\":\"30\","
                   "\"latency\":\"0s\"}}",
                   "run 30 failed", STEADY, 4);
}

static void expect_death(const char *option, bool signalled, int number)
{
    char spec[512];
    snprintf(
        spec, sizeof spec,
        "{\"v\":1,\"runtime\":\"sim\",\"iterations\":50,\"warmup_iterations\":3,\"batch_calls\":1,"
        "\"options\":{\"latency\":\"0s\",%s}}",
        option);
    struct t_outcome *o = t_worker_run(spec);
    assert_int_equal(WIFSIGNALED(o->status), signalled);
    assert_int_equal(signalled ? WTERMSIG(o->status) : WEXITSTATUS(o->status), number);
    for (size_t i = 0; i < o->count; i++) { /* no end mark: the parent can tell */
        assert_int_not_equal(o->events[i].event, IFM_EVENT_RESULT);
        assert_int_not_equal(o->events[i].event, IFM_EVENT_ERROR);
    }
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_WARM);
    t_worker_done(o);
}

static void a_dying_runtime_takes_the_worker_along_without_an_end_mark(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIP: a sanitizer turns signals into exits\n");
    skip();
#endif
    expect_death("\"crash-at\":\"20\"", true, SIGSEGV);
    expect_death("\"abort-at\":\"20\"", true, SIGABRT);
    expect_death("\"exit-at\":\"20\",\"exit-status\":\"9\"", false, 9);
    expect_death("\"exit-at\":\"20\",\"exit-status\":\"0\"", false, 0);
}

static void the_memory_limit_is_told_from_other_failures(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIP: a sanitizer's own memory counts to the limit\n");
    skip();
#endif
    t_worker_error(
        "{\"v\":1,\"runtime\":\"sim\",\"memory_limit_bytes\":200000000,\"options\":{\"oom-"
        "at\":\"2\"}}",
        "memory limit of 200000000 bytes", WARMUP, 6);
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"memory_limit_bytes\":200000000,\"options\":{"
                   "\"memory\":\"1GB\"}}",
                   "memory limit of 200000000 bytes", LOAD, 6);
}

static void memory_held_and_leaked_shows_in_the_phase_it_belongs_to(void **state)
{
    struct t_outcome *o = t_worker_run(
        "{\"v\":1,\"runtime\":\"sim\",\"iterations\":40,\"warmup_iterations\":1,\"batch_calls\":1,"
        "\"options\":{\"latency\":\"0s\",\"memory\":\"50MB\",\"leak\":\"1MB\"}}");
    const struct ifm_msg_event *e = t_worker_last(o);
    (void)state;
    assert_int_equal(e->event, IFM_EVENT_RESULT);
    if (e->memory_load.peak_rss_bytes == IFM_JSON_ABSENT) {
        t_worker_done(o);
        print_message("SKIP: this kernel does not reset VmHWM\n");
        skip();
    }
    assert_true(e->memory_load.peak_rss_bytes > 50000000);
    assert_true(e->memory_first.anon_bytes < e->memory_load.anon_bytes + 5000000);
    assert_true(e->memory_steady.anon_bytes > e->memory_first.anon_bytes + 40000000);
    assert_true(e->memory_steady.minor_faults >= 20); /* 40 MB: huge pages at least */
    assert_int_equal(e->memory_end.allocator_peak_bytes, 50000000 + 16 * 4);
    if (e->memory_end.uss_bytes != IFM_JSON_ABSENT) { /* a kernel with smaps_rollup */
        assert_true(e->memory_end.uss_bytes > 90000000);
        assert_true(e->memory_end.pss_bytes >= e->memory_end.uss_bytes);
        assert_true(e->memory_end.uss_bytes < e->memory_steady.peak_rss_bytes);
    }
    t_worker_done(o);
}

static void a_worker_whose_parent_dies_dies_too(void **state)
{
    int in[2], out[2];
    char byte, *worker_path = t_build_path("bin/inferometer-worker");
    (void)state;
    assert_true(pipe(in) == 0 && pipe(out) == 0);
    const pid_t middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) { /* starts a worker that hangs, waits for its first event, dies */
        const pid_t pid = fork();
        if (pid == 0) {
            dup2(in[0], 0);
            dup2(out[1], 1);
            for (int fd = 3; fd < 64; fd++) {
                close(fd);
            }
            execl(worker_path, worker_path, (char *)NULL);
            _exit(127);
        }
        const char spec[] = "{\"v\":1,\"runtime\":\"sim\",\"options\":{\"hang-at\":\"1\"}}\n";
        _exit(write(in[1], spec, sizeof spec - 1) > 0 && read(out[0], &byte, 1) == 1 ? 0 : 1);
    }
    int status = 0;
    close(in[0]);
    close(out[1]);
    waitpid(middle, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct pollfd ended = { .fd = out[0], .events = POLLIN };
    char text[65536] = "";
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && poll(&ended, 1, 20000) == 1) { /* the pipe closes when the worker is gone */
        n = read(out[0], text + len, sizeof text - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    const char *pid_text = strstr(text, "\"pid\":");
    assert_non_null(pid_text);
    if (n != 0) { /* it lives on: do not leave it behind */
        kill((pid_t)strtol(pid_text + 6, NULL, 10), SIGKILL);
    }
    assert_int_equal(n, 0);
    close(in[1]);
    close(out[0]);
    ifm_free(worker_path);
}

/* -- A real runtime, where it is installed --------------------------------------------------------
 */
static char model_folder[4096];

static bool onnxruntime_is_there(const char *model)
{
    struct t_outcome *o =
        t_worker_run("{\"v\":1,\"action\":\"probe\",\"runtime\":\"onnxruntime\"}");
    const bool library = t_worker_last(o)->event == IFM_EVENT_RESULT;
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", model_folder, model);
    if (!library) {
        print_message("SKIP: %s\n", t_worker_last(o)->message);
    } else if (access(path, R_OK) != 0) {
        print_message("SKIP: %s is not there; get it with deploy/fetch models\n", model);
    }
    t_worker_done(o);
    return library && access(path, R_OK) == 0;
}

static struct t_outcome *run_onnx(const char *model, const char *rest)
{
    char spec[8192];
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"ort\",\"model\":\"%s/%s\",\"iterations\":3,"
             "\"warmup_iterations\":1,\"options\":{\"threads\":\"1\"%s",
             model_folder, model, rest);
    return t_worker_run(spec);
}

static void onnxruntime_measures_float_int_and_scalar_inputs(void **state)
{
    (void)state;
    if (!onnxruntime_is_there("nmp.onnx") || !onnxruntime_is_there("silero_vad_16k_op15.onnx") ||
        !onnxruntime_is_there("magika.onnx")) {
        skip();
    }
    struct t_outcome *o = run_onnx("nmp.onnx", ",\"graph-optimization\":\"basic\"}}");
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_true(t_worker_last(o)->deterministic);
    assert_int_equal(t_worker_last(o)->outputs.count, 3);
    t_assert_contains(o->events[1].effective, "threads=1\n");
    t_assert_contains(o->events[1].effective, "graph-optimization=basic");
    assert_true(o->events[1].load_ns > 0 && o->events[2].first_inference_ns > 0);
    t_worker_done(o);
    o = run_onnx("silero_vad_16k_op15.onnx",
                 "},\"inputs\":[{\"name\":\"input\",\"dims\":[1,576]}]}");
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_int_equal(((struct ifm_msg_tensor *)o->events[1].inputs.items)[2].model_dims.count,
                     0); /* sr */
    t_worker_done(o);
    o = run_onnx("magika.onnx", "},\"batch\":2}");
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    assert_int_equal(((struct ifm_msg_tensor *)t_worker_last(o)->outputs.items)[0].dims.items[0],
                     2);
    t_worker_done(o);
}

static void onnxruntime_says_what_is_wrong_in_one_sentence(void **state)
{
    char spec[8192], *broken = t_temp_path("broken.onnx");
    (void)state;
    if (!onnxruntime_is_there("nmp.onnx")) {
        skip();
    }
    t_worker_error("{\"v\":1,\"runtime\":\"ort\"}", "needs a model", LOAD, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"ort\",\"model\":\"/nonexistent/a.onnx\"}",
                   "cannot read the model a.onnx", LOAD, 66);
    t_write(broken, "not a model", 11);
    snprintf(spec, sizeof spec, "{\"v\":1,\"runtime\":\"ort\",\"model\":\"%s\"}", broken);
    t_worker_error(spec, "cannot open the model", LOAD, 65);
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"ort\",\"model\":\"%s/nmp.onnx\","
             "\"options\":{\"provider\":\"CUDAExecutionProvider\"}}",
             model_folder);
    t_worker_error(spec, "it offers CPUExecutionProvider", LOAD, 69);
    snprintf(spec, sizeof spec,
             "{\"v\":1,\"runtime\":\"ort\",\"model\":\"%s/nmp.onnx\",\"batch\":2,"
             "\"inputs\":[{\"name\":\"serving_default_input_2:0\",\"dims\":[1,5,1]}]}",
             model_folder);
    t_worker_error(spec, "the model wants float32 ?x43844x1, the shape given is float32 1x5x1",
                   BIND, 65);
    ifm_free(broken);
}

static void a_vendor_library_that_is_not_installed_names_the_command(void **state)
{
    const char *kept = getenv("INFEROMETER_RUNTIME_DIR");
    char *copy = ifm_dup(kept);
    (void)state;
    setenv("INFEROMETER_RUNTIME_DIR", t_temp_dir(), 1);
    if (access("/usr/lib/x86_64-linux-gnu/libonnxruntime.so.1", F_OK) != 0) {
        t_worker_error("{\"v\":1,\"runtime\":\"ort\",\"model\":\"x\"}",
                       "inferometer runtime install onnxruntime", PROBE, 69);
    }
    t_worker_error(
        "{\"v\":1,\"runtime\":\"ort\",\"model\":\"x\",\"library\":\"/nonexistent/lib.so\"}",
        "inferometer runtime install onnxruntime", PROBE, 69);
    if (copy) {
        setenv("INFEROMETER_RUNTIME_DIR", copy, 1);
    } else {
        unsetenv("INFEROMETER_RUNTIME_DIR");
    }
    ifm_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_writes_its_events_in_order_and_exits_with_0),
        cmocka_unit_test(the_array_and_the_hard_maximum_end_a_run_with_their_reason),
        cmocka_unit_test(probe_and_describe_measure_nothing),
        cmocka_unit_test(what_a_vendor_prints_is_log_text),
        cmocka_unit_test(a_spec_that_is_not_one_is_refused),
        cmocka_unit_test(a_spec_over_its_limit_is_refused),
        cmocka_unit_test(names_that_are_not_known_get_a_suggestion),
        cmocka_unit_test(outputs_are_held_against_their_reference),
        cmocka_unit_test(inputs_that_do_not_fit_end_it_before_the_first_run),
        cmocka_unit_test(a_failing_run_is_an_error_with_the_runtimes_sentence),
        cmocka_unit_test(a_dying_runtime_takes_the_worker_along_without_an_end_mark),
        cmocka_unit_test(the_memory_limit_is_told_from_other_failures),
        cmocka_unit_test(memory_held_and_leaked_shows_in_the_phase_it_belongs_to),
        cmocka_unit_test(a_worker_whose_parent_dies_dies_too),
        cmocka_unit_test(onnxruntime_measures_float_int_and_scalar_inputs),
        cmocka_unit_test(onnxruntime_says_what_is_wrong_in_one_sentence),
        cmocka_unit_test(a_vendor_library_that_is_not_installed_names_the_command),
    };
    const char *folder = getenv("IFM_MODEL_DIR"), *source = getenv("IFM_SOURCE_DIR");
    snprintf(model_folder, sizeof model_folder, "%s%s",
             folder   ? folder
             : source ? source
                      : ".",
             folder ? "" : "/build/models");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
