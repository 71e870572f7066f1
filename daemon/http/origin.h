/* Who may talk to a daemon that asks for no token: the Host and Origin rules. They keep a web page that the
 * user happens to visit from reading (DNS rebinding) or writing (cross-site requests) through his browser.
 *
 * Threading: pure functions. Ownership: all texts are borrowed. */
#ifndef IFM_ORIGIN_H
#define IFM_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* True when the Host header names a loopback literal (127.0.0.0/8, [::1]), localhost, or one of `names`
 * (compared without case); a port may follow. host NULL or malformed: false. */
bool ifm_origin_host_allowed(const char *host, const char *const *names, size_t count);
/* True when a write with this Origin may pass: none was sent (not a browser), or it is http(s)://HOST with
 * exactly the Host header's authority. "null" is foreign. */
bool ifm_origin_same(const char *origin, const char *host);

#endif
