/* What samplers read, as it rests: names and units as JSON, the values of a group as one codec block, each row as
 * differences. A counter that is read a hundred times is then a byte or two a value instead of ten digits. */
#include "daemon/store/internal.h"

#include <string.h>
#include "core/codec.h"
#include "core/mem.h"

#define HEAD_MAX (4u << 20)
#define BLOCKS_MAX (16u << 20)
#define GROUP_MAX (IFM_LANE_POINTS_MAX * (1 + IFM_LANES_MAX)) /* values of one group */
_Static_assert(GROUP_MAX <= IFM_CODEC_SAMPLES_MAX, "a group is one block");

/* The head: the message's own structs without their values. */
struct head { struct ifm_list groups; };
#define AT(s, f) .name = #f, .offset = offsetof(struct s, f)
static const struct ifm_field lane_fields[] = {
    { AT(ifm_msg_lane, name), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED },
    { AT(ifm_msg_lane, unit), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED },
    { AT(ifm_msg_lane, kind), .kind = IFM_FIELD_CHOICE, .choices = IFM_LANE_KIND_CHOICES },
    { AT(ifm_msg_lane, scope), .kind = IFM_FIELD_CHOICE, .choices = IFM_LANE_SCOPE_CHOICES },
    { .name = NULL }
};
static const struct ifm_table lane_table = { "lane", "", sizeof(struct ifm_msg_lane), lane_fields };
static const struct ifm_field group_fields[] = {
    { AT(ifm_msg_lanes, sampler), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_REQUIRED },
    { AT(ifm_msg_lanes, sparse), .kind = IFM_FIELD_BOOL, .flags = IFM_FIELD_OMIT_ZERO },
    { AT(ifm_msg_lanes, period_ns), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_OMIT_ZERO },
    { AT(ifm_msg_lanes, cost_ns), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_OMIT_ZERO },
    { AT(ifm_msg_lanes, lanes), .kind = IFM_FIELD_LIST, .max = IFM_LANES_MAX, .table = &lane_table },
    { .name = NULL }
};
static const struct ifm_table group_table = { "group", "", sizeof(struct ifm_msg_lanes), group_fields };
static const struct ifm_field head_fields[] = {
    { AT(head, groups), .kind = IFM_FIELD_LIST, .max = IFM_LANE_GROUPS_MAX, .table = &group_table },
    { .name = NULL }
};
static const struct ifm_table head_table = { "head", "", sizeof(struct head), head_fields };

/* -- Packing ------------------------------------------------------------------------------------ */
/* Differences wrap, so that any two numbers have one. */
static size_t add_row(int64_t *values, size_t used, const struct ifm_ints *row)
{
    uint64_t before = 0;
    for (size_t i = 0; i < row->count; i++) {
        values[used + i] = (int64_t)((uint64_t)row->items[i] - before);
        before = (uint64_t)row->items[i];
    }
    return used + row->count;
}

static int pack_group(const struct ifm_msg_lanes *group, int64_t *values, struct ifm_buf *blocks, struct ifm_err *err)
{
    const struct ifm_msg_lane *lanes = group->lanes.items;
    struct ifm_block block = { NULL, 0 };
    size_t used = 0;
    if (group->t_ns.count > IFM_LANE_POINTS_MAX || group->lanes.count > IFM_LANES_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/lanes", "more points or lanes than a sampler may have");
    }
    used = add_row(values, used, &group->t_ns);
    for (size_t i = 0; i < group->lanes.count; i++) {
        if (lanes[i].values.count != group->t_ns.count) {
            return ifm_err_set(err, IFM_ERR_INVALID, "/lanes", "a lane has not one value for each time");
        }
        used = add_row(values, used, &lanes[i].values);
    }
    int rc = used ? ifm_codec_encode(values, used, &block, err) : 0;
    for (int i = 0; i < 4; i++) ifm_buf_addc(blocks, (char)(block.len >> (8 * i) & 0xff));
    ifm_buf_add(blocks, block.bytes, block.len);
    ifm_free(block.bytes);
    return rc;
}

int ifm_lanes_pack(const struct ifm_list *groups, struct ifm_packed_lanes *out, struct ifm_err *err)
{
    struct ifm_buf head, blocks;
    int64_t *values = NULL;
    *out = (struct ifm_packed_lanes){ 0 };
    if (!groups->count) return 0;
    ifm_buf_init(&head, HEAD_MAX);
    ifm_buf_init(&blocks, BLOCKS_MAX);
    values = ifm_alloc_array(GROUP_MAX, sizeof *values);
    int rc = values ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    const struct ifm_msg_lanes *all = groups->items;
    for (size_t i = 0; !rc && i < groups->count; i++) rc = pack_group(&all[i], values, &blocks, err);
    if (!rc) ifm_json_encode(&head_table, &(struct head){ *groups }, &head);
    if (!rc) rc = ifm_buf_check(&head, err);
    if (!rc) rc = ifm_buf_check(&blocks, err);
    if (!rc) {
        out->head_len = head.len;
        out->blocks_len = blocks.len;
        out->head = ifm_buf_take(&head);
        out->blocks = ifm_buf_take(&blocks);
    }
    ifm_free(values);
    ifm_buf_done(&head);
    ifm_buf_done(&blocks);
    return rc;
}

void ifm_packed_lanes_done(struct ifm_packed_lanes *lanes)
{
    ifm_free(lanes->head);
    ifm_free(lanes->blocks);
    *lanes = (struct ifm_packed_lanes){ 0 };
}

/* -- Unpacking ---------------------------------------------------------------------------------- */
struct reader { const uint8_t *at; size_t left; int64_t *values; };

static int take_row(struct ifm_ints *row, const int64_t *values, size_t count)
{
    if (!count) return 0;
    row->items = ifm_alloc_array(count, sizeof *row->items);
    if (!row->items) return -1;
    row->count = count;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)values[i];
        row->items[i] = (int64_t)sum;
    }
    return 0;
}

static int damaged(struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_IO, "store", "the stored lanes of an invocation are damaged: restore a backup");
}

static int unpack_group(struct reader *reader, struct ifm_msg_lanes *group, struct ifm_err *err)
{
    struct ifm_msg_lane *lanes = group->lanes.items;
    size_t len = 0, count = 0, rows = 1 + group->lanes.count;
    if (reader->left < 4) return damaged(err);
    for (size_t i = 0; i < 4; i++) len |= (size_t)reader->at[i] << (8 * i);
    reader->at += 4;
    reader->left -= 4;
    if (len > reader->left) return damaged(err);
    int rc = len ? ifm_codec_decode(reader->at, len, reader->values, GROUP_MAX, &count, err) : 0;
    if (rc) return rc == IFM_ERR_NOMEM ? rc : damaged(err);
    reader->at += len;
    reader->left -= len;
    if (count % rows) return damaged(err);
    count /= rows;
    int failed = take_row(&group->t_ns, reader->values, count);
    for (size_t i = 0; !failed && i < group->lanes.count; i++) {
        failed = take_row(&lanes[i].values, reader->values + (i + 1) * count, count);
    }
    return failed ? ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory") : 0;
}

int ifm_lanes_unpack(sqlite3_stmt *stmt, int column, struct ifm_list *groups, struct ifm_err *err)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    size_t len = text ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
    struct reader reader = { .at = sqlite3_column_blob(stmt, column + 1) };
    struct head head;
    *groups = (struct ifm_list){ NULL, 0 };
    if (!text) return 0;
    reader.left = reader.at ? (size_t)sqlite3_column_bytes(stmt, column + 1) : 0;
    int rc = ifm_json_decode(&head_table, text, len, &head, err);
    if (rc) return rc == IFM_ERR_NOMEM ? rc : damaged(err);
    *groups = head.groups;
    reader.values = ifm_alloc_array(GROUP_MAX, sizeof *reader.values);
    if (!reader.values) rc = ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
    struct ifm_msg_lanes *all = groups->items;
    for (size_t i = 0; !rc && i < groups->count; i++) rc = unpack_group(&reader, &all[i], err);
    ifm_free(reader.values);
    if (rc) ifm_lanes_done(groups);
    return rc;
}

/* By the table of the message, which knows the values too. */
void ifm_lanes_done(struct ifm_list *groups)
{
    struct ifm_msg_invocation body;
    ifm_json_init(&ifm_invocation_table, &body);
    body.lanes = *groups;
    ifm_json_free(&ifm_invocation_table, &body);
    *groups = (struct ifm_list){ NULL, 0 };
}

/* -- Replies ------------------------------------------------------------------------------------ */
static void write_ints(struct ifm_jw *w, const char *key, const struct ifm_ints *ints)
{
    ifm_jw_key(w, key);
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < ints->count; i++) ifm_jw_i64(w, ints->items[i]);
    ifm_jw_end(w, ']');
}

static void write_lane(const struct ifm_msg_lane *lane, struct ifm_jw *w)
{
    static const char *const kinds[] = { "gauge", "counter", "energy" };
    static const char *const scopes[] = { "process", "device", "host" };
    ifm_jw_begin(w, '{');
    ifm_jw_key(w, "name");
    ifm_jw_string(w, lane->name);
    ifm_jw_key(w, "unit");
    ifm_jw_string(w, lane->unit);
    ifm_jw_key(w, "kind");
    ifm_jw_string(w, kinds[lane->kind >= 0 && lane->kind < 3 ? lane->kind : 0]);
    ifm_jw_key(w, "scope");
    ifm_jw_string(w, scopes[lane->scope >= 0 && lane->scope < 3 ? lane->scope : 0]);
    write_ints(w, "values", &lane->values);
    ifm_jw_end(w, '}');
}

void ifm_lanes_write(const struct ifm_list *groups, struct ifm_jw *w)
{
    const struct ifm_msg_lanes *all = groups->items;
    ifm_jw_begin(w, '[');
    for (size_t i = 0; i < groups->count; i++) {
        const struct ifm_msg_lane *lanes = all[i].lanes.items;
        ifm_jw_begin(w, '{');
        ifm_jw_key(w, "sampler");
        ifm_jw_string(w, all[i].sampler);
        ifm_jw_key(w, "sparse");
        ifm_jw_bool(w, all[i].sparse);
        ifm_jw_key(w, "period_ns");
        ifm_jw_i64(w, all[i].period_ns);
        ifm_jw_key(w, "cost_ns");
        ifm_jw_i64(w, all[i].cost_ns);
        write_ints(w, "t_ns", &all[i].t_ns);
        ifm_jw_key(w, "lanes");
        ifm_jw_begin(w, '[');
        for (size_t k = 0; k < all[i].lanes.count; k++) write_lane(&lanes[k], w);
        ifm_jw_end(w, ']');
        ifm_jw_end(w, '}');
    }
    ifm_jw_end(w, ']');
}
