/* The state of the libtorch module, shared by its files: the slots (libtorch.cpp), opening
 * (libtorch_open.cpp), running and
 * reading outputs (libtorch_run.cpp) and the operator profile (libtorch_profile.cpp).
 *
 * Threading: the measuring thread; libtorch has threads of its own. Ownership: torch_state is the
 * host's; `live` is deleted by close. */
#ifndef IFM_LIBTORCH_HPP
#define IFM_LIBTORCH_HPP

#include <memory>
#include <string>
#include <vector>
#include <ATen/core/ivalue.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/api/module.h>
#include "agents/runtimes/shim.hpp"

namespace ifm
{

struct torch_profile; /* libtorch_profile.cpp */
struct torch_profile_deleter {
    void operator()(torch_profile *profile) const;
};

struct torch_live {
    std::unique_ptr<torch::jit::Module> script; /* one of these two is there */
    std::unique_ptr<torch::inductor::AOTIModelPackageLoader> package;
    std::vector<std::string> names;
    std::vector<struct ifm_tensor_info> in, out;
    std::vector<c10::IValue> values; /* inputs: views of the host's arrays */
    std::vector<at::Tensor> tensors; /* the same for a package */
    std::unique_ptr<c10::InferenceMode> inference;
    c10::IValue result;
    std::vector<at::Tensor> results; /* of a package */
    std::vector<at::Tensor> kept;    /* what fetch handed out */
    std::vector<std::string> result_names;
    std::vector<struct ifm_tensor> outputs;
    std::unique_ptr<torch_profile, torch_profile_deleter> profile;
    bool ran = false;
    int64_t weights_bytes = 0, peak_bytes = 0;
    std::string failure;
};

struct torch_state {
    int64_t threads, inter_threads;
    const char *provider;
    bool inference_mode, profiling_executor, single_threaded;
    int optimize;
    struct torch_live *live;
};

extern const struct ifm_host *torch_host;
enum ifm_dtype torch_dtype(at::ScalarType type);
bool torch_scalar_type(enum ifm_dtype type, at::ScalarType *out); /* false: no such type */
/* What libtorch throws becomes one sentence: its messages are several lines of traces and advice.
 */
std::string torch_sentence(const std::exception &e);
template <class Body> int torch_fence(const char *context, Body body) noexcept
{
    return fence(torch_host, context, [&] {
        try {
            return body();
        } catch (const problem &) {
            throw;
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &e) {
            throw problem(torch_sentence(e));
        }
    });
}

bool torch_is_package(const char *path); /* .pt2, as against TorchScript */
void torch_open_script(torch_state *s, const char *path);
void torch_describe_package(torch_live &l);
int torch_bind(void *state, const struct ifm_tensor *inputs, size_t input_count);
int torch_run(void *state);
int torch_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count);
const char *torch_errdetails(void *state);
int torch_memory(void *state, int64_t *allocator_peak_bytes);
void torch_profile_begin(torch_profile &profile); /* one profiled inference starts */
int torch_profile_start(void *state);
int torch_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);

} // namespace ifm
#endif
