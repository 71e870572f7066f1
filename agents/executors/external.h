/* Invocations of somebody else's program: each starts it anew and takes the latencies that it prints on its
 * standard output, one JSON object a line:
 *
 *     {"latency_ns":1234567}                   one inference; a number from 0 to an hour, fractions are rounded
 *     {"latency_ns":9876543,"warmup":true}     one that does not count
 *
 * Other lines are let through and counted; a line that names latency_ns and is not such an object fails the
 * invocation, because a measurement would be missing. There is no worker, no sandbox, no sampler and no check of
 * outputs: what the program says is what there is, and runs made of it are marked external.
 *
 * The output is hostile: lines, bytes and samples are limited, reading goes on while the program runs and
 * nothing is parsed until it has ended, so that it is disturbed as little as can be. */
#ifndef IFM_EXTERNAL_H
#define IFM_EXTERNAL_H

#include "agents/executors/executor.h"

#define IFM_EXTERNAL_OUTPUT_MAX ((size_t)64 << 20) /* bytes of its standard output */
#define IFM_EXTERNAL_LINE_MAX   4096               /* bytes of a line with a latency */
#define IFM_EXTERNAL_OTHER_MAX  100000             /* lines that are none */

/* open gives no state: run takes NULL. Of the request it reads command, spec->timeout_ns, memory_limit_bytes,
 * warmup_iterations (so many latencies in front do not count), cpus, n, order, private_paths and progress. */
extern const struct ifm_executor_ops ifm_executor_external;

/* -- external_lines.c: the output, apart from the process ---------------------------------------- */
struct ifm_external_output {
    int64_t *latency_ns; /* in the order printed, warm-up first; the caller's */
    size_t count, warmup; /* all; of these in front that do not count */
    size_t other;        /* lines that are no measurement */
};
/* text need not end with a newline. A warm-up line after one that counts is IFM_ERR_INVALID like every line
 * that cannot be taken: the sentence names the line. */
int ifm_external_read(const char *text, size_t len, struct ifm_external_output *out, struct ifm_err *err);
void ifm_external_output_done(struct ifm_external_output *out);
/* Warm-up and timed latencies as blocks of an invocation; counts and times with them. */
int ifm_external_store(const struct ifm_external_output *output, struct ifm_msg_invocation *inv,
                       struct ifm_err *err);

#endif
