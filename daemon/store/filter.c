#include "daemon/store/filter.h"

#include <assert.h>
#include <string.h>
#include "core/mem.h"
#include "daemon/store/sql.h"

#define VALUE_MAX 1024 /* bytes of one filter's text */

/* -- The filters that are columns --------------------------------------------------------------- */
enum kind { TEXT, KEY, CHOICE, UUID };
struct column {
    size_t offset;       /* of the text in struct ifm_store_filter */
    const char *name;    /* in the query string */
    const char *sql;     /* the column */
    const char *index;   /* NULL: never a driver */
    int rank;            /* lower drives first: fewer rows are expected */
    enum kind kind;
    const char *choices; /* CHOICE */
    int rare;            /* CHOICE with an index: words from here on are in it */
    const char *in_index; /* and the condition under which it holds a row */
};
#define AT(field) offsetof(struct ifm_store_filter, field)
static const struct column columns[] = {
    { AT(experiment), "experiment", "r.experiment", "run_by_experiment", 0, UUID, NULL, 0, NULL },
    { AT(commit), "commit", "r.commit_id", "run_by_commit", 1, TEXT, NULL, 0, NULL },
    { AT(variant_sha256), "variant_sha256", "r.variant_sha256", "run_by_variant", 2, KEY, NULL, 0, NULL },
    { AT(config_key), "config_key", "r.config_key", "run_by_config_key", 3, KEY, NULL, 0, NULL },
    { AT(verification), "verification", "r.verification", "run_by_verification", 4, CHOICE,
      IFM_VERIFICATION_CHOICES, IFM_VERIFY_CROSS_CHECKED, "r.verification > 1" },
    { AT(status), "status", "r.status", "run_by_status", 5, CHOICE, IFM_RUN_STATUS_CHOICES, 1, "r.status <> 0" },
    { AT(device), "device", "r.device", "run_by_device", 7, TEXT, NULL, 0, NULL },
    { AT(model), "model", "r.model", "run_by_model", 8, TEXT, NULL, 0, NULL },
    { AT(device_key), "device_key", "r.device_key", NULL, 0, KEY, NULL, 0, NULL },
    { AT(runtime), "runtime", "r.runtime", NULL, 0, TEXT, NULL, 0, NULL },
    { AT(trust), "trust", "r.trust", NULL, 0, CHOICE, IFM_TRUST_CHOICES, 0, NULL },
    { AT(scenario), "scenario", "r.scenario", NULL, 0, CHOICE, IFM_SCENARIO_CHOICES, 0, NULL },
    { AT(provider), "provider", "r.provider", NULL, 0, TEXT, NULL, 0, NULL },
    { AT(format), "format", "r.format", NULL, 0, TEXT, NULL, 0, NULL },
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)
#define LABEL_RANK 3
#define NO_DRIVER 1000

static const char *text_of(const struct ifm_store_filter *filter, const struct column *column)
{
    const char *text = *(const char *const *)(const void *)((const char *)filter + column->offset);
    return text && *text ? text : NULL;
}

/* -- Binding ------------------------------------------------------------------------------------ */
static void bind(struct ifm_query *query, int kind, int64_t number, const void *bytes, size_t len)
{
    assert(query->bind_count < IFM_FILTER_BINDS_MAX);
    query->binds[query->bind_count].kind = kind;
    query->binds[query->bind_count].number = number;
    query->binds[query->bind_count].bytes = bytes;
    query->binds[query->bind_count++].len = len;
}

void ifm_query_bind(const struct ifm_query *query, sqlite3_stmt *stmt)
{
    for (size_t i = 0; i < query->bind_count; i++) {
        const struct ifm_filter_bind *value = &query->binds[i];
        int index = (int)i + 1;
        if (value->kind == IFM_BIND_I64) {
            sqlite3_bind_int64(stmt, index, value->number);
        } else if (value->kind == IFM_BIND_TEXT) {
            sqlite3_bind_text(stmt, index, value->bytes, (int)value->len, SQLITE_STATIC);
        } else {
            sqlite3_bind_blob(stmt, index, value->bytes, (int)value->len, SQLITE_STATIC);
        }
    }
}

/* -- Values ------------------------------------------------------------------------------------- */
static int bind_key(struct ifm_query *query, const struct column *column, const char *text, size_t len,
                    struct ifm_err *err)
{
    static const char digits[] = "0123456789abcdef";
    bool good = len == 2 * IFM_SHA256_BYTES && query->key_count < 4 * IFM_FILTER_VALUES_MAX;
    uint8_t *key = query->keys[good ? query->key_count++ : 0];
    for (size_t i = 0; good && i < len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        good = digit != NULL;
        if (good) key[i / 2] = (uint8_t)(i % 2 ? key[i / 2] | (digit - digits) : (digit - digits) << 4);
    }
    if (!good) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, column->name, "%s takes a SHA-256, 64 lower-case hex digits",
                           column->name);
    }
    bind(query, IFM_BIND_BLOB, 0, key, IFM_SHA256_BYTES);
    return 0;
}

static int bind_uuid(struct ifm_query *query, const struct column *column, const char *text, size_t len,
                     struct ifm_err *err)
{
    char copy[IFM_UUID_TEXT] = "";
    bool room = query->key_count < 4 * IFM_FILTER_VALUES_MAX && len == IFM_UUID_TEXT - 1;
    uint8_t *key = query->keys[room ? query->key_count++ : 0];
    if (room) memcpy(copy, text, len);
    if (!room || ifm_uuid_parse(copy, key)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, column->name, "%s takes a UUID, not \"%.*s\"", column->name,
                           len < 40 ? (int)len : 40, text);
    }
    bind(query, IFM_BIND_BLOB, 0, key, IFM_UUID_BYTES);
    return 0;
}

/* Index of the word among "a|b|c", or -1. */
static int choice_of(const char *choices, const char *text, size_t len)
{
    int index = 0;
    for (const char *word = choices; *word; index++) {
        size_t size = strcspn(word, "|");
        if (size == len && memcmp(word, text, len) == 0) return index;
        word += size + (word[size] == '|');
    }
    return -1;
}

static int bind_value(struct ifm_query *query, const struct column *column, const char *text, size_t len,
                      struct ifm_err *err)
{
    if (column->kind == KEY) return bind_key(query, column, text, len, err);
    if (column->kind == UUID) return bind_uuid(query, column, text, len, err);
    if (column->kind == TEXT) {
        bind(query, IFM_BIND_TEXT, 0, text, len);
        return 0;
    }
    int index = choice_of(column->choices, text, len);
    if (index < 0) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, column->name, "%s is one of %s, not \"%.*s\"", column->name,
                           column->choices, len < 40 ? (int)len : 40, text);
    }
    bind(query, IFM_BIND_I64, index, NULL, 0);
    return 0;
}

/* "column IN (?,?)" for a comma-separated list. */
static int add_term(struct ifm_query *query, const struct column *column, const char *text, struct ifm_err *err)
{
    int count = 0, rc = 0;
    if (strlen(text) > VALUE_MAX) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, column->name, "%s is longer than %d bytes", column->name,
                           VALUE_MAX);
    }
    ifm_buf_adds(&query->sql, column->sql);
    for (const char *value = text; !rc && value; ) {
        size_t len = strcspn(value, ",");
        if (count++ == IFM_FILTER_VALUES_MAX) {
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, column->name, "%s takes at most %d values", column->name,
                               IFM_FILTER_VALUES_MAX);
        }
        rc = bind_value(query, column, value, len, err);
        ifm_buf_adds(&query->sql, count == 1 ? " IN (?" : ",?");
        value = value[len] ? value + len + 1 : NULL;
    }
    ifm_buf_addc(&query->sql, ')');
    return rc;
}

static int set_prefix(struct ifm_query *query, const char *prefix, struct ifm_err *err)
{
    char low[IFM_UUID_TEXT] = "00000000-0000-0000-0000-000000000000";
    char high[IFM_UUID_TEXT] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    size_t len = strlen(prefix);
    if (len >= IFM_UUID_TEXT) len = IFM_UUID_TEXT; /* refused below */
    for (size_t i = 0; i < len && len < IFM_UUID_TEXT; i++) {
        bool dash = low[i] == '-';
        if (dash != (prefix[i] == '-')) len = IFM_UUID_TEXT;
        else low[i] = high[i] = prefix[i];
    }
    if (len >= IFM_UUID_TEXT || ifm_uuid_parse(low, query->low) || ifm_uuid_parse(high, query->high)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "id_prefix", "\"%.40s\" is not the beginning of a run id",
                           prefix);
    }
    return 0;
}

static int set_pattern(struct ifm_query *query, const char *search, struct ifm_err *err)
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, 2 * VALUE_MAX);
    if (strlen(search) > VALUE_MAX / 2) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "q", "q is longer than %d bytes", VALUE_MAX / 2);
    }
    ifm_buf_addc(&buf, '%');
    for (const char *c = search; *c; c++) {
        if (strchr("%_\\", *c)) ifm_buf_addc(&buf, '\\');
        ifm_buf_addc(&buf, *c);
    }
    ifm_buf_addc(&buf, '%');
    int rc = ifm_buf_check(&buf, err);
    if (!rc) query->pattern = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

/* -- The statement ------------------------------------------------------------------------------ */
struct plan {
    const struct column *driver; /* NULL: none of the columns */
    bool by_label, label, search;
};

static int rank_of(const struct column *column, const char *text)
{
    if (!column->index || strchr(text, ',')) return NO_DRIVER; /* several ranges would need a sort */
    bool in_index = column->kind != CHOICE || choice_of(column->choices, text, strlen(text)) >= column->rare;
    return in_index ? column->rank : NO_DRIVER;
}

static struct plan make_plan(const struct ifm_store_filter *filter, bool by_id)
{
    struct plan plan = { NULL, false, false, false };
    int best = NO_DRIVER;
    plan.label = filter->label_key && *filter->label_key && filter->label_value;
    plan.search = filter->search && *filter->search;
    for (size_t i = 0; !by_id && i < COLUMN_COUNT; i++) {
        const char *text = text_of(filter, &columns[i]);
        int rank = text ? rank_of(&columns[i], text) : NO_DRIVER;
        if (rank < best) {
            best = rank;
            plan.driver = &columns[i];
        }
    }
    if (!by_id && plan.label && LABEL_RANK <= best) {
        plan.driver = NULL;
        plan.by_label = true;
    }
    return plan;
}

static void and_if(struct ifm_query *query, bool *any)
{
    if (*any) ifm_buf_adds(&query->sql, " AND ");
    *any = true;
}

/* Everything that the driver does not cover, as one expression; *any false: nothing. */
static int add_residual(struct ifm_query *query, const struct ifm_store_filter *filter, const struct plan *plan,
                        bool *any, struct ifm_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < COLUMN_COUNT; i++) {
        const char *text = text_of(filter, &columns[i]);
        if (!text || plan->driver == &columns[i]) continue;
        and_if(query, any);
        rc = add_term(query, &columns[i], text, err);
    }
    if (!rc && plan->search) {
        static const char *const searched[] = { "(r.model", " OR r.variant", " OR r.device", " OR r.runtime" };
        rc = set_pattern(query, filter->search, err);
        if (rc) return rc;
        and_if(query, any);
        for (int i = 0; i < 4; i++) {
            ifm_buf_addf(&query->sql, "%s LIKE ? ESCAPE '\\'", searched[i]);
            bind(query, IFM_BIND_TEXT, 0, query->pattern, strlen(query->pattern));
        }
        ifm_buf_addc(&query->sql, ')');
    }
    if (!rc && plan->label && !plan->by_label) {
        and_if(query, any);
        ifm_buf_adds(&query->sql, "EXISTS (SELECT 1 FROM label l WHERE l.key = ? AND l.value = ? AND "
                                  "l.started_at_ms = r.started_at_ms AND l.id = r.id)");
        bind(query, IFM_BIND_TEXT, 0, filter->label_key, strlen(filter->label_key));
        bind(query, IFM_BIND_TEXT, 0, filter->label_value, strlen(filter->label_value));
    }
    if (!rc && query->by_id) { /* the order is another one here, so that times are no range */
        and_if(query, any);
        ifm_buf_adds(&query->sql, "r.started_at_ms >= ? AND r.started_at_ms < ?");
        bind(query, IFM_BIND_I64, filter->since_ms, NULL, 0);
        bind(query, IFM_BIND_I64, filter->until_ms ? filter->until_ms : INT64_MAX, NULL, 0);
    }
    return rc;
}

static void add_order(struct ifm_query *query, const char *alias)
{
    ifm_buf_addf(&query->sql, "(%s.started_at_ms, %s.id) < (?, ?) ORDER BY %s.started_at_ms DESC, %s.id DESC",
                 alias, alias, alias, alias);
    bind(query, IFM_BIND_I64, query->from.started_at_ms, NULL, 0);
    bind(query, IFM_BIND_BLOB, 0, query->from.id, IFM_UUID_BYTES);
}

static int add_source(struct ifm_query *query, const struct ifm_store_filter *filter, const struct plan *plan,
                      const struct ifm_cursor *cursor, struct ifm_err *err)
{
    struct ifm_buf *sql = &query->sql;
    int rc = 0;
    if (query->by_id) {
        ifm_buf_addf(sql, " FROM run_id k LEFT JOIN run r ON r.started_at_ms = k.started_at_ms AND r.id = k.id "
                          "WHERE k.id >= ? AND k.id %s ? ORDER BY k.id DESC", cursor ? "<" : "<=");
        bind(query, IFM_BIND_BLOB, 0, query->low, IFM_UUID_BYTES);
        bind(query, IFM_BIND_BLOB, 0, cursor ? query->from.id : query->high, IFM_UUID_BYTES);
    } else if (plan->by_label) {
        ifm_buf_adds(sql, " FROM label l CROSS JOIN run r ON r.started_at_ms = l.started_at_ms AND r.id = l.id "
                          "WHERE l.key = ? AND l.value = ? AND ");
        bind(query, IFM_BIND_TEXT, 0, filter->label_key, strlen(filter->label_key));
        bind(query, IFM_BIND_TEXT, 0, filter->label_value, strlen(filter->label_value));
        add_order(query, "l");
    } else if (plan->driver) {
        const char *text = text_of(filter, plan->driver);
        ifm_buf_addf(sql, " FROM run r INDEXED BY %s WHERE %s = ? AND ", plan->driver->index, plan->driver->sql);
        if (plan->driver->in_index) ifm_buf_addf(sql, "%s AND ", plan->driver->in_index);
        rc = strlen(text) > VALUE_MAX
                 ? ifm_err_set(err, IFM_ERR_BAD_REQUEST, plan->driver->name, "%s is longer than %d bytes",
                               plan->driver->name, VALUE_MAX)
                 : bind_value(query, plan->driver, text, strlen(text), err);
        add_order(query, "r");
    } else {
        ifm_buf_adds(sql, " FROM run r NOT INDEXED WHERE ");
        add_order(query, "r");
    }
    return rc;
}

int ifm_query_make(struct ifm_query *query, const struct ifm_store_filter *filter,
                   const struct ifm_cursor *cursor, struct ifm_err *err)
{
    query->pattern = NULL;
    query->bind_count = query->key_count = 0;
    ifm_buf_init(&query->sql, 16 * 1024);
    query->by_id = filter->id_prefix && *filter->id_prefix;
    query->from = (struct ifm_cursor){ INT64_MAX, { 0 } };
    if (filter->until_ms) query->from.started_at_ms = filter->until_ms; /* with a zero id: nothing at it */
    if (cursor) query->from = *cursor;
    int rc = query->by_id ? set_prefix(query, filter->id_prefix, err) : 0;
    if (rc) return rc;

    struct plan plan = make_plan(filter, query->by_id);
    bool any = query->by_id;
    ifm_buf_adds(&query->sql, query->by_id      ? "SELECT k.started_at_ms, k.id, r.id IS NOT NULL"
                              : plan.by_label ? "SELECT l.started_at_ms, l.id, "
                                              : "SELECT r.started_at_ms, r.id, ");
    rc = add_residual(query, filter, &plan, &any, err);
    query->scan = any;
    if (!any) {
        query->sql.len = 0;
        ifm_buf_adds(&query->sql, "SELECT " IFM_RUN_COLUMNS);
    }
    if (!rc) rc = add_source(query, filter, &plan, cursor, err);
    ifm_buf_adds(&query->sql, " LIMIT ?");
    query->window = query->by_id || plan.by_label || plan.driver ? IFM_STORE_SEEK_MAX : IFM_STORE_SCAN_MAX;
    bind(query, IFM_BIND_I64, query->window, NULL, 0);
    return rc ? rc : ifm_buf_check(&query->sql, err);
}

void ifm_query_done(struct ifm_query *query)
{
    ifm_buf_done(&query->sql);
    ifm_free(query->pattern);
    query->pattern = NULL;
}
