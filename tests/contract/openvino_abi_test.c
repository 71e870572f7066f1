/* What openvino_abi.h declares is what the vendor's headers declare: types, struct layouts, functions. */
#include "tests/lib/testlib.h"
#include <stdio.h>

#ifdef OV_HEADERS
#include <openvino/c/openvino.h>

/* The same tags stand in both: ours get names of their own here. */
#define ov_core               own_core
#define ov_model              own_model
#define ov_compiled_model     own_compiled_model
#define ov_infer_request      own_infer_request
#define ov_tensor             own_tensor
#define ov_output_const_port  own_port_struct
#define ov_port               own_port
#define ov_request            own_request
#define ov_compiled           own_compiled
#define ov_shape              own_shape
#define ov_dimension          own_dimension
#define ov_partial_shape      own_partial_shape
#define ov_version            own_version
#define ov_profiled           own_profiled
#define ov_profile            own_profile
#define ov_callback           own_callback
#include "agents/runtimes/openvino_abi.h"

static void element_types_are_the_vendors(void **state)
{
    (void)state;
    assert_int_equal(OV_TYPE_DYNAMIC, DYNAMIC);
    assert_int_equal(OV_TYPE_BOOLEAN, BOOLEAN);
    assert_int_equal(OV_TYPE_BF16, BF16);
    assert_int_equal(OV_TYPE_F16, F16);
    assert_int_equal(OV_TYPE_F32, F32);
    assert_int_equal(OV_TYPE_F64, F64);
    assert_int_equal(OV_TYPE_I8, I8);
    assert_int_equal(OV_TYPE_I16, I16);
    assert_int_equal(OV_TYPE_I32, I32);
    assert_int_equal(OV_TYPE_I64, I64);
    assert_int_equal(OV_TYPE_U8, U8);
    assert_int_equal(OV_TYPE_U16, U16);
    assert_int_equal(OV_TYPE_U32, U32);
    assert_int_equal(OV_TYPE_U64, U64);
    assert_int_equal(OV_NODE_OPTIMIZED_OUT, OPTIMIZED_OUT);
    assert_int_equal(OV_NODE_EXECUTED, EXECUTED);
}

#define SAME(ours, field, theirs, their_field)                                                     \
    assert_int_equal(offsetof(struct ours, field), offsetof(theirs, their_field))
static void structs_are_laid_out_alike(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct own_shape), sizeof(ov_shape_t));
    SAME(own_shape, dims, ov_shape_t, dims);
    assert_int_equal(sizeof(struct own_dimension), sizeof(ov_dimension_t));
    SAME(own_dimension, max, ov_dimension_t, max);
    assert_int_equal(sizeof(struct own_partial_shape), sizeof(ov_partial_shape_t));
    SAME(own_partial_shape, dims, ov_partial_shape_t, dims);
    assert_int_equal(sizeof(struct own_version), sizeof(ov_version_t));
    SAME(own_version, build, ov_version_t, buildNumber);
    assert_int_equal(sizeof(struct own_profiled), sizeof(ov_profiling_info_t));
    SAME(own_profiled, real_us, ov_profiling_info_t, real_time);
    SAME(own_profiled, name, ov_profiling_info_t, node_name);
    SAME(own_profiled, exec_type, ov_profiling_info_t, exec_type);
    SAME(own_profiled, type, ov_profiling_info_t, node_type);
    assert_int_equal(sizeof(struct own_profile), sizeof(ov_profiling_info_list_t));
    SAME(own_profile, count, ov_profiling_info_list_t, size);
    assert_int_equal(sizeof(struct own_callback), sizeof(ov_callback_t));
    SAME(own_callback, argument, ov_callback_t, args);
}

/* Compiles only where the headers declare each function; the table that is filled from them need not be
 * called, the contract suite does that with the real library. */
static void every_function_is_declared_by_the_vendor(void **state)
{
    size_t count = 0;
    (void)state;
#define X(result, name, parameters) count += sizeof(&(name)) == sizeof(void (*)(void));
    OV_FUNCTIONS(X)
#undef X
    assert_int_equal(count, sizeof(struct ov_api) / sizeof(void (*)(void)));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(element_types_are_the_vendors),
                                        cmocka_unit_test(structs_are_laid_out_alike),
                                        cmocka_unit_test(every_function_is_declared_by_the_vendor) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    printf("SKIP: OpenVINO's C headers are not on this machine; configure with -DIFM_OPENVINO_HEADER=FILE\n");
    return 77;
}
#endif
