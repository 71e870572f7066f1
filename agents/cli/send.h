/* Brings a kept run to a daemon and notes the acknowledgement. Used by run and push.
 * Threading: one thread. Blocking: as ifm_client_push. */
#ifndef IFM_SEND_H
#define IFM_SEND_H

#include "agents/agent/client.h"
#include "agents/agent/config.h"

int ifm_send_run(const struct ifm_daemon_address *daemon, const char *folder, const char *id,
                 bool (*cancelled)(void), struct ifm_err *err);

#endif
