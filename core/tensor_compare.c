#include "core/tensor.h"

#include <math.h>
#include <stdbool.h>

/* |a - e|, exact before the last rounding also for 64-bit integers, whose neighbours share one
 * double. */
static double distance(const struct ifm_tensor *actual, const struct ifm_tensor *expected, size_t i,
                       double a, double e)
{
    if (actual->dtype == IFM_DTYPE_I64) {
        int64_t x = ((const int64_t *)actual->data)[i], y = ((const int64_t *)expected->data)[i];
        return (double)(x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x);
    }
    if (actual->dtype == IFM_DTYPE_U64) {
        uint64_t x = ((const uint64_t *)actual->data)[i], y = ((const uint64_t *)expected->data)[i];
        return (double)(x > y ? x - y : y - x);
    }
    return fabs(a - e);
}

struct sums {
    double products, actual_squares, expected_squares, error_squares, errors, greatest;
    int64_t pairs;
};

static void compare_finite(struct ifm_comparison *out, struct sums *sums, double a, double e,
                           double d)
{
    sums->products += a * e;
    sums->actual_squares += a * a;
    sums->expected_squares += e * e;
    sums->error_squares += d * d;
    sums->errors += d;
    sums->pairs++;
    if (fabs(e) > sums->greatest)
        sums->greatest = fabs(e);
    if (d > out->max_abs)
        out->max_abs = d;
    if (e != 0.0 && d / fabs(e) > out->max_rel)
        out->max_rel = d / fabs(e);
}

static double cosine_of(const struct sums *s)
{
    bool actual_zero = s->actual_squares == 0.0, expected_zero = s->expected_squares == 0.0;
    if (actual_zero || expected_zero)
        return actual_zero && expected_zero ? 1.0 : 0.0;
    double cosine = s->products / (sqrt(s->actual_squares) * sqrt(s->expected_squares));
    return cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
}

static int check_comparable(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
                            struct ifm_err *err)
{
    const char *name = actual->name ? actual->name : "";
    if (actual->dtype != expected->dtype || ifm_dtype_bytes(actual->dtype) == 0)
        return ifm_err_set(err, IFM_ERR_INVALID, "tensor", "output \"%s\" is %s, its reference %s",
                           name, ifm_dtype_name(actual->dtype), ifm_dtype_name(expected->dtype));
    bool same = actual->rank == expected->rank;
    for (int32_t i = 0; same && i < actual->rank; i++)
        same = actual->dims[i] == expected->dims[i];
    if (!same) {
        char got[IFM_SHAPE_TEXT_MAX], wanted[IFM_SHAPE_TEXT_MAX];
        ifm_tensor_shape_text(actual->dims, actual->rank, got, sizeof got);
        ifm_tensor_shape_text(expected->dims, expected->rank, wanted, sizeof wanted);
        return ifm_err_set(err, IFM_ERR_INVALID, "tensor",
                           "output \"%s\" has shape %s, its reference %s", name, got, wanted);
    }
    int64_t elements = ifm_tensor_elements(actual->dims, actual->rank);
    size_t bytes = ifm_dtype_bytes(actual->dtype);
    if (elements < 0 || (size_t)elements > actual->bytes / bytes ||
        (size_t)elements > expected->bytes / bytes)
        return ifm_err_set(
            err, IFM_ERR_INVALID, "tensor",
            "output \"%s\" holds %zu bytes, its reference %zu: less than the shape says", name,
            actual->bytes, expected->bytes);
    return 0;
}

double ifm_tensor_magnitude(const struct ifm_tensor *t)
{
    double greatest = 0;
    const size_t bytes = ifm_dtype_bytes(t->dtype), n = bytes && t->data ? t->bytes / bytes : 0;
    for (size_t i = 0; i < n; i++) {
        const double v = fabs(ifm_tensor_value(t, i));
        if (isfinite(v) && v > greatest)
            greatest = v;
    }
    return greatest;
}

#define CLASSES_MAX 100000

/* Rows are the last dimension: classes of one item. Equal within atol is the same place. */
static double top1(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
                   int64_t elements, double atol)
{
    const int64_t n = actual->rank > 0 ? actual->dims[actual->rank - 1] : 0;
    int64_t same = 0, rows = n >= 2 && n <= CLASSES_MAX ? elements / n : 0;
    for (int64_t r = 0; r < rows; r++) {
        double most_a = -INFINITY, most_e = -INFINITY, there = NAN;
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            const double a = ifm_tensor_value(actual, (size_t)i),
                         e = ifm_tensor_value(expected, (size_t)i);
            if (a > most_a) {
                most_a = a;
                there = e; /* the reference's value at our greatest */
            }
            most_e = e > most_e ? e : most_e;
        }
        same += there >= most_e - atol;
    }
    return rows > 0 ? (double)same / (double)rows : NAN;
}

static void finish(const struct sums *sums, struct ifm_comparison *out)
{
    out->cosine = cosine_of(sums);
    if (sums->error_squares > 0.0) {
        out->snr_db = 10.0 * log10(sums->expected_squares / sums->error_squares);
        out->psnr_db = 20.0 * log10(sums->greatest) -
                       10.0 * log10(sums->error_squares / (double)sums->pairs);
    }
    out->mean_abs = sums->pairs > 0 ? sums->errors / (double)sums->pairs : 0;
}

int ifm_tensor_compare(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
                       double rtol, double atol, struct ifm_comparison *out, struct ifm_err *err)
{
    *out =
        (struct ifm_comparison){ .first_mismatch = -1, .cosine = 1.0, .snr_db = (double)INFINITY,
                                .psnr_db = (double)INFINITY, .top1_agreement = (double)NAN };
    int rc = check_comparable(actual, expected, err);
    if (rc)
        return rc;
    out->elements = ifm_tensor_elements(actual->dims, actual->rank);
    struct sums sums = { 0 };
    for (int64_t i = 0; i < out->elements; i++) {
        double a = ifm_tensor_value(actual, (size_t)i), e = ifm_tensor_value(expected, (size_t)i);
        bool close;
        if (isfinite(a) && isfinite(e)) {
            double d = distance(actual, expected, (size_t)i, a, e);
            compare_finite(out, &sums, a, e, d);
            close = d <= atol + rtol * fabs(e);
        } else {
            close = (isnan(a) && isnan(e)) || a == e;
            out->not_finite += isfinite(e);
        }
        if (close)
            continue;
        out->mismatched++;
        if (out->first_mismatch < 0)
            out->first_mismatch = i;
    }
    finish(&sums, out);
    out->top1_agreement = top1(actual, expected, out->elements, atol);
    return 0;
}
