/* The protobuf formats begin alike (field 1 is a small number in all three); what fields stand at the top tells
 * them apart. */
#include "agents/model/recognise.h"

#include <string.h>

#include "agents/model/pb_wire.h"

#define FIELDS_MAX 4096 /* repeated ones may be many; the first thousands tell enough */

struct top {
    bool starts_with_version; /* field 1 is a varint and comes first */
    bool message[32];         /* fields 1..31 of type BYTES */
    bool strange;             /* a field that none of the formats has */
    bool coreml;              /* 200 and above */
    size_t fields;
};

/* A length that runs over the end still counts: a cut file is recognised, and refused by its reader. */
static struct top look(const unsigned char *bytes, size_t len)
{
    struct top top = { .fields = 0 };
    struct ifm_pb pb = ifm_pb_of(bytes, len);
    struct ifm_pb_field field;
    for (int got = 1; got == 1 && top.fields < FIELDS_MAX;) {
        got = ifm_pb_next(&pb, &field);
        if (got == 0 || field.number == 0)
            break;
        if (top.fields++ == 0)
            top.starts_with_version = field.number == 1 && field.type == IFM_PB_VARINT;
        if (field.number < 32 && field.type == IFM_PB_BYTES)
            top.message[field.number] = true;
        else if (field.number >= 200 && field.number <= 3000 && field.type == IFM_PB_BYTES)
            top.coreml = true;
        else if (field.number >= 32 || field.type == IFM_PB_FIXED32 || field.type == IFM_PB_FIXED64)
            top.strange = true;
    }
    return top;
}

bool ifm_is_onnx(const unsigned char *bytes, size_t len)
{
    struct top top = look(bytes, len);
    return !top.strange && !top.coreml && (top.message[7] || (top.message[8] && top.fields > 1));
}

bool ifm_is_coreml(const unsigned char *bytes, size_t len)
{
    struct top top = look(bytes, len);
    return !top.strange && top.coreml && top.starts_with_version && !top.message[7];
}

bool ifm_is_savedmodel(const unsigned char *bytes, size_t len)
{
    struct top top = look(bytes, len);
    struct ifm_pb pb = ifm_pb_of(bytes, len);
    struct ifm_pb_field graph, inner;
    if (top.strange || top.coreml || !top.starts_with_version || !top.message[2])
        return false;
    for (unsigned i = 3; i < 32; i++)
        if (top.message[i])
            return false;
    /* The meta graph begins with its MetaInfoDef, or has a GraphDef: both are messages. */
    return ifm_pb_find(pb, 2, IFM_PB_BYTES, &graph) &&
           ifm_pb_find(ifm_pb_inside(&graph), 2, IFM_PB_BYTES, &inner);
}

bool ifm_is_safetensors(const unsigned char *bytes, size_t len)
{
    uint64_t header = 0;
    for (size_t i = 0; i < 8 && len > 8; i++)
        header |= (uint64_t)bytes[i] << (8 * i);
    return len > 9 && bytes[8] == '{' && header >= 2 && header < (UINT64_C(1) << 32);
}
