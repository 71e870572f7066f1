/* `inspect` for people: numbers first, then operators with a bar, then what is odd. */
#include "agents/cli/inspect_graph.h"

#include <stdio.h>
#include <string.h>

#include "agents/cli/format.h"
#include "core/tensor.h"

#define BAR_WIDTH    20
#define OPS_SHOWN    24 /* without --verbose */
#define QUANTS_SHOWN 8

static void line(struct ifm_buf *out, const char *label, const char *text)
{
    if (text && text[0])
        ifm_buf_addf(out, "  %-12s %s\n", label, text);
}

static void number(struct ifm_buf *out, const char *label, int64_t value, const char *unit,
                   const char *note)
{
    char text[IFM_FORMAT_MAX];
    if (value == IFM_GRAPH_UNKNOWN)
        return;
    ifm_format_count(value, text);
    ifm_buf_addf(out, "  %-12s %s%s%s%s\n", label, text, unit, note[0] ? "  " : "", note);
}

static void size(struct ifm_buf *out, const char *label, int64_t bytes, const char *note)
{
    char text[IFM_FORMAT_MAX], exact[IFM_FORMAT_MAX];
    if (bytes == IFM_GRAPH_UNKNOWN || (bytes == 0 && !note[0]))
        return;
    ifm_format_bytes((double)bytes, text);
    ifm_format_count(bytes, exact);
    ifm_buf_addf(out, "  %-12s %s (%s bytes)%s%s\n", label, text, exact, note[0] ? "  " : "", note);
}

void ifm_inspect_shape(const struct ifm_graph_tensor *t, struct ifm_buf *out)
{
    if (t->rank < 0) {
        ifm_buf_adds(out, "[not told]");
        return;
    }
    ifm_buf_addc(out, '[');
    for (int32_t i = 0; i < t->rank && i < IFM_MAX_RANK; i++) {
        ifm_buf_adds(out, i ? ", " : "");
        if (t->dims[i] >= 0)
            ifm_buf_addf(out, "%lld", (long long)t->dims[i]);
        else
            ifm_buf_adds(out, t->dim_names[i] ? t->dim_names[i] : "?");
    }
    ifm_buf_adds(out, t->rank > IFM_MAX_RANK ? ", …]" : "]");
}

static void tensors(struct ifm_buf *out, const char *label, const struct ifm_graph *g,
                    const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] >= g->tensor_count)
            continue;
        const struct ifm_graph_tensor *t = &g->tensors[list[i]];
        ifm_buf_addf(out, "  %-12s %s  %s", i ? "" : label, t->name[0] ? t->name : "(no name)",
                     t->dtype ? ifm_dtype_name(t->dtype) : t->type ? t->type : "not told");
        ifm_inspect_shape(t, out);
        ifm_buf_addc(out, '\n');
    }
}

static void versions(struct ifm_buf *out, const struct ifm_graph *g)
{
    ifm_buf_addf(out, "  %-12s %s%s%s", "format", g->format_name ? g->format_name : g->format,
                 g->format_version && g->format_version[0] ? " " : "",
                 g->format_version ? g->format_version : "");
    for (size_t i = 0; i < g->opset_count; i++)
        ifm_buf_addf(out, "%s%s %lld", i ? ", " : "; opset ",
                     g->opsets[i].domain[0] ? g->opsets[i].domain : "ai.onnx",
                     (long long)g->opsets[i].version);
    ifm_buf_addc(out, '\n');
    if (g->producer && g->producer[0])
        ifm_buf_addf(out, "  %-12s %s %s\n", "producer", g->producer,
                     g->producer_version ? g->producer_version : "");
    line(out, "name", g->name);
    line(out, "version", g->model_version);
    line(out, "description", g->description);
    for (size_t i = 0; i < g->metadata_count; i++)
        ifm_buf_addf(out, "  %-12s %s = %.200s\n", i ? "" : "metadata", g->metadata[i].key,
                     g->metadata[i].value);
}

static void weights(struct ifm_buf *out, const struct ifm_graph *g)
{
    char bytes[IFM_FORMAT_MAX], elements[IFM_FORMAT_MAX], note[96] = "";
    number(out, "parameters", g->parameters, "", "");
    if (g->buffers > 0)
        number(out, "buffers", g->buffers, " elements that are no parameters", "");
    for (size_t i = 0; i < g->type_count; i++) {
        ifm_format_bytes((double)g->types[i].bytes, bytes);
        ifm_format_count(g->types[i].elements, elements);
        ifm_buf_addf(out, "  %-12s %s: %s in %s elements of %lld tensors\n", i ? "" : "weights",
                     g->types[i].type, bytes, elements, (long long)g->types[i].tensors);
    }
    if (g->external_bytes > 0)
        size(out, "external", g->external_bytes, "in files beside the model");
    if (g->macs_unknown > 0)
        snprintf(note, sizeof note, "without %lld operators whose shapes are not told",
                 (long long)g->macs_unknown);
    if (g->macs > 0) /* what a delegate computes is not told */
        number(out, "MACs", g->macs, " an inference, dynamic dimensions as 1", note);
    if (g->activation_bytes > 0)
        size(out, "activations", g->activation_bytes, "alive at once, in file order");
}

static void operators(struct ifm_cli *cli, const struct ifm_graph *g)
{
    struct ifm_buf *out = &cli->out;
    if (!g->has_nodes) {
        line(out, "operators", "this format does not tell them");
        return;
    }
    ifm_buf_addf(out, "  %-12s %zu%s\n", "operators", g->node_count,
                 g->subgraph_count > 1 ? ", those of subgraphs included" : "");
    size_t shown = cli->common->verbose || g->op_count <= OPS_SHOWN ? g->op_count : OPS_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        const struct ifm_graph_op *op = &g->ops[i];
        int64_t width = op->count * BAR_WIDTH / (g->ops[0].count ? g->ops[0].count : 1);
        char macs[IFM_FORMAT_MAX] = "";
        if (op->macs != IFM_GRAPH_UNKNOWN && op->macs > 0)
            ifm_format_count(op->macs, macs);
        ifm_buf_addf(out, "    %-28.60s %6lld  ", op->op, (long long)op->count);
        for (int64_t k = 0; k < BAR_WIDTH; k++)
            ifm_buf_adds(out, k <= width && op->count ? "\xe2\x96\x88" : " ");
        ifm_buf_addf(out, "%s%s%s\n", macs[0] ? "  " : "", macs, macs[0] ? " MACs" : "");
    }
    if (shown < g->op_count)
        ifm_buf_addf(out, "    and %zu more kinds: --verbose shows them\n", g->op_count - shown);
}

static void quantized(struct ifm_cli *cli, const struct ifm_graph *g)
{
    static const char *const kinds[] = { "", "per tensor", "per channel", "per block" };
    size_t counts[4] = { 0 }, shown = 0;
    for (size_t i = 0; i < g->tensor_count; i++)
        if (g->tensors[i].constant)
            counts[g->tensors[i].quant]++;
    if (!g->quantized)
        return;
    ifm_buf_addf(&cli->out, "  %-12s constants: %zu per tensor, %zu per channel, %zu per block\n",
                 "quantized", counts[IFM_QUANT_TENSOR], counts[IFM_QUANT_CHANNEL],
                 counts[IFM_QUANT_BLOCK]);
    for (size_t i = 0; i < g->tensor_count; i++) {
        const struct ifm_graph_tensor *t = &g->tensors[i];
        if (!t->constant || t->quant == IFM_QUANT_NO)
            continue;
        if (shown++ < QUANTS_SHOWN || cli->common->verbose)
            ifm_buf_addf(&cli->out, "    %-40.80s %s, %s\n", t->name, t->type ? t->type : "?",
                         kinds[t->quant]);
    }
    if (shown > QUANTS_SHOWN && !cli->common->verbose)
        ifm_buf_addf(&cli->out, "    and %zu more: --verbose shows them\n", shown - QUANTS_SHOWN);
}

static void node_list(struct ifm_buf *out, const struct ifm_graph *g)
{
    for (size_t i = 0; i < g->node_count; i++)
        ifm_buf_addf(out, "    %6zu  %-24.60s %.80s%s%s\n", i, g->nodes[i].op, g->nodes[i].name,
                     g->nodes[i].delegate ? "  delegated to " : "",
                     g->nodes[i].delegate ? g->nodes[i].delegate : "");
}

static void validity(struct ifm_cli *cli, const struct ifm_graph *g)
{
    if (!g->problem_count) {
        line(&cli->out, "structure", "no fault found");
        return;
    }
    ifm_buf_addf(&cli->out, "%s  %-12s %zu fault%s%s\n", ifm_cli_red(cli), "structure",
                 g->problem_count, g->problem_count == 1 ? "" : "s", ifm_cli_plain(cli));
    for (size_t i = 0; i < g->problem_count; i++)
        ifm_buf_addf(&cli->out, "    %s: %s\n", g->problems[i].code, g->problems[i].text);
}

void ifm_inspect_print(struct ifm_cli *cli, const struct ifm_graph *g,
                       const struct ifm_inspected *about)
{
    struct ifm_buf *out = &cli->out;
    ifm_buf_addf(out, "%s%s  %s%s\n", ifm_cli_bold(cli), about->model, about->variant,
                 ifm_cli_plain(cli));
    versions(out, g);
    size(out, "size", g->file_bytes, "");
    line(out, "sha256", about->sha256);
    tensors(out, "inputs", g, g->inputs, g->input_count);
    tensors(out, "outputs", g, g->outputs, g->output_count);
    weights(out, g);
    operators(cli, g);
    quantized(cli, g);
    if (about->nodes)
        node_list(out, g);
    validity(cli, g);
}
