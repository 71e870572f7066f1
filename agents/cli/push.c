/* inferometer push */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/locate.h"
#include "agents/cli/send.h"
#include "agents/executors/interrupt.h"
#include "core/mem.h"

struct tally {
    int sent, already, failed;
};

static bool cancelled(void)
{
    return ifm_interrupt_count() > 0;
}

static void report(struct ifm_cli *cli, const char *id, const char *outcome, const char *url,
                   const char *detail)
{
    struct ifm_jw w;
    if (cli->format == IFM_FORMAT_HUMAN) {
        if (detail)
            ifm_cli_warn(cli, "%s: %s", id, detail);
        else
            ifm_buf_addf(&cli->out, "%s  %s  %s/runs/%s\n", id, outcome, url, id);
        return;
    }
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "id");
    ifm_jw_string(&w, id);
    ifm_jw_key(&w, "outcome");
    ifm_jw_string(&w, outcome);
    ifm_jw_key(&w, "url");
    ifm_jw_string(&w, url);
    ifm_jw_key(&w, "detail");
    ifm_jw_string(&w, detail);
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
}

/* Returns a code only where going on makes no sense. */
static int push_one(struct ifm_cli *cli, const struct ifm_daemon_address *daemon,
                    const char *folder, const char *id, struct tally *tally, struct ifm_err *err)
{
    struct ifm_err failed = IFM_ERR_INIT;
    enum ifm_spool_state state = ifm_spool_state_of(folder);
    if (state == IFM_SPOOL_RUNNING)
        return 0;
    int rc = state == IFM_SPOOL_UNFINISHED ? ifm_spool_recover(folder, &failed) : 0;
    if (!rc)
        rc = ifm_send_run(daemon, folder, id, cancelled, &failed);
    if (!rc) {
        tally->sent++;
        report(cli, id, "sent", daemon->url, NULL);
        return 0;
    }
    tally->failed++;
    if (rc == IFM_ERR_UNAVAILABLE || rc == IFM_ERR_BUSY || rc == IFM_ERR_INTERRUPTED) {
        *err = failed;
        return rc;
    }
    report(cli, id, "refused", daemon->url, failed.text);
    *err = failed;
    return 0;
}

static int push_unsent(struct ifm_cli *cli, const struct ifm_daemon_address *daemon,
                       struct tally *tally, struct ifm_err *err)
{
    struct ifm_spool_entry *entries = NULL;
    size_t count = 0;
    int rc = ifm_spool_list(&entries, &count, err);
    for (size_t i = count; !rc && i-- > 0;) { /* oldest first */
        char folder[IFM_SPOOL_PATH_MAX];
        rc = ifm_spool_folder(entries[i].id, folder, err);
        if (!rc && ifm_spool_pushed(folder, daemon->url))
            tally->already++;
        else if (!rc)
            rc = push_one(cli, daemon, folder, entries[i].id, tally, err);
    }
    ifm_free(entries);
    return rc;
}

static int run_push(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    (void)options;
    struct ifm_daemon_address daemon;
    struct tally tally = { 0 };
    int rc = ifm_config_daemon(cli->common->daemon, &daemon, err);
    if (!rc && !daemon.url[0])
        rc = ifm_err_set(err, IFM_ERR_CONFIG, "",
                         "no daemon is configured; give --daemon URL, like "
                         "http://127.0.0.1:8417");
    if (!rc)
        rc = ifm_interrupt_install(err);
    if (!rc && argc == 0)
        rc = push_unsent(cli, &daemon, &tally, err);
    for (int i = 0; !rc && i < argc; i++) {
        struct ifm_located located;
        rc = ifm_locate(argv[i], &located, err);
        if (!rc && located.daemon[0])
            rc = ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.100s\" is at a daemon already", argv[i]);
        if (!rc)
            rc = push_one(cli, &daemon, located.folder, located.id, &tally, err);
    }
    if (rc)
        return rc == IFM_ERR_INTERRUPTED && ifm_interrupt_exit() ? ifm_interrupt_exit() : rc;
    ifm_cli_note(cli, "%d sent to %s, %d had been sent before, %d refused", tally.sent, daemon.url,
                 tally.already, tally.failed);
    return tally.failed ? ifm_err_exit(err->code) : 0;
}

static const struct ifm_option push_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };
const struct ifm_verb ifm_verb_push = {
    .name = "push",
    .arguments = "[RUN...]",
    .summary = "send runs to a daemon; default: what is unsent",
    .examples = "  inferometer push\n  inferometer push @1 @2 --daemon http://127.0.0.1:8417\n",
    .notes = "Safe to repeat: a daemon takes the same run again without storing it twice. Sent are "
             "samples, hashes\n"
             "and facts of the device; never the model, its inputs, local paths or the "
             "environment. An unfinished\n"
             "run (its process was killed) is closed as interrupted first.\n",
    .options = push_options,
    .options_size = sizeof(struct ifm_cli_common),
    .run = run_push
};
