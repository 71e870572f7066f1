/* An executor carries out invocations somewhere: it starts one fresh worker process for each, hands
 * it the spec, reads its events and says how it ended. It does not plan, repeat or keep anything.
 *
 * A failure of the measured program is a result, not an error: run returns 0 and `invocation` says
 * crash, hang, killed … with one sentence. run returns an error only when no worker could be
 * started at all.
 *
 * Threading: one thread at a time. Ownership: a result belongs to the caller
 * (ifm_exec_result_done); the request and all it points at are borrowed for the call. Blocking: run
 * returns when the worker has ended, which the request's timeout bounds. */
#ifndef IFM_EXECUTOR_H
#define IFM_EXECUTOR_H

#include "core/msg.h"

#define IFM_EXEC_STDERR_MAX 4096 /* bytes of log text that are kept */

enum ifm_step { /* IFM_STEP_CHOICES */
                IFM_STEP_START,
                IFM_STEP_PROBE,
                IFM_STEP_LOAD,
                IFM_STEP_BIND,
                IFM_STEP_FIRST,
                IFM_STEP_WARMUP,
                IFM_STEP_STEADY,
                IFM_STEP_VERIFY,
                IFM_STEP_CLOSE
};
const char *ifm_step_name(int step);       /* "warmup"; "start" for what is out of range */
const char *ifm_failure_name(int failure); /* "out_of_memory"; words of IFM_FAILURE_CHOICES */

struct ifm_exec_request {
    const char *worker;              /* path of the worker program */
    const struct ifm_msg_spec *spec; /* timeout_ns 0: none */
    int64_t n;                       /* number of the invocation, copied into the result */
    bool interleaved;                /* `order` counts: position over all runs of the experiment */
    int64_t order;
    /* Texts that must not leave this machine, beside $HOME and the working folder; NULL-terminated
     * or NULL */
    const char *const *private_paths;
    /* Called when a step begins and about every 500 ms while it lasts; may be NULL. elapsed_ns:
     * since spawn. */
    void (*progress)(void *arg, int step, int64_t elapsed_ns);
    void *arg;
    const char *const *command; /* external: program by its path and its arguments; NULL-terminated */
};

struct ifm_exec_result {
    struct ifm_msg_invocation invocation;
    /* What the worker said of itself; NULL where it did not come so far. */
    char *runtime, *runtime_version, *providers, *library, *worker_version, *effective;
    struct ifm_list inputs, outputs; /* ifm_msg_tensor */
    struct ifm_msg_profile profile;         /* action profile; inferences 0: none came */
    struct ifm_msg_allocations allocations; /* action allocations; inferences 0: none came */
    struct ifm_msg_accuracy accuracy;       /* action accuracy; samples 0: none came */
    struct ifm_msg_library library_file;    /* bytes: after the load, where it came so far */
    /* Of the worker's error event: what a command line should end with; IFM_JSON_ABSENT: none came.
     */
    int64_t error_exit;
    bool out_of_memory_limit; /* failed under the memory limit that the spec asked for */
};
void ifm_exec_result_done(struct ifm_exec_result *result);

struct ifm_executor;
struct ifm_executor_ops {
    const char *name;
    struct ifm_executor *(*open)(struct ifm_err *err);
    int (*run)(struct ifm_executor *executor, const struct ifm_exec_request *request,
               struct ifm_exec_result *result, struct ifm_err *err);
    void (*close)(struct ifm_executor *executor); /* accepts NULL */
};
extern const struct ifm_executor_ops ifm_executor_local;

/* -- For implementations ------------------------------------------------------------------------
 */
struct ifm_collect { /* reads event lines into a result */
    struct ifm_exec_result *result;
    int64_t first_event_ns; /* clock when hello came; 0: not yet */
    int step;               /* last step that was reached */
    bool ended;             /* the end mark came */
    bool failed;            /* the error event came */
    char message[IFM_ERR_TEXT_MAX + 1];
};
/* One event line. An error means the protocol was broken; the text says how. */
int ifm_collect_line(struct ifm_collect *collect, const char *line, size_t len,
                     struct ifm_err *err);

struct ifm_exec_end {    /* how the process ended */
    int64_t exit_status; /* -1: by signal */
    int signal;          /* 0: none */
    bool timed_out;      /* we killed it for its timeout */
    bool interrupted;    /* we killed it because the user asked */
    int oom_kills;       /* of the kernel meanwhile, on the whole machine; -1: it does not say */
    bool broken;         /* the protocol was broken: `protocol` says how */
    struct ifm_err protocol;
    const char *stderr_text; /* last IFM_EXEC_STDERR_MAX bytes, NUL-terminated */
};
/* Fills status, failure, failure_text, signal, exit_status, step and stderr_tail of the invocation.
 */
void ifm_outcome_set(const struct ifm_exec_request *request, const struct ifm_collect *collect,
                     const struct ifm_exec_end *end);

/* The kernel's count of processes that it killed for memory, control groups included; -1: it does not say. */
int64_t ifm_executor_oom_kills(void);

/* A copy of text without local folders: $HOME, the working folder, the given paths, and the folder
 * of every absolute path become "…". NULL for NULL or out of memory. */
char *ifm_scrub(const char *text, const char *const *private_paths);

#endif
