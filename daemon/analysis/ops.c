#include "daemon/analysis/ops.h"

#include <math.h>
#include "core/mem.h"

static void write_i64(struct ifm_jw *w, const char *key, int64_t value)
{
    ifm_jw_key(w, key);
    ifm_jw_i64(w, value);
}

static void write_profile(const struct ifm_msg_profile *profile, const char *ops, struct ifm_jw *w)
{
    int64_t plain = profile->unprofiled_p50_ns;
    bool has_plain = plain > 0 && profile->p50_ns > 0;
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "ops");
    ifm_jw_raw(w, ops ? ops : "[]");
    write_i64(w, "inferences", profile->inferences);
    write_i64(w, "p50_ns", profile->p50_ns > 0 ? profile->p50_ns : IFM_JSON_ABSENT);
    write_i64(w, "unprofiled_p50_ns", plain);
    write_i64(w, "attributed_ns", profile->attributed_ns);
    ifm_jw_key(w, "fallback_share");
    ifm_jw_f64(w, profile->fallback_share);
    ifm_jw_key(w, "perturbation");
    ifm_jw_f64(w, has_plain ? (double)profile->p50_ns / (double)plain : (double)NAN);
    write_i64(w, "unattributed_ns", profile->p50_ns > 0 ? profile->p50_ns - profile->attributed_ns : IFM_JSON_ABSENT);
    ifm_jw_end(w, '}');
}

int ifm_ops_json(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err)
{
    struct ifm_msg_run run;
    struct ifm_jw w;
    char *ops = NULL;
    int rc = ifm_store_get_body(store, run_id, &run, &ops, err);
    if (rc) return rc;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    ifm_jw_key(&w, "run");
    ifm_jw_string(&w, run_id);
    ifm_jw_key(&w, "profile");
    if (ops || run.profile.inferences > 0) {
        write_profile(&run.profile, ops, &w);
    } else {
        ifm_jw_string(&w, NULL);
    }
    ifm_jw_end(&w, '}');
    ifm_free(ops);
    ifm_json_free(&ifm_run_table, &run);
    return ifm_buf_check(out, err);
}
