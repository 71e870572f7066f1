#include "agents/cli/subject.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "agents/cli/subject_inputs.h"
#include "agents/plan/keys.h"
#include "core/installed.h"
#include "core/mem.h"

static const struct {
    const char *format, *runtime;
} default_runtimes[] = { { "onnx", "onnxruntime" },
                         { "ort", "onnxruntime" },
                         { "tflite", "litert" },
                         { "pte", "executorch" },
                         { "executorch", "executorch" },
                         { "torchscript", "libtorch" },
                         { "pt", "libtorch" },
                         { "jit", "libtorch" },
                         { "pt2", "libtorch" },
                         { "xml", "openvino" },
                         { "openvino", "openvino" } };

const char *ifm_subject_runtime(const char *format)
{
    for (size_t i = 0; i < sizeof default_runtimes / sizeof *default_runtimes; i++)
        if (strcmp(format, default_runtimes[i].format) == 0)
            return default_runtimes[i].runtime;
    return NULL;
}

void ifm_subject_format(const char *path, char format[16])
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t n = 0;
    for (dot = dot ? dot + 1 : ""; *dot && n < 15; dot++)
        if (isalnum((unsigned char)*dot))
            format[n++] = (char)tolower((unsigned char)*dot);
    format[n] = '\0';
}

static char *stem(const char *path)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(base, '.');
    return ifm_dup_bytes(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static bool modelless(const char *runtime)
{
    return strcmp(runtime, "null") == 0 || strcmp(runtime, "sim") == 0;
}

/* The runtimes that make their own work: their "variant" is the runtime itself. */
static int open_nothing(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                        struct ifm_err *err)
{
    if (!asked->runtime)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "name a MODEL file or a BUNDLE");
    int rc = ifm_place_runtime(asked->runtime, out->runtime, err);
    if (rc)
        return rc;
    if (!modelless(out->runtime))
        return ifm_err_set(err, IFM_ERR_USAGE, "", "name a MODEL file: %s needs one", out->runtime);
    char text[64], hex[IFM_SHA256_HEX];
    snprintf(text, sizeof text, "modelless:%s", out->runtime);
    ifm_hash_sha256_hex(text, strlen(text), hex);
    out->model = ifm_dup(out->runtime);
    out->variant = ifm_dup(out->runtime);
    out->format = ifm_dup("none");
    out->sha256 = ifm_dup(hex);
    return 0;
}

static int choose_runtime(const struct ifm_subject_asked *asked, const char *format,
                          struct ifm_subject *out, struct ifm_err *err)
{
    const char *runtime = asked->runtime ? asked->runtime : ifm_subject_runtime(format);
    if (!runtime)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "no runtime is known for %s%s%s: choose one with --runtime",
                           format[0] ? "files that end in \"." : "a file without an extension",
                           format, format[0] ? "\"" : "");
    return ifm_place_runtime(runtime, out->runtime, err);
}

static int open_file(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                     struct ifm_err *err)
{
    struct stat status;
    char format[16], hex[IFM_SHA256_HEX];
    if (stat(asked->model, &status)) {
        char what[160];
        snprintf(what, sizeof what, "cannot read the model %.120s", asked->model);
        return ifm_err_errno(err, errno, "", what);
    }
    if (S_ISDIR(status.st_mode))
        return ifm_err_set(err, IFM_ERR_INVALID, "",
                           "%.120s is a folder without manifest.json: not a bundle", asked->model);
    if (!S_ISREG(status.st_mode))
        return ifm_err_set(err, IFM_ERR_INVALID, "", "%.120s is not a plain file", asked->model);
    ifm_subject_format(asked->model, format);
    int rc = choose_runtime(asked, format, out, err);
    if (!rc)
        rc = ifm_hash_file(asked->model, hex, &out->bytes, err);
    if (rc)
        return rc;
    out->path = ifm_dup(asked->model);
    out->model = stem(asked->model);
    out->variant =
        ifm_dup(strrchr(asked->model, '/') ? strrchr(asked->model, '/') + 1 : asked->model);
    out->format = ifm_dup(format[0] ? format : "unknown");
    out->sha256 = ifm_dup(hex);
    return out->path && out->model && out->variant
               ? 0
               : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

static int named_variant(const char *name, const struct ifm_manifest *manifest, size_t *index,
                         struct ifm_err *err)
{
    const struct ifm_bundle_variant *variants = manifest->variants.items;
    const char *names[65] = { NULL };
    for (size_t i = 0; i < manifest->variants.count && i < 64; i++) {
        names[i] = variants[i].name;
        if (strcmp(name, names[i]) == 0) {
            *index = i;
            return 0;
        }
    }
    const char *near = ifm_opt_nearest(name, names);
    return ifm_err_set(err, IFM_ERR_USAGE, "",
                       "the bundle has no variant \"%.60s\"%s%s%s; the first is \"%.60s\"", name,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "", names[0]);
}

/* Whether a runtime that is here reads the format; `wanted` "": any. */
static bool readable(const char *format, const char *wanted)
{
    char name[32];
    const char *runtime = ifm_subject_runtime(format);
    if (wanted[0])
        return modelless(wanted) || ifm_runtime_reads(wanted, format);
    return runtime && ifm_place_runtime(runtime, name, NULL) == 0;
}

/* The variant that was asked for, or the first whose runtime is here. */
static int choose_variant(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                          size_t *index, struct ifm_err *err)
{
    const struct ifm_manifest *manifest = &out->bundle.manifest;
    const struct ifm_bundle_variant *variants = manifest->variants.items;
    char wanted[32] = "";
    int rc = asked->runtime ? ifm_place_runtime(asked->runtime, wanted, err) : 0;
    if (!rc && asked->variant) {
        rc = named_variant(asked->variant, manifest, index, err);
    } else if (!rc) {
        *index = 0;
        while (*index < manifest->variants.count && !readable(variants[*index].format, wanted))
            ++*index;
        if (*index == manifest->variants.count)
            rc = ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                             "no runtime here reads any variant of the bundle %.60s; see "
                             "`inferometer runtime list`",
                             manifest->model);
    }
    return rc ? rc : choose_runtime(asked, variants[*index].format, out, err);
}

static int open_bundle(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                       struct ifm_err *err)
{
    struct stat status;
    size_t index = 0;
    int rc = ifm_bundle_open(asked->model, &out->temp, &out->bundle, err);
    if (!rc)
        rc = choose_variant(asked, out, &index, err);
    if (rc)
        return rc;
    const struct ifm_bundle_variant *variants = out->bundle.manifest.variants.items;
    const struct ifm_bundle_variant *variant = &variants[index];
    out->path = ifm_bundle_path(&out->bundle, variant->path);
    out->model = ifm_dup(out->bundle.manifest.model);
    out->variant = ifm_dup(variant->name);
    out->format = ifm_dup(variant->format);
    out->precision = ifm_dup(variant->precision);
    out->sha256 = ifm_dup(variant->sha256);
    if (!out->path || !out->model || !out->variant)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    if (stat(out->path, &status) == 0)
        out->bytes = status.st_size;
    return ifm_subject_bundle_arrays(out, index, err);
}

int ifm_subject_open(const struct ifm_subject_asked *asked, struct ifm_subject *out,
                     struct ifm_err *err)
{
    memset(out, 0, sizeof *out);
    int rc;
    if (!asked->model)
        rc = open_nothing(asked, out, err);
    else if (ifm_bundle_is(asked->model))
        rc = open_bundle(asked, out, err);
    else
        rc = open_file(asked, out, err);
    if (!rc)
        rc = ifm_subject_asked_arrays(asked, out, err);
    if (!rc && asked->name) {
        ifm_free(out->model);
        out->model = ifm_dup(asked->name);
    }
    if (rc)
        ifm_subject_done(out);
    return rc;
}

void ifm_subject_done(struct ifm_subject *subject)
{
    struct ifm_msg_spec spec = { 0 };
    spec.inputs = subject->inputs;
    spec.expect = subject->expect;
    ifm_json_free(&ifm_spec_table, &spec);
    ifm_map_done(&subject->hashes);
    ifm_free(subject->path);
    ifm_free(subject->model);
    ifm_free(subject->variant);
    ifm_free(subject->format);
    ifm_free(subject->sha256);
    ifm_free(subject->precision);
    ifm_free(subject->reference);
    for (char **word = subject->command; word && *word; word++)
        ifm_free(*word);
    ifm_free(subject->command);
    ifm_free(subject->arguments);
    ifm_bundle_done(&subject->bundle);
    ifm_tempdir_done(&subject->temp);
    memset(subject, 0, sizeof *subject);
}
