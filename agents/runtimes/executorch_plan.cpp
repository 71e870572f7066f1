#include "agents/runtimes/executorch_plan.hpp"
#include <cstring>
#include "agents/runtimes/shim.hpp"

namespace ifm
{
namespace
{

const size_t items_max = 1u << 22; /* of one vector: more than any program has */
enum { program_plans = 1 };
enum {
    plan_name = 0,
    plan_values = 2,
    plan_inputs = 3,
    plan_chains = 5,
    plan_operators = 6,
    plan_delegates = 7
};
enum { chain_instructions = 2, tensor_type = 0, tensor_dynamism = 8 };
enum { call_kernel = 1, call_delegate = 2, value_tensor = 5 };

/* Every read is checked against the end of the file; a position of 0 is "not there". */
struct reader {
    const uint8_t *data;
    size_t size;

    template <class T> T at(size_t place) const
    {
        T value;
        if (place > size || size - place < sizeof value) {
            throw problem("the file is damaged: an offset leads outside of it");
        }
        std::memcpy(&value, data + place, sizeof value);
        return value;
    }
    size_t follow(size_t place) const { return place + at<uint32_t>(place); }
    size_t field(size_t table, unsigned number) const
    {
        const int64_t vtable = static_cast<int64_t>(table) - at<int32_t>(table);
        if (vtable < 0) {
            throw problem("the file is damaged: an offset leads outside of it");
        }
        const size_t slot = static_cast<size_t>(vtable) + 4 + 2 * static_cast<size_t>(number);
        if (4 + 2 * number >= at<uint16_t>(static_cast<size_t>(vtable))) {
            return 0;
        }
        const uint16_t offset = at<uint16_t>(slot);
        return offset ? table + offset : 0;
    }
    template <class T> T scalar(size_t table, unsigned number) const
    {
        const size_t place = field(table, number);
        return place ? at<T>(place) : T();
    }
    size_t child(size_t table, unsigned number) const
    {
        const size_t place = field(table, number);
        return place ? follow(place) : 0;
    }
    std::string text(size_t table, unsigned number) const
    {
        const size_t place = child(table, number);
        const uint32_t length = place ? at<uint32_t>(place) : 0;
        if (length > 65536 || (place && size - place - 4 < length)) {
            throw problem("the file is damaged: a name is longer than the file");
        }
        return place ? std::string(reinterpret_cast<const char *>(data + place + 4), length) : "";
    }
    /* Count of a vector of 4-byte items; `first` is where they begin. */
    size_t vector(size_t table, unsigned number, size_t *first) const
    {
        const size_t place = child(table, number);
        const size_t count = place ? at<uint32_t>(place) : 0;
        *first = place + 4;
        if (count > items_max || (count > 0 && (size - *first) / 4 < count)) {
            throw problem("the file is damaged: a list is longer than the file");
        }
        return count;
    }
};

size_t find_plan(const reader &r, const std::string &method)
{
    size_t first = 0;
    const size_t count = r.vector(r.follow(0), program_plans, &first);
    for (size_t i = 0; i < count; i++) {
        const size_t plan = r.follow(first + 4 * i);
        if (r.text(plan, plan_name) == method) {
            return plan;
        }
    }
    return 0;
}

std::vector<std::string> names(const reader &r, size_t plan, unsigned number, bool overloads)
{
    std::vector<std::string> all;
    size_t first = 0;
    const size_t count = r.vector(plan, number, &first);
    for (size_t i = 0; i < count; i++) {
        const size_t item = r.follow(first + 4 * i);
        const std::string overload = overloads ? r.text(item, 1) : "";
        all.push_back(r.text(item, 0) + (overload.empty() ? "" : "." + overload));
    }
    return all;
}

void read_calls(const reader &r, size_t plan, pte_plan &out)
{
    const auto operators = names(r, plan, plan_operators, true);
    const auto backends = names(r, plan, plan_delegates, false);
    size_t chains = 0, first = 0;
    const size_t chain_count = r.vector(plan, plan_chains, &chains);
    for (size_t c = 0; c < chain_count; c++) {
        const size_t count = r.vector(r.follow(chains + 4 * c), chain_instructions, &first);
        for (size_t i = 0; i < count; i++) {
            const size_t instruction = r.follow(first + 4 * i);
            const uint8_t kind = r.scalar<uint8_t>(instruction, 0);
            const size_t body = r.child(instruction, 1);
            const auto index = body ? r.scalar<int32_t>(body, 0) : -1;
            const auto &list = kind == call_delegate ? backends : operators;
            pte_call call;
            call.delegate = kind == call_delegate;
            call.control = kind != call_delegate && kind != call_kernel;
            if (!call.control && (index < 0 || static_cast<size_t>(index) >= list.size())) {
                throw problem("the file is damaged: an instruction calls what is not there");
            }
            call.name = call.control ? "" : list[static_cast<size_t>(index)];
            out.calls.push_back(call);
        }
    }
}

} // namespace

pte_plan pte_read(const uint8_t *data, size_t size, const std::string &method)
{
    const reader r = { data, size };
    pte_plan out;
    const size_t plan = find_plan(r, method);
    if (!plan) {
        return out;
    }
    read_calls(r, plan, out);
    size_t first = 0, inputs = 0;
    const size_t count = r.vector(plan, plan_values, &first);
    std::vector<bool> dynamic(count);
    for (size_t i = 0; i < count; i++) {
        const size_t value = r.follow(first + 4 * i);
        if (r.scalar<uint8_t>(value, 0) == value_tensor) {
            const size_t tensor = r.child(value, 1);
            dynamic[i] = tensor && r.scalar<int8_t>(tensor, tensor_dynamism) != 0;
            out.value_types.push_back(tensor ? r.scalar<int8_t>(tensor, tensor_type) : int8_t(-1));
        }
    }
    const size_t input_count = r.vector(plan, plan_inputs, &inputs);
    for (size_t i = 0; i < input_count; i++) {
        const auto index = r.at<int32_t>(inputs + 4 * i);
        out.input_dynamic.push_back(index >= 0 && static_cast<size_t>(index) < count &&
                                    dynamic[static_cast<size_t>(index)]);
    }
    return out;
}

} // namespace ifm
