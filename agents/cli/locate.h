/* From what a user calls a run to the run: an id or a unique prefix of it, @1 (the latest), @2 …,
 * the path of a run's folder or of its run.json, or an address of a daemon (http://host/runs/ID,
 * also /api/v1/runs/ID).
 *
 * Threading: one thread. Ownership: the struct is the caller's. */
#ifndef IFM_LOCATE_H
#define IFM_LOCATE_H

#include "agents/agent/spool.h"
#include "agents/cli/view.h"

struct ifm_located {
    char id[IFM_UUID_TEXT];
    char folder[IFM_SPOOL_PATH_MAX]; /* of a local run; "": it is a daemon's */
    char daemon[512];                /* address of the daemon; "": local */
};
/* IFM_ERR_NOT_FOUND, or IFM_ERR_USAGE for a prefix that fits several (the sentence lists them). */
int ifm_locate(const char *name, struct ifm_located *out, struct ifm_err *err);
/* Loads it, from disk or from the daemon's bodies, and computes its numbers. */
int ifm_locate_view(const struct ifm_located *located, struct ifm_view *view, struct ifm_err *err);

#endif
