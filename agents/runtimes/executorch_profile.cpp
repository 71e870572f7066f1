/* The operator profile of ExecuTorch: its own tracer, ETDump, is given to a second copy of the
 * method; what it is told is added up here on the way into it, so that no trace has to be written
 * and read again. With
 * --etdump FILE the trace is kept too, for the vendor's inspector. */
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include "agents/runtimes/executorch.hpp"
#include <executorch/devtools/etdump/etdump_flatcc.h>
#include <executorch/runtime/platform/platform.h>

namespace ifm
{

struct et_row {
    uint64_t calls = 0, inner_ns = 0, total_ns = 0;
    double start_ns = 0; /* sum over the inferences */
    uint64_t starts = 0;
};

class et_tracer : public executorch::etdump::ETDumpGen
{
  public:
    er::EventTracerEntry start_profiling(const char *name, er::ChainID chain,
                                         er::DebugHandle handle) override
    {
        const auto entry = ETDumpGen::start_profiling(name, chain, handle);
        const er::DebugHandle instruction =
            chain == er::kUnsetChainId ? current_debug_handle() : handle;
        const uint64_t now = clock_ns();
        begin = strcmp(name, "Method::execute") == 0 ? now : begin;
        open.push_back({ name, instruction, now });
        return entry;
    }
    void end_profiling(er::EventTracerEntry entry) override
    {
        const uint64_t now = clock_ns();
        if (!open.empty()) {
            finish(open.back(), now);
            open.pop_back();
        }
        ETDumpGen::end_profiling(entry);
    }
    void log_profiling_delegate(const char *name, er::DelegateDebugIntId index, et_timestamp_t from,
                                et_timestamp_t to, const void *metadata, size_t length) override
    {
        ETDumpGen::log_profiling_delegate(name, index, from, to, metadata, length);
        const std::string key = name ? name : "#" + std::to_string(index);
        add(inner[{ current_debug_handle(), key }], to > from ? ns_of(to - from) : 0, 0);
        instructions[current_debug_handle()].inner_ns += to > from ? ns_of(to - from) : 0;
    }

    std::map<er::DebugHandle, et_row> instructions;
    std::map<std::pair<er::DebugHandle, std::string>, et_row>
        inner; /* what a backend tells of its own */

  private:
    struct event {
        std::string name;
        er::DebugHandle instruction;
        uint64_t start;
    };
    static uint64_t ns_of(et_timestamp_t ticks)
    {
        const auto ratio = executorch::runtime::pal_ticks_to_ns_multiplier();
        return ticks * ratio.numerator / ratio.denominator;
    }
    static uint64_t clock_ns() { return ns_of(executorch::runtime::pal_current_ticks()); }
    void add(et_row &row, uint64_t ns, uint64_t start)
    {
        row.calls++;
        row.total_ns += ns;
        row.start_ns += start >= begin ? static_cast<double>(start - begin) : 0;
        row.starts += start >= begin;
    }
    /* Of the events around one instruction the outermost is counted: kernels report themselves once
     * more. */
    void finish(const event &e, uint64_t now)
    {
        if (e.name == "OPERATOR_CALL" || e.name == "DELEGATE_CALL") {
            add(instructions[e.instruction], now - e.start, e.start);
        }
    }
    std::vector<event> open;
    uint64_t begin = 0;
};

void et_tracer_deleter::operator()(et_tracer *tracer) const
{
    delete tracer;
}

int et_profile_start(void *state)
{
    et_live &l = *static_cast<struct et_state *>(state)->live;
    return fence(et_host, "profile", [&] {
        l.profiled.reset();
        l.tracer.reset(new et_tracer());
        l.tracer->create_event_block("inferometer");
        auto method = et_load(l, l.tracer.get());
        if (et_execute(l, *method) != 0) {
            throw problem(l.failure);
        }
        l.tracer->instructions.clear();
        l.tracer->inner.clear();
        l.profiled = std::move(method);
        return 0;
    });
}

static void write_trace(et_tracer &tracer, const char *path)
{
    const auto result = tracer.get_etdump_data();
    FILE *file = path && result.buf ? fopen(path, "wb") : nullptr;
    const bool good = file && fwrite(result.buf, 1, result.size, file) == result.size;
    const bool closed = file && fclose(file) == 0;
    free(result.buf);
    if (path && (!good || !closed)) {
        throw problem(std::string("cannot write the trace to ") + path);
    }
}

static struct ifm_op_profile row_of(const et_row &r, const std::string &name,
                                    const std::string &type, const char *provider)
{
    struct ifm_op_profile row = {};
    snprintf(row.name, sizeof row.name, "%.95s", name.c_str());
    snprintf(row.type, sizeof row.type, "%.47s", type.c_str());
    snprintf(row.provider, sizeof row.provider, "%.47s", provider);
    row.calls = r.calls;
    row.total_ns = r.total_ns > r.inner_ns ? r.total_ns - r.inner_ns : 0;
    row.start_ns = r.starts ? static_cast<int64_t>(r.start_ns / static_cast<double>(r.starts)) : -1;
    return row;
}

int et_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    auto *s = static_cast<struct et_state *>(state);
    et_live &l = *s->live;
    return fence(et_host, "profile", [&] {
        std::vector<struct ifm_op_profile> all;
        for (const auto &[instruction, row] : l.tracer->instructions) {
            const bool known = instruction < l.plan.calls.size();
            const std::string type = known ? l.plan.calls[instruction].name : "";
            all.push_back(row_of(row, type + " #" + std::to_string(instruction), type,
                                 known ? et_provider_of(l.plan.calls[instruction]) : ""));
        }
        for (const auto &[key, row] : l.tracer->inner) {
            const bool known = key.first < l.plan.calls.size();
            all.push_back(row_of(row, key.second + " in #" + std::to_string(key.first), key.second,
                                 known ? et_provider_of(l.plan.calls[key.first]) : ""));
        }
        std::stable_sort(all.begin(), all.end(),
                         [](const auto &a, const auto &b) { return a.total_ns > b.total_ns; });
        const size_t count = std::min(all.size(), *row_count);
        std::copy_n(all.begin(), count, rows);
        *row_count = count;
        l.profiled.reset();
        write_trace(*l.tracer, s->etdump);
        l.tracer.reset();
        return 0;
    });
}

} // namespace ifm
