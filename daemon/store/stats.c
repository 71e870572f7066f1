/* The statistics of an invocation as columns (IFM_STAT_COLUMNS): bound, read back, and written as members of a
 * reply. One list of names keeps the three in one order. */
#include "daemon/store/internal.h"

#include <math.h>
#include <string.h>
#include "core/clock.h"

enum column {
    SAMPLES, P50, P90, P99, MIN, MAX, P50_LOW, P50_HIGH, P90_ENOUGH, P99_ENOUGH, MEAN, SD, P50_INTERP, P90_INTERP,
    P99_INTERP, THROUGHPUT, AUTOCORRELATION, STEADY_CLASS, MSER_SHARE, MSER_RATIO, DRIFT_P, DRIFT_RATIO, OUTLIER_SHARE,
    IQR_RATIO, BATCH_CALLS, LATENESS_P99, LATENESS_MAX, COLUMN_COUNT
};
_Static_assert((int)COLUMN_COUNT == IFM_STAT_COUNT, "one name for each column");

static const char *const names[COLUMN_COUNT] = {
    "sample_count", "p50_ns", "p90_ns", "p99_ns", "min_ns", "max_ns", "p50_low_ns", "p50_high_ns", "p90_enough",
    "p99_enough", "mean_ns", "sd_ns", "p50_interp_ns", "p90_interp_ns", "p99_interp_ns", "throughput_per_s",
    "autocorrelation", "steady_class", "mser_share", "mser_ratio", "drift_p", "drift_ratio", "outlier_share",
    "iqr_ratio", "sample_calls", "lateness_p99_ns", "lateness_max_ns"
};

static int64_t at_least_0(int64_t value)
{
    return value < 0 ? IFM_JSON_ABSENT : value;
}

void ifm_stats_bind(sqlite3_stmt *stmt, int first, const struct ifm_invocation_stats *stats)
{
    if (!stats) return; /* parameters that are not bound are NULL */
    const struct { int column; int64_t value; } whole[] = {
        { SAMPLES, stats->n }, { P50, stats->p50_ns }, { P90, stats->p90_ns }, { P99, stats->p99_ns },
        { MIN, stats->min_ns }, { MAX, stats->max_ns }, { P50_LOW, at_least_0(stats->p50_low_ns) },
        { P50_HIGH, at_least_0(stats->p50_high_ns) }, { P90_ENOUGH, stats->p90_enough },
        { P99_ENOUGH, stats->p99_enough }, { STEADY_CLASS, (int64_t)stats->steady.steady },
        { BATCH_CALLS, stats->batch_calls > 1 ? stats->batch_calls : IFM_JSON_ABSENT },
        { LATENESS_P99, at_least_0(stats->lateness_p99_ns) },
        { LATENESS_MAX, stats->lateness_p99_ns < 0 ? IFM_JSON_ABSENT : stats->lateness_max_ns },
    };
    const struct { int column; double value; } real[] = {
        { MEAN, stats->mean_ns }, { SD, stats->sd_ns }, { P50_INTERP, stats->p50_interp_ns },
        { P90_INTERP, stats->p90_interp_ns }, { P99_INTERP, stats->p99_interp_ns },
        { THROUGHPUT, stats->throughput_per_s }, { AUTOCORRELATION, stats->autocorrelation },
        { MSER_SHARE, stats->steady.mser_share }, { MSER_RATIO, stats->steady.mser_ratio }, { DRIFT_P, stats->steady.drift_p },
        { DRIFT_RATIO, stats->steady.drift_ratio }, { OUTLIER_SHARE, stats->steady.outlier_share },
        { IQR_RATIO, stats->steady.iqr_ratio },
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        ifm_db_bind_absent(stmt, first + whole[i].column, whole[i].value);
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        ifm_db_bind_f64(stmt, first + real[i].column, real[i].value);
    }
}

static int64_t or_else(sqlite3_stmt *stmt, int column, int64_t otherwise)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? otherwise : sqlite3_column_int64(stmt, column);
}

bool ifm_stats_get(sqlite3_stmt *stmt, int first, struct ifm_invocation_stats *out)
{
    memset(out, 0, sizeof *out);
    out->n = or_else(stmt, first + SAMPLES, 0);
    out->p50_ns = or_else(stmt, first + P50, 0);
    out->p90_ns = or_else(stmt, first + P90, 0);
    out->p99_ns = or_else(stmt, first + P99, 0);
    out->min_ns = or_else(stmt, first + MIN, 0);
    out->max_ns = or_else(stmt, first + MAX, 0);
    out->p50_low_ns = or_else(stmt, first + P50_LOW, -1);
    out->p50_high_ns = or_else(stmt, first + P50_HIGH, -1);
    out->p90_enough = or_else(stmt, first + P90_ENOUGH, 0) != 0;
    out->p99_enough = or_else(stmt, first + P99_ENOUGH, 0) != 0;
    out->mean_ns = ifm_db_f64(stmt, first + MEAN);
    out->sd_ns = ifm_db_f64(stmt, first + SD);
    out->p50_interp_ns = ifm_db_f64(stmt, first + P50_INTERP);
    out->p90_interp_ns = ifm_db_f64(stmt, first + P90_INTERP);
    out->p99_interp_ns = ifm_db_f64(stmt, first + P99_INTERP);
    out->throughput_per_s = ifm_db_f64(stmt, first + THROUGHPUT);
    out->autocorrelation = ifm_db_f64(stmt, first + AUTOCORRELATION);
    out->steady.steady = (enum ifm_steady_class)or_else(stmt, first + STEADY_CLASS, IFM_STEADY_TOO_FEW);
    out->steady.mser_share = ifm_db_f64(stmt, first + MSER_SHARE);
    out->steady.mser_ratio = ifm_db_f64(stmt, first + MSER_RATIO);
    out->steady.drift_p = ifm_db_f64(stmt, first + DRIFT_P);
    out->steady.drift_ratio = ifm_db_f64(stmt, first + DRIFT_RATIO);
    out->steady.outlier_share = ifm_db_f64(stmt, first + OUTLIER_SHARE);
    out->steady.iqr_ratio = ifm_db_f64(stmt, first + IQR_RATIO);
    out->steady.autocorrelation = out->autocorrelation;
    out->batch_calls = or_else(stmt, first + BATCH_CALLS, 1);
    out->lateness_p99_ns = or_else(stmt, first + LATENESS_P99, -1);
    out->lateness_max_ns = or_else(stmt, first + LATENESS_MAX, -1);
    return out->n > 0;
}

/* Enumerators of ifm_steady_class, in their order; the words that core/steady.c has for them. */
static const char *steady_word(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) return NULL;
    return ifm_steady_class_name((enum ifm_steady_class)sqlite3_column_int(stmt, column));
}

void ifm_stats_write(sqlite3_stmt *stmt, int first, struct ifm_jw *w)
{
    bool has = sqlite3_column_type(stmt, first + SAMPLES) != SQLITE_NULL;
    for (int i = 0; i < COLUMN_COUNT; i++) {
        int column = first + i, type = sqlite3_column_type(stmt, column);
        ifm_jw_key(w, names[i]);
        if (i == STEADY_CLASS) {
            ifm_jw_string(w, steady_word(stmt, column));
        } else if (i == BATCH_CALLS && has) {
            ifm_jw_i64(w, or_else(stmt, column, 1));
        } else if (type == SQLITE_FLOAT) {
            ifm_jw_f64(w, sqlite3_column_double(stmt, column));
        } else if ((i == P90_ENOUGH || i == P99_ENOUGH) && type != SQLITE_NULL) {
            ifm_jw_bool(w, sqlite3_column_int(stmt, column) != 0);
        } else {
            ifm_jw_i64(w, ifm_db_i64(stmt, column));
        }
    }
}
