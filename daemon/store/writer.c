/* The one writer thread. It takes all that is queued into one transaction: under load a sync is shared by
 * many writes, and alone a write waits for nobody. When the transaction fails as a whole, each write gets a
 * transaction of its own, so that one that cannot be stored does not take the others with it. */
#include "daemon/store/internal.h"

int ifm_writer_push(struct ifm_writer *writer, struct ifm_put *put, struct ifm_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&writer->lock);
    if (writer->stopping) {
        rc = ifm_err_set(err, IFM_ERR_UNAVAILABLE, "store", "the daemon is shutting down: send it again later");
    } else if (writer->queued >= IFM_STORE_QUEUE_MAX ||
               (writer->queued && writer->queued_bytes + put->bytes > IFM_STORE_QUEUE_BYTES)) {
        rc = ifm_err_set(err, IFM_ERR_BUSY, "store", "%zu writes are waiting already: try again in a second",
                         writer->queued);
    } else {
        put->next = NULL;
        *writer->tail = put;
        writer->tail = &put->next;
        writer->queued++;
        writer->queued_bytes += put->bytes;
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->lock);
    if (rc) ifm_put_free(put);
    return rc;
}

/* Takes at most IFM_STORE_BATCH_MAX writes as a list; NULL when stopping and nothing is left. */
static struct ifm_put *take_batch(struct ifm_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    while (!writer->head && !writer->stopping) pthread_cond_wait(&writer->wake, &writer->lock);
    struct ifm_put *batch = writer->head, *last = batch;
    for (int i = 1; last; i++) {
        writer->queued--;
        writer->queued_bytes -= last->bytes;
        if (i == IFM_STORE_BATCH_MAX || !last->next) break;
        last = last->next;
    }
    if (last) {
        writer->head = last->next;
        if (!writer->head) writer->tail = &writer->head;
        last->next = NULL;
    }
    pthread_mutex_unlock(&writer->lock);
    return batch;
}

/* One transaction over the list from `first`, or over that one write only. 0: committed. */
static int commit(struct ifm_writer *writer, struct ifm_put *first, bool alone, struct ifm_err *err)
{
    ifm_db_rollback(&writer->db); /* should an earlier one have failed to */
    int rc = ifm_db_run_fixed(&writer->db, IFM_SQL_BEGIN_WRITE, err);
    bool changed = false;
    for (struct ifm_put *put = first; !rc && put; put = alone ? NULL : put->next) {
        put->err = (struct ifm_err)IFM_ERR_INIT;
        rc = ifm_put_apply(&writer->db, put, err);
        changed = changed || (!put->err.code && put->outcome == IFM_STORE_CREATED);
    }
    if (!rc) rc = ifm_db_run_fixed(&writer->db, IFM_SQL_COMMIT, err);
    if (!rc || rc == IFM_ERR_FULL) atomic_store(&writer->full, rc != 0);
    if (rc) {
        ifm_db_rollback(&writer->db);
    } else if (changed) {
        atomic_fetch_add(writer->generation, 1);
    }
    return rc;
}

static void write_batch(struct ifm_writer *writer, struct ifm_put *batch)
{
    struct ifm_err err = IFM_ERR_INIT;
    bool whole = commit(writer, batch, false, &err) == 0;
    bool only = !batch->next;
    while (batch) {
        struct ifm_put *put = batch;
        batch = batch->next;
        if (!whole) {
            if (!only) {
                err = (struct ifm_err)IFM_ERR_INIT;
                commit(writer, put, true, &err);
            }
            if (err.code) put->err = err;
        }
        put->done(put->arg, put->outcome, put->err.code ? &put->err : NULL);
        ifm_put_free(put);
    }
}

static void *writer_main(void *arg)
{
    struct ifm_writer *writer = arg;
    struct ifm_put *batch;
    pthread_setname_np(pthread_self(), "store-writer"); /* for top and perf */
    while ((batch = take_batch(writer)) != NULL) write_batch(writer, batch);
    return NULL;
}

int ifm_writer_start(struct ifm_writer *writer, struct ifm_err *err)
{
    writer->head = NULL;
    writer->tail = &writer->head;
    int rc = pthread_create(&writer->thread, NULL, writer_main, writer);
    if (rc) return ifm_err_errno(err, rc, "store", "starting the writer thread");
    writer->started = true;
    return 0;
}

void ifm_writer_stop(struct ifm_writer *writer)
{
    if (!writer->started) return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->started = false;
}
