/* What the store's own files share: the struct, the reader pool and the writer. Internal to the store.
 *
 * Threading: the pool and the writer are safe; everything that takes a struct ifm_db belongs to the thread
 * that holds the connection. */
#ifndef IFM_STORE_INTERNAL_H
#define IFM_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "core/trust.h"
#include "core/uuid.h"
#include "daemon/store/db.h"
#include "daemon/store/store.h"

#define IFM_STORE_READERS 4
#define IFM_STORE_READERS_MAX 64
#define IFM_STORE_QUEUE_BYTES (64 * 1024 * 1024) /* of bodies that wait for the writer */

/* -- Reader pool: pool.c ------------------------------------------------------------------------ */
struct ifm_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct ifm_db *dbs;
    int count, idle; /* dbs[order[0..idle)] are free; the latest used is taken first: its cache is warm */
    int *order;
};
int ifm_pool_open(struct ifm_pool *pool, const char *path, const char *vfs, int count, struct ifm_err *err);
void ifm_pool_close(struct ifm_pool *pool);
/* Waits until a connection is free. With snapshot, a read transaction is open until the put. */
int ifm_pool_take(struct ifm_pool *pool, bool snapshot, struct ifm_db **db, struct ifm_err *err);
void ifm_pool_put(struct ifm_pool *pool, struct ifm_db *db);

/* -- One write: prepare.c and put.c --------------------------------------------------------------------------- */
struct ifm_packed_lanes { char *head, *blocks; size_t head_len, blocks_len; }; /* head NULL: none */
struct ifm_put_invocation {
    const struct ifm_msg_invocation *body;
    const struct ifm_invocation_stats *stats; /* NULL: none */
    char *json; /* owned: the body as stored, without its blocks and lanes */
    size_t json_len;
    struct ifm_packed_lanes lanes; /* owned */
};
struct ifm_put {
    struct ifm_put *next;
    uint8_t id[IFM_UUID_BYTES];
    uint8_t sha256[IFM_SHA256_BYTES];
    const struct ifm_msg_run *run; /* NULL: the write is invocations[0] and nothing else */
    char *json, *labels, *trust, *ops; /* owned: the run's body as stored, and apart from it: labels, verdict (NULL: none),
                                          operators (NULL: none) */
    char trust_line[IFM_STORE_TRUST_LINE];
    size_t assessed; /* as in struct ifm_store_run */
    int64_t scenario; /* enum ifm_scenario_kind; IFM_JSON_ABSENT: another word */
    uint8_t experiment[IFM_UUID_BYTES];
    size_t json_len, bytes; /* bytes: all that waits in memory for this write */
    int64_t started_at_ms, finished_at_ms;
    uint8_t variant_sha256[IFM_SHA256_BYTES], device_key[IFM_SHA256_BYTES], config_key[IFM_SHA256_BYTES];
    ifm_store_done done;
    void *arg;
    enum ifm_store_outcome outcome;
    struct ifm_err err;
    size_t invocation_count;
    struct ifm_put_invocation invocations[];
};
/* Everything that needs no database, on the caller's thread. */
struct ifm_put *ifm_put_new_invocation(const struct ifm_store_invocation *write, struct ifm_err *err);
struct ifm_put *ifm_put_new_run(const struct ifm_store_run *write, struct ifm_err *err);
/* One of its checks found outputs that are not right. */
bool ifm_put_wrong_check(const struct ifm_msg_run *body);
void ifm_put_free(struct ifm_put *put);
/* Inside a transaction. 0: applied or refused (put->err says which), nothing to undo. Negative: the database
 * failed, and the transaction must be rolled back. */
int ifm_put_apply(struct ifm_db *db, struct ifm_put *put, struct ifm_err *err);

/* -- Statistics as columns: stats.c -------------------------------------------------------------- */
void ifm_stats_bind(sqlite3_stmt *stmt, int first, const struct ifm_invocation_stats *stats);
bool ifm_stats_get(sqlite3_stmt *stmt, int first, struct ifm_invocation_stats *out); /* false: none */
void ifm_stats_write(sqlite3_stmt *stmt, int first, struct ifm_jw *w); /* as members of an object */

/* -- Lanes as they rest: lanes.c ------------------------------------------------------------------ */
int ifm_lanes_pack(const struct ifm_list *groups, struct ifm_packed_lanes *out, struct ifm_err *err);
void ifm_packed_lanes_done(struct ifm_packed_lanes *lanes);
/* From columns head and blocks (column + 1); both NULL: no groups. Free with ifm_lanes_done. */
int ifm_lanes_unpack(sqlite3_stmt *stmt, int column, struct ifm_list *groups, struct ifm_err *err);
void ifm_lanes_done(struct ifm_list *groups);
void ifm_lanes_write(const struct ifm_list *groups, struct ifm_jw *w);

/* -- Writer thread: writer.c -------------------------------------------------------------------- */
struct ifm_writer {
    struct ifm_db db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct ifm_put *head, **tail;
    size_t queued, queued_bytes;
    bool started, stopping;
    atomic_bool full; /* the latest transaction found no room on the disk */
    atomic_int_fast64_t *generation;
};
int ifm_writer_start(struct ifm_writer *writer, struct ifm_err *err); /* writer->db is open */
void ifm_writer_stop(struct ifm_writer *writer);                      /* after all that is queued */
/* Takes the put, also when it fails. */
int ifm_writer_push(struct ifm_writer *writer, struct ifm_put *put, struct ifm_err *err);

/* -- What reads share --------------------------------------------------------------------------- */
/* Finds a run's key; *started_at_ms is IFM_JSON_ABSENT while it is not closed. IFM_ERR_NOT_FOUND. */
int ifm_store_find(struct ifm_db *db, const char *run_id, uint8_t id[IFM_UUID_BYTES], int64_t *key,
                   int64_t *started_at_ms, struct ifm_err *err);
/* Writes the current row (IFM_RUN_COLUMNS) of stmt as a list row: row.c. */
void ifm_store_write_row(sqlite3_stmt *stmt, struct ifm_jw *w);

/* {"state":…,"line":…,"findings":[…],"unobserved":[…]} from the trust… fields of a run: read.c. */
void ifm_store_write_trust(const struct ifm_msg_run *run, const char *line, struct ifm_jw *w);
/* The stored body of a run as it goes out, its accuracy with value, low and high and without correct_bits: accuracy.c. */
void ifm_store_add_body(struct ifm_buf *out, const char *body);
/* The stored body of an invocation without its closing brace, for further members: invocation.c. */
void ifm_store_open_body(struct ifm_buf *out, sqlite3_stmt *stmt, int column);

/* A run's values over its invocations: summarize.c. */
struct ifm_summary_values {
    size_t ok, failed;
    double *values[IFM_METRIC_COUNT]; /* ok each, in order of n; one allocation starting at values[0] */
    double *iterations;
    double *numbers; /* n of each */
    bool enough[IFM_METRIC_COUNT];
    size_t by_verification[4]; /* ok invocations by enum ifm_verification */
};
int ifm_summary_values_get(struct ifm_db *db, int64_t run_key, struct ifm_summary_values *out,
                           struct ifm_err *err);
void ifm_summary_values_done(struct ifm_summary_values *values);
/* The estimate of one metric; reorders its values. */
void ifm_summary_values_estimate(struct ifm_summary_values *values, enum ifm_metric metric,
                                 struct ifm_estimate *out);

struct ifm_store {
    char *dir, *path;
    int lock_fd;
    struct ifm_writer writer;
    struct ifm_pool pool;
    atomic_int_fast64_t generation;
};

#endif
