/* libtorch: TorchScript archives (.pt, .jit) and AOTInductor packages (.pt2), compiled against the
 * installed version's headers. A package holds machine code that is loaded and run: it is a
 * program, not data. TorchScript tells the names of its inputs, not their types and shapes: those
 * come from the user. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include "agents/runtimes/libtorch.hpp"

namespace ifm
{

const struct ifm_host *torch_host;

#define AT(field) offsetof(struct torch_state, field)
static const struct ifm_option torch_options[] = {
    { "threads", IFM_OPT_INT, AT(threads), "0", 0, 1024, nullptr, "N",
      "threads inside an operator; 0: as many as physical cores", 0 },
    { "inter-threads", IFM_OPT_INT, AT(inter_threads), "0", 0, 1024, nullptr, "N",
      "threads between operators (fork in TorchScript); 0: the library's choice", 0 },
    { "provider", IFM_OPT_STRING, AT(provider), "cpu", 0, 64, nullptr, "NAME", "device: cpu", 0 },
    { "inference-mode", IFM_OPT_BOOL, AT(inference_mode), "true", 0, 0, nullptr, nullptr,
      "without what only training needs (as torch.inference_mode)", 0 },
    { "profiling-executor", IFM_OPT_BOOL, AT(profiling_executor), "true", 0, 0, nullptr, nullptr,
      "let TorchScript watch its first inferences and compile anew for what it saw", 0 },
    { "optimize", IFM_OPT_CHOICE, AT(optimize), "none", 0, 0, "none|freeze|inference", "HOW",
      "TorchScript: as saved, weights frozen, or torch.jit.optimize_for_inference", 0 },
    { "single-threaded", IFM_OPT_BOOL, AT(single_threaded), "false", 0, 0, nullptr, nullptr,
      "packages (.pt2): without the locks that several callers at once need", 0 },
    IFM_OPTION_END,
};

static int torch_probe(void *, struct ifm_runtime_info *info)
{
    snprintf(info->providers, sizeof info->providers, "cpu");
    snprintf(info->version, sizeof info->version, "%s", IFM_VENDOR_VERSION);
    snprintf(info->library, sizeof info->library, "libtorch_cpu.so");
    return 0;
}

/* -- Opening
 * --------------------------------------------------------------------------------------------- */
static int torch_open(void *state, const char *model_path)
{
    auto *s = static_cast<torch_state *>(state);
    static bool inter_set; /* once in a process */
    return torch_fence("", [&] {
        s->live = new torch_live();
        if (strcmp(s->provider, "cpu") != 0) {
            throw problem(std::string("libtorch computes on cpu here; there is no provider '") +
                              s->provider + "'",
                          IFM_RUNTIME_UNAVAILABLE);
        }
        if (s->threads > 0) {
            at::set_num_threads(static_cast<int>(s->threads));
        }
        if (s->inter_threads > 0 && !inter_set) {
            at::set_num_interop_threads(static_cast<int>(s->inter_threads));
            inter_set = true;
        }
        torch_live &l = *s->live;
        if (torch_is_package(model_path)) {
            /* Without this a package reads beyond an input of another shape and answers all the
             * same. */
            setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 1);
            l.package = std::make_unique<torch::inductor::AOTIModelPackageLoader>(
                model_path, "model", s->single_threaded);
            torch_describe_package(l);
        } else {
            torch_open_script(s, model_path);
        }
        if (l.in.size() > IFM_MAX_TENSORS) {
            throw problem("the model has more than 64 inputs");
        }
        for (size_t i = 0; i < l.names.size(); i++) {
            (i < l.in.size() ? l.in[i] : l.out[i - l.in.size()]).name = l.names[i].c_str();
        }
        return 0;
    });
}

static int torch_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                          const struct ifm_tensor_info **outputs, size_t *output_count)
{
    const torch_live &l = *static_cast<torch_state *>(state)->live;
    *inputs = l.in.data();
    *input_count = l.in.size();
    *outputs = l.out.data();
    *output_count = l.out.size();
    return 0;
}

/* -- Afterwards
 * ------------------------------------------------------------------------------------------ */
static const char *precision_of(const torch_live &l)
{
    bool single = false, half = false, brain = false;
    if (!l.script) {
        return "";
    }
    for (const at::Tensor &t : l.script->parameters()) {
        single = single || t.scalar_type() == at::kFloat;
        half = half || t.scalar_type() == at::kHalf;
        brain = brain || t.scalar_type() == at::kBFloat16;
    }
    return single + half + brain > 1 ? "\nprecision=mixed"
           : single                  ? "\nprecision=float32"
           : half                    ? "\nprecision=float16"
           : brain                   ? "\nprecision=bfloat16"
                                     : "";
}

static int torch_effective(void *state, char *text, size_t text_size)
{
    auto *s = static_cast<torch_state *>(state);
    static const char *const how[] = { "none", "freeze", "inference" };
    return torch_fence("", [&] {
        char script[96] = "";
        if (s->live->script) {
            snprintf(script, sizeof script, "\noptimize=%s\njit-executor=%s\njit-profiled-runs=%zu",
                     how[s->optimize], s->profiling_executor ? "profiling" : "simple",
                     s->profiling_executor ? torch::jit::getNumProfiledRuns().load() : 0);
        }
        snprintf(text, text_size,
                 "provider=cpu\nthreads=%d\ninter-threads=%zu\ninference-mode=%s%s%s",
                 at::get_num_threads(), static_cast<size_t>(at::get_num_interop_threads()),
                 s->inference_mode ? "on" : "off", script, precision_of(*s->live));
        return 0;
    });
}

static uint64_t count_operators(const torch::jit::Block *block)
{
    uint64_t count = 0;
    for (const torch::jit::Node *node : block->nodes()) {
        count += !node->kind().is_prim(); /* prim: constants, tuples, control flow */
        for (const torch::jit::Block *inner : node->blocks()) {
            count += count_operators(inner);
        }
    }
    return count;
}

/* One device: what is told is how many operators a script has. A package was compiled and does not
 * tell. */
static int torch_placement(void *state, struct ifm_placement *rows, size_t *row_count)
{
    const torch_live &l = *static_cast<torch_state *>(state)->live;
    return torch_fence("placement", [&] {
        uint64_t count = 0;
        if (l.script) {
            const auto graph = l.script->get_method("forward").graph()->copy();
            torch::jit::Inline(*graph);
            count = count_operators(graph->block());
        }
        if (*row_count > 0) {
            rows[0] = {};
            snprintf(rows[0].provider, sizeof rows[0].provider, "cpu");
            rows[0].operators = count;
            *row_count = 1;
        }
        return 0;
    });
}

static void torch_close(void *state)
{
    auto *s = static_cast<torch_state *>(state);
    std::string ignored;
    guard(ignored, [&] {
        delete s->live;
        return 0;
    });
    s->live = nullptr;
}

static const struct ifm_runtime_ops torch_ops = [] {
    struct ifm_runtime_ops o = {};
    o.abi = IFM_RUNTIME_ABI;
    o.size = sizeof o;
    o.name = "libtorch";
    o.summary = "libtorch (TorchScript .pt and .jit, AOTInductor .pt2)";
    o.caps = IFM_CAP_PROFILE;
    o.state_size = sizeof(struct torch_state);
    o.options = torch_options;
    o.probe = torch_probe;
    o.open = torch_open;
    o.describe = torch_describe;
    o.bind = torch_bind;
    o.run = torch_run;
    o.fetch = torch_fetch;
    o.close = torch_close;
    o.errdetails = torch_errdetails;
    o.profile_start = torch_profile_start;
    o.profile_stop = torch_profile_stop;
    o.memory = torch_memory;
    o.effective = torch_effective;
    o.op_size = sizeof(struct ifm_op_profile);
    o.placement = torch_placement;
    return o;
}();

} // namespace ifm

extern "C" const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *host)
{
    ifm::torch_host = host;
    return &ifm::torch_ops;
}
