#include "agents/worker/verify.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "agents/worker/report.h"
#include "core/mem.h"
#include "core/opt.h"
#include "core/tensor.h"

#define REFERENCE_MAX ((size_t)2 << 30)
#define WARNINGS_MAX  32

void ifm_verify_tolerance(enum ifm_dtype dtype, double *rtol, double *atol)
{
    const bool half = dtype == IFM_DTYPE_F16 || dtype == IFM_DTYPE_BF16;
    const bool real = half || dtype == IFM_DTYPE_F32 || dtype == IFM_DTYPE_F64;
    *rtol = !real ? 0 : half ? 1e-2 : 1e-4;
    *atol = !real ? 0 : half ? 2.5e-3 : 1e-5;
}

static int unknown_output(const struct ifm_tensor *outputs, size_t count, const char *name,
                          struct ifm_err *err)
{
    const char *names[IFM_MAX_TENSORS + 1] = { NULL };
    char list[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = outputs[i].name;
        if (used < sizeof list) {
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        }
    }
    const char *near = ifm_opt_nearest(name, names);
    return ifm_err_set(err, IFM_ERR_INVALID, "verify",
                       "the model has no output '%.40s'%s%s%s it has: %s", name,
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : ";", list);
}

static void fill(struct ifm_msg_comparison *out, const struct ifm_comparison *c)
{
    out->elements = c->elements;
    out->mismatched = c->mismatched;
    out->first_mismatch = c->first_mismatch;
    out->not_finite = c->not_finite;
    out->max_abs = c->max_abs;
    out->max_rel = c->max_rel;
    out->cosine = c->cosine;
    out->snr_db = c->snr_db;
    out->passed = c->mismatched == 0 && c->not_finite == 0;
}

static void explain(struct ifm_msg_comparison *out)
{
    char text[240];
    if (out->not_finite > 0) {
        snprintf(text, sizeof text,
                 "%lld of %lld values are NaN or infinite where the reference is not",
                 (long long)out->not_finite, (long long)out->elements);
    } else {
        snprintf(text, sizeof text,
                 "%lld of %lld values are outside rtol %g, atol %g; largest difference %.6g, "
                 "first at %lld",
                 (long long)out->mismatched, (long long)out->elements, out->rtol, out->atol,
                 out->max_abs, (long long)out->first_mismatch);
    }
    out->reason = ifm_report_text(text, 250);
}

static int compare_one(const struct ifm_tensor *actual, const struct ifm_msg_spec_expect *e,
                       struct ifm_msg_comparison *out, struct ifm_err *err)
{
    struct ifm_tensor reference = { .name = NULL };
    struct ifm_comparison c = { .elements = 0, .first_mismatch = -1 };
    struct ifm_err differs = IFM_ERR_INIT;
    ifm_verify_tolerance(actual->dtype, &out->rtol, &out->atol);
    out->rtol = isnan(e->rtol) ? out->rtol : e->rtol;
    out->atol = isnan(e->atol) ? out->atol : e->atol;
    out->output = ifm_report_text(e->output, 250);
    int code = ifm_npy_read(e->file, e->output, REFERENCE_MAX, &reference, err);
    if (code == IFM_ERR_UNSUPPORTED) { /* bad data (65), not a thing that is not here (69) */
        code = err->code = IFM_ERR_INVALID;
    }
    if (code != 0) {
        ifm_err_prefix(err, "reference of output %s", e->output);
        return code;
    }
    code = ifm_tensor_compare(actual, &reference, out->rtol, out->atol, &c, &differs);
    if (code ==
        IFM_ERR_INVALID) { /* a shape or dtype that is not the reference's is a wrong output */
        out->first_mismatch = -1;
        out->reason = ifm_report_text(differs.text, 250);
        code = 0;
    } else if (code == 0) {
        fill(out, &c);
        if (!out->passed) {
            explain(out);
        }
    } else if (err) {
        *err = differs;
    }
    ifm_tensor_done(&reference);
    return code;
}

static void comparisons_done(struct ifm_list *list)
{
    struct ifm_msg_comparison *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        ifm_free(items[i].output);
        ifm_free(items[i].reason);
    }
    ifm_free(items);
    *list = (struct ifm_list){ .items = NULL };
}

int ifm_verify_outputs(const struct ifm_tensor *outputs, size_t count,
                       const struct ifm_list *expect, struct ifm_msg_verification *out,
                       struct ifm_err *err)
{
    const struct ifm_msg_spec_expect *wanted = expect->items;
    const bool was_wrong = out->state == IFM_VERIFY_WRONG;
    comparisons_done(&out->outputs);
    if (expect->count == 0) {
        return 0;
    }
    struct ifm_msg_comparison *items = ifm_alloc_array(expect->count, sizeof *items);
    if (!items) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "verify", "out of memory");
    }
    out->outputs = (struct ifm_list){ .items = items, .count = expect->count };
    bool passed = true;
    for (size_t i = 0; i < expect->count; i++) {
        size_t o = 0;
        while (o < count && strcmp(outputs[o].name, wanted[i].output) != 0) {
            o++;
        }
        const int code = o == count ? unknown_output(outputs, count, wanted[i].output, err)
                                    : compare_one(&outputs[o], &wanted[i], &items[i], err);
        if (code != 0) {
            return code;
        }
        passed = passed && items[i].passed;
    }
    out->state = passed && !was_wrong ? IFM_VERIFY_VERIFIED : IFM_VERIFY_WRONG;
    return 0;
}

void ifm_verify_finite(const struct ifm_tensor *outputs, size_t count, struct ifm_strings *warnings)
{
    for (size_t o = 0; o < count; o++) {
        const struct ifm_tensor *t = &outputs[o];
        const bool real = t->dtype == IFM_DTYPE_F32 || t->dtype == IFM_DTYPE_F64 ||
                          t->dtype == IFM_DTYPE_F16 || t->dtype == IFM_DTYPE_BF16;
        const size_t n = real && t->data ? t->bytes / ifm_dtype_bytes(t->dtype) : 0;
        size_t bad = 0;
        for (size_t i = 0; i < n; i++) {
            bad += isfinite(ifm_tensor_value(t, i)) ? 0 : 1;
        }
        if (bad > 0) {
            ifm_report_note(warnings, WARNINGS_MAX,
                            "output %s holds NaN or infinity in %zu of %zu values", t->name, bad,
                            n);
        }
    }
}

static uint64_t mix(uint64_t hash, const void *bytes,
                    size_t len) /* FNV-1a, eight bytes at a time */
{
    const unsigned char *p = bytes;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29; /* FNV alone never lets high bits reach low ones */
    }
    for (; len > 0; len--, p++) {
        hash = (hash ^ *p) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t ifm_verify_hash(const struct ifm_tensor *outputs, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        const struct ifm_tensor *t = &outputs[i];
        hash = mix(hash, t->name, strlen(t->name));
        hash = mix(hash, t->dims, (size_t)t->rank * sizeof *t->dims);
        hash = t->data ? mix(hash, t->data, t->bytes) : hash;
    }
    return hash;
}
