/* The operator profile of libtorch: the observer that its own profiler is made of (RecordFunction),
 * so that no trace is written and read again. Operators that run inside another are counted apart
 * from it. */
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <ATen/record_function.h>
#include "agents/runtimes/libtorch.hpp"

namespace ifm
{

struct torch_row {
    uint64_t calls = 0, total_ns = 0, starts = 0;
    double start_ns = 0; /* sum over inferences, of each one's first call */
    uint64_t inference = 0;
};

struct torch_event : at::ObserverContext {
    torch_row *row = nullptr;
    uint64_t begin_ns = 0, inside_ns = 0;
    torch_event *outer = nullptr;
};

struct torch_profile {
    std::map<std::pair<std::string, std::string>, torch_row> rows; /* by operator and shapes */
    torch_event *open = nullptr;
    uint64_t begin_ns = 0, inference = 0;
    at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
};

static torch_profile *active; /* the callbacks have no argument of ours; one thread measures */

static uint64_t now_ns()
{
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

static std::string shapes_of(const at::RecordFunction &fn)
{
    std::string text;
    for (const c10::IValue &input : fn.inputs()) {
        if (input.isTensor() && input.toTensor().defined() && text.size() < 120) {
            text += text.empty() ? "" : " ";
            const char *x = "";
            for (const int64_t size : input.toTensor().sizes()) {
                text += x + std::to_string(size);
                x = "x";
            }
            text += *x ? "" : "scalar";
        }
    }
    return text;
}

static std::unique_ptr<at::ObserverContext> op_begin(const at::RecordFunction &fn)
{
    auto event = std::make_unique<torch_event>();
    if (active) {
        event->row = &active->rows[{ fn.name(), shapes_of(fn) }];
        event->outer = active->open;
        active->open = event.get();
        event->begin_ns = now_ns();
    }
    return event;
}

static void op_end(const at::RecordFunction &, at::ObserverContext *context)
{
    auto *event = static_cast<torch_event *>(context);
    if (!active || !event || !event->row) {
        return;
    }
    const uint64_t took = now_ns() - event->begin_ns;
    torch_row &row = *event->row;
    row.calls++;
    row.total_ns += took > event->inside_ns ? took - event->inside_ns : 0;
    if (row.inference != active->inference) {
        row.inference = active->inference;
        row.start_ns += static_cast<double>(event->begin_ns - active->begin_ns);
        row.starts++;
    }
    active->open = event->outer;
    if (event->outer) {
        event->outer->inside_ns += took;
    }
}

void torch_profile_deleter::operator()(torch_profile *profile) const
{
    at::removeCallback(profile->handle);
    active = nullptr;
    delete profile;
}

void torch_profile_begin(torch_profile &profile)
{
    profile.begin_ns = now_ns();
    profile.inference++;
    profile.open = nullptr;
}

int torch_profile_start(void *state)
{
    torch_live &l = *static_cast<torch_state *>(state)->live;
    return torch_fence("profile", [&] {
        l.profile.reset(new torch_profile());
        active = l.profile.get();
        active->handle = at::addThreadLocalCallback(at::RecordFunctionCallback(op_begin, op_end)
                                                        .needsInputs(true)
                                                        .scopes({ at::RecordScope::FUNCTION }));
        torch_state *s = static_cast<torch_state *>(state);
        for (int i = 0; i < 2;
             i++) { /* what the first observed inferences prepare is no part of the rows */
            if (torch_run(s) != 0) {
                throw problem(l.failure);
            }
        }
        l.profile->rows.clear();
        return 0;
    });
}

int torch_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    torch_live &l = *static_cast<torch_state *>(state)->live;
    return torch_fence("profile", [&] {
        std::vector<struct ifm_op_profile> all;
        for (const auto &[key, r] : l.profile->rows) {
            struct ifm_op_profile row = {};
            snprintf(row.name, sizeof row.name, "%.95s", key.first.c_str());
            snprintf(row.type, sizeof row.type, "%.47s", key.first.c_str());
            snprintf(row.provider, sizeof row.provider, "cpu");
            snprintf(row.shapes, sizeof row.shapes, "%.127s", key.second.c_str());
            row.calls = r.calls;
            row.total_ns = r.total_ns;
            row.start_ns =
                r.starts ? static_cast<int64_t>(r.start_ns / static_cast<double>(r.starts)) : -1;
            all.push_back(row);
        }
        l.profile.reset();
        std::stable_sort(all.begin(), all.end(),
                         [](const auto &a, const auto &b) { return a.total_ns > b.total_ns; });
        *row_count = std::min(all.size(), *row_count);
        std::copy_n(all.begin(), *row_count, rows);
        return 0;
    });
}

} // namespace ifm
