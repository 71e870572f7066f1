/* What a model file says of itself, read without any vendor library: the one structure that all format
 * readers fill, and that inspect and lint read.
 *
 * Files are hostile input. They are mapped read-only and never copied whole; every read is bounds-checked;
 * counts, depth and text are limited by the constants below; what is over a limit is an error that names it,
 * never a cut that nobody sees. Weights are counted by their declared sizes, not read.
 *
 * Threading: one thread a graph. Ownership: everything that a graph points to lives in its arena or in the
 * mapped file, both freed by ifm_graph_done; nothing may be changed by readers of it. Errors:
 * IFM_ERR_INVALID (65) for a file that is broken, IFM_ERR_UNSUPPORTED for a version or format that this
 * reader does not know, IFM_ERR_NOT_FOUND for a file that is not there: one sentence that names the file,
 * where in it, and the rule. */
#ifndef IFM_GRAPH_H
#define IFM_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "inferometer/runtime.h"

#define IFM_GRAPH_NODES_MAX   1000000 /* over all subgraphs */
#define IFM_GRAPH_TENSORS_MAX 2000000
#define IFM_GRAPH_TEXT_MAX    4096    /* bytes of one name or value; longer ones are cut at a character */
#define IFM_GRAPH_DEPTH_MAX   64      /* nested subgraphs, objects, messages */
#define IFM_GRAPH_ARENA_MAX   ((size_t)512 << 20)
#define IFM_GRAPH_NONE        UINT32_MAX /* an input that is left out */
#define IFM_GRAPH_UNKNOWN     INT64_MIN  /* a number that the file does not tell */

enum ifm_graph_quant { IFM_QUANT_NO, IFM_QUANT_TENSOR, IFM_QUANT_CHANNEL, IFM_QUANT_BLOCK };

struct ifm_graph_tensor {
    const char *name;            /* "" where it has none */
    enum ifm_dtype dtype;        /* NONE: see type */
    const char *type;            /* as the format writes it, "float32", "int4", "string" … */
    int32_t rank;                /* -1: not known */
    int64_t dims[IFM_MAX_RANK];  /* -1: dynamic. A rank over IFM_MAX_RANK is kept as rank, dims are cut */
    const char *dim_names[IFM_MAX_RANK]; /* symbolic name of a dynamic dimension, or NULL */
    bool constant;               /* weights, or another constant of the file */
    bool external;               /* its bytes lie in another file */
    bool buffer;                 /* a constant that is no trained parameter (running mean, table), where told */
    int64_t bytes;               /* of a constant, as stored; UNKNOWN */
    const unsigned char *data;   /* of a constant, in the mapped file; NULL: not inline, or coded */
    uint64_t offset;             /* of the bytes in their file; 0 where not known */
    const char *location;        /* file of an external one, as written */
    enum ifm_graph_quant quant;
    int32_t quant_axis;          /* of CHANNEL */
    int64_t quant_count;         /* scales */
};

struct ifm_graph_attribute { /* of a node; only what readers of the graph use is kept */
    const char *name;
    enum { IFM_ATTR_INT, IFM_ATTR_FLOAT, IFM_ATTR_TEXT, IFM_ATTR_INTS } kind;
    int64_t i;
    double f;
    const char *text;
    const int64_t *ints;
    size_t count;
};

struct ifm_graph_node {
    const char *op;      /* "Conv", "CONV_2D", "aten::conv2d" … as the format writes it */
    const char *domain;  /* ONNX; "" elsewhere */
    const char *name;    /* "" where it has none */
    uint32_t *inputs, *outputs; /* indices of tensors, or NONE */
    size_t input_count, output_count;
    struct ifm_graph_attribute *attributes;
    size_t attribute_count;
    uint32_t subgraph;   /* which of the graph's subgraphs it stands in; 0: the main one */
    int64_t macs;        /* multiply-accumulates of one inference; UNKNOWN where shapes do not allow */
    const char *delegate; /* backend that takes it (ExecuTorch); NULL */
};

/* What a tensor measures in one inference, with every dynamic dimension set: from the options, from shape
 * inference, else 1. What macs and activation_bytes are counted with. */
struct ifm_graph_shape {
    int32_t rank; /* -1: not known */
    int64_t dims[IFM_MAX_RANK];
};

/* Sizes for dynamic dimensions; everything may be left out. */
struct ifm_graph_dim { const char *name; int64_t value; }; /* by its symbolic name */
struct ifm_graph_input_shape { const char *input; struct ifm_graph_shape shape; };
struct ifm_graph_options {
    const struct ifm_graph_dim *dims;
    size_t dim_count;
    const struct ifm_graph_input_shape *inputs; /* stronger than dims */
    size_t input_count;
};

struct ifm_graph_opset { const char *domain; int64_t version; };
struct ifm_graph_pair { const char *key, *value; };
struct ifm_graph_op { const char *domain, *op; int64_t count, macs; }; /* macs UNKNOWN if one of them is */
struct ifm_graph_bytes { const char *type; int64_t tensors, elements, bytes; }; /* of constants, by element type */
struct ifm_graph_finding { const char *code, *text; }; /* what is broken, or odd; code is a word of docs/inspect.md */

struct ifm_graph {
    const char *path;
    const char *format;         /* "onnx", "ort", "tflite", "executorch", "torchscript", "pt2", "coreml", "mlpackage",
                                   "openvino", "tensorrt", "safetensors", "savedmodel" (TensorFlow) */
    const char *format_name;    /* for people: "ONNX", … */
    const char *format_version; /* as the format counts: IR version, schema version … */
    const char *producer, *producer_version, *model_version, *name, *domain, *description;
    int64_t file_bytes;         /* all files of it */
    int64_t external_bytes;     /* of these, files beside the model's own */
    struct ifm_graph_opset *opsets;
    size_t opset_count;
    struct ifm_graph_pair *metadata; /* author, licence, compute precision, GPU … as the file writes them */
    size_t metadata_count;
    struct ifm_graph_tensor *tensors;
    size_t tensor_count;
    uint32_t *inputs, *outputs; /* of the main graph, without constants */
    size_t input_count, output_count;
    struct ifm_graph_node *nodes;
    size_t node_count, subgraph_count;
    bool has_nodes;             /* false: the format does not tell operators (TensorRT, safetensors) */
    /* Counted by ifm_graph_count after the reader, the same for every format. */
    struct ifm_graph_op *ops;   /* histogram, most frequent first */
    size_t op_count;
    struct ifm_graph_bytes *types;
    size_t type_count;
    int64_t parameters;         /* elements of all constants that are no buffers; UNKNOWN */
    int64_t buffers;            /* elements of those that are */
    int64_t weight_bytes;       /* stored bytes of both */
    int64_t macs;               /* sum; UNKNOWN when no node has it */
    int64_t macs_unknown;       /* nodes that compute much (convolution, matrix product) and have none */
    int64_t activation_bytes;   /* largest sum of tensors alive at once in file order; UNKNOWN without shapes */
    bool quantized;             /* some tensor is, or an operator quantizes */
    struct ifm_graph_finding *problems; /* structural faults: the file is not valid; empty: it is */
    size_t problem_count;
    struct ifm_graph_arena *arena;
    const unsigned char *map; /* NULL for a folder */
    size_t map_bytes;
    const struct ifm_graph_options *options; /* the caller's, while it is being opened; or NULL */
    uint32_t *subgraph_owners; /* node that each subgraph belongs to, by number ([0] unused); of several with one
                                  owner (branches) the costliest counts. NULL: all of them count */
    struct ifm_graph_shape *shapes; /* one a tensor, set by ifm_graph_count; a reader may fill it before */
};

/* Recognises the format by content (name only where content does not tell), reads, checks and counts. A file
 * with structural problems that can still be read succeeds and lists them. */
int ifm_graph_open(const char *path, struct ifm_graph *out, struct ifm_err *err);
/* The same with sizes for dynamic dimensions. IFM_ERR_USAGE where the model has no such input or its rank or a
 * fixed dimension differs. */
int ifm_graph_open_with(const char *path, const struct ifm_graph_options *options, struct ifm_graph *out,
                        struct ifm_err *err);
void ifm_graph_done(struct ifm_graph *graph);
/* Word of `format` by content alone; NULL: none known. */
const char *ifm_graph_recognise(const unsigned char *bytes, size_t len);

/* -- For readers: each fills a zeroed graph whose path, map and arena are set. ------------------- */
typedef int ifm_graph_reader(struct ifm_graph *graph, struct ifm_err *err);
ifm_graph_reader ifm_read_onnx, ifm_read_ort, ifm_read_tflite, ifm_read_executorch, ifm_read_torchscript,
    ifm_read_pt2, ifm_read_coreml, ifm_read_mlpackage, ifm_read_openvino, ifm_read_tensorrt, ifm_read_safetensors,
    ifm_read_savedmodel;

/* A row of read.c: content is looked at before names. */
struct ifm_graph_format {
    const char *word;
    bool (*recognise)(const unsigned char *bytes, size_t len); /* NULL: by name alone */
    const char *suffix; /* ".onnx"; NULL: by content alone */
    ifm_graph_reader *read;
};
/* From the arena, zeroed; NULL and err when it is full (IFM_ERR_TOO_LARGE) or memory is. */
void *ifm_graph_alloc(struct ifm_graph *graph, size_t count, size_t size, struct ifm_err *err);
/* A NUL-terminated copy, at most IFM_GRAPH_TEXT_MAX bytes, made valid UTF-8; NULL as above. */
const char *ifm_graph_text(struct ifm_graph *graph, const void *bytes, size_t len, struct ifm_err *err);
/* Append one; the pointer is good until the next call. They return NULL as above or at the limits. */
struct ifm_graph_tensor *ifm_graph_add_tensor(struct ifm_graph *graph, struct ifm_err *err);
struct ifm_graph_node *ifm_graph_add_node(struct ifm_graph *graph, struct ifm_err *err);
int ifm_graph_add_metadata(struct ifm_graph *graph, const char *key, const char *value, struct ifm_err *err);
int ifm_graph_add_problem(struct ifm_graph *graph, const char *code, struct ifm_err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Histogram, sums, macs where a reader left UNKNOWN and shapes allow. */
int ifm_graph_count(struct ifm_graph *graph, struct ifm_err *err);
/* A file beside the model (external data, weights): joined to the model's folder. Refuses absolute paths, ".."
 * and links that leave the folder: IFM_ERR_INVALID. *bytes -1: it is not there. */
int ifm_graph_beside(const struct ifm_graph *graph, const char *location, int64_t *bytes, struct ifm_err *err);
/* The full path of such a file, in the arena; *bytes as above. */
int ifm_graph_beside_path(struct ifm_graph *graph, const char *location, const char **path, int64_t *bytes,
                          struct ifm_err *err);
/* Multiply-accumulates of a node by its operator family and graph->shapes; UNKNOWN; 0 for what multiplies little. */
int64_t ifm_graph_macs(const struct ifm_graph *graph, const struct ifm_graph_node *node);
/* Bits of one element of a type as the formats write it ("float16", "int4" …); 0: not fixed or not known. */
int ifm_graph_type_bits(const char *type);
const struct ifm_graph_attribute *ifm_graph_attribute(const struct ifm_graph_node *node, const char *name);

#endif
