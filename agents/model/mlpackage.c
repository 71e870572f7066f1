/* Core ML packages: a folder with Manifest.json, which names the model below Data/. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/model/coreml.h"
#include "agents/model/json_cursor.h"

#define MANIFEST_MAX 65536
#define ITEMS_MAX    64

struct manifest {
    char root[128];
    struct { char id[128], path[256]; } items[ITEMS_MAX];
    size_t count;
};

static int broken(const struct ifm_graph *graph, const char *what, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_INVALID, "model", "%.80s is no whole Core ML package: %s",
                       ifm_graph_base(graph), what);
}

static bool read_item(struct ifm_json_cursor *json, struct manifest *out)
{
    struct ifm_json_text key, value;
    if (out->count == ITEMS_MAX || !ifm_json_key(json, &key))
        return false;
    ifm_json_plain(&key, out->items[out->count].id, sizeof out->items[0].id);
    for (int got = ifm_json_enter(json, '{'); got == 1; got = ifm_json_more(json, '}')) {
        if (!ifm_json_key(json, &key))
            return false;
        if (!ifm_json_is(&key, "path"))
            ifm_json_skip(json);
        else if (ifm_json_string(json, &value))
            ifm_json_plain(&value, out->items[out->count].path, sizeof out->items[0].path);
    }
    out->count++;
    return !json->failed;
}

static bool parse(struct ifm_json_cursor *json, struct manifest *out)
{
    struct ifm_json_text key, value;
    for (int got = ifm_json_enter(json, '{'); got == 1; got = ifm_json_more(json, '}')) {
        if (!ifm_json_key(json, &key))
            return false;
        if (ifm_json_is(&key, "itemInfoEntries")) {
            for (int item = ifm_json_enter(json, '{'); item == 1; item = ifm_json_more(json, '}'))
                if (!read_item(json, out))
                    return false;
        } else if (ifm_json_is(&key, "rootModelIdentifier")) {
            if (!ifm_json_string(json, &value))
                return false;
            ifm_json_plain(&value, out->root, sizeof out->root);
        } else if (!ifm_json_skip(json)) {
            return false;
        }
    }
    return !json->failed && ifm_json_end(json);
}

static int read_manifest(struct ifm_graph *graph, struct manifest *out, struct ifm_err *err)
{
    const char *path;
    char *text = ifm_graph_alloc(graph, MANIFEST_MAX, 1, err);
    int64_t bytes;
    if (!text)
        return err ? err->code : IFM_ERR_NOMEM;
    int rc = ifm_graph_beside_path(graph, "Manifest.json", &path, &bytes, err);
    if (rc)
        return rc;
    if (bytes < 0)
        return broken(graph, "Manifest.json is missing", err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, MANIFEST_MAX);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return ifm_err_errno(err, errno, "model", "cannot read Manifest.json");
    struct ifm_json_cursor json = ifm_json_cursor(text, (size_t)got);
    return bytes <= MANIFEST_MAX && parse(&json, out) ? 0 : broken(graph, "Manifest.json is not readable", err);
}

static const char *root_path(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (strcmp(manifest->items[i].id, manifest->root) == 0)
            return manifest->items[i].path;
    return NULL;
}

/* Every weights file once: sizes of the whole package. */
static void add_sizes(struct ifm_graph *graph, int64_t model_bytes)
{
    const char *last = "";
    int64_t bytes;
    graph->file_bytes = model_bytes;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const char *location = graph->tensors[i].location;
        if (!location || strcmp(location, last) == 0)
            continue;
        last = location; /* coremltools writes one file; alternating ones would be counted again */
        if (ifm_graph_beside(graph, location, &bytes, NULL) == 0 && bytes > 0)
            graph->external_bytes += bytes;
    }
    graph->file_bytes += graph->external_bytes;
}

int ifm_read_mlpackage(struct ifm_graph *graph, struct ifm_err *err)
{
    struct manifest *manifest = ifm_graph_alloc(graph, 1, sizeof *manifest, err);
    char location[300];
    const char *full;
    int64_t bytes;
    graph->format = "mlpackage";
    graph->format_name = "Core ML package";
    if (!manifest)
        return err ? err->code : IFM_ERR_NOMEM;
    int rc = read_manifest(graph, manifest, err);
    if (rc)
        return rc;
    if (!root_path(manifest))
        return broken(graph, "its manifest names no model", err);
    snprintf(location, sizeof location, "Data/%s", root_path(manifest));
    rc = ifm_graph_beside_path(graph, location, &full, &bytes, err);
    if (rc)
        return rc;
    if (bytes < 0)
        return broken(graph, "the model that its manifest names is not there", err);
    rc = ifm_graph_map(graph, full, err);
    char *slash = strrchr(location, '/');
    slash[1] = '\0';
    const char *folder = ifm_graph_text(graph, location, strlen(location), err);
    if (rc || !folder)
        return rc ? rc : err ? err->code : IFM_ERR_NOMEM;
    rc = ifm_coreml_read(graph, folder, err);
    if (!rc)
        add_sizes(graph, bytes);
    return rc;
}
