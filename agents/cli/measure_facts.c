/* What a run says of itself: identity, device, configuration and its keys. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/measure.h"
#include "agents/plan/device.h"
#include "agents/plan/keys.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/uuid.h"

#ifndef IFM_VERSION
#define IFM_VERSION "0"
#endif

static const char *base_name(const char *path)
{
    return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

/* Options whose value stays on this machine, or says nothing about what was measured. */
static bool left_out(const char *arg, int *values)
{
    static const char *const with_value[] = { "--daemon", "--output",  "-o",       "--format",
                                              "--color",  "--require", "--sysroot" };
    static const char *const alone[] = { "--json", "--quiet", "-q", "--verbose", "-v", "--details" };
    *values = 0;
    if (arg[0] == '-' && arg[1] == 'o' && arg[2]) /* -oFILE */
        return true;
    for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++) {
        size_t len = strlen(with_value[i]);
        if (strncmp(arg, with_value[i], len) == 0 && (!arg[len] || arg[len] == '=')) {
            *values = arg[len] ? 0 : 1;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strcmp(arg, alone[i]) == 0)
            return true;
    return false;
}

static void add_word(struct ifm_buf *out, const char *word)
{
    bool plain = *word != '\0';
    for (const char *p = word; *p; p++)
        plain = plain && (unsigned char)*p > 0x20 && !strchr("'\"\\$`*?;&|<>(){}#!~", *p);
    ifm_buf_addc(out, ' ');
    if (plain) {
        ifm_buf_adds(out, word);
        return;
    }
    ifm_buf_addc(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            ifm_buf_adds(out, "'\\''");
        else if ((unsigned char)*word >= 0x20)
            ifm_buf_addc(out, *word);
    }
    ifm_buf_addc(out, '\'');
}

/* One word without the folders in it: "NAME=" and "--input=NAME=" stay in front of a path. */
static void without_folder(const char *arg, char *word, size_t size)
{
    const char *slash = strrchr(arg, '/'), *equals = strchr(arg, '=');
    const char *second = equals && strncmp(arg, "--", 2) == 0 ? strchr(equals + 1, '=') : NULL;
    if (second && !memchr(equals, '/', (size_t)(second - equals))) /* not one within the path */
        equals = second;
    bool named = equals && slash && equals < slash;
    snprintf(word, size, "%.*s%s", named ? (int)(equals - arg + 1) : 0, arg,
             slash ? base_name(arg) : arg);
}

char *ifm_measure_command(char **argv, int argc)
{
    struct ifm_buf out;
    ifm_buf_init(&out, 1000); /* the field takes 1,024 bytes */
    ifm_buf_adds(&out, "inferometer");
    for (int i = 0; i < argc; i++) {
        int values;
        if (i && left_out(argv[i], &values)) {
            i += values;
            continue;
        }
        char word[512];
        bool keeps =
            i && (strcmp(argv[i - 1], "--label") == 0 || strcmp(argv[i - 1], "--commit") == 0 ||
                  strncmp(argv[i], "--label=", 8) == 0);
        if (keeps)
            snprintf(word, sizeof word, "%s", argv[i]);
        else
            without_folder(argv[i], word, sizeof word);
        add_word(&out, word);
    }
    char *text = ifm_buf_take(&out);
    if (!text)
        text = ifm_dup("inferometer run");
    ifm_buf_done(&out);
    char *scrubbed = ifm_scrub(text, NULL);
    ifm_free(text);
    return scrubbed;
}

int ifm_measure_facts(struct ifm_measure *m, struct ifm_err *err)
{
    struct ifm_msg_run *run = &m->view.run;
    char id[IFM_UUID_TEXT], now[IFM_TIME_TEXT_MAX], device[256], key[IFM_SHA256_HEX];
    if (ifm_uuid_new(id))
        return ifm_err_set(err, IFM_ERR_INTERNAL, "", "no randomness can be had for the run's id");
    ifm_clock_format(ifm_clock_wall_ms(), now);
    ifm_device_name(device, sizeof device);
    int rc = ifm_device_facts("", &run->device_facts, err);
    if (!rc)
        rc = ifm_device_key(&run->device_facts, key, err);
    if (rc)
        return rc;
    run->v = IFM_MSG_VERSION;
    run->id = ifm_dup(id);
    run->started_at = ifm_dup(now);
    run->finished_at = ifm_dup(now);
    run->status = 1; /* until it is finished */
    run->planned = m->plan.invocations;
    run->model = ifm_dup(m->subject->model);
    run->variant = ifm_dup(m->subject->variant);
    run->variant_sha256 = ifm_dup(m->subject->sha256);
    run->variant_bytes = m->subject->bytes;
    run->format = ifm_dup(m->subject->format);
    run->runtime = ifm_dup(m->subject->runtime);
    run->device = ifm_dup(device);
    run->device_key = ifm_dup(key);
    run->external = m->subject->command != NULL;
    run->seed = m->spec.seed;
    run->experiment = m->experiment;
    run->experiment.id = ifm_dup(m->experiment.id);
    run->commit = ifm_dup(m->commit);
    run->labels = m->labels;
    m->labels = (struct ifm_map){ 0 };
    run->command = ifm_measure_command(m->cli->command, m->cli->command_count);
    run->tool_version = ifm_dup(IFM_VERSION);
    run->method_version = IFM_METHOD_VERSION;
    return run->id && run->variant_sha256 ? 0
                                          : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

#define DEFAULT_STREAMS 8
static const char *const scenario_words[] = { "single", "multi",  "offline",
                                              "paced",  "server", "sustained" };
static const char *const cold_words[] = { "C1", "C0", "C2" };

/* -- Configuration ------------------------------------------------------------------------------
 */

static int set_number(struct ifm_map *map, const char *key, int64_t value, struct ifm_err *err)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return ifm_map_set(map, key, text, err);
}

/* "key=value" lines, as asked back from the runtime: they win over what was typed, which is kept
 * beside. */
static int add_effective(struct ifm_map *map, const char *text, struct ifm_err *err)
{
    int rc = 0;
    for (const char *line = text; !rc && line && *line;) {
        size_t len = strcspn(line, "\n");
        const char *equals = memchr(line, '=', len);
        if (equals && equals > line && equals - line < 64) {
            char key[80];
            char *value = ifm_dup_bytes(equals + 1, len - (size_t)(equals + 1 - line));
            char *scrubbed = ifm_scrub(value, NULL);
            snprintf(key, sizeof key, "asked.%.*s", (int)(equals - line), line);
            const char *typed = ifm_map_get(map, key + 6);
            if (typed && scrubbed && strcmp(typed, scrubbed) != 0)
                rc = ifm_map_set(map, key, typed, err);
            if (!rc)
                rc = ifm_map_set(map, key + 6, scrubbed, err);
            ifm_free(value);
            ifm_free(scrubbed);
        }
        line += len + (line[len] == '\n');
    }
    return rc;
}

static int add_inputs(struct ifm_map *map, const struct ifm_measure *m,
                      const struct ifm_list *inputs, struct ifm_err *err)
{
    const struct ifm_msg_tensor *t = inputs->items;
    int rc = 0;
    bool seeded = inputs->count == 0;
    for (size_t i = 0; !rc && i < m->subject->hashes.count; i++)
        rc = ifm_map_set(map, m->subject->hashes.items[i].key, m->subject->hashes.items[i].value,
                         err);
    for (size_t i = 0; !rc && i < inputs->count && i < 16; i++) {
        struct ifm_buf shape;
        char key[280];
        ifm_buf_init(&shape, 512);
        for (size_t k = 0; k < t[i].dims.count; k++)
            ifm_buf_addf(&shape, "%s%lld", k ? "x" : "", (long long)t[i].dims.items[k]);
        snprintf(key, sizeof key, "shape.%.256s", t[i].name ? t[i].name : "?");
        rc = ifm_map_set(map, key, shape.data ? shape.data : "scalar", err);
        ifm_buf_done(&shape);
        seeded = seeded || (t[i].source && strcmp(t[i].source, "seeded") == 0);
    }
    if (!rc && seeded)
        rc = set_number(map, "seed", m->spec.seed, err);
    return rc;
}

static int first_of(const char *list, char *word, size_t size)
{
    size_t n = list ? strcspn(list, ",") : 0;
    n = n < size - 1 ? n : size - 1;
    if (n)
        memcpy(word, list, n);
    word[n] = '\0';
    return (int)n;
}

static int set_real(struct ifm_map *map, const char *key, double value, struct ifm_err *err)
{
    struct ifm_buf text;
    struct ifm_jw w;
    ifm_buf_init(&text, 64);
    ifm_jw_init(&w, &text);
    ifm_jw_f64(&w, value); /* the shortest form that reads back */
    int rc = text.data ? ifm_map_set(map, key, text.data, err)
                       : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    ifm_buf_done(&text);
    return rc;
}

/* How inferences are issued, beside the scenario's name; core/scenario.h reads these. */
static int add_issue(struct ifm_map *map, const struct ifm_msg_spec *spec, struct ifm_err *err)
{
    static const char *const arrivals[] = { "poisson", "fixed" };
    int rc = 0;
    bool parallel =
        spec->scenario == IFM_SCENARIO_MULTI || spec->scenario == IFM_SCENARIO_OFFLINE;
    if (parallel)
        rc = set_number(map, "streams", spec->streams ? spec->streams : DEFAULT_STREAMS, err);
    if (!rc && spec->scenario == IFM_SCENARIO_SERVER)
        rc = set_real(map, "rate", spec->rate_per_s, err);
    if (!rc && spec->scenario == IFM_SCENARIO_SERVER)
        rc = ifm_map_set(map, "arrival", arrivals[spec->arrival == 1], err);
    if (!rc && spec->scenario == IFM_SCENARIO_PACED)
        rc = set_number(map, "period_ns", spec->period_ns, err);
    if (!rc && spec->batch_calls == 1)
        rc = ifm_map_set(map, "batching", "off", err);
    return rc;
}

/* What the process was confined to. A default run has none of these, so its key stays as it was. */
static int add_confinement(struct ifm_map *map, const struct ifm_msg_spec *spec,
                           struct ifm_err *err)
{
    struct ifm_buf cpus;
    int rc = spec->no_sandbox ? ifm_map_set(map, "sandbox", "off", err) : 0;
    if (!rc && spec->memory_limit_bytes > 0)
        rc = set_number(map, "memory_limit_bytes", spec->memory_limit_bytes, err);
    if (rc || !spec->cpus.count)
        return rc;
    ifm_buf_init(&cpus, 8192);
    for (size_t i = 0; i < spec->cpus.count; i++)
        ifm_buf_addf(&cpus, "%s%lld", i ? "," : "", (long long)spec->cpus.items[i]);
    rc = cpus.data ? ifm_map_set(map, "cpus", cpus.data, err)
                   : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    ifm_buf_done(&cpus);
    return rc;
}

/* What is known without asking the runtime. */
static int add_settings(struct ifm_map *map, const struct ifm_measure *m,
                        const struct ifm_exec_result *result, struct ifm_err *err)
{
    const char *settings[][2] = { { "runtime", m->view.run.runtime },
                                  { "runtime_version", result->runtime_version },
                                  { "library", result->library },
                                  { "library_sha256", m->view.run.library.sha256 },
                                  { "emulator", result->invocation.emulator },
                                  { "precision", m->subject->precision },
                                  { "scenario", scenario_words[m->spec.scenario] },
                                  { "cold", cold_words[m->spec.cold] } };
    int rc = 0;
    for (size_t i = 0; !rc && i < m->spec.options.count; i++) {
        char *value = ifm_scrub(m->spec.options.items[i].value, NULL);
        rc = ifm_map_set(map, m->spec.options.items[i].key, value, err);
        ifm_free(value);
    }
    for (size_t i = 0; !rc && i < sizeof settings / sizeof *settings; i++)
        rc = ifm_map_set(map, settings[i][0], settings[i][1], err);
    if (!rc && !m->subject->command)
        rc = set_number(map, "batch", m->spec.batch ? m->spec.batch : 1, err);
    if (!rc)
        rc = set_number(map, "method_version", IFM_METHOD_VERSION, err);
    if (!rc)
        rc = add_issue(map, &m->spec, err);
    return rc ? rc : add_confinement(map, &m->spec, err);
}

static int add_provider(struct ifm_map *map, const struct ifm_measure *m, const char *offered,
                        struct ifm_err *err)
{
    char first[256];
    if (ifm_map_get(map, "provider") || !first_of(offered, first, sizeof first))
        return 0;
    return ifm_map_set(map, "provider", m->provider ? m->provider : first, err);
}

int ifm_measure_configuration(struct ifm_measure *m, struct ifm_exec_result *result,
                              struct ifm_err *err)
{
    struct ifm_msg_run *run = &m->view.run;
    struct ifm_map *map = &run->config;
    char key[IFM_SHA256_HEX];
    ifm_map_done(map);
    int rc = add_settings(map, m, result, err);
    if (!rc)
        rc = add_effective(map, result->effective, err);
    if (!rc)
        rc = add_inputs(map, m, &result->inputs, err);
    if (!rc)
        rc = ifm_map_add_environment(map, environ, err);
    if (!rc)
        rc = add_provider(map, m, result->providers, err);
    for (size_t i = 0; !rc && i < m->settings.count; i++)
        rc = ifm_map_set(map, m->settings.items[i].key, m->settings.items[i].value, err);
    if (!rc)
        rc = ifm_key_of_map(map, key, err);
    if (!rc && m->until) /* when to stop is no part of what is measured: noted, but outside the key */
        rc = ifm_map_set(map, "until", m->until, err);
    if (rc)
        return rc;
    ifm_free(run->config_key);
    ifm_free(run->provider);
    ifm_free(run->runtime_version);
    run->config_key = ifm_dup(key);
    run->provider = ifm_dup(ifm_map_get(map, "provider"));
    run->runtime_version = ifm_dup(result->runtime_version);
    if (!run->inputs.count) { /* moved: the run's own from now on */
        run->inputs = result->inputs;
        run->outputs = result->outputs;
        result->inputs = result->outputs = (struct ifm_list){ 0 };
    }
    return 0;
}
