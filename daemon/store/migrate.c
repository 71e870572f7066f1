#include "daemon/store/migrate.h"

#include "core/buf.h"
#include "daemon/store/db.h"
#include "daemon/store/store.h"

int ifm_store_schema_version(void)
{
    return ifm_migrations[ifm_migration_count - 1].version;
}

static int check_owner(struct ifm_db *db, int64_t version, struct ifm_err *err)
{
    char shown[IFM_DB_PATH_SHOWN + 8];
    const char *path = ifm_db_show_path(db->path, shown);
    int64_t application = 0, objects = 0;
    int rc = ifm_db_number(db, "PRAGMA application_id", &application, err);
    if (!rc) rc = ifm_db_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (rc) return rc;
    if (application != IFM_DB_APPLICATION_ID && (application || version || objects)) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "store", "%s is a database of another program: choose another "
                           "folder with --data", path);
    }
    if (version > ifm_store_schema_version()) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "store", "%s has schema version %lld, this inferometerd knows "
                           "up to %d: start the inferometerd that wrote it or a newer one", path,
                           (long long)version, ifm_store_schema_version());
    }
    return 0;
}

static int apply(struct ifm_db *db, const struct ifm_migration *migration, struct ifm_err *err)
{
    struct ifm_buf sql;
    ifm_buf_init(&sql, 256);
    ifm_buf_addf(&sql, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", IFM_DB_APPLICATION_ID,
                 migration->version);
    int rc = ifm_buf_check(&sql, err);
    if (!rc) rc = ifm_db_exec(db, "BEGIN IMMEDIATE", err);
    if (!rc) rc = ifm_db_exec(db, migration->sql, err);
    if (!rc) rc = ifm_db_exec(db, sql.data, err);
    if (rc) {
        ifm_db_rollback(db);
        ifm_err_prefix(err, "migration %s", migration->name);
    }
    ifm_buf_done(&sql);
    return rc;
}

/* SQLite keeps the old mode without an error where WAL is not possible (no shared memory: some network file
 * systems), and its promises would then be others than those the store makes. */
static int set_wal(struct ifm_db *db, struct ifm_err *err)
{
    char shown[IFM_DB_PATH_SHOWN + 8];
    int64_t is_wal = 0;
    int rc = ifm_db_exec(db, "PRAGMA journal_mode=WAL", err);
    if (!rc) rc = ifm_db_number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal, err);
    if (rc || is_wal) return rc;
    return ifm_err_set(err, IFM_ERR_CONFIG, "store", "the file system of %s cannot hold the database (no WAL): choose "
                       "a folder on a local disk with --data", ifm_db_show_path(db->path, shown));
}

int ifm_migrate(struct ifm_db *db, struct ifm_err *err)
{
    int64_t version = 0;
    int rc = ifm_db_number(db, "PRAGMA user_version", &version, err);
    if (!rc) rc = check_owner(db, version, err);
    /* WAL before the first table: persistent, and the only mode in which readers never wait for the writer. */
    if (!rc) rc = set_wal(db, err);
    for (size_t i = 0; !rc && i < ifm_migration_count; i++) {
        if (ifm_migrations[i].version > version) rc = apply(db, &ifm_migrations[i], err);
    }
    return rc;
}
