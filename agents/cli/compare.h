/* Two runs against each other, computed here from raw samples: what differs in device, configuration and
 * variant, and for each metric the ratio with its interval and a verdict. Runs of one experiment are compared
 * round by round. Others were made one after the other, so drift between them is in the ratio; that is said,
 * and no replacement for interleaving. What must not be compared (another device, wrong outputs) and what was
 * measured in conditions that are not fit (untrusted) makes every verdict inconclusive.
 *
 * Threading: pure functions. Ownership: ifm_compared_done frees. */
#ifndef IFM_CLI_COMPARE_H
#define IFM_CLI_COMPARE_H

#include "agents/cli/cli.h"
#include "agents/cli/view.h"

#define IFM_COMPARED_DELTA 0.02

struct ifm_difference {
    const char *kind, *field, *a, *b;
}; /* borrowed from the views; "" where absent */
struct ifm_compared {
    const struct ifm_view *a, *b;
    bool comparable;
    char reason[512]; /* why not */
    struct ifm_difference *differences;
    size_t difference_count;
    bool interleaved; /* both are of one experiment: values are paired by round */
    size_t pairs;     /* rounds in which both succeeded */
    char capped[160]; /* "B is untrusted: throttled"; "" when both are fit */
    char caption[64]; /* "interleaved, 10 pairs" */
    struct ifm_comparison_result metrics[IFM_METRIC_COUNT];
    double detectable[IFM_METRIC_COUNT]; /* change that would have been seen, as a part; NAN: not known */
};
int ifm_compared_make(const struct ifm_view *a, const struct ifm_view *b, double delta,
                      struct ifm_compared *out, struct ifm_err *err);
void ifm_compared_done(struct ifm_compared *compared);

/* -- compare_print.c */
/* In the format that was asked for; nothing but what is in `compared`. */
int ifm_compared_print(struct ifm_cli *cli, const struct ifm_compared *compared, struct ifm_err *err);
/* The table alone, for people. */
void ifm_compared_table(struct ifm_cli *cli, const struct ifm_compared *compared);
/* The object of --json, without what surrounds it. */
int ifm_compared_json(struct ifm_jw *w, const struct ifm_compared *compared, struct ifm_err *err);
/* "+3.1 % [+2.8 .. +3.4]" */
void ifm_compared_change(const struct ifm_comparison_result *result, char *text, size_t size);
/* "3.2 %" or "240 %" of a part: two digits. */
void ifm_compared_percent(double part, char *text, size_t size);
/* "untrusted: throttled" of a run, at most `size` bytes. */
void ifm_compared_trust(const struct ifm_view *view, char *text, size_t size);

struct ifm_gate {
    enum ifm_metric metric;
    double limit;
}; /* fails above 1 + limit (below, for rates) */
/* "p50:5%,rss:10%"; at most IFM_METRIC_COUNT. IFM_ERR_USAGE with the nearest metric. */
int ifm_gate_parse(const char *text, struct ifm_gate gates[IFM_METRIC_COUNT], size_t *count,
                   struct ifm_err *err);
/* 0: shown to be within the limit, 1: shown to be beyond it, 3: neither. */
int ifm_gate_judge(const struct ifm_compared *compared, const struct ifm_gate *gate);

#endif
