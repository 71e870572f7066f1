/* Events and ends: every way a worker can end has one name and one sentence. */
#include "tests/lib/testlib.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agents/executors/executor.h"
#include "core/mem.h"

struct fixture {
    struct ifm_msg_spec spec;
    struct ifm_exec_request request;
    struct ifm_exec_result result;
    struct ifm_collect collect;
    struct ifm_exec_end end;
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->request.spec = &f->spec;
    f->result.error_exit = IFM_JSON_ABSENT;
    f->collect.result = &f->result;
    f->spec.timeout_ns = INT64_C(7000000000);
    f->end.stderr_text = "";
}

static int feed(struct fixture *f, const char *line, struct ifm_err *err)
{
    return ifm_collect_line(&f->collect, line, strlen(line), err);
}

static void ends(struct fixture *f, int failure, const char *part)
{
    ifm_outcome_set(&f->request, &f->collect, &f->end);
    assert_string_equal(ifm_failure_name(f->result.invocation.failure), ifm_failure_name(failure));
    assert_int_equal(f->result.invocation.status, failure != IFM_FAIL_NONE);
    if (part)
        t_assert_contains(f->result.invocation.failure_text, part);
    else
        assert_null(f->result.invocation.failure_text);
    ifm_exec_result_done(&f->result);
}

#define HELLO                                                                                      \
    "{\"v\":1,\"event\":\"hello\",\"pid\":1,\"runtime\":\"null\",\"runtime_version\":\"1\"}"
#define LOADED "{\"v\":1,\"event\":\"loaded\",\"load_ns\":5,\"effective\":\"threads=2\"}"
#define WARM                                                                                       \
    "{\"v\":1,\"event\":\"warm\",\"first_inference_ns\":9,\"warmup_iterations\":3,\"warmup_ns\":"  \
    "30}"
#define RESULT                                                                                     \
    "{\"v\":1,\"event\":\"result\",\"iterations\":4,\"steady_ns\":40,\"deterministic\":true}"

static void a_whole_conversation_is_a_result(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_err err = IFM_ERR_INIT;
    start(&f);
    assert_int_equal(feed(&f, HELLO, &err), 0);
    assert_int_equal(f.collect.step, IFM_STEP_LOAD);
    assert_int_equal(feed(&f, LOADED, &err), 0);
    assert_int_equal(f.collect.step, IFM_STEP_FIRST);
    assert_int_equal(feed(&f, WARM, &err), 0);
    assert_int_equal(f.collect.step, IFM_STEP_STEADY);
    assert_int_equal(feed(&f, RESULT, &err), 0);
    assert_int_equal(f.result.invocation.load_ns, 5);
    assert_int_equal(f.result.invocation.first_inference_ns, 9);
    assert_int_equal(f.result.invocation.iterations, 4);
    assert_true(f.result.invocation.deterministic);
    assert_string_equal(f.result.effective, "threads=2");
    ends(&f, IFM_FAIL_NONE, NULL);
}

#define FULL                                                                                       \
    "{\"v\":1,\"event\":\"result\",\"iterations\":40,\"steady_ns\":40,\"batch_calls\":8,"               \
    "\"voluntary_switches\":3,\"clock_ratio\":1.5,\"sandboxed\":true,\"unfinished\":2,"                 \
    "\"memory_end\":{\"pss_bytes\":7},\"energy\":[{\"rail\":\"package\",\"energy_uj\":5,"               \
    "\"window_ns\":6}],\"lanes\":[{\"sampler\":\"proc\",\"t_ns\":[-1,4],\"lanes\":[{\"name\":"           \
    "\"steal_ns\",\"unit\":\"ns\",\"values\":[1,2]}]}],\"allocations\":{\"inferences\":9,"              \
    "\"allocations\":18},\"profile\":{\"inferences\":4,\"ops\":[{\"name\":\"a\"}]}}"

static void what_a_result_carries_arrives(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_err err = IFM_ERR_INIT;
    const struct ifm_msg_invocation *inv = &f.result.invocation;
    start(&f);
    ifm_json_init(&ifm_invocation_table, &f.result.invocation);
    assert_int_equal(inv->load_ns, IFM_JSON_ABSENT); /* until a worker says it */
    assert_int_equal(feed(&f, HELLO, &err), 0);
    assert_int_equal(feed(&f, LOADED, &err), 0);
    assert_int_equal(inv->load_ns, 5);
    assert_int_equal(inv->iterations, IFM_JSON_ABSENT);
    assert_int_equal(feed(&f,
                          "{\"v\":1,\"event\":\"warm\",\"first_inference_ns\":9,"
                          "\"warmup_end\":\"cap\",\"cold\":{\"level\":\"C0\",\"pages\":3}}",
                          &err),
                     0);
    assert_int_equal(inv->warmup_end, 2);
    assert_int_equal(inv->cold.level, IFM_COLD_C0);
    assert_int_equal(inv->cold.pages, 3);
    assert_int_equal(feed(&f, FULL, &err), 0);
    assert_int_equal(inv->iterations, 40);
    assert_int_equal(inv->batch_calls, 8);
    assert_int_equal(inv->voluntary_switches, 3);
    assert_int_equal(inv->unfinished, 2);
    assert_true(inv->sandboxed);
    assert_int_equal(inv->memory_end.pss_bytes, 7);
    assert_int_equal(inv->lanes.count, 1);
    assert_int_equal(inv->energy.count, 1);
    assert_int_equal(f.result.allocations.allocations, 18);
    assert_int_equal(f.result.profile.ops.count, 1);
    ends(&f, IFM_FAIL_NONE, NULL);
    assert_int_equal(f.result.profile.ops.count, 0);
}

static void broken_protocols_are_told(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_err err = IFM_ERR_INIT;
    start(&f);
    t_assert_error(feed(&f, LOADED, &err), IFM_ERR_INVALID, &err, "not \"hello\"");
    assert_int_not_equal(feed(&f, "not json", &err), 0);
    assert_int_not_equal(feed(&f, "{\"v\":1,\"event\":\"dance\"}", &err), 0);
    assert_int_equal(feed(&f, HELLO, &err), 0);
    assert_int_equal(feed(&f, RESULT, &err), 0);
    t_assert_error(feed(&f, RESULT, &err), IFM_ERR_INVALID, &err, "after its end mark");
    f.end.broken = true;
    f.end.protocol = err;
    ends(&f, IFM_FAIL_PROTOCOL, "could not be read");
}

static void every_end_has_a_name(void **state)
{
    (void)state;
    static const struct {
        int signal;
        int64_t exit_status;
        bool timed_out, interrupted;
        int failure;
        const char *part;
        int oom_kills;
    } rows[] = {
        { SIGSEGV, -1, false, false, IFM_FAIL_CRASH, "signal 11", 0 },
        { SIGBUS, -1, false, false, IFM_FAIL_CRASH, "crashed", 0 },
        { SIGABRT, -1, false, false, IFM_FAIL_ABORT, "aborted before it said hello", 0 },
        { SIGTERM, -1, false, false, IFM_FAIL_KILLED, "from outside", 0 },
        { SIGKILL, -1, false, false, IFM_FAIL_OUT_OF_MEMORY, "signal we did not send", -1 },
        { SIGKILL, -1, false, false, IFM_FAIL_OUT_OF_MEMORY, "by the kernel", 1 },
        { SIGKILL, -1, false, false, IFM_FAIL_KILLED, "from outside", 0 },
        { SIGKILL, -1, true, false, IFM_FAIL_HANG, "did not end within 7 s", 0 },
        { SIGKILL, -1, false, true, IFM_FAIL_INTERRUPTED, "interrupted", 0 },
        { 0, 0, false, false, IFM_FAIL_EXIT, "without its end mark", 0 },
        { 0, 3, false, false, IFM_FAIL_EXIT, "exit status 3", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        start(&f);
        f.end.signal = rows[i].signal;
        f.end.exit_status = rows[i].exit_status;
        f.end.oom_kills = rows[i].oom_kills;
        f.end.timed_out = rows[i].timed_out;
        f.end.interrupted = rows[i].interrupted;
        ends(&f, rows[i].failure, rows[i].part);
    }
}

static void an_abort_for_memory_under_a_limit_is_out_of_memory(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.end.signal = SIGABRT;
    f.end.exit_status = -1;
    f.end.stderr_text = "terminate called after throwing an instance of 'std::bad_alloc'\n";
    ends(&f, IFM_FAIL_ABORT, "bad_alloc");
    start(&f);
    f.spec.memory_limit_bytes = 1000;
    f.end.signal = SIGABRT;
    f.end.exit_status = -1;
    f.end.stderr_text = "terminate called after throwing an instance of 'std::bad_alloc'\n";
    ends(&f, IFM_FAIL_OUT_OF_MEMORY, "limit 1000 bytes");
    start(&f);
    f.spec.memory_limit_bytes = 1000; /* kept by a control group */
    f.end.signal = SIGKILL;
    f.end.exit_status = -1;
    f.end.oom_kills = 1;
    ends(&f, IFM_FAIL_OUT_OF_MEMORY, "over its memory limit (limit 1000 bytes)");
}

static void the_workers_own_sentence_stands(void **state)
{
    (void)state;
    struct fixture f;
    struct ifm_err err = IFM_ERR_INIT;
    start(&f);
    assert_int_equal(feed(&f,
                          "{\"v\":1,\"event\":\"error\",\"message\":\"cannot open "
                          "/srv/models/a.onnx: bad\",\"step\":\"load\",\"exit_status\":65}",
                          &err),
                     0);
    assert_int_equal(f.result.error_exit, 65);
    f.end.exit_status = 65;
    ifm_outcome_set(&f.request, &f.collect, &f.end);
    assert_int_equal(f.result.invocation.step, IFM_STEP_LOAD);
    assert_string_equal(f.result.invocation.failure_text, "cannot open \xe2\x80\xa6/a.onnx: bad");
    ifm_exec_result_done(&f.result);
}

static void scrubbed(const char *text, const char *expected, const char *const *paths)
{
    char *got = ifm_scrub(text, paths);
    assert_string_equal(got, expected);
    ifm_free(got);
}

#define DOTS "\xe2\x80\xa6"

static void local_paths_are_taken_out(void **state)
{
    (void)state;
    static const char *const paths[] = { "my/models", "", NULL };
    setenv("HOME", "/home/someone", 1);
    scrubbed("no path here, 1/2 and a/b", "no path here, 1/2 and a/b", NULL);
    scrubbed("load /srv/x/y.onnx failed", "load " DOTS "/y.onnx failed", NULL);
    scrubbed("'/srv/x/y.onnx':12", "'" DOTS "/y.onnx':12", NULL);
    scrubbed("/home/someone/m.onnx", DOTS "/m.onnx", NULL);
    scrubbed("file:///srv/x/y", "file://" DOTS "/y", NULL);
    scrubbed("see http://example.com/a/b", "see http://example.com/a/b", NULL);
    scrubbed("open my/models/a.onnx", "open " DOTS "/a.onnx", paths);
    scrubbed("/home/someoneelse", DOTS "/someoneelse", NULL);
    assert_null(ifm_scrub(NULL, NULL));
    scrubbed("", "", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_conversation_is_a_result),
        cmocka_unit_test(what_a_result_carries_arrives),
        cmocka_unit_test(broken_protocols_are_told),
        cmocka_unit_test(every_end_has_a_name),
        cmocka_unit_test(an_abort_for_memory_under_a_limit_is_out_of_memory),
        cmocka_unit_test(the_workers_own_sentence_stands),
        cmocka_unit_test(local_paths_are_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
