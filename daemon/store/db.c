#include "daemon/store/db.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "core/json.h"
#include "core/mem.h"

static const char *const sql_text[IFM_SQL_COUNT] = {
#define X(symbol, text) text,
    IFM_SQL_MAP(X)
#undef X
};

const char *ifm_db_show_path(const char *path, char text[IFM_DB_PATH_SHOWN + 8])
{
    size_t len = strlen(path);
    if (len <= IFM_DB_PATH_SHOWN) return path;
    const char *tail = path + len - IFM_DB_PATH_SHOWN;
    while (((unsigned char)*tail & 0xC0) == 0x80) tail++; /* not in the middle of a character */
    memcpy(text, "…", 3);
    memcpy(text + 3, tail, strlen(tail) + 1);
    return text;
}

/* -- Errors ------------------------------------------------------------------------------------- */
static int io_error(struct ifm_db *db, int rc, const char *doing, const char *path, struct ifm_err *err)
{
    int system_errno = db->handle ? sqlite3_system_errno(db->handle) : 0;
    if (rc == SQLITE_IOERR_NOMEM) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while %s", doing);
    }
    if (system_errno == ENOSPC || system_errno == EDQUOT) {
        return ifm_err_set(err, IFM_ERR_FULL, "store", "no space left while %s: free space on the disk of %s",
                           doing, path);
    }
    return ifm_err_set(err, IFM_ERR_IO, "store", "input/output error (SQLite %d%s%s) while %s in %s: check the disk",
                       rc, system_errno ? ", " : "", system_errno ? strerror(system_errno) : "", doing, path);
}

static int cannot_open(struct ifm_db *db, const char *path, struct ifm_err *err)
{
    int system_errno = db->handle ? sqlite3_system_errno(db->handle) : 0;
    if (system_errno == EMFILE || system_errno == ENFILE) {
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "store", "cannot open %s: too many open files; raise "
                           "the limit (ulimit -n)", path);
    }
    return ifm_err_set(err, IFM_ERR_PERMISSION, "store", "cannot open %s%s%s: make its folder writable for "
                       "this user or choose another with --data", path, system_errno ? ": " : "",
                       system_errno ? strerror(system_errno) : "");
}

int ifm_db_error(struct ifm_db *db, int rc, const char *doing, struct ifm_err *err)
{
    char shown[IFM_DB_PATH_SHOWN + 8];
    const char *path = ifm_db_show_path(db->path, shown);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while %s", doing);
    case SQLITE_FULL:
        return ifm_err_set(err, IFM_ERR_FULL, "store", "no space left while %s: free space on the disk of %s",
                           doing, path);
    case SQLITE_IOERR:
        return io_error(db, rc, doing, path, err);
    case SQLITE_CANTOPEN:
        return cannot_open(db, path, err);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ifm_err_set(err, IFM_ERR_PERMISSION, "store", "%s is read-only (while %s): make it and its "
                           "folder writable for this user or choose another with --data", path, doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ifm_err_set(err, IFM_ERR_IO, "store", "%s is damaged or not a database: restore a backup, or "
                           "move the file away to start afresh", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ifm_err_set(err, IFM_ERR_BUSY, "store", "%s is locked by another program (while %s): end it "
                           "and try again", path, doing);
    case SQLITE_TOOBIG:
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "store", "more than SQLite can hold while %s", doing);
    default:
        return ifm_err_set(err, IFM_ERR_INTERNAL, "store", "SQLite error %d while %s: %s", rc, doing,
                           db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
    }
}

/* -- Connection --------------------------------------------------------------------------------- */
static int set_pragmas(struct ifm_db *db, enum ifm_db_role role, bool weak_sync, struct ifm_err *err)
{
    static const char common[] = "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; "
                                 "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;";
    /* FULL: a commit returns only after the WAL was synced. The checkpoint limit is 16 MB of WAL: index
     * pages that many commits touch are then copied back once. */
    static const char writer[] = "PRAGMA secure_delete=OFF; PRAGMA wal_autocheckpoint=4000; "
                                 "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-12000;";
    static const char reader[] = "PRAGMA query_only=ON; PRAGMA cache_size=-4000;";
    int rc = ifm_db_exec(db, common, err);
    if (!rc) rc = ifm_db_exec(db, role == IFM_DB_WRITER ? writer : reader, err);
    if (!rc && role == IFM_DB_WRITER) {
        rc = ifm_db_exec(db, weak_sync ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
    }
    return rc;
}

int ifm_db_open(struct ifm_db *db, const char *path, const char *vfs, enum ifm_db_role role, bool weak_sync,
                struct ifm_err *err)
{
    *db = (struct ifm_db){ .path = path };
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (role == IFM_DB_WRITER ? SQLITE_OPEN_CREATE : 0);
    int rc = sqlite3_open_v2(path, &db->handle, flags, vfs);
    if (rc) {
        ifm_db_error(db, rc, "opening the database", err);
    } else {
        sqlite3_busy_timeout(db->handle, 5000);
        rc = set_pragmas(db, role, weak_sync, err);
        sqlite3_stmt *stmt;
        if (!rc) rc = ifm_db_get(db, IFM_SQL_ROLLBACK, &stmt, err);
    }
    if (rc) {
        int code = err ? err->code : IFM_ERR_IO;
        ifm_db_close(db);
        return code;
    }
    return 0;
}

void ifm_db_close(struct ifm_db *db)
{
    for (int i = 0; i < IFM_SQL_COUNT; i++) sqlite3_finalize(db->fixed[i]);
    for (int i = 0; i < IFM_DB_DYNAMIC_MAX; i++) {
        sqlite3_finalize(db->dynamic[i].stmt);
        ifm_free(db->dynamic[i].text);
    }
    sqlite3_close_v2(db->handle);
    *db = (struct ifm_db){ .path = db->path };
}

int ifm_db_exec(struct ifm_db *db, const char *sql, struct ifm_err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc ? ifm_db_error(db, rc, "setting up the database", err) : 0;
}

int ifm_db_number(struct ifm_db *db, const char *sql, int64_t *value, struct ifm_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
    if (!rc) rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int64(stmt, 0);
        rc = 0;
    } else {
        rc = ifm_db_error(db, rc == SQLITE_DONE ? SQLITE_ERROR : rc, "reading the database", err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* -- Statements --------------------------------------------------------------------------------- */
static int prepare(struct ifm_db *db, const char *sql, sqlite3_stmt **stmt, struct ifm_err *err)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    return rc ? ifm_db_error(db, rc, "preparing a query", err) : 0;
}

int ifm_db_get(struct ifm_db *db, enum ifm_sql which, sqlite3_stmt **stmt, struct ifm_err *err)
{
    *stmt = db->fixed[which];
    if (*stmt) return 0;
    int rc = prepare(db, sql_text[which], &db->fixed[which], err);
    *stmt = db->fixed[which];
    return rc;
}

int ifm_db_get_text(struct ifm_db *db, const char *sql, sqlite3_stmt **stmt, struct ifm_err *err)
{
    for (int i = 0; i < IFM_DB_DYNAMIC_MAX; i++) {
        if (db->dynamic[i].text && strcmp(db->dynamic[i].text, sql) == 0) {
            *stmt = db->dynamic[i].stmt;
            return 0;
        }
    }
    *stmt = NULL;
    char *text = ifm_dup(sql);
    if (!text) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory while preparing a query");
    int rc = prepare(db, sql, stmt, err);
    if (rc) {
        ifm_free(text);
        return rc;
    }
    unsigned slot = db->next++ % IFM_DB_DYNAMIC_MAX;
    sqlite3_finalize(db->dynamic[slot].stmt);
    ifm_free(db->dynamic[slot].text);
    db->dynamic[slot].text = text;
    db->dynamic[slot].stmt = *stmt;
    return 0;
}

void ifm_db_reset(sqlite3_stmt *stmt)
{
    if (!stmt) return;
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* what was bound is borrowed */
}

int ifm_db_step(struct ifm_db *db, sqlite3_stmt *stmt, const char *doing, struct ifm_err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) return 1;
    if (rc == SQLITE_DONE) return 0;
    return ifm_db_error(db, rc, doing, err);
}

int ifm_db_run(struct ifm_db *db, sqlite3_stmt *stmt, const char *doing, struct ifm_err *err)
{
    int rc = ifm_db_step(db, stmt, doing, err);
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

int ifm_db_run_fixed(struct ifm_db *db, enum ifm_sql which, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(db, which, &stmt, err);
    return rc ? rc : ifm_db_run(db, stmt, which == IFM_SQL_COMMIT ? "writing" : "using the database", err);
}

void ifm_db_rollback(struct ifm_db *db)
{
    /* Prepared when the connection was opened: this must work when memory cannot be had. */
    sqlite3_stmt *stmt = db->fixed[IFM_SQL_ROLLBACK];
    if (db->handle && stmt && !sqlite3_get_autocommit(db->handle)) {
        sqlite3_step(stmt);
        sqlite3_reset(stmt);
    }
}

/* -- Values ------------------------------------------------------------------------------------- */
void ifm_db_bind_f64(sqlite3_stmt *stmt, int index, double value)
{
    if (isnan(value)) {
        sqlite3_bind_null(stmt, index);
    } else {
        sqlite3_bind_double(stmt, index, value);
    }
}

void ifm_db_bind_absent(sqlite3_stmt *stmt, int index, int64_t value)
{
    if (value == IFM_JSON_ABSENT) {
        sqlite3_bind_null(stmt, index);
    } else {
        sqlite3_bind_int64(stmt, index, value);
    }
}

void ifm_db_bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
    sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

double ifm_db_f64(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(stmt, column);
}

int64_t ifm_db_i64(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? IFM_JSON_ABSENT
                                                             : sqlite3_column_int64(stmt, column);
}
