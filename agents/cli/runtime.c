/* inferometer runtime list|install */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "agents/cli/probe.h"
#include "core/mem.h"

static void json_row(struct ifm_jw *w, const char *name, bool there, const struct ifm_probe *probe,
                     const char *why)
{
    const char *texts[][2] = { { "name", name },
                               { "version", probe->version },
                               { "providers", probe->providers },
                               { "library", probe->library },
                               { "problem", why } };
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "available");
    ifm_jw_bool(w, there);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ifm_jw_key(w, texts[i][0]);
        ifm_jw_string(w, texts[i][1]);
    }
    ifm_jw_end(w, '}');
}

static void row(struct ifm_cli *cli, size_t index, const char *name, bool there,
                const struct ifm_probe *probe, const char *why)
{
    struct ifm_buf *out = &cli->out;
    struct ifm_jw w;
    const char *version = probe->version ? probe->version : "",
               *providers = probe->providers ? probe->providers : "";
    if (cli->format == IFM_FORMAT_HUMAN) {
        if (there)
            ifm_buf_addf(out, "%-12s %-10s %s\n", name, version, providers);
        else
            ifm_buf_addf(out, "%-12s %s%-10s%s %s\n", name, ifm_cli_red(cli), "missing",
                         ifm_cli_plain(cli), why);
    } else if (cli->format == IFM_FORMAT_MD || cli->format == IFM_FORMAT_CSV) {
        const char *bar = cli->format == IFM_FORMAT_MD ? " | " : ",";
        ifm_buf_addf(out, "%s%s%s%s%s%s%s\n", cli->format == IFM_FORMAT_MD ? "| " : "", name, bar,
                     there ? version : "missing", bar,
                     cli->format == IFM_FORMAT_MD ? providers : "",
                     cli->format == IFM_FORMAT_MD ? " |" : "");
    } else {
        if (cli->format == IFM_FORMAT_JSON && index)
            ifm_buf_addc(out, ',');
        ifm_jw_init(&w, out);
        json_row(&w, name, there, probe, why);
        if (cli->format == IFM_FORMAT_NDJSON)
            ifm_buf_addc(out, '\n');
    }
}

static int list(struct ifm_cli *cli, struct ifm_err *err)
{
    char **names;
    int rc = ifm_place_runtimes(&names, err);
    if (rc)
        return rc;
    if (!names[0])
        rc = ifm_err_set(err, IFM_ERR_CONFIG, "",
                         "no runtime modules are found beside this program; reinstall, or set "
                         "INFEROMETER_MODULE_DIR");
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "{\"v\":1,\"items\":[");
    else if (cli->format == IFM_FORMAT_MD)
        ifm_buf_adds(&cli->out, "| runtime | version | providers |\n|---|---|---|\n");
    for (size_t i = 0; !rc && names[i]; i++) {
        struct ifm_probe probe;
        struct ifm_err why = IFM_ERR_INIT;
        bool there = ifm_probe_runtime(names[i], &probe, &why) == 0;
        row(cli, i, names[i], there, &probe, there ? NULL : why.text);
        ifm_probe_done(&probe);
    }
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "]}\n");
    ifm_free(names);
    return rc;
}

/* Its output is the user's to see; its exit status is ours. */
static int run_script(const char *script, const char *name, struct ifm_err *err)
{
    char *arguments[] = { (char *)(uintptr_t)script, (char *)(uintptr_t)name, NULL };
    pid_t pid;
    int status, rc = posix_spawn(&pid, script, NULL, NULL, arguments, environ);
    if (rc)
        return ifm_err_errno(err, rc, "", "cannot run the fetch script");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ifm_err_errno(err, errno, "", "cannot wait for the fetch script");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int install(struct ifm_cli *cli, const char *typed, struct ifm_err *err)
{
    char name[32], script[4096];
    int rc = ifm_place_runtime(typed, name, err);
    if (rc)
        return rc;
    if (strcmp(name, "null") == 0 || strcmp(name, "sim") == 0) {
        ifm_cli_note(cli, "%s is built in: nothing to install", name);
        return 0;
    }
    ifm_place_fetch(script, sizeof script);
    if (!script[0])
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "the fetch script is not beside this program; from a checkout, "
                           "run: deploy/fetch %s",
                           name);
    rc = run_script(script, name, err);
    if (rc == 0)
        ifm_cli_note(cli, "%s is installed; see `inferometer runtime list`", name);
    return rc;
}

static int run_runtime(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    static const char *const words[] = { "list", "install", NULL };
    (void)options;
    if (argc == 0 || strcmp(argv[0], "list") == 0) {
        int rc = ifm_cli_arguments(argc, argv, 0, 1, "list or install NAME", err);
        return rc ? rc : list(cli, err);
    }
    if (strcmp(argv[0], "install") == 0) {
        int rc =
            ifm_cli_arguments(argc, argv, 2, 2, "one runtime to install, like onnxruntime", err);
        return rc ? rc : install(cli, argv[1], err);
    }
    const char *near = ifm_opt_nearest(argv[0], words);
    return ifm_err_set(err, IFM_ERR_USAGE, "",
                       "runtime knows list and install, not \"%.40s\"%s%s%s", argv[0],
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const struct ifm_option runtime_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };
const struct ifm_verb ifm_verb_runtime = {
    .name = "runtime",
    .arguments = "list|install",
    .summary = "what executes models here, and what is missing",
    .examples = "  inferometer runtime list\n  inferometer runtime install onnxruntime\n",
    .notes = "Each runtime is asked in a process of its own. `runtimes` is the same as `runtime "
             "list`.\n",
    .options = runtime_options,
    .options_size = sizeof(struct ifm_cli_common),
    .run = run_runtime
};
