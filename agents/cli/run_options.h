/* What can be typed behind `run`, which of it contradicts what, and what it means for a plan and a
 * spec.
 *
 * Threading: one thread. Ownership: texts point into argv; what is made of them is the caller's. */
#ifndef IFM_RUN_OPTIONS_H
#define IFM_RUN_OPTIONS_H

#include "agents/cli/cli.h"
#include "agents/plan/plan.h"
#include "agents/plan/until.h"
#include "core/msg.h"

#define IFM_RUN_LIST_MAX 64 /* values of one list */

struct ifm_run_options {
    struct ifm_cli_common common;
    const char *runtime, *provider, *variant, *name, *commit, *expect, *threads, *batch, *until,
        *cooldown, *bound, *cpus, *samplers, *sysroot, *require,
        *custom_ops;
    int64_t warmup, warmup_max, iterations, duration, maximum, invocations, max_invocations,
        max_time, seed, order_seed, memory_limit, timeout, streams, period, window, energy_idle;
    double rtol, atol, rate;
    int cold, scenario, arrival;
    bool strict, quick, find_max_qps, sandbox, batching, allocations, count_allocations;
    struct ifm_option_list options, vary, inputs, shapes, ranges, labels, programs;
};
extern const struct ifm_option ifm_run_option_rows[];

/* What several options say together, and lists and texts that the table cannot check. */
struct ifm_run_asked {
    const struct ifm_run_options *o;
    struct ifm_target targets[IFM_TARGETS_MAX];
    size_t target_count;
    int64_t threads[IFM_RUN_LIST_MAX], batches[IFM_RUN_LIST_MAX]; /* at least one each */
    size_t thread_count, batch_count;
    int64_t cpus[IFM_RUN_LIST_MAX * 16];
    size_t cpu_count;
    int64_t bound_ns;
    unsigned bound_percentile; /* per 10,000 */
    bool require_trusted, require_verified;
    struct ifm_plan plan; /* invocations: the fewest where there are targets */
    int64_t max_rounds;
    bool count_allocations, default_size;
};
/* IFM_ERR_USAGE with one sentence for what contradicts itself. */
int ifm_run_options_read(const struct ifm_run_options *o, struct ifm_run_asked *out,
                         struct ifm_err *err);
/* The fields of a spec that are the same for every arm; borrows from asked. samplers gets the
 * list's items, which the caller frees with its array. */
void ifm_run_options_spec(const struct ifm_run_asked *asked, struct ifm_msg_spec *spec);
/* KEY=VALUE items of a list into a map. */
int ifm_run_key_values(const struct ifm_option_list *list, const char *option, struct ifm_map *map,
                       struct ifm_err *err);
/* Texts between commas, trimmed of nothing; at most IFM_RUN_LIST_MAX, each below `size` bytes.
 * *text moves on; false at the end. */
bool ifm_run_next(const char **text, char *word, size_t size);

#endif
