/* The rules, in the order in which they are printed: what makes a model unusable first. */
#include "agents/cli/lint.h"

#include <string.h>

#include "core/mem.h"

/* severities: any, server, phone, browser, tensorrt, coreml, microcontroller */
#define R(code, severities, check, text, remedy) { code, severities, text, remedy, check }

const struct ifm_lint_rule ifm_lint_rules[] = {
    R("missing-opset", "eeeeeee", ifm_lint_missing_opset, "operators of a domain whose opset the model does not import",
      "add the opset_import of that domain when exporting"),
    R("protobuf-limit", "eeeeeee", ifm_lint_protobuf, "the file is over the 2 GiB that a protobuf message may have",
      "save the initialisers as external data"),
    R("custom-ops", "wwwwwww", ifm_lint_custom, "operators outside the standard domains: other runtimes may refuse them",
      "export standard operators, or ship the library that has them (--custom-ops)"),
    R("format-target", "--weeew", ifm_lint_format, "a format that the target does not run by itself",
      "export for the target: ONNX for browsers and TensorRT, Core ML for Apple, TFLite or ExecuTorch for phones"),
    R("engine-not-portable", "wweewee", ifm_lint_engine, "a TensorRT engine runs on the GPU model and version it was built for",
      "ship ONNX and the recipe, and build the engine on each target"),
    R("torchscript-phone", "--w----", ifm_lint_torchscript, "TorchScript on phones is being replaced by ExecuTorch",
      "export with torch.export to ExecuTorch (.pte)"),
    R("pickle", "nnnnnnn", ifm_lint_pickle, "the archive holds pickles: PyTorch may execute what they name",
      "load only files whose origin you trust; share weights as safetensors"),
    R("fixed-batch", "wwn-wn-", ifm_lint_fixed_batch, "the first dimension of inputs is fixed: other batch sizes are refused",
      "export with dynamic_axes (or dynamic_shapes) for the batch dimension"),
    R("missing-dynamic-axes", "wwwwww-", ifm_lint_missing_axes,
      "some first dimensions are dynamic and others are fixed: batches may fail or be cut",
      "name the batch axis of every input and output in dynamic_axes"),
    R("dynamic-shapes", "--n-nww", ifm_lint_dynamic_shapes, "dynamic dimensions: this target may need fixed ones or a range",
      "fix them at export, or give a range (TensorRT: min, opt and max of an optimisation profile)"),
    R("unnamed-dims", "nnnnnnn", ifm_lint_unnamed_dims, "dynamic dimensions without a name cannot be told apart or overridden by name",
      "give each dynamic axis a name at export"),
    R("old-opset", "wwwwwww", ifm_lint_old_opset, "an opset below 17 lacks newer operators, so they may be spelt out slowly",
      "export again with opset 17 or later"),
    R("int64-input", "--w-www", ifm_lint_int64_input, "int64 inputs: delegates and TFLite kernels may not take them",
      "take int32 inputs, and cast inside the model where it must be"),
    R("float64", "wwwwwww", ifm_lint_float64, "float64 tensors: slow, and refused by many backends",
      "convert to float32 before the export"),
    R("int8-sensitive", "wwwwwww", ifm_lint_sensitive, "layers that often lose accuracy are quantized: first or last convolution, attention",
      "keep them in float16 or float32, and compare the accuracy"),
    R("qdq-not-fused", "wwwwwww", ifm_lint_unfused_qdq, "operators between quantized inputs and a float output may not be fused to integer kernels",
      "quantize their output too, or leave the operator in float"),
    R("dynamic-quantized-conv", "wwwwwww", ifm_lint_dynamic_conv, "ConvInteger: dynamic quantization of a convolution is often slower on a CPU than float",
      "quantize convolutions statically (QDQ), dynamically only MatMul; then measure"),
    R("qoperator-format", "----w--", ifm_lint_qoperators, "operators of the QOperator form: TensorRT reads Q/DQ pairs",
      "quantize with quant_format=QDQ"),
    R("fallback-prone", "--w--w-", ifm_lint_fallback, "operators that the target's accelerator often leaves to the CPU",
      "run `inferometer run --details` and look at the placement; rewrite what falls back"),
    R("training-mode", "wwwwwww", ifm_lint_training, "operators in training mode: outputs are not those of inference",
      "call model.eval() before the export"),
    R("nondeterministic", "wwwwwww", ifm_lint_random, "random operators: outputs differ from run to run and cannot be verified",
      "fix their seed, or take the random numbers as an input"),
    R("left-over", "nnnnnnn", ifm_lint_leftover, "operators that do nothing in inference are left",
      "export in inference mode, or simplify the graph"),
    R("unfused-batchnorm", "nnwnnnw", ifm_lint_batchnorm, "batch normalisation right after a convolution is not folded into it",
      "fold it at export; runtimes without graph optimisation pay for it each time"),
    R("layout-transposes", "nnwnnnw", ifm_lint_transposes, "transposes between NCHW and NHWC: each copies a whole tensor",
      "export in the layout that the runtime computes in"),
    R("unused-initialiser", "nnwwnnw", ifm_lint_unused, "constants that nothing reads are shipped",
      "remove them: they only cost size"),
    R("huge-initialiser", "nnwwnnw", ifm_lint_huge, "one constant inside the file has 256 MB or more",
      "save it as external data, so that it can be mapped"),
    R("external-data", "nnnwnnw", ifm_lint_external, "weights lie in other files: the model does not work without them",
      "ship them together; browsers have to be told of each file"),
    R("float-weights", "--nwn-w", ifm_lint_float_weights, "float32 weights of 10 MB or more",
      "store float16 (half the size) or INT8 (a quarter), and compare the accuracy"),
    R("browser-size", "---w---", ifm_lint_browser_size, "the download is over the budget even when compressed",
      "quantize, split it into chunks, cache it with IndexedDB"),
    R("phone-memory", "--e--e-", ifm_lint_phone_memory, "weights and activations alone may need more than the 1.5 GB at which iOS ends an app",
      "compute in chunks or as a stream, or take a smaller model"),
    R("unpinned-precision", "nn-----", ifm_lint_precision, "OpenVINO may compute float32 models in bfloat16 on some processors without saying so",
      "set inference precision f32, and read the effective precision in the table"),
    R("coreml-simulator", "-----n-", ifm_lint_simulator, "the simulator has no Neural Engine: what it shows is no measurement",
      "measure on a device"),
    { .code = NULL }
};

bool ifm_lint_among(const char *word, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

const struct ifm_graph_node *ifm_lint_maker(const struct ifm_lint *lint, uint32_t tensor)
{
    uint32_t node = tensor < lint->graph->tensor_count ? lint->makers[tensor] : IFM_GRAPH_NONE;
    return node == IFM_GRAPH_NONE ? NULL : &lint->graph->nodes[node];
}

void ifm_lint_name(struct ifm_buf *seen, size_t index, const char *name)
{
    if (index < 3)
        ifm_buf_addf(seen, "%s%.60s", index ? ", " : "", name && *name ? name : "?");
    else if (index == 3)
        ifm_buf_adds(seen, ", more");
}

int ifm_lint_open(struct ifm_lint *lint, const struct ifm_graph *graph, struct ifm_err *err)
{
    size_t n = graph->tensor_count;
    lint->graph = graph;
    lint->onnx = strcmp(graph->format, "onnx") == 0;
    lint->makers = ifm_alloc_array(n + 1, sizeof *lint->makers);
    lint->uses = ifm_alloc_array(n + 1, sizeof *lint->uses);
    lint->users = ifm_alloc_array(n + 1, sizeof *lint->users);
    if (!lint->makers || !lint->uses || !lint->users) {
        ifm_lint_done(lint);
        return ifm_err_set(err, IFM_ERR_NOMEM, "lint", "out of memory");
    }
    memset(lint->makers, 0xff, (n + 1) * sizeof *lint->makers);
    memset(lint->users, 0xff, (n + 1) * sizeof *lint->users);
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ifm_graph_node *node = &graph->nodes[i];
        for (size_t k = 0; k < node->output_count; k++)
            if (node->outputs[k] < n)
                lint->makers[node->outputs[k]] = (uint32_t)i;
        for (size_t k = 0; k < node->input_count; k++)
            if (node->inputs[k] < n) {
                lint->uses[node->inputs[k]]++;
                lint->users[node->inputs[k]] = (uint32_t)i;
            }
    }
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] < n)
            lint->uses[graph->outputs[i]]++;
    return 0;
}

void ifm_lint_done(struct ifm_lint *lint)
{
    ifm_free(lint->makers);
    ifm_free(lint->uses);
    ifm_free(lint->users);
    lint->makers = lint->uses = lint->users = NULL;
}
