/* libtorch: TorchScript archives (.pt, .jit) and AOTInductor packages (.pt2), compiled against the installed
 * version's headers. A package holds machine code that is loaded and run: it is a program, not data.
 * TorchScript tells the names of its inputs, not their types and shapes: those come from the user. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include "agents/runtimes/libtorch.hpp"

namespace ifm {

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

/* A TorchScript error ends in the line that says what went wrong; others begin with it. */
std::string torch_sentence(const std::exception &e)
{
    const auto *own = dynamic_cast<const c10::Error *>(&e);
    std::string text = own ? own->what_without_backtrace() : e.what();
    if (text.find("constants.pkl") != std::string::npos) {
        return "this is no TorchScript: the file holds data without code (a state dict?); save it with "
               "torch.jit.save";
    }
    if (text.find("PytorchStreamReader failed") != std::string::npos) {
        return "the file is damaged or no TorchScript archive (" + first_line(text.c_str()) + ")";
    }
    if (text.find("TorchScript interpreter") != std::string::npos) {
        while (!text.empty() && strchr("\n\r ", text.back())) {
            text.pop_back();
        }
        const size_t line = text.rfind('\n');
        text = line == std::string::npos ? text : text.substr(line + 1);
    }
    return first_line(text.c_str());
}

static const struct {
    at::ScalarType torch;
    enum ifm_dtype ours;
} dtypes[] = {
    { at::kFloat, IFM_DTYPE_F32 },    { at::kDouble, IFM_DTYPE_F64 }, { at::kHalf, IFM_DTYPE_F16 },
    { at::kBFloat16, IFM_DTYPE_BF16 }, { at::kChar, IFM_DTYPE_I8 },   { at::kShort, IFM_DTYPE_I16 },
    { at::kInt, IFM_DTYPE_I32 },      { at::kLong, IFM_DTYPE_I64 },   { at::kByte, IFM_DTYPE_U8 },
    { at::kUInt16, IFM_DTYPE_U16 },   { at::kUInt32, IFM_DTYPE_U32 }, { at::kUInt64, IFM_DTYPE_U64 },
    { at::kBool, IFM_DTYPE_BOOL },
};
enum ifm_dtype torch_dtype(at::ScalarType type)
{
    for (const auto &row : dtypes) {
        if (row.torch == type) {
            return row.ours;
        }
    }
    return IFM_DTYPE_NONE;
}
bool torch_scalar_type(enum ifm_dtype type, at::ScalarType *out)
{
    for (const auto &row : dtypes) {
        if (row.ours == type) {
            *out = row.torch;
            return true;
        }
    }
    return false;
}

static int torch_probe(void *, struct ifm_runtime_info *info)
{
    snprintf(info->providers, sizeof info->providers, "cpu");
    snprintf(info->version, sizeof info->version, "%s", IFM_VENDOR_VERSION);
    snprintf(info->library, sizeof info->library, "libtorch_cpu.so");
    return 0;
}

/* -- Opening --------------------------------------------------------------------------------------------- */
/* Both are zip archives; a package names its folder of compiled code in the list at the end of the file. */
static bool is_package(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        throw problem(std::string("cannot read ") + path);
    }
    std::string tail(262144, '\0');
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    const long from = size > static_cast<long>(tail.size()) ? size - static_cast<long>(tail.size()) : 0;
    fseek(file, from, SEEK_SET);
    tail.resize(fread(tail.data(), 1, tail.size(), file));
    fseek(file, 0, SEEK_SET);
    char magic[4] = { 0 };
    const bool zip = fread(magic, 1, 4, file) == 4 && memcmp(magic, "PK\3\4", 4) == 0;
    fclose(file);
    if (!zip) {
        throw problem("this is no TorchScript archive and no .pt2 package: both are zip archives");
    }
    return tail.find("data/aotinductor/") != std::string::npos;
}

static void add_info(torch_live &l, const std::string &name, enum ifm_dtype dtype, bool array, bool input)
{
    struct ifm_tensor_info t = {};
    t.dtype = dtype;
    t.rank = array ? -1 : 0;
    l.names.push_back(name);
    (input ? l.in : l.out).push_back(t);
}

static void describe_type(torch_live &l, const std::string &name, const c10::TypePtr &type, bool input)
{
    const bool array = type->isSubtypeOf(*c10::TensorType::get()) ||
                       type->isSubtypeOf(*c10::OptionalType::ofTensor());
    add_info(l, name,
             type->kind() == c10::TypeKind::IntType     ? IFM_DTYPE_I64
             : type->kind() == c10::TypeKind::FloatType ? IFM_DTYPE_F64
             : type->kind() == c10::TypeKind::BoolType  ? IFM_DTYPE_BOOL
                                                        : IFM_DTYPE_NONE,
             array || !input, input);
}

/* Arguments that have a default keep it. */
static void describe_script(torch_live &l)
{
    const auto method = l.script->find_method("forward");
    if (!method) {
        throw problem("the TorchScript module has no method 'forward'");
    }
    const c10::FunctionSchema &schema = method->function().getSchema();
    for (size_t i = 1; i < schema.arguments().size(); i++) {
        const c10::Argument &argument = schema.arguments()[i];
        if (!argument.default_value()) {
            describe_type(l, argument.name(), argument.type(), true);
        }
    }
    const auto &type = schema.returns().empty() ? c10::NoneType::get() : schema.returns()[0].type();
    const auto tuple = type->cast<c10::TupleType>();
    for (size_t i = 0; i < (tuple ? tuple->elements().size() : 1); i++) {
        describe_type(l, "output" + std::to_string(i), tuple ? tuple->elements()[i] : type, false);
    }
}

/* A package knows its inputs as leaves of the arguments of the exported function. */
static void describe_package(torch_live &l)
{
    const auto spec = l.package->get_call_spec();
    for (size_t side = 0; side < 2; side++) {
        size_t leaves = 0;
        for (size_t at = side < spec.size() ? spec[side].find("\"type\": null") : std::string::npos;
             at != std::string::npos; at = spec[side].find("\"type\": null", at + 1)) {
            add_info(l, (side == 0 ? "input" : "output") + std::to_string(leaves++), IFM_DTYPE_NONE, true,
                     side == 0);
        }
    }
}

static void open_script(torch_state *s, const char *path)
{
    torch_live &l = *s->live;
    torch::jit::getProfilingMode() = s->profiling_executor;
    l.script = std::make_unique<torch::jit::Module>(torch::jit::load(path, c10::Device(c10::kCPU)));
    l.script->eval();
    if (s->optimize != 0) {
        *l.script = s->optimize == 1 ? torch::jit::freeze(*l.script)
                                     : torch::jit::optimize_for_inference(*l.script);
    }
    for (const at::Tensor &t : l.script->parameters()) {
        l.weights_bytes += static_cast<int64_t>(t.nbytes());
    }
    for (const at::Tensor &t : l.script->buffers()) {
        l.weights_bytes += static_cast<int64_t>(t.nbytes());
    }
    describe_script(l);
}

static int torch_open(void *state, const char *model_path)
{
    auto *s = static_cast<torch_state *>(state);
    static bool inter_set; /* once in a process */
    return torch_fence("", [&] {
        s->live = new torch_live();
        if (strcmp(s->provider, "cpu") != 0) {
            throw problem(std::string("libtorch computes on cpu here; there is no provider '") + s->provider + "'",
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
        if (is_package(model_path)) {
            /* Without this a package reads beyond an input of another shape and answers all the same. */
            setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 1);
            l.package = std::make_unique<torch::inductor::AOTIModelPackageLoader>(model_path, "model",
                                                                                  s->single_threaded);
            describe_package(l);
        } else {
            open_script(s, model_path);
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

/* -- Afterwards ------------------------------------------------------------------------------------------ */
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
        snprintf(text, text_size, "provider=cpu\nthreads=%d\ninter-threads=%zu\ninference-mode=%s%s%s",
                 at::get_num_threads(), static_cast<size_t>(at::get_num_interop_threads()),
                 s->inference_mode ? "on" : "off", script, precision_of(*s->live));
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
    return o;
}();

} // namespace ifm

extern "C" const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *host)
{
    ifm::torch_host = host;
    return &ifm::torch_ops;
}
