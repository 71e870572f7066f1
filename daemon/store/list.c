#include "daemon/store/internal.h"

#include <assert.h>
#include <string.h>
#include "daemon/store/filter.h"

struct page {
    struct ifm_db *db;
    struct ifm_query query;
    const struct ifm_store_filter *filter;
    struct ifm_jw w;
    int limit, listed, seen;
    struct ifm_cursor last; /* of the latest row that was listed, or at least looked at */
    bool more;
};

/* A row of a scan has only its key: the rest is read for those that match. */
static int write_by_key(struct page *page, const struct ifm_cursor *key, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get(page->db, IFM_SQL_RUN_ROW, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, key->started_at_ms);
    sqlite3_bind_blob(stmt, 2, key->id, IFM_UUID_BYTES, SQLITE_STATIC);
    rc = ifm_db_step(page->db, stmt, "listing runs", err);
    if (rc > 0) ifm_store_write_row(stmt, &page->w);
    ifm_db_reset(stmt);
    return rc < 0 ? rc : 0;
}

/* 0: go on, 1: the page ends here. */
static int take_row(struct page *page, sqlite3_stmt *stmt, struct ifm_err *err)
{
    struct ifm_cursor key = { sqlite3_column_int64(stmt, 0), { 0 } };
    const void *id = sqlite3_column_blob(stmt, 1);
    if (id) memcpy(key.id, id, IFM_UUID_BYTES);
    if (!page->query.by_id && key.started_at_ms < page->filter->since_ms) return 1;
    page->seen++;
    if (page->listed == page->limit) { /* whether or not this one matches: to find out may take long */
        page->more = true;
        return 1;
    }
    bool matches = !page->query.scan || sqlite3_column_int(stmt, 2) != 0;
    page->last = key;
    if (!matches) return 0;
    page->listed++;
    if (page->query.scan) return write_by_key(page, &key, err);
    ifm_store_write_row(stmt, &page->w);
    return 0;
}

static int run_query(struct page *page, struct ifm_err *err)
{
    sqlite3_stmt *stmt;
    int rc = ifm_db_get_text(page->db, page->query.sql.data, &stmt, err);
    if (rc) return rc;
    ifm_query_bind(&page->query, stmt);
    int ended = 0;
    while (!ended && (rc = ifm_db_step(page->db, stmt, "listing runs", err)) > 0) {
        ended = take_row(page, stmt, err);
        rc = ended < 0 ? ended : 0;
    }
    if (rc >= 0 && !ended && page->query.scan && page->seen == page->query.window) page->more = true;
    assert(sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_SORT, 1) == 0);
    ifm_db_reset(stmt);
    return rc;
}

static int write_page(struct page *page, const uint8_t *digest, struct ifm_buf *out, struct ifm_err *err)
{
    char text[IFM_CURSOR_TEXT];
    ifm_jw_init(&page->w, out);
    ifm_jw_begin(&page->w, '{');
    ifm_jw_key(&page->w, "items");
    ifm_jw_begin(&page->w, '[');
    int rc = run_query(page, err);
    ifm_jw_end(&page->w, ']');
    ifm_jw_key(&page->w, "next_cursor");
    if (!rc && page->more) rc = ifm_cursor_write(&page->last, digest, text, err);
    ifm_jw_string(&page->w, page->more ? text : NULL);
    ifm_jw_end(&page->w, '}');
    return rc ? rc : ifm_buf_check(out, err);
}

int ifm_store_list_runs(struct ifm_store *store, const struct ifm_store_filter *filter, struct ifm_buf *out,
                        struct ifm_err *err)
{
    struct page page = { .filter = filter, .limit = filter->limit ? filter->limit : 50 };
    struct ifm_cursor cursor;
    uint8_t digest[IFM_SHA256_BYTES];
    bool has_cursor = filter->cursor && *filter->cursor;
    if (page.limit < 1 || page.limit > IFM_STORE_LIST_MAX) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "limit", "limit is 1..%d", IFM_STORE_LIST_MAX);
    }
    int rc = ifm_cursor_filter_digest(filter, digest, err);
    if (!rc && has_cursor) rc = ifm_cursor_read(filter->cursor, digest, &cursor, err);
    if (rc) return rc;

    rc = ifm_query_make(&page.query, filter, has_cursor ? &cursor : NULL, err);
    if (!rc) rc = ifm_pool_take(&store->pool, false, &page.db, err);
    if (!rc) rc = write_page(&page, digest, out, err);
    ifm_pool_put(&store->pool, page.db);
    ifm_query_done(&page.query);
    return rc;
}
