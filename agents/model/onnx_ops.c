/* Which operators the standard has, from which opset version on, with how many operands and which attributes: facts of
 * the published operator sets up to opset 28, one row for every change. Sorted by name, then version. The test of
 * verdicts (tests/integration/model_onnx_test.py) holds what follows from it against the onnx package. */
#include <string.h>

#include "agents/model/onnx.h"

static const struct ifm_onnx_op main_ops[] = {
    { "Abs", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Abs", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Acos", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Acosh", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Add", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i consumed_inputs:I" },
    { "Add", 6, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Add", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "AffineGrid", 20, 2, 2, 1, 1, false, "s", "s", "align_corners:i" },
    { "And", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "And", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "ArgMax", 1, 1, 1, 1, 1, false, "s", "s", "axis:i keepdims:i" },
    { "ArgMax", 12, 1, 1, 1, 1, false, "s", "s", "axis:i keepdims:i select_last_index:i" },
    { "ArgMin", 1, 1, 1, 1, 1, false, "s", "s", "axis:i keepdims:i" },
    { "ArgMin", 12, 1, 1, 1, 1, false, "s", "s", "axis:i keepdims:i select_last_index:i" },
    { "Asin", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Asinh", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Atan", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Atanh", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Attention", 23, 3, 6, 1, 4, false, "ssso", "so",
      "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
      "softmax_precision:i" },
    { "Attention", 24, 3, 7, 1, 4, false, "ssso", "so",
      "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
      "softmax_precision:i" },
    { "Attention", 25, 3, 7, 1, 4, false, "ssso", "so",
      "is_causal:i kv_num_heads:i left_window_size:i q_num_heads:i qk_matmul_output_mode:i "
      "right_window_size:i scale:f softcap:f softmax_precision:i" },
    { "AveragePool", 1, 1, 1, 1, 1, false, "s", "s", "auto_pad:s !kernel_shape:I pads:I strides:I" },
    { "AveragePool", 7, 1, 1, 1, 1, false, "s", "s",
      "auto_pad:s count_include_pad:i !kernel_shape:I pads:I strides:I" },
    { "AveragePool", 10, 1, 1, 1, 1, false, "s", "s",
      "auto_pad:s ceil_mode:i count_include_pad:i !kernel_shape:I pads:I strides:I" },
    { "AveragePool", 19, 1, 1, 1, 1, false, "s", "s",
      "auto_pad:s ceil_mode:i count_include_pad:i dilations:I !kernel_shape:I pads:I strides:I" },
    { "BatchNormalization", 1, 5, 5, 1, 5, false, "s", "so",
      "!consumed_inputs:I epsilon:f is_test:i momentum:f spatial:i" },
    { "BatchNormalization", 6, 5, 5, 1, 5, false, "s", "so", "epsilon:f is_test:i momentum:f spatial:i" },
    { "BatchNormalization", 7, 5, 5, 1, 5, false, "s", "so", "epsilon:f momentum:f spatial:i" },
    { "BatchNormalization", 9, 5, 5, 1, 5, false, "s", "so", "epsilon:f momentum:f" },
    { "BatchNormalization", 14, 5, 5, 1, 3, false, "s", "so", "epsilon:f momentum:f training_mode:i" },
    { "Bernoulli", 15, 1, 1, 1, 1, false, "s", "s", "dtype:i seed:f" },
    { "BitCast", 26, 1, 1, 1, 1, false, "s", "s", "!to:i" },
    { "BitShift", 11, 2, 2, 1, 1, false, "s", "s", "!direction:s" },
    { "BitwiseAnd", 18, 2, 2, 1, 1, false, "s", "s", "" },
    { "BitwiseNot", 18, 1, 1, 1, 1, false, "s", "s", "" },
    { "BitwiseOr", 18, 2, 2, 1, 1, false, "s", "s", "" },
    { "BitwiseXor", 18, 2, 2, 1, 1, false, "s", "s", "" },
    { "BlackmanWindow", 17, 1, 1, 1, 1, false, "s", "s", "output_datatype:i periodic:i" },
    { "Cast", 1, 1, 1, 1, 1, false, "s", "s", "!to:s" },
    { "Cast", 6, 1, 1, 1, 1, false, "s", "s", "!to:i" },
    { "Cast", 19, 1, 1, 1, 1, false, "s", "s", "saturate:i !to:i" },
    { "Cast", 24, 1, 1, 1, 1, false, "s", "s", "round_mode:s saturate:i !to:i" },
    { "CastLike", 15, 2, 2, 1, 1, false, "s", "s", "" },
    { "CastLike", 19, 2, 2, 1, 1, false, "s", "s", "saturate:i" },
    { "CastLike", 24, 2, 2, 1, 1, false, "s", "s", "round_mode:s saturate:i" },
    { "CausalConvWithState", 27, 2, 4, 2, 2, false, "sso", "s", "activation:s" },
    { "Ceil", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Ceil", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Celu", 12, 1, 1, 1, 1, false, "s", "s", "alpha:f" },
    { "CenterCropPad", 18, 2, 2, 1, 1, false, "s", "s", "axes:I" },
    { "Clip", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I max:f min:f" },
    { "Clip", 6, 1, 1, 1, 1, false, "s", "s", "max:f min:f" },
    { "Clip", 11, 1, 3, 1, 1, false, "so", "s", "" },
    { "Col2Im", 18, 3, 3, 1, 1, false, "s", "s", "dilations:I pads:I strides:I" },
    { "Compress", 9, 2, 2, 1, 1, false, "s", "s", "axis:i" },
    { "Concat", 1, 1, -1, 1, 1, false, "v", "s", "axis:i" },
    { "Concat", 4, 1, -1, 1, 1, false, "v", "s", "!axis:i" },
    { "ConcatFromSequence", 11, 1, 1, 1, 1, false, "s", "s", "!axis:i new_axis:i" },
    { "Constant", 1, 0, 0, 1, 1, false, "", "s", "!value:t" },
    { "Constant", 11, 0, 0, 1, 1, false, "", "s", "sparse_value:x value:t" },
    { "Constant", 12, 0, 0, 1, 1, false, "", "s",
      "sparse_value:x value:t value_float:f value_floats:F value_int:i value_ints:I value_string:s "
      "value_strings:S" },
    { "ConstantOfShape", 9, 1, 1, 1, 1, false, "s", "s", "value:t" },
    { "Conv", 1, 2, 3, 1, 1, false, "sso", "s", "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I" },
    { "ConvInteger", 10, 2, 4, 1, 1, false, "sso", "s",
      "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I" },
    { "ConvTranspose", 1, 2, 3, 1, 1, false, "sso", "s",
      "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I" },
    { "Cos", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Cosh", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "CumProd", 26, 2, 2, 1, 1, false, "s", "s", "exclusive:i reverse:i" },
    { "CumSum", 11, 2, 2, 1, 1, false, "s", "s", "exclusive:i reverse:i" },
    { "DFT", 17, 1, 2, 1, 1, false, "so", "s", "axis:i inverse:i onesided:i" },
    { "DFT", 20, 1, 3, 1, 1, false, "so", "s", "inverse:i onesided:i" },
    { "DeformConv", 19, 3, 5, 1, 1, false, "ssso", "s",
      "dilations:I group:i kernel_shape:I offset_group:i pads:I strides:I" },
    { "DepthToSpace", 1, 1, 1, 1, 1, false, "s", "s", "!blocksize:i" },
    { "DepthToSpace", 11, 1, 1, 1, 1, false, "s", "s", "!blocksize:i mode:s" },
    { "DequantizeLinear", 10, 2, 3, 1, 1, false, "sso", "s", "" },
    { "DequantizeLinear", 13, 2, 3, 1, 1, false, "sso", "s", "axis:i" },
    { "DequantizeLinear", 21, 2, 3, 1, 1, false, "sso", "s", "axis:i block_size:i" },
    { "DequantizeLinear", 23, 2, 3, 1, 1, false, "sso", "s", "axis:i block_size:i output_dtype:i" },
    { "Det", 11, 1, 1, 1, 1, false, "s", "s", "" },
    { "Div", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i consumed_inputs:I" },
    { "Div", 6, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Div", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "Dropout", 1, 1, 1, 1, 2, false, "s", "so", "consumed_inputs:I is_test:i ratio:f" },
    { "Dropout", 6, 1, 1, 1, 2, false, "s", "so", "is_test:i ratio:f" },
    { "Dropout", 7, 1, 1, 1, 2, false, "s", "so", "ratio:f" },
    { "Dropout", 12, 1, 3, 1, 2, false, "so", "so", "seed:i" },
    { "DynamicQuantizeLinear", 11, 1, 1, 3, 3, false, "s", "s", "" },
    { "Einsum", 12, 1, -1, 1, 1, false, "v", "s", "!equation:s" },
    { "Elu", 1, 1, 1, 1, 1, false, "s", "s", "alpha:f consumed_inputs:I" },
    { "Elu", 6, 1, 1, 1, 1, false, "s", "s", "alpha:f" },
    { "Equal", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Equal", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "Erf", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Exp", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Exp", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Expand", 8, 2, 2, 1, 1, false, "s", "s", "" },
    { "EyeLike", 9, 1, 1, 1, 1, false, "s", "s", "dtype:i k:i" },
    { "Flatten", 1, 1, 1, 1, 1, false, "s", "s", "axis:i" },
    { "Floor", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Floor", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "GRU", 1, 3, 6, 2, 2, false, "ssso", "os",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
      "output_sequence:i" },
    { "GRU", 3, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
      "linear_before_reset:i output_sequence:i" },
    { "GRU", 7, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
      "linear_before_reset:i" },
    { "GRU", 14, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i "
      "linear_before_reset:i" },
    { "Gather", 1, 2, 2, 1, 1, false, "s", "s", "axis:i" },
    { "GatherElements", 11, 2, 2, 1, 1, false, "s", "s", "axis:i" },
    { "GatherND", 11, 2, 2, 1, 1, false, "s", "s", "" },
    { "GatherND", 12, 2, 2, 1, 1, false, "s", "s", "batch_dims:i" },
    { "Gelu", 20, 1, 1, 1, 1, false, "s", "s", "approximate:s" },
    { "Gemm", 1, 3, 3, 1, 1, false, "s", "s", "alpha:f beta:f broadcast:i transA:i transB:i" },
    { "Gemm", 7, 3, 3, 1, 1, false, "s", "s", "alpha:f beta:f transA:i transB:i" },
    { "Gemm", 11, 2, 3, 1, 1, false, "sso", "s", "alpha:f beta:f transA:i transB:i" },
    { "GlobalAveragePool", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "GlobalLpPool", 1, 1, 1, 1, 1, false, "s", "s", "p:f" },
    { "GlobalLpPool", 2, 1, 1, 1, 1, false, "s", "s", "p:i" },
    { "GlobalMaxPool", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "Greater", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Greater", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "GreaterOrEqual", 12, 2, 2, 1, 1, false, "s", "s", "" },
    { "GridSample", 16, 2, 2, 1, 1, false, "s", "s", "align_corners:i mode:s padding_mode:s" },
    { "GroupNormalization", 18, 3, 3, 1, 1, true, "s", "s", "epsilon:f !num_groups:i" },
    { "GroupNormalization", 21, 3, 3, 1, 1, false, "s", "s", "epsilon:f !num_groups:i stash_type:i" },
    { "HammingWindow", 17, 1, 1, 1, 1, false, "s", "s", "output_datatype:i periodic:i" },
    { "HannWindow", 17, 1, 1, 1, 1, false, "s", "s", "output_datatype:i periodic:i" },
    { "HardSigmoid", 1, 1, 1, 1, 1, false, "s", "s", "alpha:f beta:f consumed_inputs:I" },
    { "HardSigmoid", 6, 1, 1, 1, 1, false, "s", "s", "alpha:f beta:f" },
    { "HardSwish", 14, 1, 1, 1, 1, false, "s", "s", "" },
    { "Hardmax", 1, 1, 1, 1, 1, false, "s", "s", "axis:i" },
    { "Identity", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "If", 1, 1, 1, 1, -1, false, "s", "v", "!else_branch:g !then_branch:g" },
    { "ImageDecoder", 20, 1, 1, 1, 1, false, "s", "s", "pixel_format:s" },
    { "InstanceNormalization", 1, 3, 3, 1, 1, false, "s", "s", "consumed_inputs:I epsilon:f" },
    { "InstanceNormalization", 6, 3, 3, 1, 1, false, "s", "s", "epsilon:f" },
    { "IsInf", 10, 1, 1, 1, 1, false, "s", "s", "detect_negative:i detect_positive:i" },
    { "IsNaN", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "LRN", 1, 1, 1, 1, 1, false, "s", "s", "alpha:f beta:f bias:f !size:i" },
    { "LSTM", 1, 3, 8, 0, 3, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i "
      "output_sequence:i" },
    { "LSTM", 7, 3, 8, 0, 3, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i" },
    { "LSTM", 14, 3, 8, 0, 3, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i "
      "layout:i" },
    { "LayerNormalization", 17, 2, 3, 1, 3, false, "sso", "so", "axis:i epsilon:f stash_type:i" },
    { "LeakyRelu", 1, 1, 1, 1, 1, false, "s", "s", "alpha:f consumed_inputs:I" },
    { "LeakyRelu", 6, 1, 1, 1, 1, false, "s", "s", "alpha:f" },
    { "Less", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Less", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "LessOrEqual", 12, 2, 2, 1, 1, false, "s", "s", "" },
    { "LinearAttention", 27, 3, 6, 2, 2, false, "ssso", "s",
      "chunk_size:i !kv_num_heads:i !q_num_heads:i scale:f update_rule:s" },
    { "Log", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Log", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "LogSoftmax", 1, 1, 1, 1, 1, false, "s", "s", "axis:i" },
    { "Loop", 1, 3, -1, 1, -1, false, "oov", "v", "!body:g" },
    { "Loop", 11, 2, -1, 1, -1, false, "oov", "v", "!body:g" },
    { "LpNormalization", 1, 1, 1, 1, 1, false, "s", "s", "axis:i p:i" },
    { "LpPool", 1, 1, 1, 1, 1, false, "s", "s", "auto_pad:s kernel_shape:I p:f pads:I strides:I" },
    { "LpPool", 2, 1, 1, 1, 1, false, "s", "s", "auto_pad:s !kernel_shape:I p:i pads:I strides:I" },
    { "LpPool", 18, 1, 1, 1, 1, false, "s", "s",
      "auto_pad:s ceil_mode:i dilations:I !kernel_shape:I p:i pads:I strides:I" },
    { "MatMul", 1, 2, 2, 1, 1, false, "s", "s", "" },
    { "MatMulInteger", 10, 2, 4, 1, 1, false, "sso", "s", "" },
    { "Max", 1, 1, -1, 1, 1, false, "v", "s", "consumed_inputs:I" },
    { "Max", 6, 1, -1, 1, 1, false, "v", "s", "" },
    { "MaxPool", 1, 1, 1, 1, 1, false, "s", "s", "auto_pad:s !kernel_shape:I pads:I strides:I" },
    { "MaxPool", 8, 1, 1, 1, 2, false, "s", "so", "auto_pad:s !kernel_shape:I pads:I storage_order:i strides:I" },
    { "MaxPool", 10, 1, 1, 1, 2, false, "s", "so",
      "auto_pad:s ceil_mode:i dilations:I !kernel_shape:I pads:I storage_order:i strides:I" },
    { "MaxRoiPool", 1, 2, 2, 1, 1, false, "s", "s", "!pooled_shape:I spatial_scale:f" },
    { "MaxUnpool", 9, 2, 3, 1, 1, false, "sso", "s", "!kernel_shape:I pads:I strides:I" },
    { "Mean", 1, 1, -1, 1, 1, false, "v", "s", "consumed_inputs:I" },
    { "Mean", 6, 1, -1, 1, 1, false, "v", "s", "" },
    { "MeanVarianceNormalization", 9, 1, 1, 1, 1, false, "s", "s", "axes:I" },
    { "MelWeightMatrix", 17, 5, 5, 1, 1, false, "s", "s", "output_datatype:i" },
    { "Min", 1, 1, -1, 1, 1, false, "v", "s", "consumed_inputs:I" },
    { "Min", 6, 1, -1, 1, 1, false, "v", "s", "" },
    { "Mish", 18, 1, 1, 1, 1, false, "s", "s", "" },
    { "Mod", 10, 2, 2, 1, 1, false, "s", "s", "fmod:i" },
    { "Mul", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i consumed_inputs:I" },
    { "Mul", 6, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Mul", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "Multinomial", 7, 1, 1, 1, 1, false, "s", "s", "dtype:i sample_size:i seed:f" },
    { "Neg", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Neg", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "NegativeLogLikelihoodLoss", 12, 2, 3, 1, 1, false, "sso", "s", "ignore_index:i reduction:s" },
    { "NonMaxSuppression", 10, 2, 5, 1, 1, false, "sso", "s", "center_point_box:i" },
    { "NonZero", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Not", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "OneHot", 9, 3, 3, 1, 1, false, "s", "s", "axis:i" },
    { "Optional", 15, 0, 1, 1, 1, false, "o", "s", "type:p" },
    { "OptionalGetElement", 15, 1, 1, 1, 1, false, "s", "s", "" },
    { "OptionalHasElement", 15, 1, 1, 1, 1, false, "s", "s", "" },
    { "OptionalHasElement", 18, 0, 1, 1, 1, false, "o", "s", "" },
    { "Or", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Or", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "PRelu", 1, 2, 2, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "PRelu", 6, 2, 2, 1, 1, false, "s", "s", "" },
    { "Pad", 1, 1, 1, 1, 1, false, "s", "s", "mode:s !paddings:I value:f" },
    { "Pad", 2, 1, 1, 1, 1, false, "s", "s", "mode:s !pads:I value:f" },
    { "Pad", 11, 2, 3, 1, 1, false, "sso", "s", "mode:s" },
    { "Pad", 18, 2, 4, 1, 1, false, "sso", "s", "mode:s" },
    { "Pow", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Pow", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "QLinearConv", 10, 8, 9, 1, 1, false, "sssssssso", "s",
      "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I" },
    { "QLinearMatMul", 10, 8, 8, 1, 1, false, "s", "s", "" },
    { "QuantizeLinear", 10, 2, 3, 1, 1, false, "sso", "s", "" },
    { "QuantizeLinear", 13, 2, 3, 1, 1, false, "sso", "s", "axis:i" },
    { "QuantizeLinear", 19, 2, 3, 1, 1, false, "sso", "s", "axis:i saturate:i" },
    { "QuantizeLinear", 21, 2, 3, 1, 1, false, "sso", "s", "axis:i block_size:i output_dtype:i saturate:i" },
    { "QuantizeLinear", 23, 2, 3, 1, 1, false, "sso", "s",
      "axis:i block_size:i output_dtype:i precision:i saturate:i" },
    { "RMSNormalization", 23, 2, 2, 1, 1, false, "s", "s", "axis:i epsilon:f stash_type:i" },
    { "RNN", 1, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
      "output_sequence:i" },
    { "RNN", 7, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i" },
    { "RNN", 14, 3, 6, 0, 2, false, "ssso", "o",
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i" },
    { "RandomNormal", 1, 0, 0, 1, 1, false, "", "s", "dtype:i mean:f scale:f seed:f !shape:I" },
    { "RandomNormalLike", 1, 1, 1, 1, 1, false, "s", "s", "dtype:i mean:f scale:f seed:f" },
    { "RandomUniform", 1, 0, 0, 1, 1, false, "", "s", "dtype:i high:f low:f seed:f !shape:I" },
    { "RandomUniformLike", 1, 1, 1, 1, 1, false, "s", "s", "dtype:i high:f low:f seed:f" },
    { "Range", 11, 3, 3, 1, 1, false, "s", "s", "" },
    { "Range", 27, 3, 3, 1, 1, false, "s", "s", "stash_type:i" },
    { "Reciprocal", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Reciprocal", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "ReduceL1", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceL1", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceL2", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceL2", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceLogSum", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceLogSum", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceLogSumExp", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceLogSumExp", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceMax", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceMax", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceMean", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceMean", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceMin", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceMin", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceProd", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceProd", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceSum", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceSum", 13, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "ReduceSumSquare", 1, 1, 1, 1, 1, false, "s", "s", "axes:I keepdims:i" },
    { "ReduceSumSquare", 18, 1, 2, 1, 1, false, "so", "s", "keepdims:i noop_with_empty_axes:i" },
    { "RegexFullMatch", 20, 1, 1, 1, 1, false, "s", "s", "pattern:s" },
    { "Relu", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Relu", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Reshape", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I shape:I" },
    { "Reshape", 5, 2, 2, 1, 1, false, "s", "s", "" },
    { "Reshape", 14, 2, 2, 1, 1, false, "s", "s", "allowzero:i" },
    { "Resize", 10, 2, 2, 1, 1, false, "s", "s", "mode:s" },
    { "Resize", 11, 3, 4, 1, 1, false, "ssso", "s",
      "coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s "
      "nearest_mode:s" },
    { "Resize", 13, 1, 4, 1, 1, false, "so", "s",
      "coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s "
      "nearest_mode:s" },
    { "Resize", 18, 1, 4, 1, 1, false, "so", "s",
      "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
      "extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s" },
    { "ReverseSequence", 10, 2, 2, 1, 1, false, "s", "s", "batch_axis:i time_axis:i" },
    { "RoiAlign", 10, 3, 3, 1, 1, false, "s", "s",
      "mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f" },
    { "RoiAlign", 16, 3, 3, 1, 1, false, "s", "s",
      "coordinate_transformation_mode:s mode:s output_height:i output_width:i sampling_ratio:i "
      "spatial_scale:f" },
    { "RotaryEmbedding", 23, 3, 4, 1, 1, false, "ssso", "s", "interleaved:i num_heads:i rotary_embedding_dim:i" },
    { "Round", 11, 1, 1, 1, 1, false, "s", "s", "" },
    { "STFT", 17, 2, 4, 1, 1, false, "sso", "s", "onesided:i" },
    { "Scan", 8, 2, -1, 1, -1, false, "ov", "v", "!body:g directions:I !num_scan_inputs:i" },
    { "Scan", 9, 1, -1, 1, -1, false, "v", "v",
      "!body:g !num_scan_inputs:i scan_input_axes:I scan_input_directions:I scan_output_axes:I "
      "scan_output_directions:I" },
    { "Scatter", 9, 3, 3, 1, 1, false, "s", "s", "axis:i" },
    { "Scatter", 11, 3, 3, 1, 1, true, "s", "s", "axis:i" },
    { "ScatterElements", 11, 3, 3, 1, 1, false, "s", "s", "axis:i" },
    { "ScatterElements", 16, 3, 3, 1, 1, false, "s", "s", "axis:i reduction:s" },
    { "ScatterND", 11, 3, 3, 1, 1, false, "s", "s", "" },
    { "ScatterND", 16, 3, 3, 1, 1, false, "s", "s", "reduction:s" },
    { "Selu", 1, 1, 1, 1, 1, false, "s", "s", "alpha:f consumed_inputs:I gamma:f" },
    { "Selu", 6, 1, 1, 1, 1, false, "s", "s", "alpha:f gamma:f" },
    { "SequenceAt", 11, 2, 2, 1, 1, false, "s", "s", "" },
    { "SequenceConstruct", 11, 1, -1, 1, 1, false, "v", "s", "" },
    { "SequenceEmpty", 11, 0, 0, 1, 1, false, "", "s", "dtype:i" },
    { "SequenceErase", 11, 1, 2, 1, 1, false, "so", "s", "" },
    { "SequenceInsert", 11, 2, 3, 1, 1, false, "sso", "s", "" },
    { "SequenceLength", 11, 1, 1, 1, 1, false, "s", "s", "" },
    { "SequenceMap", 17, 1, -1, 1, -1, false, "sv", "v", "!body:g" },
    { "Shape", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "Shape", 15, 1, 1, 1, 1, false, "s", "s", "end:i start:i" },
    { "Shrink", 9, 1, 1, 1, 1, false, "s", "s", "bias:f lambd:f" },
    { "Sigmoid", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Sigmoid", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Sign", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Sin", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Sinh", 9, 1, 1, 1, 1, false, "s", "s", "" },
    { "Size", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "Slice", 1, 1, 1, 1, 1, false, "s", "s", "axes:I !ends:I !starts:I" },
    { "Slice", 10, 3, 5, 1, 1, false, "ssso", "s", "" },
    { "Softmax", 1, 1, 1, 1, 1, false, "s", "s", "axis:i" },
    { "SoftmaxCrossEntropyLoss", 12, 2, 3, 1, 2, false, "sso", "so", "ignore_index:i reduction:s" },
    { "Softplus", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "Softsign", 1, 1, 1, 1, 1, false, "s", "s", "" },
    { "SpaceToDepth", 1, 1, 1, 1, 1, false, "s", "s", "!blocksize:i" },
    { "SpaceToDepth", 28, 1, 1, 1, 1, false, "s", "s", "!blocksize:i mode:s" },
    { "Split", 1, 1, 2, 1, -1, false, "so", "v", "axis:i split:I" },
    { "Split", 2, 1, 1, 1, -1, false, "s", "v", "axis:i split:I" },
    { "Split", 13, 1, 2, 1, -1, false, "so", "v", "axis:i" },
    { "Split", 18, 1, 2, 1, -1, false, "so", "v", "axis:i num_outputs:i" },
    { "SplitToSequence", 11, 1, 2, 1, 1, false, "so", "s", "axis:i keepdims:i" },
    { "Sqrt", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Sqrt", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "Squeeze", 1, 1, 1, 1, 1, false, "s", "s", "axes:I" },
    { "Squeeze", 13, 1, 2, 1, 1, false, "so", "s", "" },
    { "StringConcat", 20, 2, 2, 1, 1, false, "s", "s", "" },
    { "StringNormalizer", 10, 1, 1, 1, 1, false, "s", "s",
      "case_change_action:s is_case_sensitive:i locale:s stopwords:S" },
    { "StringSplit", 20, 1, 1, 2, 2, false, "s", "s", "delimiter:s maxsplit:i" },
    { "Sub", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i consumed_inputs:I" },
    { "Sub", 6, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Sub", 7, 2, 2, 1, 1, false, "s", "s", "" },
    { "Sum", 1, 1, -1, 1, 1, false, "v", "s", "consumed_inputs:I" },
    { "Sum", 6, 1, -1, 1, 1, false, "v", "s", "" },
    { "SwiGLU", 28, 2, 2, 1, 1, false, "s", "s", "alpha:f" },
    { "Swish", 24, 1, 1, 1, 1, false, "s", "s", "alpha:f" },
    { "Tan", 7, 1, 1, 1, 1, false, "s", "s", "" },
    { "Tanh", 1, 1, 1, 1, 1, false, "s", "s", "consumed_inputs:I" },
    { "Tanh", 6, 1, 1, 1, 1, false, "s", "s", "" },
    { "TensorScatter", 24, 2, 3, 1, 1, false, "sso", "s", "axis:i mode:s" },
    { "TfIdfVectorizer", 9, 1, 1, 1, 1, false, "s", "s",
      "!max_gram_length:i !max_skip_count:i !min_gram_length:i !mode:s !ngram_counts:I !ngram_indexes:I "
      "pool_int64s:I pool_strings:S weights:F" },
    { "ThresholdedRelu", 10, 1, 1, 1, 1, false, "s", "s", "alpha:f" },
    { "Tile", 1, 3, 3, 1, 1, false, "s", "s", "" },
    { "Tile", 6, 2, 2, 1, 1, false, "s", "s", "" },
    { "TopK", 1, 1, 1, 2, 2, false, "s", "s", "axis:i !k:i" },
    { "TopK", 10, 2, 2, 2, 2, false, "s", "s", "axis:i" },
    { "TopK", 11, 2, 2, 2, 2, false, "s", "s", "axis:i largest:i sorted:i" },
    { "Transpose", 1, 1, 1, 1, 1, false, "s", "s", "perm:I" },
    { "Trilu", 14, 1, 2, 1, 1, false, "so", "s", "upper:i" },
    { "Unique", 11, 1, 1, 1, 4, false, "s", "so", "axis:i sorted:i" },
    { "Unsqueeze", 1, 1, 1, 1, 1, false, "s", "s", "!axes:I" },
    { "Unsqueeze", 13, 2, 2, 1, 1, false, "s", "s", "" },
    { "Upsample", 1, 1, 1, 1, 1, false, "s", "s", "!height_scale:f mode:s !width_scale:f" },
    { "Upsample", 7, 1, 1, 1, 1, false, "s", "s", "mode:s !scales:F" },
    { "Upsample", 9, 2, 2, 1, 1, false, "s", "s", "mode:s" },
    { "Upsample", 10, 2, 2, 1, 1, true, "s", "s", "mode:s" },
    { "Where", 9, 3, 3, 1, 1, false, "s", "s", "" },
    { "Xor", 1, 2, 2, 1, 1, false, "s", "s", "axis:i broadcast:i" },
    { "Xor", 7, 2, 2, 1, 1, false, "s", "s", "" },
};

static const struct ifm_onnx_op ml_ops[] = {
    { "ArrayFeatureExtractor", 1, 2, 2, 1, 1, false, "s", "s", "" },
    { "Binarizer", 1, 1, 1, 1, 1, false, "s", "s", "threshold:f" },
    { "CastMap", 1, 1, 1, 1, 1, false, "s", "s", "cast_to:s map_form:s max_map:i" },
    { "CategoryMapper", 1, 1, 1, 1, 1, false, "s", "s",
      "cats_int64s:I cats_strings:S default_int64:i default_string:s" },
    { "DictVectorizer", 1, 1, 1, 1, 1, false, "s", "s", "int64_vocabulary:I string_vocabulary:S" },
    { "FeatureVectorizer", 1, 1, -1, 1, 1, false, "v", "s", "inputdimensions:I" },
    { "Imputer", 1, 1, 1, 1, 1, false, "s", "s",
      "imputed_value_floats:F imputed_value_int64s:I replaced_value_float:f replaced_value_int64:i" },
    { "LabelEncoder", 1, 1, 1, 1, 1, false, "s", "s", "classes_strings:S default_int64:i default_string:s" },
    { "LabelEncoder", 2, 1, 1, 1, 1, false, "s", "s",
      "default_float:f default_int64:i default_string:s keys_floats:F keys_int64s:I keys_strings:S "
      "values_floats:F values_int64s:I values_strings:S" },
    { "LabelEncoder", 4, 1, 1, 1, 1, false, "s", "s",
      "default_float:f default_int64:i default_string:s default_tensor:t keys_floats:F keys_int64s:I "
      "keys_strings:S keys_tensor:t values_floats:F values_int64s:I values_strings:S values_tensor:t" },
    { "LinearClassifier", 1, 1, 1, 2, 2, false, "s", "s",
      "classlabels_ints:I classlabels_strings:S !coefficients:F intercepts:F multi_class:i post_transform:s" },
    { "LinearRegressor", 1, 1, 1, 1, 1, false, "s", "s", "coefficients:F intercepts:F post_transform:s targets:i" },
    { "Normalizer", 1, 1, 1, 1, 1, false, "s", "s", "norm:s" },
    { "OneHotEncoder", 1, 1, 1, 1, 1, false, "s", "s", "cats_int64s:I cats_strings:S zeros:i" },
    { "SVMClassifier", 1, 1, 1, 2, 2, false, "s", "s",
      "classlabels_ints:I classlabels_strings:S coefficients:F kernel_params:F kernel_type:s "
      "post_transform:s prob_a:F prob_b:F rho:F support_vectors:F vectors_per_class:I" },
    { "SVMRegressor", 1, 1, 1, 1, 1, false, "s", "s",
      "coefficients:F kernel_params:F kernel_type:s n_supports:i one_class:i post_transform:s rho:F "
      "support_vectors:F" },
    { "Scaler", 1, 1, 1, 1, 1, false, "s", "s", "offset:F scale:F" },
    { "TreeEnsemble", 5, 1, 1, 1, 1, false, "s", "s",
      "aggregate_function:i !leaf_targetids:I !leaf_weights:t membership_values:t n_targets:i "
      "!nodes_falseleafs:I !nodes_falsenodeids:I !nodes_featureids:I nodes_hitrates:t "
      "nodes_missing_value_tracks_true:I !nodes_modes:t !nodes_splits:t !nodes_trueleafs:I "
      "!nodes_truenodeids:I post_transform:i !tree_roots:I" },
    { "TreeEnsembleClassifier", 1, 1, 1, 2, 2, false, "s", "s",
      "base_values:F class_ids:I class_nodeids:I class_treeids:I class_weights:F classlabels_int64s:I "
      "classlabels_strings:S nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F "
      "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I "
      "nodes_values:F post_transform:s" },
    { "TreeEnsembleClassifier", 3, 1, 1, 2, 2, false, "s", "s",
      "base_values:F base_values_as_tensor:t class_ids:I class_nodeids:I class_treeids:I class_weights:F "
      "class_weights_as_tensor:t classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I "
      "nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I "
      "nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F "
      "nodes_values_as_tensor:t post_transform:s" },
    { "TreeEnsembleClassifier", 5, 1, 1, 2, 2, true, "s", "s",
      "base_values:F base_values_as_tensor:t class_ids:I class_nodeids:I class_treeids:I class_weights:F "
      "class_weights_as_tensor:t classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I "
      "nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I "
      "nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F "
      "nodes_values_as_tensor:t post_transform:s" },
    { "TreeEnsembleRegressor", 1, 1, 1, 1, 1, false, "s", "s",
      "aggregate_function:s base_values:F n_targets:i nodes_falsenodeids:I nodes_featureids:I "
      "nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "
      "nodes_truenodeids:I nodes_values:F post_transform:s target_ids:I target_nodeids:I target_treeids:I "
      "target_weights:F" },
    { "TreeEnsembleRegressor", 3, 1, 1, 1, 1, false, "s", "s",
      "aggregate_function:s base_values:F base_values_as_tensor:t n_targets:i nodes_falsenodeids:I "
      "nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I "
      "nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F "
      "nodes_values_as_tensor:t post_transform:s target_ids:I target_nodeids:I target_treeids:I "
      "target_weights:F target_weights_as_tensor:t" },
    { "TreeEnsembleRegressor", 5, 1, 1, 1, 1, true, "s", "s",
      "aggregate_function:s base_values:F base_values_as_tensor:t n_targets:i nodes_falsenodeids:I "
      "nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t nodes_missing_value_tracks_true:I "
      "nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F "
      "nodes_values_as_tensor:t post_transform:s target_ids:I target_nodeids:I target_treeids:I "
      "target_weights:F target_weights_as_tensor:t" },
    { "ZipMap", 1, 1, 1, 1, 1, false, "s", "s", "classlabels_int64s:I classlabels_strings:S" },
};

static const struct ifm_onnx_op preview_ops[] = {
    { "FlexAttention", 1, 3, 3, 1, 1, false, "s", "s", "prob_mod:g scale:f score_mod:g softmax_precision:i" },
};

static const struct ifm_onnx_op training_ops[] = {
    { "Adagrad", 1, 3, -1, 1, -1, false, "ssv", "v", "decay_factor:f epsilon:f norm_coefficient:f" },
    { "Adam", 1, 3, -1, 1, -1, false, "ssv", "v",
      "alpha:f beta:f epsilon:f norm_coefficient:f norm_coefficient_post:f" },
    { "Gradient", 1, 1, -1, 1, -1, false, "v", "v", "!xs:S !y:s zs:S" },
    { "Momentum", 1, 3, -1, 1, -1, false, "ssv", "v", "!alpha:f !beta:f !mode:s !norm_coefficient:f" },
};

static const struct {
    const char *domain;
    const struct ifm_onnx_op *ops;
    size_t count;
} tables[] = {
    { "", main_ops, sizeof main_ops / sizeof *main_ops },
    { "ai.onnx.ml", ml_ops, sizeof ml_ops / sizeof *ml_ops },
    { "ai.onnx.preview", preview_ops, sizeof preview_ops / sizeof *preview_ops },
    { "ai.onnx.preview.training", training_ops, sizeof training_ops / sizeof *training_ops },
};

/* strcmp of a row's name with bytes that end nowhere. */
static int compare(const char *name, struct ifm_onnx_bytes op)
{
    int order = strncmp(name, (const char *)op.bytes, op.len);
    return order ? order : name[op.len] ? 1 : 0;
}

static const struct ifm_onnx_op *search(const struct ifm_onnx_op *ops, size_t count, struct ifm_onnx_bytes op,
                                        int64_t version)
{
    size_t low = 0, high = count;
    const struct ifm_onnx_op *found = NULL;
    while (low < high) { /* the first row of that name */
        size_t middle = (low + high) / 2;
        if (compare(ops[middle].name, op) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && compare(ops[low].name, op) == 0 && ops[low].since <= version; low++)
        found = &ops[low];
    return found;
}

const struct ifm_onnx_op *ifm_onnx_op_find(struct ifm_onnx_bytes domain, struct ifm_onnx_bytes op,
                                           int64_t version, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (ifm_onnx_is(domain, tables[i].domain)) {
            *known = true;
            return search(tables[i].ops, tables[i].count, op, version);
        }
    return NULL;
}
