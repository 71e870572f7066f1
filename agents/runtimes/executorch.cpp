/* ExecuTorch through its C++ classes Program and Method, compiled against the installed version's
 * headers. What computes an operator was decided when the program was exported: a backend (XNNPACK)
 * that took a part of the graph, or the library's own kernels. Inputs are set before every run, as
 * the vendor's own loop does, because a plan may use their memory again once they were read. */
#include <array>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>
#include "agents/runtimes/executorch.hpp"
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/kernel/operator_registry.h>
#include <executorch/runtime/platform/runtime.h>

/* The wheel has the library of the thread pool, not its header. */
namespace executorch::extension::threadpool
{
class ThreadPool
{
  public:
    size_t get_thread_count() const;
    bool _unsafe_reset_threadpool(uint32_t count);
};
ThreadPool *get_threadpool();
} // namespace executorch::extension::threadpool

namespace ifm
{

using er::etensor::ScalarType;
namespace pool = executorch::extension::threadpool;

const struct ifm_host *et_host;
static std::string vendor_said; /* the first error that the library logged: it has the reason */

#define AT(field) offsetof(struct et_state, field)
static const struct ifm_option et_options[] = {
    { "threads", IFM_OPT_INT, AT(threads), "0", 0, 1024, nullptr, "N",
      "threads of the pool that kernels and backends share; 0: the library's choice", 0 },
    { "provider", IFM_OPT_STRING, AT(provider), nullptr, 0, 64, nullptr, "NAME",
      "backend that the program must have been exported for (xnnpack, portable)", 0 },
    { "strict", IFM_OPT_BOOL, AT(strict), "false", 0, 0, nullptr, nullptr,
      "refuse a program of which any operator runs outside --provider", 0 },
    { "etdump", IFM_OPT_STRING, AT(etdump), nullptr, 0, 0, nullptr, "FILE",
      "with a profile: also write the library's own trace (ETDump) there", 0 },
    IFM_OPTION_END,
};

static void log_message(et_timestamp_t, et_pal_log_level_t level, const char *, const char *,
                        size_t, const char *message, size_t length)
{
    if ((level == kError || level == kFatal) && vendor_said.empty()) {
        vendor_said.assign(message, length);
    }
    if (et_host) {
        et_host->log(et_host->context, level == kFatal ? IFM_LOG_ERROR : IFM_LOG_DEBUG, "%.*s",
                     static_cast<int>(length), message);
    }
}

void et_check(er::Error error, const char *doing)
{
    if (error == er::Error::Ok) {
        return;
    }
    const char *name = strstr(er::to_string(error), "::");
    const std::string why = vendor_said.empty() ? (name ? name + 2 : "unknown error") : vendor_said;
    vendor_said.clear();
    throw problem(std::string(doing) + ": " + first_line(why.c_str()));
}

const char *et_provider_of(const pte_call &call)
{
    return !call.delegate ? (call.name.rfind("quantized", 0) == 0 ? "quantized" : "portable")
           : call.name == "XnnpackBackend" ? "xnnpack"
                                           : call.name.c_str();
}

static int et_probe(void *, struct ifm_runtime_info *info)
{
    bool quantized = false;
    for (const er::Kernel &kernel : er::get_registered_kernels()) {
        quantized = quantized || strncmp(kernel.name_, "quantized", 9) == 0;
    }
    std::string list = quantized ? "portable,quantized" : "portable";
    for (size_t i = 0; i < er::get_num_registered_backends(); i++) {
        const auto name = er::get_backend_name(i);
        pte_call call;
        call.name = name.ok() ? *name : "";
        call.delegate = true;
        list += std::string(",") + et_provider_of(call);
    }
    snprintf(info->providers, sizeof info->providers, "%s", list.c_str());
    snprintf(info->version, sizeof info->version, "%s", IFM_VENDOR_VERSION);
    snprintf(info->library, sizeof info->library, "libexecutorch.so");
    return 0;
}

/* -- Opening
 * --------------------------------------------------------------------------------------------- */
static void read_plan(et_live &l)
{
    const auto size = l.loader->size();
    et_check(size.error(), "the model");
    auto all = l.loader->load(0, *size, executorch::runtime::DataLoader::SegmentInfo());
    et_check(all.error(), "the model");
    l.plan = pte_read(static_cast<const uint8_t *>(all->data()), all->size(), "forward");
}

/* A program says at export what it runs on: a provider that it was not exported for is never used.
 */
static void check_provider(const et_state *s, const et_live &l)
{
    size_t inside = 0, outside = 0;
    const char *stranger = "";
    for (const pte_call &call : l.plan.calls) {
        const bool here =
            !call.control && s->provider && strcmp(et_provider_of(call), s->provider) == 0;
        inside += here;
        outside += !here && !call.control;
        stranger = !here && !call.control && !*stranger ? call.name.c_str() : stranger;
    }
    if (s->strict && !s->provider) {
        throw problem("--strict needs --provider: which backend shall compute everything?");
    }
    if (s->provider && inside == 0) {
        throw problem("no operator of this program runs on '" + std::string(s->provider) +
                      "': that is decided when a program is exported; export it for that backend");
    }
    if (s->strict && outside > 0) {
        throw problem(std::to_string(outside) + " of " + std::to_string(inside + outside) +
                      " calls run outside of " + s->provider + " (first: " + stranger +
                      ") and --strict refuses that");
    }
}

std::unique_ptr<et_method> et_load(et_live &l, er::EventTracer *tracer)
{
    auto m = std::make_unique<et_method>();
    auto meta = l.program->method_meta("forward");
    et_check(meta.error(), "the program has no method 'forward'");
    for (size_t i = 0; i < meta->num_memory_planned_buffers(); i++) {
        const auto size = meta->memory_planned_buffer_size(i);
        if (!size.ok() || *size < 0 || *size > (int64_t(1) << 40)) {
            throw problem("the program is damaged: a planned buffer has no possible size");
        }
        m->buffers.emplace_back(static_cast<size_t>(*size));
        m->spans.emplace_back(m->buffers.back().data(), m->buffers.back().size());
    }
    m->planned = std::make_unique<er::HierarchicalAllocator>(
        er::Span<er::Span<uint8_t>>(m->spans.data(), m->spans.size()));
    m->manager =
        std::make_unique<er::MemoryManager>(&m->structures, m->planned.get(), &m->temporary);
    vendor_said.clear();
    auto method = l.program->load_method("forward", m->manager.get(), tracer);
    et_check(method.error(), "ExecuTorch cannot load the program");
    m->method = std::make_unique<er::Method>(std::move(*method));
    m->outputs.resize(meta->num_outputs());
    for (size_t i = 0; i < meta->num_outputs(); i++) {
        const auto info = meta->output_tensor_meta(i);
        if (info.ok() && !info->is_memory_planned() && m->method->get_output(i).isTensor() &&
            !m->method->get_output(i).toTensor().const_data_ptr()) {
            m->outputs[i].resize(info->nbytes());
            et_check(m->method->set_output_data_ptr(m->outputs[i].data(), info->nbytes(), i),
                     "outputs");
        }
    }
    return m;
}

static int et_open(void *state, const char *model_path)
{
    auto *s = static_cast<struct et_state *>(state);
    return fence(et_host, "", [&] {
        using executorch::extension::MmapDataLoader;
        struct stat file;
        s->live = new et_live();
        et_live &l = *s->live;
        if (stat(model_path, &file) != 0 || file.st_size < 64) {
            throw problem("this is no ExecuTorch program: the file is too short or cannot be read");
        }
        auto loader = MmapDataLoader::from(model_path, MmapDataLoader::MlockConfig::NoMlock);
        et_check(loader.error(), "cannot read the model");
        l.loader = std::make_unique<MmapDataLoader>(std::move(*loader));
        auto program =
            er::Program::load(l.loader.get(), er::Program::Verification::InternalConsistency);
        et_check(program.error(), "ExecuTorch cannot read the program");
        l.program = std::make_unique<er::Program>(std::move(*program));
        read_plan(l);
        check_provider(s, l);
        if (s->threads > 0 &&
            !pool::get_threadpool()->_unsafe_reset_threadpool(uint32_t(s->threads))) {
            throw problem("the thread pool cannot be set to " + std::to_string(s->threads));
        }
        et_describe_all(l);
        l.main = et_load(l, nullptr);
        return 0;
    });
}

static int et_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                       const struct ifm_tensor_info **outputs, size_t *output_count)
{
    const et_live &l = *static_cast<struct et_state *>(state)->live;
    *inputs = l.in.data();
    *input_count = l.in.size();
    *outputs = l.out.data();
    *output_count = l.out.size();
    return 0;
}

/* Tensors of a program that were exported with bounds: the vendor tells the largest shape alone. */
static int et_bounds(void *state, size_t input, int64_t dims[IFM_MAX_RANK])
{
    const et_live &l = *static_cast<struct et_state *>(state)->live;
    std::copy(l.bounds[input].begin(), l.bounds[input].end(), dims);
    return 0;
}

static int et_effective(void *state, char *text, size_t text_size)
{
    auto *s = static_cast<struct et_state *>(state);
    return fence(et_host, "", [&] {
        size_t floats = 0, halves = 0, others = 0, delegates = 0;
        for (const int8_t type : s->live->plan.value_types) {
            floats += type == static_cast<int8_t>(ScalarType::Float);
            halves += type == static_cast<int8_t>(ScalarType::Half);
            others += type == static_cast<int8_t>(ScalarType::Char) ||
                      type == static_cast<int8_t>(ScalarType::Byte) ||
                      type == static_cast<int8_t>(ScalarType::BFloat16);
        }
        std::string used;
        for (const pte_call &call : s->live->plan.calls) {
            const char *name = call.control ? "" : et_provider_of(call);
            delegates += call.delegate;
            used += *name && used.find(name) == std::string::npos
                        ? (used.empty() ? "" : "+") + std::string(name)
                        : "";
        }
        /* What a backend computes in is its own affair: ExecuTorch does not tell. */
        const char *precision = delegates || others || (floats && halves) ? ""
                                : floats                                  ? "\nprecision=float32"
                                : halves                                  ? "\nprecision=float16"
                                                                          : "";
        snprintf(text, text_size, "provider=%s\nthreads=%zu%s", used.c_str(),
                 pool::get_threadpool()->get_thread_count(), precision);
        return 0;
    });
}

static void et_close(void *state)
{
    auto *s = static_cast<struct et_state *>(state);
    delete s->live;
    s->live = nullptr;
}

static const struct ifm_runtime_ops et_ops = [] {
    struct ifm_runtime_ops o = {};
    o.abi = IFM_RUNTIME_ABI;
    o.size = sizeof o;
    o.name = "executorch";
    o.summary = "ExecuTorch (programs in .pte format)";
    o.caps = IFM_CAP_PROFILE;
    o.state_size = sizeof(struct et_state);
    o.options = et_options;
    o.probe = et_probe;
    o.open = et_open;
    o.describe = et_describe;
    o.bind = et_bind;
    o.run = et_run;
    o.fetch = et_fetch;
    o.close = et_close;
    o.errdetails = et_errdetails;
    o.profile_start = et_profile_start;
    o.profile_stop = et_profile_stop;
    o.memory = et_memory;
    o.effective = et_effective;
    o.op_size = sizeof(struct ifm_op_profile);
    o.placement = et_placement;
    o.bounds = et_bounds;
    return o;
}();

} // namespace ifm

extern "C" const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *host)
{
    ifm::et_host = host;
    ifm::er::register_pal(ifm::er::PalImpl::create(ifm::log_message, __FILE__));
    ifm::er::runtime_init();
    return &ifm::et_ops;
}
