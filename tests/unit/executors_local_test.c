/* The local executor with a real worker: what its time limit counts. */
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <time.h>

#include "agents/executors/executor.h"
#include "core/mem.h"

#define LIMIT_S 4

static int failure_of_one(struct ifm_executor *executor, const char *worker)
{
    const struct ifm_msg_spec spec = { .v = 1,
                                       .runtime = (char *)(uintptr_t) "null",
                                       .warmup_iterations = 3,
                                       .iterations = 50,
                                       .timeout_ns = LIMIT_S * INT64_C(1000000000) };
    const struct ifm_exec_request request = { .worker = worker, .spec = &spec };
    struct ifm_exec_result result;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_executor_local.run(executor, &request, &result, &err), 0);
    const int failure = result.invocation.failure;
    if (failure != IFM_FAIL_NONE)
        print_error("%s\n", result.invocation.failure_text);
    ifm_exec_result_done(&result);
    return failure;
}

/* A loop that does not run keeps its old time: a limit that began there would be over at once. */
static void a_cool_down_is_not_the_workers_time(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    const struct timespec pause = { .tv_sec = LIMIT_S, .tv_nsec = 100000000 };
    char *worker = t_build_path("bin/inferometer-worker");
    struct ifm_executor *executor = ifm_executor_local.open(&err);
    assert_non_null(executor);
    assert_int_equal(failure_of_one(executor, worker), IFM_FAIL_NONE);
    nanosleep(&pause, NULL);
    assert_int_equal(failure_of_one(executor, worker), IFM_FAIL_NONE);
    ifm_executor_local.close(executor);
    ifm_free(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cool_down_is_not_the_workers_time),
    };
    unsetenv("INFEROMETER_MODULE_DIR"); /* the worker finds its modules from where it lies */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
