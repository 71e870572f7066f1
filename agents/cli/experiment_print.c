/* An experiment as people and programs read it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/experiment.h"
#include "agents/cli/format.h"
#include "agents/cli/grid.h"
#include "agents/cli/print.h"
#include "agents/cli/row.h"

/* -- The plan -----------------------------------------------------------------------------------
 */

/* "at least 3 s and 1,024 inferences each, at most 30 s" */
static void size_text(const struct ifm_plan *p, char *text, size_t size)
{
    char count[IFM_FORMAT_MAX], least[40], most[40];
    ifm_format_count(p->iterations, count);
    ifm_plan_time_text(p->duration_ns, least, sizeof least);
    ifm_plan_time_text(p->max_ns, most, sizeof most);
    if (p->duration_ns && p->iterations > 1)
        snprintf(text, size, "at least %s and %s inferences each, at most %s", least, count, most);
    else if (p->duration_ns)
        snprintf(text, size, "%s each", least);
    else
        snprintf(text, size, "%s inference%s each", count, p->iterations == 1 ? "" : "s");
}

static void time_text(const struct ifm_experiment *x, char *text, size_t size)
{
    const struct ifm_plan *p = &x->arms[0].plan;
    int64_t least, most;
    char low[40], high[40], maximum[64] = "";
    ifm_experiment_bounds(p, x->count, &least, &most);
    if (x->target_count) /* as many rounds as it takes */
        most = most / x->rounds * x->max_rounds;
    ifm_plan_time_text(least, low, sizeof low);
    ifm_plan_time_text(most, high, sizeof high);
    if (x->max_ns) {
        char end[40];
        ifm_plan_time_text(x->max_ns, end, sizeof end);
        snprintf(maximum, sizeof maximum, ", never longer than %s", end);
    }
    if (!p->duration_ns) /* how long a count takes only the model can say */
        snprintf(text, size, "at least %s in all%s", low, maximum);
    else if (strcmp(low, high) != 0)
        snprintf(text, size, "%s to %s in all%s", low, high, maximum);
    else
        snprintf(text, size, "about %s in all%s", low, maximum);
}

static void notes_on_subject(const struct ifm_experiment *x, const struct ifm_measure *m)
{
    const char *colon = m->name[0] ? ": " : "";
    if (m->subject->reference)
        ifm_cli_note(x->cli, "%s%sreference outputs by %s", m->name, colon, m->subject->reference);
    if (m->subject->bundle.manifest.inputs.count > 1)
        ifm_cli_note(x->cli, "%s%sof the bundle's %zu sets of inputs only the first is measured",
                     m->name, colon, m->subject->bundle.manifest.inputs.count);
}

void ifm_experiment_plan(const struct ifm_experiment *x)
{
    const struct ifm_measure *m = &x->arms[0];
    char size[200], total[160], rounds[64];
    size_text(&m->plan, size, sizeof size);
    time_text(x, total, sizeof total);
    if (m->subject->command) { /* how much it does, only the program knows */
        snprintf(size, sizeof size, "what the program does");
        snprintf(total, sizeof total, "with pauses of %.3g s", (double)m->plan.cooldown_ns / 1e9);
    }
    if (x->target_count)
        snprintf(rounds, sizeof rounds, "%lld to %lld invocations", (long long)x->rounds,
                 (long long)x->max_rounds);
    else
        snprintf(rounds, sizeof rounds, "%lld invocation%s", (long long)x->rounds,
                 x->rounds == 1 ? "" : "s");
    if (x->count == 1)
        ifm_cli_note(x->cli, "plan: %s with %s, %s of %s: %s", m->subject->variant,
                     m->subject->runtime, rounds, size, total);
    else
        ifm_cli_note(x->cli,
                     "plan: %zu arms, interleaved in random order (seed %lld), %s of %s: %s",
                     x->count, (long long)x->seed, rounds, size, total);
    for (size_t i = 0; x->count > 1 && i < x->count; i++)
        ifm_cli_note(x->cli, "  %2zu  %s  (%s with %s)", i + 1, x->arms[i].name,
                     x->arms[i].subject->variant, x->arms[i].subject->runtime);
    for (size_t i = 0; i < x->count; i++)
        if (i == 0 || x->arms[i].subject != x->arms[i - 1].subject)
            notes_on_subject(x, &x->arms[i]);
}

/* -- The table ----------------------------------------------------------------------------------
 */

static const char *const verification_texts[] = { "no reference", "verified", "cross-checked",
                                                  "WRONG" };

static void number_cell(enum ifm_metric metric, const struct ifm_measure *m, bool with_interval,
                        char text[IFM_GRID_CELL])
{
    char value[IFM_FORMAT_MAX], interval[IFM_FORMAT_MAX];
    const struct ifm_estimate *e = &m->view.metrics[metric];
    if (m->view.ok && !e->enough && (metric == IFM_METRIC_P90 || metric == IFM_METRIC_P99)) {
        bool batches = ifm_view_iterations(&m->view) >= ifm_target_samples(metric);
        snprintf(text, IFM_GRID_CELL, batches ? "(batches)" : "(few)");
        return;
    }
    ifm_print_value(metric, &m->view, value, interval);
    snprintf(text, IFM_GRID_CELL, "%.40s%s%.48s", value, with_interval && interval[0] ? " " : "",
             with_interval ? interval : "");
}

static void throughput_cell(const struct ifm_experiment *x, const struct ifm_measure *m,
                            char text[IFM_GRID_CELL])
{
    char value[IFM_FORMAT_MAX];
    double items = ifm_experiment_by_items(x) && m->spec.batch > 0 ? (double)m->spec.batch : 1;
    ifm_format_rate(m->view.metrics[IFM_METRIC_THROUGHPUT].value * items, value);
    snprintf(text, IFM_GRID_CELL, "%s", m->view.run.emulator ? "emulated" : value);
}

static void arm_row(const struct ifm_experiment *x, size_t arm, size_t place, struct ifm_grid *grid)
{
    enum { P50 = 2, P90, P99, RATE, RSS, TRUST = 8 };
    const struct ifm_measure *m = &x->arms[arm];
    char cells[TRUST + 1][IFM_GRID_CELL] = { "" };
    const char *texts[TRUST + 1];
    snprintf(cells[0], IFM_GRID_CELL, place ? "%zu" : "\xe2\x80\x93", place);
    snprintf(cells[1], IFM_GRID_CELL, "%.90s", m->name);
    if (m->bad_input || !m->view.count) {
        snprintf(cells[P50], IFM_GRID_CELL, "%s", m->bad_input ? "left out" : "not measured");
    } else {
        number_cell(IFM_METRIC_P50, m, true, cells[P50]);
        number_cell(IFM_METRIC_P90, m, false, cells[P90]);
        number_cell(IFM_METRIC_P99, m, false, cells[P99]);
        throughput_cell(x, m, cells[RATE]);
        number_cell(IFM_METRIC_RSS, m, false, cells[RSS]);
        snprintf(cells[7], IFM_GRID_CELL, "%s",
                 !m->view.ok              ? "failed"
                 : m->view.run.external   ? "external" /* the program's own numbers */
                                          : verification_texts[m->view.run.verification]);
        snprintf(cells[TRUST], IFM_GRID_CELL, "%s", ifm_trust_words[m->view.run.trust]);
    }
    for (size_t i = 0; i <= TRUST; i++)
        texts[i] = cells[i];
    ifm_grid_add(grid, texts, TRUST + 1);
}

/* In the order typed; the first column says how they rank. */
static void make_grid(const struct ifm_experiment *x, struct ifm_grid *grid)
{
    static const char *const head[] = { "#",          "arm",      "P50 [95 %]",   "P90",  "P99",
                                        "throughput", "peak RSS", "verification", "trust" };
    const char *texts[9];
    size_t order[IFM_EXPERIMENT_ARMS_MAX], ranked = ifm_experiment_rank(x, order);
    memcpy(texts, head, sizeof texts);
    if (ifm_experiment_by_items(x))
        texts[5] = "items";
    ifm_grid_add(grid, texts, 9);
    for (size_t i = 0; i < x->count; i++) {
        size_t place = 0;
        for (size_t k = 0; k < ranked; k++)
            if (order[k] == i)
                place = k + 1;
        arm_row(x, i, place, grid);
    }
}

static bool same_thing(const struct ifm_experiment *x, const struct ifm_versus *v)
{
    const struct ifm_msg_run *a = &x->arms[v->fast].view.run, *b = &x->arms[v->slow].view.run;
    return strcmp(a->variant_sha256, b->variant_sha256) == 0 && a->config_key && b->config_key &&
           strcmp(a->config_key, b->config_key) == 0;
}

/* The last lines: what the experiment says. */
static void conclusions(const struct ifm_experiment *x, const struct ifm_versus *versus,
                        size_t count, struct ifm_buf *out)
{
    char text[IFM_EXPERIMENT_TEXT];
    for (size_t i = 0; i < count; i++) {
        ifm_experiment_sentence(x, &versus[i], text);
        ifm_buf_addf(out, "%s%s\n", same_thing(x, &versus[i]) ? "the same twice: " : "", text);
    }
    if (count)
        return;
    size_t order[IFM_EXPERIMENT_ARMS_MAX], ranked = ifm_experiment_rank(x, order);
    if (ranked)
        ifm_buf_addf(out, "nothing to compare: only %s delivered right results\n",
                     x->arms[order[0]].name);
    else
        ifm_buf_adds(out, "nothing to compare: no arm delivered right results\n");
}

static const char *colour_of(const struct ifm_experiment *x, size_t arm)
{
    const struct ifm_measure *m = &x->arms[arm];
    bool bad = m->view.count && !ifm_experiment_ranked(m);
    return bad ? ifm_cli_red(x->cli) : "";
}

/* A second table: what each arm costs beside its latency. True: out of memory. */
static bool facts(const struct ifm_experiment *x)
{
    struct ifm_grid grid = { .rows = 0 };
    ifm_experiment_facts(x, &grid);
    ifm_buf_addc(&x->cli->out, '\n');
    for (size_t i = 0; i < grid.rows; i++)
        ifm_grid_row(&grid, i, i ? "" : ifm_cli_dim(x->cli),
                     i || !ifm_cli_dim(x->cli)[0] ? "" : ifm_cli_plain(x->cli), &x->cli->out);
    bool failed = grid.failed;
    ifm_grid_done(&grid);
    return failed;
}

static int human(const struct ifm_experiment *x, const struct ifm_versus *versus, size_t count)
{
    struct ifm_cli *cli = x->cli;
    struct ifm_grid grid = { .rows = 0 };
    make_grid(x, &grid);
    for (size_t i = 0; i < grid.rows; i++) {
        const char *colour = i ? colour_of(x, i - 1) : ifm_cli_dim(cli);
        ifm_grid_row(&grid, i, colour, *colour ? ifm_cli_plain(cli) : "", &cli->out);
    }
    bool failed = grid.failed;
    ifm_grid_done(&grid);
    failed = facts(x) || failed;
    for (size_t i = 0; i < x->count; i++) {
        const struct ifm_measure *m = &x->arms[i];
        if (m->bad_input)
            ifm_buf_addf(&cli->out, "  %s: left out: %s\n", m->name, m->refusal.text);
        else if (m->view.count)
            ifm_print_remarks(cli, &m->view, m->name);
    }
    for (size_t i = 0; i < x->count; i++)
        if (x->arms[i].view.count)
            ifm_buf_addf(&cli->out, "  run %s  %s\n", x->arms[i].view.run.id, x->arms[i].name);
    if (x->interrupted || x->out_of_time)
        ifm_buf_addf(&cli->out, "  %s after %lld invocations; what was finished is kept\n",
                     x->interrupted ? "interrupted" : "the maximum of time was reached",
                     (long long)x->made);
    ifm_experiment_closing(x, &cli->out);
    ifm_buf_adds(&cli->out, ifm_cli_bold(cli));
    conclusions(x, versus, count, &cli->out);
    ifm_buf_adds(&cli->out, ifm_cli_plain(cli));
    return failed ? IFM_ERR_NOMEM : 0;
}

static int markdown(const struct ifm_experiment *x, const struct ifm_versus *versus, size_t count)
{
    struct ifm_grid grid = { .rows = 0 };
    make_grid(x, &grid);
    ifm_grid_markdown(&grid, &x->cli->out);
    bool failed = grid.failed;
    ifm_grid_done(&grid);
    ifm_buf_addc(&x->cli->out, '\n');
    struct ifm_grid more = { .rows = 0 };
    ifm_experiment_facts(x, &more);
    ifm_grid_markdown(&more, &x->cli->out);
    failed = failed || more.failed;
    ifm_grid_done(&more);
    ifm_buf_addc(&x->cli->out, '\n');
    ifm_experiment_closing(x, &x->cli->out);
    conclusions(x, versus, count, &x->cli->out);
    return failed ? IFM_ERR_NOMEM : 0;
}

/* -- For programs -------------------------------------------------------------------------------
 */

static void text_member(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void whole_member(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

static void real_member(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

static void head_json(const struct ifm_experiment *x, struct ifm_jw *w)
{
    ifm_jw_key(w, "experiment");
    ifm_jw_begin(w, '{');
    text_member(w, "id", x->id);
    whole_member(w, "seed", x->seed);
    whole_member(w, "arms", (int64_t)x->count);
    whole_member(w, "invocations", x->made);
    text_member(w, "end",
                x->interrupted   ? "interrupted"
                : x->out_of_time ? "max_time"
                : x->reached     ? "reached"
                                 : "complete");
    ifm_jw_key(w, "left_out");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < x->count; i++) {
        if (!x->arms[i].bad_input)
            continue;
        ifm_jw_begin(w, '{');
        text_member(w, "arm", x->arms[i].name);
        text_member(w, "reason", x->arms[i].refusal.text);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

static void versus_json(const struct ifm_experiment *x, const struct ifm_versus *v,
                        struct ifm_jw *w)
{
    char sentence[IFM_EXPERIMENT_TEXT];
    ifm_experiment_sentence(x, v, sentence);
    ifm_jw_begin(w, '{');
    text_member(w, "fast", x->arms[v->fast].view.run.id);
    text_member(w, "slow", x->arms[v->slow].view.run.id);
    text_member(w, "metric",
                ifm_experiment_by_items(x) ? "seconds_per_item"
                                           : ifm_metrics[IFM_METRIC_P50].field);
    real_member(w, "ratio", v->result.ratio);
    real_member(w, "low", v->result.low);
    real_member(w, "high", v->result.high);
    whole_member(w, "pairs", (int64_t)v->result.k_a);
    real_member(w, "detectable", v->detectable);
    ifm_jw_key(w, "seen");
    ifm_jw_bool(w, v->seen);
    ifm_jw_key(w, "same");
    ifm_jw_bool(w, same_thing(x, v));
    text_member(w, "text", sentence);
    ifm_jw_end(w, '}');
}

/* "runs" holds what GET /runs/{id} answers for each, in the order typed, with the arm's name beside
 * it. */
static void json(const struct ifm_experiment *x, const struct ifm_versus *versus, size_t count)
{
    struct ifm_jw w;
    ifm_jw_init(&w, &x->cli->out);
    ifm_jw_begin(&w, '{');
    whole_member(&w, "v", 1);
    head_json(x, &w);
    ifm_jw_key(&w, "arms");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < x->count; i++) {
        struct ifm_buf run;
        if (!x->arms[i].view.count)
            continue;
        ifm_buf_init(&run, IFM_CLI_OUT_MAX);
        ifm_print_json(&run, &x->arms[i].view);
        if (run.len && run.data[run.len - 1] == '\n')
            run.data[--run.len] = '\0';
        ifm_jw_begin(&w, '{');
        text_member(&w, "name", x->arms[i].name);
        ifm_jw_key(&w, "reply");
        ifm_jw_raw(&w, run.data ? run.data : "null");
        ifm_jw_end(&w, '}');
        ifm_buf_done(&run);
    }
    ifm_jw_end(&w, ']');
    ifm_jw_key(&w, "comparisons");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < count; i++)
        versus_json(x, &versus[i], &w);
    ifm_jw_end(&w, ']');
    ifm_jw_end(&w, '}');
    ifm_buf_addc(&x->cli->out, '\n');
}

static int rows(const struct ifm_experiment *x, struct ifm_err *err)
{
    struct ifm_buf *out = &x->cli->out;
    if (x->cli->format == IFM_FORMAT_CSV)
        ifm_row_csv_header(out);
    for (size_t i = 0; i < x->count; i++) {
        struct ifm_row row;
        struct ifm_jw w;
        if (!x->arms[i].view.count)
            continue;
        int rc = ifm_row_from_view(&x->arms[i].view, &row, err);
        if (rc)
            return rc;
        if (x->cli->format == IFM_FORMAT_CSV) {
            ifm_row_csv(&row, out);
        } else {
            ifm_jw_init(&w, out);
            ifm_row_json(&row, &w);
            ifm_buf_addc(out, '\n');
        }
        ifm_row_done(&row);
    }
    return 0;
}

int ifm_experiment_print(const struct ifm_experiment *x, struct ifm_err *err)
{
    struct ifm_versus versus[2];
    size_t count = 0;
    if (x->cli->format == IFM_FORMAT_CSV || x->cli->format == IFM_FORMAT_NDJSON)
        return rows(x, err);
    int rc = ifm_experiment_comparisons(x, versus, &count, err);
    if (!rc && x->cli->format == IFM_FORMAT_JSON)
        json(x, versus, count);
    else if (!rc)
        rc = x->cli->format == IFM_FORMAT_MD ? markdown(x, versus, count) : human(x, versus, count);
    return rc == IFM_ERR_NOMEM ? ifm_err_set(err, rc, "", "out of memory") : rc;
}
