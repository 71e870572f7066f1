/* inferometer runtime list|install|remove */
#include <string.h>

#include "agents/cli/runtime.h"

static int run_runtime(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    static const char *const words[] = { "list", "install", "remove", NULL };
    static int (*const verbs[])(struct ifm_cli *, const char *, struct ifm_err *) = {
        NULL, ifm_runtime_install, ifm_runtime_remove
    };
    static const char *const wants[] = { "list, install NAME or remove NAME",
                                         "one runtime to install, like onnxruntime",
                                         "one runtime to remove, like onnxruntime@1.31.0" };
    const char *verb = argc ? argv[0] : "list";
    (void)options;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(verb, words[i]) != 0)
            continue;
        int rc = ifm_cli_arguments(argc, argv, verbs[i] ? 2 : 0, verbs[i] ? 2 : 1, wants[i], err);
        return rc         ? rc
               : verbs[i] ? verbs[i](cli, argv[1], err)
                          : ifm_runtime_list(cli, err);
    }
    const char *near = ifm_opt_nearest(verb, words);
    return ifm_err_set(err, IFM_ERR_USAGE, "",
                       "runtime knows list, install and remove, not \"%.40s\"%s%s%s", verb,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const struct ifm_option runtime_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };
const struct ifm_verb ifm_verb_runtime = {
    .name = "runtime",
    .arguments = "list|install|remove",
    .summary = "what executes models here, and what is missing",
    .examples = "  inferometer runtime list\n"
                "  inferometer runtime install onnxruntime\n"
                "  inferometer runtime install onnxruntime@1.31.0\n"
                "  inferometer runtime remove onnxruntime@1.31.0\n",
    .notes = "Each version of each runtime is asked in a process of its own. Versions lie side by "
             "side; the newest is\nthe default, --runtime NAME@VERSION takes another one. "
             "`runtimes` is the same as `runtime list`.\n",
    .options = runtime_options,
    .options_size = sizeof(struct ifm_cli_common),
    .run = run_runtime
};
