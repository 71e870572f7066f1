/* The HTTP client of a daemon. Only PUT and GET, both safe to repeat, so what fails for a moment
 * (no connection, 429, 5xx) is tried again with growing pauses. The only user of libcurl.
 *
 * Threading: one client, one thread. Ownership: ifm_client_close frees. Blocking: calls wait for
 * the network, at most `patience_ms` in all; they end early when ifm_client_cancel says so. Errors:
 * IFM_ERR_UNAVAILABLE names the address; what a daemon answers (problem+json) keeps its meaning. */
#ifndef IFM_CLIENT_H
#define IFM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"

#define IFM_CLIENT_REPLY_MAX (256 * 1024 * 1024)

struct ifm_client;
struct ifm_client_options {
    const char *base_url;    /* "http://127.0.0.1:8417" */
    int64_t patience_ms;     /* for one call with its repeats; 0: 20,000 */
    int attempts;            /* 0: 4 */
    bool (*cancelled)(void); /* asked while waiting; NULL: never */
};
int ifm_client_open(struct ifm_client **client, const struct ifm_client_options *options,
                    struct ifm_err *err);
void ifm_client_close(struct ifm_client *client);

/* path begins with '/'. *replayed (may be NULL): the daemon had this body already. */
int ifm_client_put(struct ifm_client *client, const char *path, const void *body, size_t len,
                   bool *replayed, struct ifm_err *err);
int ifm_client_get(struct ifm_client *client, const char *path, struct ifm_buf *body,
                   struct ifm_err *err);

/* Sends a finished run from its folder: in one request where it fits and the daemon takes it so,
 * else every invocation and then the run. *sent counts requests that were taken. In push.c. */
int ifm_client_push(struct ifm_client *client, const char *folder, const char *id, int *sent,
                    struct ifm_err *err);

#endif
