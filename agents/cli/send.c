#include "agents/cli/send.h"

#include "agents/agent/spool.h"

int ifm_send_run(const struct ifm_daemon_address *daemon, const char *folder, const char *id,
                 bool (*cancelled)(void), struct ifm_err *err)
{
    struct ifm_client *client = NULL;
    struct ifm_client_options options = {
        .base_url = daemon->url, .cancelled = cancelled, .attempts = 3, .patience_ms = 20000
    };
    int rc = ifm_client_open(&client, &options, err);
    if (!rc)
        rc = ifm_client_push(client, folder, id, NULL, err);
    if (!rc)
        rc = ifm_spool_mark_pushed(folder, daemon->url, err);
    ifm_client_close(client);
    return rc;
}
