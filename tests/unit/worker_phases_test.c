/* What the phases of a real worker say of themselves: warm-up, batches, switches, processors. */
#include "tests/lib/workerlib.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/worker/batch.h"
#include "agents/worker/run.h"
#include "core/codec.h"
#include "core/mem.h"

static struct t_outcome *run(const char *runtime, const char *rest)
{
    char spec[2048];
    snprintf(spec, sizeof spec, "{\"v\":1,\"runtime\":\"%s\",\"samplers\":[\"none\"],%s}", runtime,
             rest);
    struct t_outcome *o = t_worker_run(spec);
    if (t_worker_last(o)->event == IFM_EVENT_ERROR) {
        fail_msg("%s", t_worker_last(o)->message);
    }
    assert_int_equal(t_worker_last(o)->event, IFM_EVENT_RESULT);
    return o;
}

static const struct ifm_msg_event *warm(const struct t_outcome *o)
{
    assert_int_equal(o->events[2].event, IFM_EVENT_WARM);
    return &o->events[2];
}

static int64_t steady_samples(const struct t_outcome *o)
{
    int64_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ifm_msg_event *e = &o->events[i];
        count += e->event == IFM_EVENT_SAMPLES && e->samples.phase == 1 ? e->samples.count : 0;
    }
    return count;
}

/* -- Warm-up --------------------------------------------------------------------------------------
 */
static void a_fixed_warm_up_says_so(void **state)
{
    struct t_outcome *o =
        run("sim", "\"warmup_iterations\":12,\"iterations\":5,\"options\":{\"latency\":\"200us\"}");
    (void)state;
    assert_int_equal(warm(o)->warmup_end, 0);
    assert_int_equal(warm(o)->warmup_iterations, 12);
    t_worker_done(o);
}

static void a_warm_up_without_a_number_goes_by_windows(void **state)
{
    struct t_outcome *o =
        run("sim", "\"warmup_ns\":1000000,\"iterations\":5,\"options\":{\"latency\":\"1ms\"}");
    (void)state;
    /* on a busy machine medians may never agree: then it is the cap */
    assert_true(warm(o)->warmup_end == 1 || warm(o)->warmup_end == 2);
    assert_true(warm(o)->warmup_ns >= 300000000 && warm(o)->warmup_iterations >= 30);
    t_worker_done(o);
}

static void a_drift_ends_at_the_cap_and_is_measured(void **state)
{
    struct t_outcome *o = run("sim", "\"warmup_max_ns\":350000000,\"iterations\":5,"
                                     "\"options\":{\"latency\":\"1ms\",\"drift\":\"30\"}");
    (void)state;
    assert_int_equal(warm(o)->warmup_end, 2);
    assert_true(warm(o)->warmup_ns >= 350000000);
    assert_int_equal(t_worker_last(o)->iterations, 5);
    t_worker_done(o);
}

/* -- Batches --------------------------------------------------------------------------------------
 */
static void the_rule_of_batches(void **state)
{
    (void)state;
    assert_int_equal(ifm_batch_calls(3000, 30), 1);
    assert_int_equal(ifm_batch_calls(2999, 30), 2);
    assert_int_equal(ifm_batch_calls(1000, 30), 3);
    assert_int_equal(ifm_batch_calls(999, 30), 4);
    assert_int_equal(ifm_batch_calls(1, 30), 3000);
    assert_int_equal(ifm_batch_calls(1, 1000000), IFM_BATCH_MOST);
    assert_int_equal(ifm_batch_calls(0, 30), 1); /* not known */
    assert_int_equal(ifm_batch_calls(100, 0), 1);
}

static int do_nothing(void *state)
{
    (void)state;
    return 0;
}

/* A clock of coarse ticks shows most runs as 0 ns. */
static void a_model_within_one_tick_is_batched_too(void **state)
{
    struct ifm_loop_sample samples[3];
    const struct ifm_loop loop = { .run = do_nothing, .samples = samples };
    struct ifm_batch batch;
    (void)state;
    ifm_batch_settle(&loop, 0, 1000, &batch);
    assert_int_equal(batch.status, 0);
    assert_true(batch.calls >= IFM_BATCH_FLOORS && batch.sample_ns > 0);
}

static void a_model_too_fast_for_the_clock_is_timed_in_batches(void **state)
{
    struct t_outcome *o = run("null", "\"warmup_iterations\":500,\"iterations\":100000");
    const struct ifm_msg_event *e = t_worker_last(o);
    int64_t samples[IFM_CODEC_SAMPLES_MAX];
    size_t n = 0;
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_true(e->batch_calls > 1);
    assert_true(e->iterations >= 100000 && e->iterations < 100000 + e->batch_calls);
    assert_int_equal(steady_samples(o) * e->batch_calls, e->iterations);
    assert_int_equal(warm(o)->warmup_iterations, 500); /* trying sizes is no warm-up */
    const struct ifm_block *b = &o->events[4].samples.block;
    assert_int_equal(ifm_codec_decode(b->bytes, b->len, samples, IFM_CODEC_SAMPLES_MAX, &n, &err),
                     0);
    const struct ifm_msg_clock *c = &o->events[0].clock;
    const int64_t floor_ns = c->resolution_ns > c->overhead_ns ? c->resolution_ns : c->overhead_ns;
    for (size_t i = 0; i < n; i++) { /* a quarter: another speed of the same machine */
        assert_true(samples[i] > IFM_BATCH_FLOORS * floor_ns / 4);
    }
    t_worker_done(o);
}

static void batches_can_be_told_and_switched_off(void **state)
{
    struct t_outcome *o =
        run("null", "\"warmup_iterations\":50,\"iterations\":120,\"batch_calls\":50");
    (void)state;
    assert_int_equal(t_worker_last(o)->batch_calls, 50);
    assert_int_equal(t_worker_last(o)->iterations, 150); /* whole batches */
    assert_int_equal(steady_samples(o), 3);
    t_worker_done(o);
    o = run("null", "\"warmup_iterations\":50,\"iterations\":120,\"batch_calls\":1");
    assert_int_equal(t_worker_last(o)->batch_calls, 0);
    assert_int_equal(steady_samples(o), 120);
    t_worker_done(o);
}

static void a_model_slow_enough_is_timed_one_by_one(void **state)
{
    struct t_outcome *o =
        run("sim", "\"warmup_iterations\":5,\"iterations\":9,\"options\":{\"latency\":\"1ms\"}");
    (void)state;
    assert_int_equal(t_worker_last(o)->batch_calls, 0);
    assert_int_equal(steady_samples(o), 9);
    t_worker_done(o);
}

static void a_failure_while_sizes_are_tried_is_the_runs(void **state)
{
    (void)state;
    t_worker_error("{\"v\":1,\"runtime\":\"sim\",\"warmup_iterations\":50,\"iterations\":9,"
                   "\"options\":{\"latency\":\"0s\",\"fail-at\":\"60\"}}",
                   "run 60 failed", STEADY, 4);
}

/* -- Use ------------------------------------------------------------------------------------------
 */
static void waiting_shows_as_voluntary_switches(void **state)
{
    struct t_outcome *o = run("sim", "\"warmup_iterations\":3,\"iterations\":30,"
                                     "\"options\":{\"latency\":\"1ms\",\"sleep\":\"yes\"}");
    (void)state;
    assert_true(t_worker_last(o)->voluntary_switches >= 30);
    assert_true(t_worker_last(o)->cpu_ns < t_worker_last(o)->steady_ns);
    t_worker_done(o);
}

/* The spec's run in this process; afterwards its thread stands where it was put, as do those that a
 * vendor would have started. */
static bool stays_on(int cpu)
{
    char text[256];
    struct ifm_msg_spec spec;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_log log;
    cpu_set_t now;
    struct ifm_run_context context = { .log = &log };
    snprintf(text, sizeof text,
             "{\"v\":1,\"runtime\":\"null\",\"samplers\":[\"none\"],\"no_sandbox\":true,"
             "\"cpus\":[%d],\"warmup_iterations\":3,\"iterations\":5}",
             cpu);
    ifm_log_init(&log, STDERR_FILENO, IFM_LOG_WARN, IFM_LOG_AUTO, "test");
    context.events_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return ifm_json_decode(&ifm_spec_table, text, strlen(text), &spec, &err) == 0 &&
           ifm_run_spec(&spec, &context, &err) == 0 &&
           sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1 &&
           CPU_ISSET((size_t)cpu, &now);
}

static void processors_are_kept_to(void **state)
{
    cpu_set_t allowed;
    int cpu = CPU_SETSIZE - 1, status = 0;
    char *modules = t_build_path("lib/inferometer");
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    while (cpu > 0 && !CPU_ISSET((size_t)cpu, &allowed)) {
        cpu--;
    }
    const pid_t child = fork();
    if (child == 0) {
        setenv("INFEROMETER_MODULE_DIR", modules, 1);
        _exit(stays_on(cpu) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ifm_free(modules);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"cpus\":[65000]}", "65000", START, 64);
    t_worker_error("{\"v\":1,\"runtime\":\"null\",\"action\":\"profile\",\"cpus\":[65000]}",
                   "65000", START, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_warm_up_says_so),
        cmocka_unit_test(a_warm_up_without_a_number_goes_by_windows),
        cmocka_unit_test(a_drift_ends_at_the_cap_and_is_measured),
        cmocka_unit_test(the_rule_of_batches),
        cmocka_unit_test(a_model_within_one_tick_is_batched_too),
        cmocka_unit_test(a_model_too_fast_for_the_clock_is_timed_in_batches),
        cmocka_unit_test(batches_can_be_told_and_switched_off),
        cmocka_unit_test(a_model_slow_enough_is_timed_one_by_one),
        cmocka_unit_test(a_failure_while_sizes_are_tried_is_the_runs),
        cmocka_unit_test(waiting_shows_as_voluntary_switches),
        cmocka_unit_test(processors_are_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
