/* What an ExecuTorch program (.pte) says of itself that the vendor's calls do not tell: which
 * operator or backend each instruction of a method calls, and which tensors may be smaller than
 * they are described. A reader of that part of the flatbuffer alone; the file inspector
 * (agents/model) reads the whole of it.
 *
 * Threading: none of its own. Ownership: plan owns its texts. Errors: a file whose offsets lead
 * outside of it throws ifm::problem; an absent method gives an empty plan. Field numbers:
 * ExecuTorch, schema/program.fbs. */
#ifndef IFM_EXECUTORCH_PLAN_HPP
#define IFM_EXECUTORCH_PLAN_HPP

#include <cstdint>
#include <string>
#include <vector>

namespace ifm
{

struct pte_call {
    std::string name;      /* "aten::add.out", or the backend's name */
    bool delegate = false; /* the whole call is a backend's */
    bool control = false;  /* moves, jumps and frees: nothing is computed */
};

struct pte_plan {
    std::vector<pte_call> calls;     /* one for each instruction, in order */
    std::vector<bool> input_dynamic; /* sizes are upper bounds */
    std::vector<int8_t> value_types; /* scalar type of each tensor value */
};

pte_plan pte_read(const uint8_t *data, size_t size, const std::string &method);

} // namespace ifm
#endif
