/* What stands under the table of an experiment: facts about each arm, which one to take, which are out and
 * why, and why one loses where something was seen that tells. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agents/cli/experiment.h"
#include "agents/cli/format.h"
#include "agents/cli/grid.h"
#include "agents/cli/print.h"
#include "agents/model/graph.h"

/* -- Facts about each arm -----------------------------------------------------------------------
 */

static void placement_text(const struct ifm_msg_run *run, char *text, size_t size)
{
    const struct ifm_msg_placement *rows = run->placement.items;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < run->placement.count && used < size - 1; i++)
        used += (size_t)(rows[i].operators > 0
                             ? snprintf(text + used, size - used, "%s%.30s %lld", i ? ", " : "",
                                        rows[i].provider, (long long)rows[i].operators)
                             : snprintf(text + used, size - used, "%s%.30s", i ? ", " : "",
                                        rows[i].provider));
}

/* "float32", "bfloat16, made float32": what computes, and what the variant says where it differs. */
static void precision_text(const struct ifm_msg_run *run, char *text, size_t size)
{
    const char *made = run->variant_precision ? run->variant_precision : "",
               *does = run->precision ? run->precision : "";
    if (does[0] && made[0] && strcmp(does, made) != 0)
        snprintf(text, size, "%.20s, made %.20s", does, made);
    else
        snprintf(text, size, "%.40s", does[0] ? does : made);
}

static void fact_row(const struct ifm_measure *m, struct ifm_grid *grid)
{
    const struct ifm_msg_run *run = &m->view.run;
    char cells[7][IFM_GRID_CELL] = { "" }, interval[IFM_FORMAT_MAX];
    const char *texts[7];
    snprintf(cells[0], IFM_GRID_CELL, "%.90s", m->name);
    if (m->view.ok) {
        ifm_print_value(IFM_METRIC_LOAD, &m->view, cells[1], interval);
        ifm_print_value(IFM_METRIC_FIRST, &m->view, cells[2], interval);
    }
    if (run->deployed_bytes > 0)
        ifm_format_bytes((double)run->deployed_bytes, cells[3]);
    if (run->variant_bytes > 0)
        ifm_format_bytes((double)run->variant_bytes, cells[4]);
    precision_text(run, cells[5], IFM_GRID_CELL);
    placement_text(run, cells[6], IFM_GRID_CELL);
    for (size_t i = 0; i < 7; i++)
        texts[i] = cells[i];
    ifm_grid_add(grid, texts, 7);
}

void ifm_experiment_facts(const struct ifm_experiment *x, struct ifm_grid *grid)
{
    static const char *const head[] = { "arm",   "load",      "first",    "deployed",
                                        "model", "precision", "operators" };
    ifm_grid_add(grid, head, 7);
    for (size_t i = 0; i < x->count; i++)
        if (x->arms[i].view.ok)
            fact_row(&x->arms[i], grid);
}

/* -- Which to take ------------------------------------------------------------------------------
 */

#define WITHIN_NOISE .05

static bool checked(const struct ifm_measure *m)
{
    return m->view.run.verification == IFM_VERIFY_VERIFIED ||
           m->view.run.verification == IFM_VERIFY_CROSS_CHECKED;
}

static int64_t weight_of(const struct ifm_measure *m)
{
    return m->view.run.deployed_bytes > 0 ? m->view.run.deployed_bytes : m->view.run.variant_bytes;
}

/* Deployed size is known of all or of none: a model alone is never held against one with its library. */
static bool sizes_known(const struct ifm_experiment *x, const size_t *order, size_t ranked)
{
    for (size_t i = 0; i < ranked; i++)
        if (checked(&x->arms[order[i]]) && x->arms[order[i]].view.run.deployed_bytes <= 0)
            return false;
    return true;
}

static void choices(const struct ifm_experiment *x, const size_t *order, size_t ranked,
                    struct ifm_buf *out)
{
    size_t best = ranked, small;
    char text[IFM_FORMAT_MAX];
    for (size_t i = ranked; i-- > 0;)
        if (checked(&x->arms[order[i]]))
            best = i;
    if (best == ranked) /* nothing had a reference */
        return;
    ifm_print_metric(IFM_METRIC_P50, &x->arms[order[best]].view.metrics[IFM_METRIC_P50], text,
                     (char[IFM_FORMAT_MAX]){ "" });
    ifm_buf_addf(out, "fastest verified: %s, %s\n", x->arms[order[best]].name, text);
    small = best;
    if (!sizes_known(x, order, ranked))
        return;
    for (size_t i = best + 1; i < ranked; i++) {
        struct ifm_versus v;
        if (!checked(&x->arms[order[i]]) ||
            ifm_experiment_versus(x, order[best], order[i], &v, NULL) != 0)
            continue;
        /* What could be slower by more than this part is not called as fast. */
        bool near = isfinite(v.result.low) && isfinite(v.result.high) && !v.seen &&
                    v.result.low > 1 - WITHIN_NOISE && v.result.high < 1 + WITHIN_NOISE;
        if (near && weight_of(&x->arms[order[i]]) < weight_of(&x->arms[order[small]]))
            small = i;
    }
    ifm_format_bytes((double)weight_of(&x->arms[order[small]]), text);
    ifm_buf_addf(out, "smallest within noise of it: %s, %s deployed\n",
                 small == best ? "itself" : x->arms[order[small]].name, text);
}

static const char *first_reason(const struct ifm_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct ifm_msg_comparison *c = view->items[i].body.verification.outputs.items;
        for (size_t k = 0; k < view->items[i].body.verification.outputs.count; k++)
            if (!c[k].passed && c[k].reason)
                return c[k].reason;
    }
    return "its outputs are not the reference's";
}

static void excluded(const struct ifm_measure *m, struct ifm_buf *out)
{
    const struct ifm_msg_run *run = &m->view.run;
    if (m->bad_input)
        ifm_buf_addf(out, "excluded: %s, because %s\n", m->name, m->refusal.text);
    else if (run->emulator)
        ifm_buf_addf(out, "excluded: %s, because it ran under an emulator (%s)\n", m->name,
                     run->emulator);
    else if (run->verification == IFM_VERIFY_WRONG)
        ifm_buf_addf(out, "excluded: %s, because its outputs are WRONG: %s\n", m->name,
                     first_reason(&m->view));
    else if (!m->view.ok)
        ifm_buf_addf(out, "excluded: %s, because it delivered no result\n", m->name);
}

/* -- Why one loses ------------------------------------------------------------------------------
 */

static int64_t count_ops(const struct ifm_graph *g, const char *const *names)
{
    int64_t count = 0;
    for (size_t i = 0; i < g->op_count; i++)
        for (const char *const *n = names; *n; n++)
            if (strcmp(g->ops[i].op, *n) == 0)
                count += g->ops[i].count;
    return count;
}

/* What the file holds that is known to cost. */
static bool in_the_file(const struct ifm_measure *m, struct ifm_buf *out)
{
    static const char *const integer[] = { "ConvInteger", NULL };
    static const char *const pairs[] = { "QuantizeLinear", "DequantizeLinear", "QUANTIZE",
                                         "DEQUANTIZE", "DynamicQuantizeLinear", NULL };
    struct ifm_graph graph;
    if (!m->subject->path || ifm_graph_open(m->subject->path, &graph, NULL) != 0)
        return false;
    int64_t conv = count_ops(&graph, integer), q = count_ops(&graph, pairs);
    if (conv)
        ifm_buf_addf(out,
                     "%s probably loses because of %lld ConvInteger: dynamically quantized "
                     "convolutions have no fast kernel in most CPU runtimes\n",
                     m->name, (long long)conv);
    else if (q)
        ifm_buf_addf(out,
                     "%s probably loses by its %lld operators that quantize and dequantize, where "
                     "they are not fused\n",
                     m->name, (long long)q);
    ifm_graph_done(&graph);
    return conv || q;
}

/* Operators that slow kernels computed, as the runtime told where it put them. */
static bool in_the_placement(const struct ifm_measure *m, struct ifm_buf *out)
{
    static const char *const slow[] = { "portable", "builtin", NULL };
    const struct ifm_msg_placement *rows = m->view.run.placement.items;
    int64_t all = 0, left = 0;
    const char *who = NULL;
    for (size_t i = 0; i < m->view.run.placement.count; i++) {
        all += rows[i].operators;
        for (const char *const *n = slow; *n; n++)
            if (strncmp(rows[i].provider, *n, strlen(*n)) == 0) {
                left += rows[i].operators;
                who = *n;
            }
    }
    if (!who || left * 10 < all)
        return false;
    ifm_buf_addf(out, "%s probably loses because %s kernels compute %lld of its %lld operators\n",
                 m->name, who, (long long)left, (long long)all);
    return true;
}

static void losers(const struct ifm_experiment *x, const size_t *order, size_t ranked,
                   struct ifm_buf *out)
{
    for (size_t i = 1; i < ranked; i++) {
        struct ifm_versus v;
        const struct ifm_measure *m = &x->arms[order[i]];
        if (ifm_experiment_versus(x, order[0], order[i], &v, NULL) != 0 || !v.seen ||
            v.fast != order[0])
            continue;
        /* A file that wins elsewhere does not lose by what it holds. */
        bool same = strcmp(m->view.run.variant_sha256,
                           x->arms[order[0]].view.run.variant_sha256) == 0;
        if (!in_the_placement(m, out) && !same)
            in_the_file(m, out);
    }
}

/* Two arms that compute in different precisions are not the same work. */
static void precisions(const struct ifm_experiment *x, const size_t *order, size_t ranked,
                       struct ifm_buf *out)
{
    for (size_t i = 1; i < ranked; i++) {
        const struct ifm_measure *first = &x->arms[order[0]], *other = &x->arms[order[i]];
        const char *a = first->view.run.precision, *b = other->view.run.precision;
        if (!a || !b || strcmp(a, b) == 0)
            continue;
        ifm_buf_addf(out, "note: %s computes in %s, %s in %s: not the same work\n", first->name, a,
                     other->name, b);
        return;
    }
}

void ifm_experiment_closing(const struct ifm_experiment *x, struct ifm_buf *out)
{
    size_t order[IFM_EXPERIMENT_ARMS_MAX], ranked = ifm_experiment_rank(x, order);
    if (ranked)
        choices(x, order, ranked, out);
    for (size_t i = 0; i < x->count; i++)
        if (!ifm_experiment_ranked(&x->arms[i]))
            excluded(&x->arms[i], out);
    precisions(x, order, ranked, out);
    losers(x, order, ranked, out);
}
