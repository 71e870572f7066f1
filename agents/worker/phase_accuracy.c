/* Top-1 over labelled samples, in a process of its own: never in the latency pass, whose inputs stay the same. */
#include <math.h>
#include <string.h>
#include "agents/worker/phase.h"
#include "agents/worker/report.h"
#include "agents/worker/verify.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/tensor.h"

#define SAMPLES_MAX   10000000
#define LABELS_BYTES  ((size_t)256 << 20)
#define CLASSES_MAX   100000

struct labelled { /* everything in memory while the pass lasts */
    struct ifm_tensor inputs[IFM_MAX_TENSORS];
    struct ifm_tensor labels;
    int64_t samples, batch;
    uint64_t first_hash;
    bool stuck; /* every answer so far was that of the first batch */
};

static void labelled_done(struct labelled *l)
{
    for (size_t i = 0; i < IFM_MAX_TENSORS; i++) {
        ifm_tensor_done(&l->inputs[i]);
    }
    ifm_tensor_done(&l->labels);
    ifm_free(l);
}

static int read_labels(const struct ifm_msg_spec_accuracy *a, struct labelled *l, char hex[65],
                       struct ifm_err *err)
{
    int code = ifm_npy_read(a->labels, "labels", LABELS_BYTES, &l->labels, err);
    if (code == 0) {
        code = ifm_hash_file(a->labels, hex, NULL, err);
    }
    if (code != 0) {
        return code;
    }
    const bool whole = l->labels.dtype >= IFM_DTYPE_I8 && l->labels.dtype <= IFM_DTYPE_U64;
    const int64_t n = ifm_tensor_elements(l->labels.dims, l->labels.rank);
    if (!whole || n < 1 || n > SAMPLES_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "labels",
                           "labels must be 1 to %d whole numbers, and these are %lld of type %s",
                           SAMPLES_MAX, (long long)n, ifm_dtype_name(l->labels.dtype));
    }
    l->samples = a->limit > 0 && a->limit < n ? a->limit : n;
    return 0;
}

static const struct ifm_msg_spec_input *find(const struct ifm_list *list, const char *name)
{
    const struct ifm_msg_spec_input *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static void choose_dims(const struct ifm_run *r, const struct ifm_tensor_info *info,
                        const struct ifm_tensor *data, int32_t rank, int32_t skip, int64_t *dims)
{
    const int64_t batch = r->spec->batch > 0 ? r->spec->batch : 1;
    for (int32_t d = 0; d < rank; d++) {
        const bool fixed = info->rank >= 0 && info->dims[d] >= 0;
        dims[d] = fixed ? info->dims[d] : d == 0 ? batch : data->dims[d + skip];
    }
}

/* The buffer that the runtime reads: one batch, filled anew before each inference. */
static int make_input(struct ifm_run *r, struct labelled *l, size_t i, int64_t all, struct ifm_err *err)
{
    const struct ifm_tensor_info *info = &r->in_infos[i];
    const struct ifm_tensor *data = &l->inputs[i];
    const int64_t given = ifm_tensor_elements(data->dims, data->rank);
    int64_t dims[IFM_MAX_RANK] = { 0 };
    const int32_t skip = info->rank >= 0 && data->rank == info->rank + 1 ? 1 : 0;
    const int32_t rank = info->rank >= 0 ? info->rank : data->rank;
    if (data->rank != rank + skip || rank < 1 || data->dims[0] != all) {
        return ifm_err_set(err, IFM_ERR_INVALID, "labelled",
                           "input '%.60s': the labelled samples do not fit: %lld in front, %lld labels",
                           info->name, (long long)(data->rank ? data->dims[0] : 0), (long long)all);
    }
    choose_dims(r, info, data, rank, skip, dims);
    const int64_t one = ifm_tensor_elements(dims, rank);
    const int64_t batch = dims[0] > 0 ? dims[0] : 1;
    if (data->dtype != info->dtype || one * all != given * (skip ? 1 : batch)) {
        return ifm_err_set(err, IFM_ERR_INVALID, "labelled",
                           "input '%.60s': one sample has another size or type than the model wants",
                           info->name);
    }
    l->batch = skip ? 1 : batch;
    r->inputs.count = i + 1;
    return ifm_tensor_new(&r->inputs.tensors[i], info->name, info->dtype, dims, rank,
                          IFM_LOAD_INPUT_MAX, err);
}

static int read_inputs(struct ifm_run *r, struct labelled *l, struct ifm_err *err)
{
    const int64_t all = ifm_tensor_elements(l->labels.dims, l->labels.rank);
    int code = 0;
    for (size_t i = 0; code == 0 && i < r->in_count; i++) {
        const struct ifm_msg_spec_input *given =
            find(&r->spec->accuracy.inputs, r->in_infos[i].name);
        if (!given || !given->file) {
            return ifm_err_set(err, IFM_ERR_INVALID, "labelled",
                               "the labelled samples have no values for input '%.60s'",
                               r->in_infos[i].name);
        }
        code = ifm_npy_read(given->file, given->name, IFM_LOAD_INPUT_MAX, &l->inputs[i], err);
        if (code == 0) {
            code = make_input(r, l, i, all, err);
        }
    }
    return code;
}

/* The batch that begins with sample `first`; the last one is filled up with the last sample. */
static void fill_batch(struct ifm_run *r, const struct labelled *l, int64_t first)
{
    for (size_t i = 0; i < r->in_count; i++) {
        struct ifm_tensor *to = &r->inputs.tensors[i];
        const size_t bytes = to->bytes / (size_t)l->batch;
        for (int64_t b = 0; b < l->batch; b++) {
            const int64_t at = first + b < l->samples ? first + b : l->samples - 1;
            memcpy((char *)to->data + (size_t)b * bytes,
                   (const char *)l->inputs[i].data + (size_t)at * bytes, bytes);
        }
    }
}

static const struct ifm_tensor *choose_output(const struct ifm_run *r, const struct ifm_tensor *all,
                                              size_t count, struct ifm_err *err)
{
    const char *name = r->spec->accuracy.output;
    for (size_t i = 0; i < count; i++) {
        if (name ? strcmp(all[i].name, name) == 0 : count == 1) {
            return &all[i];
        }
    }
    ifm_err_set(err, IFM_ERR_INVALID, "labelled", "the model has no output '%.60s' to take classes from",
                name ? name : "(one alone)");
    return NULL;
}

/* Place of the greatest of n values; -1: NaN among them, or more than one greatest. */
static int64_t class_of(const struct ifm_tensor *t, int64_t at, int64_t n)
{
    double most = -INFINITY;
    int64_t place = -1;
    for (int64_t i = 0; i < n; i++) {
        const double v = ifm_tensor_value(t, (size_t)(at + i));
        if (isnan(v)) {
            return -1;
        }
        if (v > most) {
            most = v;
            place = i;
        } else if (v == most) {
            place = -1;
        }
    }
    return place;
}

static int infer(struct ifm_run *r, const struct ifm_tensor **outputs, size_t *count,
                 struct ifm_err *err)
{
    const struct ifm_runtime_ops *ops = &r->module.ops;
    int status = ops->refill ? ops->refill(r->module.state) : 0;
    status = status == 0 ? ops->run(r->module.state) : status;
    if (status == 0 && ops->sync) {
        status = ops->sync(r->module.state);
    }
    if (status == 0) {
        status = ops->fetch(r->module.state, outputs, count);
    }
    return status != 0 ? ifm_phase_failed(r, "run", status, IFM_ERR_MEASUREMENT, err) : 0;
}

static int count_batch(struct ifm_run *r, struct labelled *l, int64_t first,
                       struct ifm_msg_accuracy *out, struct ifm_err *err)
{
    const struct ifm_tensor *outputs = NULL;
    size_t count = 0;
    const int code = infer(r, &outputs, &count, err);
    if (code != 0) {
        return code;
    }
    const struct ifm_tensor *t = choose_output(r, outputs, count, err);
    if (!t) {
        return err->code;
    }
    const uint64_t hash = ifm_verify_hash(t, 1);
    l->first_hash = first == 0 ? hash : l->first_hash;
    l->stuck = (first == 0 || l->stuck) && hash == l->first_hash;
    const int64_t elements = ifm_tensor_elements(t->dims, t->rank);
    const int64_t classes = elements / l->batch;
    if (elements % l->batch != 0 || classes < 2 || classes > CLASSES_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "labelled",
                           "output '%.60s' gives %lld values for %lld samples: no classes", t->name,
                           (long long)elements, (long long)l->batch);
    }
    for (int64_t b = 0; b < l->batch && first + b < l->samples; b++) {
        const int64_t i = first + b, got = class_of(t, b * classes, classes);
        const bool right = got >= 0 && (double)got == ifm_tensor_value(&l->labels, (size_t)i);
        out->skipped += got < 0;
        out->correct += right;
        if (right) {
            out->correct_bits.bytes[i / 8] |= (unsigned char)(1u << (i % 8));
        }
    }
    return 0;
}

/* A runtime that keeps a copy of its first inputs answers every batch alike; its accuracy would be that of one. */
static int check_answers(const struct labelled *l, struct ifm_err *err)
{
    if (!l->stuck || l->samples <= l->batch) {
        return 0;
    }
    return ifm_err_set(err, IFM_ERR_MEASUREMENT, "labelled",
                       "every batch of labelled samples gave the same bytes: the runtime does not take up new "
                       "inputs, so its accuracy cannot be told");
}

static int pass(struct ifm_run *r, struct labelled *l, struct ifm_err *err)
{
    struct ifm_msg_accuracy *out = &r->result.accuracy;
    char hex[IFM_SHA256_HEX];
    int code = read_labels(&r->spec->accuracy, l, hex, err);
    if (code == 0) {
        code = read_inputs(r, l, err);
    }
    if (code != 0) {
        return code;
    }
    out->correct_bits.len = (size_t)(l->samples + 7) / 8;
    out->correct_bits.bytes = ifm_alloc(out->correct_bits.len);
    out->labels_sha256 = ifm_dup(hex);
    out->output = r->spec->accuracy.output ? ifm_report_text(r->spec->accuracy.output, 250) : NULL;
    if (!out->correct_bits.bytes || !out->labels_sha256) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "labelled", "out of memory");
    }
    const int status = r->module.ops.bind(r->module.state, r->inputs.tensors, r->in_count);
    if (status != 0) {
        return ifm_phase_failed(r, "bind", status, IFM_ERR_INVALID, err);
    }
    r->context->step = IFM_STEP_STEADY;
    for (int64_t i = 0; code == 0 && i < l->samples; i += l->batch) {
        fill_batch(r, l, i);
        code = count_batch(r, l, i, out, err);
    }
    code = code == 0 ? check_answers(l, err) : code;
    out->samples = code == 0 ? l->samples : 0;
    return code;
}

int ifm_phase_accuracy(struct ifm_run *r, struct ifm_err *err)
{
    if (!r->spec->accuracy.labels) {
        return ifm_err_set(err, IFM_ERR_INVALID, "labelled", "no labels were given");
    }
    int code = ifm_phase_open(r, err);
    struct labelled *l = code == 0 ? ifm_alloc(sizeof *l) : NULL;
    if (code == 0 && !l) {
        code = ifm_err_set(err, IFM_ERR_NOMEM, "labelled", "out of memory");
    }
    if (code == 0) {
        code = pass(r, l, err);
    }
    if (l) {
        labelled_done(l);
    }
    return code;
}
