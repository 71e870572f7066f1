/* Small integer tensors through the operators that exporters compute shapes with. */
#include <string.h>

#include "agents/model/onnx_infer.h"

struct list {
    int64_t items[IFM_ONNX_VALUES_MAX];
    size_t count;
};
typedef bool follower(const struct ifm_onnx_step *step, struct list *out);

static bool append(struct list *out, const struct ifm_onnx_values *values)
{
    if (!values || values->count > IFM_ONNX_VALUES_MAX - out->count)
        return false;
    if (values->count)
        memcpy(out->items + out->count, values->items, values->count * sizeof *values->items);
    out->count += values->count;
    return true;
}

static bool same(const struct ifm_onnx_step *step, struct list *out)
{
    return append(out, ifm_onnx_in_values(step, 0));
}

static bool shape(const struct ifm_onnx_step *step, struct list *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!x)
        return false;
    int64_t start = ifm_onnx_int(step, "start", 0), end = ifm_onnx_int(step, "end", x->rank);
    start = start < 0 ? start + x->rank : start;
    end = end < 0 ? end + x->rank : end;
    for (int64_t i = start < 0 ? 0 : start; i < end && i < x->rank; i++)
        out->items[out->count++] = x->dims[i];
    return true;
}

static bool size(const struct ifm_onnx_step *step, struct list *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (x)
        out->items[out->count++] = ifm_graph_elements(x);
    return x != NULL;
}

static bool gather(const struct ifm_onnx_step *step, struct list *out)
{
    const struct ifm_onnx_values *from = ifm_onnx_in_values(step, 0), *at = ifm_onnx_in_values(step, 1);
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!from || !at || !x || x->rank != 1)
        return false;
    for (size_t i = 0; i < at->count && i < IFM_ONNX_VALUES_MAX; i++) {
        int32_t index;
        if (!ifm_onnx_axis(at->items[i], (int32_t)from->count, &index))
            return false;
        out->items[out->count++] = from->items[index];
    }
    return true;
}

static bool concat(const struct ifm_onnx_step *step, struct list *out)
{
    for (size_t i = 0; i < step->node->input_count; i++)
        if (!append(out, ifm_onnx_in_values(step, i)))
            return false;
    return true;
}

static bool bounds(const struct ifm_onnx_step *step, int64_t count, int64_t *start, int64_t *end)
{
    struct ifm_onnx_values starts, ends, steps = { NULL, 0 };
    if (!ifm_onnx_list(step, "starts", 1, &starts) || !ifm_onnx_list(step, "ends", 2, &ends) || starts.count != 1 ||
        ends.count != 1)
        return false;
    *start = starts.items[0] < 0 ? starts.items[0] + count : starts.items[0];
    *end = ends.items[0] < 0 ? ends.items[0] + count : ends.items[0];
    return !ifm_onnx_list(step, "steps", 4, &steps) || (steps.count == 1 && steps.items[0] == 1);
}

static bool slice(const struct ifm_onnx_step *step, struct list *out)
{
    const struct ifm_onnx_values *from = ifm_onnx_in_values(step, 0);
    const ifm_shape *x = ifm_onnx_in(step, 0);
    int64_t start, end;
    if (!from || !x || x->rank != 1 || !bounds(step, (int64_t)from->count, &start, &end))
        return false;
    for (int64_t i = start < 0 ? 0 : start; i < end && i < (int64_t)from->count; i++)
        out->items[out->count++] = from->items[i];
    return true;
}

static bool compute(char op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case 'A':
        return !__builtin_add_overflow(a, b, out);
    case 'S':
        return !__builtin_sub_overflow(a, b, out);
    case 'M':
        return !__builtin_mul_overflow(a, b, out);
    default:
        if (!b || (a == INT64_MIN && b == -1))
            return false;
        *out = a / b;
        return true;
    }
}

static bool arithmetic(const struct ifm_onnx_step *step, struct list *out)
{
    const struct ifm_onnx_values *a = ifm_onnx_in_values(step, 0), *b = ifm_onnx_in_values(step, 1);
    if (!a || !b || (a->count != b->count && a->count != 1 && b->count != 1) || !a->count || !b->count)
        return false;
    size_t count = a->count > b->count ? a->count : b->count;
    for (size_t i = 0; i < count && count <= IFM_ONNX_VALUES_MAX; i++)
        if (!compute(step->node->op[0], a->items[a->count == 1 ? 0 : i], b->items[b->count == 1 ? 0 : i],
                     &out->items[out->count++]))
            return false;
    return count <= IFM_ONNX_VALUES_MAX;
}

static bool multiply(const struct ifm_onnx_step *step, struct list *out)
{
    const struct ifm_onnx_values *a = ifm_onnx_in_values(step, 0);
    int64_t product = 1;
    for (size_t i = 0; a && i < a->count; i++)
        if (__builtin_mul_overflow(product, a->items[i], &product))
            return false;
    out->items[out->count++] = product;
    return a != NULL;
}

static follower *find(const char *op)
{
    static const struct { const char *op; follower *follow; } rows[] = {
        { "Shape", shape },  { "Size", size },       { "Gather", gather },    { "Concat", concat },
        { "Slice", slice },  { "Unsqueeze", same },  { "Squeeze", same },     { "Cast", same },
        { "Identity", same }, { "Reshape", same },   { "Add", arithmetic },   { "Sub", arithmetic },
        { "Mul", arithmetic }, { "Div", arithmetic }, { "ReduceProd", multiply },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].follow;
    return NULL;
}

int ifm_onnx_follow(struct ifm_onnx_step *step)
{
    struct list out;
    follower *follow = find(step->node->op);
    uint32_t tensor = step->node->output_count ? step->node->outputs[0] : IFM_GRAPH_NONE;
    out.count = 0;
    if (!follow || tensor >= step->graph->tensor_count || !follow(step, &out))
        return 0;
    return ifm_onnx_values_set(step->onnx, tensor, out.items, out.count);
}
