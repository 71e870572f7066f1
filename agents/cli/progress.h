/* How far a run is, on stderr: one line that is redrawn on a terminal, a plain line every 10 s
 * where CI=true, nothing elsewhere. Written at most twice a second, so that it does not disturb
 * what is measured.
 *
 * Threading: one thread. Ownership: the struct is the caller's. */
#ifndef IFM_PROGRESS_H
#define IFM_PROGRESS_H

#include "agents/cli/cli.h"

struct ifm_progress {
    const struct ifm_cli *cli;
    int64_t invocations, n; /* planned; the one that runs, from 0 */
    int64_t left_ns;        /* after this invocation; -1: not known */
    int64_t plain_ns;       /* clock of the last plain line */
    bool drawn;
};
void ifm_progress_init(struct ifm_progress *progress, const struct ifm_cli *cli,
                       int64_t invocations);
void ifm_progress_step(void *progress, int step,
                       int64_t elapsed_ns);             /* fits ifm_exec_request.progress */
void ifm_progress_clear(struct ifm_progress *progress); /* before anything else is said */

#endif
