/* inferometer list, show, push: what is kept on this machine. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/format.h"
#include "agents/cli/locate.h"
#include "agents/cli/print.h"
#include "agents/cli/row.h"
#include "core/mem.h"

#define SHORT_ID 13 /* the milliseconds of a version 7 UUID */

struct list_options {
    struct ifm_cli_common common;
    int64_t limit;
    const char *model, *runtime;
};
static const struct ifm_option list_options[] = { { .name = "limit",
                                                    .type = IFM_OPT_INT,
                                                    .offset = offsetof(struct list_options, limit),
                                                    .fallback = "20",
                                                    .min = 1,
                                                    .max = 100000,
                                                    .value = "N",
                                                    .help = "newest runs to show",
                                                    .letter = 'n' },
                                                  { .name = "model",
                                                    .type = IFM_OPT_STRING,
                                                    .offset = offsetof(struct list_options, model),
                                                    .max = 128,
                                                    .value = "NAME",
                                                    .help = "only this model" },
                                                  { .name = "runtime",
                                                    .type = IFM_OPT_STRING,
                                                    .offset =
                                                        offsetof(struct list_options, runtime),
                                                    .max = 64,
                                                    .value = "NAME",
                                                    .help = "only this runtime" },
                                                  IFM_CLI_COMMON_ROWS,
                                                  IFM_OPTION_END };

static void cell(struct ifm_buf *out, const char *text, size_t width)
{
    size_t used = ifm_format_width(text);
    ifm_buf_adds(out, text);
    for (; used < width; used++)
        ifm_buf_addc(out, ' ');
    ifm_buf_addc(out, ' ');
}

static const char *state_text(const struct ifm_row *row)
{
    if (row->state == IFM_SPOOL_RUNNING)
        return "running";
    if (row->state == IFM_SPOOL_UNFINISHED)
        return "unfinished";
    if (row->status == 2)
        return "failed";
    return row->status == 1 ? "interrupted" : row->pushed ? "sent" : "";
}

static void human_row(struct ifm_cli *cli, size_t number, const struct ifm_row *row)
{
    struct ifm_buf *out = &cli->out;
    char at[24], when[IFM_FORMAT_MAX], id[IFM_UUID_TEXT], p50[IFM_FORMAT_MAX], p99[IFM_FORMAT_MAX],
        rss[IFM_FORMAT_MAX], what[96], runtime[64], k[24];
    snprintf(at, sizeof at, "@%zu", number);
    snprintf(id, sizeof id, "%.*s", SHORT_ID, row->id);
    ifm_format_time(row->started_at, when);
    ifm_format_ns(row->p50_ns, p50);
    ifm_format_ns(row->p99_ns, p99);
    ifm_format_bytes(row->peak_rss_bytes, rss);
    snprintf(what, sizeof what, "%.40s",
             row->variant ? row->variant
             : row->model ? row->model
                          : "?");
    snprintf(runtime, sizeof runtime, "%.30s %.20s%s%.8s", row->runtime ? row->runtime : "?",
             row->runtime_version ? row->runtime_version : "", row->threads ? " t=" : "",
             row->threads ? row->threads : "");
    snprintf(k, sizeof k, "%lld/%lld", (long long)row->invocations_ok,
             (long long)(row->invocations_ok + row->invocations_failed));
    cell(out, at, 4);
    cell(out, id, SHORT_ID);
    cell(out, when, 16);
    cell(out, what, 22);
    cell(out, runtime, 26);
    cell(out, k, 6);
    cell(out, p50, 10);
    cell(out, row->p99_enough ? p99 : "(few)", 10);
    cell(out, rss, 9);
    bool wrong = row->verification == IFM_VERIFY_WRONG;
    ifm_buf_adds(out, wrong ? ifm_cli_red(cli) : "");
    cell(out, wrong ? "WRONG" : ifm_verification_words[row->verification], 12);
    ifm_buf_adds(out, wrong ? ifm_cli_plain(cli) : "");
    cell(out, row->trust_line ? row->trust_line : ifm_trust_words[row->trust], 24);
    ifm_buf_addf(out, "%s\n", state_text(row));
}

static void list_head(struct ifm_cli *cli)
{
    struct ifm_buf *out = &cli->out;
    if (cli->format == IFM_FORMAT_CSV) {
        ifm_row_csv_header(out);
    } else if (cli->format == IFM_FORMAT_MD) {
        ifm_buf_adds(out, "| run | started | model | runtime | K | P50 | P99 | peak RSS | "
                          "verification | trust |\n"
                          "|---|---|---|---|---|---|---|---|---|---|\n");
    } else if (cli->format == IFM_FORMAT_HUMAN) {
        ifm_buf_adds(out, ifm_cli_dim(cli));
        cell(out, "", 4);
        cell(out, "run", SHORT_ID);
        cell(out, "started", 16);
        cell(out, "variant", 22);
        cell(out, "runtime", 26);
        cell(out, "ok/K", 6);
        cell(out, "P50", 10);
        cell(out, "P99", 10);
        cell(out, "peak RSS", 9);
        cell(out, "verification", 12);
        ifm_buf_addf(out, "trust%s\n", ifm_cli_plain(cli));
    } else if (cli->format == IFM_FORMAT_JSON) {
        ifm_buf_adds(out, "{\"v\":1,\"items\":[");
    }
}

static void list_row(struct ifm_cli *cli, size_t number, size_t shown, const struct ifm_row *row)
{
    struct ifm_jw w;
    char p50[IFM_FORMAT_MAX], p99[IFM_FORMAT_MAX], rss[IFM_FORMAT_MAX];
    if (cli->format == IFM_FORMAT_CSV) {
        ifm_row_csv(row, &cli->out);
    } else if (cli->format == IFM_FORMAT_HUMAN) {
        human_row(cli, number, row);
    } else if (cli->format == IFM_FORMAT_MD) {
        ifm_format_ns(row->p50_ns, p50);
        ifm_format_ns(row->p99_ns, p99);
        ifm_format_bytes(row->peak_rss_bytes, rss);
        ifm_buf_addf(&cli->out, "| %.*s | %s | %s | %s %s | %lld | %s | %s | %s | %s | %s |\n",
                     SHORT_ID, row->id, row->started_at ? row->started_at : "",
                     row->variant ? row->variant : "", row->runtime ? row->runtime : "",
                     row->runtime_version ? row->runtime_version : "",
                     (long long)row->invocations_ok, p50, row->p99_enough ? p99 : "n too small",
                     rss, ifm_verification_words[row->verification],
                     row->trust_line ? row->trust_line : ifm_trust_words[row->trust]);
    } else {
        if (cli->format == IFM_FORMAT_JSON && shown)
            ifm_buf_addc(&cli->out, ',');
        ifm_jw_init(&w, &cli->out);
        ifm_row_json(row, &w);
        if (cli->format == IFM_FORMAT_NDJSON)
            ifm_buf_addc(&cli->out, '\n');
    }
}

static bool wanted(const struct list_options *o, const struct ifm_row *row)
{
    return (!o->model || (row->model && strcmp(o->model, row->model) == 0)) &&
           (!o->runtime || (row->runtime && strcmp(o->runtime, row->runtime) == 0));
}

static int run_list(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct list_options *o = options;
    struct ifm_spool_entry *entries = NULL;
    size_t count = 0, shown = 0;
    int rc = ifm_cli_arguments(argc, argv, 0, 0, "nothing more", err);
    if (!rc)
        rc = ifm_spool_list(&entries, &count, err);
    if (rc)
        return rc;
    list_head(cli);
    for (size_t i = 0; i < count && shown < (size_t)o->limit; i++) {
        char folder[IFM_SPOOL_PATH_MAX];
        struct ifm_row row;
        struct ifm_err bad = IFM_ERR_INIT;
        if (ifm_spool_folder(entries[i].id, folder, &bad) || ifm_row_load(folder, &row, &bad)) {
            ifm_cli_warn(cli, "@%zu %s cannot be read: %s", i + 1, entries[i].id, bad.text);
            continue;
        }
        if (wanted(o, &row))
            list_row(cli, i + 1, shown++, &row);
        ifm_row_done(&row);
    }
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "],\"next_cursor\":null}\n");
    if (!shown && cli->format == IFM_FORMAT_HUMAN) {
        ifm_buf_reset(&cli->out);
        if (count)
            ifm_cli_note(cli, "none of the %zu runs that are kept here fits", count);
        else
            ifm_cli_note(cli, "no runs are kept here yet; make one with `inferometer run MODEL`");
    }
    ifm_free(entries);
    return 0;
}

const struct ifm_verb ifm_verb_list = {
    .name = "list",
    .arguments = "",
    .summary = "runs that are kept on this machine",
    .examples = "  inferometer list\n  inferometer list --model nmp --format csv -o runs.csv\n",
    .options = list_options,
    .options_size = sizeof(struct list_options),
    .run = run_list
};

/* -- show ----------------------------------------------------------------------------------------
 */

static int run_show(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    (void)options;
    struct ifm_located located;
    struct ifm_view view;
    int rc = ifm_cli_arguments(argc, argv, 1, 1,
                               "one RUN: an id or its start, @1, a file, or an address", err);
    if (!rc)
        rc = ifm_locate(argv[0], &located, err);
    if (!rc && ifm_view_init(&view, cli->terminal_out && cli->format == IFM_FORMAT_HUMAN))
        rc = ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    if (rc)
        return rc;
    rc = ifm_locate_view(&located, &view, err);
    if (!rc)
        rc = ifm_print_view(cli, &view, err);
    if (!rc && cli->format == IFM_FORMAT_HUMAN) {
        char when[IFM_FORMAT_MAX];
        ifm_format_time(view.run.started_at, when);
        ifm_buf_addf(&cli->out,
                     "  run             %s\n  started         %s on %s\n  %s         %s\n",
                     located.id, when, view.run.device ? view.run.device : "?",
                     located.daemon[0] ? "daemon " : "kept in",
                     located.daemon[0] ? located.daemon : located.folder);
        if (!view.closed)
            ifm_buf_adds(&cli->out, "  state           unfinished\n");
    }
    ifm_view_done(&view);
    return rc;
}

static const struct ifm_option show_options[] = { IFM_CLI_COMMON_ROWS, IFM_OPTION_END };
const struct ifm_verb ifm_verb_show = {
    .name = "show",
    .arguments = "RUN",
    .summary = "one run again, from its raw samples",
    .examples =
        "  inferometer show @1                 the latest\n  inferometer show @1 -v              "
        "with details\n"
        "  inferometer show 0193a0 --json\n  inferometer show http://127.0.0.1:8417/runs/ID\n",
    .options = show_options,
    .options_size = sizeof(struct ifm_cli_common),
    .run = run_show
};
