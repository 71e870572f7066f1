/* The Chrome trace of a profile: one inference, the average of all that were profiled. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/cli/profile.h"
#include "core/mem.h"

#define PROVIDERS_MAX 16
#define PID           1

static void text(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void whole(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

static void real(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

/* A name of the process, or of a thread. */
static void metadata(struct ifm_jw *w, const char *what, int64_t tid, const char *name)
{
    ifm_jw_begin(w, '{');
    text(w, "name", what);
    text(w, "ph", "M");
    whole(w, "pid", PID);
    whole(w, "tid", tid);
    ifm_jw_key(w, "args");
    ifm_jw_begin(w, '{');
    text(w, "name", name);
    ifm_jw_end(w, '}');
    ifm_jw_end(w, '}');
}

static void slice_begin(struct ifm_jw *w, const char *name, const char *category, int64_t tid, double start_us,
                        double us)
{
    ifm_jw_begin(w, '{');
    text(w, "name", name);
    text(w, "cat", category);
    text(w, "ph", "X");
    whole(w, "pid", PID);
    whole(w, "tid", tid);
    real(w, "ts", start_us);
    real(w, "dur", us);
    ifm_jw_key(w, "args");
    ifm_jw_begin(w, '{');
}

static void slice_end(struct ifm_jw *w)
{
    ifm_jw_end(w, '}');
    ifm_jw_end(w, '}');
}

static int by_start(const void *a, const void *b)
{
    const struct ifm_msg_op *x = *(const struct ifm_msg_op *const *)a, *y = *(const struct ifm_msg_op *const *)b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static size_t provider_of(const char *names[PROVIDERS_MAX], size_t *count, const char *name)
{
    name = name && *name ? name : "operators";
    for (size_t i = 0; i < *count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    if (*count == PROVIDERS_MAX)
        return PROVIDERS_MAX - 1;
    names[*count] = name;
    return (*count)++;
}

/* Slices of one thread must not overlap: averages of begin and length may, by a little. */
static void slices(struct ifm_jw *w, const struct ifm_msg_profile *p, const struct ifm_msg_op **order)
{
    const char *names[PROVIDERS_MAX];
    double free_from[PROVIDERS_MAX] = { 0 };
    size_t providers = 0;
    for (size_t i = 0; i < p->ops.count; i++) {
        const struct ifm_msg_op *op = order[i];
        size_t known = providers, at = provider_of(names, &providers, op->provider);
        double us = (double)op->total_ns / 1e3 / (double)p->inferences;
        double start = op->start_ns >= 0 ? (double)op->start_ns / 1e3 : free_from[at];
        if (providers > known)
            metadata(w, "thread_name", (int64_t)at + 2, names[at]);
        start = start > free_from[at] ? start : free_from[at];
        slice_begin(w, op->name, op->type ? op->type : "operator", (int64_t)at + 2, start, us);
        text(w, "type", op->type);
        text(w, "shapes", op->shapes);
        real(w, "calls", (double)op->calls / (double)p->inferences);
        slice_end(w);
        free_from[at] = start + us;
    }
}

void ifm_profile_trace(const struct ifm_view *view, struct ifm_buf *out)
{
    const struct ifm_msg_profile *p = &view->run.profile;
    const struct ifm_msg_op *op = p->ops.items, **order = ifm_alloc_array(p->ops.count + 1, sizeof *order);
    struct ifm_profile_figures f;
    struct ifm_jw w;
    if (!order) {
        out->failed = IFM_ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < p->ops.count; i++)
        order[i] = &op[i];
    qsort(order, p->ops.count, sizeof *order, by_start);
    ifm_profile_figures(p, &f);
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    text(&w, "displayTimeUnit", "ms");
    ifm_jw_key(&w, "otherData");
    ifm_jw_begin(&w, '{');
    text(&w, "tool", "inferometer");
    text(&w, "what", "the average of all profiled inferences: begins and lengths are means");
    text(&w, "run", view->run.id);
    text(&w, "model", view->run.model);
    text(&w, "runtime", view->run.runtime);
    whole(&w, "inferences", p->inferences);
    real(&w, "perturbation", f.perturbation);
    ifm_jw_end(&w, '}');
    ifm_jw_key(&w, "traceEvents");
    ifm_jw_begin(&w, '[');
    metadata(&w, "process_name", 1, view->run.model ? view->run.model : "model");
    metadata(&w, "thread_name", 1, "inference");
    slice_begin(&w, "inference", "inference", 1, 0, (double)p->p50_ns / 1e3);
    real(&w, "unprofiled_p50_us", (double)p->unprofiled_p50_ns / 1e3);
    slice_end(&w);
    slices(&w, p, order);
    ifm_jw_end(&w, ']');
    ifm_jw_end(&w, '}');
    ifm_buf_addc(out, '\n');
    ifm_free(order);
}
