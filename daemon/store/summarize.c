/* A run's values over its ok invocations, read from the rollup columns: what the summary of a run, its row in
 * the list and a comparison are made of. */
#include "daemon/store/internal.h"

#include <math.h>
#include <string.h>
#include "core/mem.h"

/* Columns of IFM_SQL_VALUES */
enum { NUMBER, STATUS, VERIFICATION, SAMPLES, FIRST_METRIC, P90_ENOUGH = FIRST_METRIC + IFM_METRIC_COUNT, P99_ENOUGH,
       BATCH_CALLS };

static void add_row(sqlite3_stmt *stmt, struct ifm_summary_values *out)
{
    if (sqlite3_column_int(stmt, STATUS) != 0) {
        out->failed++;
        return;
    }
    size_t i = out->ok++;
    int state = sqlite3_column_int(stmt, VERIFICATION);
    if (state >= 0 && state < 4) out->by_verification[state]++;
    int64_t samples = sqlite3_column_int64(stmt, SAMPLES);
    int64_t calls = sqlite3_column_int64(stmt, BATCH_CALLS); /* NULL reads as 0 */
    out->iterations[i] = ifm_db_f64(stmt, SAMPLES) * (double)(calls > 1 ? calls : 1);
    out->numbers[i] = (double)sqlite3_column_int64(stmt, NUMBER);
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        out->values[metric][i] = ifm_db_f64(stmt, FIRST_METRIC + metric);
    }
    if (samples <= 0 || !ifm_stat_enough((size_t)samples, 5000)) out->enough[IFM_METRIC_P50] = false;
    if (!sqlite3_column_int(stmt, P90_ENOUGH)) out->enough[IFM_METRIC_P90] = false;
    if (!sqlite3_column_int(stmt, P99_ENOUGH)) out->enough[IFM_METRIC_P99] = false;
}

static int get_bound(struct ifm_db *db, enum ifm_sql which, int64_t run_key, sqlite3_stmt **stmt,
                     struct ifm_err *err)
{
    int rc = ifm_db_get(db, which, stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(*stmt, 1, run_key * IFM_DB_INVOCATIONS);
    sqlite3_bind_int64(*stmt, 2, run_key * IFM_DB_INVOCATIONS + IFM_DB_INVOCATIONS - 1);
    return 0;
}

/* Room for as many invocations as there are: most runs have ten, not the thousand that is allowed. */
static int make_room(struct ifm_db *db, int64_t run_key, struct ifm_summary_values *out, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = get_bound(db, IFM_SQL_INVOCATION_COUNT, run_key, &stmt, err);
    if (rc) return rc;
    rc = ifm_db_step(db, stmt, "counting invocations", err);
    size_t each = rc > 0 ? (size_t)sqlite3_column_int64(stmt, 0) : 0;
    ifm_db_reset(stmt);
    if (rc < 0) return rc;
    double *block = ifm_alloc_array((IFM_METRIC_COUNT + 2) * (each + 1), sizeof *block);
    if (!block) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while summing up a run");
    for (size_t metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        out->values[metric] = block + metric * each;
        out->enough[metric] = true;
    }
    out->iterations = block + IFM_METRIC_COUNT * each;
    out->numbers = out->iterations + each;
    return 0;
}

/* On a snapshot or the writer's transaction: both statements see the same rows. */
int ifm_summary_values_get(struct ifm_db *db, int64_t run_key, struct ifm_summary_values *out,
                           struct ifm_err *err)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *stmt;
    int rc = make_room(db, run_key, out, err);
    if (!rc) rc = get_bound(db, IFM_SQL_VALUES, run_key, &stmt, err);
    if (!rc) {
        while ((rc = ifm_db_step(db, stmt, "reading a run's values", err)) > 0) add_row(stmt, out);
        ifm_db_reset(stmt);
    }
    for (int metric = 0; metric < IFM_METRIC_COUNT; metric++) {
        out->enough[metric] = out->enough[metric] && out->ok > 0;
    }
    if (rc) ifm_summary_values_done(out);
    return rc;
}

void ifm_summary_values_done(struct ifm_summary_values *values)
{
    ifm_free(values->values[0]);
    memset(values, 0, sizeof *values);
}

void ifm_summary_values_estimate(struct ifm_summary_values *values, enum ifm_metric metric,
                                 struct ifm_estimate *out)
{
    ifm_summary_estimate(values->values[metric], values->ok, out);
    out->enough = values->enough[metric] && out->k > 0;
}
