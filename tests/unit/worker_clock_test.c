/* A run on clocks that misbehave in the timed phase. This machine cannot be put to sleep and its
 * clock not be slewed by a test, so libc's clock_gettime is this file's own. */
#include "tests/lib/testlib.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "agents/worker/report.h"
#include "agents/worker/run.h"
#include "core/clock.h"
#include "core/mem.h"

#define S INT64_C(1000000000)

/* Points of time, of 16 tries each: two of the calibration, begin and end of the timed phase. */
enum { TRIES = 16, BEFORE_THE_END = 3 * TRIES };
static int boot_reads, raw_reads;
static int64_t sleep_ns, slew_ns; /* at the last point */

int clock_gettime(clockid_t id, struct timespec *t)
{
    const int code = (int)syscall(SYS_clock_gettime, id, t);
    int64_t more = 0;
    if (id == CLOCK_BOOTTIME && ++boot_reads > BEFORE_THE_END) {
        more = sleep_ns;
    } else if (id == CLOCK_MONOTONIC_RAW && ++raw_reads > BEFORE_THE_END) {
        more = slew_ns;
    }
    const int64_t ns = (int64_t)t->tv_sec * S + t->tv_nsec + more;
    *t = (struct timespec){ .tv_sec = ns / S, .tv_nsec = ns % S };
    return code;
}

static void run(struct ifm_msg_event *result)
{
    static char text[] = "{\"v\":1,\"runtime\":\"sim\",\"iterations\":40,\"warmup_iterations\":3,"
                         "\"samplers\":[\"none\"],\"no_sandbox\":true,"
                         "\"options\":{\"latency\":\"1ms\"}}";
    char *path = t_temp_path("events");
    struct ifm_msg_spec spec;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_log log;
    FILE *file = fopen(path, "w");
    struct ifm_run_context context = { .main_ns = ifm_clock_ns(), .log = &log };
    assert_non_null(file);
    context.events_fd = fileno(file);
    ifm_log_init(&log, STDERR_FILENO, IFM_LOG_WARN, IFM_LOG_AUTO, "test");
    assert_int_equal(ifm_json_decode(&ifm_spec_table, text, strlen(text), &spec, &err), 0);
    boot_reads = raw_reads = 0;
    if (ifm_run_spec(&spec, &context, &err) != 0) {
        fail_msg("%s", err.text);
    }
    fclose(file);
    assert_int_equal(boot_reads, 4 * TRIES); /* or the counting above means something else */
    char *events = t_read(path, NULL), *last = strrchr(events, '\n');
    *last = '\0';
    last = strrchr(events, '\n') + 1;
    assert_int_equal(ifm_json_decode(&ifm_event_table, last, strlen(last), result, &err), 0);
    assert_int_equal(result->event, IFM_EVENT_RESULT);
    ifm_json_free(&ifm_spec_table, &spec);
    ifm_free(events);
    ifm_free(path);
}

static void a_machine_that_slept_is_told(void **state)
{
    struct ifm_msg_event e;
    (void)state;
    sleep_ns = 3600 * S;
    slew_ns = 0;
    run(&e);
    /* less what MONOTONIC and BOOTTIME truly lie apart, which is nothing but the reads */
    assert_true(e.suspended_ns > 3599 * S && e.suspended_ns < 3601 * S);
    ifm_json_free(&ifm_event_table, &e);
}

static void a_clock_that_is_slewed_is_told(void **state)
{
    struct ifm_msg_event e;
    (void)state;
    sleep_ns = 0;
    slew_ns = -4000000; /* RAW falls behind by 4 ms of some 40 */
    run(&e);
    assert_int_equal(e.suspended_ns, 0);
    assert_true(e.clock_ratio > 1.001 && e.clock_ratio < 1.2);
    ifm_json_free(&ifm_event_table, &e);
}

static void clocks_that_agree_say_so(void **state)
{
    struct ifm_msg_event e;
    (void)state;
    sleep_ns = slew_ns = 0;
    run(&e);
    assert_int_equal(e.suspended_ns, 0);
    assert_true(e.clock_ratio > 0.999 && e.clock_ratio < 1.001);
    ifm_json_free(&ifm_event_table, &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_that_slept_is_told),
        cmocka_unit_test(a_clock_that_is_slewed_is_told),
        cmocka_unit_test(clocks_that_agree_say_so),
    };
    char *modules = t_build_path("lib/inferometer");
    setenv("INFEROMETER_MODULE_DIR", modules, 1);
    ifm_free(modules);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
