/* Which format a file has, and its reader; opening from the first byte to the last count. */
#include <string.h>
#include <sys/stat.h>

#include "agents/model/graph_parts.h"
#include "agents/model/recognise.h"

/* The first row that knows the content wins; only then are names looked at. A format that has a reader stands
 * here; order matters where one content could be two formats (the stricter test first). */
static const struct ifm_graph_format formats[] = {
    { "tflite", ifm_is_tflite, ".tflite", ifm_read_tflite },
    { "ort", ifm_is_ort, ".ort", ifm_read_ort },
    { "executorch", ifm_is_executorch, ".pte", ifm_read_executorch },
    { "pt2", ifm_is_pt2, NULL, ifm_read_pt2 },
    { "torchscript", ifm_is_torchscript, NULL, ifm_read_torchscript },
    { "tensorrt", ifm_is_tensorrt, NULL, ifm_read_tensorrt },
    { "openvino", ifm_is_openvino, NULL, ifm_read_openvino },
    { "safetensors", ifm_is_safetensors, ".safetensors", ifm_read_safetensors },
    { "coreml", ifm_is_coreml, ".mlmodel", ifm_read_coreml },
    { "mlpackage", NULL, ".mlpackage", ifm_read_mlpackage }, /* a folder */
    { "savedmodel", ifm_is_savedmodel, NULL, ifm_read_savedmodel },
    { "onnx", ifm_is_onnx, ".onnx", ifm_read_onnx },
};
#define FORMATS (sizeof formats / sizeof *formats)

static const struct ifm_graph_format *by_content(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < FORMATS && bytes && len; i++)
        if (formats[i].recognise && formats[i].recognise(bytes, len))
            return &formats[i];
    return NULL;
}

const char *ifm_graph_recognise(const unsigned char *bytes, size_t len)
{
    const struct ifm_graph_format *format = by_content(bytes, len);
    return format ? format->word : NULL;
}

static const struct ifm_graph_format *by_name(const char *path, bool folder)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (size_t i = 0; i < FORMATS; i++) {
        size_t suffix = formats[i].suffix ? strlen(formats[i].suffix) : 0;
        bool wants_folder = strcmp(formats[i].word, "mlpackage") == 0;
        if (suffix && suffix < len && wants_folder == folder &&
            memcmp(path + len - suffix, formats[i].suffix, suffix) == 0)
            return &formats[i];
    }
    return NULL;
}

/* A package is known by its manifest, whatever its folder is called. */
static const struct ifm_graph_format *of_folder(struct ifm_graph *graph)
{
    int64_t bytes = -1;
    const struct ifm_graph_format *package = by_name("a.mlpackage", true);
    if (ifm_graph_beside(graph, "Manifest.json", &bytes, NULL) == 0 && bytes >= 0)
        return package;
    return by_name(graph->path, true);
}

static int not_known(const struct ifm_graph *graph, struct ifm_err *err)
{
    if (!graph->map)
        return ifm_err_set(err, IFM_ERR_INVALID, "model", "%.120s is %s", ifm_graph_base(graph),
                           graph->file_bytes ? "a folder of no known model format" : "empty");
    return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "model",
                       "%.100s is of no model format that this version reads; its content and its "
                       "name tell none",
                       ifm_graph_base(graph));
}

static int open_all(struct ifm_graph *graph, const char *path,
                    const struct ifm_graph_options *options, struct ifm_err *err)
{
    struct stat status;
    int rc = ifm_graph_start(graph, path, err);
    if (rc)
        return rc;
    graph->options = options;
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (folder)
        graph->file_bytes = 1; /* until its reader has added them up */
    const struct ifm_graph_format *format =
        folder ? of_folder(graph) : by_content(graph->map, graph->map_bytes);
    if (!format && !folder)
        format = by_name(path, false);
    if (!format)
        return not_known(graph, err);
    if (folder)
        graph->file_bytes = 0;
    graph->format = format->word;
    rc = format->read(graph, err);
    return rc ? rc : ifm_graph_count(graph, err);
}

int ifm_graph_open_with(const char *path, const struct ifm_graph_options *options,
                        struct ifm_graph *out, struct ifm_err *err)
{
    int rc = open_all(out, path, options, err);
    out->options = NULL;
    if (rc)
        ifm_graph_done(out);
    return rc;
}

int ifm_graph_open(const char *path, struct ifm_graph *out, struct ifm_err *err)
{
    return ifm_graph_open_with(path, NULL, out, err);
}
