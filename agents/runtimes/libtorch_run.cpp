/* Binding, running and reading of a libtorch model. Outputs of any nesting become a flat list:
 * tuples and lists by position, dictionaries by their keys. */
#include <cstring>
#include <ATen/ops/from_blob.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include "agents/runtimes/libtorch.hpp"

namespace ifm
{

static c10::IValue value_of(const struct ifm_tensor &t, const struct ifm_tensor_info &info)
{
    at::ScalarType type;
    if (info.rank == 0 && info.dtype == IFM_DTYPE_I64) {
        return c10::IValue(*static_cast<const int64_t *>(t.data));
    }
    if (info.rank == 0 && info.dtype == IFM_DTYPE_F64) {
        return c10::IValue(*static_cast<const double *>(t.data));
    }
    if (info.rank == 0 && info.dtype == IFM_DTYPE_BOOL) {
        return c10::IValue(*static_cast<const bool *>(t.data));
    }
    if (!torch_scalar_type(t.dtype, &type)) {
        throw problem(std::string(t.name) + " has a type that libtorch does not have");
    }
    return at::from_blob(t.data, c10::IntArrayRef(t.dims, static_cast<size_t>(t.rank)),
                         at::TensorOptions().dtype(type));
}

int torch_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    auto *s = static_cast<torch_state *>(state);
    torch_live &l = *s->live;
    return torch_fence("", [&] {
        if (input_count != l.in.size()) {
            throw problem("got " + std::to_string(input_count) + " inputs for a model of " +
                          std::to_string(l.in.size()));
        }
        l.values.clear();
        l.tensors.clear();
        for (size_t i = 0; i < input_count; i++) {
            l.values.push_back(value_of(inputs[i], l.in[i]));
            if (l.package) {
                l.tensors.push_back(l.values.back().toTensor());
            }
        }
        if (s->inference_mode && !l.inference) { /* for this thread, until close */
            l.inference = std::make_unique<c10::InferenceMode>();
        }
        return 0;
    });
}

/* -- Running
 * --------------------------------------------------------------------------------------------- */
/* Sees what the allocator of the CPU gives during one inference. */
struct memory_watch : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override
    {
        now += bytes;
        peak = now > peak ? now : peak;
    }
    bool memoryProfilingEnabled() const override { return true; }
    int64_t now = 0, peak = 0;
};

static void infer(torch_live &l)
{
    if (l.profile) {
        torch_profile_begin(*l.profile);
    }
    if (l.script) {
        std::vector<c10::IValue> arguments = l.values; /* the call takes them */
        l.result = l.script->forward(std::move(arguments));
    } else {
        l.results = l.package->run(l.tensors);
    }
}

int torch_run(void *state)
{
    torch_live &l = *static_cast<torch_state *>(state)->live;
    return guard(l.failure, [&] {
        try {
            if (l.ran) {
                infer(l);
            } else { /* only the first is watched: that costs little of what the first costs */
                const auto watch = std::make_shared<memory_watch>();
                c10::DebugInfoGuard seen(c10::DebugInfoKind::PROFILER_STATE, watch);
                infer(l);
                l.peak_bytes = watch->peak;
                l.ran = true;
            }
        } catch (const std::exception &e) {
            throw problem(torch_sentence(e));
        }
        return 0;
    });
}

const char *torch_errdetails(void *state)
{
    const torch_live &l = *static_cast<torch_state *>(state)->live;
    return l.failure.empty() ? nullptr : l.failure.c_str();
}

int torch_memory(void *state, int64_t *allocator_peak_bytes)
{
    const torch_live &l = *static_cast<torch_state *>(state)->live;
    *allocator_peak_bytes = l.weights_bytes + l.peak_bytes;
    return l.ran && l.script ? 0 : -1;
}

/* -- Outputs
 * --------------------------------------------------------------------------------------------- */
static at::Tensor array_of(const c10::IValue &value)
{
    if (value.isTensor()) {
        return value.toTensor().defined() ? value.toTensor().contiguous() : at::empty({ 0 });
    }
    const auto type = value.isInt() ? at::kLong : value.isDouble() ? at::kDouble : at::kBool;
    return at::scalar_tensor(value.toScalar(), at::TensorOptions().dtype(type));
}

static void flatten(torch_live &l, const c10::IValue &value, const std::string &name, int depth);

static void flatten_tuple(torch_live &l, const c10::ivalue::Tuple &tuple, int depth)
{
    const auto type = tuple.type<c10::TupleType>();
    const auto schema = type ? type->schema() : nullptr; /* a named tuple has one */
    for (size_t i = 0; i < tuple.elements().size(); i++) {
        flatten(l, tuple.elements()[i], schema ? schema->arguments()[i].name() : "", depth);
    }
}

static void flatten(torch_live &l, const c10::IValue &value, const std::string &name, int depth)
{
    if (depth > 8 || l.kept.size() >= IFM_MAX_TENSORS) {
        throw problem("the outputs of the model are nested too deep or are too many");
    }
    if (value.isTensor() || value.isScalar()) {
        l.result_names.push_back(name.empty() ? "output" + std::to_string(l.kept.size()) : name);
        l.kept.push_back(array_of(value));
    } else if (value.isTuple()) {
        flatten_tuple(l, value.toTupleRef(), depth + 1);
    } else if (value.isList()) {
        for (const c10::IValue &item : value.toList().vec()) {
            flatten(l, item, "", depth + 1);
        }
    } else if (value.isGenericDict()) {
        for (const auto &item : value.toGenericDict()) {
            flatten(l, item.value(), item.key().isString() ? item.key().toStringRef() : "",
                    depth + 1);
        }
    } else if (!value.isNone()) {
        throw problem("the model returns a " + value.tagKind() + ", which cannot be compared");
    }
}

static struct ifm_tensor tensor_of(const at::Tensor &value, const std::string &name)
{
    struct ifm_tensor t = {};
    t.name = name.c_str();
    t.dtype = torch_dtype(value.scalar_type());
    if (value.dim() > IFM_MAX_RANK) {
        throw problem(name + " has " + std::to_string(value.dim()) + " dimensions");
    }
    t.rank = static_cast<int32_t>(value.dim());
    for (int64_t d = 0; d < value.dim(); d++) {
        t.dims[d] = value.size(d);
    }
    t.data = value.data_ptr();
    t.bytes = value.nbytes();
    return t;
}

int torch_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    torch_live &l = *static_cast<torch_state *>(state)->live;
    return torch_fence("outputs", [&] {
        l.kept.clear();
        l.result_names.clear();
        l.outputs.clear();
        if (l.script) {
            flatten(l, l.result, "", 0);
        } else {
            for (const at::Tensor &tensor : l.results) {
                flatten(l, tensor, "", 0);
            }
        }
        for (size_t i = 0; i < l.kept.size(); i++) {
            l.outputs.push_back(tensor_of(l.kept[i], l.result_names[i]));
        }
        *outputs = l.outputs.data();
        *output_count = l.outputs.size();
        return 0;
    });
}

} // namespace ifm
