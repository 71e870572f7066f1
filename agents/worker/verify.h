/* Checks a model's outputs: against reference files, for NaN and infinity, and against themselves
 * before and after the timed loop. Method: measurement.md 11.
 *
 * Threading: one thread, outside the timed loop. Ownership: outputs are the runtime's, borrowed.
 * References are read and freed one by one, so that they do not count to the memory of a later
 * phase. */
#ifndef IFM_VERIFY_H
#define IFM_VERIFY_H

#include "core/judge.h"
#include "core/msg.h"
#include "inferometer/runtime.h"

struct ifm_verify_precision { /* borrowed; NULL: not known */
    const char *variant;   /* as its bundle or reader says */
    const char *effective; /* as the runtime says that it computes */
};
/* Compares every output that `expect` names, by the rule of the coarsest of the variant's, the runtime's and the
 * output's own precision; tolerances that are given win, unless they are those of a variant's precision and the
 * runtime computes in a coarser one. Sets state to VERIFIED or WRONG, or leaves NO_REFERENCE. An output name that
 * the model does not have, or a file that cannot be read, is an error; a shape or dtype that differs is a wrong
 * output. A second call replaces what the first one found, but WRONG stays WRONG. Outputs that no reference
 * names, doubtful passes and a rule that the runtime's precision decided are said in warnings. */
int ifm_verify_outputs(const struct ifm_tensor *outputs, size_t count,
                       const struct ifm_list *expect, const struct ifm_verify_precision *precision,
                       struct ifm_msg_verification *out, struct ifm_strings *warnings,
                       struct ifm_err *err);
/* Writes outputs as 0.npy, 1.npy … into folder, for a comparison with another runtime's. */
int ifm_verify_write(const struct ifm_tensor *outputs, size_t count, const char *folder,
                     struct ifm_err *err);

/* Adds a warning for each floating-point output that holds NaN or infinity. */
void ifm_verify_finite(const struct ifm_tensor *outputs, size_t count,
                       struct ifm_strings *warnings);

/* A hash over names, shapes and bytes of all outputs; equal outputs have equal hashes. Not
 * cryptographic: the worker compares it only with itself. */
uint64_t ifm_verify_hash(const struct ifm_tensor *outputs, size_t count);

#endif
