/* Finds, loads and checks runtime modules, and lends them the host calls. One module a process.
 *
 * Modules are ifm_rt_<name>.so in $INFEROMETER_MODULE_DIR, else in ../lib/inferometer beside the
 * program's folder; names are [a-z0-9_], so that no name leaves that folder. Threading: one thread;
 * the host's log call may come from any. Ownership: the struct must not move while the module is
 * open. */
#ifndef IFM_REGISTRY_H
#define IFM_REGISTRY_H

#include "core/installed.h"
#include "core/log.h"
#include "inferometer/runtime.h"

#define IFM_REGISTRY_NAME_MAX 32

struct ifm_registry_module {
    void *handle;
    struct ifm_runtime_ops ops; /* a copy: slots that an older module does not know are NULL */
    void *state;
    struct ifm_host host;
    struct ifm_installed installed;
    const struct ifm_log *log;
    struct ifm_err said;      /* sentence of the latest host->fail */
    struct ifm_strings split; /* texts of list options, cut at their commas */
};

/* "ort" -> "onnxruntime"; any other word is returned as it is. */
const char *ifm_registry_alias(const char *name);
/* Where modules lie. */
int ifm_registry_folder(char *folder, size_t size, struct ifm_err *err);
/* Names of the modules that are there, sorted; freed by ifm_registry_names_done. */
int ifm_registry_names(struct ifm_strings *names, struct ifm_err *err);
void ifm_registry_names_done(struct ifm_strings *names);

/* Loads module `name`; library: another vendor library than the installed one, or NULL; version: an
 * installed one, NULL for the newest. An unknown
 * name fails with IFM_ERR_USAGE and names the known ones. The module is not dlclosed: vendor
 * threads may still run. */
int ifm_registry_open(struct ifm_registry_module *m, const char *name, const char *library,
                      const struct ifm_log *log, struct ifm_err *err);
int ifm_registry_open_version(struct ifm_registry_module *m, const char *name, const char *library,
                              const char *version, const struct ifm_log *log, struct ifm_err *err);
/* Writes defaults and the options given into the module's state. A list option takes several items
 * in one text, separated by commas. `options` must outlive the module. */
int ifm_registry_options(struct ifm_registry_module *m, const struct ifm_map *options,
                         struct ifm_err *err);
/* Closes the state and begins another one with the same options, in the same process; to be probed
 * again. Only where a second session is what is measured. */
int ifm_registry_restart(struct ifm_registry_module *m, const struct ifm_map *options,
                         struct ifm_err *err);
/* Calls the module's close once and frees the state. Accepts a half-open or zeroed struct. */
void ifm_registry_close(struct ifm_registry_module *m);

/* ABI, size, required slots, what each capability needs, option rows: names what is missing. */
int ifm_registry_check(const struct ifm_runtime_ops *ops, const char *name, struct ifm_err *err);
/* Turns a slot's failure into err: the module's sentence, or errdetails for run and sync. Returns
 * the code. */
int ifm_registry_failed(struct ifm_registry_module *m, const char *slot, int status, int code,
                        struct ifm_err *err);

#endif
