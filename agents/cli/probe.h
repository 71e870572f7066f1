/* Asks a worker about a runtime or a model, without measuring: what `runtime list`, `inspect` and
 * the bare command show. Each question is a process of its own, because only workers load vendor
 * libraries.
 *
 * Threading: one thread. Ownership: ifm_probe_done frees. Errors: the worker's own sentence and
 * exit code. */
#ifndef IFM_PROBE_H
#define IFM_PROBE_H

#include "core/msg.h"

struct ifm_probe {
    char *version, *providers, *library, *effective;
    struct ifm_msg_library library_file; /* which file it is, with its hash */
    struct ifm_list inputs, outputs; /* ifm_msg_tensor; of a model */
    int64_t load_ns;
};
int ifm_probe_runtime(const char *runtime, struct ifm_probe *out, struct ifm_err *err);
/* One installed version; NULL: the default. */
int ifm_probe_version(const char *runtime, const char *version, struct ifm_probe *out,
                      struct ifm_err *err);
/* options: the runtime's own, as typed */
int ifm_probe_model(const char *runtime, const char *model, const struct ifm_map *options,
                    struct ifm_probe *out, struct ifm_err *err);
void ifm_probe_done(struct ifm_probe *probe);

#endif
