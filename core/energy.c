#include "core/energy.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t ifm_energy_power_uw(int64_t energy_uj, int64_t ns)
{
    if (ns <= 0 || energy_uj <= 0) {
        return IFM_JSON_ABSENT;
    }
    const double uw = (double)energy_uj * 1e9 / (double)ns;
    return uw < 0x1p62 ? (int64_t)(uw + 0.5) : IFM_JSON_ABSENT;
}

/* A counter that never moved was not observed: some virtual machines show the zone and hold it
 * still. */
static bool counts(const struct ifm_msg_energy *rail)
{
    return rail->counted && rail->updates > 0 && rail->window_ns > 0;
}

void ifm_energy_assess(const struct ifm_list *rails, int64_t inferences, struct ifm_energy *out)
{
    const struct ifm_msg_energy *items = rails->items;
    double gross = 0, idle = 0, uw = 0;
    *out = (struct ifm_energy){ .gross_uj = NAN, .net_uj = NAN, .mean_uw = NAN };
    out->rails = rails->count;
    for (size_t i = 0; i < rails->count; i++) {
        if (!counts(&items[i])) {
            continue;
        }
        const double seconds = (double)items[i].window_ns / 1e9;
        gross += (double)items[i].energy_uj;
        uw += (double)items[i].energy_uj / seconds;
        /* NAN from one rail makes the whole net unknown */
        idle += items[i].idle_uw == IFM_JSON_ABSENT ? NAN : (double)items[i].idle_uw * seconds;
        if (out->counted == 0 || items[i].window_ns < out->window_ns) {
            out->window_ns = items[i].window_ns;
        }
        if (out->counted == 0 || items[i].updates < out->updates) {
            out->updates = items[i].updates;
        }
        out->counted++;
    }
    if (out->counted == 0 || inferences <= 0) {
        return;
    }
    out->gross_uj = gross / (double)inferences;
    out->net_uj = (gross - idle) / (double)inferences;
    out->mean_uw = uw;
    out->few = out->updates < IFM_ENERGY_UPDATES_MIN || out->window_ns < IFM_ENERGY_WINDOW_MIN_NS;
}

/* Names of the rails that are, or are not, in the total; cut where the text is full. */
static size_t names(const struct ifm_list *rails, bool counted, const char *between, char *text,
                    size_t size)
{
    const struct ifm_msg_energy *items = rails->items;
    size_t len = 0;
    for (size_t i = 0; i < rails->count; i++) {
        if (counts(&items[i]) != counted || !items[i].rail) {
            continue;
        }
        const int n = snprintf(text + len, size - len, "%s%s", len ? between : "", items[i].rail);
        if (n < 0 || (size_t)n >= size - len) {
            text[len] = '\0';
            return len;
        }
        len += (size_t)n;
    }
    return len;
}

void ifm_energy_coverage(const struct ifm_list *rails, const struct ifm_energy *energy,
                         char text[IFM_ENERGY_TEXT_MAX])
{
    char in[80] = "", out[60] = "";
    text[0] = '\0';
    if (energy->counted == 0) {
        return;
    }
    names(rails, true, " + ", in, sizeof in);
    const size_t others = names(rails, false, ", ", out, sizeof out);
    snprintf(text, IFM_ENERGY_TEXT_MAX, "%s%s%s%s, %lld update%s in %.1f s%s", in,
             others ? " (not added: " : "", out, others ? ")" : "", (long long)energy->updates,
             energy->updates == 1 ? "" : "s", (double)energy->window_ns / 1e9,
             energy->few ? ": few updates" : "");
}
