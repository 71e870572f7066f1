/* Opens the listening socket, so that a port in use is reported in one sentence before anything starts.
 * Threading: safe. Ownership: the descriptor is the caller's. */
#ifndef IFM_LISTEN_H
#define IFM_LISTEN_H

#include <stdbool.h>
#include "core/err.h"

/* address is an IPv4 or IPv6 literal; *port 0 asks for any free one and gets the number. *fd is
 * non-blocking and close-on-exec. IFM_ERR_UNAVAILABLE when the port is taken or the address is not of this
 * machine, IFM_ERR_PERMISSION for a port below 1024 without the right, IFM_ERR_USAGE for no literal. */
int ifm_listen_open(const char *address, int *port, int *fd, struct ifm_err *err);
bool ifm_listen_is_loopback(const char *address);

#endif
