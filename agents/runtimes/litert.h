/* What the files of the litert module share: litert.c has the slots, litert_setup.c the vendor library,
 * sessions and delegates, litert_graph.c what a graph's operators are and who takes them, litert_profile.c
 * the operator profile.
 *
 * Threading: the measuring thread, as include/inferometer/runtime.h says. Ownership: struct litert_state
 * owns what its members own. Errors: host->fail, with the library's own reason where it gave one. */
#ifndef IFM_LITERT_H
#define IFM_LITERT_H

#include <stdbool.h>
#include "agents/runtimes/litert_abi.h"
#include "inferometer/runtime.h"

#define LITERT_DELEGATE_NODES 4096 /* operators whose names a profile can tell */
#define LITERT_NAME           96
#define LITERT_LOOKS          3 /* before the delegates, between them, after them */

struct litert_state;
enum litert_provider { LITERT_XNNPACK, LITERT_BUILTIN };

struct litert_side { /* the model's inputs, or its outputs */
    size_t count;
    struct ifm_tensor_info info[IFM_MAX_TENSORS];
    char names[IFM_MAX_TENSORS][LITERT_NAME];
};

/* One look at all subgraphs, as a delegate that takes nothing sees them. */
struct litert_census {
    bool seen;
    uint64_t operators;            /* without those that stand for a delegate's part */
    int32_t first;                 /* number of the first one; -1: there is none */
    char first_makes[LITERT_NAME]; /* its first output */
    bool floats, halves, brains, integers; /* element types that are computed with */
};

struct litert_node { /* of the main graph, after the delegates */
    int32_t op;
    bool delegated;
    char makes[LITERT_NAME]; /* its first output */
    int32_t inputs[4];       /* tensors; -1: none */
};

struct litert_look { /* one walk over all subgraphs, by a delegate that lives as long as its interpreter */
    struct litert_state *s;
    struct litert_census *census; /* NULL: over */
    struct litert_node *nodes;    /* of the first graph that is walked; or NULL */
    size_t graphs;
};

struct litert_session { /* an interpreter and who computes for it */
    tfl_options *options;
    tfl_interpreter *interpreter;
    tfl_delegate *external, *xnnpack;
    tfl_delegate *lookers[LITERT_LOOKS];
    struct litert_look looks[LITERT_LOOKS];
    size_t look_count;
    struct litert_census whole, after_external, left;
    bool xnnpack_refused; /* after a delegate that allows no other */
};

struct litert_profile;

struct litert_state {
    int64_t threads;
    int provider;
    bool strict;
    const char *delegate; /* its library */
    struct ifm_option_list delegate_options;

    void *library, *plugin;
    struct tfl_api api;
    tfl_plugin_create *plugin_create;
    tfl_plugin_destroy *plugin_destroy;
    char said[200];          /* the library's first message since litert_forget */
    char delegate_name[48];
    tfl_model *model;
    struct litert_session plain, profiled;
    struct litert_session *used; /* by run and fetch */
    struct litert_side in, out;
    struct ifm_tensor inputs[IFM_MAX_TENSORS]; /* the host's, from bind */
    struct ifm_tensor outputs[IFM_MAX_TENSORS];

    struct litert_profile *profile; /* NULL: not made yet */
    struct litert_node *nodes;      /* where the next look at the whole graph is written to; or NULL */
    size_t node_count;
};

/* The one host of this process. */
extern const struct ifm_host *litert_host;

/* litert_setup.c */
int litert_library(struct litert_state *s); /* loads the vendor library, once */
void litert_forget(struct litert_state *s); /* before a call whose reason may be wanted */
int litert_refuse(const struct litert_state *s, const char *what); /* "what: the library's reason" */
void litert_report(void *state, const char *format, va_list args); /* takes the library's messages */
/* An interpreter without delegates; profiler NULL: none. */
int litert_session_open(struct litert_state *s, struct litert_session *session, tfl_telemetry *profiler);
/* Shapes, delegates, memory, inputs. */
int litert_session_ready(struct litert_state *s, struct litert_session *session);
int litert_session_inputs(struct litert_state *s, struct litert_session *session); /* the bound values, again */
void litert_session_close(struct litert_state *s, struct litert_session *session);
const char *litert_provider(const struct litert_state *s); /* that was asked for */

/* litert_graph.c */
enum ifm_dtype litert_dtype(tfl_type type);
/* Counts into census. Where the library cannot tell, nothing is seen and that is no error. */
void litert_look(struct litert_state *s, struct litert_session *session, struct litert_census *census);
int litert_placement(void *state, struct ifm_placement *rows, size_t *row_count);
const char *litert_precision(const struct litert_state *s); /* NULL: not known */

/* litert_profile.c */
int litert_profile_start(void *state);
int litert_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count);
void litert_profile_begin_inference(struct litert_state *s);
void litert_profile_free(struct litert_state *s);

#endif
