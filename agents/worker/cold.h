/* How cold a load is (measurement.md 0): pages of the model file dropped from the page cache before
 * it, and the proof of what lay there when it began.
 *
 * Files: the model and the weights that belong to it, in the same folder: "model.onnx" takes
 * "model.onnx.data" and "model.onnx_data" along, and "model.bin", "model.data", "model.weights",
 * "model.params". Compile caches are a runtime's own; none that is supported keeps one by default.
 * Threading: any thread. Errors: none; what cannot be dropped shows in `resident`, as it does where
 * the file is on a tmpfs, is mapped by another process, or is not ours (the kernel then calls every
 * page resident, so that a reader never thinks a load colder than it was). */
#ifndef IFM_COLD_H
#define IFM_COLD_H

#include "core/msg.h"

/* Writes dirty pages back, then drops all. */
void ifm_cold_evict(const char *model);
/* Counts pages and resident ones; ABSENT where the model is no regular file or cannot be mapped.
 * Reads none of them. */
void ifm_cold_look(const char *model, struct ifm_msg_cold *cold);

#endif
