/* Rules over the file, its inputs and outputs, and its constants. */
#include <string.h>

#include "agents/cli/lint.h"
#include "agents/model/packed.h"

static const struct ifm_graph_tensor *input(const struct ifm_lint *lint, size_t i)
{
    return &lint->graph->tensors[lint->graph->inputs[i]];
}

static const struct ifm_graph_tensor *output(const struct ifm_lint *lint, size_t i)
{
    return &lint->graph->tensors[lint->graph->outputs[i]];
}

static bool has_batch(const struct ifm_graph_tensor *t)
{
    return t->rank >= 2;
}

static bool told(const struct ifm_lint *lint)
{
    return lint->onnx || strcmp(lint->graph->format, "openvino") == 0;
}

bool ifm_lint_fixed_batch(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t fixed = 0, open = 0;
    for (size_t i = 0; told(lint) && i < lint->graph->input_count; i++) {
        const struct ifm_graph_tensor *t = input(lint, i);
        if (has_batch(t) && t->dims[0] >= 0)
            ifm_lint_name(seen, fixed++, t->name);
        else if (has_batch(t))
            open++;
    }
    return fixed && !open; /* some open, some not: that is another rule */
}

bool ifm_lint_missing_axes(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t fixed = 0, open = 0;
    for (size_t i = 0; told(lint) && i < lint->graph->input_count + lint->graph->output_count; i++) {
        const struct ifm_graph_tensor *t =
            i < lint->graph->input_count ? input(lint, i) : output(lint, i - lint->graph->input_count);
        if (has_batch(t) && t->dims[0] < 0)
            open++;
        else if (has_batch(t))
            ifm_lint_name(seen, fixed++, t->name);
    }
    return fixed && open;
}

static size_t dynamic_inputs(const struct ifm_lint *lint, bool unnamed, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->input_count; i++) {
        const struct ifm_graph_tensor *t = input(lint, i);
        bool hit = false;
        for (int32_t k = 0; k < t->rank && k < IFM_MAX_RANK; k++)
            hit = hit || (t->dims[k] < 0 && !(unnamed && t->dim_names[k] && *t->dim_names[k]));
        if (hit)
            ifm_lint_name(seen, found++, t->name);
    }
    return found;
}

bool ifm_lint_dynamic_shapes(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    return dynamic_inputs(lint, false, seen) > 0;
}

bool ifm_lint_unnamed_dims(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    return lint->onnx && dynamic_inputs(lint, true, seen) > 0;
}

bool ifm_lint_int64_input(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->input_count; i++)
        if (input(lint, i)->dtype == IFM_DTYPE_I64)
            ifm_lint_name(seen, found++, input(lint, i)->name);
    return found > 0;
}

static bool is_standard(const char *domain)
{
    return !*domain || strcmp(domain, "ai.onnx") == 0;
}

bool ifm_lint_old_opset(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    for (size_t i = 0; lint->onnx && i < lint->graph->opset_count; i++)
        if (is_standard(lint->graph->opsets[i].domain) && lint->graph->opsets[i].version < 17) {
            ifm_buf_addf(seen, "opset %lld", (long long)lint->graph->opsets[i].version);
            return true;
        }
    return false;
}

bool ifm_lint_missing_opset(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t n = 0; lint->onnx && n < lint->graph->op_count; n++) {
        const struct ifm_graph_op *op = &lint->graph->ops[n];
        bool known = false;
        for (size_t i = 0; i < lint->graph->opset_count; i++) {
            const char *domain = lint->graph->opsets[i].domain;
            known = known || strcmp(domain, op->domain) == 0 || (is_standard(domain) && is_standard(op->domain));
        }
        if (!known)
            ifm_lint_name(seen, found++, op->op);
    }
    return found > 0;
}

static bool is_format(const struct ifm_lint *lint, const char *const *formats, struct ifm_buf *seen)
{
    if (!ifm_lint_among(lint->graph->format, formats))
        return false;
    ifm_buf_adds(seen, lint->graph->format_name);
    return true;
}

bool ifm_lint_engine(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const formats[] = { "tensorrt", NULL };
    return is_format(lint, formats, seen);
}

bool ifm_lint_torchscript(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const formats[] = { "torchscript", NULL };
    return is_format(lint, formats, seen);
}

bool ifm_lint_pickle(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    return ifm_lint_torchscript(lint, seen);
}

bool ifm_lint_format(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    static const char *const phone[] = { "onnx", "ort", "tflite", "executorch", "coreml", "mlpackage", "torchscript", NULL };
    static const char *const browser[] = { "onnx", "ort", "tflite", NULL };
    static const char *const tensorrt[] = { "onnx", "tensorrt", NULL };
    static const char *const coreml[] = { "coreml", "mlpackage", "onnx", "ort", NULL };
    static const char *const micro[] = { "tflite", "executorch", NULL };
    static const char *const *const runs[IFM_LINT_TARGETS] = { NULL, NULL, phone, browser, tensorrt, coreml, micro };
    if (!runs[lint->target] || ifm_lint_among(lint->graph->format, runs[lint->target]))
        return false;
    ifm_buf_adds(seen, lint->graph->format_name);
    return true;
}

bool ifm_lint_external(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    const char *last = "";
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->tensor_count; i++) {
        const struct ifm_graph_tensor *t = &lint->graph->tensors[i];
        if (!t->external || !t->location || strcmp(t->location, last) == 0)
            continue;
        last = t->location;
        ifm_lint_name(seen, found++, last);
    }
    return found > 0;
}

bool ifm_lint_float64(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->tensor_count; i++)
        if (lint->graph->tensors[i].dtype == IFM_DTYPE_F64)
            ifm_lint_name(seen, found++, lint->graph->tensors[i].name);
    return found > 0;
}

bool ifm_lint_huge(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; i < lint->graph->tensor_count; i++) {
        const struct ifm_graph_tensor *t = &lint->graph->tensors[i];
        if (t->constant && !t->external && t->bytes >= INT64_C(256000000))
            ifm_lint_name(seen, found++, t->name);
    }
    return found > 0;
}

bool ifm_lint_protobuf(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    int64_t bytes = lint->graph->file_bytes - lint->graph->external_bytes;
    if (!lint->onnx || bytes < INT64_C(1) << 31)
        return false;
    ifm_buf_addf(seen, "%lld bytes", (long long)bytes);
    return true;
}

bool ifm_lint_unused(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    size_t found = 0;
    for (size_t i = 0; lint->onnx && i < lint->graph->tensor_count; i++)
        if (lint->graph->tensors[i].constant && !lint->uses[i] && lint->makers[i] == IFM_GRAPH_NONE)
            ifm_lint_name(seen, found++, lint->graph->tensors[i].name);
    return found > 0;
}

bool ifm_lint_float_weights(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    for (size_t i = 0; i < lint->graph->type_count; i++)
        if (strcmp(lint->graph->types[i].type, "float32") == 0 && lint->graph->types[i].bytes >= 10000000) {
            ifm_buf_addf(seen, "%lld bytes", (long long)lint->graph->types[i].bytes);
            return true;
        }
    return false;
}

bool ifm_lint_browser_size(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    int64_t bytes = lint->graph->file_bytes, packed;
    bool whole;
    if (bytes <= lint->budget_bytes || ifm_packed_bytes(lint->graph->path, &packed, &whole, NULL))
        return false;
    packed += lint->graph->external_bytes; /* not compressed here: an upper bound */
    if (packed <= lint->budget_bytes)
        return false;
    ifm_buf_addf(seen, "%lld bytes, %s%lld with gzip, budget %lld", (long long)bytes, whole ? "" : "about ",
                 (long long)packed, (long long)lint->budget_bytes);
    return true;
}

bool ifm_lint_phone_memory(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    int64_t activations = lint->graph->activation_bytes, weights = lint->graph->weight_bytes;
    int64_t total = (activations > 0 ? activations : 0) + (weights > 0 ? weights : 0);
    if (total <= IFM_LINT_PHONE_BYTES)
        return false;
    ifm_buf_addf(seen, "%lld bytes, dynamic dimensions counted as 1", (long long)total);
    return true;
}

bool ifm_lint_simulator(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    ifm_buf_adds(seen, lint->graph->format_name);
    return true;
}

bool ifm_lint_precision(const struct ifm_lint *lint, struct ifm_buf *seen)
{
    if (strcmp(lint->graph->format, "openvino") != 0)
        return false;
    for (size_t i = 0; i < lint->graph->type_count; i++)
        if (strcmp(lint->graph->types[i].type, "float32") == 0) {
            ifm_buf_adds(seen, "float32 constants");
            return true;
        }
    return false;
}
