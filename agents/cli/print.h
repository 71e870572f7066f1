/* Prints one run: the table for people, the same JSON as the daemon's GET /runs/{id} with "v":1,
 * CSV and Markdown. Computes nothing: every number comes from the view.
 *
 * Threading: one thread. Ownership: appends to the context's out. */
#ifndef IFM_PRINT_H
#define IFM_PRINT_H

#include "agents/cli/cli.h"
#include "agents/cli/view.h"

int ifm_print_view(struct ifm_cli *cli, const struct ifm_view *view, struct ifm_err *err);
void ifm_print_human(struct ifm_cli *cli, const struct ifm_view *view);
void ifm_print_md(struct ifm_cli *cli, const struct ifm_view *view);
/* Of one arm of an experiment: failures, outputs that differ, reasons of the trust verdict; nothing where there are
 * none. */
void ifm_print_remarks(struct ifm_cli *cli, const struct ifm_view *view, const char *name);
void ifm_print_json(struct ifm_buf *out, const struct ifm_view *view);
void ifm_print_estimate(struct ifm_jw *w,
                        const struct ifm_estimate *estimate); /* {value, low, high, …} */
/* "30.12 ms" and "[30.05 .. 30.31]", or why there is no interval; both at least IFM_FORMAT_MAX
 * bytes. */
void ifm_print_metric(enum ifm_metric metric, const struct ifm_estimate *estimate, char *value,
                      char *interval);
/* The same of a view; "emulated" in place of a time that an emulator took. */
void ifm_print_value(enum ifm_metric metric, const struct ifm_view *view, char *value, char *interval);
const char *ifm_print_label(enum ifm_metric metric); /* "P50", "peak RSS" */
void ifm_print_note(enum ifm_metric metric, const struct ifm_view *view, char *note,
                    size_t size);
/* Everything an invocation says of itself, the configuration and the keys: --verbose. In print_details.c. */
void ifm_print_details(struct ifm_cli *cli, const struct ifm_view *view);
/* Figures of the scenario; nothing where it is single. In print_scenario.c. */
void ifm_print_scenario(struct ifm_cli *cli, const struct ifm_view *view);
/* A line of block characters over the latencies, with its ends. */
void ifm_print_histogram(struct ifm_cli *cli, const struct ifm_view_histogram *histogram);

#endif
