/* Starts the worker over with ifm_count.so in front of libc's malloc: once, and only for the pass
 * that counts allocations. Nobody outside has to set an environment, so that every executor can ask
 * for it, also one at the end of an adb or ssh connection.
 *
 * The same process goes on: pid, parent, limits and pipes stay; the spec comes again, from a memory
 * file on stdin. The object is preloaded by its descriptor (/proc/self/fd/N), because a path with a
 * space or a colon cannot stand in LD_PRELOAD, and the user's own LD_PRELOAD stays behind it.
 * Threading: before any thread. */
#ifndef IFM_PRELOAD_H
#define IFM_PRELOAD_H

#include <stdbool.h>
#include "core/msg.h"

/* First thing in main: puts the environment back as it was before ifm_preload_again. */
void ifm_preload_settle(void);
/* Whether malloc is counted in this process. */
bool ifm_preload_active(void);
/* Returns only with an error: IFM_ERR_UNSUPPORTED where a start with a preloaded object is not
 * possible, IFM_ERR_CONFIG where the object is not installed. */
int ifm_preload_again(const struct ifm_msg_spec *spec, int events_fd, struct ifm_err *err);

#endif
