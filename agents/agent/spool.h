/* The store of local runs: one folder per run below $XDG_STATE_HOME/inferometer/runs, whose files
 * are exactly the bodies that a daemon takes.
 *
 *   <uuid>/invocation-0000.json …   written as each invocation ends
 *   <uuid>/run.open.json            the run as far as it is known; replaced by run.json at the end
 *   <uuid>/run.json                 the run is finished
 *   <uuid>/row.json                 one line of numbers for lists, made from the samples; may be
 * missing <uuid>/pushed                   addresses of daemons that acknowledged everything, one a
 * line <uuid>/lock                     locked by the process that measures
 *
 * Every file appears whole or not at all, so a kill loses at most the invocation under way.
 * Threading: one thread. Ownership: structs are the caller's; folders are paths in fixed buffers.
 */
#ifndef IFM_SPOOL_H
#define IFM_SPOOL_H

#include "core/msg.h"
#include "core/uuid.h"

#define IFM_SPOOL_PATH_MAX 4096
#define IFM_SPOOL_BODY_MAX (64 * 1024 * 1024)

enum ifm_spool_state { IFM_SPOOL_FINISHED, IFM_SPOOL_UNFINISHED, IFM_SPOOL_RUNNING };

/* -- Writing one run ----------------------------------------------------------------------------
 */
struct ifm_spool {
    char folder[IFM_SPOOL_PATH_MAX];
    int lock_fd; /* -1: closed */
};
/* Makes the folder (0700) and takes its lock. */
int ifm_spool_begin(struct ifm_spool *spool, const char *id, struct ifm_err *err);
int ifm_spool_put_invocation(struct ifm_spool *spool, const struct ifm_msg_invocation *invocation,
                             struct ifm_err *err);
int ifm_spool_put_open(struct ifm_spool *spool, const struct ifm_msg_run *run, struct ifm_err *err);
int ifm_spool_finish(struct ifm_spool *spool, const struct ifm_msg_run *run, struct ifm_err *err);
void ifm_spool_discard(
    struct ifm_spool *spool); /* removes the run: nothing of it was a measurement */
void ifm_spool_end(
    struct ifm_spool *spool); /* gives the lock back; accepts one that was never begun */

/* -- Reading ------------------------------------------------------------------------------------
 */
struct ifm_spool_entry {
    char id[IFM_UUID_TEXT];
};
/* Folders that are runs, newest first; *entries is freed with ifm_free. A store that is not there
 * is empty. */
int ifm_spool_list(struct ifm_spool_entry **entries, size_t *count, struct ifm_err *err);
int ifm_spool_folder(const char *id, char folder[IFM_SPOOL_PATH_MAX], struct ifm_err *err);
enum ifm_spool_state ifm_spool_state_of(const char *folder);
int64_t ifm_spool_invocations(const char *folder); /* consecutive ones from 0 */
/* run.json, or run.open.json of one that is not finished. */
int ifm_spool_read_run(const char *folder, struct ifm_msg_run *out, struct ifm_err *err);
int ifm_spool_read_invocation(const char *folder, int64_t n, struct ifm_msg_invocation *out,
                              struct ifm_err *err);
void ifm_spool_invocation_path(const char *folder, int64_t n, char path[IFM_SPOOL_PATH_MAX]);
/* Finishes a run whose process died: status interrupted, with the invocations that are there. */
int ifm_spool_recover(const char *folder, struct ifm_err *err);

/* -- Acknowledgements ---------------------------------------------------------------------------
 */
bool ifm_spool_pushed(const char *folder, const char *url); /* url NULL: to any */
int ifm_spool_mark_pushed(const char *folder, const char *url, struct ifm_err *err);

#endif
