/* What is likely to go wrong with a model where it is to run: a table of rules over what its file says.
 * Nothing is loaded and nothing is measured here, so findings say "may" and name what was seen.
 *
 * Threading: one thread. Ownership: the graph is borrowed; ifm_lint_done frees what open made. */
#ifndef IFM_LINT_H
#define IFM_LINT_H

#include "agents/model/graph.h"
#include "core/buf.h"

enum ifm_lint_target { IFM_LINT_ANY, IFM_LINT_SERVER, IFM_LINT_PHONE, IFM_LINT_BROWSER, IFM_LINT_TENSORRT,
                       IFM_LINT_COREML, IFM_LINT_MICROCONTROLLER, IFM_LINT_TARGETS };
#define IFM_LINT_TARGET_CHOICES "any|server|phone|browser|tensorrt|coreml|microcontroller"
#define IFM_LINT_PHONE_BYTES    INT64_C(1500000000) /* iOS ends a process at about this size */
#define IFM_LINT_BROWSER_BYTES  INT64_C(25000000)   /* a download that people still wait for */

struct ifm_lint {
    const struct ifm_graph *graph;
    enum ifm_lint_target target;
    int64_t budget_bytes;            /* of a download */
    uint32_t *makers;                /* node that makes each tensor, or NONE */
    uint32_t *uses, *users;          /* how many read it; the last node that does */
    bool onnx;
};
int ifm_lint_open(struct ifm_lint *lint, const struct ifm_graph *graph, struct ifm_err *err);
void ifm_lint_done(struct ifm_lint *lint);

/* Whether the rule finds something; what it saw goes to `seen`. */
typedef bool ifm_lint_check(const struct ifm_lint *lint, struct ifm_buf *seen);
struct ifm_lint_rule {
    const char *code;
    const char *severities; /* one letter a target, in their order: '-' off, n note, w warning, e error */
    const char *text;       /* one sentence */
    const char *remedy;
    ifm_lint_check *check;
};
extern const struct ifm_lint_rule ifm_lint_rules[]; /* ended by a row without a code */

ifm_lint_check ifm_lint_fixed_batch, ifm_lint_missing_axes, ifm_lint_dynamic_shapes, ifm_lint_unnamed_dims,
    ifm_lint_int64_input, ifm_lint_old_opset, ifm_lint_missing_opset, ifm_lint_engine, ifm_lint_torchscript,
    ifm_lint_pickle, ifm_lint_format, ifm_lint_external, ifm_lint_float64, ifm_lint_huge, ifm_lint_protobuf,
    ifm_lint_unused, ifm_lint_float_weights, ifm_lint_browser_size, ifm_lint_phone_memory, ifm_lint_simulator,
    ifm_lint_precision;
ifm_lint_check ifm_lint_sensitive, ifm_lint_unfused_qdq, ifm_lint_dynamic_conv, ifm_lint_qoperators, ifm_lint_fallback,
    ifm_lint_random, ifm_lint_leftover, ifm_lint_training, ifm_lint_batchnorm, ifm_lint_custom,
    ifm_lint_transposes;

/* Asks every runtime here that reads the format to load the model, each in a process of its own. Returns how many
 * refuse; `refuses` says why, `loads` names those that take it. */
size_t ifm_lint_load(const struct ifm_lint *lint, struct ifm_buf *loads, struct ifm_buf *refuses);

/* -- For checks ---------------------------------------------------------------------------------- */
bool ifm_lint_among(const char *word, const char *const *words); /* words end with NULL */
const struct ifm_graph_node *ifm_lint_maker(const struct ifm_lint *lint, uint32_t tensor); /* NULL: none */
/* Counts, and names the first three of them in `seen`: "2 (a, b)". */
void ifm_lint_name(struct ifm_buf *seen, size_t index, const char *name);

#endif
