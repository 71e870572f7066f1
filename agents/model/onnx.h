/* What the files of the ONNX reader share: the state of one reading, parsed tensors and attributes, names by scope,
 * what operators the standard knows. Private to agents/model/onnx*.c.
 *
 * The rules of validity are those that onnx.checker keeps; each breach becomes a problem of the graph and reading goes on.
 * What cannot be read at all (cut, nested too deep, over a limit) ends it with an error.
 *
 * Threading, ownership: as graph.h. Functions return 0 or an error's code, set in onnx->err. */
#ifndef IFM_ONNX_H
#define IFM_ONNX_H

#include "agents/model/graph_parts.h"
#include "agents/model/pb_wire.h"

#define IFM_ONNX_IR_MAX     14   /* the newest IR version that the rules here were compared with */
#define IFM_ONNX_VALUES_MAX 1024 /* elements of an integer constant that shape inference may look at */

struct ifm_onnx_bytes { const unsigned char *bytes; size_t len; };

/* One name in one scope. */
struct ifm_onnx_name {
    struct ifm_onnx_bytes key;
    uint32_t scope, tensor;
    bool defined;   /* an input, an initializer, or made by a node that was read */
    bool produced;  /* the same, for the check of outputs */
    bool input;
    bool initializer;
};
struct ifm_onnx_values { int64_t *items; size_t count; }; /* of a small integer tensor, where known; else NULL */

struct ifm_onnx_function { struct ifm_onnx_bytes domain, name, overload; };

struct ifm_onnx {
    struct ifm_graph *graph;
    struct ifm_err *err;
    int64_t ir_version;
    const struct ifm_graph_opset *opsets; /* those in force: of the model, or of the function being read */
    size_t opset_count;
    struct ifm_onnx_name *names; /* open addressing over (scope, key); slots a power of two */
    size_t name_slots, name_count;
    uint32_t *parents; /* of each scope */
    uint32_t *owners;  /* node of each scope, for ifm_graph.subgraph_owners */
    size_t scope_count, scope_cap;
    struct ifm_onnx_values *values; /* by tensor */
    size_t value_cap;
    struct ifm_onnx_function *functions;
    size_t function_count;
    unsigned depth;
    bool in_function;
};

struct ifm_onnx_tensor { /* a TensorProto, its data not touched */
    struct ifm_onnx_bytes name, raw, typed[5]; /* float, int32, int64, double, uint64: the packed list, if there is one */
    int32_t rank;
    int64_t dims[IFM_MAX_RANK];
    int64_t elements; /* UNKNOWN: overflow */
    int64_t type;
    bool has_type, has_raw, external, negative;
    unsigned fields;          /* bit of each typed field that is there; 32 for strings */
    int64_t counts[6];        /* of typed elements; -1: not counted, the list is long */
    struct ifm_onnx_bytes location;
    bool has_location;
    int64_t offset, length; /* -1: not told */
};

struct ifm_onnx_attribute {
    struct ifm_onnx_bytes name, s, ref;
    int64_t type;
    bool has_type;
    unsigned fields; /* bit 1 << AttributeProto.type of every field that is there */
    unsigned used;   /* how many of them */
    int64_t i;
    double f;
    struct ifm_pb_field t, sparse; /* of type BYTES where there */
    struct ifm_pb whole; /* for what is repeated */
};

enum { /* AttributeProto.AttributeType */
    IFM_ONNX_FLOAT = 1, IFM_ONNX_INT, IFM_ONNX_STRING, IFM_ONNX_TENSOR, IFM_ONNX_GRAPH, IFM_ONNX_FLOATS, IFM_ONNX_INTS,
    IFM_ONNX_STRINGS, IFM_ONNX_TENSORS, IFM_ONNX_GRAPHS, IFM_ONNX_SPARSE, IFM_ONNX_SPARSES, IFM_ONNX_TYPE, IFM_ONNX_TYPES
};

struct ifm_onnx_node { /* a NodeProto, before it is added */
    struct ifm_onnx_bytes op, domain, name, overload;
    struct ifm_onnx_bytes *inputs, *outputs;
    size_t input_count, output_count;
    struct ifm_onnx_attribute *attributes;
    size_t attribute_count;
};

/* A row of the table of standard operators: valid from an opset version until the next row of that name. */
struct ifm_onnx_op {
    const char *name;
    short since, min_in, max_in, min_out, max_out; /* max -1: any number */
    bool deprecated;
    const char *in, *out;   /* s: single, may not be empty; o: optional; v: variadic. The last stands for all that follow */
    const char *attributes; /* "name:T " each, T a letter of AttributeType; "!" before a required one */
};
/* NULL and *known false: no such domain here; NULL and *known true: no such operator in that version. */
const struct ifm_onnx_op *ifm_onnx_op_find(struct ifm_onnx_bytes domain, struct ifm_onnx_bytes op,
                                           int64_t version, bool *known);

bool ifm_onnx_is(struct ifm_onnx_bytes a, const char *word);
bool ifm_onnx_same(struct ifm_onnx_bytes a, struct ifm_onnx_bytes b);
const char *ifm_onnx_text(struct ifm_onnx *onnx, struct ifm_onnx_bytes bytes); /* NULL on error */
/* Printing: PRINT("%.*s", ARG(x)), at most 80 bytes. */
#define IFM_ONNX_ARG(x) ((x).len > 80 ? 80 : (int)(x).len), (const char *)((x).bytes ? (x).bytes : (const unsigned char *)"")
#define IFM_ONNX_PROBLEM(onnx, code, ...) ifm_graph_add_problem((onnx)->graph, code, (onnx)->err, __VA_ARGS__)
int ifm_onnx_failed(const struct ifm_onnx *onnx); /* the code in err */
int ifm_onnx_cut(struct ifm_onnx *onnx, const char *where); /* "… is no whole ONNX file" */

/* Names: in this scope alone, or in it and those around it; NULL: not there. */
struct ifm_onnx_name *ifm_onnx_name_here(struct ifm_onnx *onnx, uint32_t scope, struct ifm_onnx_bytes key);
struct ifm_onnx_name *ifm_onnx_name_visible(struct ifm_onnx *onnx, uint32_t scope, struct ifm_onnx_bytes key);
/* The name in this scope, made with a new tensor where it is not there; NULL on error. Good until the next call. */
struct ifm_onnx_name *ifm_onnx_name_make(struct ifm_onnx *onnx, uint32_t scope, struct ifm_onnx_bytes key);
int ifm_onnx_scope(struct ifm_onnx *onnx, uint32_t parent, uint32_t *scope);

/* Tensors: parse, check by the format's rules, fill a tensor of the graph. */
int ifm_onnx_tensor_read(struct ifm_onnx *onnx, struct ifm_pb pb, struct ifm_onnx_tensor *out);
int ifm_onnx_tensor_check(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor);
int ifm_onnx_tensor_fill(struct ifm_onnx *onnx, const struct ifm_onnx_tensor *tensor, uint32_t index);
int ifm_onnx_sparse(struct ifm_onnx *onnx, uint32_t scope, struct ifm_pb pb, bool initializer);
const char *ifm_onnx_type_name(int64_t type);
enum ifm_dtype ifm_onnx_dtype(int64_t type);
int ifm_onnx_values_set(struct ifm_onnx *onnx, uint32_t tensor, const int64_t *items, size_t count);
const struct ifm_onnx_values *ifm_onnx_values_of(const struct ifm_onnx *onnx, uint32_t tensor);

/* Graphs and nodes. */
int ifm_onnx_graph(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope);
int ifm_onnx_node(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope);
int ifm_onnx_node_check(struct ifm_onnx *onnx, const struct ifm_onnx_node *node);
int ifm_onnx_attribute_check(struct ifm_onnx *onnx, const struct ifm_onnx_attribute *attribute);
int ifm_onnx_value_info(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t scope, bool strict, struct ifm_onnx_name **out);
int ifm_onnx_functions(struct ifm_onnx *onnx, struct ifm_pb model);
int ifm_onnx_opsets(struct ifm_onnx *onnx, struct ifm_pb pb, uint32_t number, size_t count, struct ifm_graph_opset **out);

void ifm_onnx_quant(struct ifm_onnx *onnx); /* which tensors are quantized, after all nodes */
int ifm_onnx_infer(struct ifm_onnx *onnx);  /* graph->shapes, as far as file order lets them be inferred */



#endif
