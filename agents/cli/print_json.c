/* A run as the REST reply GET /runs/{id} shows it. */
#include <math.h>

#include "agents/cli/print.h"
#include "agents/cli/row.h"
#include "agents/executors/executor.h"

static const char *const end_words[] = { "complete", "array_full", "maximum", "stopped" };

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

static void flag(struct ifm_jw *w, const char *key, bool value)
{
    ifm_jw_key(w, key);
    ifm_jw_bool(w, value);
}

void ifm_print_estimate(struct ifm_jw *w, const struct ifm_estimate *e)
{
    ifm_jw_begin(w, '{');
    real(w, "value", e->value);
    real(w, "low", e->low);
    real(w, "high", e->high);
    real(w, "coverage", e->coverage);
    whole(w, "k", (int64_t)e->k);
    whole(w, "needed", (int64_t)e->needed);
    flag(w, "enough", e->enough);
    ifm_jw_end(w, '}');
}

static void stats(struct ifm_jw *w, const struct ifm_view_invocation *item)
{
    const struct ifm_invocation_stats *s = &item->stats;
    bool has = item->has_stats;
    const struct {
        const char *key;
        int64_t value;
    } wholes[] = { { "p50_ns", s->p50_ns },          { "p90_ns", s->p90_ns },
                   { "p99_ns", s->p99_ns },          { "min_ns", s->min_ns },
                   { "max_ns", s->max_ns },          { "p50_low_ns", s->p50_low_ns },
                   { "p50_high_ns", s->p50_high_ns } };
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        whole(w, wholes[i].key, has && wholes[i].value >= 0 ? wholes[i].value : IFM_JSON_ABSENT);
    flag(w, "p90_enough", has && s->p90_enough);
    flag(w, "p99_enough", has && s->p99_enough);
    whole(w, "sample_count", has ? s->n : 0);
    const struct {
        const char *key;
        double value;
    } reals[] = { { "mean_ns", s->mean_ns },
                  { "sd_ns", s->sd_ns },
                  { "p50_interp_ns", s->p50_interp_ns },
                  { "p90_interp_ns", s->p90_interp_ns },
                  { "p99_interp_ns", s->p99_interp_ns },
                  { "throughput_per_s", s->throughput_per_s },
                  { "autocorrelation", s->autocorrelation } };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        real(w, reals[i].key, has ? reals[i].value : (double)NAN);
}

static void memory(struct ifm_jw *w, const char *key, const struct ifm_msg_memory *m)
{
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '{');
    whole(w, "peak_rss_bytes", m->peak_rss_bytes);
    whole(w, "anon_bytes", m->anon_bytes);
    whole(w, "file_bytes", m->file_bytes);
    whole(w, "minor_faults", m->minor_faults);
    whole(w, "major_faults", m->major_faults);
    ifm_jw_end(w, '}');
}

static void clock_facts(struct ifm_jw *w, const struct ifm_msg_clock *clock)
{
    ifm_jw_key(w, "clock");
    ifm_jw_begin(w, '{');
    whole(w, "resolution_ns", clock->resolution_ns);
    whole(w, "overhead_ns", clock->overhead_ns);
    whole(w, "jitter_ns", clock->jitter_ns);
    real(w, "raw_ratio", clock->raw_ratio);
    text(w, "source", clock->source);
    ifm_jw_end(w, '}');
}

static void verification(struct ifm_jw *w, const struct ifm_msg_verification *v)
{
    const struct ifm_msg_comparison *c = v->outputs.items;
    ifm_jw_key(w, "verification");
    ifm_jw_begin(w, '{');
    text(w, "state", ifm_verification_words[v->state]);
    ifm_jw_key(w, "outputs");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < v->outputs.count; i++) {
        ifm_jw_begin(w, '{');
        text(w, "output", c[i].output);
        flag(w, "passed", c[i].passed);
        text(w, "reason", c[i].reason);
        whole(w, "elements", c[i].elements);
        whole(w, "mismatched", c[i].mismatched);
        whole(w, "first_mismatch", c[i].first_mismatch);
        whole(w, "not_finite", c[i].not_finite);
        real(w, "max_abs", c[i].max_abs);
        real(w, "max_rel", c[i].max_rel);
        real(w, "cosine", c[i].cosine);
        real(w, "snr_db", c[i].snr_db);
        real(w, "rtol", c[i].rtol);
        real(w, "atol", c[i].atol);
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

static void invocation(struct ifm_jw *w, const struct ifm_view_invocation *item)
{
    const struct ifm_msg_invocation *b = &item->body;
    ifm_jw_begin(w, '{');
    whole(w, "n", b->n);
    text(w, "started_at", b->started_at);
    text(w, "status", b->status ? "failed" : "ok");
    text(w, "failure", ifm_failure_name(b->failure));
    text(w, "failure_text", b->failure_text);
    whole(w, "signal", b->signal);
    whole(w, "exit_status", b->exit_status);
    text(w, "step", ifm_step_name(b->step));
    whole(w, "iterations", b->iterations);
    stats(w, item);
    const struct {
        const char *key;
        int64_t value;
    } times[] = { { "spawn_ns", b->spawn_ns },
                  { "load_ns", b->load_ns },
                  { "first_inference_ns", b->first_inference_ns },
                  { "warmup_ns", b->warmup_ns },
                  { "warmup_iterations", b->warmup_iterations },
                  { "steady_ns", b->steady_ns },
                  { "cpu_ns", b->cpu_ns },
                  { "involuntary_switches", b->involuntary_switches } };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        whole(w, times[i].key, times[i].value);
    text(w, "end_reason", end_words[b->end_reason]);
    flag(w, "deterministic", b->deterministic);
    whole(w, "own_array_bytes", b->own_array_bytes);
    memory(w, "memory_load", &b->memory_load);
    memory(w, "memory_first", &b->memory_first);
    memory(w, "memory_steady", &b->memory_steady);
    clock_facts(w, &b->clock);
    verification(w, &b->verification);
    ifm_jw_key(w, "warnings");
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < b->warnings.count; i++)
        ifm_jw_string(w, b->warnings.items[i]);
    ifm_jw_end(w, ']');
    ifm_jw_end(w, '}');
}

void ifm_print_json(struct ifm_buf *out, const struct ifm_view *view)
{
    struct ifm_jw w;
    struct ifm_buf run;
    ifm_buf_init(&run, IFM_SPOOL_BODY_MAX);
    ifm_json_encode(&ifm_run_table, &view->run, &run);
    while (run.len && run.data[run.len - 1] == '\n')
        run.data[--run.len] = '\0';
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    whole(&w, "v", 1);
    ifm_jw_key(&w, "run");
    ifm_jw_raw(&w, run.data ? run.data : "null");
    flag(&w, "closed", view->closed);
    ifm_jw_key(&w, "summary");
    ifm_jw_begin(&w, '{');
    for (size_t m = 0; m < IFM_METRIC_COUNT; m++) {
        ifm_jw_key(&w, ifm_metrics[m].field);
        ifm_print_estimate(&w, &view->metrics[m]);
    }
    ifm_jw_end(&w, '}');
    ifm_jw_key(&w, "invocations");
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < view->count; i++)
        invocation(&w, &view->items[i]);
    ifm_jw_end(&w, ']');
    ifm_jw_end(&w, '}');
    ifm_buf_addc(out, '\n');
    ifm_buf_done(&run);
}
