/* Access to a flatbuffer that nobody verified: every table, vector and string is checked against the bytes
 * when it is touched. Knows no schema; readers name fields by their number.
 *
 * Threading: one thread a buffer. Ownership: everything points into the caller's bytes. Errors are sticky:
 * after the first fault every call returns its default and `fault` says what and where, so that a reader
 * checks once per loop. Positions are offsets from the start; 0 is "absent" (no table lies there).
 * Formulas: the flatbuffers wire format (little endian; a table starts with a signed offset back to its
 * vtable; vectors and strings start with a 32-bit count). */
#ifndef IFM_FLAT_H
#define IFM_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFM_FLAT_WORK_FACTOR 64 /* bytes of vectors opened, against the file's: shared vectors end here */

struct ifm_flat {
    const unsigned char *bytes;
    size_t len;
    uint64_t work;
    char fault[120]; /* "" while everything was in bounds */
};

struct ifm_flat_list {
    size_t at;      /* of the first element */
    uint32_t count; /* 0 also when the field is absent */
    bool present;
};

struct ifm_flat_text {
    const char *bytes; /* "" when absent; no NUL behind it is promised */
    size_t len;
};

void ifm_flat_init(struct ifm_flat *flat, const unsigned char *bytes, size_t len);
size_t ifm_flat_root(struct ifm_flat *flat);

bool ifm_flat_has(struct ifm_flat *flat, size_t table, unsigned field);
/* Scalars of 1, 2, 4 or 8 bytes; `fallback` when the field or the table is absent. */
uint64_t ifm_flat_unsigned(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes, uint64_t fallback);
int64_t ifm_flat_signed(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes, int64_t fallback);
double ifm_flat_float(struct ifm_flat *flat, size_t table, unsigned field, double fallback);
size_t ifm_flat_table(struct ifm_flat *flat, size_t table, unsigned field);
struct ifm_flat_text ifm_flat_text(struct ifm_flat *flat, size_t table, unsigned field);
/* A struct of `bytes` bytes that lies inside the table. */
const unsigned char *ifm_flat_struct(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes);

/* A vector of elements of element_bytes each (4 for tables and strings). Counts as work. */
struct ifm_flat_list ifm_flat_list(struct ifm_flat *flat, size_t table, unsigned field, unsigned element_bytes);
/* The same of bytes that are not walked, so that large ones cost nothing. */
struct ifm_flat_list ifm_flat_blob(struct ifm_flat *flat, size_t table, unsigned field);
/* Elements; index < count is the caller's to keep. */
size_t ifm_flat_list_table(struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index);
struct ifm_flat_text ifm_flat_list_text(struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index);
int32_t ifm_flat_list_i32(const struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index);
int64_t ifm_flat_list_i64(const struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index);

#endif
