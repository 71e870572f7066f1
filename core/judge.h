/* Whether one output is right: which tolerances a precision gets, and a verdict on a comparison in one
 * sentence. The worker judges outputs against references with it, the command line judges arms against each
 * other.
 *
 * Threading: pure functions. Ownership: texts of a comparison belong to the message that holds it.
 * Rules: 11.3 of the method; docs/method.md "Verification". */
#ifndef IFM_JUDGE_H
#define IFM_JUDGE_H

#include "core/msg.h"
#include "core/tensor.h"

struct ifm_judge_rule {
    const char *name;    /* what `rule` of a comparison says */
    double rtol, atol;   /* NAN: elements are not looked at one by one */
    double atol_of_max;  /* atol is this part of the reference's greatest magnitude; 0: atol as it is */
    double share;        /* of the elements that must be close */
    double cosine;       /* at least; NAN: not looked at */
    double snr_db;       /* at least; NAN: not looked at */
    bool snr_warns;      /* below it the output passes, with a warning */
};
/* Of "float32", "bfloat16", "int8", "a16w8" …; the strictest, float32, for NULL and what is not known. */
const struct ifm_judge_rule *ifm_judge_rule_of(const char *precision);
/* The one of two precisions that allows more; NULL is finer than everything. Borrowed. */
const char *ifm_judge_coarser(const char *a, const char *b);

#define IFM_JUDGE_WARNING_MAX 200
/* Compares and judges. Tolerances that are no NAN win over the rule, which then says "given"; whole numbers
 * must be equal unless the rule is one of quantized models. Fills everything but output and against. A shape or
 * type that differs is a verdict, not an error. warning may be NULL; "" where there is none. */
int ifm_judge(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
              const char *precision, double rtol, double atol, struct ifm_msg_comparison *out,
              char warning[IFM_JUDGE_WARNING_MAX], struct ifm_err *err);

#endif
