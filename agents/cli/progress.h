/* How far a run or an experiment is, on stderr: one line that is redrawn on a terminal, a plain
 * line every 10 s where CI=true, nothing elsewhere. Written at most twice a second, so that it does
 * not disturb what is measured.
 *
 * Threading: one thread. Ownership: the struct is the caller's. */
#ifndef IFM_PROGRESS_H
#define IFM_PROGRESS_H

#include "agents/cli/cli.h"

struct ifm_progress {
    const struct ifm_cli *cli;
    int64_t invocations, n; /* planned over all arms; the one that runs, from 0 */
    bool at_most;           /* fewer may do: a target decides */
    const char *arm;        /* which one it is of; "": the only one */
    int64_t left_ns;        /* after this invocation; 0 or below: not known */
    int64_t plain_ns;       /* clock of the last plain line */
    bool drawn;
};
void ifm_progress_init(struct ifm_progress *progress, const struct ifm_cli *cli,
                       int64_t invocations);
void ifm_progress_step(void *progress, int step,
                       int64_t elapsed_ns); /* fits ifm_exec_request.progress */
/* Between invocations: "cooling down". */
void ifm_progress_pause(struct ifm_progress *progress, const char *what, int64_t elapsed_ns);
void ifm_progress_clear(struct ifm_progress *progress); /* before anything else is said */

#endif
