#include "daemon/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/mem.h"
#include "daemon/store/migrate.h"

/* -- Open and close ----------------------------------------------------------------------------- */
static int folder_error(const char *dir, int errno_value, struct ifm_err *err)
{
    char shown[IFM_DB_PATH_SHOWN + 8];
    struct ifm_err reason = IFM_ERR_INIT;
    int code = ifm_err_errno(&reason, errno_value, "store", "folder");
    if (code == IFM_ERR_NOT_FOUND || errno_value == ENOTDIR || errno_value == ELOOP ||
        errno_value == ENAMETOOLONG) {
        code = IFM_ERR_CONFIG;
    }
    return ifm_err_set(err, code, "store", "cannot use %s for data: %s; make it a folder that this user can write "
                       "or choose another with --data", ifm_db_show_path(dir, shown), strerror(errno_value));
}

/* mkdir -p, for this user only: runs may tell what somebody works on. */
static int make_folder(const char *dir, struct ifm_err *err)
{
    char *path = ifm_dup(dir);
    if (!path) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    int failed = 0;
    for (char *slash = path + 1; !failed; slash++) {
        char kept = *slash;
        if (kept != '/' && kept != '\0') continue;
        *slash = '\0';
        if (mkdir(path, 0700) && errno != EEXIST) failed = errno;
        *slash = kept;
        if (kept == '\0') break;
    }
    ifm_free(path);
    struct stat info;
    if (!failed && stat(dir, &info)) failed = errno;
    if (!failed && !S_ISDIR(info.st_mode)) failed = ENOTDIR;
    if (!failed && access(dir, R_OK | W_OK | X_OK)) failed = errno;
    return failed ? folder_error(dir, failed, err) : 0;
}

/* One daemon per folder: the lists' validator counts only this process's commits. */
static int lock_folder(struct ifm_store *store, struct ifm_err *err)
{
    char shown[IFM_DB_PATH_SHOWN + 8];
    struct ifm_buf path;
    ifm_buf_init(&path, 8192);
    ifm_buf_addf(&path, "%s/inferometer.lock", store->dir);
    int rc = ifm_buf_check(&path, err);
    if (!rc) {
        store->lock_fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (store->lock_fd < 0) rc = folder_error(store->dir, errno, err);
    }
    if (!rc && flock(store->lock_fd, LOCK_EX | LOCK_NB)) {
        rc = ifm_err_set(err, IFM_ERR_BUSY, "store", "another inferometerd uses %s: stop it or choose another "
                         "folder with --data", ifm_db_show_path(store->dir, shown));
    }
    ifm_buf_done(&path);
    return rc;
}

static int set_paths(struct ifm_store *store, const char *data_dir, struct ifm_err *err)
{
    struct ifm_buf path;
    ifm_buf_init(&path, 8192);
    ifm_buf_addf(&path, "%s/inferometer.db", data_dir);
    store->dir = ifm_dup(data_dir);
    store->path = ifm_buf_take(&path);
    ifm_buf_done(&path);
    if (store->dir && store->path) return 0;
    return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory, or a path of more than 8 KiB");
}

static int open_parts(struct ifm_store *store, const char *data_dir, const struct ifm_store_options *options,
                      struct ifm_err *err)
{
    int readers = options->readers > 0 ? options->readers : IFM_STORE_READERS;
    if (readers > IFM_STORE_READERS_MAX) readers = IFM_STORE_READERS_MAX;
    int rc = set_paths(store, data_dir, err);
    if (!rc) rc = make_folder(data_dir, err);
    if (!rc) rc = lock_folder(store, err);
    if (!rc) {
        rc = ifm_db_open(&store->writer.db, store->path, options->vfs, IFM_DB_WRITER, options->weak_sync, err);
    }
    if (!rc) rc = ifm_migrate(&store->writer.db, err);
    if (!rc) rc = ifm_pool_open(&store->pool, store->path, options->vfs, readers, err);
    if (!rc) rc = ifm_writer_start(&store->writer, err);
    return rc;
}

int ifm_store_open(struct ifm_store **store, const char *data_dir, const struct ifm_store_options *options,
                   struct ifm_err *err)
{
    static const struct ifm_store_options defaults;
    struct ifm_err local = IFM_ERR_INIT;
    ifm_db_setup();
    *store = NULL;
    struct ifm_store *made = ifm_alloc(sizeof *made);
    if (!made) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    made->lock_fd = -1;
    pthread_mutex_init(&made->writer.lock, NULL);
    pthread_cond_init(&made->writer.wake, NULL);
    pthread_mutex_init(&made->pool.lock, NULL);
    pthread_cond_init(&made->pool.freed, NULL);
    made->writer.generation = &made->generation;
    /* Begins with the time, so that a validator from before a restart is never met again. */
    atomic_init(&made->generation, ifm_clock_wall_ms() * 1000);
    int rc = open_parts(made, data_dir, options ? options : &defaults, err ? err : &local);
    if (rc) {
        ifm_store_close(made);
        return rc;
    }
    *store = made;
    return 0;
}

void ifm_store_close(struct ifm_store *store)
{
    if (!store) return;
    ifm_writer_stop(&store->writer);
    ifm_pool_close(&store->pool);
    if (store->writer.db.handle) {
        sqlite3_wal_checkpoint_v2(store->writer.db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    ifm_db_close(&store->writer.db);
    if (store->lock_fd >= 0) close(store->lock_fd);
    pthread_mutex_destroy(&store->writer.lock);
    pthread_cond_destroy(&store->writer.wake);
    pthread_mutex_destroy(&store->pool.lock);
    pthread_cond_destroy(&store->pool.freed);
    ifm_free(store->dir);
    ifm_free(store->path);
    ifm_free(store);
}

int ifm_store_ready(struct ifm_store *store, struct ifm_err *err)
{
    struct ifm_db *db;
    sqlite3_stmt *stmt;
    pthread_mutex_lock(&store->writer.lock);
    bool stopping = store->writer.stopping;
    pthread_mutex_unlock(&store->writer.lock);
    if (stopping) return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "store", "the daemon is shutting down");
    if (atomic_load(&store->writer.full)) {
        return ifm_err_set(err, IFM_ERR_FULL, "store", "the disk is full: runs can be read, but none can be stored until "
                           "there is room and one was stored");
    }
    int rc = ifm_pool_take(&store->pool, false, &db, err);
    if (rc) return rc;
    rc = ifm_db_get(db, IFM_SQL_READY, &stmt, err);
    if (!rc) {
        rc = ifm_db_step(db, stmt, "checking the database", err);
        ifm_db_reset(stmt);
    }
    ifm_pool_put(&store->pool, db);
    return rc < 0 ? rc : 0;
}

int64_t ifm_store_generation(struct ifm_store *store)
{
    return atomic_load(&store->generation);
}

/* -- Writes ------------------------------------------------------------------------------------- */
static int push(struct ifm_store *store, struct ifm_put *put, ifm_store_done done, void *arg, struct ifm_err *err)
{
    put->done = done;
    put->arg = arg;
    return ifm_writer_push(&store->writer, put, err);
}

int ifm_store_put_invocation(struct ifm_store *store, const struct ifm_store_invocation *write,
                             ifm_store_done done, void *arg, struct ifm_err *err)
{
    struct ifm_err local = IFM_ERR_INIT;
    if (!err) err = &local;
    struct ifm_put *put = ifm_put_new_invocation(write, err);
    return put ? push(store, put, done, arg, err) : err->code;
}

int ifm_store_put_run(struct ifm_store *store, const struct ifm_store_run *write, ifm_store_done done, void *arg,
                      struct ifm_err *err)
{
    struct ifm_err local = IFM_ERR_INIT;
    if (!err) err = &local;
    struct ifm_put *put = ifm_put_new_run(write, err);
    return put ? push(store, put, done, arg, err) : err->code;
}
