/* The inputs of a model: read from .npy files or seeded, checked against what the model says, and
 * every dimension and value that nobody gave written down as an assumption.
 *
 * Threading: one thread. Ownership: the set owns its tensors until ifm_load_done; `infos` are the
 * runtime's and must outlive it. Errors name the input, what was wanted and what was got. */
#ifndef IFM_LOAD_H
#define IFM_LOAD_H

#include "core/msg.h"
#include "inferometer/runtime.h"

#define IFM_LOAD_INPUT_MAX ((size_t)4 << 30) /* bytes of one input */

struct ifm_load {
    struct ifm_tensor tensors[IFM_MAX_TENSORS];
    size_t count;
    const char *guessed; /* first input of which a dimension was assumed; NULL: none */
    int64_t bounds[IFM_MAX_TENSORS][IFM_MAX_RANK]; /* in: the runtime's, see its slot; 0: none */
};

/* Fills every input; `out` is zeroed but for its bounds. messages gets one struct ifm_msg_tensor
 * for each, owned by the list. Dimensions that the model leaves open come from the spec's dims,
 * then from batch (the first one), then from the runtime's bounds, else are 1. An input of rank -1
 * takes shape and type of its file, or the spec's dims and float32; with neither it is an error
 * that says so. */
int ifm_load_inputs(const struct ifm_msg_spec *spec, const struct ifm_tensor_info *infos,
                    size_t count, struct ifm_load *out, struct ifm_list *messages,
                    struct ifm_err *err);
void ifm_load_done(struct ifm_load *load);

/* Describes outputs: from the model (tensors NULL), or as they came from a run; then infos may be
 * NULL, where a model did not tell how many it has. */
int ifm_load_outputs(const struct ifm_tensor_info *infos, size_t count,
                     const struct ifm_tensor *tensors, struct ifm_list *messages,
                     struct ifm_err *err);

#endif
