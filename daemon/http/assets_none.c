/* Stands in for the generated table while the dashboard was not built. */
#include "daemon/http/assets.h"

const struct ifm_asset ifm_assets[] = { { .path = NULL } };
const size_t ifm_asset_count = 0;
