#include "agents/cli/probe.h"

#include <string.h>

#include "agents/cli/cli.h"
#include "agents/executors/executor.h"
#include "core/mem.h"

#define PROBE_TIMEOUT_NS INT64_C(60000000000)

/* Names of error events are exit statuses; back to the code that has it. */
static int code_of_exit(int64_t exit_status)
{
    static const int codes[] = { IFM_ERR_USAGE,        IFM_ERR_INVALID,     IFM_ERR_NOT_FOUND,
                                 IFM_ERR_UNAVAILABLE,  IFM_ERR_INTERNAL,    IFM_ERR_IO,
                                 IFM_ERR_BUSY,         IFM_ERR_PERMISSION,  IFM_ERR_CONFIG,
                                 IFM_ERR_MEMORY_LIMIT, IFM_ERR_WRONG_OUTPUT };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (ifm_err_exit(codes[i]) == exit_status)
            return codes[i];
    return IFM_ERR_MEASUREMENT;
}

static int ask(const struct ifm_msg_spec *spec, struct ifm_probe *out, struct ifm_err *err)
{
    char worker[4096];
    struct ifm_exec_result result;
    memset(out, 0, sizeof *out);
    int rc = ifm_place_worker(worker, sizeof worker, err);
    struct ifm_executor *executor = rc ? NULL : ifm_executor_local.open(err);
    if (!executor)
        return rc ? rc : err->code;
    struct ifm_exec_request request = { .worker = worker, .spec = spec };
    rc = ifm_executor_local.run(executor, &request, &result, err);
    ifm_executor_local.close(executor);
    if (rc)
        return rc;
    if (result.invocation.status) {
        rc = ifm_err_set(err, code_of_exit(result.error_exit), "", "%s",
                         result.invocation.failure_text ? result.invocation.failure_text
                                                        : "the worker failed");
    } else {
        out->version = result.runtime_version;
        out->providers = result.providers;
        out->library = result.library;
        out->effective = result.effective;
        out->inputs = result.inputs;
        out->outputs = result.outputs;
        out->load_ns = result.invocation.load_ns;
        out->library_file = result.library_file;
        result.library_file = (struct ifm_msg_library){ 0 };
        result.runtime_version = result.providers = result.library = result.effective = NULL;
        result.inputs = result.outputs = (struct ifm_list){ 0 };
    }
    ifm_exec_result_done(&result);
    return rc;
}

int ifm_probe_version(const char *runtime, const char *version, struct ifm_probe *out,
                      struct ifm_err *err)
{
    char *name = ifm_dup(runtime), *which = version ? ifm_dup(version) : NULL;
    struct ifm_msg_spec spec = { .v = IFM_MSG_VERSION,
                                 .action = 1,
                                 .runtime = name,
                                 .runtime_version = which,
                                 .timeout_ns = PROBE_TIMEOUT_NS };
    int rc = ask(&spec, out, err);
    ifm_free(name);
    ifm_free(which);
    return rc;
}

int ifm_probe_runtime(const char *runtime, struct ifm_probe *out, struct ifm_err *err)
{
    return ifm_probe_version(runtime, NULL, out, err);
}

int ifm_probe_model(const char *runtime, const char *model, const struct ifm_map *options,
                    struct ifm_probe *out, struct ifm_err *err)
{
    char *name = ifm_dup(runtime), *path = ifm_dup(model);
    struct ifm_msg_spec spec = { .v = IFM_MSG_VERSION,
                                 .action = 2,
                                 .runtime = name,
                                 .model = path,
                                 .timeout_ns = PROBE_TIMEOUT_NS };
    if (options)
        spec.options = *options;
    int rc = ask(&spec, out, err);
    ifm_free(name);
    ifm_free(path);
    return rc;
}

void ifm_probe_done(struct ifm_probe *probe)
{
    struct ifm_exec_result result = { .runtime_version = probe->version,
                                      .providers = probe->providers,
                                      .library = probe->library,
                                      .effective = probe->effective,
                                      .library_file = probe->library_file,
                                      .inputs = probe->inputs,
                                      .outputs = probe->outputs };
    ifm_exec_result_done(&result);
    memset(probe, 0, sizeof *probe);
}
