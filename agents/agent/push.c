/* How a kept run goes to a daemon. One request for all of it where it fits: the daemon then stores
 * it in one transaction. The bytes are those of the files, joined and never written anew, so that a
 * second push sends the same body and is known as a repeat. */
#include "agents/agent/client.h"

#include <stdio.h>
#include <string.h>

#include "agents/agent/spool.h"
#include "core/hash.h"

/* Well below what a daemon takes: 8 MiB in all, IFM_JSON_TEXT_MAX outside sample blocks. */
#define WHOLE_MAX (4 * 1024 * 1024)
#define TEXT_MAX  (IFM_JSON_TEXT_MAX / 4 * 3)

static void run_path(const char *folder, char file[IFM_SPOOL_PATH_MAX])
{
    snprintf(file, IFM_SPOOL_PATH_MAX, "%.*s/run.json", IFM_SPOOL_PATH_MAX - 16, folder);
}

static int put_file(struct ifm_client *client, const char *file, const char *path, int *sent,
                    struct ifm_err *err)
{
    struct ifm_buf text;
    ifm_buf_init(&text, IFM_SPOOL_BODY_MAX);
    int rc = ifm_buf_read_file(&text, file, err);
    if (!rc)
        rc = ifm_client_put(client, path, text.data ? text.data : "", text.len, NULL, err);
    if (!rc && sent)
        ++*sent;
    ifm_buf_done(&text);
    return rc;
}

static int put_each(struct ifm_client *client, const char *folder, const char *id, int *sent,
                    struct ifm_err *err)
{
    char file[IFM_SPOOL_PATH_MAX], path[128];
    int64_t count = ifm_spool_invocations(folder);
    for (int64_t n = 0; n < count; n++) {
        ifm_spool_invocation_path(folder, n, file);
        snprintf(path, sizeof path, "/api/v1/runs/%s/invocations/%lld", id, (long long)n);
        int rc = put_file(client, file, path, sent, err);
        if (rc)
            return rc;
    }
    run_path(folder, file);
    snprintf(path, sizeof path, "/api/v1/runs/%s", id);
    return put_file(client, file, path, sent, err);
}

/* Appends one invocation; *blocks grows by the bytes that stand in its sample blocks. */
static bool add_invocation(struct ifm_buf *whole, const char *folder, int64_t n, size_t *blocks)
{
    char file[IFM_SPOOL_PATH_MAX];
    struct ifm_msg_invocation invocation;
    size_t before = whole->len;
    ifm_spool_invocation_path(folder, n, file);
    if (ifm_buf_read_file(whole, file, NULL) ||
        ifm_json_decode(&ifm_invocation_table, whole->data + before, whole->len - before,
                        &invocation, NULL))
        return false;
    const struct ifm_msg_block *items = invocation.samples.items;
    for (size_t i = 0; i < invocation.samples.count; i++)
        *blocks += ifm_base64_length(items[i].block.len) + ifm_base64_length(items[i].gaps.len) +
                   ifm_base64_length(items[i].lateness.len);
    ifm_json_free(&ifm_invocation_table, &invocation);
    return true;
}

/* The run with its invocations inside. False where it does not fit, or where a file is not what
 * this program writes: then sending them one by one shows which, and what is wrong. */
static bool make_whole(const char *folder, struct ifm_buf *whole)
{
    char file[IFM_SPOOL_PATH_MAX];
    size_t blocks = 0;
    int64_t count = ifm_spool_invocations(folder);
    run_path(folder, file);
    if (count < 1 || count > IFM_INVOCATIONS_MAX || ifm_buf_read_file(whole, file, NULL))
        return false;
    while (whole->len > 0 && strchr(" \t\r\n", whole->data[whole->len - 1]))
        whole->len--;
    if (whole->len < 2 || whole->data[whole->len - 1] != '}')
        return false;
    whole->len--;
    ifm_buf_adds(whole, ",\"invocation_bodies\":[");
    for (int64_t n = 0; n < count; n++) {
        if (n > 0)
            ifm_buf_addc(whole, ',');
        if (!add_invocation(whole, folder, n, &blocks) || whole->len - blocks > TEXT_MAX)
            return false;
    }
    ifm_buf_adds(whole, "]}");
    return !whole->failed;
}

int ifm_client_push(struct ifm_client *client, const char *folder, const char *id, int *sent,
                    struct ifm_err *err)
{
    struct ifm_buf whole;
    struct ifm_err refused = IFM_ERR_INIT;
    char path[128];
    ifm_buf_init(&whole, WHOLE_MAX);
    int rc = IFM_ERR_TOO_LARGE;
    if (make_whole(folder, &whole)) {
        snprintf(path, sizeof path, "/api/v1/runs/%s", id);
        rc = ifm_client_put(client, path, whole.data, whole.len, NULL, &refused);
        if (!rc && sent)
            ++*sent;
    }
    ifm_buf_done(&whole);
    /* A daemon that does not know invocation_bodies misses the invocations (409), or takes their
     * blocks for too much text (413); one that has a part of the run is sent the rest alone (409).
     */
    if (rc == IFM_ERR_CONFLICT || rc == IFM_ERR_TOO_LARGE)
        return put_each(client, folder, id, sent, err);
    if (rc && err)
        *err = refused;
    return rc;
}
