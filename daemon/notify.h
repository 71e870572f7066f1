/* Tells systemd where the daemon stands (sd_notify by hand: one datagram to $NOTIFY_SOCKET); does nothing
 * when nobody listens. Threading: main only. */
#ifndef IFM_NOTIFY_H
#define IFM_NOTIFY_H

void ifm_notify(const char *state); /* "READY=1", "STOPPING=1", lines divided by '\n' */

#endif
