/* Protocol-buffer wire format, read in place: one field at a time, no schema, no copies. Readers of ONNX, Core
 * ML and TensorFlow files stand on it.
 *
 * Hostile input: a length never leaves the message that it stands in; a varint has at most 10 bytes; groups
 * are skipped at most IFM_PB_GROUPS_MAX deep. Bytes of a field are not touched, so that weights in a mapped file
 * are stepped over without being read. Depth of messages is the caller's to limit.
 *
 * Threading: no shared state. Ownership: everything points into the caller's bytes. */
#ifndef IFM_PB_WIRE_H
#define IFM_PB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFM_PB_GROUPS_MAX 32

enum ifm_pb_type { IFM_PB_VARINT = 0, IFM_PB_FIXED64 = 1, IFM_PB_BYTES = 2, IFM_PB_GROUP = 3, IFM_PB_FIXED32 = 5 };

struct ifm_pb {
    const unsigned char *at, *end;
};

struct ifm_pb_field {
    uint32_t number;
    enum ifm_pb_type type;
    uint64_t value;             /* VARINT, FIXED64, FIXED32 */
    const unsigned char *bytes; /* BYTES */
    size_t len;
};

struct ifm_pb ifm_pb_of(const void *bytes, size_t len);
struct ifm_pb ifm_pb_inside(const struct ifm_pb_field *field); /* of a BYTES field; empty for another */

/* 1: *out is the next field; 0: the end; -1: malformed (*out.number is that of the field, 0 where even that is
 * not readable). Groups are stepped over and not handed out. */
int ifm_pb_next(struct ifm_pb *pb, struct ifm_pb_field *out);

/* One varint of a packed list: 1, 0 at the end, -1 malformed. */
int ifm_pb_varint(struct ifm_pb *pb, uint64_t *out);

/* First field of that number and type in a message; false: not there, or malformed before it. */
bool ifm_pb_find(struct ifm_pb pb, uint32_t number, enum ifm_pb_type type, struct ifm_pb_field *out);

#endif
