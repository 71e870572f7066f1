/* inferometer inspect */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/cli/cli.h"
#include "agents/cli/format.h"
#include "agents/cli/probe.h"
#include "agents/cli/subject.h"
#include "agents/plan/keys.h"

struct inspect_options {
    struct ifm_cli_common common;
    const char *runtime, *variant;
};
static const struct ifm_option inspect_options[] = {
    { .name = "runtime",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct inspect_options, runtime),
      .max = 64,
      .value = "NAME",
      .help = "what describes the model; default: by the file's format" },
    { .name = "variant",
      .type = IFM_OPT_STRING,
      .offset = offsetof(struct inspect_options, variant),
      .max = 128,
      .value = "NAME",
      .help = "variant of a bundle" },
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

static int run_inspect(struct ifm_cli *cli, void *options, int argc, char **argv,
                       struct ifm_err *err)
{
    const struct inspect_options *o = options;
    struct ifm_subject subject = { .bytes = 0 };
    struct ifm_probe probe = { .load_ns = 0 };
    int rc = ifm_cli_arguments(argc, argv, 1, 1, "one MODEL or BUNDLE", err);
    if (rc)
        return rc;
    struct ifm_subject_asked asked = {
        .model = argv[0], .runtime = o->runtime, .variant = o->variant, .rtol = -1, .atol = -1
    };
    rc = ifm_subject_open(&asked, &subject, err);
    if (!rc)
        rc = ifm_probe_model(subject.runtime, subject.path, NULL, &probe, err);
    if (!rc)
        print(cli, &subject, &probe);
    ifm_probe_done(&probe);
    ifm_subject_done(&subject);
    return rc;
}

const struct ifm_verb ifm_verb_inspect = {
    .name = "inspect",
    .arguments = "MODEL|BUNDLE",
    .summary = "inputs, outputs, size and hash of a model",
    .examples = "  inferometer inspect model.onnx\n  inferometer inspect model.onnx --json\n",
    .notes = "A \"?\" is a dimension that the model leaves open: --shape sets it.\n",
    .options = inspect_options,
    .options_size = sizeof(struct inspect_options),
    .run = run_inspect
};
