/* From a list filter to one SQL statement. One term becomes the range of an index ("driver"), the others are
 * tested row by row on that range; the statement never sorts and never reads beyond its LIMIT of rows.
 *
 * Threading: pure functions. Ownership: texts of the filter are borrowed while the query lives.
 * Internal to the store. */
#ifndef IFM_STORE_FILTER_H
#define IFM_STORE_FILTER_H

#include <sqlite3.h>
#include "core/buf.h"
#include "daemon/store/cursor.h"
#include "daemon/store/store.h"

#define IFM_FILTER_VALUES_MAX 16 /* of one comma-separated list */
#define IFM_FILTER_BINDS_MAX 256 /* 14 lists of 16, search, label, times, place, limit: 239 */

struct ifm_filter_bind { enum { IFM_BIND_I64, IFM_BIND_TEXT, IFM_BIND_BLOB } kind; int64_t number;
                         const void *bytes; size_t len; };

struct ifm_query {
    struct ifm_buf sql;
    struct ifm_filter_bind binds[IFM_FILTER_BINDS_MAX];
    size_t bind_count;
    /* true: columns are started_at_ms, id, matches (0, 1 or NULL), and LIMIT counts rows that were looked at;
     * false: columns are IFM_RUN_COLUMNS, each row matches. */
    bool scan;
    int window; /* rows that the statement yields at most */
    bool by_id; /* in order of id instead of start time; rows may have a NULL started_at_ms (not closed) */
    char *pattern;                      /* owned: of `search` */
    uint8_t low[IFM_UUID_BYTES], high[IFM_UUID_BYTES]; /* of id_prefix */
    uint8_t keys[4 * IFM_FILTER_VALUES_MAX][IFM_SHA256_BYTES];
    size_t key_count;
    struct ifm_cursor from;             /* first key that is not listed any more */
};

/* cursor NULL: from the newest. */
int ifm_query_make(struct ifm_query *query, const struct ifm_store_filter *filter,
                   const struct ifm_cursor *cursor, struct ifm_err *err);
void ifm_query_bind(const struct ifm_query *query, sqlite3_stmt *stmt);
void ifm_query_done(struct ifm_query *query);

#endif
