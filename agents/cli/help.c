/* help, version, and what is printed when nothing was asked. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/man.h"
#include "agents/cli/probe.h"
#include "core/mem.h"

#ifndef IFM_VERSION
#define IFM_VERSION "0"
#endif
#ifndef IFM_GIT
#define IFM_GIT ""
#endif

const char ifm_help_exits[] =
    "exit status: 0 all well; 1 a limit was exceeded, rerun differs, doctor finds the machine unfit; 3 "
    "inconclusive,\n"
    "  not comparable, not as required; 4 an invocation failed; 5 outputs WRONG; 6 over the memory "
    "limit; 64 usage;\n"
    "  65 bad data; 66 no such input; 69 not available; 70 internal; 74 I/O; 75 try again; 77 "
    "permission;\n"
    "  78 configuration; 130 interrupted; 143 terminated\n";

void ifm_help_verb(const struct ifm_verb *verb, struct ifm_buf *out)
{
    ifm_buf_addf(out, "%s\nusage: inferometer %s %s%s[options]\n  %s\n\noptions:\n", verb->examples,
                 verb->name, verb->arguments, verb->arguments[0] ? " " : "", verb->summary);
    ifm_opt_help(verb->options, out);
    if (verb->notes)
        ifm_buf_addf(out, "\n%s", verb->notes);
    ifm_buf_addf(out, "\n%s", ifm_help_exits);
}

static void runtimes_found(struct ifm_buf *out)
{
    char **names;
    if (ifm_place_runtimes(&names, NULL))
        return;
    ifm_buf_adds(out, "\nruntimes: ");
    for (size_t i = 0; names[i]; i++) {
        struct ifm_probe probe;
        struct ifm_err err = IFM_ERR_INIT;
        int rc = ifm_probe_runtime(names[i], &probe, &err);
        ifm_buf_addf(out, "%s%s %s", i ? ", " : "", names[i],
                     rc ? "(not installed)" : probe.version);
        if (!rc)
            ifm_probe_done(&probe);
    }
    ifm_buf_adds(out, names[0] ? "   (more: inferometer runtime list)\n" : "none found\n");
    ifm_free(names);
}

int ifm_help_bare(struct ifm_cli *cli, struct ifm_err *err)
{
    struct ifm_buf *out = &cli->out;
    struct ifm_daemon_address daemon;
    int rc = ifm_config_daemon(cli->common->daemon, &daemon, err);
    if (rc)
        return rc;
    ifm_buf_adds(
        out, "inferometer measures how fast models run, and whether their outputs are right.\n\n"
             "  inferometer run model.onnx                 measure a model\n"
             "  inferometer run model.onnx --quick         the same in about ten seconds\n"
             "  inferometer show @1                        the latest run again\n"
             "  inferometer compare @2 @1                  what changed, with an interval\n"
             "  inferometer doctor                         is this machine fit for measuring?\n"
             "\ncommands:\n");
    for (size_t i = 0; ifm_verbs[i]; i++)
        ifm_buf_addf(out, "  %-10s %-18s %s\n", ifm_verbs[i]->name, ifm_verbs[i]->arguments,
                     ifm_verbs[i]->summary);
    runtimes_found(out);
    if (daemon.url[0])
        ifm_buf_addf(out, "daemon: %s (%s)\n", daemon.url, daemon.origin);
    else
        ifm_buf_adds(
            out,
            "daemon: none configured (--daemon URL, INFEROMETER_DAEMON, or the config file)\n");
    ifm_buf_adds(out, "`inferometer help COMMAND` shows examples and options.\n");
    return 0;
}

struct help_options {
    struct ifm_cli_common common;
    const char *man;
};
static const struct ifm_option help_options[] = {
    { .name = "man",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct help_options, man),
      .value = "DIR",
      .help = "write the manual pages of all commands there" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static int run_help(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct help_options *o = options;
    if (o->man)
        return ifm_man_write(o->man, err);
    if (argc == 0 && cli->format == IFM_FORMAT_MD) {
        ifm_man_reference(&cli->out);
        return 0;
    }
    if (argc == 0)
        return ifm_help_bare(cli, err);
    const struct ifm_verb *verb = ifm_verb_find(argv[0], err);
    if (!verb)
        return err->code;
    ifm_help_verb(verb, &cli->out);
    return 0;
}

static int run_version(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    (void)options;
    int rc = ifm_cli_arguments(argc, argv, 0, 0, "nothing more", err);
    if (rc)
        return rc;
    struct ifm_jw w;
    if (cli->format == IFM_FORMAT_JSON || cli->format == IFM_FORMAT_NDJSON) {
        ifm_jw_init(&w, &cli->out);
        ifm_jw_begin(&w, '{');
        ifm_jw_key(&w, "v");
        ifm_jw_i64(&w, 1);
        ifm_jw_key(&w, "version");
        ifm_jw_string(&w, IFM_VERSION);
        ifm_jw_key(&w, "git");
        ifm_jw_string(&w, IFM_GIT[0] ? IFM_GIT : NULL);
        ifm_jw_key(&w, "schema");
        ifm_jw_i64(&w, IFM_MSG_VERSION);
        ifm_jw_key(&w, "method");
        ifm_jw_i64(&w, IFM_METHOD_VERSION);
        ifm_jw_end(&w, '}');
        ifm_buf_addc(&cli->out, '\n');
    } else {
        ifm_buf_addf(&cli->out, "inferometer %s%s%s, messages v%d, method v%d\n", IFM_VERSION,
                     IFM_GIT[0] ? " " : "", IFM_GIT, IFM_MSG_VERSION, IFM_METHOD_VERSION);
    }
    return 0;
}

static const struct ifm_option plain_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };

const struct ifm_verb ifm_verb_help = { .name = "help",
                                        .arguments = "[COMMAND]",
                                        .summary = "examples and options",
                                        .examples = "  inferometer help run\n"
                                                    "  inferometer help --format md     all "
                                                    "commands, as one page\n",
                                        .options = help_options,
                                        .options_size = sizeof(struct help_options),
                                        .run = run_help };
const struct ifm_verb ifm_verb_version = { .name = "version",
                                           .arguments = "",
                                           .summary = "versions of program, messages and method",
                                           .examples = "  inferometer version --json\n",
                                           .options = plain_options,
                                           .options_size = sizeof(struct ifm_cli_common),
                                           .run = run_version };
