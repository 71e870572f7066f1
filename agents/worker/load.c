#include "agents/worker/load.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "agents/worker/report.h"
#include "core/mem.h"
#include "core/opt.h"
#include "core/tensor.h"

#define ASSUMED_MAX    16
#define NAME_MAX_BYTES 250

/* "float32 ?x224x224x3": -1 is what the model leaves open. */
static void shape_text(enum ifm_dtype dtype, const int64_t *dims, int32_t rank, char *text,
                       size_t size)
{
    size_t used =
        (size_t)snprintf(text, size, "%s %s", ifm_dtype_name(dtype), rank == 0 ? "scalar" : "");
    for (int32_t d = 0; d < rank && used < size; d++) {
        const char *x = d ? "x" : "";
        used += (size_t)(dims[d] < 0
                             ? snprintf(text + used, size - used, "%s?", x)
                             : snprintf(text + used, size - used, "%s%lld", x, (long long)dims[d]));
    }
}

static bool dims_fit(const struct ifm_tensor_info *info, const int64_t *dims, size_t rank)
{
    bool fit = rank == (size_t)info->rank;
    for (size_t d = 0; fit && d < rank; d++) {
        fit = info->dims[d] < 0 || info->dims[d] == dims[d];
    }
    return fit;
}

/* An array of which the model tells nothing (rank -1) becomes what the user gave: shape from file or
 * dims, float32 where only the shape is known. */
static int settle(const struct ifm_msg_spec_input *given, struct ifm_tensor_info *info,
                  bool *assumed_type, struct ifm_err *err)
{
    const size_t rank = given ? given->dims.count : 0;
    if (info->rank >= 0 || (given && given->file)) {
        return 0;
    }
    if (rank == 0 || rank > IFM_MAX_RANK) {
        return ifm_err_set(err, IFM_ERR_INVALID, "input",
                           "the model does not tell the shape of input '%.48s'; give it: "
                           "--shape %.48s:1x3x224x224, or --input %.48s=FILE.npy",
                           info->name, info->name, info->name);
    }
    info->rank = (int32_t)rank;
    *assumed_type = info->dtype == IFM_DTYPE_NONE;
    info->dtype = *assumed_type ? IFM_DTYPE_F32 : info->dtype;
    for (size_t d = 0; d < rank; d++) {
        info->dims[d] = -1;
    }
    return 0;
}

static int mismatch(const struct ifm_tensor_info *info, enum ifm_dtype dtype, const int64_t *dims,
                    size_t rank, const char *who, struct ifm_err *err)
{
    char wanted[96], got[96];
    shape_text(info->dtype, info->dims, info->rank, wanted, sizeof wanted);
    shape_text(dtype, dims, (int32_t)rank, got, sizeof got);
    return ifm_err_set(err, IFM_ERR_INVALID, "input", "input '%.48s': the model wants %s, %s %s",
                       info->name, wanted, who, got);
}

/* -- From a file ----------------------------------------------------------------------------------
 */
static int from_file(const struct ifm_msg_spec_input *given, const struct ifm_tensor_info *info,
                     struct ifm_tensor *t, struct ifm_err *err)
{
    int code = ifm_npy_read(given->file, info->name, IFM_LOAD_INPUT_MAX, t, err);
    if (code == IFM_ERR_UNSUPPORTED) { /* bad data (65), not a thing that is not here (69) */
        code = err->code = IFM_ERR_INVALID;
    }
    if (code != 0) {
        ifm_err_prefix(err, "input '%.48s'", info->name);
        return code;
    }
    const bool told = info->rank >= 0; /* by the model */
    if (told && (t->dtype != info->dtype || !dims_fit(info, t->dims, (size_t)t->rank))) {
        return mismatch(info, t->dtype, t->dims, (size_t)t->rank, "the file holds", err);
    }
    if (given->dims.count > 0 &&
        (given->dims.count != (size_t)t->rank ||
         memcmp(given->dims.items, t->dims, given->dims.count * sizeof *t->dims) != 0)) {
        struct ifm_tensor_info wanted = *info;
        if (!told) {
            wanted.dtype = t->dtype;
            wanted.rank = t->rank;
            memcpy(wanted.dims, t->dims, sizeof wanted.dims);
        }
        return mismatch(&wanted, t->dtype, given->dims.items, given->dims.count,
                        "its file agrees, but the shape given is", err);
    }
    return 0;
}

/* -- Seeded ---------------------------------------------------------------------------------------
 */
/* Whole-number inputs are often indices, where a value too large is an error of the model: 0 and 1
 * are always good. Bytes are pixels or quantized values: all of them are good. */
static void default_range(enum ifm_dtype dtype, double *low, double *high)
{
    *low = dtype == IFM_DTYPE_I8 ? -128 : 0;
    *high = dtype == IFM_DTYPE_I8 ? 127 : dtype == IFM_DTYPE_U8 ? 255 : 1;
}

static void note_dim(struct ifm_strings *assumed, const struct ifm_tensor_info *info, int32_t d,
                     int64_t size)
{
    const char *name = info->dim_names[d];
    ifm_report_note(assumed, ASSUMED_MAX, "dim %d%s%.80s%s = %lld", d, name ? " (" : "",
                    name ? name : "", name ? ")" : "", (long long)size);
}

static int choose_dims(const struct ifm_msg_spec *spec, const struct ifm_msg_spec_input *given,
                       const struct ifm_tensor_info *info, const int64_t *bounds, int64_t *dims,
                       struct ifm_strings *assumed, struct ifm_err *err)
{
    const bool told = given && given->dims.count > 0;
    if (told && !dims_fit(info, given->dims.items, given->dims.count)) {
        return mismatch(info, info->dtype, given->dims.items, given->dims.count,
                        "the shape given is", err);
    }
    for (int32_t d = 0; d < info->rank; d++) {
        const bool open = info->dims[d] < 0, batch = d == 0 && spec->batch > 0;
        dims[d] = !open           ? info->dims[d]
                  : told          ? given->dims.items[d]
                  : batch         ? spec->batch
                  : bounds[d] > 0 ? bounds[d]
                                  : 1;
        if (open && !told && !batch) {
            note_dim(assumed, info, d, dims[d]);
        }
    }
    return 0;
}

static int from_seed(const struct ifm_msg_spec *spec, const struct ifm_msg_spec_input *given,
                     const struct ifm_tensor_info *info, const int64_t *bounds,
                     struct ifm_tensor *t, struct ifm_msg_tensor *m, const char **guessed,
                     struct ifm_err *err)
{
    int64_t dims[IFM_MAX_RANK] = { 0 };
    int code = choose_dims(spec, given, info, bounds, dims, &m->assumed, err);
    *guessed = m->assumed.count > 0 && !*guessed ? info->name : *guessed;
    if (code == 0) {
        code =
            ifm_tensor_new(t, info->name, info->dtype, dims, info->rank, IFM_LOAD_INPUT_MAX, err);
    }
    if (code != 0) {
        return code;
    }
    default_range(info->dtype, &m->low, &m->high);
    const bool told = given && (!isnan(given->low) || !isnan(given->high));
    if (told) {
        m->low = isnan(given->low) ? m->low : given->low;
        m->high = isnan(given->high) ? m->high : given->high;
    }
    if (m->low > m->high) {
        return ifm_err_set(err, IFM_ERR_INVALID, "input",
                           "input '%.48s': the range %g to %g is empty", info->name, m->low,
                           m->high);
    }
    if (!told && info->dtype != IFM_DTYPE_BOOL) {
        const bool whole = info->dtype >= IFM_DTYPE_I8 && info->dtype <= IFM_DTYPE_U64;
        ifm_report_note(&m->assumed, ASSUMED_MAX, "values uniform in [%g, %g%s", m->low, m->high,
                        whole ? "]" : ")");
    }
    ifm_tensor_seed(t, (uint64_t)spec->seed, m->low, m->high);
    return 0;
}

/* -- All ------------------------------------------------------------------------------------------
 */
static int copy_dims(struct ifm_ints *out, const int64_t *dims, int32_t rank)
{
    out->items = ifm_alloc_array((size_t)(rank > 0 ? rank : 1), sizeof *dims);
    if (out->items) {
        memcpy(out->items, dims, (size_t)rank * sizeof *dims);
        out->count = (size_t)rank;
    }
    return out->items ? 0 : IFM_ERR_NOMEM;
}

/* dims NULL: not known yet. */
static int describe(const struct ifm_tensor_info *info, const int64_t *dims, int32_t rank,
                    const char *source, struct ifm_msg_tensor *m, struct ifm_err *err)
{
    m->name = ifm_report_text(info->name, NAME_MAX_BYTES);
    m->dtype = ifm_dup(ifm_dtype_name(info->dtype));
    m->source = ifm_dup(source);
    if (!m->name || !m->dtype || (source && !m->source) ||
        (info->rank >= 0 && copy_dims(&m->model_dims, info->dims, info->rank) != 0) ||
        (dims && copy_dims(&m->dims, dims, rank) != 0)) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "load", "out of memory");
    }
    return 0;
}

static const struct ifm_msg_spec_input *find_given(const struct ifm_msg_spec *spec,
                                                   const char *name)
{
    const struct ifm_msg_spec_input *items = spec->inputs.items;
    for (size_t i = 0; i < spec->inputs.count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

/* A name that the model does not have is a typing error, not something to ignore. */
static int check_names(const struct ifm_msg_spec *spec, const struct ifm_tensor_info *infos,
                       size_t count, struct ifm_err *err)
{
    const char *names[IFM_MAX_TENSORS + 1] = { NULL };
    char list[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = infos[i].name;
        if (used < sizeof list) {
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        }
    }
    const struct ifm_msg_spec_input *items = spec->inputs.items;
    for (size_t g = 0; g < spec->inputs.count; g++) {
        size_t i = 0;
        while (i < count && strcmp(names[i], items[g].name) != 0) {
            i++;
        }
        if (i == count) {
            const char *near = ifm_opt_nearest(items[g].name, names);
            return ifm_err_set(err, IFM_ERR_INVALID, "input",
                               "the model has no input '%.40s'%s%s%s it has: %s", items[g].name,
                               near ? "; did you mean " : "", near ? near : "", near ? "?" : ";",
                               list);
        }
    }
    return 0;
}

static int check_batch(const struct ifm_msg_spec *spec, const struct ifm_load *load,
                       struct ifm_err *err)
{
    bool taken = spec->batch <= 1 || load->count == 0;
    for (size_t i = 0; i < load->count && !taken; i++) {
        taken = load->tensors[i].rank > 0 && load->tensors[i].dims[0] == spec->batch;
    }
    return taken ? 0
                 : ifm_err_set(err, IFM_ERR_INVALID, "input",
                               "batch %lld is not possible: no input of the "
                               "model has an open first dimension or that size",
                               (long long)spec->batch);
}

static int one_input(const struct ifm_msg_spec *spec, const struct ifm_tensor_info *told,
                     struct ifm_load *out, size_t i, struct ifm_msg_tensor *m, struct ifm_err *err)
{
    const struct ifm_msg_spec_input *given = find_given(spec, told->name);
    const bool file = given && given->file;
    struct ifm_tensor_info info = *told;
    struct ifm_tensor *t = &out->tensors[i];
    bool assumed_type = false;
    int code = settle(given, &info, &assumed_type, err);
    if (code == 0 && info.dtype == IFM_DTYPE_NONE && info.rank >= 0) {
        code = ifm_err_set(err, IFM_ERR_UNSUPPORTED, "input",
                           "input '%.80s' has a type that cannot be fed (text, sequence or map)",
                           info.name);
    }
    if (code != 0) {
        return code;
    }
    out->count = i + 1;
    code = file ? from_file(given, &info, t, err)
                : from_seed(spec, given, &info, out->bounds[i], t, m, &out->guessed, err);
    if (code == 0 && assumed_type) {
        ifm_report_note(&m->assumed, ASSUMED_MAX, "type float32");
    }
    info.dtype = code == 0 ? t->dtype : info.dtype;
    info.rank = told->rank; /* the model's own dims: none, where it tells none */
    return code == 0 ? describe(&info, t->dims, t->rank, file ? "file" : "seeded", m, err) : code;
}

int ifm_load_inputs(const struct ifm_msg_spec *spec, const struct ifm_tensor_info *infos,
                    size_t count, struct ifm_load *out, struct ifm_list *messages,
                    struct ifm_err *err)
{
    int code = check_names(spec, infos, count, err);
    struct ifm_msg_tensor *items =
        code == 0 ? ifm_alloc_array(count ? count : 1, sizeof *items) : NULL;
    if (code == 0 && !items) {
        code = ifm_err_set(err, IFM_ERR_NOMEM, "load", "out of memory");
    }
    *messages = (struct ifm_list){ .items = items, .count = items ? count : 0 };
    for (size_t i = 0; code == 0 && i < count; i++) {
        items[i].low = items[i].high = (double)NAN;
        code = one_input(spec, &infos[i], out, i, &items[i], err);
    }
    return code == 0 ? check_batch(spec, out, err) : code;
}

int ifm_load_outputs(const struct ifm_tensor_info *infos, size_t count,
                     const struct ifm_tensor *tensors, struct ifm_list *messages,
                     struct ifm_err *err)
{
    struct ifm_msg_tensor *items = ifm_alloc_array(count ? count : 1, sizeof *items);
    if (!items) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "load", "out of memory");
    }
    *messages = (struct ifm_list){ .items = items, .count = count };
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        items[i].low = items[i].high = (double)NAN;
        struct ifm_tensor_info info = infos ? infos[i] : (struct ifm_tensor_info){ .rank = -1 };
        const bool fixed = ifm_tensor_elements(info.dims, info.rank) >= 0;
        info.name = tensors ? tensors[i].name : info.name;
        info.dtype = tensors ? tensors[i].dtype : info.dtype;
        code = tensors ? describe(&info, tensors[i].dims, tensors[i].rank, NULL, &items[i], err)
                       : describe(&info, fixed ? info.dims : NULL, info.rank, NULL, &items[i], err);
    }
    return code;
}

void ifm_load_done(struct ifm_load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        ifm_tensor_done(&load->tensors[i]);
    }
    load->count = 0;
}
