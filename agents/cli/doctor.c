/* inferometer doctor */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "agents/cli/doctor.h"
#include "agents/cli/doctor_tune.h"
#include "agents/cli/format.h"
#include "agents/cli/probe.h"
#include "agents/cli/row.h"
#include "core/mem.h"

#define IFM_EXIT_UNFIT 1
#define COMMAND_NICE   (-5)

struct doctor_options {
    struct ifm_cli_common common;
    bool tune, undo;
    const char *sysroot;
};
static const struct ifm_option doctor_options[] = {
    { .name = "tune",
      .type = IFM_OPT_BOOL,
      .offset = offsetof(struct doctor_options, tune),
      .help = "as root: hold the clock (governor performance, turbo off) while COMMAND runs, or until Ctrl-C" },
    { .name = "undo",
      .type = IFM_OPT_BOOL,
      .offset = offsetof(struct doctor_options, undo),
      .help = "put back what a killed doctor --tune left" },
    { .name = "sysroot",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct doctor_options, sysroot),
      .value = "DIR",
      .help = "look at a recorded /proc and /sys tree instead of this machine" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static const char *const state_words[] = { "ok", "note", "problem" };

/* -- The list ------------------------------------------------------------------------------------- */
static void runtimes(struct ifm_doctor *d)
{
    char **names, text[160] = "";
    size_t used = 0, vendors = 0;
    if (d->root[0] || ifm_place_runtimes(&names, NULL))
        return;
    for (size_t i = 0; names[i] && used < sizeof text - 40; i++) {
        struct ifm_probe probe;
        if (strcmp(names[i], "null") == 0 || strcmp(names[i], "sim") == 0 ||
            ifm_probe_runtime(names[i], &probe, NULL))
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.20s %.15s", used ? ", " : "", names[i],
                                 probe.version ? probe.version : "");
        vendors++;
        ifm_probe_done(&probe);
    }
    ifm_free(names);
    struct ifm_doctor_check *c = ifm_doctor_add(d, "runtimes", vendors ? IFM_DOCTOR_OK : IFM_DOCTOR_NOTE, "%s",
                                                vendors ? text : "none is installed");
    if (!vendors)
        ifm_doctor_remedy(c, "a model needs one", "inferometer runtime install onnxruntime");
}

static const char *mark(const struct ifm_cli *cli, int state)
{
    return state == IFM_DOCTOR_PROBLEM ? ifm_cli_red(cli) : state == IFM_DOCTOR_NOTE ? "" : ifm_cli_dim(cli);
}

static void human(struct ifm_cli *cli, const struct ifm_doctor *d)
{
    struct ifm_buf *out = &cli->out, names;
    size_t problems = 0;
    ifm_buf_init(&names, 4096);
    for (size_t i = 0; i < d->count; i++) {
        const struct ifm_doctor_check *c = &d->checks[i];
        ifm_buf_addf(out, "%s%-8s%s %-15s %s\n", mark(cli, c->state), state_words[c->state],
                     ifm_cli_plain(cli), c->name, c->text);
        if (c->state != IFM_DOCTOR_OK && c->remedy[0])
            ifm_buf_addf(out, "%24s %s%s\n", "", c->remedy, c->command[0] ? ":" : "");
        if ((c->state != IFM_DOCTOR_OK || cli->common->verbose) && c->command[0])
            ifm_buf_addf(out, "%24s   %s\n", "", c->command);
        if (c->state == IFM_DOCTOR_PROBLEM)
            ifm_buf_addf(&names, "%s%s", problems++ ? ", " : "", c->name);
    }
    if (problems)
        ifm_buf_addf(out, "\nnot fit for measuring: %s\n", names.data ? names.data : "");
    else
        ifm_buf_adds(out, "\nfit for measuring\n");
    ifm_buf_done(&names);
}

static void json_check(struct ifm_jw *w, const struct ifm_doctor_check *c)
{
    const char *const members[][2] = { { "name", c->name },
                                       { "state", state_words[c->state] },
                                       { "text", c->text },
                                       { "remedy", c->remedy[0] ? c->remedy : NULL },
                                       { "command", c->command[0] ? c->command : NULL } };
    ifm_jw_begin(w, '{');
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        ifm_jw_key(w, members[i][0]);
        ifm_jw_string(w, members[i][1]);
    }
    ifm_jw_end(w, '}');
}

static void json(struct ifm_cli *cli, const struct ifm_doctor *d)
{
    struct ifm_jw w;
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    ifm_jw_key(&w, "fit");
    ifm_jw_bool(&w, ifm_doctor_fit(d));
    ifm_jw_key(&w, "checks");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < d->count; i++)
        json_check(&w, &d->checks[i]);
    ifm_jw_end(&w, ']');
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
}

/* A bar would end the cell, also between backquotes. */
static void md_text(struct ifm_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            ifm_buf_addc(out, '\\');
        ifm_buf_addc(out, *text);
    }
}

static void table(struct ifm_cli *cli, const struct ifm_doctor *d)
{
    struct ifm_buf *out = &cli->out;
    bool md = cli->format == IFM_FORMAT_MD;
    ifm_buf_adds(out, md ? "| state | check | found | command |\n|---|---|---|---|\n"
                         : "state,check,found,command\n");
    for (size_t i = 0; i < d->count; i++) {
        const struct ifm_doctor_check *c = &d->checks[i];
        if (md) {
            ifm_buf_addf(out, "| %s | %s | ", state_words[c->state], c->name);
            md_text(out, c->text);
            ifm_buf_adds(out, c->command[0] ? " | `" : " | ");
            md_text(out, c->command);
            ifm_buf_adds(out, c->command[0] ? "` |\n" : " |\n");
            continue;
        }
        ifm_buf_addf(out, "%s,%s,", state_words[c->state], c->name);
        ifm_csv_text(out, c->text);
        ifm_buf_addc(out, ',');
        ifm_csv_text(out, c->command);
        ifm_buf_addc(out, '\n');
    }
}

static void ndjson(struct ifm_cli *cli, const struct ifm_doctor *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct ifm_jw w;
        ifm_jw_init(&w, &cli->out);
        json_check(&w, &d->checks[i]);
        ifm_buf_addc(&cli->out, '\n');
    }
}

static int look(struct ifm_cli *cli, const char *root)
{
    struct ifm_doctor d;
    ifm_doctor_look(root, &d);
    runtimes(&d);
    if (cli->format == IFM_FORMAT_HUMAN)
        human(cli, &d);
    else if (cli->format == IFM_FORMAT_JSON)
        json(cli, &d);
    else if (cli->format == IFM_FORMAT_NDJSON)
        ndjson(cli, &d);
    else
        table(cli, &d);
    return ifm_doctor_fit(&d) ? 0 : IFM_EXIT_UNFIT;
}

/* -- Tuning --------------------------------------------------------------------------------------- */
static void show_changes(struct ifm_cli *cli, const struct ifm_tune *tune)
{
    const struct ifm_tune_setting *s = tune->settings.items;
    for (size_t i = 0; i < tune->settings.count; i++)
        ifm_cli_note(cli, "%s: %s -> %s", s[i].path, s[i].old, s[i].now);
    if (!tune->settings.count)
        ifm_cli_note(cli, "nothing to tune: no governor or turbo setting here, or they are set already");
}

/* Signals arrive only where they are waited for, so that none ends this process between a change and its end. */
static void hold_signals(sigset_t *held, sigset_t *before)
{
    sigemptyset(held);
    sigaddset(held, SIGINT);
    sigaddset(held, SIGTERM);
    sigaddset(held, SIGHUP);
    sigaddset(held, SIGQUIT);
    sigaddset(held, SIGPIPE); /* a closed stderr must not end us with the settings held */
    sigaddset(held, SIGCHLD);
    sigprocmask(SIG_BLOCK, held, before);
}

static pid_t start(char **argv, const sigset_t *before, struct ifm_err *err)
{
    pid_t child = fork();
    if (child < 0)
        ifm_err_errno(err, errno, "", "cannot start the command");
    if (child != 0)
        return child;
    sigprocmask(SIG_SETMASK, before, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* when we are killed, the settings are put back under its feet */
    setpriority(PRIO_PROCESS, 0, COMMAND_NICE);
    execvp(argv[0], argv);
    fprintf(stderr, "inferometer: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* The command's exit status, as a shell gives it. SIGTERM and SIGHUP are passed on; Ctrl-C it got itself. */
static int wait_for(pid_t child, const sigset_t *held)
{
    int status = 0;
    for (;;) {
        int signal_number = sigwaitinfo(held, NULL);
        if (signal_number == SIGTERM || signal_number == SIGHUP)
            kill(child, signal_number);
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

static int wait_for_end(struct ifm_cli *cli, const sigset_t *held)
{
    int signal_number = 0;
    ifm_cli_note(cli, "held until Ctrl-C");
    while (signal_number != SIGINT && signal_number != SIGTERM && signal_number != SIGHUP &&
           signal_number != SIGQUIT)
        signal_number = sigwaitinfo(held, NULL);
    return 0;
}

static int tune(struct ifm_cli *cli, const char *root, int argc, char **argv, struct ifm_err *err)
{
    struct ifm_tune tuned;
    sigset_t held, before;
    hold_signals(&held, &before);
    int rc = ifm_tune_begin(root, &tuned, err), status = 0;
    if (!rc) {
        show_changes(cli, &tuned);
        pid_t child = argc ? start(argv, &before, err) : 0;
        if (child > 0)
            status = wait_for(child, &held);
        else if (child < 0)
            status = err->code;
        else if (tuned.settings.count)
            status = wait_for_end(cli, &held);
        rc = tuned.settings.count ? ifm_tune_end(&tuned, status < 0 ? NULL : err) : 0;
        if (!rc && tuned.settings.count)
            ifm_cli_note(cli, "%zu setting%s put back%s", tuned.restored, tuned.restored == 1 ? "" : "s",
                         tuned.foreign ? "; somebody else changed the others meanwhile" : "");
    }
    ifm_tune_done(&tuned);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc ? rc : status;
}

static int undo(struct ifm_cli *cli, const char *root, struct ifm_err *err)
{
    struct ifm_tune tuned;
    int rc = ifm_tune_undo(root, &tuned, err);
    if (!rc && !tuned.settings.count)
        ifm_cli_note(cli, "nothing to put back");
    else if (!rc)
        ifm_cli_note(cli, "%zu setting%s put back, %zu left that somebody else changed", tuned.restored,
                     tuned.restored == 1 ? "" : "s", tuned.foreign);
    ifm_tune_done(&tuned);
    return rc;
}

static int run_doctor(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct doctor_options *o = options;
    const char *root = o->sysroot ? o->sysroot : ifm_tune_root();
    if (o->tune && o->undo)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--tune and --undo contradict each other");
    if (argc && !o->tune)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "a command is run by doctor --tune -- COMMAND; doctor alone takes none");
    if (root[0] && access(root, R_OK | X_OK) != 0)
        return ifm_err_errno(err, errno, "", root);
    if (o->undo)
        return undo(cli, root, err);
    return o->tune ? tune(cli, root, argc, argv, err) : look(cli, root);
}

const struct ifm_verb ifm_verb_doctor = {
    .name = "doctor",
    .arguments = "[-- COMMAND]",
    .summary = "is this machine fit for measuring?",
    .examples = "  inferometer doctor                                        what would disturb, and how to "
                "change it\n"
                "  sudo inferometer doctor --tune -- inferometer run m.onnx  with a held clock, put back "
                "afterwards\n"
                "  sudo inferometer doctor --undo                            after a doctor --tune that was "
                "killed\n",
    .notes = "Exit status 0: fit, 1: something makes numbers untrustworthy (with --tune: the status of "
             "COMMAND). What is not\n"
             "observable here is named and makes nothing worse. --tune keeps the old values in "
             "/run/inferometer/tune.json before\n"
             "it changes anything and puts them back when it ends; after a kill -9 the next start of any "
             "command does. COMMAND\n"
             "runs at nice -5 and is ended when doctor is killed.\n",
    .options = doctor_options,
    .options_size = sizeof(struct doctor_options),
    .run = run_doctor
};
