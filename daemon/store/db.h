/* One SQLite connection with its prepared statements, and the translation of SQLite's results into sentences.
 * Internal to the store.
 *
 * Threading: a connection belongs to one thread at a time; ifm_db_setup may be called by any number.
 * Ownership: the struct is the caller's; statements are borrowed and must be reset (ifm_db_reset) after use. */
#ifndef IFM_STORE_DB_H
#define IFM_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/err.h"
#include "daemon/store/sql.h"

#define IFM_DB_APPLICATION_ID 0x49464d31 /* "IFM1" */
#define IFM_DB_DYNAMIC_MAX 24            /* cached statements whose text varies */

/* What ids look like inside: a run has key k, its invocation n the key k * 1024 + n, block s of that the key
 * (k * 1024 + n) * 4096 + s. See schema/sql/0001_runs.sql. */
#define IFM_DB_INVOCATIONS 1024
#define IFM_DB_BLOCKS 4096

struct ifm_db {
    sqlite3 *handle;
    const char *path; /* borrowed; for error texts */
    sqlite3_stmt *fixed[IFM_SQL_COUNT];
    struct { char *text; sqlite3_stmt *stmt; } dynamic[IFM_DB_DYNAMIC_MAX];
    unsigned next; /* dynamic slot that is reused next */
};

enum ifm_db_role { IFM_DB_WRITER, IFM_DB_READER };

/* Once per process, before SQLite is first used: memory through ifm_mem, no global statistics lock. Does
 * nothing when SQLite was already in use. */
void ifm_db_setup(void);

/* path is borrowed until ifm_db_close. The writer creates the file. */
int ifm_db_open(struct ifm_db *db, const char *path, const char *vfs, enum ifm_db_role role, bool weak_sync,
                struct ifm_err *err);
void ifm_db_close(struct ifm_db *db);

/* Fills err from the latest failure on this connection and returns its code. */
int ifm_db_error(struct ifm_db *db, int rc, const char *doing, struct ifm_err *err);
int ifm_db_exec(struct ifm_db *db, const char *sql, struct ifm_err *err);
int ifm_db_number(struct ifm_db *db, const char *sql, int64_t *value, struct ifm_err *err);

int ifm_db_get(struct ifm_db *db, enum ifm_sql which, sqlite3_stmt **stmt, struct ifm_err *err);
int ifm_db_get_text(struct ifm_db *db, const char *sql, sqlite3_stmt **stmt, struct ifm_err *err);
void ifm_db_reset(sqlite3_stmt *stmt); /* accepts NULL */
/* One step: 1 a row, 0 done, negative an error. */
int ifm_db_step(struct ifm_db *db, sqlite3_stmt *stmt, const char *doing, struct ifm_err *err);
/* For statements without result rows: steps and resets. */
int ifm_db_run(struct ifm_db *db, sqlite3_stmt *stmt, const char *doing, struct ifm_err *err);
/* The same for a fixed statement without parameters. */
int ifm_db_run_fixed(struct ifm_db *db, enum ifm_sql which, struct ifm_err *err);
/* Rolls back if a transaction is open; never fails. */
void ifm_db_rollback(struct ifm_db *db);

void ifm_db_bind_f64(sqlite3_stmt *stmt, int index, double value);   /* NAN is NULL */
void ifm_db_bind_absent(sqlite3_stmt *stmt, int index, int64_t value); /* IFM_JSON_ABSENT is NULL */
void ifm_db_bind_text(sqlite3_stmt *stmt, int index, const char *text); /* borrowed; NULL is NULL */
double ifm_db_f64(sqlite3_stmt *stmt, int column);   /* NULL is NAN */
int64_t ifm_db_i64(sqlite3_stmt *stmt, int column);  /* NULL is IFM_JSON_ABSENT */

/* The end of a path, short enough for a sentence. */
#define IFM_DB_PATH_SHOWN 72
const char *ifm_db_show_path(const char *path, char text[IFM_DB_PATH_SHOWN + 8]);

#endif
