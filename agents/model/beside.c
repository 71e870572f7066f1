/* Files beside a model: where they lie, and that they do not leave the model's folder. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/model/graph_parts.h"
#include "agents/model/npz.h"
#include "core/buf.h"
#include "core/mem.h"

/* The folder that a location is relative to: of a file the one that it lies in. */
static char *folder_of(const struct ifm_graph *graph)
{
    struct stat status;
    if (stat(graph->path, &status) == 0 && S_ISDIR(status.st_mode))
        return ifm_dup(graph->path);
    const char *slash = strrchr(graph->path, '/');
    if (!slash)
        return ifm_dup(".");
    return slash == graph->path ? ifm_dup("/")
                                : ifm_dup_bytes(graph->path, (size_t)(slash - graph->path));
}

/* Links may stand on the way only when what they lead to lies below the folder too. */
static int stays_inside(const char *folder, const char *full, const char *location,
                        struct ifm_err *err)
{
    char *top = realpath(folder, NULL), *end = realpath(full, NULL);
    int rc = 0;
    size_t len = top ? strlen(top) : 0;
    if (!top || !end)
        rc = ifm_err_errno(err, errno, "model", "cannot follow the path of a file beside the model");
    else if (len > 1 && (strncmp(end, top, len) != 0 || end[len] != '/'))
        rc = ifm_err_set(err, IFM_ERR_INVALID, "model",
                         "\"%.80s\" is a link that leaves the model's folder", location);
    free(top); /* realpath's own memory */
    free(end);
    return rc;
}

static int find(const char *folder, const char *full, const char *location, int64_t *bytes,
                struct ifm_err *err)
{
    struct stat status;
    if (lstat(full, &status)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        return ifm_err_errno(err, errno, "model", "cannot look at a file beside the model");
    }
    int rc = stays_inside(folder, full, location, err);
    if (rc)
        return rc;
    if (stat(full, &status))
        return ifm_err_errno(err, errno, "model", "cannot look at a file beside the model");
    if (!S_ISREG(status.st_mode))
        return ifm_err_set(err, IFM_ERR_INVALID, "model", "\"%.80s\" is not a plain file", location);
    *bytes = status.st_size;
    return 0;
}

static int beside(const struct ifm_graph *graph, const char *location, char **full, int64_t *bytes,
                  struct ifm_err *err)
{
    struct ifm_buf text;
    *bytes = -1;
    *full = NULL;
    int rc = ifm_path_check(location, "model", err);
    if (rc)
        return rc;
    char *folder = folder_of(graph);
    ifm_buf_init(&text, 8192);
    if (folder)
        ifm_buf_addf(&text, "%s/%s", folder, location);
    *full = ifm_buf_take(&text);
    ifm_buf_done(&text);
    rc = folder && *full ? find(folder, *full, location, bytes, err)
                         : ifm_err_set(err, IFM_ERR_NOMEM, "model", "out of memory");
    ifm_free(folder);
    return rc;
}

int ifm_graph_beside(const struct ifm_graph *graph, const char *location, int64_t *bytes,
                     struct ifm_err *err)
{
    char *full;
    int rc = beside(graph, location, &full, bytes, err);
    ifm_free(full);
    return rc;
}

int ifm_graph_beside_path(struct ifm_graph *graph, const char *location, const char **path,
                          int64_t *bytes, struct ifm_err *err)
{
    char *full;
    int rc = beside(graph, location, &full, bytes, err);
    *path = NULL;
    if (!rc && !(*path = ifm_graph_text(graph, full, strlen(full), err)))
        rc = err ? err->code : IFM_ERR_NOMEM;
    ifm_free(full);
    return rc;
}
