#include "agents/model/pb_wire.h"

#include <string.h>

struct ifm_pb ifm_pb_of(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    return (struct ifm_pb){ at, at ? at + len : at };
}

struct ifm_pb ifm_pb_inside(const struct ifm_pb_field *field)
{
    return field->type == IFM_PB_BYTES ? ifm_pb_of(field->bytes, field->len)
                                       : (struct ifm_pb){ NULL, NULL };
}

int ifm_pb_varint(struct ifm_pb *pb, uint64_t *out)
{
    uint64_t value = 0;
    if (pb->at == pb->end)
        return 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (pb->at == pb->end)
            return -1;
        unsigned char byte = *pb->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return 1;
        }
    }
    return -1;
}

static int fixed(struct ifm_pb *pb, size_t width, uint64_t *out)
{
    if ((size_t)(pb->end - pb->at) < width)
        return -1;
    *out = 0;
    for (size_t i = 0; i < width; i++)
        *out |= (uint64_t)pb->at[i] << (8 * i);
    pb->at += width;
    return 1;
}

/* Tag and value, with groups' tags handed out as they are (type 3 and 4). */
static int next_raw(struct ifm_pb *pb, struct ifm_pb_field *out)
{
    uint64_t tag;
    memset(out, 0, sizeof *out);
    int got = ifm_pb_varint(pb, &tag);
    if (got <= 0)
        return got;
    if (tag > UINT32_MAX || tag >> 3 == 0)
        return -1;
    out->number = (uint32_t)(tag >> 3);
    out->type = (enum ifm_pb_type)(tag & 7);
    switch (tag & 7) {
    case IFM_PB_VARINT:
        return ifm_pb_varint(pb, &out->value) == 1 ? 1 : -1;
    case IFM_PB_FIXED64:
        return fixed(pb, 8, &out->value);
    case IFM_PB_FIXED32:
        return fixed(pb, 4, &out->value);
    case IFM_PB_BYTES:
        if (ifm_pb_varint(pb, &out->value) != 1 || out->value > (uint64_t)(pb->end - pb->at))
            return -1;
        out->bytes = pb->at;
        out->len = (size_t)out->value;
        pb->at += out->len;
        return 1;
    case 3:
    case 4:
        return 1;
    default:
        return -1;
    }
}

/* Steps behind the end of a group whose start was just read. */
static int skip_group(struct ifm_pb *pb, uint32_t number)
{
    uint32_t open[IFM_PB_GROUPS_MAX];
    size_t depth = 0;
    struct ifm_pb_field field;
    open[depth++] = number;
    while (depth) {
        if (next_raw(pb, &field) != 1)
            return -1;
        if ((int)field.type == 3) {
            if (depth == IFM_PB_GROUPS_MAX)
                return -1;
            open[depth++] = field.number;
        } else if ((int)field.type == 4 && open[--depth] != field.number) {
            return -1;
        }
    }
    return 1;
}

int ifm_pb_next(struct ifm_pb *pb, struct ifm_pb_field *out)
{
    for (;;) {
        int got = next_raw(pb, out);
        if (got != 1 || ((int)out->type != 3 && (int)out->type != 4))
            return got;
        if ((int)out->type == 4 || skip_group(pb, out->number) != 1)
            return -1;
    }
}

bool ifm_pb_find(struct ifm_pb pb, uint32_t number, enum ifm_pb_type type, struct ifm_pb_field *out)
{
    while (ifm_pb_next(&pb, out) == 1)
        if (out->number == number && out->type == type)
            return true;
    return false;
}
