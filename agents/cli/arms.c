#include "agents/cli/arms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/plan/keys.h"
#include "core/installed.h"
#include "core/mem.h"

struct varied { /* one --vary */
    char key[64];
    char values[IFM_RUN_LIST_MAX][128];
    size_t count;
};
#define VARIED_MAX   4
#define SAMPLERS_MAX 32 /* as many as a spec takes */

struct maker {
    struct ifm_cli *cli;
    const struct ifm_run_asked *asked;
    struct ifm_arms *out;
    struct varied *varied;
    size_t varied_count;
};

/* -- --vary -------------------------------------------------------------------------------------
 */

static int one_varied(const char *text, struct varied *v, struct ifm_err *err)
{
    const char *equals = strchr(text, '='), *at = equals ? equals + 1 : "";
    size_t len = equals ? (size_t)(equals - text) : 0;
    if (!len || len >= sizeof v->key || !*at)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--vary wants KEY=VALUE,VALUE, got \"%.60s\"",
                           text);
    snprintf(v->key, sizeof v->key, "%.*s", (int)len, text);
    while (v->count < IFM_RUN_LIST_MAX && strcspn(at, ",") < sizeof v->values[0] &&
           ifm_run_next(&at, v->values[v->count], sizeof v->values[0]))
        v->count++;
    if (*at) /* a value that is cut short, or left out, would be measured as another one */
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--vary takes at most %d values of at most %zu bytes each, got \"%.60s\"",
                           IFM_RUN_LIST_MAX, sizeof v->values[0] - 1, text);
    return 0;
}

static int read_varied(struct maker *mk, struct ifm_err *err)
{
    const struct ifm_option_list *list = &mk->asked->o->vary;
    if (list->count > VARIED_MAX)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "at most %d of --vary", VARIED_MAX);
    mk->varied = ifm_alloc_array(VARIED_MAX, sizeof *mk->varied);
    int rc = mk->varied ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    for (size_t i = 0; !rc && i < list->count; i++)
        rc = one_varied(list->items[i], &mk->varied[mk->varied_count++], err);
    return rc;
}

/* -- One arm ------------------------------------------------------------------------------------
 */

struct choice { /* which value of everything that may vary */
    size_t subject, batch, thread, varied[VARIED_MAX];
};

static int set_count(struct ifm_map *map, const char *key, int64_t value, struct ifm_err *err)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return ifm_map_set(map, key, text, err);
}

/* --threads and --provider are options of the runtime with names of their own. */
static int runtime_options(const struct maker *mk, const struct choice *c, struct ifm_map *map,
                           struct ifm_err *err)
{
    const struct ifm_run_options *o = mk->asked->o;
    int64_t threads = mk->asked->threads[c->thread];
    int rc = ifm_run_key_values(&o->options, "option", map, err);
    for (size_t i = 0; !rc && i < mk->varied_count; i++)
        rc = ifm_map_set(map, mk->varied[i].key, mk->varied[i].values[c->varied[i]], err);
    if (!rc && threads)
        rc = set_count(map, "threads", threads, err);
    if (!rc && o->provider)
        rc = ifm_map_set(map, "provider", o->provider, err);
    if (!rc && o->strict)
        rc = ifm_map_set(map, "strict", "true", err);
    if (!rc && o->custom_ops)
        rc = ifm_map_set(map, "custom-ops", o->custom_ops, err);
    return rc;
}

/* Settings that no field of the spec says; core/scenario.h reads the bound. */
static int settings(const struct maker *mk, struct ifm_map *map, struct ifm_err *err)
{
    int rc = 0;
    if (mk->asked->bound_ns) {
        rc = set_count(map, "bound_ns", mk->asked->bound_ns, err);
        if (!rc)
            rc = set_count(map, "bound_percentile", mk->asked->bound_percentile, err);
    }
    if (!rc && mk->asked->o->samplers)
        rc = ifm_map_set(map, "samplers", mk->asked->o->samplers, err);
    if (!rc && mk->asked->o->sysroot)
        rc = ifm_map_set(map, "samplers_from", "a recorded tree", err);
    return rc;
}

/* How many threads compute, for the samplers' place: as typed, in whichever way; the runtimes that
 * make their own work have one. 0: not known. */
static int64_t known_threads(const struct ifm_msg_spec *spec)
{
    const char *typed = ifm_map_get(&spec->options, "threads");
    long long threads = typed ? strtoll(typed, NULL, 10) : 0;
    bool own = strcmp(spec->runtime, "null") == 0 || strcmp(spec->runtime, "sim") == 0;
    if (threads > 0 && threads <= 1024)
        return threads;
    return own && !typed ? 1 : 0;
}

static int fill(const struct maker *mk, const struct choice *c, struct ifm_measure *m,
                struct ifm_err *err)
{
    const struct ifm_run_options *o = mk->asked->o;
    struct ifm_subject *subject = &mk->out->subjects[c->subject];
    *m = (struct ifm_measure){ .cli = mk->cli,
                               .subject = subject,
                               .plan = mk->asked->plan,
                               .commit = o->commit,
                               .provider = o->provider,
                               .until = o->until,
                               .window_ns = o->window,
                               .count_allocations = mk->asked->count_allocations && !subject->command };
    m->spool.lock_fd = -1;
    ifm_run_options_spec(mk->asked, &m->spec);
    m->spec.runtime = subject->runtime;
    m->spec.library = mk->out->libraries[c->subject][0] ? mk->out->libraries[c->subject] : NULL;
    m->spec.model = subject->path;
    m->spec.inputs = subject->inputs;
    m->spec.expect = subject->expect;
    m->spec.precision = subject->precision;
    m->spec.batch = mk->asked->batches[c->batch];
    m->spec.samplers =
        (struct ifm_strings){ .items = mk->out->samplers, .count = mk->out->sampler_count };
    int rc = runtime_options(mk, c, &m->spec.options, err);
    m->spec.threads = known_threads(&m->spec);
    if (!rc)
        rc = settings(mk, &m->settings, err);
    if (!rc && subject->command)
        rc = ifm_map_set(&m->settings, "arguments", subject->arguments, err);
    return rc ? rc : ifm_run_key_values(&o->labels, "label", &m->labels, err);
}

/* -- Names --------------------------------------------------------------------------------------
 */

static void append(char *name, const char *text)
{
    size_t len = strlen(name);
    snprintf(name + len, IFM_MEASURE_NAME_MAX - len, "%s%.60s", len ? " " : "", text);
}

static bool several(const struct maker *mk, const char *(*of)(const struct ifm_subject *))
{
    const struct ifm_subject *s = mk->out->subjects;
    for (size_t i = 1; i < mk->out->subject_count; i++)
        if (strcmp(of(&s[i]), of(&s[0])) != 0)
            return true;
    return false;
}

static const char *variant_of(const struct ifm_subject *s)
{
    return s->variant;
}

static const char *model_of(const struct ifm_subject *s)
{
    return s->model;
}

static const char *runtime_of(const struct ifm_subject *s)
{
    return s->runtime;
}

static const char *arguments_of(const struct ifm_subject *s)
{
    return s->arguments ? s->arguments : "";
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* Only what differs between arms is in their names: "int8.onnx", "threads 2", "batch 8
 * latency=1ms". */
static void name_arm(const struct maker *mk, const struct choice *c, char *name)
{
    const struct ifm_subject *s = &mk->out->subjects[c->subject];
    char text[192];
    bool variants = several(mk, variant_of);
    name[0] = '\0';
    if (variants)
        append(name, s->variant);
    else if (several(mk, model_of))
        append(name, s->model);
    if (several(mk, arguments_of))
        append(name, arguments_of(s)[0] ? arguments_of(s) : "(no arguments)");
    if (several(mk, runtime_of))
        append(name, s->runtime);
    const char *library = mk->out->libraries[c->subject];
    if (library[0] && mk->out->subject_count > 1) {
        struct ifm_installed installed;
        ifm_installed_of(s->runtime, library, &installed, NULL);
        snprintf(text, sizeof text, "%s%.60s", installed.version ? "@" : "",
                 installed.version ? installed.version : base_name(library));
        append(name, text);
        ifm_installed_done(&installed);
    }
    if (mk->asked->batch_count > 1) {
        snprintf(text, sizeof text, "batch %lld", (long long)mk->asked->batches[c->batch]);
        append(name, text);
    }
    if (mk->asked->thread_count > 1) {
        snprintf(text, sizeof text, "threads %lld", (long long)mk->asked->threads[c->thread]);
        append(name, text);
    }
    for (size_t i = 0; i < mk->varied_count; i++) {
        snprintf(text, sizeof text, "%s=%s", mk->varied[i].key, mk->varied[i].values[c->varied[i]]);
        append(name, text);
    }
    if (!name[0])
        append(name, s->variant);
}

/* The same thing twice (an A/A test) gets numbers. */
static void make_names_unique(struct ifm_arms *out)
{
    for (size_t i = 0; i < out->count; i++) {
        int same = 1;
        for (size_t k = i + 1; k < out->count; k++)
            if (strcmp(out->items[k].name, out->items[i].name) == 0) {
                char text[16];
                snprintf(text, sizeof text, "#%d", ++same);
                append(out->items[k].name, text);
            }
        if (same > 1)
            append(out->items[i].name, "#1");
    }
}

/* -- All ----------------------------------------------------------------------------------------
 */

static size_t product(const struct maker *mk)
{
    size_t n = mk->out->subject_count * mk->asked->batch_count * mk->asked->thread_count;
    for (size_t i = 0; i < mk->varied_count; i++)
        n *= mk->varied[i].count;
    return n;
}

/* The index-th combination: subjects change slowest, options fastest. */
static struct choice combination(const struct maker *mk, size_t index)
{
    struct choice c = { 0 };
    for (size_t i = mk->varied_count; i-- > 0;) {
        c.varied[i] = index % mk->varied[i].count;
        index /= mk->varied[i].count;
    }
    c.thread = index % mk->asked->thread_count;
    index /= mk->asked->thread_count;
    c.batch = index % mk->asked->batch_count;
    c.subject = index / mk->asked->batch_count;
    return c;
}

static int list_samplers(struct ifm_arms *out, const char *typed, struct ifm_err *err)
{
    if (!typed)
        return 0;
    out->sampler_text = ifm_dup(typed);
    out->samplers = ifm_alloc_array(SAMPLERS_MAX, sizeof *out->samplers);
    if (!out->sampler_text || !out->samplers)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    for (char *at = out->sampler_text; *at;) {
        if (out->sampler_count == SAMPLERS_MAX)
            return ifm_err_set(err, IFM_ERR_USAGE, "", "--samplers takes at most %d names",
                               SAMPLERS_MAX);
        size_t len = strcspn(at, ",");
        bool more = at[len] != '\0';
        at[len] = '\0';
        out->samplers[out->sampler_count++] = at;
        at += len + more;
    }
    return 0;
}

static int build(struct maker *mk, struct ifm_err *err)
{
    struct ifm_arms *out = mk->out;
    size_t n = product(mk);
    if (n > IFM_EXPERIMENT_ARMS_MAX)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "%zu combinations; one experiment has at most %d: leave out some values",
                           n, IFM_EXPERIMENT_ARMS_MAX);
    out->items = ifm_alloc_array(n, sizeof *out->items);
    if (!out->items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        struct choice c = combination(mk, i);
        rc = fill(mk, &c, &out->items[out->count++], err);
        if (!rc && n > 1)
            name_arm(mk, &c, out->items[i].name);
    }
    make_names_unique(out);
    return rc;
}

int ifm_arms_make(struct ifm_cli *cli, const struct ifm_run_asked *asked, int model_count,
                  char **models, struct ifm_arms *out, struct ifm_err *err)
{
    *out = (struct ifm_arms){ .count = 0 };
    struct maker mk = { .cli = cli, .asked = asked, .out = out };
    int rc = read_varied(&mk, err);
    if (!rc)
        rc = list_samplers(out, asked->o->samplers, err);
    if (!rc)
        rc = ifm_arms_open(cli, asked, model_count, models, out, err);
    if (!rc)
        rc = build(&mk, err);
    ifm_free(mk.varied);
    if (rc)
        ifm_arms_done(out);
    return rc;
}

void ifm_arms_done(struct ifm_arms *arms)
{
    for (size_t i = 0; i < arms->count; i++) {
        ifm_map_done(&arms->items[i].spec.options);
        ifm_measure_done(&arms->items[i]);
    }
    for (size_t i = 0; i < arms->subject_count; i++)
        ifm_subject_done(&arms->subjects[i]);
    ifm_free(arms->items);
    ifm_free(arms->subjects);
    ifm_free(arms->libraries);
    ifm_free(arms->samplers);
    ifm_free(arms->sampler_text);
    *arms = (struct ifm_arms){ .count = 0 };
}
