/* How warm the machine is, for the pause between invocations: wait until it is as cool as it was at
 * the start.
 *
 * Threading: reads files. Ownership: nothing is kept. */
#ifndef IFM_COOL_H
#define IFM_COOL_H

#include <stdbool.h>
#include <stdint.h>

#define IFM_COOL_ABOVE_MC 2000                  /* may be this much warmer than at the start */
#define IFM_COOL_MAX_NS   INT64_C(300000000000) /* then measure anyway; MLPerf Mobile's cool-down */

/* Hottest thermal zone in millidegrees Celsius; IFM_JSON_ABSENT where none can be read. root: "" or
 * NULL for this machine, else the folder of a recorded tree. */
int64_t ifm_cool_hottest(const char *root);

#endif
