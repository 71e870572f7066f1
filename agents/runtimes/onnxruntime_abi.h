/* Own declarations of the part of ONNX Runtime's C API that onnxruntime.c calls, so that building
 * needs no vendor header. OrtApi is an append-only table of function pointers: a slot keeps its
 * index for ever, and a library hands out the table of any version up to its own. tests/contract
 * compares the indices below with the vendor's header where that is at hand.
 *
 * Threading, ownership: as ONNX Runtime documents; each status that is not NULL must be released.
 */
#ifndef IFM_ONNXRUNTIME_ABI_H
#define IFM_ONNXRUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#define ORT_VERSION_WANTED 24 /* ONNX Runtime 1.24 and later */
#define ORT_VERSION_LEAST                                                                          \
    12 /* 1.12: the newest slot used here is SessionOptionsAppendExecutionProvider */

/* Opaque types; one name for each keeps the compiler's checks. */
typedef struct ort_env ort_env;
typedef struct ort_status ort_status;
typedef struct ort_session ort_session;
typedef struct ort_options ort_options;
typedef struct ort_memory ort_memory;
typedef struct ort_value ort_value;
typedef struct ort_type ort_type;
typedef struct ort_shape ort_shape;
typedef struct ort_allocator ort_allocator;
typedef struct ort_binding ort_binding;
typedef struct ort_pairs ort_pairs; /* OrtKeyValuePairs */
typedef struct ort_cuda ort_cuda;   /* OrtCUDAProviderOptionsV2 */
typedef struct ort_tensorrt ort_tensorrt;
typedef struct ort_ep_device ort_ep_device;
typedef struct ort_assigned ort_assigned; /* OrtEpAssignedSubgraph */
typedef struct ort_assigned_node ort_assigned_node;

enum { ORT_LOG_FATAL = 4 };
enum { ORT_GRAPH_DISABLE = 0, ORT_GRAPH_BASIC = 1, ORT_GRAPH_EXTENDED = 2, ORT_GRAPH_ALL = 99 };
enum { ORT_DEVICE_ALLOCATOR = 0, ORT_ARENA_ALLOCATOR = 1, ORT_MEMORY_DEFAULT = 0 };
enum { /* ONNXTensorElementDataType */
       ORT_F32 = 1,
       ORT_U8,
       ORT_I8,
       ORT_U16,
       ORT_I16,
       ORT_I32,
       ORT_I64,
       ORT_STRING,
       ORT_BOOL,
       ORT_F16,
       ORT_F64,
       ORT_U32,
       ORT_U64,
       ORT_COMPLEX64,
       ORT_COMPLEX128,
       ORT_BF16,
       ORT_TYPE_COUNT
};

/* X(index, result, name, parameters) */
#define ORT_SLOTS(X)                                                                               \
    X(2, const char *, GetErrorMessage, (const ort_status *))                                      \
    X(3, ort_status *, CreateEnv, (int level, const char *log_id, ort_env **))                     \
    X(6, ort_status *, DisableTelemetryEvents, (const ort_env *))                                  \
    X(7, ort_status *, CreateSession,                                                              \
      (const ort_env *, const char *path, const ort_options *, ort_session **))                    \
    X(10, ort_status *, CreateSessionOptions, (ort_options **))                                    \
    X(11, ort_status *, SetOptimizedModelFilePath, (ort_options *, const char *))                  \
    X(13, ort_status *, SetSessionExecutionMode, (ort_options *, int))                             \
    X(14, ort_status *, EnableProfiling, (ort_options *, const char *prefix))                      \
    X(23, ort_status *, SetSessionGraphOptimizationLevel, (ort_options *, int))                    \
    X(24, ort_status *, SetIntraOpNumThreads, (ort_options *, int))                                \
    X(25, ort_status *, SetInterOpNumThreads, (ort_options *, int))                                \
    X(30, ort_status *, SessionGetInputCount, (const ort_session *, size_t *))                     \
    X(31, ort_status *, SessionGetOutputCount, (const ort_session *, size_t *))                    \
    X(33, ort_status *, SessionGetInputTypeInfo, (const ort_session *, size_t, ort_type **))       \
    X(34, ort_status *, SessionGetOutputTypeInfo, (const ort_session *, size_t, ort_type **))      \
    X(36, ort_status *, SessionGetInputName,                                                       \
      (const ort_session *, size_t, ort_allocator *, char **))                                     \
    X(37, ort_status *, SessionGetOutputName,                                                      \
      (const ort_session *, size_t, ort_allocator *, char **))                                     \
    X(49, ort_status *, CreateTensorWithDataAsOrtValue,                                            \
      (const ort_memory *, void *, size_t, const int64_t *, size_t, int, ort_value **))            \
    X(51, ort_status *, GetTensorMutableData, (ort_value *, void **))                              \
    X(55, ort_status *, CastTypeInfoToTensorInfo, (const ort_type *, const ort_shape **))          \
    X(60, ort_status *, GetTensorElementType, (const ort_shape *, int *))                          \
    X(61, ort_status *, GetDimensionsCount, (const ort_shape *, size_t *))                         \
    X(62, ort_status *, GetDimensions, (const ort_shape *, int64_t *, size_t))                     \
    X(63, ort_status *, GetSymbolicDimensions, (const ort_shape *, const char **, size_t))         \
    X(64, ort_status *, GetTensorShapeElementCount, (const ort_shape *, size_t *))                 \
    X(65, ort_status *, GetTensorTypeAndShape, (const ort_value *, ort_shape **))                  \
    X(69, ort_status *, CreateCpuMemoryInfo, (int allocator_type, int memory_type, ort_memory **)) \
    X(76, ort_status *, AllocatorFree, (ort_allocator *, void *))                                  \
    X(78, ort_status *, GetAllocatorWithDefaultOptions, (ort_allocator **))                        \
    X(92, void, ReleaseEnv, (ort_env *))                                                           \
    X(93, void, ReleaseStatus, (ort_status *))                                                     \
    X(94, void, ReleaseMemoryInfo, (ort_memory *))                                                 \
    X(95, void, ReleaseSession, (ort_session *))                                                   \
    X(96, void, ReleaseValue, (ort_value *))                                                       \
    X(98, void, ReleaseTypeInfo, (ort_type *))                                                     \
    X(99, void, ReleaseTensorTypeAndShapeInfo, (ort_shape *))                                      \
    X(100, void, ReleaseSessionOptions, (ort_options *))                                           \
    X(110, ort_status *, SessionEndProfiling, (ort_session *, ort_allocator *, char **))           \
    X(124, ort_status *, AddFreeDimensionOverrideByName, (ort_options *, const char *, int64_t))   \
    X(125, ort_status *, GetAvailableProviders, (char ***, int *))                                 \
    X(126, ort_status *, ReleaseAvailableProviders, (char **, int))                                \
    X(130, ort_status *, AddSessionConfigEntry,                                                    \
      (ort_options *, const char *key, const char *value))                                         \
    X(131, ort_status *, CreateAllocator,                                                          \
      (const ort_session *, const ort_memory *, ort_allocator **))                                 \
    X(132, void, ReleaseAllocator, (ort_allocator *))                                              \
    X(133, ort_status *, RunWithBinding,                                                           \
      (ort_session *, const void *run_options, const ort_binding *))                               \
    X(134, ort_status *, CreateIoBinding, (ort_session *, ort_binding **))                         \
    X(135, void, ReleaseIoBinding, (ort_binding *))                                                \
    X(136, ort_status *, BindInput, (ort_binding *, const char *, const ort_value *))              \
    X(138, ort_status *, BindOutputToDevice, (ort_binding *, const char *, const ort_memory *))    \
    X(140, ort_status *, GetBoundOutputValues,                                                     \
      (const ort_binding *, ort_allocator *, ort_value ***, size_t *))                             \
    X(170, ort_status *, SessionOptionsAppendExecutionProvider_TensorRT_V2,                        \
      (ort_options *, const ort_tensorrt *))                                                       \
    X(171, ort_status *, CreateTensorRTProviderOptions, (ort_tensorrt **))                         \
    X(172, ort_status *, UpdateTensorRTProviderOptions,                                            \
      (ort_tensorrt *, const char *const *keys, const char *const *values, size_t))                \
    X(174, void, ReleaseTensorRTProviderOptions, (ort_tensorrt *))                                 \
    X(204, ort_status *, SessionOptionsAppendExecutionProvider_CUDA_V2,                            \
      (ort_options *, const ort_cuda *))                                                           \
    X(205, ort_status *, CreateCUDAProviderOptions, (ort_cuda **))                                 \
    X(206, ort_status *, UpdateCUDAProviderOptions,                                                \
      (ort_cuda *, const char *const *keys, const char *const *values, size_t))                    \
    X(208, void, ReleaseCUDAProviderOptions, (ort_cuda *))                                         \
    X(216, ort_status *, SessionOptionsAppendExecutionProvider,                                    \
      (ort_options *, const char *, const char *const *keys, const char *const *values, size_t))

/* Beyond the table of older libraries, each list from its version on: NULL there. */
#define ORT_SLOTS_14(X)                                                                            \
    X(228, ort_status *, RegisterCustomOpsLibrary_V2, (ort_options *, const char *path))
#define ORT_SLOTS_22(X)                                                                            \
    X(301, ort_status *, RegisterExecutionProviderLibrary,                                         \
      (ort_env *, const char *name, const char *path))                                             \
    X(303, ort_status *, GetEpDevices,                                                             \
      (const ort_env *, const ort_ep_device *const **, size_t *))                                  \
    X(304, ort_status *, SessionOptionsAppendExecutionProvider_V2,                                 \
      (ort_options *, ort_env *, const ort_ep_device *const *, size_t, const char *const *keys,    \
       const char *const *values, size_t))                                                         \
    X(312, const char *, EpDevice_EpName, (const ort_ep_device *))
#define ORT_SLOTS_24(X)                                                                            \
    X(407, ort_status *, Session_GetEpGraphAssignmentInfo,                                         \
      (const ort_session *, const ort_assigned *const **, size_t *))                               \
    X(408, ort_status *, EpAssignedSubgraph_GetEpName, (const ort_assigned *, const char **))      \
    X(409, ort_status *, EpAssignedSubgraph_GetNodes,                                              \
      (const ort_assigned *, const ort_assigned_node *const **, size_t *))
#define ORT_LATE_VERSION 23
#define ORT_LATE_SLOTS(X)                                                                          \
    X(297, const char *, GetKeyValue, (const ort_pairs *, const char *))                           \
    X(300, void, ReleaseKeyValuePairs, (ort_pairs *))                                              \
    X(319, ort_status *, AllocatorGetStats, (const ort_allocator *, ort_pairs **))

/* The functions of one library, copied out of its table by index. */
struct ort_api {
#define X(index, result, name, parameters) result(*name) parameters;
    ORT_SLOTS(X)
    ORT_LATE_SLOTS(X)
    ORT_SLOTS_14(X)
    ORT_SLOTS_22(X)
    ORT_SLOTS_24(X)
#undef X
};

struct ort_api_base { /* what OrtGetApiBase returns */
    const void *const *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
};

static inline void ort_api_fill(struct ort_api *api, const void *const *table, uint32_t version)
{
#define X(index, result, name, parameters)                                                         \
    api->name = (result(*) parameters)(uintptr_t)table[index];
    ORT_SLOTS(X)
    if (version >= ORT_LATE_VERSION) {
        ORT_LATE_SLOTS(X)
    }
    if (version >= 14) {
        ORT_SLOTS_14(X)
    }
    if (version >= 22) {
        ORT_SLOTS_22(X)
    }
    if (version >= 24) {
        ORT_SLOTS_24(X)
    }
#undef X
}

#endif
