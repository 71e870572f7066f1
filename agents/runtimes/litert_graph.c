/* What the operators of a graph are and who takes them. The C API lets nobody but a delegate look at a
 * graph, so that a delegate is what looks: one that takes nothing, before and after each real one. The
 * difference of two looks is what the delegate between them took. */
#include <stdio.h>
#include <string.h>
#include "agents/runtimes/litert.h"

#define OPERATORS_MAX 1000000

enum ifm_dtype litert_dtype(tfl_type type)
{
    static const enum ifm_dtype dtypes[TFL_TYPE_COUNT] = {
        [TFL_F32] = IFM_DTYPE_F32, [TFL_F64] = IFM_DTYPE_F64, [TFL_F16] = IFM_DTYPE_F16,
        [TFL_BF16] = IFM_DTYPE_BF16, [TFL_I8] = IFM_DTYPE_I8, [TFL_I16] = IFM_DTYPE_I16,
        [TFL_I32] = IFM_DTYPE_I32, [TFL_I64] = IFM_DTYPE_I64, [TFL_U8] = IFM_DTYPE_U8,
        [TFL_U16] = IFM_DTYPE_U16, [TFL_U32] = IFM_DTYPE_U32, [TFL_U64] = IFM_DTYPE_U64,
        [TFL_BOOL] = IFM_DTYPE_BOOL,
    };
    const int index = (int)type;
    return index > 0 && index < TFL_TYPE_COUNT ? dtypes[index] : IFM_DTYPE_NONE;
}

static void note_type(const struct tfl_api *api, const tfl_tensor *tensor, struct litert_census *census)
{
    const int type = (int)api->TensorType(tensor);
    const bool scaled = (type == TFL_U8 || type == TFL_I16) && api->TensorQuantizationParams(tensor).scale > 0;
    census->floats = census->floats || type == TFL_F32;
    census->halves = census->halves || type == TFL_F16;
    census->brains = census->brains || type == TFL_BF16;
    census->integers = census->integers || type == TFL_I8 || type == TFL_I4 || scaled;
}

/* Operators that only convert say nothing of what is computed with. */
static void note_types(const struct litert_look *look, tfl_context *context, const tfl_node *node, int op)
{
    const struct tfl_api *api = &look->s->api;
    const int *items = NULL;
    int count = 0;
    if (op == TFL_OP_QUANTIZE || op == TFL_OP_DEQUANTIZE || op == TFL_OP_DENSIFY) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        const tfl_status status = side ? api->OpaqueNodeOutputs(node, &items, &count)
                                       : api->OpaqueNodeInputs(node, &items, &count);
        for (int i = 0; (int)status == TFL_OK && i < count; i++) {
            const tfl_tensor *t = items[i] >= 0 ? api->OpaqueContextGetOpaqueTensor(context, items[i]) : NULL;
            if (t) {
                note_type(api, t, look->census);
            }
        }
    }
}

static void name_of_output(const struct litert_look *look, tfl_context *context, const tfl_node *node, char *text)
{
    const struct tfl_api *api = &look->s->api;
    const int *items = NULL;
    int count = 0;
    const tfl_tensor *t = NULL;
    if ((int)api->OpaqueNodeOutputs(node, &items, &count) == TFL_OK && count > 0 && items[0] >= 0) {
        t = api->OpaqueContextGetOpaqueTensor(context, items[0]);
    }
    const char *name = t ? api->TensorName(t) : NULL;
    snprintf(text, LITERT_NAME, "%s", name ? name : "");
}

static void keep_node(const struct litert_look *look, tfl_context *context, const tfl_node *node, int op, int code)
{
    const int *items = NULL;
    int count = 0;
    struct litert_state *s = look->s;
    if (!look->nodes || look->graphs > 1 || s->node_count >= LITERT_DELEGATE_NODES) {
        return;
    }
    struct litert_node *kept = &look->nodes[s->node_count++];
    *kept = (struct litert_node){ .op = op, .delegated = code == TFL_OP_DELEGATE, .inputs = { -1, -1, -1, -1 } };
    name_of_output(look, context, node, kept->makes);
    if ((int)s->api.OpaqueNodeInputs(node, &items, &count) == TFL_OK) {
        for (int i = 0; i < count && i < 4; i++) {
            kept->inputs[i] = items[i];
        }
    }
}

/* A delegate's prepare: called once for each subgraph. */
static tfl_status walk(tfl_context *context, tfl_delegate *self, void *data)
{
    struct litert_look *look = data;
    struct tfl_ints *plan = NULL;
    (void)self;
    if (!look->census) {
        return (tfl_status)TFL_OK; /* asked again later: nobody wants to know */
    }
    const struct tfl_api *api = &look->s->api;
    if ((int)api->OpaqueContextGetExecutionPlan(context, &plan) != TFL_OK || !plan ||
        plan->size > OPERATORS_MAX) {
        return (tfl_status)TFL_ERROR;
    }
    look->graphs++;
    for (int i = 0; i < plan->size; i++) {
        tfl_node *node = NULL;
        tfl_operator *operator = NULL;
        if ((int)api->OpaqueContextGetNodeAndRegistration(context, plan->items[i], &node, &operator) != TFL_OK) {
            return (tfl_status)TFL_ERROR;
        }
        const int code = api->OperatorGetBuiltInCode(operator);
        keep_node(look, context, node, plan->items[i], code);
        if (code == TFL_OP_DELEGATE) {
            continue;
        }
        if (look->census->operators++ == 0) {
            look->census->first = plan->items[i];
            name_of_output(look, context, node, look->census->first_makes);
        }
        note_types(look, context, node, code);
    }
    return (tfl_status)TFL_OK;
}

static bool can_look(const struct tfl_api *api)
{
    return api->InterpreterModifyGraphWithDelegate && api->OpaqueDelegateCreate && api->OpaqueDelegateDelete &&
           api->OpaqueContextGetExecutionPlan && api->OpaqueContextGetNodeAndRegistration &&
           api->OpaqueContextGetOpaqueTensor && api->OpaqueNodeInputs && api->OpaqueNodeOutputs &&
           api->OperatorGetBuiltInCode;
}

void litert_look(struct litert_state *s, struct litert_session *session, struct litert_census *census)
{
    *census = (struct litert_census){ .first = -1 };
    if (!can_look(&s->api) || session->look_count == LITERT_LOOKS) {
        return;
    }
    struct litert_look *look = &session->looks[session->look_count];
    *look = (struct litert_look){ .s = s, .census = census, .nodes = s->nodes };
    const tfl_builder builder = { .data = look, .flags = TFL_ALLOW_DYNAMIC, .prepare = walk };
    tfl_delegate *delegate = s->api.OpaqueDelegateCreate(&builder);
    if (delegate) {
        session->lookers[session->look_count++] = delegate;
        s->node_count = 0;
        const tfl_status status = s->api.InterpreterModifyGraphWithDelegate(session->interpreter, delegate);
        census->seen = (int)status == TFL_OK && look->graphs > 0;
    }
    look->census = NULL;
    look->nodes = NULL;
}

/* -- What came of it ------------------------------------------------------------------------------ */
static void add_row(struct ifm_placement *rows, size_t room, size_t *count, const char *provider, uint64_t n)
{
    if (*count < room && n > 0) {
        snprintf(rows[*count].provider, sizeof rows[*count].provider, "%s", provider);
        rows[(*count)++].operators = n;
    }
}

int litert_placement(void *state, struct ifm_placement *rows, size_t *row_count)
{
    struct litert_state *s = state;
    const struct litert_session *plain = &s->plain;
    const size_t room = *row_count;
    *row_count = 0;
    if (!plain->whole.seen || !plain->left.seen || (plain->external && !plain->after_external.seen)) {
        return litert_host->fail(litert_host->context,
                                 "TensorFlow Lite does not tell which operators a delegate took");
    }
    const uint64_t mine = plain->external ? plain->whole.operators - plain->after_external.operators : 0;
    if (plain->external) {
        add_row(rows, room, row_count, s->delegate_name, mine);
    }
    if (plain->xnnpack) {
        add_row(rows, room, row_count, "xnnpack", plain->whole.operators - mine - plain->left.operators);
    }
    add_row(rows, room, row_count, "builtin", plain->left.operators);
    return 0;
}

/* Of the element types that operators compute with. Weights that are only stored as another type and
 * converted first are not among them. */
const char *litert_precision(const struct litert_state *s)
{
    const struct litert_census *c = &s->plain.whole;
    const int kinds = c->floats + c->halves + c->brains;
    if (!c->seen || s->plain.external) {
        return NULL; /* what a foreign delegate computes in is not told */
    }
    if (s->plain.xnnpack && s->api.XNNPackDelegateGetFlags &&
        ((unsigned)s->api.XNNPackDelegateGetFlags(s->plain.xnnpack) & TFL_XNNPACK_FORCE_FP16)) {
        return c->integers ? "mixed" : "float16";
    }
    if (kinds + c->integers > 1) {
        return "mixed";
    }
    return c->floats ? "float32" : c->halves ? "float16" : c->brains ? "bfloat16" : c->integers ? "int8" : NULL;
}
