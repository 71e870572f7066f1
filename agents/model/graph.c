/* The arena of a graph, its growing lists, and the mapping of its file. */
#include "agents/model/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/model/graph_parts.h"
#include "agents/model/npz.h"
#include "core/mem.h"
#include "core/text.h"

#define CHUNK_BYTES ((size_t)64 << 10)

struct chunk {
    struct chunk *next;
    _Alignas(16) unsigned char bytes[];
};

struct ifm_graph_arena {
    struct chunk *chunks;
    unsigned char *at;
    size_t left;
    size_t taken; /* chunks and lists, against IFM_GRAPH_ARENA_MAX */
    size_t tensor_cap, node_cap, metadata_cap, problem_cap;
};

static int arena_full(struct ifm_graph *graph, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_TOO_LARGE, "model",
                       "%.80s describes more than the %zu MB that a reader may keep",
                       ifm_graph_base(graph), IFM_GRAPH_ARENA_MAX >> 20);
}

static int out_of_memory(struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_NOMEM, "model", "out of memory");
}

void *ifm_graph_alloc(struct ifm_graph *graph, size_t count, size_t size, struct ifm_err *err)
{
    struct ifm_graph_arena *arena = graph->arena;
    if (size && count > IFM_GRAPH_ARENA_MAX / size) {
        arena_full(graph, err);
        return NULL;
    }
    size_t bytes = (count * size + 15) & ~(size_t)15;
    if (!bytes)
        bytes = 16;
    if (bytes > arena->left) {
        size_t room = bytes > CHUNK_BYTES / 4 ? bytes : CHUNK_BYTES;
        if (room > IFM_GRAPH_ARENA_MAX - arena->taken) {
            arena_full(graph, err);
            return NULL;
        }
        struct chunk *chunk = ifm_alloc(sizeof *chunk + room);
        if (!chunk) {
            out_of_memory(err);
            return NULL;
        }
        arena->taken += room;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        if (room == bytes) /* a block of its own; the half-used chunk stays in use */
            return chunk->bytes;
        arena->at = chunk->bytes;
        arena->left = room;
    }
    void *taken = arena->at;
    arena->at += bytes;
    arena->left -= bytes;
    return taken;
}

/* Bytes of the character at text[i], 0 for one that is malformed; false where the cut went through it. */
static bool text_step(const char *text, size_t len, size_t i, bool cut, size_t *step)
{
    *step = text[i] ? ifm_text_char(text + i, len - i, NULL) : 0;
    return *step || !cut || len - i >= 4;
}

const char *ifm_graph_text(struct ifm_graph *graph, const void *bytes, size_t len,
                           struct ifm_err *err)
{
    const char *text = bytes;
    bool cut = len > IFM_GRAPH_TEXT_MAX;
    size_t need = 1, step;
    if (cut)
        len = IFM_GRAPH_TEXT_MAX;
    for (size_t i = 0; i < len && text_step(text, len, i, cut, &step); i += step ? step : 1)
        need += step ? step : 3;
    char *copy = ifm_graph_alloc(graph, need, 1, err), *to = copy;
    for (size_t i = 0; copy && i < len && text_step(text, len, i, cut, &step); i += step ? step : 1) {
        memcpy(to, step ? text + i : "\xef\xbf\xbd", step ? step : 3);
        to += step ? step : 3;
    }
    return copy;
}

/* Room for one more in a list; the list lives outside the arena's chunks because it moves. */
static int grow(struct ifm_graph *graph, void **list, size_t count, size_t *cap, size_t size,
                size_t max, const char *what, struct ifm_err *err)
{
    if (count < *cap)
        return 0;
    if (count >= max)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "model", "%.80s has more than %zu %s",
                           ifm_graph_base(graph), max, what);
    size_t wanted = *cap ? *cap + *cap / 2 + 1 : 16;
    if (wanted > max)
        wanted = max;
    size_t more = (wanted - *cap) * size;
    if (more > IFM_GRAPH_ARENA_MAX - graph->arena->taken)
        return arena_full(graph, err);
    void *moved = ifm_resize_array(*list, wanted, size);
    if (!moved)
        return out_of_memory(err);
    memset((unsigned char *)moved + *cap * size, 0, more);
    graph->arena->taken += more;
    *list = moved;
    *cap = wanted;
    return 0;
}

#define GROW(graph, list, count, cap, max, what, err)                                              \
    grow(graph, (void **)&(graph)->list, (graph)->count, &(graph)->arena->cap,                \
              sizeof *(graph)->list, max, what, err)

struct ifm_graph_tensor *ifm_graph_add_tensor(struct ifm_graph *graph, struct ifm_err *err)
{
    if (GROW(graph, tensors, tensor_count, tensor_cap, IFM_GRAPH_TENSORS_MAX, "tensors", err))
        return NULL;
    struct ifm_graph_tensor *tensor = &graph->tensors[graph->tensor_count++];
    tensor->name = tensor->type = "";
    tensor->rank = -1;
    tensor->bytes = IFM_GRAPH_UNKNOWN;
    return tensor;
}

struct ifm_graph_node *ifm_graph_add_node(struct ifm_graph *graph, struct ifm_err *err)
{
    if (GROW(graph, nodes, node_count, node_cap, IFM_GRAPH_NODES_MAX, "nodes", err))
        return NULL;
    struct ifm_graph_node *node = &graph->nodes[graph->node_count++];
    node->op = node->domain = node->name = "";
    node->macs = IFM_GRAPH_UNKNOWN;
    return node;
}

int ifm_graph_add_metadata(struct ifm_graph *graph, const char *key, const char *value,
                           struct ifm_err *err)
{
    int rc = GROW(graph, metadata, metadata_count, metadata_cap, 65536, "entries of metadata", err);
    if (rc)
        return rc;
    const char *key_copy = ifm_graph_text(graph, key, strlen(key), err);
    const char *value_copy = ifm_graph_text(graph, value ? value : "", value ? strlen(value) : 0, err);
    if (!key_copy || !value_copy)
        return err ? err->code : IFM_ERR_NOMEM;
    graph->metadata[graph->metadata_count++] = (struct ifm_graph_pair){ key_copy, value_copy };
    return 0;
}

int ifm_graph_add_problem(struct ifm_graph *graph, const char *code, struct ifm_err *err,
                          const char *format, ...)
{
    char text[400], clean[1000];
    va_list args;
    if (graph->problem_count >= IFM_GRAPH_PROBLEMS_MAX)
        return 0; /* the first ones tell the story */
    int rc = GROW(graph, problems, problem_count, problem_cap, IFM_GRAPH_PROBLEMS_MAX, "problems", err);
    if (rc)
        return rc;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = ifm_text_clip(clean, sizeof clean, text, strlen(text));
    const char *copy = ifm_graph_text(graph, clean, len, err);
    if (!copy)
        return err ? err->code : IFM_ERR_NOMEM;
    graph->problems[graph->problem_count++] = (struct ifm_graph_finding){ code, copy };
    return 0;
}

const struct ifm_graph_attribute *ifm_graph_attribute(const struct ifm_graph_node *node,
                                                      const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

const char *ifm_graph_base(const struct ifm_graph *graph)
{
    const char *path = graph->path ? graph->path : "", *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* -- Files --------------------------------------------------------------------------------------- */
static int map_file(struct ifm_graph *graph, int fd, struct ifm_err *err)
{
    struct stat status;
    if (fstat(fd, &status))
        return ifm_err_errno(err, errno, "model", "cannot read the model");
    if (!S_ISREG(status.st_mode))
        return ifm_err_set(err, IFM_ERR_INVALID, "model", "%.120s is not a plain file", graph->path);
    graph->file_bytes = status.st_size;
    graph->map_bytes = (size_t)status.st_size;
    if (!status.st_size)
        return 0;
    void *map = mmap(NULL, graph->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        graph->map_bytes = 0;
        return ifm_err_errno(err, errno, "model", "cannot map the model");
    }
    graph->map = map;
    /* Readers touch headers alone: read-ahead would bring in the weights between them. */
    if (graph->map_bytes > ((size_t)4 << 20))
        madvise(map, graph->map_bytes, MADV_RANDOM);
    return 0;
}

int ifm_graph_start(struct ifm_graph *graph, const char *path, struct ifm_err *err)
{
    struct stat status;
    char what[180];
    memset(graph, 0, sizeof *graph);
    graph->arena = ifm_alloc(sizeof *graph->arena);
    if (!graph->arena)
        return out_of_memory(err);
    graph->path = ifm_graph_text(graph, path, strlen(path), err);
    if (!graph->path)
        return err ? err->code : IFM_ERR_NOMEM;
    snprintf(what, sizeof what, "cannot read %.140s", path);
    if (stat(path, &status))
        return ifm_err_errno(err, errno, "model", what);
    if (S_ISDIR(status.st_mode))
        return 0;
    return ifm_graph_map(graph, path, err);
}

int ifm_graph_map(struct ifm_graph *graph, const char *path, struct ifm_err *err)
{
    char what[180];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    snprintf(what, sizeof what, "cannot read %.140s", path);
    if (fd < 0)
        return ifm_err_errno(err, errno, "model", what);
    int rc = map_file(graph, fd, err);
    close(fd);
    return rc;
}

void ifm_graph_done(struct ifm_graph *graph)
{
    if (!graph)
        return;
    if (graph->map)
        munmap((void *)(uintptr_t)graph->map, graph->map_bytes);
    if (graph->arena) {
        ifm_free(graph->tensors);
        ifm_free(graph->nodes);
        ifm_free(graph->metadata);
        ifm_free(graph->problems);
        for (struct chunk *chunk = graph->arena->chunks, *next; chunk; chunk = next) {
            next = chunk->next;
            ifm_free(chunk);
        }
        ifm_free(graph->arena);
    }
    memset(graph, 0, sizeof *graph);
}
