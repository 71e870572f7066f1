/* `inspect --json`: see docs/inspect.md. */
#include "agents/cli/inspect_graph.h"
#include "core/tensor.h"

static void text(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value && value[0] ? value : NULL);
}

static void whole(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value); /* UNKNOWN is written as null */
}

static void open_list(struct ifm_jw *w, const char *key)
{
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '[');
}

static void tensor(struct ifm_jw *w, const struct ifm_graph_tensor *t)
{
    ifm_jw_begin(w, '{');
    text(w, "name", t->name);
    text(w, "dtype", t->dtype ? ifm_dtype_name(t->dtype) : t->type);
    ifm_jw_key(w, "dims");
    if (t->rank < 0) {
        ifm_jw_string(w, NULL);
    } else {
        ifm_jw_begin(w, '[');
        for (int32_t i = 0; i < t->rank && i < IFM_MAX_RANK; i++)
            ifm_jw_i64(w, t->dims[i]);
        ifm_jw_end(w, ']');
    }
    open_list(w, "dim_names");
    for (int32_t i = 0; i < t->rank && i < IFM_MAX_RANK; i++)
        ifm_jw_string(w, t->dim_names[i]);
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

static void tensors(struct ifm_jw *w, const char *key, const struct ifm_graph *g,
                    const uint32_t *list, size_t count)
{
    open_list(w, key);
    for (size_t i = 0; i < count; i++)
        if (list[i] < g->tensor_count)
            tensor(w, &g->tensors[list[i]]);
    ifm_jw_end(w, ']');
}

static void head(struct ifm_jw *w, const struct ifm_graph *g, const struct ifm_inspected *about)
{
    const char *texts[][2] = { { "model", about->model },
                               { "variant", about->variant },
                               { "format", g->format },
                               { "format_name", g->format_name },
                               { "format_version", g->format_version },
                               { "producer", g->producer },
                               { "producer_version", g->producer_version },
                               { "model_version", g->model_version },
                               { "name", g->name },
                               { "description", g->description },
                               { "sha256", about->sha256 } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        text(w, texts[i][0], texts[i][1]);
    whole(w, "bytes", g->file_bytes);
    whole(w, "external_bytes", g->external_bytes);
    open_list(w, "opsets");
    for (size_t i = 0; i < g->opset_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "domain", g->opsets[i].domain);
        whole(w, "version", g->opsets[i].version);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    open_list(w, "metadata");
    for (size_t i = 0; i < g->metadata_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "key", g->metadata[i].key);
        text(w, "value", g->metadata[i].value);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}

static void counts(struct ifm_jw *w, const struct ifm_graph *g)
{
    whole(w, "nodes", g->has_nodes ? (int64_t)g->node_count : IFM_GRAPH_UNKNOWN);
    open_list(w, "operators");
    for (size_t i = 0; i < g->op_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "domain", g->ops[i].domain);
        text(w, "op", g->ops[i].op);
        whole(w, "count", g->ops[i].count);
        whole(w, "macs", g->ops[i].macs);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    open_list(w, "weights");
    for (size_t i = 0; i < g->type_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "dtype", g->types[i].type);
        whole(w, "tensors", g->types[i].tensors);
        whole(w, "elements", g->types[i].elements);
        whole(w, "bytes", g->types[i].bytes);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    whole(w, "parameters", g->parameters);
    whole(w, "buffers", g->buffers);
    whole(w, "weight_bytes", g->weight_bytes);
    whole(w, "macs", g->macs);
    whole(w, "macs_unknown_nodes", g->macs_unknown);
    whole(w, "activation_bytes", g->activation_bytes);
}

static void quantization(struct ifm_jw *w, const struct ifm_graph *g)
{
    static const char *const kinds[] = { "no", "per_tensor", "per_channel", "per_block" };
    ifm_jw_key(w, "quantized");
    ifm_jw_bool(w, g->quantized);
    open_list(w, "quantized_tensors");
    for (size_t i = 0; i < g->tensor_count; i++) {
        const struct ifm_graph_tensor *t = &g->tensors[i];
        if (t->quant == IFM_QUANT_NO || !t->constant)
            continue;
        ifm_jw_begin(w, '{');
        text(w, "name", t->name);
        text(w, "dtype", t->type);
        text(w, "kind", kinds[t->quant]);
        whole(w, "scales", t->quant_count);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}

static void nodes(struct ifm_jw *w, const struct ifm_graph *g)
{
    open_list(w, "node_list");
    for (size_t i = 0; i < g->node_count; i++) {
        const struct ifm_graph_node *n = &g->nodes[i];
        ifm_jw_begin(w, '{');
        text(w, "op", n->op);
        text(w, "domain", n->domain);
        text(w, "name", n->name);
        text(w, "delegate", n->delegate);
        whole(w, "subgraph", n->subgraph);
        whole(w, "macs", n->macs);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}

void ifm_inspect_json(struct ifm_jw *w, const struct ifm_graph *g,
                      const struct ifm_inspected *about)
{
    ifm_jw_begin(w, '{');
    whole(w, "v", 1);
    head(w, g, about);
    tensors(w, "inputs", g, g->inputs, g->input_count);
    tensors(w, "outputs", g, g->outputs, g->output_count);
    counts(w, g);
    quantization(w, g);
    if (about->nodes)
        nodes(w, g);
    ifm_jw_key(w, "valid");
    ifm_jw_bool(w, g->problem_count == 0);
    open_list(w, "problems");
    for (size_t i = 0; i < g->problem_count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "code", g->problems[i].code);
        text(w, "text", g->problems[i].text);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}
