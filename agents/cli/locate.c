#include "agents/cli/locate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/agent/client.h"
#include "core/mem.h"

#define CANDIDATES_SHOWN 4

static int by_url(const char *name, struct ifm_located *out, struct ifm_err *err)
{
    const char *runs = NULL;
    for (const char *at = strstr(name, "/runs/"); at; at = strstr(at + 1, "/runs/"))
        runs = at;
    size_t base = runs ? (size_t)(runs - name) : 0;
    if (base >= 7 && strncmp(runs - 7, "/api/v1", 7) == 0)
        base -= 7;
    if (!runs || base >= sizeof out->daemon || strlen(runs + 6) < IFM_UUID_TEXT - 1)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "\"%.100s\" is not the address of a run, like "
                           "http://127.0.0.1:8417/runs/ID",
                           name);
    memcpy(out->daemon, name, base);
    out->daemon[base] = '\0';
    snprintf(out->id, sizeof out->id, "%.36s", runs + 6);
    char after = runs[6 + IFM_UUID_TEXT - 1];
    if (!ifm_uuid_valid(out->id) || (after && after != '?' && after != '#' && after != '/'))
        return ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.100s\" does not end in the id of a run",
                           name);
    return 0;
}

/* A folder with run.json, or that file itself. */
static int by_path(const char *name, struct ifm_located *out, struct ifm_err *err)
{
    struct stat status;
    struct ifm_msg_run run;
    if (stat(name, &status))
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "%.120s: no such file or folder", name);
    snprintf(out->folder, sizeof out->folder, "%s", name);
    if (!S_ISDIR(status.st_mode)) {
        char *slash = strrchr(out->folder, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(out->folder, sizeof out->folder, ".");
    }
    int rc = ifm_spool_read_run(out->folder, &run, err);
    if (rc) {
        ifm_err_prefix(err, "%.80s is not a run", name);
        return rc;
    }
    snprintf(out->id, sizeof out->id, "%s", run.id);
    ifm_json_free(&ifm_run_table, &run);
    return 0;
}

static int by_number(const char *name, const struct ifm_spool_entry *entries, size_t count,
                     struct ifm_located *out, struct ifm_err *err)
{
    char *end;
    unsigned long n = strtoul(name + 1, &end, 10);
    if (!isdigit((unsigned char)name[1]) || *end || n == 0)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "\"%.40s\" is not a run: @1 is the latest, @2 the one before", name);
    if (n > count)
        return ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "there is no run %.20s: %zu are kept here%s",
                           name, count, count ? "" : "; make one with `inferometer run`");
    snprintf(out->id, sizeof out->id, "%s", entries[n - 1].id);
    return 0;
}

static int by_prefix(const char *name, const struct ifm_spool_entry *entries, size_t count,
                     struct ifm_located *out, struct ifm_err *err)
{
    size_t len = strlen(name), hits = 0;
    struct ifm_buf shown;
    ifm_buf_init(&shown, 1024);
    for (size_t i = 0; len && i < count; i++) {
        if (strncmp(entries[i].id, name, len) != 0)
            continue;
        if (hits++ < CANDIDATES_SHOWN)
            ifm_buf_addf(&shown, "%s%s", hits > 1 ? ", " : "", entries[i].id);
        snprintf(out->id, sizeof out->id, "%s", entries[i].id);
    }
    int rc = 0;
    if (hits > 1) /* the list first: a sentence has 200 characters */
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.36s\" fits %zu runs: %s%s", name, hits,
                         shown.data, hits > CANDIDATES_SHOWN ? " …" : "");
    else if (!hits)
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "",
                         "no run \"%.60s\" is kept here; `inferometer list` shows them", name);
    ifm_buf_done(&shown);
    return rc;
}

int ifm_locate(const char *name, struct ifm_located *out, struct ifm_err *err)
{
    struct ifm_spool_entry *entries;
    size_t count;
    memset(out, 0, sizeof *out);
    if (strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0)
        return by_url(name, out, err);
    if (strchr(name, '/') || strstr(name, ".json") || strcmp(name, ".") == 0)
        return by_path(name, out, err);
    int rc = ifm_spool_list(&entries, &count, err);
    if (rc)
        return rc;
    rc = name[0] == '@' ? by_number(name, entries, count, out, err)
                        : by_prefix(name, entries, count, out, err);
    ifm_free(entries);
    if (rc && err && err->code == IFM_ERR_NOT_FOUND && access(name, F_OK) == 0)
        return by_path(name, out, err);
    return rc ? rc : ifm_spool_folder(out->id, out->folder, err);
}

/* -- A daemon's run: its bodies, so that the numbers are made from raw samples here too
 * ------------- */

struct reply {
    struct ifm_msg_run run;
    bool closed;
};

static int get(struct ifm_client *client, const char *path, const struct ifm_table *table,
               void *out, struct ifm_err *err)
{
    struct ifm_buf body;
    ifm_buf_init(&body, IFM_CLIENT_REPLY_MAX);
    int rc = ifm_client_get(client, path, &body, err);
    if (!rc)
        rc = ifm_json_decode(table, body.data ? body.data : "", body.len, out, err);
    ifm_buf_done(&body);
    return rc;
}

static int load_remote(const struct ifm_located *located, struct ifm_view *view,
                       struct ifm_err *err)
{
    const struct ifm_field fields[] = {
        { .name = "run",
          .kind = IFM_FIELD_OBJECT,
          .offset = offsetof(struct reply, run),
          .table = &ifm_run_table,
          .flags = IFM_FIELD_REQUIRED },
        { .name = "closed", .kind = IFM_FIELD_BOOL, .offset = offsetof(struct reply, closed) },
        { .name = NULL }
    };
    const struct ifm_table table = { .name = "reply",
                                     .size = sizeof(struct reply),
                                     .fields = fields };
    struct ifm_client *client = NULL;
    struct ifm_client_options options = { .base_url = located->daemon, .attempts = 2 };
    struct reply reply;
    char path[128];
    int rc = ifm_client_open(&client, &options, err);
    snprintf(path, sizeof path, "/api/v1/runs/%s", located->id);
    if (!rc)
        rc = get(client, path, &table, &reply, err);
    if (!rc) {
        view->run = reply.run;
        view->closed = reply.closed;
    }
    for (int64_t n = 0; !rc && n < view->run.invocations; n++) {
        struct ifm_msg_invocation body;
        snprintf(path, sizeof path, "/api/v1/runs/%s/invocations/%lld", located->id, (long long)n);
        rc = get(client, path, &ifm_invocation_table, &body, err);
        if (!rc && (rc = ifm_view_add(view, &body, err)) != 0)
            ifm_json_free(&ifm_invocation_table, &body);
    }
    ifm_client_close(client);
    return rc ? rc : ifm_view_compute(view, err);
}

int ifm_locate_view(const struct ifm_located *located, struct ifm_view *view, struct ifm_err *err)
{
    return located->daemon[0] ? load_remote(located, view, err)
                              : ifm_view_load(view, located->folder, err);
}
