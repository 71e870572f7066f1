/* Files of libtorch: which of the two formats, what they say of inputs and outputs, and what is
 * said of them when they cannot be read. */
#include <cstdio>
#include <cstring>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include "agents/runtimes/libtorch.hpp"

namespace ifm
{

/* A TorchScript error ends in the line that says what went wrong; others begin with it. */
std::string torch_sentence(const std::exception &e)
{
    const auto *own = dynamic_cast<const c10::Error *>(&e);
    std::string text = own ? own->what_without_backtrace() : e.what();
    if (text.find("constants.pkl") != std::string::npos) {
        return "this is no TorchScript: the file holds data without code (a state dict?); save it "
               "with "
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
    { at::kFloat, IFM_DTYPE_F32 },  { at::kDouble, IFM_DTYPE_F64 },
    { at::kHalf, IFM_DTYPE_F16 },   { at::kBFloat16, IFM_DTYPE_BF16 },
    { at::kChar, IFM_DTYPE_I8 },    { at::kShort, IFM_DTYPE_I16 },
    { at::kInt, IFM_DTYPE_I32 },    { at::kLong, IFM_DTYPE_I64 },
    { at::kByte, IFM_DTYPE_U8 },    { at::kUInt16, IFM_DTYPE_U16 },
    { at::kUInt32, IFM_DTYPE_U32 }, { at::kUInt64, IFM_DTYPE_U64 },
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

/* Both are zip archives; a package names its folder of compiled code in the list at the end of the
 * file. */
bool torch_is_package(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        throw problem(std::string("cannot read ") + path);
    }
    std::string tail(262144, '\0');
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    const long from =
        size > static_cast<long>(tail.size()) ? size - static_cast<long>(tail.size()) : 0;
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

static void add_info(torch_live &l, const std::string &name, enum ifm_dtype dtype, bool array,
                     bool input)
{
    struct ifm_tensor_info t = {};
    t.dtype = dtype;
    t.rank = array ? -1 : 0;
    l.names.push_back(name);
    (input ? l.in : l.out).push_back(t);
}

static void describe_type(torch_live &l, const std::string &name, const c10::TypePtr &type,
                          bool input)
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
void torch_describe_package(torch_live &l)
{
    const auto spec = l.package->get_call_spec();
    for (size_t side = 0; side < 2; side++) {
        size_t leaves = 0;
        for (size_t at = side < spec.size() ? spec[side].find("\"type\": null") : std::string::npos;
             at != std::string::npos; at = spec[side].find("\"type\": null", at + 1)) {
            add_info(l, (side == 0 ? "input" : "output") + std::to_string(leaves++), IFM_DTYPE_NONE,
                     true, side == 0);
        }
    }
}

void torch_open_script(torch_state *s, const char *path)
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

} // namespace ifm
