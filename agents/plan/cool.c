#include "agents/plan/cool.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"

#define ZONES_MAX 64

/* Zones report nonsense for sensors that are switched off: what no chip can have is left out. */
static bool plausible(long long mc)
{
    return mc > 0 && mc < 150000;
}

int64_t ifm_cool_hottest(const char *root)
{
    int64_t hottest = IFM_JSON_ABSENT;
    for (int zone = 0; zone < ZONES_MAX; zone++) {
        char path[512], text[32];
        snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/temp", root ? root : "",
                 zone);
        FILE *file = fopen(path, "re");
        if (!file)
            break; /* zones are numbered without gaps */
        if (fgets(text, sizeof text, file)) {
            long long mc = strtoll(text, NULL, 10);
            if (plausible(mc) && mc > hottest)
                hottest = mc;
        }
        fclose(file);
    }
    return hottest;
}
