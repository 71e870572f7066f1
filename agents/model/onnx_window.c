/* Shapes of what slides a window: convolutions, pools. Formulas of the operators' definitions. */
#include <string.h>

#include "agents/model/onnx_infer.h"

struct window {
    int64_t kernel[IFM_MAX_RANK], stride[IFM_MAX_RANK], dilation[IFM_MAX_RANK], pads[2 * IFM_MAX_RANK];
    int32_t axes; /* spatial ones */
    bool same;    /* auto_pad SAME_UPPER or SAME_LOWER */
};

static bool fill(const struct ifm_onnx_step *step, const char *name, int64_t *out, int32_t count, int64_t otherwise)
{
    struct ifm_onnx_values list;
    for (int32_t i = 0; i < count; i++)
        out[i] = otherwise;
    if (!ifm_onnx_list(step, name, SIZE_MAX, &list))
        return true;
    for (size_t i = 0; i < list.count && i < (size_t)count; i++) {
        out[i] = list.items[i];
        if (out[i] < 0 || out[i] > 1 << 24)
            return false;
    }
    return true;
}

static bool read_window(const struct ifm_onnx_step *step, const ifm_shape *x, const ifm_shape *w, struct window *out)
{
    const struct ifm_graph_attribute *pad = ifm_graph_attribute(step->node, "auto_pad");
    out->axes = x->rank - 2;
    if (out->axes < 1)
        return false;
    out->same = pad && pad->kind == IFM_ATTR_TEXT && strncmp(pad->text, "SAME", 4) == 0;
    bool good = fill(step, "kernel_shape", out->kernel, out->axes, 0) && fill(step, "strides", out->stride, out->axes, 1) &&
                fill(step, "dilations", out->dilation, out->axes, 1) && fill(step, "pads", out->pads, 2 * out->axes, 0);
    for (int32_t i = 0; i < out->axes && good; i++) {
        if (w && i + 2 < w->rank && !out->kernel[i])
            out->kernel[i] = w->dims[i + 2];
        good = out->kernel[i] > 0 && out->stride[i] > 0 && out->kernel[i] <= 1 << 24;
    }
    return good;
}

static int64_t slid(const struct window *window, int32_t axis, int64_t size, bool up)
{
    int64_t stride = window->stride[axis];
    if (window->same)
        return (size + stride - 1) / stride;
    int64_t room = size + window->pads[axis] + window->pads[axis + window->axes] -
                   (window->dilation[axis] * (window->kernel[axis] - 1) + 1);
    if (room < 0)
        return -1;
    int64_t count = room / stride + 1;
    if (up && room % stride && count * stride < size + window->pads[axis]) /* a last window that begins inside */
        count++;
    return count;
}

static bool slide(struct ifm_onnx_step *step, const ifm_shape *x, const ifm_shape *w, ifm_shape *out)
{
    struct window window;
    bool up = ifm_onnx_int(step, "ceil_mode", 0) != 0;
    if (!read_window(step, x, w, &window))
        return false;
    *out = *x;
    if (w)
        out->dims[1] = w->dims[0];
    for (int32_t i = 0; i < window.axes; i++)
        if ((out->dims[i + 2] = slid(&window, i, x->dims[i + 2], up)) < 0)
            return false;
    return true;
}

static bool conv(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    const ifm_shape *w = ifm_onnx_in(step, strcmp(step->node->op, "QLinearConv") == 0 ? 3 : 1);
    return x && w && w->rank == x->rank && slide(step, x, w, out);
}

static bool pool(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!x || !slide(step, x, NULL, out))
        return false;
    ifm_onnx_put(step, 1, out); /* indices of MaxPool */
    return true;
}

static bool conv_back(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0), *w = ifm_onnx_in(step, 1);
    struct window window;
    struct ifm_onnx_values given;
    int64_t extra[IFM_MAX_RANK];
    if (!x || !w || w->rank != x->rank || !read_window(step, x, w, &window) ||
        !fill(step, "output_padding", extra, window.axes, 0))
        return false;
    bool told = ifm_onnx_list(step, "output_shape", SIZE_MAX, &given) && given.count == (size_t)window.axes;
    *out = *x;
    if (__builtin_mul_overflow(w->dims[1], ifm_onnx_int(step, "group", 1), &out->dims[1]))
        return false;
    for (int32_t i = 0; i < window.axes; i++) {
        int64_t size = 0;
        if (x->dims[i + 2] > INT32_MAX)
            return false;
        size = window.stride[i] * (x->dims[i + 2] - 1) + extra[i] +
               (window.kernel[i] - 1) * window.dilation[i] + 1 - window.pads[i] - window.pads[i + window.axes];
        if (window.same)
            size = x->dims[i + 2] * window.stride[i];
        out->dims[i + 2] = told ? given.items[i] : size;
        if (out->dims[i + 2] < 0)
            return false;
    }
    return true;
}

static bool global_pool(struct ifm_onnx_step *step, ifm_shape *out)
{
    const ifm_shape *x = ifm_onnx_in(step, 0);
    if (!x || x->rank < 2)
        return false;
    *out = *x;
    for (int32_t i = 2; i < x->rank; i++)
        out->dims[i] = 1;
    return true;
}

ifm_onnx_rule *ifm_onnx_rule_window(const char *op)
{
    static const struct { const char *op; ifm_onnx_rule *rule; } rows[] = {
        { "Conv", conv },           { "FusedConv", conv },      { "ConvInteger", conv },
        { "QLinearConv", conv },    { "ConvTranspose", conv_back }, { "MaxPool", pool },
        { "AveragePool", pool },    { "LpPool", pool },         { "GlobalAveragePool", global_pool },
        { "GlobalMaxPool", global_pool }, { "GlobalLpPool", global_pool },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op) == 0)
            return rows[i].rule;
    return NULL;
}
