/* A private folder (0700) for what one command unpacks; made on first use, removed at the end.
 *
 * Threading: one thread. Ownership: the struct is the caller's; ifm_tempdir_done removes everything
 * below the folder, follows no links, and accepts a struct that made nothing. */
#ifndef IFM_TEMPDIR_H
#define IFM_TEMPDIR_H

#include "core/err.h"

struct ifm_tempdir {
    char path[256];
}; /* "": not made yet */

/* Makes $TMPDIR (or /tmp)/inferometer-XXXXXX unless it is there already. */
int ifm_tempdir_make(struct ifm_tempdir *dir, struct ifm_err *err);
void ifm_tempdir_done(struct ifm_tempdir *dir);

#endif
