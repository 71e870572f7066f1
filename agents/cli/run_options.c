#include "agents/cli/run_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/plan/keys.h"
#include "core/mem.h"
#include "core/scenario.h"

#define UNTIL_ROUNDS_MAX 50
#define PERIOD_NS        INT64_C(33333333) /* a camera of 30 frames a second */
#define SUSTAINED_NS     INT64_C(300000000000)
#define IDLE_NS          INT64_C(2000000000) /* a worker without a source of energy skips it */
#define CPU_MAX          1023
#define MINUTE           INT64_C(60000000000)

bool ifm_run_next(const char **text, char *word, size_t size)
{
    if (!*text || !**text)
        return false;
    size_t len = strcspn(*text, ",");
    snprintf(word, size, "%.*s", (int)(len < size ? len : size - 1), *text);
    *text += len + ((*text)[len] == ',');
    return true;
}

static int whole(const char *word, int64_t least, int64_t most, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(word, &end, 10);
    if (errno || end == word || *end || number < least || number > most)
        return -1;
    *value = number;
    return 0;
}

/* "1,2,4"; without text the one value 0. */
static int numbers(const char *text, const char *option, int64_t most, int64_t *out, size_t *count,
                   struct ifm_err *err)
{
    char word[24];
    const char *at = text;
    *count = 0;
    while (ifm_run_next(&at, word, sizeof word)) {
        if (*count == IFM_RUN_LIST_MAX || whole(word, 0, most, &out[*count]))
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--%s wants at most %d numbers from 0 to %lld, like 1,2,4, got "
                               "\"%.60s\"",
                               option, IFM_RUN_LIST_MAX, (long long)most, text);
        ++*count;
    }
    if (!*count)
        out[(*count)++] = 0;
    return 0;
}

/* "0-3,6" */
static int cpu_list(const char *text, struct ifm_run_asked *out, struct ifm_err *err)
{
    char word[32];
    const char *at = text;
    while (ifm_run_next(&at, word, sizeof word)) {
        int64_t first, last;
        char *dash = strchr(word, '-');
        if (dash)
            *dash = '\0';
        bool good = whole(word, 0, CPU_MAX, &first) == 0 &&
                    whole(dash ? dash + 1 : word, 0, CPU_MAX, &last) == 0 && last >= first;
        for (int64_t cpu = first; good && cpu <= last; cpu++) {
            good = out->cpu_count < sizeof out->cpus / sizeof *out->cpus;
            if (good)
                out->cpus[out->cpu_count++] = cpu;
        }
        if (!good)
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--cpus wants processors from 0 to %d, like 0-3,6, got \"%.60s\"",
                               CPU_MAX, text);
    }
    return 0;
}

static int requirements(const char *text, struct ifm_run_asked *out, struct ifm_err *err)
{
    char word[32];
    if (!*text)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "--require wants trusted, verified or both");
    while (ifm_run_next(&text, word, sizeof word)) {
        if (strcmp(word, "trusted") == 0)
            out->require_trusted = true;
        else if (strcmp(word, "verified") == 0)
            out->require_verified = true;
        else
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--require wants trusted, verified or both, got \"%.30s\"", word);
    }
    return 0;
}

/* -- What contradicts what ----------------------------------------------------------------------
 */

static int refuse(struct ifm_err *err, const char *sentence)
{
    return ifm_err_set(err, IFM_ERR_USAGE, "", "%s", sentence);
}

struct conflict {
    bool there;
    const char *sentence;
};

static int first_conflict(const struct conflict *rows, size_t count, struct ifm_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].there)
            return refuse(err, rows[i].sentence);
    return 0;
}

static bool bad_tolerance(double value)
{
    return (value < 0 && value > -1) || value < -1;
}

static int check_sizes(const struct ifm_run_options *o, struct ifm_err *err)
{
    bool timed = o->iterations || o->duration;
    const struct conflict rows[] = {
        { o->maximum && o->duration > o->maximum, "--duration is longer than --maximum" },
        { bad_tolerance(o->rtol) || bad_tolerance(o->atol),
          "--rtol and --atol must not be negative" },
        { o->quick && timed,
          "--quick sets the size itself: leave out --iterations and --duration" },
        { o->quick && o->until,
          "--quick and --until contradict each other: a quick run has no interval" },
        { o->max_time && o->duration > o->max_time, "--duration is longer than --max-time" },
        { o->max_invocations && o->invocations > o->max_invocations,
          "--invocations is more than --max-invocations" },
        { o->until && o->max_invocations && o->max_invocations < IFM_INTERVAL_MIN_K,
          "--until needs an interval, so --max-invocations of at least 6" },
        { o->warmup && o->warmup_max, "--warmup fixes the number that --warmup-max would limit" },
        { o->count_allocations && !o->allocations,
          "--count-allocations and --no-allocations contradict each other" },
        { o->energy_idle && o->samplers && strcmp(o->samplers, "none") == 0,
          "--energy-idle needs a sampler, and --samplers none allows none" },
    };
    return first_conflict(rows, sizeof rows / sizeof *rows, err);
}

static int check_scenario(const struct ifm_run_options *o, struct ifm_err *err)
{
    int kind = o->scenario;
    bool server = kind == IFM_SCENARIO_SERVER || o->find_max_qps,
         paced = kind == IFM_SCENARIO_PACED;
    bool parallel = kind == IFM_SCENARIO_MULTI || kind == IFM_SCENARIO_OFFLINE;
    const struct conflict rows[] = {
        { o->rate != 0 && !server, "--rate belongs to --scenario server" },
        { o->arrival != 0 && !server, "--arrival belongs to --scenario server" },
        { o->period && !paced, "--period belongs to --scenario paced" },
        { o->window && kind != IFM_SCENARIO_SUSTAINED, "--window belongs to --scenario sustained" },
        { o->streams && !parallel, "--streams belongs to --scenario multi or offline" },
        { o->bound && !server && !paced, "--bound belongs to --scenario server or paced" },
        { server && o->rate <= 0 && !o->find_max_qps,
          "--scenario server needs --rate, in queries a second, or --find-max-qps" },
        { server && o->cold == IFM_COLD_C2,
          "--cold C2 is about a second load: leave out --scenario server" },
    };
    return first_conflict(rows, sizeof rows / sizeof *rows, err);
}

static int check_search(const struct ifm_run_options *o, struct ifm_err *err)
{
    bool other = o->scenario != IFM_SCENARIO_SINGLE && o->scenario != IFM_SCENARIO_SERVER;
    const struct conflict rows[] = {
        { other, "--find-max-qps belongs to --scenario server" },
        { !o->bound, "--find-max-qps needs --bound, like --bound 10ms@p99" },
        { o->until != NULL, "--find-max-qps and --until contradict each other" },
    };
    return o->find_max_qps ? first_conflict(rows, sizeof rows / sizeof *rows, err) : 0;
}

/* A count that is too small for a percentile is no target that more invocations could reach. */
static int check_targets(const struct ifm_run_asked *out, struct ifm_err *err)
{
    const struct ifm_run_options *o = out->o;
    for (size_t i = 0; i < out->target_count; i++) {
        const char *word = ifm_metrics[out->targets[i].metric].word;
        long long needed = (long long)ifm_target_samples(out->targets[i].metric);
        if (o->iterations && !o->duration && o->iterations < needed)
            return ifm_err_set(err, IFM_ERR_USAGE, "",
                               "--until %s needs %lld inferences in each invocation, and "
                               "--iterations says %lld",
                               word, needed, (long long)o->iterations);
    }
    return 0;
}

/* -- The plan -----------------------------------------------------------------------------------
 */

static int cooldown(const struct ifm_run_options *o, struct ifm_plan_asked *asked,
                    struct ifm_err *err)
{
    asked->has_cooldown = o->cooldown != NULL;
    if (o->cooldown && (ifm_opt_parse_duration(o->cooldown, &asked->cooldown_ns) ||
                        asked->cooldown_ns > 10 * MINUTE))
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "--cooldown wants a duration up to 10m, like 500ms, got \"%.30s\"",
                           o->cooldown);
    return 0;
}

/* The hard maximum holds for every kind of run; without targets it is also the number. */
static void limit_rounds(struct ifm_run_asked *out)
{
    int64_t most = out->o->max_invocations;
    if (most && out->plan.invocations > most)
        out->plan.invocations = most;
    most = most ? most : UNTIL_ROUNDS_MAX;
    bool more = out->target_count && most > out->plan.invocations;
    out->max_rounds = more ? most : out->plan.invocations;
}

static int read_plan(struct ifm_run_asked *out, struct ifm_err *err)
{
    const struct ifm_run_options *o = out->o;
    struct ifm_plan_asked asked = { .quick = o->quick,
                                    .invocations = o->invocations,
                                    .iterations = o->iterations,
                                    .duration_ns = o->duration,
                                    .max_ns = o->maximum,
                                    .warmup_iterations = o->warmup,
                                    .warmup_max_ns = o->warmup_max,
                                    .timeout_ns = o->timeout };
    bool sized = o->iterations || o->duration || o->quick;
    int rc = cooldown(o, &asked, err);
    if (rc)
        return rc;
    if (o->scenario == IFM_SCENARIO_SUSTAINED &&
        !sized) { /* one long look instead of ten short ones */
        asked.duration_ns = SUSTAINED_NS;
        asked.invocations = o->invocations ? o->invocations : 1;
    }
    if (out->target_count && !o->invocations)
        asked.invocations = IFM_INTERVAL_MIN_K;
    ifm_plan_make(&asked, &out->plan);
    limit_rounds(out);
    out->default_size = !sized;
    out->count_allocations = o->count_allocations || (o->allocations && !sized);
    return 0;
}

int ifm_run_options_read(const struct ifm_run_options *o, struct ifm_run_asked *out,
                         struct ifm_err *err)
{
    *out = (struct ifm_run_asked){ .o = o };
    int rc = check_sizes(o, err);
    if (!rc)
        rc = check_search(o, err);
    if (!rc)
        rc = check_scenario(o, err);
    if (!rc)
        rc = numbers(o->threads, "threads", 1024, out->threads, &out->thread_count, err);
    if (!rc)
        rc = numbers(o->batch, "batch", 1000000, out->batches, &out->batch_count, err);
    if (!rc && o->until)
        rc = ifm_targets_parse(o->until, out->targets, &out->target_count, err);
    if (!rc)
        rc = check_targets(out, err);
    if (!rc && o->cpus)
        rc = cpu_list(o->cpus, out, err);
    if (!rc && o->bound)
        rc = ifm_scenario_parse_bound(o->bound, &out->bound_ns, &out->bound_percentile, err);
    if (!rc && o->require)
        rc = requirements(o->require, out, err);
    return rc ? rc : read_plan(out, err);
}

void ifm_run_options_spec(const struct ifm_run_asked *asked, struct ifm_msg_spec *spec)
{
    const struct ifm_run_options *o = asked->o;
    bool paced = o->scenario == IFM_SCENARIO_PACED;
    spec->v = IFM_MSG_VERSION;
    spec->seed = o->seed;
    spec->memory_limit_bytes = o->memory_limit;
    spec->cold = o->cold;
    spec->scenario = o->find_max_qps ? IFM_SCENARIO_SERVER : o->scenario;
    spec->streams = o->streams;
    spec->rate_per_s = o->rate;
    spec->arrival = o->arrival;
    spec->period_ns = paced && !o->period ? PERIOD_NS : o->period;
    spec->batch_calls = o->batching ? 0 : 1;
    spec->no_sandbox = !o->sandbox;
    spec->idle_ns = o->energy_idle ? o->energy_idle : asked->default_size ? IDLE_NS : 0;
    spec->sysroot = (char *)(uintptr_t)o->sysroot;
    spec->cpus =
        (struct ifm_ints){ .items = (int64_t *)(uintptr_t)asked->cpus, .count = asked->cpu_count };
    ifm_plan_spec(&asked->plan, spec);
}

int ifm_run_key_values(const struct ifm_option_list *list, const char *option, struct ifm_map *map,
                       struct ifm_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        char key[128];
        if (!equals || equals == list->items[i] ||
            (size_t)(equals - list->items[i]) >= sizeof key || !equals[1])
            return ifm_err_set(err, IFM_ERR_USAGE, "", "--%s wants KEY=VALUE, got \"%.60s\"",
                               option, list->items[i]);
        memcpy(key, list->items[i], (size_t)(equals - list->items[i]));
        key[equals - list->items[i]] = '\0';
        rc = ifm_map_set(map, key, equals + 1, err);
        if (!rc && map->count > 48)
            rc = ifm_err_set(err, IFM_ERR_USAGE, "", "more than 48 of --%s", option);
    }
    return rc;
}
