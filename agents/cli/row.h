/* One run as one row: what lists show, with the names of the REST reply. Kept beside the run as
 * row.json, so that a list does not decode samples again.
 *
 * Threading: one thread. Ownership: a row owns its texts; ifm_row_done frees. */
#ifndef IFM_ROW_H
#define IFM_ROW_H

#include "agents/agent/spool.h"
#include "agents/cli/view.h"

struct ifm_row {
    char *id, *started_at, *finished_at;
    int status;
    char *model, *variant, *variant_sha256, *format, *runtime, *runtime_version, *provider, *device,
        *device_key, *config_key, *commit;
    struct ifm_map labels;
    int verification, trust;
    char *trust_line, *scenario, *experiment; /* experiment: UUID; NULL: none */
    int64_t invocations_ok, invocations_failed, iterations;
    double p50_ns, p50_low_ns, p50_high_ns, p90_ns, p99_ns;
    bool p99_enough;
    double throughput_per_s, load_ns, first_inference_ns, peak_rss_bytes, energy_uj_per_inference;
    /* Beyond the REST reply: what only the local store knows */
    char *threads;
    int state; /* enum ifm_spool_state */
    bool pushed;
};
extern const struct ifm_table ifm_row_table;

int ifm_row_from_view(const struct ifm_view *view, struct ifm_row *out, struct ifm_err *err);
void ifm_row_done(struct ifm_row *row);
/* row.json, or made from the samples when it is missing. */
int ifm_row_load(const char *folder, struct ifm_row *out, struct ifm_err *err);
int ifm_row_keep(const char *folder, const struct ifm_row *row, struct ifm_err *err);
/* Exactly the members of a REST row, then the local ones. */
void ifm_row_json(const struct ifm_row *row, struct ifm_jw *w);
void ifm_row_csv_header(struct ifm_buf *out);
void ifm_row_csv(const struct ifm_row *row, struct ifm_buf *out);
void ifm_csv_text(struct ifm_buf *out,
                  const char *text); /* quoted where needed; no formula for a spreadsheet */

extern const char *const ifm_status_words[], *const ifm_verification_words[],
                                                 *const ifm_trust_words[], *const ifm_state_words[];

#endif
