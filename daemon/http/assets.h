/* The dashboard's files, embedded in the binary: a table that web/build.mjs generates (or an empty one,
 * assets_none.c, when the web bundle was not built). Threading: const data. */
#ifndef IFM_ASSETS_H
#define IFM_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ifm_asset {
    const char *path;         /* "/index.html", "/app.3f2a9c1e.js" */
    const char *content_type;
    const char *etag;         /* quoted, strong */
    const uint8_t *bytes;
    size_t len;
    const uint8_t *gzip;      /* NULL: not worth it */
    size_t gzip_len;
    bool immutable;           /* content-hashed name: may be cached for a year */
};
extern const struct ifm_asset ifm_assets[];
extern const size_t ifm_asset_count;

const struct ifm_asset *ifm_assets_find(const char *path); /* exact path; NULL: there is none */

#endif
