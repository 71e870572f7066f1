/* The state of the ExecuTorch module, shared by its files: opening (executorch.cpp),
 * describing (executorch_describe.cpp), running (executorch_run.cpp) and the operator profile
 * (executorch_profile.cpp).
 *
 * Threading: the measuring thread. Ownership: et_state is the host's; `live` is deleted by close.
 */
#ifndef IFM_EXECUTORCH_HPP
#define IFM_EXECUTORCH_HPP

#include <array>
#include <memory>
#include <vector>
#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include "agents/runtimes/executorch_plan.hpp"
#include "agents/runtimes/shim.hpp"

namespace ifm
{

namespace er = executorch::runtime;

/* Counts what a method takes: the vendor's allocator for methods gives nothing back before its end.
 */
class counting_allocator : public executorch::extension::MallocMemoryAllocator
{
  public:
    void *allocate(size_t size, size_t alignment = kDefaultAlignment) override
    {
        now += static_cast<int64_t>(size);
        peak = now > peak ? now : peak;
        return MallocMemoryAllocator::allocate(size, alignment);
    }
    void reset() override
    {
        now = 0;
        MallocMemoryAllocator::reset();
    }
    int64_t now = 0, peak = 0; /* bytes */
};

/* One loaded method with all memory that it works in. */
struct et_method {
    counting_allocator structures, temporary;
    std::vector<std::vector<uint8_t>> buffers; /* as the program planned them */
    std::vector<er::Span<uint8_t>> spans;
    std::unique_ptr<er::HierarchicalAllocator> planned;
    std::unique_ptr<er::MemoryManager> manager;
    std::vector<std::vector<uint8_t>> outputs; /* of those that no plan has a place for */
    std::unique_ptr<er::Method> method;
};

/* Values of the inputs as the vendor takes them: views of the host's arrays. */
struct et_input {
    std::vector<er::etensor::TensorImpl::SizesType> sizes, strides;
    std::vector<er::etensor::TensorImpl::DimOrderType> order;
    std::unique_ptr<er::etensor::TensorImpl> tensor;
    std::vector<char> dense; /* the host's array in another order of dimensions */
};

class et_tracer; /* executorch_profile.cpp */
struct et_tracer_deleter {
    void operator()(et_tracer *tracer) const;
};

struct et_live {
    std::unique_ptr<executorch::extension::MmapDataLoader> loader;
    std::unique_ptr<er::Program> program;
    pte_plan plan;
    std::unique_ptr<et_method> main, profiled;
    std::vector<std::string> names; /* of inputs, then outputs */
    std::vector<struct ifm_tensor_info> in, out;
    std::vector<struct ifm_tensor> results;
    std::vector<std::vector<char>> dense; /* outputs whose dimensions lie in another order */
    std::vector<std::array<int64_t, IFM_MAX_RANK>> bounds;
    std::vector<et_input> inputs;
    std::vector<er::EValue> values;
    std::vector<int64_t> scalars; /* results that are no arrays */
    std::unique_ptr<et_tracer, et_tracer_deleter> tracer;
    std::string failure;
};

struct et_state {
    int64_t threads;
    const char *provider;
    bool strict;
    const char *etdump;
    struct et_live *live;
};

extern const struct ifm_host *et_host;
const char *et_provider_of(const pte_call &call);  /* as users know it */
void et_check(er::Error error, const char *doing); /* throws ifm::problem */
std::unique_ptr<et_method> et_load(et_live &l, er::EventTracer *tracer);
void et_describe_all(et_live &l);
int et_bind(void *state, const struct ifm_tensor *inputs, size_t input_count);
int et_run(void *state);
int et_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count);
const char *et_errdetails(void *state);
int et_memory(void *state, int64_t *allocator_peak_bytes);
int et_placement(void *state, struct ifm_placement *rows, size_t *row_count);
int et_execute(et_live &l, et_method &m); /* 0, or -1 with l.failure */
enum ifm_dtype et_dtype(er::etensor::ScalarType type);
int et_profile_start(void *state);
int et_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);

} // namespace ifm
#endif
