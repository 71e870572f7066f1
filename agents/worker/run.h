/* One invocation from the spec to the end mark: hello, load, first inference, verification,
 * warm-up, timed loop, verification again, samples, result. measurement.md 0 is the protocol.
 *
 * Verification stands before the warm-up, so that nothing but the sample array's allocation lies
 * between the last warm-up run and the first timed one. Threading: the measuring thread. Ownership:
 * the spec is borrowed. */
#ifndef IFM_RUN_H
#define IFM_RUN_H

#include "core/log.h"
#include "core/msg.h"

enum ifm_run_step { /* as IFM_STEP_CHOICES */
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

struct ifm_run_context {
    int events_fd;
    int64_t main_ns; /* clock at the begin of main */
    const struct ifm_log *log;
    enum ifm_run_step step; /* out: the step that was reached */
};

/* Returns 0 after the `result` event; else the error, for which the caller writes the `error`
 * event. */
int ifm_run_spec(const struct ifm_msg_spec *spec, struct ifm_run_context *context,
                 struct ifm_err *err);

/* Size of the sample array: twice what the duration needs at sample_ns, and the iterations by
 * `calls` in a sample, at most the spec's max_samples. */
size_t ifm_run_capacity(const struct ifm_msg_spec *spec, int64_t sample_ns, int64_t calls);

#endif
