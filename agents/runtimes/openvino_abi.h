/* Own declarations of the part of OpenVINO's C API that openvino*.c call, so that building needs no vendor
 * header. Functions are looked up by name in the loaded library. tests/contract compares what follows with the
 * vendor's headers where those are at hand.
 *
 * The numbers of the element types are not the same in all versions: those below are 2026's, older ones begin
 * one later. The loaded library is asked (openvino_setup.c). Threading, ownership: as
 * OpenVINO documents; everything that a call hands out has a free call of its own. */
#ifndef IFM_OPENVINO_ABI_H
#define IFM_OPENVINO_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OV_VERSION_LEAST 2024

/* Opaque types; one name for each keeps the compiler's checks. */
typedef struct ov_core ov_core;
typedef struct ov_model ov_model;
typedef struct ov_compiled_model ov_compiled;
typedef struct ov_infer_request ov_request;
typedef struct ov_tensor ov_tensor;
typedef struct ov_output_const_port ov_port;

enum { /* ov_element_type_e */
       OV_TYPE_DYNAMIC = 0,
       OV_TYPE_BOOLEAN,
       OV_TYPE_BF16,
       OV_TYPE_F16,
       OV_TYPE_F32,
       OV_TYPE_F64,
       OV_TYPE_I4,
       OV_TYPE_I8,
       OV_TYPE_I16,
       OV_TYPE_I32,
       OV_TYPE_I64,
       OV_TYPE_U1,
       OV_TYPE_U2,
       OV_TYPE_U3,
       OV_TYPE_U4,
       OV_TYPE_U6,
       OV_TYPE_U8,
       OV_TYPE_U16,
       OV_TYPE_U32,
       OV_TYPE_U64,
       OV_TYPE_COUNT
};
enum { OV_NODE_NOT_RUN = 0, OV_NODE_OPTIMIZED_OUT, OV_NODE_EXECUTED }; /* of a profiled node */

struct ov_shape {
    int64_t rank, *dims;
};
struct ov_dimension {
    int64_t min, max; /* equal: static; -1 and -1: anything */
};
struct ov_partial_shape {
    struct ov_dimension rank, *dims;
};
struct ov_version {
    const char *build, *description;
};
struct ov_profiled { /* ov_profiling_info_t */
    int status;
    int64_t real_us, cpu_us; /* the CPU plugin: mean over all inferences of the compiled model */
    const char *name, *exec_type, *type;
};
struct ov_profile {
    struct ov_profiled *items;
    size_t count;
};
struct ov_callback {
    void (*function)(void *argument);
    void *argument;
};

/* X(result, name, parameters); a status is 0 or negative. */
#define OV_FUNCTIONS(X)                                                                            \
    X(char *, ov_get_last_err_msg, (void))                                                         \
    X(void, ov_free, (const char *))                                                               \
    X(int, ov_get_openvino_version, (struct ov_version *))                                         \
    X(void, ov_version_free, (struct ov_version *))                                                \
    X(int, ov_core_create, (ov_core **))                                                           \
    X(void, ov_core_free, (ov_core *))                                                             \
    X(int, ov_core_read_model,                                                                     \
      (const ov_core *, const char *path, const char *weights, ov_model **))                       \
    X(int, ov_core_compile_model,                                                                  \
      (const ov_core *, const ov_model *, const char *device, size_t texts, ov_compiled **, ...))  \
    X(void, ov_model_free, (ov_model *))                                                           \
    X(bool, ov_model_is_dynamic, (const ov_model *))                                               \
    X(int, ov_model_inputs_size, (const ov_model *, size_t *))                                     \
    X(int, ov_model_outputs_size, (const ov_model *, size_t *))                                    \
    X(int, ov_model_const_input_by_index, (const ov_model *, size_t, ov_port **))                  \
    X(int, ov_model_const_output_by_index, (const ov_model *, size_t, ov_port **))                 \
    X(int, ov_model_reshape_by_port_indexes,                                                       \
      (const ov_model *, const size_t *, const struct ov_partial_shape *, size_t))                 \
    X(int, ov_port_get_any_name, (const ov_port *, char **))                                       \
    X(int, ov_port_get_partial_shape, (const ov_port *, struct ov_partial_shape *))                \
    X(int, ov_port_get_element_type, (const ov_port *, int *))                                     \
    X(void, ov_output_const_port_free, (ov_port *))                                                \
    X(int, ov_partial_shape_create_static,                                                         \
      (int64_t rank, const int64_t *dims, struct ov_partial_shape *))                              \
    X(void, ov_partial_shape_free, (struct ov_partial_shape *))                                    \
    X(int, ov_shape_create, (int64_t rank, const int64_t *dims, struct ov_shape *))                \
    X(int, ov_shape_free, (struct ov_shape *))                                                     \
    X(int, ov_compiled_model_create_infer_request, (const ov_compiled *, ov_request **))           \
    X(int, ov_compiled_model_get_property, (const ov_compiled *, const char *, char **))           \
    X(void, ov_compiled_model_free, (ov_compiled *))                                               \
    X(int, ov_tensor_create, (int, struct ov_shape, ov_tensor **))                                 \
    X(int, ov_tensor_create_from_host_ptr, (int, struct ov_shape, void *, ov_tensor **))           \
    X(int, ov_tensor_get_shape, (const ov_tensor *, struct ov_shape *))                            \
    X(int, ov_tensor_get_element_type, (const ov_tensor *, int *))                                 \
    X(int, ov_tensor_get_byte_size, (const ov_tensor *, size_t *))                                 \
    X(int, ov_tensor_data, (const ov_tensor *, void **))                                           \
    X(void, ov_tensor_free, (ov_tensor *))                                                         \
    X(int, ov_infer_request_set_input_tensor_by_index,                                             \
      (ov_request *, size_t, const ov_tensor *))                                                   \
    X(int, ov_infer_request_get_output_tensor_by_index, (const ov_request *, size_t, ov_tensor **)) \
    X(int, ov_infer_request_infer, (ov_request *))                                                 \
    X(int, ov_infer_request_start_async, (ov_request *))                                           \
    X(int, ov_infer_request_wait, (ov_request *))                                                  \
    X(int, ov_infer_request_set_callback, (ov_request *, const struct ov_callback *))              \
    X(int, ov_infer_request_get_profiling_info, (const ov_request *, struct ov_profile *))         \
    X(void, ov_profiling_info_list_free, (struct ov_profile *))                                    \
    X(void, ov_infer_request_free, (ov_request *))

struct ov_api { /* the functions of one library; all of them, or none */
#define X(result, name, parameters) result(*name) parameters;
    OV_FUNCTIONS(X)
#undef X
};

#endif
