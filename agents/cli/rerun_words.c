/* From a stored run to the words of `run` that measure it again. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "agents/cli/rerun.h"
#include "agents/cli/run_options.h"
#include "agents/model/bundle.h"
#include "agents/plan/keys.h"
#include "core/mem.h"

int ifm_words_add(struct ifm_words *words, const char *text, struct ifm_err *err)
{
    char **items = words->count < IFM_RERUN_WORDS_MAX
                       ? ifm_resize_array(words->items, words->count + 2, sizeof *items)
                       : NULL;
    if (items)
        words->items = items;
    char *copy = items ? ifm_dup(text) : NULL;
    if (!copy)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory, or a command of too many words");
    items[words->count++] = copy;
    items[words->count] = NULL;
    return 0;
}

void ifm_words_done(struct ifm_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        ifm_free(words->items[i]);
    ifm_free(words->items);
    *words = (struct ifm_words){ .items = NULL };
}

/* One word from *at on; false at the end of the command. */
static bool next_word(const char **at, struct ifm_buf *word)
{
    const char *p = *at + strspn(*at, " ");
    bool quoted = false, any = *p != '\0';
    ifm_buf_reset(word);
    for (; *p && (quoted || *p != ' '); p++) {
        if (*p == '\'')
            quoted = !quoted;
        else if (*p == '\\' && !quoted && p[1])
            ifm_buf_addc(word, *++p);
        else
            ifm_buf_addc(word, *p);
    }
    *at = p;
    return any;
}

int ifm_words_split(const char *command, struct ifm_words *out, struct ifm_err *err)
{
    struct ifm_buf word;
    int rc = 0;
    *out = (struct ifm_words){ .items = NULL };
    ifm_buf_init(&word, 8192);
    for (const char *at = command; !rc && next_word(&at, &word);)
        rc = ifm_words_add(out, word.data ? word.data : "", err);
    ifm_buf_done(&word);
    return rc;
}

/* -- Options --------------------------------------------------------------------------------------- */

struct typed { /* one option as it stood, or one that is no option */
    const struct ifm_option *row; /* NULL: a model */
    const char *name, *value;     /* name without dashes, with "no-"; value NULL: a bare flag */
    char buffer[64];
    bool here; /* on this machine: words that came with a run may be anybody's */
};

static const struct ifm_option *row_of(const char *name, size_t len)
{
    if (len > 3 && strncmp(name, "no-", 3) == 0) {
        const struct ifm_option *row = row_of(name + 3, len - 3);
        if (row && row->type == IFM_OPT_BOOL)
            return row;
    }
    for (const struct ifm_option *row = ifm_verb_run.options; row->name; row++)
        if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
            return row;
    return NULL;
}

/* Reads words[*i]; *i moves to its last word. An option that this version does not know ends it. */
static int read_typed(const struct ifm_words *words, size_t *i, struct typed *out, struct ifm_err *err)
{
    const char *word = words->items[*i], *value = NULL;
    *out = (struct typed){ .value = word };
    if (word[0] != '-' || !word[1])
        return 0;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        out->row = row_of(word + 2, len);
        snprintf(out->buffer, sizeof out->buffer, "%.*s", (int)(len < 60 ? len : 60), word + 2);
        value = equals ? equals + 1 : NULL;
    } else {
        for (const struct ifm_option *row = ifm_verb_run.options; row->name; row++)
            if (row->letter == word[1])
                out->row = row;
        snprintf(out->buffer, sizeof out->buffer, "%s", out->row ? out->row->name : "");
        value = word[2] ? word + 2 : NULL;
    }
    if (!out->row)
        return ifm_err_set(err, IFM_ERR_INVALID, "", "the run was made with %.60s, which `run` does not have here",
                           word);
    out->name = out->buffer;
    if (!value && out->row->type != IFM_OPT_BOOL && *i + 1 < words->count)
        value = words->items[++*i];
    out->value = value;
    return 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static int add_option(struct ifm_words *to, const char *name, const char *value, struct ifm_err *err)
{
    char flag[80];
    snprintf(flag, sizeof flag, "--%.70s", name);
    int rc = ifm_words_add(to, flag, err);
    return rc || !value ? rc : ifm_words_add(to, value, err);
}

/* What was asked for of a setting, where the runtime answered something else. */
static const char *asked(const struct ifm_view *view, const char *key)
{
    char name[96];
    snprintf(name, sizeof name, "asked.%.80s", key);
    const char *value = ifm_map_get(&view->run.config, name);
    return value ? value : ifm_map_get(&view->run.config, key);
}

/* "KEY=A,B": the value that this arm had. */
static int add_varied(struct ifm_words *to, const struct ifm_view *view, const char *text,
                      struct ifm_err *err)
{
    char key[80], item[256];
    size_t len = strcspn(text, "=");
    snprintf(key, sizeof key, "%.*s", (int)(len < 79 ? len : 79), text);
    const char *value = asked(view, key);
    if (!value)
        return ifm_err_set(err, IFM_ERR_INVALID, "", "the run does not say which value %.60s had", key);
    snprintf(item, sizeof item, "%.79s=%.150s", key, value);
    return add_option(to, "option", item, err);
}

/* A search for the highest rate is not searched again: what it found is measured again. */
static int add_found_rate(struct ifm_words *to, const struct ifm_view *view, struct ifm_err *err)
{
    const char *rate = ifm_map_get(&view->run.config, "rate");
    const char *scenario = ifm_map_get(&view->run.config, "scenario");
    if (!rate || !scenario)
        return ifm_err_set(err, IFM_ERR_INVALID, "", "the run does not say which rate was found");
    int rc = add_option(to, "scenario", scenario, err);
    return rc ? rc : add_option(to, "rate", rate, err);
}

#define RUNTIME_MAX 1100

static const char *base_name(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* Whether an item "NAME", "NAME@VERSION" or "NAME=LIBRARY" is of the runtime that the run had. */
static bool of_its_runtime(const struct ifm_view *view, const char *item, size_t len)
{
    char typed[64], name[32];
    snprintf(typed, sizeof typed, "%.*s", (int)(len < 63 ? len : 63), item);
    if (ifm_place_runtime(typed, name, NULL)) /* not here: as it was typed */
        snprintf(name, sizeof name, "%.31s", typed);
    return view->run.runtime && strcmp(name, view->run.runtime) == 0;
}

/* Whether what follows the name is what the run says of itself. */
static bool of_its_version(const struct ifm_view *view, const char *item, size_t len)
{
    const char *version = view->run.runtime_version, *library = ifm_map_get(&view->run.config, "library");
    if (item[len] == '@')
        return version && strcmp(item + len + 1, version) == 0;
    return item[len] == '=' && library && strcmp(base_name(item + len + 1), base_name(library)) == 0;
}

/* Of "ort@1.17,ort@1.20" the item that this run had: where a name stands twice, by version or library. */
static const char *own_runtime(const struct ifm_view *view, const char *list, char item[RUNTIME_MAX])
{
    char only[RUNTIME_MAX] = "";
    size_t hits = 0;
    bool plain = false;
    for (const char *at = list; ifm_run_next(&at, item, RUNTIME_MAX);) {
        size_t len = strcspn(item, "=@");
        if (!of_its_runtime(view, item, len))
            continue;
        if (of_its_version(view, item, len))
            return item;
        if (!hits++ || !item[len])
            snprintf(only, sizeof only, "%s", item);
        plain = plain || !item[len];
    }
    snprintf(item, RUNTIME_MAX, "%s", only);
    return hits == 1 || plain ? item : NULL;
}

/* Of a list the value that this run's arm had; else what was typed. NULL: the run does not say. */
static const char *own_value(const struct ifm_view *view, const char *name, const char *value,
                             char item[RUNTIME_MAX])
{
    if (!value || (!strchr(value, ',') && strcmp(value, "all") != 0))
        return value;
    if (strcmp(name, "threads") == 0 || strcmp(name, "batch") == 0)
        return asked(view, name);
    if (strcmp(name, "runtime") == 0)
        return strcmp(value, "all") == 0 ? view->run.runtime : own_runtime(view, value, item);
    return strcmp(name, "variant") == 0 ? view->run.variant : value;
}

/* Lists of an experiment become the value of this run's arm; what says nothing of the measurement is left out. */
static int add_typed(struct ifm_words *to, struct ifm_words *varied, struct ifm_words *programs, const struct ifm_view *view,
                     const struct typed *t, struct ifm_err *err)
{
    static const char *const left_out[] = { "daemon", "format",  "json",    "output",  "color", "quiet",
                                            "verbose", "details", "require", "help",    NULL };
    if (is_one_of(t->row->name, left_out))
        return 0;
    if (strcmp(t->name, "program") == 0)
        return ifm_words_add(programs, t->value ? t->value : "", err);
    if (strcmp(t->name, "vary") == 0)
        return t->value ? add_varied(varied, view, t->value, err) : 0;
    if (strcmp(t->name, "find-max-qps") == 0)
        return add_found_rate(varied, view, err);
    char item[RUNTIME_MAX];
    const char *value = own_value(view, t->name, t->value, item);
    if (!t->here && value && strcmp(t->name, "runtime") == 0 && strchr(value, '='))
        return ifm_err_set(err, IFM_ERR_INVALID, "",
                           "the run used a library of its own (%.60s), and nothing says where that lies here: "
                           "measure with `run --runtime NAME=LIBRARY`, and compare",
                           value);
    if (t->value && !value)
        return ifm_err_set(err, IFM_ERR_INVALID, "", "the run does not say its own value of --%.40s", t->name);
    return add_option(to, t->name, value, err);
}

/* -- The model ------------------------------------------------------------------------------------- */

static int not_there(const struct ifm_view *view, const char *path, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_NOT_FOUND, "",
                       "the model %.60s (sha256 %.12s) is not at %.80s: name it with --model PATH",
                       view->run.variant ? view->run.variant : "?",
                       view->run.variant_sha256 ? view->run.variant_sha256 : "", path);
}

/* A file must be the very one; a bundle's variant is hashed when it is opened. */
static int check_model(const struct ifm_view *view, const char *path, struct ifm_err *err)
{
    char hex[IFM_SHA256_HEX];
    int64_t bytes;
    struct stat status;
    if (stat(path, &status))
        return not_there(view, path, err);
    if (ifm_bundle_is(path) || !S_ISREG(status.st_mode))
        return 0;
    int rc = ifm_hash_file(path, hex, &bytes, err);
    if (!rc && view->run.variant_sha256 && strcmp(hex, view->run.variant_sha256) != 0)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "",
                         "%.80s is another file than the one measured: sha256 %.12s, not %.12s", path, hex,
                         view->run.variant_sha256);
    return rc;
}

static void absolute(const char *cwd, const char *path, char *out, size_t size)
{
    if (path[0] == '/' || !cwd[0])
        snprintf(out, size, "%s", path);
    else
        snprintf(out, size, "%.2040s/%.2040s", cwd, path);
}

/* Of several models that were compared, the one that this run measured. */
static int choose_model(const struct ifm_view *view, const struct ifm_words *models,
                        struct ifm_rerun_plan *plan, struct ifm_err *err)
{
    struct ifm_err last = IFM_ERR_INIT;
    for (size_t i = 0; i < models->count; i++) {
        absolute(plan->cwd, models->items[i], plan->model, sizeof plan->model);
        if (check_model(view, plan->model, &last) == 0)
            return 0;
    }
    if (!models->count)
        return ifm_err_set(err, IFM_ERR_INVALID, "",
                           "the run does not name its model: name it with --model PATH");
    if (models->count > 1)
        return not_there(view, "any of the places it was compared from", err);
    return ifm_err_set(err, last.code, "", "%s", last.text);
}

static int find_model(const struct ifm_view *view, const char *given, const struct ifm_words *models,
                      struct ifm_rerun_plan *plan, struct ifm_err *err)
{
    char cwd[2048] = "";
    if (view->run.format && strcmp(view->run.format, "none") == 0)
        return 0;
    if (!given)
        return choose_model(view, models, plan, err);
    if (given[0] != '/' && !getcwd(cwd, sizeof cwd))
        cwd[0] = '\0';
    absolute(cwd, given, plan->model, sizeof plan->model);
    return check_model(view, plan->model, err);
}

/* -- All of it ------------------------------------------------------------------------------------- */

static int options_and_models(const struct ifm_view *view, const struct ifm_words *words, bool here,
                              struct ifm_words *options, struct ifm_words *models, struct ifm_words *programs,
                              struct ifm_err *err)
{
    int rc = 0;
    bool ended = false;
    struct ifm_words varied = { .items = NULL }; /* last, so that they win over --option */
    for (size_t i = 1; !rc && i < words->count; i++) {
        struct typed t;
        if (!ended && strcmp(words->items[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (ended)
            t = (struct typed){ .value = words->items[i] };
        else
            rc = read_typed(words, &i, &t, err);
        t.here = here;
        if (!rc)
            rc = t.row ? add_typed(options, &varied, programs, view, &t, err)
                       : ifm_words_add(models, t.value, err);
    }
    for (size_t i = 0; !rc && i < varied.count; i++)
        rc = ifm_words_add(options, varied.items[i], err);
    ifm_words_done(&varied);
    return rc;
}

static int typed_words(const struct ifm_view *view, const struct ifm_note *note, struct ifm_words *out,
                       struct ifm_err *err)
{
    int rc = 0;
    *out = (struct ifm_words){ .items = NULL };
    if (note) {
        for (size_t i = 0; !rc && i < note->argv.count; i++)
            rc = ifm_words_add(out, note->argv.items[i], err);
    } else {
        struct ifm_words all;
        rc = ifm_words_split(view->run.command ? view->run.command : "", &all, err);
        for (size_t i = 1; !rc && i < all.count; i++) /* without the program */
            rc = ifm_words_add(out, all.items[i], err);
        ifm_words_done(&all);
    }
    if (!rc && (!out->count || strcmp(out->items[0], "run") != 0))
        rc = ifm_err_set(err, IFM_ERR_INVALID, "", "the run was not made by `run`%s%.20s%s: it cannot be repeated",
                         out->count ? " but by `" : "", out->count ? out->items[0] : "",
                         out->count ? "`" : " as far as it says");
    return rc;
}

int ifm_rerun_plan(const struct ifm_view *stored, const struct ifm_note *note, const char *given,
                   struct ifm_rerun_plan *out, struct ifm_err *err)
{
    struct ifm_words words, options = { .items = NULL }, models = { .items = NULL },
                     programs = { .items = NULL };
    *out = (struct ifm_rerun_plan){ .model = "" };
    if (note && note->cwd)
        snprintf(out->cwd, sizeof out->cwd, "%s", note->cwd);
    int rc = typed_words(stored, note, &words, err);
    if (!rc)
        rc = options_and_models(stored, &words, note != NULL, &options, &models, &programs, err);
    if (!rc && stored->run.external)
        rc = ifm_rerun_program(stored, note, &programs, &models, &options, err);
    else if (!rc)
        rc = find_model(stored, given, &models, out, err);
    if (!rc)
        rc = ifm_words_add(&out->words, "run", err);
    if (!rc && out->model[0])
        rc = ifm_words_add(&out->words, out->model, err);
    for (size_t i = 0; !rc && i < options.count; i++)
        rc = ifm_words_add(&out->words, options.items[i], err);
    ifm_words_done(&words);
    ifm_words_done(&options);
    ifm_words_done(&models);
    ifm_words_done(&programs);
    return rc;
}

void ifm_rerun_plan_done(struct ifm_rerun_plan *plan)
{
    ifm_words_done(&plan->words);
}
