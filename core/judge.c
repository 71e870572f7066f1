#include "core/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

static const struct ifm_judge_rule rules[] = {
    { "float64", 1e-5, 1e-5, 0, 1, .9999, NAN, false },
    { "float32", 1e-4, 1e-5, 0, 1, .9999, NAN, false },
    { "float16", .01, 0, .0025, .999, .999, 40, false },
    { "bfloat16", .01, 0, .0025, .999, .999, 30, false },
    { "int8", NAN, NAN, 0, 0, .99, 20, true },
    { "int4", NAN, NAN, 0, 0, .99, 20, true },
    { "int2", NAN, NAN, 0, 0, .99, 20, true },
};
#define RULES   (sizeof rules / sizeof *rules)
#define FLOAT32 1
#define INT8    4

static size_t index_of(const char *precision)
{
    static const struct {
        const char *name;
        size_t rule;
    } aliases[] = { { "fp64", 0 },  { "f64", 0 },   { "fp32", 1 },   { "f32", 1 },
                    { "tf32", 2 },  { "fp16", 2 },  { "f16", 2 },    { "mixed", 2 },
                    { "half", 2 },  { "bf16", 3 },  { "uint8", 4 },  { "i8", 4 },
                    { "u8", 4 },    { "a16w8", 4 }, { "int16", 4 },  { "uint4", 5 },
                    { "i4", 5 },    { "w4", 5 },    { "uint2", 6 },  { "2-bit", 6 },
                    { "i2", 6 } };
    for (size_t i = 0; precision && i < RULES; i++)
        if (strcmp(precision, rules[i].name) == 0)
            return i;
    for (size_t i = 0; precision && i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(precision, aliases[i].name) == 0)
            return aliases[i].rule;
    return FLOAT32;
}

const struct ifm_judge_rule *ifm_judge_rule_of(const char *precision)
{
    return &rules[index_of(precision)];
}

const char *ifm_judge_coarser(const char *a, const char *b)
{
    if (!a || !b)
        return a ? a : b;
    return index_of(b) > index_of(a) ? b : a;
}

static bool whole(enum ifm_dtype dtype)
{
    return dtype != IFM_DTYPE_F16 && dtype != IFM_DTYPE_BF16 && dtype != IFM_DTYPE_F32 &&
           dtype != IFM_DTYPE_F64;
}

static void fill(struct ifm_msg_comparison *out, const struct ifm_comparison *c)
{
    out->elements = c->elements;
    out->mismatched = c->mismatched;
    out->first_mismatch = c->first_mismatch;
    out->not_finite = c->not_finite;
    out->max_abs = c->max_abs;
    out->max_rel = c->max_rel;
    out->mean_abs = c->mean_abs;
    out->cosine = c->cosine;
    out->snr_db = c->snr_db;
    out->psnr_db = isfinite(c->psnr_db) ? c->psnr_db : NAN;
    out->top1_agreement = c->top1_agreement;
}

static void too_many_outside(const struct ifm_msg_comparison *out, const struct ifm_judge_rule *rule,
                             char text[240])
{
    char allowed[80] = "";
    if (rule && rule->share < 1)
        snprintf(allowed, sizeof allowed, " (%.2f %% agree, %s allows no less than %g %%)",
                 100 * (1 - (double)out->mismatched / (double)out->elements), rule->name,
                 100 * rule->share);
    snprintf(text, 240,
             "%lld of %lld values are outside rtol %g, atol %.4g; largest difference %.6g, first at "
             "%lld%s",
             (long long)out->mismatched, (long long)out->elements, out->rtol, out->atol,
             out->max_abs, (long long)out->first_mismatch, allowed);
}

/* The first thing that is wrong; "" where nothing is. rule NULL: tolerances were given. */
static void explain(const struct ifm_msg_comparison *out, const struct ifm_judge_rule *rule,
                    bool by_elements, char text[240])
{
    const double share = rule ? rule->share : 1;
    const double close = out->elements
                             ? 1 - (double)out->mismatched / (double)out->elements
                             : 1;
    text[0] = '\0';
    if (out->not_finite > 0)
        snprintf(text, 240, "%lld of %lld values are NaN or infinite where the reference is not",
                 (long long)out->not_finite, (long long)out->elements);
    else if (by_elements && close < share)
        too_many_outside(out, rule, text);
    else if (rule && out->cosine < rule->cosine)
        snprintf(text, 240,
                 "cosine similarity %.6g, %s wants %g; largest difference %.6g, SNR %.1f dB",
                 out->cosine, rule->name, rule->cosine, out->max_abs, out->snr_db);
    else if (rule && !rule->snr_warns && out->snr_db < rule->snr_db)
        snprintf(text, 240, "signal to noise ratio %.1f dB, %s wants %g dB; largest difference %.6g",
                 out->snr_db, rule->name, rule->snr_db, out->max_abs);
}

static void warn(const struct ifm_msg_comparison *out, const struct ifm_judge_rule *rule,
                 char warning[IFM_JUDGE_WARNING_MAX])
{
    if (rule && rule->snr_warns && out->snr_db < rule->snr_db)
        snprintf(warning, IFM_JUDGE_WARNING_MAX,
                 "signal to noise ratio %.1f dB is below %g dB: judge a quantized model by its accuracy",
                 out->snr_db, rule->snr_db);
}

/* Tolerances of one comparison, element by element; false: elements are not looked at one by one. */
static bool tolerances(const struct ifm_judge_rule *rule, const struct ifm_tensor *actual,
                       const struct ifm_tensor *expected, double rtol, double atol, bool given,
                       struct ifm_msg_comparison *out)
{
    out->rtol = out->atol = 0;
    if (given) {
        out->rtol = isnan(rtol) ? 0 : rtol;
        out->atol = isnan(atol) ? 0 : atol;
        return true;
    }
    if (whole(actual->dtype) && rule < &rules[INT8])
        return true; /* equal */
    if (isnan(rule->rtol))
        return false;
    out->rtol = rule->rtol;
    out->atol = rule->atol_of_max > 0 ? rule->atol_of_max * ifm_tensor_magnitude(expected)
                                      : rule->atol;
    return true;
}

static int no_memory(struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

int ifm_judge(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
              const char *precision, double rtol, double atol, struct ifm_msg_comparison *out,
              char warning[IFM_JUDGE_WARNING_MAX], struct ifm_err *err)
{
    const bool given = !isnan(rtol) || !isnan(atol);
    const struct ifm_judge_rule *named = ifm_judge_rule_of(precision), *rule = given ? NULL : named;
    struct ifm_comparison c;
    struct ifm_err differs = IFM_ERR_INIT;
    char text[240];
    if (warning)
        warning[0] = '\0';
    const bool by_elements = tolerances(named, actual, expected, rtol, atol, given, out);
    out->rule = ifm_dup(given ? "given" : named->name);
    out->first_mismatch = -1;
    out->psnr_db = out->top1_agreement = out->mean_abs = NAN;
    const int code = ifm_tensor_compare(actual, expected, out->rtol, out->atol, &c, &differs);
    if (code == IFM_ERR_INVALID) { /* not the reference's shape or type */
        out->reason = ifm_dup(differs.text);
        return out->reason && out->rule ? 0 : no_memory(err);
    }
    if (code != 0) {
        if (err)
            *err = differs;
        return code;
    }
    fill(out, &c);
    explain(out, rule, by_elements, text);
    out->passed = text[0] == '\0';
    out->reason = out->passed ? NULL : ifm_dup(text);
    if (warning && out->passed)
        warn(out, rule, warning);
    return out->rule ? 0 : no_memory(err);
}
