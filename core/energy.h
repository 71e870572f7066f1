/* Energy per inference out of what the rails of one invocation used: gross, net of the idle power,
 * and how well it is covered. Not a meter: agents/worker/observe.c reads the counters.
 *
 * Formulas: measurement.md 9.1: E_gross/N and (E1 - E0 - P_idle * T)/N, T being the rail's own
 * window. Rails are estimates of a part of the machine (a processor package is not the wall), so
 * the words say which. What is absent stays absent: NAN, never 0. Threading: pure functions.
 * Ownership: all is borrowed. */
#ifndef IFM_ENERGY_H
#define IFM_ENERGY_H

#include <stdbool.h>
#include "core/msg.h"

#define IFM_ENERGY_UPDATES_MIN   100 /* of the counter within the window: below, "few updates" */
#define IFM_ENERGY_WINDOW_MIN_NS ((int64_t)10000000000)
#define IFM_ENERGY_TEXT_MAX      200

struct ifm_energy {
    double gross_uj; /* per inference, over the counted rails; NAN: no counted rail */
    double net_uj;   /* NAN: the idle power of a counted rail is not known; may be below 0 */
    double mean_uw;  /* gross power over the window */
    size_t rails, counted;
    int64_t window_ns, updates; /* the least of any counted rail */
    bool few;                   /* too few updates, or too short a window, to stand on */
};

/* rails: list of struct ifm_msg_energy of one invocation. inferences: in the window, batches
 * counted as their calls (invocation.iterations). */
void ifm_energy_assess(const struct ifm_list *rails, int64_t inferences, struct ifm_energy *out);

/* "package_0 + dram_0 (not added: core_0), 30 updates in 3.0 s: few updates"; "" without rails. */
void ifm_energy_coverage(const struct ifm_list *rails, const struct ifm_energy *energy,
                         char text[IFM_ENERGY_TEXT_MAX]);

/* Mean power, uW; IFM_JSON_ABSENT where ns <= 0 or the energy did not move. */
int64_t ifm_energy_power_uw(int64_t energy_uj, int64_t ns);

#endif
