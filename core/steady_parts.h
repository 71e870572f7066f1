/* What the files of core/steady.h share. Threading and ownership: as there. */
#ifndef IFM_STEADY_PARTS_H
#define IFM_STEADY_PARTS_H

#include "core/steady.h"

/* The class of Barrett et al.; steady: points at the end that the last segment must cover. With
 * `isolated`, single outliers are levelled out first. */
enum ifm_steady_class ifm_steady_classify(const double *values, size_t n, size_t steady,
                                          double floor_var, bool isolated);
/* Standard deviation of the noise, from differences of neighbours: levels and trends do not count.
 */
double ifm_steady_noise(const double *values, size_t n);

#endif
