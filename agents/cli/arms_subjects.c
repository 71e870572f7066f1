/* The first half of making arms: every model, variant and runtime that was typed, opened and
 * hashed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/arms.h"
#include "agents/cli/program.h"
#include "core/installed.h"
#include "core/mem.h"

struct opener {
    struct ifm_cli *cli;
    const struct ifm_run_asked *asked;
    struct ifm_arms *out;
};

static int too_many(struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_USAGE, "",
                       "more than %d models, variants and runtimes: split the experiment",
                       IFM_EXPERIMENT_ARMS_MAX);
}

/* -- NAME@VERSION -------------------------------------------------------------------------------
 */

static int find_version(const char *name, const char *version, char library[1024],
                        struct ifm_err *err)
{
    struct ifm_installed found;
    struct ifm_installed_place places[8];
    char list[160] = "";
    size_t used = 0, count;
    int rc = ifm_installed_version(name, version, &found, err);
    if (!rc && found.library)
        snprintf(library, 1024, "%s", found.library);
    bool there = !rc && found.library;
    ifm_installed_done(&found);
    if (rc || there)
        return rc;
    count = ifm_installed_list(name, places, 8);
    for (size_t i = 0; i < count && used < sizeof list - 1; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", i ? ", " : "",
                                 places[i].version);
    return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                       "version %.40s of %.40s is not installed (here: %.80s); run: inferometer "
                       "runtime install %.40s@%.40s",
                       version, name, count ? list : "none", name, version);
}

/* "onnxruntime", "onnxruntime=/path/lib.so", "onnxruntime@1.17.0" */
static int split_runtime(const char *word, char name[64], char library[1024], struct ifm_err *err)
{
    size_t len = strcspn(word, "=@");
    snprintf(name, 64, "%.*s", (int)(len < 63 ? len : 63), word);
    library[0] = '\0';
    if (!word[len])
        return 0;
    char canonical[32];
    int rc = ifm_place_runtime(name, canonical, err);
    if (rc)
        return rc;
    if (word[len] == '@')
        return find_version(canonical, word + len + 1, library, err);
    /* the worker has a working folder of its own choosing: an absolute path is the same everywhere
     */
    char *absolute = realpath(word + len + 1, NULL);
    if (!absolute || strlen(absolute) >= 1024)
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "cannot read the library %.200s",
                         word + len + 1);
    else
        snprintf(library, 1024, "%s", absolute);
    free(absolute);
    return rc;
}

/* -- Opening ------------------------------------------------------------------------------------
 */

static int add(struct opener *op, const char *model, const char *variant, const char *word,
               struct ifm_err *err)
{
    const struct ifm_run_options *o = op->asked->o;
    struct ifm_arms *out = op->out;
    char runtime[64] = "", library[1024] = "";
    int rc = word ? split_runtime(word, runtime, library, err) : 0;
    if (rc)
        return rc;
    struct ifm_subject_asked asked = { .model = model,
                                       .runtime = runtime[0] ? runtime : NULL,
                                       .variant = variant,
                                       .name = o->name,
                                       .inputs = o->inputs,
                                       .shapes = o->shapes,
                                       .ranges = o->ranges,
                                       .expect = o->expect,
                                       .rtol = o->rtol,
                                       .atol = o->atol };
    if (out->subject_count == IFM_EXPERIMENT_ARMS_MAX)
        return too_many(err);
    rc = ifm_subject_open(&asked, &out->subjects[out->subject_count], err);
    if (!rc)
        memcpy(out->libraries[out->subject_count++], library, sizeof library);
    return rc;
}

/* Of "all" what cannot be used here is left out, and said; of what was named it is an error. */
static int add_or_skip(struct opener *op, const char *model, const char *variant, const char *word,
                       bool optional, struct ifm_err *err)
{
    struct ifm_err why = IFM_ERR_INIT;
    int rc = add(op, model, variant, word, &why);
    bool skip = optional && (rc == IFM_ERR_UNAVAILABLE || rc == IFM_ERR_USAGE) &&
                op->out->subject_count < IFM_EXPERIMENT_ARMS_MAX;
    if (skip)
        ifm_cli_note(op->cli, "%s%s%s is left out: %s",
                     variant ? variant
                     : model ? model
                             : "",
                     word ? " with " : "", word ? word : "", why.text);
    else if (rc && err)
        *err = why;
    return skip ? 0 : rc;
}

/* Of all runtimes only those that read the format. */
static void drop_unreadable(struct opener *op)
{
    struct ifm_subject *s = &op->out->subjects[op->out->subject_count - 1];
    if (ifm_runtime_reads(s->runtime, s->format ? s->format : ""))
        return;
    ifm_subject_done(s);
    op->out->subject_count--;
}

/* Every runtime that was typed for one model and variant. */
static int each_runtime(struct opener *op, const char *model, const char *variant, bool optional,
                        struct ifm_err *err)
{
    const char *typed = op->asked->o->runtime;
    char word[1100], **names;
    if (!typed)
        return add_or_skip(op, model, variant, NULL, optional, err);
    int rc = 0;
    if (strcmp(typed, "all") != 0) {
        while (!rc && ifm_run_next(&typed, word, sizeof word)) {
            size_t before = op->out->subject_count;
            rc = add_or_skip(op, model, variant, word, optional, err);
            if (!rc && optional && op->out->subject_count > before)
                drop_unreadable(op);
        }
        return rc;
    }
    rc = ifm_place_runtimes(&names, err);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && names[i]; i++) {
        size_t before = op->out->subject_count;
        if (strcmp(names[i], "null") == 0 || strcmp(names[i], "sim") == 0)
            continue;
        rc = add_or_skip(op, model, variant, names[i], true, err);
        if (!rc && op->out->subject_count > before)
            drop_unreadable(op);
    }
    ifm_free(names);
    return rc;
}

/* Names of all variants of a bundle, joined by commas; the caller's to free. */
static int all_variants(const char *path, char **names, struct ifm_err *err)
{
    struct ifm_tempdir temp = { .path = "" };
    struct ifm_bundle bundle = { .folder = NULL };
    struct ifm_buf list;
    ifm_buf_init(&list, 65536);
    int rc = ifm_bundle_open(path, &temp, &bundle, err);
    const struct ifm_bundle_variant *variants = bundle.manifest.variants.items;
    for (size_t i = 0; !rc && i < bundle.manifest.variants.count; i++)
        ifm_buf_addf(&list, "%s%s", i ? "," : "", variants[i].name);
    *names = rc ? NULL : ifm_buf_take(&list);
    ifm_buf_done(&list);
    if (!rc)
        ifm_bundle_done(&bundle);
    ifm_tempdir_done(&temp);
    return rc || *names ? rc : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

static int each_variant(struct opener *op, const char *model, struct ifm_err *err)
{
    const char *typed = op->asked->o->variant;
    char word[160], *names = NULL;
    if (!typed || !ifm_bundle_is(model))
        return each_runtime(op, model, NULL, false, err);
    bool all = strcmp(typed, "all") == 0;
    int rc = all ? all_variants(model, &names, err) : 0;
    for (const char *at = all ? names : typed; !rc && ifm_run_next(&at, word, sizeof word);)
        rc = each_runtime(op, model, word, all, err);
    ifm_free(names);
    return rc;
}

static int check_models(const struct ifm_run_options *o, int model_count, char **models,
                        struct ifm_err *err)
{
    bool bundle = false;
    for (int i = 0; i < model_count; i++)
        bundle = bundle || ifm_bundle_is(models[i]);
    if (o->variant && model_count && !bundle)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--variant chooses from a bundle, and %.80s is none", models[0]);
    if (o->name && model_count > 1)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--name names one model, not %d", model_count);
    return 0;
}

int ifm_arms_open(struct ifm_cli *cli, const struct ifm_run_asked *asked, int model_count,
                  char **models, struct ifm_arms *out, struct ifm_err *err)
{
    struct opener op = { .cli = cli, .asked = asked, .out = out };
    out->subjects = ifm_alloc_array(IFM_EXPERIMENT_ARMS_MAX, sizeof *out->subjects);
    out->libraries = ifm_alloc_array(IFM_EXPERIMENT_ARMS_MAX, sizeof *out->libraries);
    if (!out->subjects || !out->libraries)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    int rc = ifm_program_check(asked->o, err);
    if (!rc && ifm_program_is(asked->o))
        return ifm_program_subjects(asked, model_count, models, out, err);
    if (!rc)
        rc = check_models(asked->o, model_count, models, err);
    if (!rc && !model_count)
        rc = each_runtime(&op, NULL, NULL, false, err);
    for (int i = 0; !rc && i < model_count; i++)
        rc = each_variant(&op, models[i], err);
    if (!rc && !out->subject_count)
        rc = ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                         "nothing is left to measure; see `inferometer runtime list`");
    return rc;
}
