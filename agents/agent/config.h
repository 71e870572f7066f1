/* Where the daemon is: flag > INFEROMETER_DAEMON > ./inferometer.json >
 * $XDG_CONFIG_HOME/inferometer/ config.json > /etc/inferometer/config.json. None of them: no
 * daemon, which is fine.
 *
 * Threading: reads the environment and files. Ownership: the struct is the caller's. */
#ifndef IFM_CONFIG_H
#define IFM_CONFIG_H

#include "core/err.h"

struct ifm_daemon_address {
    char url[512];    /* "http://host:port" without a slash at the end; "": none is configured */
    char origin[256]; /* what said so: "--daemon", "INFEROMETER_DAEMON", a file */
};
/* flag: as typed; NULL: not given; "none": no daemon. IFM_ERR_CONFIG (IFM_ERR_USAGE for the flag)
 * when what is said is not an http(s) address or a configuration file cannot be read. */
int ifm_config_daemon(const char *flag, struct ifm_daemon_address *out, struct ifm_err *err);

#endif
