/* What litert_abi.h declares of symbols in the vendor's public header has the vendor's types; element types,
 * statuses and operator numbers are the vendor's. The vendor's own types stand in place of ours, so that a
 * declaration that differs does not compile, or is told. */
#include "tests/lib/testlib.h"
#include <stdio.h>

#ifdef LITERT_HEADERS
#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/core/c/c_api.h"
#include "tensorflow/lite/core/c/c_api_experimental.h"
#include "tensorflow/lite/core/c/common.h"

#define LITERT_VENDOR_TYPES
typedef TfLiteModel tfl_model;
typedef TfLiteInterpreterOptions tfl_options;
typedef TfLiteInterpreter tfl_interpreter;
typedef TfLiteTensor tfl_tensor;
typedef TfLiteDelegate tfl_delegate;
typedef TfLiteOpaqueContext tfl_context;
typedef struct TfLiteTelemetryProfilerStruct tfl_telemetry;
typedef TfLiteStatus tfl_status;
typedef TfLiteType tfl_type;
typedef TfLiteQuantizationParams tfl_scale;
typedef TfLiteOpaqueDelegateBuilder tfl_builder;
#include "agents/runtimes/litert_abi.h"

struct ours { /* struct tfl_builder as litert_abi.h declares it where the vendor's is not at hand */
    void *data;
    tfl_status (*prepare)(tfl_context *, tfl_delegate *, void *data);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
};

static void every_function_has_the_vendors_type(void **state)
{
    (void)state;
#define X(result, name, parameters)                                                          \
    if (!__builtin_types_compatible_p(__typeof__(&TfLite##name), __typeof__(result(*) parameters))) { \
        fail_msg("TfLite%s is declared in another way by the vendor", #name);                 \
    }
    LITERT_REQUIRED(X)
    LITERT_OPTIONAL(X)
#undef X
}

static void constants_are_the_vendors(void **state)
{
    const int types[][2] = { { TFL_F32, kTfLiteFloat32 }, { TFL_I32, kTfLiteInt32 }, { TFL_U8, kTfLiteUInt8 },
                             { TFL_I64, kTfLiteInt64 }, { TFL_STRING, kTfLiteString }, { TFL_BOOL, kTfLiteBool },
                             { TFL_I16, kTfLiteInt16 }, { TFL_COMPLEX64, kTfLiteComplex64 }, { TFL_I8, kTfLiteInt8 },
                             { TFL_F16, kTfLiteFloat16 }, { TFL_F64, kTfLiteFloat64 },
                             { TFL_COMPLEX128, kTfLiteComplex128 }, { TFL_U64, kTfLiteUInt64 },
                             { TFL_RESOURCE, kTfLiteResource }, { TFL_VARIANT, kTfLiteVariant },
                             { TFL_U32, kTfLiteUInt32 }, { TFL_U16, kTfLiteUInt16 }, { TFL_I4, kTfLiteInt4 } };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(types[i][0], types[i][1]);
    }
    assert_int_equal(TFL_OK, kTfLiteOk);
    assert_int_equal(TFL_ERROR, kTfLiteError);
    assert_int_equal(TFL_DELEGATE_ERROR, kTfLiteDelegateError);
    assert_int_equal(TFL_APPLICATION_ERROR, kTfLiteApplicationError);
    assert_int_equal(TFL_ALLOCATED_DYNAMIC, kTfLiteDynamic);
    assert_int_equal(TFL_ALLOW_DYNAMIC, kTfLiteDelegateFlagsAllowDynamicTensors);
    assert_int_equal(TFL_OP_DELEGATE, kTfLiteBuiltinDelegate);
    assert_int_equal(TFL_OP_QUANTIZE, kTfLiteBuiltinQuantize);
    assert_int_equal(TFL_OP_DEQUANTIZE, kTfLiteBuiltinDequantize);
    assert_int_equal(TFL_OP_DENSIFY, kTfLiteBuiltinDensify);
}

static void a_delegate_is_built_of_the_same_fields(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct ours), sizeof(TfLiteOpaqueDelegateBuilder));
    assert_int_equal(offsetof(struct ours, prepare), offsetof(TfLiteOpaqueDelegateBuilder, Prepare));
    assert_int_equal(offsetof(struct ours, free_handle), offsetof(TfLiteOpaqueDelegateBuilder, FreeBufferHandle));
    assert_int_equal(offsetof(struct ours, flags), offsetof(TfLiteOpaqueDelegateBuilder, flags));
    assert_int_equal(sizeof(tfl_scale), 8);
    assert_int_equal(offsetof(struct tfl_ints, items), offsetof(TfLiteIntArray, data));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_function_has_the_vendors_type),
                                        cmocka_unit_test(constants_are_the_vendors),
                                        cmocka_unit_test(a_delegate_is_built_of_the_same_fields) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    printf("SKIP: TensorFlow Lite's C headers are not on this machine; get them with deploy/fetch test, or configure "
           "with -DIFM_LITERT_HEADERS=FOLDER\n");
    return 77;
}
#endif
