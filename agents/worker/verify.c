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

/* The rule that holds for one output, and whether given tolerances do. */
static const char *choose(const struct ifm_tensor *actual, const struct ifm_msg_spec_expect *e,
                          const struct ifm_verify_precision *p, bool *given)
{
    const char *variant = e->precision ? e->precision : p->variant;
    const char *claimed = variant ? variant : ifm_dtype_name(actual->dtype);
    const char *coarser = ifm_judge_coarser(claimed, p->effective);
    const bool other = ifm_judge_rule_of(coarser) != ifm_judge_rule_of(claimed);
    /* a bundle's tolerances are those of its variant's precision; what was typed names none */
    *given = (!isnan(e->rtol) || !isnan(e->atol)) && !(e->precision && other);
    return coarser;
}

static int compare_one(const struct ifm_tensor *actual, const struct ifm_msg_spec_expect *e,
                       const struct ifm_verify_precision *p, struct ifm_msg_comparison *out,
                       struct ifm_strings *warnings, struct ifm_err *err)
{
    struct ifm_tensor reference = { .name = NULL };
    char warning[IFM_JUDGE_WARNING_MAX] = "";
    bool given;
    const char *precision = choose(actual, e, p, &given);
    out->output = ifm_report_text(e->output, 250);
    int code = ifm_npy_read(e->file, e->output, REFERENCE_MAX, &reference, err);
    if (code == IFM_ERR_UNSUPPORTED) { /* bad data (65), not a thing that is not here (69) */
        code = err->code = IFM_ERR_INVALID;
    }
    if (code != 0) {
        ifm_err_prefix(err, "reference of output %s", e->output);
        return code;
    }
    code = ifm_judge(actual, &reference, precision, given ? e->rtol : (double)NAN,
                     given ? e->atol : (double)NAN, out, warning, err);
    if (warning[0]) {
        ifm_report_note(warnings, WARNINGS_MAX, "output %.80s: %s", e->output, warning);
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
        ifm_free(items[i].rule);
        ifm_free(items[i].against);
    }
    ifm_free(items);
    *list = (struct ifm_list){ .items = NULL };
}

/* What the verdict does not cover, and why it is milder than the variant alone would get. */
static void say_limits(const struct ifm_tensor *outputs, size_t count, const struct ifm_list *expect,
                       const struct ifm_verify_precision *p, struct ifm_strings *warnings)
{
    const struct ifm_msg_spec_expect *wanted = expect->items;
    const char *variant = p->variant ? p->variant : "float32";
    for (size_t o = 0; o < count; o++) {
        size_t e = 0;
        while (e < expect->count && strcmp(outputs[o].name, wanted[e].output) != 0) {
            e++;
        }
        if (e == expect->count) {
            ifm_report_note(warnings, WARNINGS_MAX, "output %.80s has no reference: it is not verified",
                            outputs[o].name);
        }
    }
    if (p->effective && ifm_judge_rule_of(ifm_judge_coarser(variant, p->effective)) !=
                            ifm_judge_rule_of(variant)) {
        ifm_report_note(warnings, WARNINGS_MAX,
                        "the runtime computes in %.20s, not %.20s: outputs are judged as %.20s",
                        p->effective, variant, p->effective);
    }
}

int ifm_verify_outputs(const struct ifm_tensor *outputs, size_t count,
                       const struct ifm_list *expect, const struct ifm_verify_precision *precision,
                       struct ifm_msg_verification *out, struct ifm_strings *warnings,
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
                                    : compare_one(&outputs[o], &wanted[i], precision, &items[i],
                                               warnings, err);
        if (code != 0) {
            return code;
        }
        passed = passed && items[i].passed;
    }
    say_limits(outputs, count, expect, precision, warnings);
    out->state = passed && !was_wrong ? IFM_VERIFY_VERIFIED : IFM_VERIFY_WRONG;
    return 0;
}

int ifm_verify_write(const struct ifm_tensor *outputs, size_t count, const char *folder,
                     struct ifm_err *err)
{
    char path[1200];
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        snprintf(path, sizeof path, "%.1100s/%zu.npy", folder, i);
        code = ifm_npy_write(path, &outputs[i], err);
    }
    return code;
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
