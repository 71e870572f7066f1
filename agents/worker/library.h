/* Which vendor library computes: its file, how it was found, its hash, and how many bytes of it and of
 * the files beside it this process has mapped.
 *
 * Threading: one thread, outside the timed loop. Ownership: fills allocated texts of a zeroed struct
 * that ifm_library_done frees. What the system does not tell stays NULL or ABSENT; it is no error. */
#ifndef IFM_LIBRARY_H
#define IFM_LIBRARY_H

#include "agents/worker/registry.h"
#include "core/msg.h"

/* hash: read the whole file for its SHA-256 (tens of milliseconds); never in a measurement. */
void ifm_library_describe(const struct ifm_registry_module *module,
                          const struct ifm_runtime_info *info, bool hash,
                          struct ifm_msg_library *out);
/* Bytes of all files mapped from the library's own folders; again after the model is loaded, because
 * runtimes load their parts late. */
int64_t ifm_library_mapped_bytes(const struct ifm_registry_module *module, const char *path);
void ifm_library_done(struct ifm_msg_library *library);

#endif
