/* What an ExecuTorch method says of its inputs and outputs, in the words of the ABI. */
#include <array>
#include "agents/runtimes/executorch.hpp"

namespace ifm
{

using er::etensor::ScalarType;

static const std::array<enum ifm_dtype, 16> dtypes = {
    IFM_DTYPE_U8,   IFM_DTYPE_I8,   IFM_DTYPE_I16,  IFM_DTYPE_I32,  IFM_DTYPE_I64,  IFM_DTYPE_F16,
    IFM_DTYPE_F32,  IFM_DTYPE_F64,  IFM_DTYPE_NONE, IFM_DTYPE_NONE, IFM_DTYPE_NONE, IFM_DTYPE_BOOL,
    IFM_DTYPE_NONE, IFM_DTYPE_NONE, IFM_DTYPE_NONE, IFM_DTYPE_BF16
};
enum ifm_dtype et_dtype(ScalarType type)
{
    const auto code = static_cast<size_t>(type);
    return code < dtypes.size()         ? dtypes[code]
           : type == ScalarType::UInt16 ? IFM_DTYPE_U16
           : type == ScalarType::UInt32 ? IFM_DTYPE_U32
           : type == ScalarType::UInt64 ? IFM_DTYPE_U64
                                        : IFM_DTYPE_NONE;
}

static enum ifm_dtype scalar_dtype(er::Tag tag)
{
    return tag == er::Tag::Int      ? IFM_DTYPE_I64
           : tag == er::Tag::Double ? IFM_DTYPE_F64
           : tag == er::Tag::Bool   ? IFM_DTYPE_BOOL
                                    : IFM_DTYPE_NONE;
}

static void describe_one(et_live &l, const er::Result<er::Tag> &tag,
                         const er::Result<er::TensorInfo> &meta, bool input, size_t i)
{
    struct ifm_tensor_info t = {};
    auto &list = input ? l.in : l.out;
    std::array<int64_t, IFM_MAX_RANK> bounds = {};
    l.names.push_back((input ? "input" : "output") + std::to_string(i));
    if (tag.ok() && *tag == er::Tag::Tensor) {
        et_check(meta.error(), "the program is damaged");
        if (meta->sizes().size() > IFM_MAX_RANK) {
            throw problem(l.names.back() + " has " + std::to_string(meta->sizes().size()) +
                          " dimensions");
        }
        const bool open =
            input ? i < l.plan.input_dynamic.size() && l.plan.input_dynamic[i] : false;
        l.names.back() = meta->name().empty() ? l.names.back() : std::string(meta->name());
        t.dtype = et_dtype(meta->scalar_type());
        t.rank = static_cast<int32_t>(meta->sizes().size());
        for (size_t d = 0; d < meta->sizes().size(); d++) {
            bounds[d] = meta->sizes()[d];
            t.dims[d] = open ? -1 : meta->sizes()[d];
        }
    } else if (tag.ok()) {
        t.dtype = scalar_dtype(*tag);
    }
    list.push_back(t);
    if (input) {
        l.bounds.push_back(bounds);
    }
}

void et_describe_all(et_live &l)
{
    const auto meta = l.program->method_meta("forward");
    et_check(meta.error(), "the program has no method 'forward'");
    if (meta->num_inputs() > IFM_MAX_TENSORS || meta->num_outputs() > IFM_MAX_TENSORS) {
        throw problem("the program has more than 64 inputs or outputs");
    }
    for (size_t i = 0; i < meta->num_inputs(); i++) {
        describe_one(l, meta->input_tag(i), meta->input_tensor_meta(i), true, i);
    }
    for (size_t i = 0; i < meta->num_outputs(); i++) {
        describe_one(l, meta->output_tag(i), meta->output_tensor_meta(i), false, i);
    }
    for (size_t i = 0; i < l.names.size(); i++) {
        (i < l.in.size() ? l.in[i] : l.out[i - l.in.size()]).name = l.names[i].c_str();
    }
}

} // namespace ifm
