/* Binding, running and reading of an ExecuTorch method, and what it says afterwards of memory and
 * placement. */
#include <array>
#include <cstdio>
#include <cstring>
#include "agents/runtimes/executorch.hpp"

namespace ifm
{

/* -- Inputs
 * ---------------------------------------------------------------------------------------------- */
static void view(et_input &in, const struct ifm_tensor &t, const er::TensorInfo &meta)
{
    const auto rank = static_cast<size_t>(t.rank);
    in.sizes.assign(t.dims, t.dims + rank);
    in.order.assign(meta.dim_order().begin(), meta.dim_order().end());
    in.strides.resize(rank);
    if (in.order.size() != rank) {
        throw problem(std::string(t.name) + " has " + std::to_string(rank) +
                      " dimensions; the program wants " + std::to_string(in.order.size()));
    }
    int64_t step = 1;
    std::array<int64_t, IFM_MAX_RANK> host = {}, from = {};
    struct ifm_tensor ordered = t;
    for (size_t d = rank, row = 1; d-- > 0;) {
        host[d] = static_cast<int64_t>(row);
        row *= static_cast<size_t>(t.dims[d]);
    }
    bool plain = true;
    for (size_t d = rank; d-- > 0;) {
        const size_t dim = in.order[d];
        plain = plain && dim == d;
        in.strides[dim] = static_cast<int32_t>(step);
        step *= t.dims[dim];
        ordered.dims[d] = t.dims[dim];
        from[d] = host[dim];
    }
    void *data = t.data;
    if (!plain) { /* a program in channels-last order: its bytes in that order, once */
        in.dense.resize(t.bytes);
        densify(in.dense.data(), static_cast<const char *>(t.data), ordered, from.data(),
                width_of(t.dtype));
        data = in.dense.data();
    }
    in.tensor = std::make_unique<er::etensor::TensorImpl>(
        meta.scalar_type(), t.rank, in.sizes.data(), data, in.order.data(), in.strides.data());
}

static er::EValue value_of(et_input &in, const struct ifm_tensor &t, const er::Tag tag,
                           const er::Result<er::TensorInfo> &meta)
{
    switch (tag) {
    case er::Tag::Tensor:
        et_check(meta.error(), "the program is damaged");
        view(in, t, *meta);
        return er::EValue(er::etensor::Tensor(in.tensor.get()));
    case er::Tag::Int:
        return er::EValue(*static_cast<const int64_t *>(t.data));
    case er::Tag::Double:
        return er::EValue(*static_cast<const double *>(t.data));
    case er::Tag::Bool:
        return er::EValue(*static_cast<const bool *>(t.data));
    default:
        throw problem(std::string(t.name) + " has a type that cannot be fed");
    }
}

int et_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    et_live &l = *static_cast<struct et_state *>(state)->live;
    return fence(et_host, "", [&] {
        const auto meta = l.main->method->method_meta();
        if (input_count != l.in.size()) {
            throw problem("got " + std::to_string(input_count) + " inputs for a program of " +
                          std::to_string(l.in.size()));
        }
        l.inputs.clear();
        l.inputs.resize(input_count);
        l.values.clear();
        for (size_t i = 0; i < input_count; i++) {
            const auto tag = meta.input_tag(i);
            et_check(tag.error(), "the program is damaged");
            l.values.push_back(value_of(l.inputs[i], inputs[i], *tag, meta.input_tensor_meta(i)));
            et_check(l.main->method->set_input(l.values[i], i), inputs[i].name);
        }
        return 0;
    });
}

/* -- Running
 * --------------------------------------------------------------------------------------------- */
int et_execute(et_live &l, et_method &m)
{
    return guard(l.failure, [&] {
        for (size_t i = 0; i < l.values.size(); i++) {
            const er::Error set = m.method->set_input(l.values[i], i);
            if (set != er::Error::Ok) {
                et_check(set, l.in[i].name);
            }
        }
        const er::Error ran = m.method->execute();
        if (ran != er::Error::Ok) {
            et_check(ran, "ExecuTorch cannot run the program");
        }
        m.temporary.reset();
        return 0;
    });
}

int et_run(void *state)
{
    et_live &l = *static_cast<struct et_state *>(state)->live;
    return et_execute(l, l.profiled ? *l.profiled : *l.main);
}

const char *et_errdetails(void *state)
{
    const et_live &l = *static_cast<struct et_state *>(state)->live;
    return l.failure.empty() ? nullptr : l.failure.c_str();
}

/* -- Outputs
 * --------------------------------------------------------------------------------------------- */
static void read_tensor(et_live &l, size_t i, const er::etensor::Tensor &value,
                        struct ifm_tensor &t)
{
    const auto rank = static_cast<size_t>(value.dim());
    if (rank > IFM_MAX_RANK) {
        throw problem(std::string(t.name) + " has " + std::to_string(rank) + " dimensions");
    }
    t.dtype = et_dtype(value.scalar_type());
    t.rank = static_cast<int32_t>(rank);
    t.bytes = value.nbytes();
    t.data = const_cast<void *>(value.const_data_ptr());
    std::array<int64_t, IFM_MAX_RANK> strides = {};
    int64_t row = 1;
    bool plain = true;
    for (size_t d = rank; d-- > 0;) {
        t.dims[d] = value.size(static_cast<ssize_t>(d));
        strides[d] = value.strides()[d];
        plain = plain && (t.dims[d] == 1 || strides[d] == row);
        row *= t.dims[d];
    }
    if (!plain && t.bytes > 0 && width_of(t.dtype) > 0) {
        l.dense[i].resize(t.bytes);
        densify(l.dense[i].data(), static_cast<const char *>(t.data), t, strides.data(),
                width_of(t.dtype));
        t.data = l.dense[i].data();
    }
}

static void read_scalar(et_live &l, size_t i, const er::EValue &value, struct ifm_tensor &t)
{
    const double real = value.isDouble() ? value.toDouble() : 0;
    const int64_t whole = value.isInt() ? value.toInt() : value.isBool() ? value.toBool() : 0;
    t.dtype = value.isDouble() ? IFM_DTYPE_F64
              : value.isInt()  ? IFM_DTYPE_I64
              : value.isBool() ? IFM_DTYPE_BOOL
                               : IFM_DTYPE_NONE;
    t.data = &l.scalars[i];
    t.bytes = width_of(t.dtype);
    if (value.isDouble()) {
        memcpy(t.data, &real, sizeof real);
    } else {
        l.scalars[i] = whole;
    }
}

int et_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    et_live &l = *static_cast<struct et_state *>(state)->live;
    return fence(et_host, "outputs", [&] {
        const er::Method &m = *(l.profiled ? *l.profiled : *l.main).method;
        l.results.assign(l.out.size(), ifm_tensor());
        l.dense.resize(l.out.size());
        l.scalars.resize(l.out.size());
        for (size_t i = 0; i < l.out.size(); i++) {
            const er::EValue &value = m.get_output(i);
            l.results[i].name = l.out[i].name;
            if (value.isTensor()) {
                read_tensor(l, i, value.toTensor(), l.results[i]);
            } else {
                read_scalar(l, i, value, l.results[i]);
            }
        }
        *outputs = l.results.data();
        *output_count = l.results.size();
        return 0;
    });
}

/* -- Afterwards
 * ------------------------------------------------------------------------------------------ */
int et_memory(void *state, int64_t *allocator_peak_bytes)
{
    const et_live &l = *static_cast<struct et_state *>(state)->live;
    int64_t sum = l.main->structures.peak + l.main->temporary.peak;
    for (const auto &buffer : l.main->buffers) {
        sum += static_cast<int64_t>(buffer.size());
    }
    for (const auto &output : l.main->outputs) {
        sum += static_cast<int64_t>(output.size());
    }
    *allocator_peak_bytes = sum;
    return 0;
}

int et_placement(void *state, struct ifm_placement *rows, size_t *row_count)
{
    const et_live &l = *static_cast<struct et_state *>(state)->live;
    size_t used = 0;
    for (const pte_call &call : l.plan.calls) {
        const char *provider = call.control ? nullptr : et_provider_of(call);
        size_t row = 0;
        while (provider && row < used && strcmp(rows[row].provider, provider) != 0) {
            row++;
        }
        if (provider && row < *row_count) {
            if (row == used) {
                rows[row] = {};
                snprintf(rows[used++].provider, sizeof rows[row].provider, "%.47s", provider);
            }
            rows[row].operators++;
        }
    }
    *row_count = used;
    return 0;
}

} // namespace ifm
