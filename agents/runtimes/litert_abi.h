/* Own declarations of the part of TensorFlow Lite's C API that the litert module calls, so that building
 * needs no vendor header. Each symbol is looked up by name in the library that was loaded: REQUIRED ones are
 * in every library of this kind, OPTIONAL ones may be missing, which takes away what they are for and
 * nothing else. LATER ones stand in no public header at all. tests/contract compares what the vendor's
 * header has with these declarations where that header is at hand.
 *
 * Threading, ownership: as TensorFlow Lite documents: an interpreter is deleted before its delegates, its
 * options and its model. */
#ifndef IFM_LITERT_ABI_H
#define IFM_LITERT_ABI_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LITERT_VENDOR_TYPES /* a test puts the vendor's own types in their place */
typedef struct tfl_model tfl_model;
typedef struct tfl_options tfl_options;
typedef struct tfl_interpreter tfl_interpreter;
typedef struct tfl_tensor tfl_tensor;
typedef struct tfl_delegate tfl_delegate;
typedef struct tfl_context tfl_context;   /* of a subgraph, while a delegate looks at it */
typedef struct tfl_telemetry tfl_telemetry;
typedef int tfl_status;
typedef int tfl_type;
typedef struct { float scale; int32_t zero_point; } tfl_scale;
struct tfl_builder { /* of a delegate */
    void *data;
    tfl_status (*prepare)(tfl_context *, tfl_delegate *, void *data);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
};
typedef struct tfl_builder tfl_builder;
#endif
typedef struct tfl_node tfl_node;         /* an operator's place in its graph */
typedef struct tfl_operator tfl_operator; /* what it computes */

enum { TFL_OK = 0, TFL_ERROR = 1, TFL_DELEGATE_ERROR = 2, TFL_APPLICATION_ERROR = 3 };
enum { /* element types */
       TFL_F32 = 1, TFL_I32, TFL_U8, TFL_I64, TFL_STRING, TFL_BOOL, TFL_I16, TFL_COMPLEX64, TFL_I8, TFL_F16,
       TFL_F64, TFL_COMPLEX128, TFL_U64, TFL_RESOURCE, TFL_VARIANT, TFL_U32, TFL_U16, TFL_I4, TFL_BF16,
       TFL_TYPE_COUNT
};
enum { TFL_ALLOCATED_DYNAMIC = 4 };        /* known only after an inference */
enum { TFL_ALLOW_DYNAMIC = 1 };            /* flag of a delegate */
enum { TFL_OP_DEQUANTIZE = 6, TFL_OP_DELEGATE = 51, TFL_OP_QUANTIZE = 114, TFL_OP_DENSIFY = 124 };
enum { TFL_XNNPACK_FORCE_FP16 = 4 };       /* flag of XNNPACK's */

struct tfl_ints { int size; int items[]; };

/* Grew over the versions and is returned by value through memory: too large is safe. */
struct tfl_xnnpack_options { int32_t num_threads; char later[508]; };

/* What the library calls at each operator. Every function must be there. */
struct tfl_profiler {
    void *data;
    void (*event)(struct tfl_profiler *, const char *name, uint64_t status);
    void (*op_event)(struct tfl_profiler *, const char *name, int64_t op, int64_t subgraph, uint64_t status);
    void (*settings)(struct tfl_profiler *, const char *name, const void *settings);
    uint32_t (*op_begin)(struct tfl_profiler *, const char *name, int64_t op, int64_t subgraph);
    void (*op_end)(struct tfl_profiler *, uint32_t handle);
    void (*op_took)(struct tfl_profiler *, const char *name, uint64_t us, int64_t op, int64_t subgraph);
};

/* Entry points of a delegate's own library. */
typedef tfl_delegate *tfl_plugin_create(const char *const *keys, const char *const *values, size_t count,
                                        void (*report)(const char *));
typedef void tfl_plugin_destroy(tfl_delegate *);

/* X(result, name, parameters); a symbol's name begins with TfLite. */
#define LITERT_REQUIRED(X)                                                                                  \
    X(const char *, Version, (void))                                                                        \
    X(tfl_model *, ModelCreateFromFileWithErrorReporter,                                                    \
      (const char *, void (*)(void *, const char *, va_list), void *))                                      \
    X(void, ModelDelete, (tfl_model *))                                                                     \
    X(tfl_options *, InterpreterOptionsCreate, (void))                                                      \
    X(void, InterpreterOptionsDelete, (tfl_options *))                                                      \
    X(void, InterpreterOptionsSetNumThreads, (tfl_options *, int32_t))                                      \
    X(void, InterpreterOptionsSetErrorReporter,                                                             \
      (tfl_options *, void (*)(void *, const char *, va_list), void *))                                     \
    X(tfl_interpreter *, InterpreterCreate, (const tfl_model *, const tfl_options *))                       \
    X(void, InterpreterDelete, (tfl_interpreter *))                                                         \
    X(int32_t, InterpreterGetInputTensorCount, (const tfl_interpreter *))                                   \
    X(tfl_tensor *, InterpreterGetInputTensor, (const tfl_interpreter *, int32_t))                          \
    X(int32_t, InterpreterGetOutputTensorCount, (const tfl_interpreter *))                                  \
    X(const tfl_tensor *, InterpreterGetOutputTensor, (const tfl_interpreter *, int32_t))                   \
    X(tfl_status, InterpreterResizeInputTensor, (tfl_interpreter *, int32_t, const int *, int32_t))         \
    X(tfl_status, InterpreterAllocateTensors, (tfl_interpreter *))                                          \
    X(tfl_status, InterpreterInvoke, (tfl_interpreter *))                                                   \
    X(tfl_type, TensorType, (const tfl_tensor *))                                                           \
    X(int32_t, TensorNumDims, (const tfl_tensor *))                                                         \
    X(int32_t, TensorDim, (const tfl_tensor *, int32_t))                                                    \
    X(size_t, TensorByteSize, (const tfl_tensor *))                                                         \
    X(void *, TensorData, (const tfl_tensor *))                                                             \
    X(const char *, TensorName, (const tfl_tensor *))                                                       \
    X(tfl_scale, TensorQuantizationParams, (const tfl_tensor *))

#define LITERT_OPTIONAL(X)                                                                                  \
    X(tfl_status, InterpreterModifyGraphWithDelegate, (const tfl_interpreter *, tfl_delegate *))            \
    X(void, InterpreterOptionsSetTelemetryProfiler, (tfl_options *, tfl_telemetry *))                       \
    X(tfl_tensor *, InterpreterGetTensor, (const tfl_interpreter *, int))                                   \
    X(tfl_delegate *, OpaqueDelegateCreate, (const tfl_builder *))                                          \
    X(void, OpaqueDelegateDelete, (tfl_delegate *))

#define LITERT_LATER(X)                                                                                     \
    X(struct tfl_xnnpack_options, XNNPackDelegateOptionsDefault, (void))                                    \
    X(tfl_delegate *, XNNPackDelegateCreate, (const struct tfl_xnnpack_options *))                          \
    X(void, XNNPackDelegateDelete, (tfl_delegate *))                                                        \
    X(int, XNNPackDelegateGetFlags, (tfl_delegate *))                                                       \
    X(int32_t, OpaqueTensorGetNumDimsSignature, (const tfl_tensor *, int32_t *))                            \
    X(tfl_status, OpaqueTensorGetDimSignature, (const tfl_tensor *, int32_t, int32_t *))                    \
    X(int, OpaqueTensorGetAllocationType, (const tfl_tensor *))                                             \
    X(tfl_status, OpaqueContextGetExecutionPlan, (tfl_context *, struct tfl_ints **))                       \
    X(tfl_status, OpaqueContextGetNodeAndRegistration,                                                      \
      (tfl_context *, int, tfl_node **, tfl_operator **))                                                   \
    X(tfl_tensor *, OpaqueContextGetOpaqueTensor, (const tfl_context *, int))                               \
    X(tfl_status, OpaqueNodeInputs, (const tfl_node *, const int **, int *))                                \
    X(tfl_status, OpaqueNodeOutputs, (const tfl_node *, const int **, int *))                               \
    X(int, OperatorGetBuiltInCode, (const tfl_operator *))                                                  \
    X(const char *, OperatorGetCustomName, (const tfl_operator *))

/* The functions of one library; NULL where it has not got an optional one. */
struct tfl_api {
#define X(result, name, parameters) result(*name) parameters;
    LITERT_REQUIRED(X)
    LITERT_OPTIONAL(X)
    LITERT_LATER(X)
#undef X
};

#endif
