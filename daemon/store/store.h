/* The store: the only way to data. Typed functions over one SQLite database (WAL, synchronous=FULL); no
 * other file of the daemon knows SQL. It keeps what clients sent (facts, raw sample blocks) and rollups that
 * the daemon computed from those blocks; it computes nothing itself beyond queries.
 *
 * Threading: every function may be called from any thread. Writes go to one writer thread through a bounded
 * queue; it takes all that is queued (at most IFM_STORE_BATCH_MAX) into one transaction, commits, and only
 * then calls each `done` (on the writer thread): done without an error means the data survive a power cut.
 * Reads run on the caller's thread with a connection from a small pool.
 * Ownership: arguments of a write are borrowed until its `done` was called. Reads append JSON to `out`.
 * Errors: a full queue is IFM_ERR_BUSY at once; a full disk IFM_ERR_FULL; the other writes of a batch whose
 * own data were good are retried without the bad one. */
#ifndef IFM_STORE_H
#define IFM_STORE_H

#include "core/msg.h"
#include "core/summary.h"
#include "core/hash.h"

#define IFM_STORE_BATCH_MAX 256
#define IFM_STORE_QUEUE_MAX 1024
#define IFM_STORE_LIST_MAX 200 /* rows of one page */
#define IFM_STORE_SCAN_MAX 10000 /* rows that one page may look at, in the list's own order … */
#define IFM_STORE_TRUST_LINE 512 /* bytes of a verdict's one line */
#define IFM_STORE_SEEK_MAX 2000  /* … and through an index, where each is a seek of its own */

struct ifm_store;
struct ifm_store_options {
    int readers;             /* pooled read connections; 0: 4 */
    const char *vfs;         /* SQLite VFS name, for tests; NULL: default */
    bool weak_sync;          /* tests only: synchronous=NORMAL, to show that the durability test can fail */
};

/* Creates the folder (0700) and the database, applies migrations, refuses a database of a newer version
 * (IFM_ERR_CONFIG, naming both versions). */
int ifm_store_open(struct ifm_store **store, const char *data_dir, const struct ifm_store_options *options,
                   struct ifm_err *err);
/* Finishes queued writes, checkpoints, closes. */
void ifm_store_close(struct ifm_store *store);
/* Cheap self-check for /readyz: the writer lives and the database answers. */
int ifm_store_ready(struct ifm_store *store, struct ifm_err *err);
int ifm_store_schema_version(void);

/* -- Writes ------------------------------------------------------------------------------------- */
enum ifm_store_outcome { IFM_STORE_CREATED, IFM_STORE_REPLAYED };
typedef void (*ifm_store_done)(void *arg, enum ifm_store_outcome outcome, const struct ifm_err *err);

struct ifm_store_invocation {
    const char *run_id;
    const struct ifm_msg_invocation *body;
    const struct ifm_invocation_stats *stats; /* of the steady phase, from the raw samples; NULL: none */
    uint8_t sha256[IFM_SHA256_BYTES];         /* of the request body after content decoding */
};
/* Idempotent: the same body again is REPLAYED; another body for the same (run, n), or an invocation of a
 * closed run that is not stored yet, is IFM_ERR_CONFLICT. Invocations may come before the run's body. */
int ifm_store_put_invocation(struct ifm_store *store, const struct ifm_store_invocation *write,
                             ifm_store_done done, void *arg, struct ifm_err *err);

struct ifm_store_run {
    const struct ifm_msg_run *body;
    const struct ifm_invocation_stats *stats; /* one for each of body->invocation_bodies; n 0: none. NULL: all none */
    uint8_t sha256[IFM_SHA256_BYTES];         /* of the request body, invocations included */
    /* Whoever sets body->trust and what goes with it computed them over this many invocations. IFM_ERR_BUSY, and
     * nothing stored, when the run then has others: one was being stored meanwhile. Not looked at where the body says
     * "not assessed". */
    size_t assessed;
};
/* Closes the run: in one transaction stores body->invocation_bodies, if any, the run's facts, and its summary over
 * all invocations that are then stored. What is read back as the run's body is without invocation_bodies; each of
 * those carries the request's hash as its own. IFM_ERR_CONFLICT, and nothing stored, when body->invocations differs
 * from what would then be stored, when one of invocation_bodies is stored already, or for another body.
 * IFM_ERR_INVALID, err->where a JSON pointer, when two of invocation_bodies have the same number. */
int ifm_store_put_run(struct ifm_store *store, const struct ifm_store_run *write, ifm_store_done done,
                      void *arg, struct ifm_err *err);

/* -- Reads -------------------------------------------------------------------------------------- */
struct ifm_store_filter { /* NULL or 0: not filtered; lists are comma-separated, matched exactly */
    const char *id_prefix, *model, *runtime, *provider, *device, *commit, *status, *verification, *trust,
        *format, *variant_sha256, *device_key, *config_key, *experiment, *scenario;
    const char *search;  /* substring of model, variant, device or runtime; ASCII letters in any case */
    const char *label_key, *label_value;
    int64_t since_ms, until_ms; /* of the start time: since <= t < until */
    int limit;           /* 1..IFM_STORE_LIST_MAX; 0: 50 */
    const char *cursor;  /* from an earlier page; opaque */
};
/* Closed runs, newest first (with id_prefix: highest id first): {"items":[…],"next_cursor":…}. Never O(all
 * rows): one exact filter (experiment, commit, variant_sha256, config_key, a label, device, model, id_prefix, the rare words
 * of status and verification) is the range of an index, and filters beyond it are tested on at most
 * IFM_STORE_SCAN_MAX or IFM_STORE_SEEK_MAX rows. A page may therefore be short or even empty and still have a
 * next_cursor, which goes on where this page stopped; the list ends where next_cursor is null.
 * IFM_ERR_BAD_REQUEST for a cursor of another filter, a word that is no choice, a key that is no SHA-256. */
int ifm_store_list_runs(struct ifm_store *store, const struct ifm_store_filter *filter, struct ifm_buf *out,
                        struct ifm_err *err);
/* {"run":…,"closed":…,"trust":{…},"summary":{…},"invocations":[…]}, lanes and samples left out; IFM_ERR_NOT_FOUND. */
int ifm_store_get_run(struct ifm_store *store, const char *run_id, struct ifm_buf *out, struct ifm_err *err);
/* {"run":id,"invocation":n,"steady_ns":…,"groups":[…]}; n -1: the first that is ok, or else the first.
 * IFM_ERR_NOT_FOUND. */
int ifm_store_get_lanes(struct ifm_store *store, const char *run_id, int64_t n, struct ifm_buf *out,
                        struct ifm_err *err);
/* The body of a closed run, decoded; free with ifm_json_free. The operators of its profile stand apart: *ops (may be
 * NULL) becomes a JSON array for ifm_free, or NULL. IFM_ERR_NOT_FOUND while it is not closed. */
int ifm_store_get_body(struct ifm_store *store, const char *run_id, struct ifm_msg_run *out, char **ops,
                       struct ifm_err *err);
/* The invocation as it was sent, sample blocks included (same fields, canonical order). */
int ifm_store_get_invocation(struct ifm_store *store, const char *run_id, int64_t n, struct ifm_buf *out,
                             struct ifm_err *err);
/* What says whether more has to be computed about a run. scenario: enum ifm_scenario_kind, IFM_JSON_ABSENT for an open
 * run and a word that is none; energy: of an open run false. */
struct ifm_store_traits { int64_t scenario; bool energy; };
int ifm_store_get_traits(struct ifm_store *store, const char *run_id, struct ifm_store_traits *out,
                         struct ifm_err *err);
/* A strong validator for everything above about one run: changes whenever the run changes. */
int ifm_store_run_version(struct ifm_store *store, const char *run_id, char text[IFM_SHA256_HEX],
                          struct ifm_err *err);
/* Raises on every commit; the weak validator of lists. */
int64_t ifm_store_generation(struct ifm_store *store);

/* Raw samples for analysis: calls visit for each stored block in order (invocation, phase, first). */
struct ifm_store_block {
    int64_t invocation; int phase; int64_t first, count;
    const uint8_t *block; size_t block_len;
    const uint8_t *gaps; size_t gaps_len; /* NULL: none */
    const uint8_t *lateness; size_t lateness_len; /* NULL: closed loop */
};
typedef int (*ifm_store_visit)(void *arg, const struct ifm_store_block *block, struct ifm_err *err);
/* invocation -1: all. phase -1: both. IFM_ERR_NOT_FOUND when nothing of that run, or that invocation, is stored.
 * A visit that returns not 0 ends it; its code is passed up. The run's reader connection is held meanwhile. */
int ifm_store_visit_samples(struct ifm_store *store, const char *run_id, int64_t invocation, int phase,
                            ifm_store_visit visit, void *arg, struct ifm_err *err);
/* The same with block and gaps NULL: reads how many samples there are, and none of them. */
int ifm_store_visit_counts(struct ifm_store *store, const char *run_id, int64_t invocation, int phase,
                           ifm_store_visit visit, void *arg, struct ifm_err *err);
/* Calls visit for each stored invocation in order (only block->invocation is set); ok_only leaves out those
 * that failed. */
int ifm_store_visit_invocations(struct ifm_store *store, const char *run_id, bool ok_only, ifm_store_visit visit,
                                void *arg, struct ifm_err *err);

/* Each invocation that is stored, in order, or the one that is named (-1: all), with its lanes and without its samples.
 * body is the visitor's to take: it frees it with ifm_json_free. stats NULL: none. A run of which nothing is stored yet
 * has no invocations. All of a run costs a parse of up to 256 KB and its lanes for each of them. */
typedef int (*ifm_store_visit_body)(void *arg, struct ifm_msg_invocation *body,
                                    const struct ifm_invocation_stats *stats, struct ifm_err *err);
int ifm_store_visit_bodies(struct ifm_store *store, const char *run_id, int64_t invocation, ifm_store_visit_body visit,
                           void *arg, struct ifm_err *err);

/* What a comparison needs of one run: its row as in the list, keys, config, and one value per ok invocation
 * for each metric. Free with ifm_store_run_values_done. */
struct ifm_store_run_values {
    struct ifm_msg_run run; /* decoded body */
    char *row_json;
    size_t count;                      /* ok invocations */
    double *numbers;                   /* n of each */
    double *values[IFM_METRIC_COUNT];  /* count each; NAN where absent */
    bool enough[IFM_METRIC_COUNT];     /* every invocation had the samples the percentile needs */
};
int ifm_store_get_run_values(struct ifm_store *store, const char *run_id, struct ifm_store_run_values *out,
                             struct ifm_err *err);
void ifm_store_run_values_done(struct ifm_store_run_values *values);

#endif
