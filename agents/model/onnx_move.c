/* Shapes of what moves elements without computing: Reshape, Transpose, Concat, Slice, Gather, Pad … */
#include <string.h>

#include "agents/model/onnx_infer.h"

static bool reshape(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values to;
    int64_t known = 1;
    int32_t open = -1;
    if (!x || !ifm_onnx_list(step, "shape", 1, &to) || to.count > IFM_MAX_RANK)
        return false;
    out->rank = (int32_t)to.count;
    for (int32_t i = 0; i < out->rank; i++) {
        out->dims[i] = to.items[i];
        if (!to.items[i] && !ifm_onnx_int(step, "allowzero", 0)) {
            if (i >= x->rank)
                return false;
            out->dims[i] = x->dims[i];
        }
        if (out->dims[i] == -1)
            open = i;
        else if (out->dims[i] < 0 || __builtin_mul_overflow(known, out->dims[i], &known))
            return false;
    }
    if (open >= 0)
        out->dims[open] = known ? ifm_graph_elements(x) / known : 0;
    return true;
}

static bool transpose(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values perm = { NULL, 0 };
    bool told = ifm_onnx_list(step, "perm", SIZE_MAX, &perm);
    if (!x || (told && perm.count != (size_t)x->rank))
        return false;
    out->rank = x->rank;
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t from = told ? perm.items[i] : x->rank - 1 - i;
        if (from < 0 || from >= x->rank)
            return false;
        out->dims[i] = x->dims[from];
    }
    return true;
}

static bool concat(struct ifm_onnx_step *step, ifm_shape *out)
{
    int32_t axis = 0;
    for (size_t i = 0; i < step->node->input_count; i++) {
        const ifm_shape *x = ifm_onnx_in(step, i);
        if (!x || (i && x->rank != out->rank) || !ifm_onnx_axis(ifm_onnx_int(step, "axis", 1), x->rank, &axis))
            return false;
        if (!i)
            *out = *x;
        else if (__builtin_add_overflow(out->dims[axis], x->dims[axis], &out->dims[axis]))
            return false;
    }
    return step->node->input_count > 0;
}

static bool flatten(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    int64_t axis = ifm_onnx_int(step, "axis", 1);
    if (!x || axis < -x->rank || axis > x->rank)
        return false;
    axis = axis < 0 ? axis + x->rank : axis;
    *out = (ifm_shape){ .rank = 2, .dims = { 1, 1 } };
    for (int32_t i = 0; i < x->rank; i++)
        if (__builtin_mul_overflow(out->dims[i >= axis], x->dims[i], &out->dims[i >= axis]))
            return false;
    return true;
}

static bool squeeze(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values axes = { NULL, 0 };
    bool told = ifm_onnx_list(step, "axes", 1, &axes), gone[IFM_MAX_RANK] = { false };
    if (!x || (!told && step->node->input_count > 1))
        return false;
    for (size_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!ifm_onnx_axis(axes.items[i], x->rank, &axis))
            return false;
        gone[axis] = true;
    }
    out->rank = 0;
    for (int32_t i = 0; i < x->rank; i++)
        if (told ? !gone[i] : x->dims[i] != 1)
            out->dims[out->rank++] = x->dims[i];
    return true;
}

static bool unsqueeze(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values axes;
    bool made[IFM_MAX_RANK] = { false };
    if (!x || !ifm_onnx_list(step, "axes", 1, &axes) || axes.count + (size_t)x->rank > IFM_MAX_RANK)
        return false;
    out->rank = x->rank + (int32_t)axes.count;
    for (size_t i = 0; i < axes.count; i++) {
        int32_t axis;
        if (!ifm_onnx_axis(axes.items[i], out->rank, &axis) || made[axis])
            return false;
        made[axis] = true;
    }
    for (int32_t i = 0, from = 0; i < out->rank; i++)
        out->dims[i] = made[i] ? 1 : x->dims[from++];
    return true;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Length of start:end:step along a dimension. */
static int64_t sliced(int64_t size, int64_t start, int64_t end, int64_t by)
{
    if (by == INT64_MIN || !by)
        return -1;
    start = start < 0 ? start + size : start;
    end = end < 0 ? (end < -size ? -1 : end + size) : end;
    if (by > 0) {
        start = clamp(start, 0, size);
        end = clamp(end, 0, size);
        return end > start ? (end - start - 1) / by + 1 : 0;
    }
    start = clamp(start, 0, size - 1);
    end = clamp(end, -1, size - 1);
    return start > end ? (start - end - 1) / -by + 1 : 0;
}

static bool slice(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values starts, ends, axes = { NULL, 0 }, steps = { NULL, 0 };
    if (!x || !ifm_onnx_list(step, "starts", 1, &starts) || !ifm_onnx_list(step, "ends", 2, &ends) ||
        starts.count != ends.count)
        return false;
    bool has_axes = ifm_onnx_list(step, "axes", 3, &axes), has_steps = ifm_onnx_list(step, "steps", 4, &steps);
    *out = *x;
    for (size_t i = 0; i < starts.count; i++) {
        int32_t axis;
        if ((has_axes && i >= axes.count) || (has_steps && i >= steps.count) ||
            !ifm_onnx_axis(has_axes ? axes.items[i] : (int64_t)i, x->rank, &axis))
            return false;
        out->dims[axis] = sliced(x->dims[axis], starts.items[i], ends.items[i], has_steps ? steps.items[i] : 1);
        if (out->dims[axis] < 0)
            return false;
    }
    return true;
}

static bool gather(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0), *at = ifm_onnx_in(step, 1);
    int32_t axis;
    if (!x || !at || !ifm_onnx_axis(ifm_onnx_int(step, "axis", 0), x->rank, &axis) ||
        x->rank - 1 + at->rank > IFM_MAX_RANK)
        return false;
    out->rank = x->rank - 1 + at->rank;
    for (int32_t i = 0; i < out->rank; i++)
        out->dims[i] = i < axis ? x->dims[i] : i < axis + at->rank ? at->dims[i - axis] : x->dims[i - at->rank + 1];
    return true;
}

static bool expand(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    const struct ifm_onnx_values *to = ifm_onnx_in_values(step, 1);
    ifm_shape wanted = { .rank = 0 };
    if (!x || !to || to->count > IFM_MAX_RANK)
        return false;
    wanted.rank = (int32_t)to->count;
    memcpy(wanted.dims, to->items, to->count * sizeof *to->items);
    return ifm_onnx_broadcast(x, &wanted, out);
}

static bool of_values(struct ifm_onnx_step *step, ifm_shape *out)
{
    const struct ifm_onnx_values *to = ifm_onnx_in_values(step, 0);
    if (!to || to->count > IFM_MAX_RANK)
        return false;
    out->rank = (int32_t)to->count;
    memcpy(out->dims, to->items, to->count * sizeof *to->items);
    return true;
}

static bool tile(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    const struct ifm_onnx_values *times = ifm_onnx_in_values(step, 1);
    if (!x || !times || times->count != (size_t)x->rank)
        return false;
    *out = *x;
    for (int32_t i = 0; i < x->rank; i++)
        if (__builtin_mul_overflow(x->dims[i], times->items[i], &out->dims[i]))
            return false;
    return true;
}

static bool pad(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values pads, axes = { NULL, 0 };
    if (!x || !ifm_onnx_list(step, "pads", 1, &pads))
        return false;
    bool some = step->node->input_count > 3 && ifm_onnx_list(step, "axes", 3, &axes);
    size_t count = some ? axes.count : (size_t)x->rank;
    if (pads.count != 2 * count)
        return false;
    *out = *x;
    for (size_t i = 0; i < count; i++) {
        int32_t axis;
        if (!ifm_onnx_axis(some ? axes.items[i] : (int64_t)i, x->rank, &axis) ||
            __builtin_add_overflow(out->dims[axis], pads.items[i], &out->dims[axis]) ||
            __builtin_add_overflow(out->dims[axis], pads.items[i + count], &out->dims[axis]))
            return false;
    }
    return true;
}

static bool split(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    struct ifm_onnx_values parts = { NULL, 0 };
    bool told = ifm_onnx_list(step, "split", 1, &parts);
    int64_t count = (int64_t)step->node->output_count;
    int32_t axis;
    if (!x || !count || (told && parts.count != (size_t)count) ||
        !ifm_onnx_axis(ifm_onnx_int(step, "axis", 0), x->rank, &axis))
        return false;
    int64_t each = (x->dims[axis] + count - 1) / count;
    for (int64_t i = 0; i < count; i++) {
        ifm_shape part = *x;
        int64_t rest = x->dims[axis] - i * each;
        part.dims[axis] = told ? parts.items[i] : rest < each ? (rest > 0 ? rest : 0) : each;
        ifm_onnx_put(step, (size_t)i, &part);
        if (!i)
            *out = part;
    }
    return true;
}

/* Scales of Resize as floats, from a constant with raw data. */
static bool scales(struct ifm_onnx_step *step, size_t place, int32_t rank, double *out)
{
    uint32_t index = place < step->node->input_count ? step->node->inputs[place] : IFM_GRAPH_NONE;
    if (index >= step->graph->tensor_count)
        return false;
    const struct ifm_graph_tensor *tensor = &step->graph->tensors[index];
    if (!tensor->data || tensor->dtype != IFM_DTYPE_F32 || tensor->bytes != 4 * rank)
        return false;
    for (int32_t i = 0; i < rank; i++) {
        float value;
        memcpy(&value, tensor->data + 4 * i, sizeof value);
        if (!(value > 0 && value < 1e6f))
            return false;
        out[i] = (double)value;
    }
    return true;
}

static bool resize(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    const struct ifm_onnx_values *sizes = ifm_onnx_in_values(step, 3);
    double by[IFM_MAX_RANK];
    if (!x)
        return false;
    *out = *x;
    if (sizes && sizes->count == (size_t)x->rank) {
        memcpy(out->dims, sizes->items, sizes->count * sizeof *sizes->items);
        return true;
    }
    if (!scales(step, step->node->input_count == 2 ? 1 : 2, x->rank, by))
        return false;
    for (int32_t i = 0; i < x->rank; i++)
        out->dims[i] = (int64_t)((double)x->dims[i] * by[i]);
    return true;
}

static bool blocks(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    int64_t size = ifm_onnx_int(step, "blocksize", 0);
    bool deep = strcmp(step->node->op, "SpaceToDepth") == 0;
    if (!x || x->rank != 4 || size < 1 || size > 1024)
        return false;
    *out = *x;
    out->dims[1] = deep ? x->dims[1] * size * size : x->dims[1] / (size * size);
    for (int i = 2; i < 4; i++)
        out->dims[i] = deep ? x->dims[i] / size : x->dims[i] * size;
    return true;
}

static bool shape_of(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!x)
        return false;
    int64_t count = sliced(x->rank, ifm_onnx_int(step, "start", 0), ifm_onnx_int(step, "end", x->rank), 1);
    *out = (ifm_shape){ .rank = 1, .dims = { count } };
    return true;
}

static bool like_indices(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *at = ifm_onnx_in(step, 1);
    if (at)
        *out = *at;
    return at != NULL;
}

ifm_onnx_rule *ifm_onnx_rule_move(const char *op)
{
    static const struct { const char *op; ifm_onnx_rule *rule; } rows[] = {
        { "Reshape", reshape },     { "Transpose", transpose }, { "Concat", concat },   { "Flatten", flatten },
        { "Squeeze", squeeze },     { "Unsqueeze", unsqueeze }, { "Slice", slice },     { "Gather", gather },
        { "Expand", expand },       { "Tile", tile },           { "Pad", pad },         { "Split", split },
        { "ConstantOfShape", of_values }, { "Resize", resize }, { "Upsample", resize }, { "Shape", shape_of },
        { "DepthToSpace", blocks }, { "SpaceToDepth", blocks }, { "GatherElements", like_indices },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].rule;
    return NULL;
}
