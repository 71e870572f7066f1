/* Every fixed statement of the store, prepared once per connection at first use. The list's statements vary
 * with the filter and are built in list.c. Internal to the store. */
#ifndef IFM_STORE_SQL_H
#define IFM_STORE_SQL_H

/* The columns of a list row, in the order that row.c reads them. */
#define IFM_RUN_COLUMNS                                                                              \
    "r.started_at_ms, r.id, r.finished_at_ms, r.status, r.model, r.variant, r.variant_sha256, "      \
    "r.format, r.runtime, r.runtime_version, r.provider, r.device, r.device_key, r.config_key, "     \
    "r.commit_id, r.labels, r.verification, r.trust, r.invocations_ok, r.invocations_failed, "       \
    "r.iterations, r.p50_ns, r.p50_low_ns, r.p50_high_ns, r.p90_ns, r.p99_ns, r.p99_enough, "        \
    "r.throughput_per_s, r.load_ns, r.first_inference_ns, r.peak_rss_bytes, "                        \
    "r.energy_uj_per_inference, r.experiment, r.scenario, r.trust_line"

/* The statistics of an invocation, in the order of stats.c. */
#define IFM_STAT_COLUMNS                                                                             \
    "samples, p50_ns, p90_ns, p99_ns, min_ns, max_ns, p50_low_ns, p50_high_ns, p90_enough, "         \
    "p99_enough, mean_ns, sd_ns, p50_interp_ns, p90_interp_ns, p99_interp_ns, throughput_per_s, "    \
    "autocorrelation, steady_class, mser_share, mser_ratio, drift_p, drift_ratio, outlier_share, "   \
    "iqr_ratio, batch_calls, lateness_p99_ns, lateness_max_ns"
#define IFM_STAT_COUNT 27

#define IFM_SQL_MAP(X)                                                                               \
    X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                \
    X(BEGIN_READ, "BEGIN")                                                                           \
    X(COMMIT, "COMMIT")                                                                              \
    X(ROLLBACK, "ROLLBACK")                                                                          \
    X(READY, "SELECT count(*) FROM (SELECT 1 FROM run_id LIMIT 1)")                                  \
    X(FIND_RUN, "SELECT key, started_at_ms FROM run_id WHERE id = ?1")                               \
    X(ADD_RUN_ID, "INSERT INTO run_id (id, made_at_ms, started_at_ms) VALUES (?1, ?2, ?3)")          \
    X(CLOSE_RUN_ID, "UPDATE run_id SET started_at_ms = ?2 WHERE key = ?1")                           \
    X(INVOCATION_SHA, "SELECT sha256 FROM invocation WHERE key = ?1")                                \
    X(INVOCATION_SHAS, "SELECT sha256 FROM invocation WHERE key BETWEEN ?1 AND ?2 ORDER BY key")     \
    X(INVOCATION_COUNT, "SELECT count(*), max(n) FROM invocation WHERE key BETWEEN ?1 AND ?2")       \
    X(RUN_SHA, "SELECT sha256 FROM run_body WHERE key = ?1")                                         \
    X(RUN_TRAITS,                                                                                    \
      "SELECT scenario, energy_uj_per_inference IS NOT NULL FROM run "                               \
      "WHERE started_at_ms = ?1 AND id = ?2")                                                        \
    X(RUN_OPS, "SELECT ops FROM run_body WHERE key = ?1")                                            \
    X(RUN_BODY, "SELECT body, trust FROM run_body WHERE key = ?1")                                   \
    X(ADD_INVOCATION,                                                                                \
      "INSERT INTO invocation (key, n, sha256, status, verification, load_ns, first_inference_ns, "  \
      "peak_rss_bytes, cpu_ns_per_inference, energy_uj_per_inference, run_order, body, "             \
      IFM_STAT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "     \
      "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, "   \
      "?33, ?34, ?35, ?36, ?37, ?38, ?39)")                                                          \
    X(ADD_LANES, "INSERT INTO lane VALUES (?1, ?2, ?3)")                                             \
    X(ADD_SAMPLE, "INSERT INTO sample VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                          \
    X(ADD_RUN,                                                                                       \
      "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "   \
      "?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, "   \
      "?34, ?35, ?36, ?37, ?38)")                                                                    \
    X(ADD_RUN_BODY, "INSERT INTO run_body VALUES (?1, ?2, ?3, ?4, ?5)")                              \
    X(ADD_LABEL, "INSERT INTO label VALUES (?1, ?2, ?3, ?4)")                                        \
    X(VALUES,                                                                                        \
      "SELECT n, status, verification, samples, p50_ns, p90_ns, p99_ns, throughput_per_s, load_ns, " \
      "first_inference_ns, peak_rss_bytes, cpu_ns_per_inference, energy_uj_per_inference, "          \
      "p90_enough, p99_enough, batch_calls "                                                         \
      "FROM invocation WHERE key BETWEEN ?1 AND ?2 ORDER BY key")                                    \
    X(RUN_ROW, "SELECT " IFM_RUN_COLUMNS " FROM run r WHERE r.started_at_ms = ?1 AND r.id = ?2")     \
    X(INVOCATION_VIEWS,                                                                              \
      "SELECT body, " IFM_STAT_COLUMNS " FROM invocation WHERE key BETWEEN ?1 AND ?2 ORDER BY key")  \
    X(INVOCATION_BODY,                                                                               \
      "SELECT i.body, l.head, l.blocks FROM invocation i LEFT JOIN lane l ON l.key = i.key "         \
      "WHERE i.key = ?1")                                                                            \
    X(INVOCATION_ALL,                                                                                \
      "SELECT i.body, l.head, l.blocks, i.n, " IFM_STAT_COLUMNS " FROM invocation i "                \
      "LEFT JOIN lane l ON l.key = i.key WHERE i.key BETWEEN ?1 AND ?2 ORDER BY i.key")              \
    X(LANES,                                                                                         \
      "SELECT l.head, l.blocks, i.body FROM invocation i LEFT JOIN lane l ON l.key = i.key "         \
      "WHERE i.key = ?1")                                                                            \
    X(SAMPLES,                                                                                       \
      "SELECT key, phase, first, count, block, gaps, lateness FROM sample "                          \
      "WHERE key BETWEEN ?1 AND ?2 AND (?3 < 0 OR phase = ?3) ORDER BY key")                         \
    X(SAMPLE_COUNTS,                                                                                 \
      "SELECT key, phase, first, count FROM sample WHERE key BETWEEN ?1 AND ?2 "                     \
      "AND (?3 < 0 OR phase = ?3) ORDER BY key")                                                     \
    X(INVOCATION_NUMBERS,                                                                            \
      "SELECT n FROM invocation WHERE key BETWEEN ?1 AND ?2 AND (?3 = 0 OR status = 0) ORDER BY key")

enum ifm_sql {
#define X(symbol, text) IFM_SQL_##symbol,
    IFM_SQL_MAP(X)
#undef X
    IFM_SQL_COUNT
};

#endif
