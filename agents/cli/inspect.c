/* inferometer inspect */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/cli/cli.h"
#include "agents/cli/format.h"
#include "agents/cli/inspect_graph.h"
#include "agents/cli/probe.h"
#include "agents/cli/subject.h"
#include "agents/plan/keys.h"
#include "core/hash.h"
#include "core/mem.h"

struct inspect_options {
    struct ifm_cli_common common;
    const char *runtime, *variant;
    bool nodes;
};
static const struct ifm_option inspect_options[] = {
    { .name = "runtime",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct inspect_options, runtime),
      .max = 64,
      .value = "NAME",
      .help = "ask this runtime what it makes of the model, instead of reading the file" },
    { .name = "variant",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct inspect_options, variant),
      .max = 128,
      .value = "NAME",
      .help = "variant of a bundle; default: every one" },
    { .name = "nodes",
      .type = IFM_OPT_BOOL,
      .offset = offsetof(struct inspect_options, nodes),
      .help = "list every operator" },
    IFM_CLI_COMMON_ROWS,
    IFM_OPTION_END
};

static void shape(const struct ifm_msg_tensor *t, struct ifm_buf *out)
{
    const struct ifm_ints *dims = t->model_dims.count ? &t->model_dims : &t->dims;
    ifm_buf_addc(out, '[');
    for (size_t i = 0; i < dims->count; i++)
        if (dims->items[i] < 0)
            ifm_buf_addf(out, "%s?", i ? ", " : "");
        else
            ifm_buf_addf(out, "%s%lld", i ? ", " : "", (long long)dims->items[i]);
    ifm_buf_addc(out, ']');
}

static void tensors(struct ifm_buf *out, const char *label, const struct ifm_list *list)
{
    const struct ifm_msg_tensor *t = list->items;
    for (size_t i = 0; i < list->count; i++) {
        ifm_buf_addf(out, "  %-9s %s  %s", i ? "" : label, t[i].name ? t[i].name : "?",
                     t[i].dtype ? t[i].dtype : "?");
        shape(&t[i], out);
        for (size_t k = 0; k < t[i].assumed.count; k++)
            ifm_buf_addf(out, "%s%s", k ? ", " : "  ", t[i].assumed.items[k]);
        ifm_buf_addc(out, '\n');
    }
}

static void json_tensors(struct ifm_jw *w, const char *key, const struct ifm_list *list)
{
    const struct ifm_msg_tensor *t = list->items;
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct ifm_ints *dims = t[i].model_dims.count ? &t[i].model_dims : &t[i].dims;
        ifm_jw_begin(w, '{');
        ifm_jw_key(w, "name");
        ifm_jw_string(w, t[i].name);
        ifm_jw_key(w, "dtype");
        ifm_jw_string(w, t[i].dtype);
        ifm_jw_key(w, "dims");
        ifm_jw_begin(w, '[');
        for (size_t k = 0; k < dims->count; k++)
            ifm_jw_i64(w, dims->items[k]);
        ifm_jw_end(w, ']');
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}

static void print(struct ifm_cli *cli, const struct ifm_subject *s, const struct ifm_probe *p)
{
    struct ifm_buf *out = &cli->out;
    char size[IFM_FORMAT_MAX], bytes[IFM_FORMAT_MAX];
    ifm_format_bytes((double)s->bytes, size);
    ifm_format_count(s->bytes, bytes);
    if (cli->format == IFM_FORMAT_HUMAN || cli->format == IFM_FORMAT_MD) {
        ifm_buf_addf(out, "%s  %s  %s (%s bytes)  read by %s %s\n", s->model, s->variant, size,
                     bytes, s->runtime, p->version ? p->version : "");
        ifm_buf_addf(out, "  sha256    %s\n", s->sha256);
        tensors(out, "inputs", &p->inputs);
        tensors(out, "outputs", &p->outputs);
        return;
    }
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "v");
    ifm_jw_i64(&w, 1);
    const char *texts[][2] = { { "model", s->model },     { "variant", s->variant },
                               { "format", s->format },   { "sha256", s->sha256 },
                               { "runtime", s->runtime }, { "runtime_version", p->version } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ifm_jw_key(&w, texts[i][0]);
        ifm_jw_string(&w, texts[i][1]);
    }
    ifm_jw_key(&w, "bytes");
    ifm_jw_i64(&w, s->bytes);
    json_tensors(&w, "inputs", &p->inputs);
    json_tensors(&w, "outputs", &p->outputs);
    ifm_jw_end(&w, '}');
    ifm_buf_addc(out, '\n');
}

static int ask_runtime(struct ifm_cli *cli, const struct inspect_options *o, const char *model,
                       struct ifm_err *err)
{
    struct ifm_subject subject = { .bytes = 0 };
    struct ifm_probe probe = { .load_ns = 0 };
    struct ifm_subject_asked asked = {
        .model = model, .runtime = o->runtime, .variant = o->variant, .rtol = -1, .atol = -1
    };
    int rc = ifm_subject_open(&asked, &subject, err);
    if (!rc)
        rc = ifm_probe_model(subject.runtime, subject.path, NULL, &probe, err);
    if (!rc)
        print(cli, &subject, &probe);
    ifm_probe_done(&probe);
    ifm_subject_done(&subject);
    return rc;
}

/* A file that can be read and is not valid is shown first; then it is an error. */
static int read_file(struct ifm_cli *cli, const struct inspect_options *o, const char *path,
                     const char *model, const char *variant, struct ifm_jw *w, struct ifm_err *err)
{
    struct ifm_graph graph;
    struct ifm_inspected about = { .model = model, .variant = variant, .nodes = o->nodes };
    struct stat status;
    int64_t bytes;
    int rc = ifm_graph_open(path, &graph, err);
    if (rc)
        return rc;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
        rc = ifm_hash_file(path, about.sha256, &bytes, err);
    if (!rc && w)
        ifm_inspect_json(w, &graph, &about);
    else if (!rc)
        ifm_inspect_print(cli, &graph, &about);
    if (!rc && graph.problem_count)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "", "%.80s is not valid: %.100s",
                         variant[0] ? variant : model, graph.problems[0].text);
    ifm_graph_done(&graph);
    return rc;
}

static int read_variant(struct ifm_cli *cli, const struct inspect_options *o,
                        const struct ifm_bundle *bundle, const struct ifm_bundle_variant *variant,
                        struct ifm_jw *w, struct ifm_err *err)
{
    char *file = ifm_bundle_path(bundle, variant->path);
    int rc = file ? read_file(cli, o, file, bundle->manifest.model, variant->name, w, err)
                  : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    ifm_free(file);
    return rc;
}

/* Every variant that was asked for is shown, also after one that is broken; the first fault is returned. */
static int read_variants(struct ifm_cli *cli, const struct inspect_options *o,
                         const struct ifm_bundle *bundle, struct ifm_jw *w, struct ifm_err *err)
{
    const struct ifm_bundle_variant *variants = bundle->manifest.variants.items;
    int worst = 0;
    size_t shown = 0;
    for (size_t i = 0; i < bundle->manifest.variants.count; i++) {
        struct ifm_err why = IFM_ERR_INIT;
        if (o->variant && strcmp(o->variant, variants[i].name) != 0)
            continue;
        if (shown++ && !w)
            ifm_buf_addc(&cli->out, '\n');
        int rc = read_variant(cli, o, bundle, &variants[i], w, &why);
        if (rc && !worst && err)
            *err = why;
        worst = worst ? worst : rc;
    }
    return shown ? worst
                 : ifm_err_set(err, IFM_ERR_USAGE, "", "the bundle has no variant \"%.60s\"",
                               o->variant ? o->variant : "");
}

static int read_bundle(struct ifm_cli *cli, const struct inspect_options *o, const char *path,
                       struct ifm_jw *w, struct ifm_err *err)
{
    struct ifm_tempdir temp = { .path = "" };
    struct ifm_bundle bundle = { .folder = NULL };
    int rc = ifm_bundle_open(path, &temp, &bundle, err);
    if (!rc) {
        if (w && !o->variant)
            ifm_jw_begin(w, '[');
        rc = read_variants(cli, o, &bundle, w, err);
        if (w && !o->variant)
            ifm_jw_end(w, ']');
        ifm_bundle_done(&bundle);
    }
    ifm_tempdir_done(&temp);
    return rc;
}

static int run_inspect(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    const struct inspect_options *o = options;
    int rc = ifm_cli_arguments(argc, argv, 1, 1, "one MODEL or BUNDLE", err);
    if (rc || o->runtime)
        return rc ? rc : ask_runtime(cli, o, argv[0], err);
    const char *slash = strrchr(argv[0], '/');
    struct stat status;
    struct ifm_jw writer, *w = NULL;
    ifm_jw_init(&writer, &cli->out);
    if (cli->format != IFM_FORMAT_HUMAN && cli->format != IFM_FORMAT_MD)
        w = &writer;
    if (ifm_bundle_is(argv[0]))
        rc = read_bundle(cli, o, argv[0], w, err);
    else if (stat(argv[0], &status))
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "cannot read the model %.120s", argv[0]);
    else
        rc = read_file(cli, o, argv[0], slash ? slash + 1 : argv[0], "", w, err);
    if (cli->out.len && w)
        ifm_buf_addc(&cli->out, '\n');
    return rc;
}

const struct ifm_verb ifm_verb_inspect = {
    .name = "inspect",
    .arguments = "MODEL|BUNDLE",
    .summary = "what a model file says of itself, without a runtime",
    .examples = "  inferometer inspect model.onnx\n"
                "  inferometer inspect model.tflite --nodes\n"
                "  inferometer inspect model.onnx --json\n"
                "  inferometer inspect model.onnx --runtime openvino\n",
    .notes = "Reads ONNX, ORT, TFLite, ExecuTorch, TorchScript, .pt2, Core ML, OpenVINO,\n"
             "TensorRT and safetensors files; nothing in them is executed. A \"?\" is a dimension that the\n"
             "model leaves open: `run --shape` sets it. Ends with 65 where the file is not valid.\n",
    .options = inspect_options,
    .options_size = sizeof(struct inspect_options),
    .run = run_inspect
};
