#include "daemon/http/assets.h"

#include <string.h>

/* A dozen rows: a linear search costs less than the request's headers. The path is only ever compared, so
 * that no ".." can lead anywhere. */
const struct ifm_asset *ifm_assets_find(const char *path)
{
    for (size_t i = 0; i < ifm_asset_count; i++) {
        if (strcmp(ifm_assets[i].path, path) == 0) {
            return &ifm_assets[i];
        }
    }
    return NULL;
}
