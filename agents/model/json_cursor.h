/* A cursor over JSON text in a mapped file, for the headers of model formats: they may be 100 MB long and hold one
 * entry a tensor, too much for a tree and for the limits of messages. It goes forward only and copies nothing.
 *
 * Hostile input: bounds-checked; what is skipped may be nested IFM_JSON_SKIP_MAX deep. After a fault `failed` is
 * set and every call says no. It is no validator of UTF-8: ifm_graph_text cleans what is shown.
 *
 * Threading: one cursor, one thread. Ownership: texts point into the caller's bytes. */
#ifndef IFM_JSON_CURSOR_H
#define IFM_JSON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFM_JSON_SKIP_MAX 64

struct ifm_json_cursor {
    const char *at, *end;
    bool failed;
};
struct ifm_json_text { const char *bytes; size_t len; }; /* between the quotes, escapes as they stand */

struct ifm_json_cursor ifm_json_cursor(const void *bytes, size_t len);
/* 1: inside, before the first entry; 0: it is empty, and left; -1: no such bracket ('{' or '[') here. */
int ifm_json_enter(struct ifm_json_cursor *json, char open);
int ifm_json_more(struct ifm_json_cursor *json, char close); /* 1: another follows; 0: left; -1 failed */
bool ifm_json_key(struct ifm_json_cursor *json, struct ifm_json_text *out); /* with its colon */
bool ifm_json_string(struct ifm_json_cursor *json, struct ifm_json_text *out);
bool ifm_json_integer(struct ifm_json_cursor *json, int64_t *out);
bool ifm_json_skip(struct ifm_json_cursor *json);          /* any one value */
bool ifm_json_end(struct ifm_json_cursor *json);           /* only white space is left */
bool ifm_json_is(const struct ifm_json_text *text, const char *word);
/* With escapes resolved, cut to size, NUL-terminated. */
void ifm_json_plain(const struct ifm_json_text *text, char *out, size_t size);

#endif
