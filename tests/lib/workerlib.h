/* A real worker process as a test sees it: spec in, events, log and exit status out.
 *
 * Threading: the test's main thread. Ownership: outcomes go to t_worker_done. A worker that writes
 * half a line or a line that is no event fails the test. */
#ifndef IFM_WORKERLIB_H
#define IFM_WORKERLIB_H

#include "tests/lib/testlib.h"
#include "core/msg.h"

enum { T_WORKER_EVENTS_MAX = 64 };
struct t_outcome {
    int status; /* of waitpid */
    size_t count;
    struct ifm_msg_event events[T_WORKER_EVENTS_MAX];
    char *log; /* stderr */
};
enum { START, PROBE, LOAD, BIND, FIRST, WARMUP, STEADY, VERIFY, CLOSE }; /* IFM_STEP_CHOICES */

struct t_outcome *t_worker_run(const char *spec); /* one line of JSON */
struct t_outcome *t_worker_bytes(const char *spec, size_t len);
void t_worker_done(struct t_outcome *o);
const struct ifm_msg_event *t_worker_last(const struct t_outcome *o);

/* The run must end with an error event: that step, that exit status, that part of a sentence. */
void t_worker_error(const char *spec, const char *part, int step, int exit_status);

#endif
