/* JSON by field tables: one table per message says name, kind, offset, limits; from it come decoding,
 * encoding, freeing and the JSON Schema, so that a fact stands once.
 *
 * Hostile input: before jansson sees a text, one linear scan cuts the values of BLOCK fields out of it and
 * refuses what is over IFM_JSON_TEXT_MAX bytes outside them, deeper than IFM_JSON_DEPTH_MAX, or not UTF-8.
 * Duplicate keys are refused. Unknown fields are ignored. Numbers must be finite and in range. null stands
 * for "absent" in optional strings and reals and in nullable integers; elsewhere it is refused.
 * Encoding leaves out what decoding would give back anyway: NULL, NAN, IFM_JSON_ABSENT, empty lists, maps and
 * objects, and zeroes where OMIT_ZERO says so. Required fields are always written.
 *
 * Threading: no shared state. Ownership: decode allocates strings, lists and blocks into the struct through
 * ifm_mem; ifm_json_free releases them and zeroes the struct. Absent optional fields keep zero (NULL, 0,
 * false, NAN for F64, IFM_JSON_ABSENT for I64 with flag IFM_FIELD_NULLABLE). */
#ifndef IFM_JSON_H
#define IFM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"

#define IFM_JSON_TEXT_MAX (256 * 1024) /* bytes outside the block strings */
#define IFM_JSON_DEPTH_MAX 16
#define IFM_JSON_ABSENT INT64_MIN /* an I64 that was not there; encode leaves it out */

enum ifm_field_kind {
    IFM_FIELD_BOOL,   /* bool */
    IFM_FIELD_I64,    /* int64_t in [min, max] (both 0: any) */
    IFM_FIELD_F64,    /* double, finite, in [min, max] (both 0: any); NAN = absent */
    IFM_FIELD_STRING, /* char *, at most max bytes (0: 1,024) */
    IFM_FIELD_CHOICE, /* int, index into `choices` ("ok|failed"); encoded as the word */
    IFM_FIELD_OBJECT, /* struct described by `table`, stored in place; absent stays zero (NAN, ABSENT) */
    IFM_FIELD_LIST,   /* struct ifm_list of structs described by `table`, at most max items (0: 1,024) */
    IFM_FIELD_STRINGS, /* struct ifm_strings, at most max items (0: 64), 1,024 bytes each */
    IFM_FIELD_INTS,   /* struct ifm_ints of int64_t, at most max items (0: 65,536) */
    IFM_FIELD_MAP,    /* struct ifm_map of string to string, at most max entries (0: 64), sorted by key */
    IFM_FIELD_BLOCK   /* struct ifm_block: base64 in JSON, bytes in memory, at most max bytes (0: 8 MiB) */
};

enum ifm_field_flag {
    IFM_FIELD_REQUIRED = 1, /* decode fails without it */
    IFM_FIELD_NULLABLE = 2, /* I64: JSON null or absence is IFM_JSON_ABSENT */
    IFM_FIELD_UUID = 4,     /* STRING must be a UUID */
    IFM_FIELD_SHA256 = 8,   /* STRING must be 64 lower-case hex digits */
    IFM_FIELD_TIME = 16,    /* STRING must be an RFC 3339 time */
    IFM_FIELD_OMIT_ZERO = 32, /* encode leaves it out when all its bytes are zero */
    IFM_FIELD_WORD_KEYS = 64  /* MAP: keys are 1..64 characters of [A-Za-z0-9_.-] */
};

struct ifm_list { void *items; size_t count; };
struct ifm_strings { char **items; size_t count; };
struct ifm_ints { int64_t *items; size_t count; };
struct ifm_map_entry { char *key, *value; };
struct ifm_map { struct ifm_map_entry *items; size_t count; };
struct ifm_block { uint8_t *bytes; size_t len; };

struct ifm_table;
struct ifm_field {
    const char *name;
    enum ifm_field_kind kind;
    size_t offset;
    unsigned flags;
    int64_t min, max;
    const struct ifm_table *table;
    const char *choices;
    const char *help; /* unit and meaning; becomes the schema's description */
    int64_t item_min, item_max; /* INTS: range of each (both 0: any); item_max of STRINGS and MAP: bytes of
                                   each value (0: 1,024) */
};
struct ifm_table {
    const char *name; /* schema file name without .schema.json */
    const char *help;
    size_t size; /* of the struct */
    const struct ifm_field *fields; /* ended by a row whose name is NULL */
};

/* Zeroes *out and writes what decode leaves for absent fields (NAN, IFM_JSON_ABSENT): the start of every
 * struct that is to be encoded. */
void ifm_json_init(const struct ifm_table *table, void *out);
/* On failure err->where is a JSON pointer ("/samples/0/first") and *out is zeroed. IFM_ERR_TOO_LARGE for
 * the size limits, IFM_ERR_BAD_REQUEST for text that is not JSON, IFM_ERR_INVALID for wrong fields. */
int ifm_json_decode(const struct ifm_table *table, const char *text, size_t len, void *out,
                    struct ifm_err *err);
void ifm_json_encode(const struct ifm_table *table, const void *in, struct ifm_buf *out); /* one line */
void ifm_json_free(const struct ifm_table *table, void *object);
void ifm_json_schema(const struct ifm_table *table, struct ifm_buf *out); /* draft 2020-12, pretty */

/* Streaming writer for replies and canonical JSON: commas and escapes are its business. */
struct ifm_jw { struct ifm_buf *out; bool comma; };
void ifm_jw_init(struct ifm_jw *w, struct ifm_buf *out);
void ifm_jw_begin(struct ifm_jw *w, char bracket);           /* '{' or '[' */
void ifm_jw_end(struct ifm_jw *w, char bracket);             /* '}' or ']' */
void ifm_jw_key(struct ifm_jw *w, const char *key);
void ifm_jw_string(struct ifm_jw *w, const char *text);      /* NULL writes null */
void ifm_jw_i64(struct ifm_jw *w, int64_t value);            /* IFM_JSON_ABSENT writes null */
void ifm_jw_f64(struct ifm_jw *w, double value);             /* shortest form that reads back; NAN: null */
void ifm_jw_bool(struct ifm_jw *w, bool value);
void ifm_jw_raw(struct ifm_jw *w, const char *json);         /* text that is already JSON */

#endif
