/* The first look at a JSON text, before any parser allocates for it: size, depth, UTF-8, and the
 * values of BLOCK fields cut out. Not a parser: what it lets through may still not be JSON. Private
 * to json_*.c.
 *
 * Threading: no shared state. Ownership: cuts point into the caller's text; done releases the rest.
 */
#ifndef IFM_JSON_SCAN_H
#define IFM_JSON_SCAN_H

#include "core/json.h"

struct ifm_json_cut { /* the inside of one string, as it stands between its quotes */
    const char *text;
    size_t len;
    size_t at; /* where its index stands in the shortened text */
};
struct ifm_json_scan {
    const char *text; /* the caller's own when nothing was cut, else kept.data */
    size_t len;
    struct ifm_json_cut *cuts; /* the i-th cut string reads "i" in the shortened text */
    size_t count, cap;
    struct ifm_buf kept;
};

/* Linear in len; takes at most IFM_JSON_TEXT_MAX bytes and 24 per cut. Same codes as
 * ifm_json_decode. */
int ifm_json_scan(const struct ifm_table *table, const char *text, size_t len,
                  struct ifm_json_scan *out, struct ifm_err *err);
void ifm_json_scan_done(struct ifm_json_scan *scan);
/* Turns a byte offset in the shortened text into one of the original. */
size_t ifm_json_scan_offset(const struct ifm_json_scan *scan, size_t offset);

#endif
