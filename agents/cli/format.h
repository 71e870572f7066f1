/* Numbers and times as people read them. Not locale-dependent.
 * Threading: pure functions. Ownership: text buffers are the caller's, at least IFM_FORMAT_MAX
 * bytes. */
#ifndef IFM_FORMAT_H
#define IFM_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define IFM_FORMAT_MAX 64

void ifm_format_ns(double ns, char *text); /* "30.12 ms"; "–" for NAN */
/* low and high in the unit of `like`: "[30.05 .. 30.31]" */
void ifm_format_ns_interval(double like, double low, double high, char *text);
void ifm_format_bytes(double bytes, char *text); /* "46.2 MB" (10^6) */
void ifm_format_bytes_interval(double like, double low, double high, char *text);
void ifm_format_uj(double microjoules, char *text); /* "1.234 mJ" */
void ifm_format_uj_interval(double like, double low, double high, char *text);
void ifm_format_rate(double per_second, char *text); /* "33.1 /s" */
void ifm_format_rate_interval(double low, double high, char *text);
void ifm_format_count(int64_t count, char *text); /* "1,024" */
/* "2026-11-24 22:51" in the local time zone, from RFC 3339 text */
void ifm_format_time(const char *rfc3339, char *text);
size_t ifm_format_width(const char *text); /* columns of UTF-8 text */

#endif
