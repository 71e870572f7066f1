/* --dry-load: which runtimes here take the model. Each is asked in a process of its own. */
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/lint.h"
#include "agents/cli/probe.h"
#include "core/installed.h"
#include "core/mem.h"

size_t ifm_lint_load(const struct ifm_lint *lint, struct ifm_buf *loads, struct ifm_buf *refuses)
{
    const char *format = strcmp(lint->graph->format, "executorch") == 0 ? "pte" : lint->graph->format;
    char **names = NULL;
    size_t good = 0, bad = 0;
    if (ifm_place_runtimes(&names, NULL))
        return 0;
    for (size_t i = 0; names[i]; i++) {
        struct ifm_probe probe;
        struct ifm_err why = IFM_ERR_INIT;
        if (strcmp(names[i], "null") == 0 || strcmp(names[i], "sim") == 0 || !ifm_runtime_reads(names[i], format))
            continue;
        bool here = ifm_probe_runtime(names[i], &probe, NULL) == 0;
        ifm_probe_done(&probe);
        if (!here)
            continue; /* a runtime that is missing says nothing about the model */
        if (ifm_probe_model(names[i], lint->graph->path, NULL, &probe, &why))
            ifm_buf_addf(refuses, "%s%s: %.160s", bad++ ? "; " : "", names[i], why.text);
        else
            ifm_lint_name(loads, good++, names[i]);
        ifm_probe_done(&probe);
    }
    ifm_free(names);
    return bad;
}
