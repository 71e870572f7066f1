/* What a client says it accepts or already has: Accept-Encoding, Accept, If-None-Match, Content-Type.
 * Threading: pure functions. Ownership: all texts are borrowed; NULL means the header was not sent. */
#ifndef IFM_NEGOTIATE_H
#define IFM_NEGOTIATE_H

#include <stdbool.h>

/* gzip (or x-gzip, or *) is listed with a quality above 0; an explicit gzip;q=0 wins over *. */
bool ifm_negotiate_gzip(const char *accept_encoding);
/* text/html is listed: a browser asks for a page. */
bool ifm_negotiate_html(const char *accept);
/* application/json, with or without parameters. */
bool ifm_negotiate_is_json(const char *content_type);
/* Weak comparison (RFC 9110 13.1.2) of If-None-Match with our quoted tag, which may begin with W/. A tag
 * that we sent with a gzip body carries "-gzip" before its last quote; it matches too. "*" matches. */
bool ifm_negotiate_not_modified(const char *if_none_match, const char *etag);

#endif
