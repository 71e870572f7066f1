#include "agents/cli/row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/plan/keys.h"
#include "core/mem.h"
#include "core/trust.h"

const char *const ifm_status_words[] = { "complete", "interrupted", "failed" };
const char *const ifm_verification_words[] = { "no_reference", "verified", "cross_checked",
                                               "wrong" };
const char *const ifm_trust_words[] = { "not_assessed", "trusted", "caution", "untrusted" };
const char *const ifm_state_words[] = { "finished", "unfinished", "running" };

#define ROW_JSON_MAX (256 * 1024)
#define F(field, field_kind, ...)                                                                  \
    {                                                                                              \
        .name = #field, .kind = field_kind, .offset = offsetof(struct ifm_row, field), __VA_ARGS__ \
    }
#define TEXT(field) F(field, IFM_FIELD_STRING)
#define REAL(field) F(field, IFM_FIELD_F64)

static const struct ifm_field row_fields[] = {
    F(id, IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED | IFM_FIELD_UUID),
    TEXT(started_at),
    TEXT(finished_at),
    F(status, IFM_FIELD_CHOICE, .choices = IFM_RUN_STATUS_CHOICES),
    TEXT(model),
    TEXT(variant),
    TEXT(variant_sha256),
    TEXT(format),
    TEXT(runtime),
    TEXT(runtime_version),
    TEXT(provider),
    TEXT(device),
    TEXT(device_key),
    TEXT(config_key),
    TEXT(commit),
    F(labels, IFM_FIELD_MAP),
    F(verification, IFM_FIELD_CHOICE, .choices = IFM_VERIFICATION_CHOICES),
    F(trust, IFM_FIELD_CHOICE, .choices = IFM_TRUST_CHOICES),
    TEXT(trust_line),
    TEXT(scenario),
    TEXT(experiment),
    F(invocations_ok, IFM_FIELD_I64),
    F(invocations_failed, IFM_FIELD_I64),
    F(iterations, IFM_FIELD_I64),
    REAL(p50_ns),
    REAL(p50_low_ns),
    REAL(p50_high_ns),
    REAL(p90_ns),
    REAL(p99_ns),
    F(p99_enough, IFM_FIELD_BOOL),
    REAL(throughput_per_s),
    REAL(load_ns),
    REAL(first_inference_ns),
    REAL(peak_rss_bytes),
    REAL(energy_uj_per_inference),
    TEXT(threads),
    { .name = NULL }
};
const struct ifm_table ifm_row_table = { .name = "row",
                                         .size = sizeof(struct ifm_row),
                                         .fields = row_fields };

int ifm_row_from_view(const struct ifm_view *view, struct ifm_row *out, struct ifm_err *err)
{
    const struct ifm_msg_run *run = &view->run;
    const struct ifm_estimate *m = view->metrics;
    const char *scenario = ifm_map_get(&run->config, "scenario");
    char line[512];
    ifm_trust_line(run, line, sizeof line);
    *out = (struct ifm_row){ .id = ifm_dup(run->id),
                             .started_at = ifm_dup(run->started_at),
                             .finished_at = ifm_dup(run->finished_at),
                             .status = run->status,
                             .model = ifm_dup(run->model),
                             .variant = ifm_dup(run->variant),
                             .variant_sha256 = ifm_dup(run->variant_sha256),
                             .format = ifm_dup(run->format),
                             .runtime = ifm_dup(run->runtime),
                             .runtime_version = ifm_dup(run->runtime_version),
                             .provider = ifm_dup(run->provider),
                             .device = ifm_dup(run->device),
                             .device_key = ifm_dup(run->device_key),
                             .config_key = ifm_dup(run->config_key),
                             .commit = ifm_dup(run->commit),
                             .verification = run->verification,
                             .trust = run->trust,
                             .trust_line = ifm_dup(line),
                             .scenario = ifm_dup(scenario ? scenario : "single"),
                             .experiment = ifm_dup(run->experiment.id),
                             .invocations_ok = (int64_t)view->ok,
                             .invocations_failed = (int64_t)(view->count - view->ok),
                             .iterations = ifm_view_iterations(view),
                             .p50_ns = m[IFM_METRIC_P50].value,
                             .p50_low_ns = m[IFM_METRIC_P50].low,
                             .p50_high_ns = m[IFM_METRIC_P50].high,
                             .p90_ns = m[IFM_METRIC_P90].value,
                             .p99_ns = m[IFM_METRIC_P99].value,
                             .p99_enough = m[IFM_METRIC_P99].enough,
                             .throughput_per_s = m[IFM_METRIC_THROUGHPUT].value,
                             .load_ns = m[IFM_METRIC_LOAD].value,
                             .first_inference_ns = m[IFM_METRIC_FIRST].value,
                             .peak_rss_bytes = m[IFM_METRIC_RSS].value,
                             .energy_uj_per_inference = m[IFM_METRIC_ENERGY].value,
                             .threads = ifm_dup(ifm_map_get(&run->config, "threads")) };
    int rc = 0;
    for (size_t i = 0; !rc && i < run->labels.count; i++)
        rc = ifm_map_set(&out->labels, run->labels.items[i].key, run->labels.items[i].value, err);
    if (!out->id)
        rc = ifm_err_set(err, IFM_ERR_NOMEM, "row", "out of memory");
    if (rc)
        ifm_row_done(out);
    return rc;
}

void ifm_row_done(struct ifm_row *row)
{
    ifm_json_free(&ifm_row_table, row);
}

static void row_path(const char *folder, char path[IFM_SPOOL_PATH_MAX])
{
    snprintf(path, IFM_SPOOL_PATH_MAX, "%.*s/row.json", IFM_SPOOL_PATH_MAX - 16, folder);
}

int ifm_row_keep(const char *folder, const struct ifm_row *row, struct ifm_err *err)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf json;
    row_path(folder, path);
    ifm_buf_init(&json, ROW_JSON_MAX);
    ifm_json_encode(&ifm_row_table, row, &json);
    int rc = ifm_buf_check(&json, err);
    if (!rc)
        rc = ifm_buf_write_file(path, json.data, json.len, err);
    ifm_buf_done(&json);
    return rc;
}

/* A row that does not read back is no loss: it is made again. */
static bool read_row(const char *folder, struct ifm_row *out)
{
    char path[IFM_SPOOL_PATH_MAX];
    struct ifm_buf json;
    row_path(folder, path);
    if (access(path, R_OK))
        return false;
    ifm_buf_init(&json, ROW_JSON_MAX);
    bool good = ifm_buf_read_file(&json, path, NULL) == 0 && json.data &&
                ifm_json_decode(&ifm_row_table, json.data, json.len, out, NULL) == 0;
    ifm_buf_done(&json);
    if (good && !out->trust_line) { /* kept by an earlier version */
        ifm_row_done(out);
        return false;
    }
    return good;
}

int ifm_row_load(const char *folder, struct ifm_row *out, struct ifm_err *err)
{
    struct ifm_view view;
    enum ifm_spool_state state = ifm_spool_state_of(folder);
    int rc = 0;
    memset(out, 0, sizeof *out);
    if (state != IFM_SPOOL_FINISHED || !read_row(folder, out)) {
        rc = ifm_view_init(&view, false);
        if (!rc)
            rc = ifm_view_load(&view, folder, err);
        if (!rc)
            rc = ifm_row_from_view(&view, out, err);
        ifm_view_done(&view);
        if (!rc && state == IFM_SPOOL_FINISHED)
            ifm_row_keep(folder, out, NULL);
    }
    out->state = (int)state;
    out->pushed = !rc && ifm_spool_pushed(folder, NULL);
    return rc;
}

/* -- Printing -----------------------------------------------------------------------------------
 */

static void text(struct ifm_jw *w, const char *key, const char *value)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, value);
}

static void real(struct ifm_jw *w, const char *key, double value)
{
    ifm_jw_key(w, key);
    ifm_jw_f64(w, value);
}

static void whole(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

void ifm_row_json(const struct ifm_row *row, struct ifm_jw *w)
{
    ifm_jw_begin(w, '{');
    text(w, "id", row->id);
    text(w, "started_at", row->started_at);
    text(w, "finished_at", row->finished_at);
    text(w, "status", ifm_status_words[row->status]);
    text(w, "model", row->model);
    text(w, "variant", row->variant);
    text(w, "variant_sha256", row->variant_sha256);
    text(w, "format", row->format);
    text(w, "runtime", row->runtime);
    text(w, "runtime_version", row->runtime_version);
    text(w, "provider", row->provider);
    text(w, "device", row->device);
    text(w, "device_key", row->device_key);
    text(w, "config_key", row->config_key);
    text(w, "commit", row->commit);
    ifm_jw_key(w, "labels");
    ifm_jw_begin(w, '{');
    for (size_t i = 0; i < row->labels.count; i++)
        text(w, row->labels.items[i].key, row->labels.items[i].value);
    ifm_jw_end(w, '}');
    text(w, "verification", ifm_verification_words[row->verification]);
    text(w, "trust", ifm_trust_words[row->trust]);
    text(w, "trust_line", row->trust_line);
    text(w, "scenario", row->scenario);
    text(w, "experiment", row->experiment);
    whole(w, "invocations_ok", row->invocations_ok);
    whole(w, "invocations_failed", row->invocations_failed);
    whole(w, "iterations", row->iterations ? row->iterations : IFM_JSON_ABSENT);
    real(w, "p50_ns", row->p50_ns);
    real(w, "p50_low_ns", row->p50_low_ns);
    real(w, "p50_high_ns", row->p50_high_ns);
    real(w, "p90_ns", row->p90_ns);
    real(w, "p99_ns", row->p99_ns);
    ifm_jw_key(w, "p99_enough");
    ifm_jw_bool(w, row->p99_enough);
    real(w, "throughput_per_s", row->throughput_per_s);
    real(w, "load_ns", row->load_ns);
    real(w, "first_inference_ns", row->first_inference_ns);
    real(w, "peak_rss_bytes", row->peak_rss_bytes);
    real(w, "energy_uj_per_inference", row->energy_uj_per_inference);
    text(w, "threads", row->threads);
    text(w, "state", ifm_state_words[row->state]);
    ifm_jw_key(w, "pushed");
    ifm_jw_bool(w, row->pushed);
    ifm_jw_end(w, '}');
}

void ifm_csv_text(struct ifm_buf *out, const char *value)
{
    if (!value)
        return;
    bool formula = *value == '=' || *value == '+' || *value == '-' || *value == '@';
    bool quote = formula || strpbrk(value, ",\"\r\n") != NULL;
    if (!quote) {
        ifm_buf_adds(out, value);
        return;
    }
    ifm_buf_adds(out, formula ? "\"'" : "\"");
    for (; *value; value++) {
        if (*value == '"')
            ifm_buf_addc(out, '"');
        ifm_buf_addc(out, *value);
    }
    ifm_buf_addc(out, '"');
}

void ifm_row_csv_header(struct ifm_buf *out)
{
    ifm_buf_adds(
        out,
        "id,started_at,status,model,variant,format,runtime,runtime_version,provider,threads,device,"
        "commit,verification,trust,invocations_ok,invocations_failed,iterations,p50_ns,p50_low_ns,"
        "p50_high_ns,p90_ns,p99_ns,p99_enough,throughput_per_s,load_ns,first_inference_ns,"
        "peak_rss_bytes,energy_uj_per_inference,trust_line,scenario,experiment,variant_sha256,"
        "device_key,"
        "config_key\n");
}

static void csv_real(struct ifm_buf *out, double value)
{
    if (isfinite(value))
        ifm_buf_addf(out, ",%.17g", value);
    else
        ifm_buf_addc(out, ',');
}

void ifm_row_csv(const struct ifm_row *row, struct ifm_buf *out)
{
    const char *texts[] = { row->id,
                            row->started_at,
                            ifm_status_words[row->status],
                            row->model,
                            row->variant,
                            row->format,
                            row->runtime,
                            row->runtime_version,
                            row->provider,
                            row->threads,
                            row->device,
                            row->commit,
                            ifm_verification_words[row->verification],
                            ifm_trust_words[row->trust] };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (i)
            ifm_buf_addc(out, ',');
        ifm_csv_text(out, texts[i]);
    }
    ifm_buf_addf(out, ",%lld,%lld,%lld", (long long)row->invocations_ok,
                 (long long)row->invocations_failed, (long long)row->iterations);
    const double numbers[] = { row->p50_ns, row->p50_low_ns, row->p50_high_ns, row->p90_ns,
                               row->p99_ns };
    for (size_t i = 0; i < 5; i++)
        csv_real(out, numbers[i]);
    ifm_buf_adds(out, row->p99_enough ? ",true" : ",false");
    const double rest[] = { row->throughput_per_s, row->load_ns, row->first_inference_ns,
                            row->peak_rss_bytes, row->energy_uj_per_inference };
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        csv_real(out, rest[i]);
    const char *keys[] = { row->trust_line,     row->scenario,   row->experiment,
                           row->variant_sha256, row->device_key, row->config_key };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        ifm_buf_addc(out, ',');
        ifm_csv_text(out, keys[i]);
    }
    ifm_buf_addc(out, '\n');
}
