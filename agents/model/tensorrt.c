/* Reader of TensorRT engines. Their format is not public: what follows the first words is the builder's own, and is not
 * guessed at. Told is what the magic word says, and what stands in the file as plain text. */
#include <stdio.h>
#include <string.h>

#include "agents/model/graph.h"
#include "agents/model/recognise.h"

#define LOOK_BYTES 65536 /* of the head, where a version may stand as text */

bool ifm_is_tensorrt(const unsigned char *bytes, size_t len)
{
    return len >= 24 && (memcmp(bytes, "ftrt", 4) == 0 || memcmp(bytes, "ptrt", 4) == 0);
}

static uint64_t word(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* "sm_86", or "8.6" behind "compute capability": only as text that a builder happened to write. */
static int find_gpu(struct ifm_graph *graph, struct ifm_err *err)
{
    size_t look = graph->map_bytes < LOOK_BYTES ? graph->map_bytes : LOOK_BYTES;
    const unsigned char *at = memmem(graph->map, look, "sm_", 3);
    size_t left = at ? look - (size_t)(at - graph->map) : 0, len = 3;
    while (len < left && len < 6 && at[len] >= '0' && at[len] <= '9')
        len++;
    if (len < 5)
        return ifm_graph_add_metadata(graph, "gpu", "not told by the file; an engine runs on the GPU model and TensorRT "
                                      "version that it was built with", err);
    char text[8];
    memcpy(text, at, len);
    text[len] = '\0';
    return ifm_graph_add_metadata(graph, "gpu_architecture", text, err);
}

int ifm_read_tensorrt(struct ifm_graph *graph, struct ifm_err *err)
{
    const unsigned char *bytes = graph->map;
    char text[64];
    size_t len = 0;
    graph->format = "tensorrt";
    graph->format_name = "TensorRT engine";
    graph->producer = "TensorRT";
    if (!ifm_is_tensorrt(bytes, graph->map_bytes))
        return ifm_err_set(err, IFM_ERR_INVALID, "tensorrt", "%.100s is no TensorRT engine: it does not begin with "
                           "ftrt or ptrt", graph->path);
    graph->format_version = memcmp(bytes, "ftrt", 4) == 0 ? "ftrt" : "ptrt";
    for (size_t i = 4; i < 24; i += 4) /* versions and lengths are among these words, but which is which is not public */
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%08llx", len ? " " : "",
                                (unsigned long long)word(bytes + i, 4));
    int rc = ifm_graph_add_metadata(graph, "header_words", text, err);
    if (!rc)
        rc = ifm_graph_add_metadata(graph, "plan", "operators, shapes and weights are in a private format: not told", err);
    return rc ? rc : find_gpu(graph, err);
}
