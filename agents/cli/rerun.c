/* inferometer rerun */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/agent/config.h"
#include "agents/cli/locate.h"
#include "agents/cli/measure.h"
#include "agents/cli/rerun.h"
#include "agents/plan/device.h"
#include "core/mem.h"

struct rerun_options {
    struct ifm_cli_common common;
    const char *model;
    double within;
};
static const struct ifm_option rerun_options[] = {
    { .name = "model",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct rerun_options, model),
      .value = "PATH",
      .help = "where the model or bundle lies now; default: where it was" },
    { .name = "within",
      .type = IFM_OPT_DOUBLE,
      .offset = offsetof(struct rerun_options, within),
      .fallback = "2",
      .value = "PERCENT",
      .help = "a difference whose interval lies within this agrees" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

/* -- Measuring ------------------------------------------------------------------------------------- */

/* The id of the run in what `run --json` printed. */
static int id_of(const struct ifm_buf *out, char id[IFM_UUID_TEXT])
{
    static const char key[] = "\"id\":\"";
    const char *at = out->data ? strstr(out->data, key) : NULL;
    if (!at)
        return -1;
    snprintf(id, IFM_UUID_TEXT, "%.36s", at + sizeof key - 1);
    return ifm_uuid_valid(id) ? 0 : -1;
}

static int enter(const char *folder)
{
    int back = open(".", O_PATH | O_CLOEXEC);
    if (folder[0] && back >= 0 && chdir(folder) != 0) {
        close(back);
        return -1; /* the folder is gone: relative inputs will be said to be missing */
    }
    return back;
}

static void leave(int back)
{
    if (back >= 0) {
        if (fchdir(back) != 0)
            fprintf(stderr, "inferometer: cannot go back to the working folder\n");
        close(back);
    }
}

/* `run` with these words, in this process; its exit status, or a code. What it prints is kept back. */
static int run_words(struct ifm_cli *cli, const struct ifm_words *words, char id[IFM_UUID_TEXT],
                     struct ifm_err *err)
{
    const struct ifm_verb *run = &ifm_verb_run;
    struct ifm_cli sub = *cli;
    int count = 0, status;
    char **argv = ifm_alloc_array(words->count + 1, sizeof *argv);
    void *options = ifm_alloc(run->options_size);
    if (!argv || !options) {
        ifm_free(argv);
        ifm_free(options);
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    }
    memcpy(argv, words->items, words->count * sizeof *argv);
    sub.common = options;
    sub.format = IFM_FORMAT_JSON;
    sub.command = words->items;
    sub.command_count = (int)words->count;
    ifm_buf_init(&sub.out, IFM_CLI_OUT_MAX);
    status = ifm_opt_defaults(run->options, options, err);
    if (!status)
        status = ifm_opt_parse(run->options, options, (int)words->count, argv, &count, err);
    if (!status)
        status = run->run(&sub, options, count, argv, err);
    if (status >= 0 && id_of(&sub.out, id))
        status = status ? status
                        : ifm_err_set(err, IFM_ERR_MEASUREMENT, "", "nothing was measured");
    ifm_opt_done(run->options, options);
    ifm_buf_done(&sub.out);
    ifm_free(options);
    ifm_free(argv);
    return status;
}

static int measure(struct ifm_cli *cli, struct ifm_rerun_plan *plan, char id[IFM_UUID_TEXT],
                   struct ifm_err *err)
{
    struct ifm_daemon_address daemon;
    int rc = ifm_config_daemon(cli->common->daemon, &daemon, err); /* of this folder, not of that one */
    const char *const more[] = { "--daemon", daemon.url[0] ? daemon.url : "none", "--json",
                                 cli->common->quiet ? "--quiet" : NULL };
    for (size_t i = 0; !rc && i < sizeof more / sizeof *more; i++)
        rc = more[i] ? ifm_words_add(&plan->words, more[i], err) : 0;
    if (rc)
        return rc;
    char *shown = ifm_measure_command(plan->words.items, (int)plan->words.count);
    ifm_cli_note(cli, "measuring again: %s", shown ? shown : "");
    ifm_free(shown);
    int back = enter(plan->cwd);
    int status = run_words(cli, &plan->words, id, err);
    leave(back);
    return status;
}

/* -- Before measuring ------------------------------------------------------------------------------ */

/* Another device is no reason not to measure, but one to know at once. */
static int note_device(struct ifm_cli *cli, const struct ifm_view *stored, struct ifm_err *err)
{
    struct ifm_list facts;
    char key[IFM_SHA256_HEX];
    int rc = ifm_device_facts("", &facts, err);
    if (rc)
        return rc;
    rc = ifm_device_key(&facts, key, err);
    if (!rc && stored->run.device_key && strcmp(key, stored->run.device_key) != 0)
        ifm_cli_note(cli, "this is another device than the run's (%s), or its settings changed: the numbers will "
                          "be shown, but not compared",
                     stored->run.device ? stored->run.device : "unknown");
    ifm_device_facts_done(&facts);
    return rc;
}

/* A run that was made here. A folder that came from elsewhere may bring a note too, with words that load what lies
 * beside it. */
static bool made_here(const struct ifm_located *located)
{
    char kept[IFM_SPOOL_PATH_MAX];
    struct stat a, b;
    return located->folder[0] && ifm_spool_folder(located->id, kept, NULL) == 0 &&
           stat(located->folder, &a) == 0 && stat(kept, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int prepare(struct ifm_cli *cli, const char *name, const char *model, struct ifm_view *stored,
                   struct ifm_rerun_plan *plan, struct ifm_err *err)
{
    struct ifm_located located;
    struct ifm_note note;
    int rc = ifm_locate(name, &located, err);
    if (!rc)
        rc = ifm_view_init(stored, false);
    if (!rc)
        rc = ifm_locate_view(&located, stored, err);
    if (rc)
        return rc;
    bool noted = made_here(&located) && ifm_note_read(located.folder, &note, NULL) == 0;
    rc = ifm_rerun_plan(stored, noted ? &note : NULL, model, plan, err);
    if (noted)
        ifm_note_done(&note);
    return rc ? rc : note_device(cli, stored, err);
}

/* -- The answer ------------------------------------------------------------------------------------ */

static const char *const answer_words[] = { "agrees", "differs", "not_comparable" };
static const int answer_exits[] = { 0, IFM_EXIT_GATE, IFM_EXIT_INCONCLUSIVE };

static int print(struct ifm_cli *cli, const struct ifm_compared *c, enum ifm_agreement answer,
                 const char *sentence, struct ifm_err *err)
{
    struct ifm_jw w;
    int rc;
    if (cli->format == IFM_FORMAT_HUMAN) {
        ifm_compared_table(cli, c);
        ifm_buf_addf(&cli->out, "\n%s%s%s\n", ifm_cli_bold(cli), sentence, ifm_cli_plain(cli));
        return 0;
    }
    if (cli->format == IFM_FORMAT_MD || cli->format == IFM_FORMAT_CSV) {
        rc = ifm_compared_print(cli, c, err);
        if (cli->format == IFM_FORMAT_MD)
            ifm_buf_addf(&cli->out, "\n**%s**\n", sentence);
        return rc;
    }
    ifm_jw_init(&w, &cli->out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    ifm_jw_key(&w, "answer");
    ifm_jw_string(&w, answer_words[answer]);
    ifm_jw_key(&w, "sentence");
    ifm_jw_string(&w, sentence);
    ifm_jw_key(&w, "stored");
    ifm_jw_string(&w, c->a->run.id);
    ifm_jw_key(&w, "rerun");
    ifm_jw_string(&w, c->b->run.id);
    rc = ifm_compared_json(&w, c, err);
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&cli->out, '\n');
    return rc;
}

static int answer(struct ifm_cli *cli, const struct ifm_view *stored, const char *id, double within,
                  struct ifm_err *err)
{
    struct ifm_view again;
    struct ifm_compared compared = { .a = NULL };
    struct ifm_located located;
    char sentence[640];
    enum ifm_agreement agreement = IFM_NOT_COMPARABLE;
    int rc = ifm_view_init(&again, false);
    if (!rc)
        rc = ifm_locate(id, &located, err);
    if (!rc)
        rc = ifm_locate_view(&located, &again, err);
    if (!rc)
        rc = ifm_compared_make(stored, &again, within, &compared, err);
    if (!rc) {
        agreement = ifm_rerun_judge(&compared, within, sentence, sizeof sentence);
        rc = print(cli, &compared, agreement, sentence, err);
    }
    ifm_compared_done(&compared);
    ifm_view_done(&again);
    return rc ? rc : answer_exits[agreement];
}

static int run_rerun(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct rerun_options *o = options;
    struct ifm_view stored = { .closed = false };
    struct ifm_rerun_plan plan = { .model = "" };
    char id[IFM_UUID_TEXT] = "";
    int rc = ifm_cli_arguments(argc, argv, 1, 1, "one RUN: an id, @1, a file or an address", err);
    if (!rc && !(isfinite(o->within) && o->within > 0 && o->within < 100))
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "--within is a percentage above 0 and below 100");
    if (!rc)
        rc = prepare(cli, argv[0], o->model, &stored, &plan, err);
    if (!rc)
        rc = measure(cli, &plan, id, err);
    bool interrupted = rc >= 128;
    if (rc >= 0 && !interrupted && id[0])
        rc = answer(cli, &stored, id, o->within / 100, err);
    ifm_rerun_plan_done(&plan);
    ifm_view_done(&stored);
    return rc;
}

const struct ifm_verb ifm_verb_rerun = {
    .name = "rerun",
    .arguments = "RUN|FILE|URL",
    .summary = "measure a run here again: do they agree?",
    .examples = "  inferometer rerun @1\n"
                "  inferometer rerun http://127.0.0.1:8417/runs/ID --model ~/models/m.onnx\n"
                "  inferometer rerun @3 --within 1 --json\n",
    .notes = "Exit status 0: agrees, 1: differs, 3: not comparable. They agree when the 95 % interval of the "
             "ratio of P50s\n"
             "contains 1 or lies within 1 +- --within. Another device, configuration, variant or method, "
             "outputs that are\n"
             "WRONG, an untrusted run and too few invocations are not comparable: the field is named. The "
             "new run is kept.\n"
             "Of an interleaved experiment the run's own arm is measured, alone.\n",
    .options = rerun_options,
    .options_size = sizeof(struct rerun_options),
    .run = run_rerun
};
