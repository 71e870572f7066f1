/* The operator profile of TensorFlow Lite, by its telemetry profiler: the library calls begin and end around
 * each builtin kernel, and after a delegate that profiles its own operators (XNNPACK does) one call for each
 * of them with whole microseconds. An interpreter calls the profiler for ever, so that profile_start makes a
 * second one, which stands in the place of the first until profile_stop. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "agents/runtimes/litert.h"

#define SKIP     2    /* inferences of the new interpreter that are not counted */
#define ROWS_MAX 2048
#define DEPTH    16   /* operators that contain operators */

struct key { /* what an operator is told apart by, in every inference the same */
    int64_t op, subgraph, after; /* after: the builtin kernel before it, for a delegate's operators */
    bool told;                   /* by a delegate */
};

struct open_op { /* begun and not ended */
    size_t row;
    int64_t begin_ns, inside_ns; /* inside: operators that it contains */
};

struct litert_profile {
    struct tfl_profiler calls;
    struct litert_state *s;
    bool counting;
    int64_t begin_ns;  /* of this inference */
    size_t position;   /* where the next operator's row is likely to be */
    int64_t last_kernel;
    int32_t part;      /* of a delegate's operators: which of its parts, counted in file order */
    size_t depth;
    struct open_op open[DEPTH];
    size_t row_count, lost; /* lost: calls that found no room */
    struct key keys[ROWS_MAX];
    int64_t starts[ROWS_MAX]; /* sum over inferences */
    uint64_t inferences[ROWS_MAX], latest[ROWS_MAX]; /* that it was called in; the number of the latest */
    uint64_t inference;
    struct ifm_op_profile rows[ROWS_MAX];
    struct litert_node nodes[LITERT_DELEGATE_NODES];
    size_t node_count;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* -- Rows ----------------------------------------------------------------------------------------- */
static const struct litert_node *node_of(const struct litert_profile *p, const struct key *key)
{
    for (size_t i = 0; key->subgraph == 0 && !key->told && i < p->node_count; i++) {
        if (p->nodes[i].op == key->op) {
            return &p->nodes[i];
        }
    }
    return NULL;
}

static void write_shapes(const struct litert_state *s, const struct litert_node *node, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; s->api.InterpreterGetTensor && i < 4 && node->inputs[i] >= 0; i++) {
        const tfl_tensor *t = s->api.InterpreterGetTensor(s->profiled.interpreter, node->inputs[i]);
        const int32_t rank = t ? s->api.TensorNumDims(t) : 0;
        for (int32_t d = 0; d < rank && used < size; d++) {
            used += (size_t)snprintf(text + used, size - used, "%s%d", d ? "x" : i ? " " : "",
                                     (int)s->api.TensorDim(t, d));
        }
    }
}

static const char *provider_of(const struct litert_state *s, const struct key *key, const struct litert_node *node)
{
    const struct litert_session *used = &s->profiled;
    if (key->told || (node && node->delegated)) { /* with two delegates nobody says which one it was */
        return used->external && used->xnnpack ? "" : used->external ? s->delegate_name : "xnnpack";
    }
    return !node && used->external ? "" : "builtin"; /* the graph could not be looked at after the delegate */
}

static void fill_row(struct litert_profile *p, size_t index, const char *name)
{
    struct ifm_op_profile *row = &p->rows[index];
    const struct key *key = &p->keys[index];
    const struct litert_node *node = node_of(p, key);
    *row = (struct ifm_op_profile){ .start_ns = -1 };
    snprintf(row->type, sizeof row->type, "%s", name ? name : "?");
    snprintf(row->provider, sizeof row->provider, "%s", provider_of(p->s, key, node));
    if (key->told) {
        snprintf(row->name, sizeof row->name, "part %d, operator %lld", (int)p->part, (long long)key->op);
    } else if (node && node->makes[0]) {
        snprintf(row->name, sizeof row->name, "%s", node->makes);
    } else {
        snprintf(row->name, sizeof row->name, "subgraph %lld, operator %lld", (long long)key->subgraph,
                 (long long)key->op);
    }
    if (node) {
        write_shapes(p->s, node, row->shapes, sizeof row->shapes);
    }
}

static bool same(const struct litert_profile *p, size_t row, const struct key *key, const char *name)
{
    const struct key *k = &p->keys[row];
    return k->op == key->op && k->subgraph == key->subgraph && k->after == key->after && k->told == key->told &&
           strncmp(p->rows[row].type, name ? name : "?", sizeof p->rows[row].type - 1) == 0;
}

/* Inferences are alike, so that the row after the latest one is nearly always it. */
static size_t find_row(struct litert_profile *p, const struct key *key, const char *name)
{
    for (size_t i = 0; i < p->row_count; i++) {
        const size_t row = (p->position + i) % p->row_count;
        if (same(p, row, key, name)) {
            p->position = row + 1;
            return row;
        }
    }
    if (p->row_count == ROWS_MAX) {
        p->lost++;
        return ROWS_MAX;
    }
    p->keys[p->row_count] = *key;
    fill_row(p, p->row_count, name);
    p->position = p->row_count + 1;
    return p->row_count++;
}

static void add(struct litert_profile *p, size_t row, int64_t total_ns, int64_t start_ns)
{
    if (!p->counting || row >= p->row_count) {
        return;
    }
    p->rows[row].calls++;
    p->rows[row].total_ns += (uint64_t)(total_ns > 0 ? total_ns : 0);
    if (start_ns >= 0 && p->latest[row] != p->inference) {
        p->latest[row] = p->inference;
        p->starts[row] += start_ns;
        p->inferences[row]++;
    }
}

/* -- What the library calls ----------------------------------------------------------------------- */
static void on_event(struct tfl_profiler *calls, const char *name, uint64_t status)
{
    (void)calls;
    (void)name;
    (void)status;
}

static void on_op_event(struct tfl_profiler *calls, const char *name, int64_t op, int64_t subgraph, uint64_t status)
{
    (void)calls;
    (void)name;
    (void)op;
    (void)subgraph;
    (void)status;
}

static void on_settings(struct tfl_profiler *calls, const char *name, const void *settings)
{
    (void)calls;
    (void)name;
    (void)settings;
}

static uint32_t on_begin(struct tfl_profiler *calls, const char *name, int64_t op, int64_t subgraph)
{
    struct litert_profile *p = calls->data;
    const struct key key = { .op = op, .subgraph = subgraph, .after = -1 };
    const size_t row = find_row(p, &key, name);
    p->last_kernel = op;
    if (p->depth < DEPTH) {
        p->open[p->depth] = (struct open_op){ .row = row, .begin_ns = now_ns() };
    }
    return (uint32_t)p->depth++;
}

static void on_end(struct tfl_profiler *calls, uint32_t handle)
{
    struct litert_profile *p = calls->data;
    if (p->depth == 0 || handle != p->depth - 1 || p->depth-- > DEPTH) {
        return;
    }
    const struct open_op *op = &p->open[p->depth];
    const int64_t took_ns = now_ns() - op->begin_ns;
    add(p, op->row, took_ns - op->inside_ns, op->begin_ns - p->begin_ns);
    if (p->depth > 0) {
        p->open[p->depth - 1].inside_ns += took_ns;
    }
}

static void on_took(struct tfl_profiler *calls, const char *name, uint64_t us, int64_t op, int64_t subgraph)
{
    struct litert_profile *p = calls->data;
    const struct key key = { .op = op, .subgraph = subgraph, .after = p->last_kernel, .told = true };
    const int64_t took_ns = us < INT64_MAX / 1000000 ? (int64_t)us * 1000 : 0;
    p->part += op == 0;
    add(p, find_row(p, &key, name), took_ns, -1);
    if (p->depth > 0 && p->depth <= DEPTH) {
        p->open[p->depth - 1].inside_ns += took_ns;
    }
}

void litert_profile_begin_inference(struct litert_state *s)
{
    struct litert_profile *p = s->profile;
    p->depth = 0;
    p->position = 0;
    p->last_kernel = -1;
    p->part = 0;
    p->inference++;
    p->begin_ns = now_ns();
}

/* -- Slots ---------------------------------------------------------------------------------------- */
static int make_profiled(struct litert_state *s)
{
    struct litert_profile *p = s->profile;
    int status = litert_session_open(s, &s->profiled, (tfl_telemetry *)(void *)&p->calls);
    s->nodes = p->nodes; /* of the last look: who is left, and who stands for a delegate */
    status = status ? status : litert_session_ready(s, &s->profiled);
    p->node_count = s->node_count;
    s->nodes = NULL;
    s->used = status ? s->used : &s->profiled;
    for (int i = 0; status == 0 && i < SKIP; i++) {
        litert_profile_begin_inference(s);
        if ((int)s->api.InterpreterInvoke(s->profiled.interpreter) != TFL_OK) {
            status = litert_refuse(s, "the profiled interpreter cannot run");
        }
    }
    return status;
}

int litert_profile_start(void *state)
{
    struct litert_state *s = state;
    if (s->used == &s->profiled) {
        return litert_host->fail(litert_host->context, "a profile is running already");
    }
    if (!s->api.InterpreterOptionsSetTelemetryProfiler) {
        return litert_host->fail(litert_host->context, "this TensorFlow Lite has no operator profile");
    }
    s->profile = s->profile ? s->profile : litert_host->alloc(litert_host->context, sizeof *s->profile);
    if (!s->profile) {
        return litert_host->fail(litert_host->context, "out of memory for the profile");
    }
    memset(s->profile, 0, sizeof *s->profile);
    s->profile->s = s;
    s->profile->calls = (struct tfl_profiler){ .data = s->profile, .event = on_event, .op_event = on_op_event,
                                               .settings = on_settings, .op_begin = on_begin, .op_end = on_end,
                                               .op_took = on_took };
    const int status = make_profiled(s);
    if (status != 0) {
        s->used = &s->plain;
        litert_session_close(s, &s->profiled);
    }
    s->profile->counting = status == 0;
    return status;
}

/* Shapes are asked for now: dynamic ones are known only after an inference. */
static void take_rows(struct litert_profile *p, struct ifm_op_profile *rows, size_t room, size_t *count)
{
    for (size_t taken = 0; taken < p->row_count && *count < room; taken++) {
        size_t longest = ROWS_MAX;
        for (size_t i = 0; i < p->row_count; i++) {
            if (p->rows[i].calls > 0 && (longest == ROWS_MAX || p->rows[i].total_ns > p->rows[longest].total_ns)) {
                longest = i;
            }
        }
        if (longest == ROWS_MAX) {
            return;
        }
        struct ifm_op_profile *row = &rows[(*count)++];
        const struct litert_node *node = node_of(p, &p->keys[longest]);
        *row = p->rows[longest];
        row->start_ns = p->inferences[longest] ? p->starts[longest] / (int64_t)p->inferences[longest] : -1;
        if (node) {
            write_shapes(p->s, node, row->shapes, sizeof row->shapes);
        }
        p->rows[longest].calls = 0; /* taken */
    }
}

int litert_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    struct litert_state *s = state;
    struct litert_profile *p = s->profile;
    const size_t room = *row_count;
    if (s->used != &s->profiled) {
        return litert_host->fail(litert_host->context, "no profile is running");
    }
    p->counting = false;
    *row_count = 0;
    take_rows(p, rows, room, row_count);
    const size_t lost = p->lost, told = *row_count;
    s->used = &s->plain;
    litert_session_close(s, &s->profiled);
    if (lost > 0) {
        litert_host->log(litert_host->context, IFM_LOG_WARN, "the profile has room for %d operators; %zu calls are left out",
                         ROWS_MAX, lost);
    }
    return told > 0 ? 0 : litert_host->fail(litert_host->context, "TensorFlow Lite told of no operator");
}

void litert_profile_free(struct litert_state *s)
{
    if (s->profile) {
        litert_host->free(litert_host->context, s->profile);
    }
    s->profile = NULL;
}
