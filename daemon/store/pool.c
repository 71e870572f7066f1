#include "daemon/store/internal.h"

#include "core/mem.h"

int ifm_pool_open(struct ifm_pool *pool, const char *path, const char *vfs, int count, struct ifm_err *err)
{
    pool->count = 0;
    pool->dbs = ifm_alloc_array((size_t)count, sizeof *pool->dbs);
    pool->order = ifm_alloc_array((size_t)count, sizeof *pool->order);
    if (!pool->dbs || !pool->order) return ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    for (int i = 0; i < count; i++) {
        int rc = ifm_db_open(&pool->dbs[i], path, vfs, IFM_DB_READER, false, err);
        if (rc) return rc;
        pool->order[i] = i;
        pool->count = pool->idle = i + 1;
    }
    return 0;
}

void ifm_pool_close(struct ifm_pool *pool)
{
    for (int i = 0; i < pool->count; i++) ifm_db_close(&pool->dbs[i]);
    ifm_free(pool->dbs);
    ifm_free(pool->order);
    pool->dbs = NULL;
    pool->order = NULL;
    pool->count = pool->idle = 0;
}

int ifm_pool_take(struct ifm_pool *pool, bool snapshot, struct ifm_db **db, struct ifm_err *err)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->idle == 0) pthread_cond_wait(&pool->freed, &pool->lock);
    *db = &pool->dbs[pool->order[--pool->idle]];
    pthread_mutex_unlock(&pool->lock);
    int rc = snapshot ? ifm_db_run_fixed(*db, IFM_SQL_BEGIN_READ, err) : 0;
    if (rc) {
        ifm_pool_put(pool, *db);
        *db = NULL;
    }
    return rc;
}

void ifm_pool_put(struct ifm_pool *pool, struct ifm_db *db)
{
    if (!db) return;
    ifm_db_rollback(db); /* ends a snapshot; nothing was written */
    pthread_mutex_lock(&pool->lock);
    pool->order[pool->idle++] = (int)(db - pool->dbs);
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}
