/* Every slot that onnxruntime_abi.h declares has the index that the vendor's header gives it. */
#include "tests/lib/testlib.h"
#include <stdio.h>
#include "agents/runtimes/onnxruntime_abi.h"
#include "tests/contract/custom_op.h"

#ifdef ORT_HEADER
#include ORT_HEADER

static void every_slot_has_the_vendors_index(void **state)
{
    (void)state;
#define X(index, result, name, parameters)                                                         \
    assert_int_equal(offsetof(OrtApi, name) / sizeof(void *), index);
    ORT_SLOTS(X)
    ORT_LATE_SLOTS(X)
    ORT_SLOTS_14(X)
    ORT_SLOTS_22(X)
    ORT_SLOTS_24(X)
#undef X
}

static void constants_are_the_vendors(void **state)
{
    (void)state;
    assert_true(ORT_VERSION_WANTED <= ORT_API_VERSION);
    assert_int_equal(ORT_F32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
    assert_int_equal(ORT_U8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
    assert_int_equal(ORT_I8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8);
    assert_int_equal(ORT_U16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16);
    assert_int_equal(ORT_I16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16);
    assert_int_equal(ORT_I32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
    assert_int_equal(ORT_I64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
    assert_int_equal(ORT_STRING, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
    assert_int_equal(ORT_BOOL, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL);
    assert_int_equal(ORT_F16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16);
    assert_int_equal(ORT_F64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE);
    assert_int_equal(ORT_U32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32);
    assert_int_equal(ORT_U64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64);
    assert_int_equal(ORT_BF16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16);
    assert_int_equal(ORT_GRAPH_ALL, ORT_ENABLE_ALL);
    assert_int_equal(ORT_GRAPH_EXTENDED, ORT_ENABLE_EXTENDED);
    assert_int_equal(ORT_DEVICE_ALLOCATOR, OrtDeviceAllocator);
    assert_int_equal(ORT_ARENA_ALLOCATOR, OrtArenaAllocator);
    assert_int_equal(ORT_MEMORY_DEFAULT, OrtMemTypeDefault);
    assert_int_equal(ORT_LOG_FATAL, ORT_LOGGING_LEVEL_FATAL);
}

/* Of the library that tests of --custom-ops load. */
static void the_test_operator_fits_the_vendors_interface(void **state)
{
    (void)state;
#define SLOT(number, name) assert_int_equal(offsetof(OrtApi, name) / sizeof(void *), number)
    SLOT(CUSTOM_CREATE_DOMAIN, CreateCustomOpDomain);
    SLOT(CUSTOM_DOMAIN_ADD, CustomOpDomain_Add);
    SLOT(CUSTOM_ADD_DOMAIN, AddCustomOpDomain);
    SLOT(CUSTOM_DATA, GetTensorMutableData);
    SLOT(CUSTOM_DIMENSION_COUNT, GetDimensionsCount);
    SLOT(CUSTOM_DIMENSIONS, GetDimensions);
    SLOT(CUSTOM_ELEMENT_COUNT, GetTensorShapeElementCount);
    SLOT(CUSTOM_TYPE_AND_SHAPE, GetTensorTypeAndShape);
    SLOT(CUSTOM_GET_INPUT, KernelContext_GetInput);
    SLOT(CUSTOM_GET_OUTPUT, KernelContext_GetOutput);
    SLOT(CUSTOM_RELEASE_SHAPE, ReleaseTensorTypeAndShapeInfo);
#undef SLOT
    assert_int_equal(offsetof(struct custom_op, compute), offsetof(OrtCustomOp, KernelCompute));
    assert_int_equal(offsetof(struct custom_op, output_count), offsetof(OrtCustomOp, GetOutputTypeCount));
    assert_int_equal(offsetof(struct custom_op, end_version), offsetof(OrtCustomOp, GetEndVersion));
    assert_int_equal(sizeof(struct custom_op), sizeof(OrtCustomOp));
    assert_int_equal(offsetof(struct custom_op, destroy), offsetof(OrtCustomOp, KernelDestroy));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_slot_has_the_vendors_index),
                                        cmocka_unit_test(the_test_operator_fits_the_vendors_interface),
                                        cmocka_unit_test(constants_are_the_vendors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    printf(
        "SKIP: onnxruntime_c_api.h is not on this machine; configure with -DIFM_ORT_HEADER=FILE\n");
    return 77;
}
#endif
