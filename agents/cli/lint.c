/* inferometer lint */
#include <stdio.h>
#include <string.h>

#include "agents/cli/cli.h"
#include "agents/cli/lint.h"
#include "agents/model/bundle.h"
#include "core/mem.h"

struct lint_options {
    struct ifm_cli_common common;
    int target, fail_on;
    int64_t budget;
    struct ifm_option_list rules, ignored;
    const char *variant;
    bool list, dry_load;
};
static const struct ifm_option lint_options[] = {
    { .name = "target", .type = IFM_OPT_CHOICE, .offset = offsetof(struct lint_options, target), .fallback = "any",
      .choices = IFM_LINT_TARGET_CHOICES, .value = "WHERE", .help = "where the model is to run" },
    { .name = "fail-on", .type = IFM_OPT_CHOICE, .offset = offsetof(struct lint_options, fail_on), .fallback = "error",
      .choices = "note|warning|error", .value = "SEVERITY", .help = "end with 1 for findings of this severity or above" },
    { .name = "budget", .type = IFM_OPT_SIZE, .offset = offsetof(struct lint_options, budget), .fallback = "25MB", .min = 1,
      .max = INT64_MAX, .value = "SIZE", .help = "largest download for --target browser, compressed" },
    { .name = "rule", .type = IFM_OPT_LIST, .offset = offsetof(struct lint_options, rules), .value = "CODE",
      .help = "only this rule; may be given several times" },
    { .name = "ignore", .type = IFM_OPT_LIST, .offset = offsetof(struct lint_options, ignored), .value = "CODE",
      .help = "without this rule; may be given several times" },
    { .name = "variant", .type = IFM_OPT_STRING, .offset = offsetof(struct lint_options, variant), .max = 128,
      .value = "NAME", .help = "variant of a bundle; default: every one" },
    { .name = "dry-load", .type = IFM_OPT_BOOL, .offset = offsetof(struct lint_options, dry_load),
      .help = "let every runtime here that reads the format load the model, and say which refuse it" },
    { .name = "list", .type = IFM_OPT_BOOL, .offset = offsetof(struct lint_options, list),
      .help = "list the rules instead of looking at a model" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static const char *const severity_names[] = { "off", "note", "warning", "error" };

static int severity_of(const struct ifm_lint_rule *rule, int target)
{
    const char *letters = "-nwe", *at = strchr(letters, rule->severities[target]);
    return at ? (int)(at - letters) : 0;
}

static bool among(const struct ifm_option_list *list, const char *code)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], code) == 0)
            return true;
    return false;
}

static int check_codes(const struct ifm_option_list *list, struct ifm_err *err)
{
    const char *codes[128] = { NULL };
    for (size_t i = 0; ifm_lint_rules[i].code && i < 127; i++)
        codes[i] = ifm_lint_rules[i].code;
    for (size_t i = 0; i < list->count; i++) {
        const char *near = ifm_opt_nearest(list->items[i], codes);
        if (!ifm_lint_among(list->items[i], codes))
            return ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.60s\" is no rule%s%s%s; `inferometer lint --list` has them",
                               list->items[i], near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return 0;
}

struct finding { const char *model, *code, *severity, *text, *seen, *remedy; };

static void csv_cell(struct ifm_buf *out, const char *text)
{
    ifm_buf_addc(out, '"');
    for (; text && *text; text++)
        ifm_buf_addf(out, *text == '"' ? "\"\"" : "%c", *text);
    ifm_buf_addc(out, '"');
}

static void md_cell(struct ifm_buf *out, const char *text)
{
    for (; text && *text; text++)
        ifm_buf_addf(out, *text == '|' ? "\\|" : "%c", *text == '\n' ? ' ' : *text);
}

static void as_json(struct ifm_buf *out, const struct finding *f)
{
    struct ifm_jw w;
    const char *rows[][2] = { { "model", f->model }, { "code", f->code }, { "severity", f->severity },
                              { "text", f->text }, { "seen", f->seen }, { "remedy", f->remedy } };
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ifm_jw_key(&w, rows[i][0]);
        ifm_jw_string(&w, rows[i][1]);
    }
    ifm_jw_end(&w, '}');
}

static void say(struct ifm_cli *cli, const struct finding *f, size_t index)
{
    struct ifm_buf *out = &cli->out;
    const char *cells[] = { f->model, f->severity, f->code, f->text, f->seen, f->remedy };
    if (cli->format == IFM_FORMAT_HUMAN) {
        ifm_buf_addf(out, "%-8s %s: %s%s%s%s\n         do: %s\n", f->severity, f->code, f->text, *f->seen ? " (" : "",
                     f->seen, *f->seen ? ")" : "", f->remedy);
    } else if (cli->format == IFM_FORMAT_MD || cli->format == IFM_FORMAT_CSV) {
        bool md = cli->format == IFM_FORMAT_MD;
        for (size_t i = 0; i < 6; i++) {
            ifm_buf_adds(out, md ? "| " : i ? "," : "");
            (md ? md_cell : csv_cell)(out, cells[i]);
            ifm_buf_adds(out, md ? " " : "");
        }
        ifm_buf_adds(out, md ? "|\n" : "\n");
    } else {
        if (cli->format == IFM_FORMAT_JSON && index)
            ifm_buf_addc(out, ',');
        as_json(out, f);
        if (cli->format == IFM_FORMAT_NDJSON)
            ifm_buf_addc(out, '\n');
    }
}

struct tally { size_t findings, counts[4]; bool broken; };

static void dry_load(struct ifm_cli *cli, const struct ifm_lint *lint, const char *name, struct tally *tally)
{
    struct ifm_buf loads, refuses;
    ifm_buf_init(&loads, 4096);
    ifm_buf_init(&refuses, 4096);
    if (ifm_lint_load(lint, &loads, &refuses)) {
        struct finding f = { name, "not-loadable", "warning", "a runtime here refuses to load the model",
                             refuses.len ? refuses.data : "", "change what it names, or choose another runtime" };
        say(cli, &f, tally->findings++);
        tally->counts[2]++;
    }
    if (loads.len && cli->format == IFM_FORMAT_HUMAN)
        ifm_buf_addf(&cli->out, "loaded by %s\n", loads.data);
    ifm_buf_done(&loads);
    ifm_buf_done(&refuses);
}

static void report_faults(struct ifm_cli *cli, const struct ifm_graph *graph, const char *name, struct tally *tally)
{
    for (size_t i = 0; i < graph->problem_count; i++) {
        struct finding f = { name, graph->problems[i].code, "error", graph->problems[i].text, "",
                             "export the model again: it breaks the format's rules" };
        say(cli, &f, tally->findings++);
        tally->counts[3]++;
        tally->broken = true;
    }
}

static void apply(struct ifm_cli *cli, const struct lint_options *o, const struct ifm_lint *lint,
                  const struct ifm_lint_rule *rule, const char *name, struct tally *tally)
{
    int severity = severity_of(rule, o->target);
    struct ifm_buf seen;
    if (!severity || among(&o->ignored, rule->code) || (o->rules.count && !among(&o->rules, rule->code)))
        return;
    ifm_buf_init(&seen, 4096);
    if (rule->check(lint, &seen)) {
        struct finding f = { name, rule->code, severity_names[severity], rule->text, seen.len ? seen.data : "",
                             rule->remedy };
        say(cli, &f, tally->findings++);
        tally->counts[severity]++;
    }
    ifm_buf_done(&seen);
}

static int look(struct ifm_cli *cli, const struct lint_options *o, const char *path, const char *name,
                struct tally *tally, struct ifm_err *err)
{
    static const char *const targets[] = { "any", "server", "phone", "browser", "tensorrt", "coreml", "microcontroller" };
    struct ifm_graph graph;
    struct ifm_lint lint = { .target = (enum ifm_lint_target)o->target, .budget_bytes = o->budget };
    int rc = ifm_graph_open(path, &graph, err);
    if (rc)
        return rc;
    rc = ifm_lint_open(&lint, &graph, err);
    if (!rc) {
        if (cli->format == IFM_FORMAT_HUMAN)
            ifm_buf_addf(&cli->out, "%s%.120s  %s, target %s\n", tally->findings ? "\n" : "", name, graph.format_name,
                         targets[o->target]);
        report_faults(cli, &graph, name, tally);
        for (const struct ifm_lint_rule *rule = ifm_lint_rules; rule->code; rule++)
            apply(cli, o, &lint, rule, name, tally);
        if (o->dry_load && !graph.problem_count)
            dry_load(cli, &lint, name, tally);
    }
    ifm_lint_done(&lint);
    ifm_graph_done(&graph);
    return rc;
}

static int look_bundle(struct ifm_cli *cli, const struct lint_options *o, const char *path, struct tally *tally,
                       struct ifm_err *err)
{
    struct ifm_tempdir temp = { .path = "" };
    struct ifm_bundle bundle;
    bool found = false;
    int rc = ifm_bundle_open(path, &temp, &bundle, err);
    const struct ifm_bundle_variant *variants = rc ? NULL : bundle.manifest.variants.items;
    for (size_t i = 0; !rc && i < bundle.manifest.variants.count; i++) {
        if (o->variant && strcmp(o->variant, variants[i].name) != 0)
            continue;
        char *file = ifm_bundle_path(&bundle, variants[i].path);
        found = true;
        rc = file ? look(cli, o, file, variants[i].name, tally, err)
                  : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
        ifm_free(file);
    }
    if (!rc && !found)
        rc = ifm_err_set(err, IFM_ERR_USAGE, "", "the bundle has no variant \"%.60s\"", o->variant);
    if (variants)
        ifm_bundle_done(&bundle);
    ifm_tempdir_done(&temp);
    return rc;
}

static void list_rules(struct ifm_cli *cli)
{
    struct ifm_buf *out = &cli->out;
    if (cli->format == IFM_FORMAT_MD)
        ifm_buf_adds(out, "| rule | any | server | phone | browser | tensorrt | coreml | microcontroller | finding | remedy |\n"
                          "|---|---|---|---|---|---|---|---|---|---|\n");
    for (const struct ifm_lint_rule *rule = ifm_lint_rules; rule->code; rule++) {
        if (cli->format != IFM_FORMAT_MD) {
            ifm_buf_addf(out, "%-24s %s\n", rule->code, rule->text);
            continue;
        }
        ifm_buf_addf(out, "| `%s` ", rule->code);
        for (int t = 0; t < IFM_LINT_TARGETS; t++)
            ifm_buf_addf(out, "| %s ", severity_of(rule, t) ? severity_names[severity_of(rule, t)] : "");
        ifm_buf_addf(out, "| %s | %s |\n", rule->text, rule->remedy);
    }
}

static void close_list(struct ifm_cli *cli, const struct tally *tally)
{
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_addf(&cli->out, "],\"errors\":%zu,\"warnings\":%zu,\"notes\":%zu}\n", tally->counts[3], tally->counts[2],
                     tally->counts[1]);
    else if (cli->format == IFM_FORMAT_HUMAN)
        ifm_buf_addf(&cli->out, "%zu errors, %zu warnings, %zu notes\n", tally->counts[3], tally->counts[2], tally->counts[1]);
}

static int run_lint(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err)
{
    const struct lint_options *o = options;
    struct tally tally = { .findings = 0 };
    if (o->list) {
        list_rules(cli);
        return 0;
    }
    int rc = ifm_cli_arguments(argc, argv, 1, 1, "one MODEL or BUNDLE", err);
    if (!rc)
        rc = check_codes(&o->rules, err);
    if (!rc)
        rc = check_codes(&o->ignored, err);
    if (rc)
        return rc;
    if (cli->format == IFM_FORMAT_JSON)
        ifm_buf_adds(&cli->out, "{\"v\":1,\"items\":[");
    else if (cli->format == IFM_FORMAT_MD)
        ifm_buf_adds(&cli->out, "| model | severity | rule | finding | seen | do |\n|---|---|---|---|---|---|\n");
    else if (cli->format == IFM_FORMAT_CSV)
        ifm_buf_adds(&cli->out, "model,severity,rule,finding,seen,do\n");
    const char *slash = strrchr(argv[0], '/');
    rc = ifm_bundle_is(argv[0]) ? look_bundle(cli, o, argv[0], &tally, err)
                                : look(cli, o, argv[0], slash ? slash + 1 : argv[0], &tally, err);
    if (rc) {
        ifm_buf_reset(&cli->out);
        return rc;
    }
    close_list(cli, &tally);
    if (tally.broken)
        return ifm_err_exit(IFM_ERR_INVALID);
    for (int severity = o->fail_on + 1; severity <= 3; severity++)
        if (tally.counts[severity])
            return IFM_EXIT_GATE;
    return 0;
}

const struct ifm_verb ifm_verb_lint = {
    .name = "lint",
    .arguments = "MODEL|BUNDLE",
    .summary = "what is likely to go wrong with a model where it is to run",
    .examples = "  inferometer lint model.onnx --target phone\n"
                "  inferometer lint model.onnx --target browser --budget 10MB --fail-on warning\n"
                "  inferometer lint --list\n",
    .notes = "Looks at the file alone: findings say what may happen and what was seen, nothing is\n"
             "measured. Ends with 1 for findings at or above --fail-on, with 65 for a broken file.\n",
    .options = lint_options,
    .options_size = sizeof(struct lint_options),
    .run = run_lint
};
