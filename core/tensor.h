/* Dense arrays outside a runtime: element types by name, .npy files (NumPy format 1.0 and 2.0, C
 * order, little endian; two-byte "V2", what ml_dtypes writes, is bfloat16), seeded inputs, and the
 * comparison of an output with its reference.
 *
 * Threading: no shared state. Ownership: a tensor filled here owns data (64-byte aligned) and name;
 * ifm_tensor_done releases both. A .npy file is hostile input: header <= 64 KiB, data <= the limit
 * given. */
#ifndef IFM_TENSOR_H
#define IFM_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "inferometer/runtime.h"

const char *ifm_dtype_name(enum ifm_dtype dtype);     /* "float32", …; "unsupported" for NONE */
enum ifm_dtype ifm_dtype_from_name(const char *name); /* NONE when unknown */
size_t ifm_dtype_bytes(enum ifm_dtype dtype);         /* 0 for NONE */
/* Elements of a shape; -1 when a dimension is negative or the product overflows. */
int64_t ifm_tensor_elements(const int64_t *dims, int32_t rank);
#define IFM_SHAPE_TEXT_MAX 176 /* eight dimensions of 20 characters */
/* "1x3x224x224", "scalar"; cut when it does not fit. */
void ifm_tensor_shape_text(const int64_t *dims, int32_t rank, char *text, size_t size);
/* IEEE half and bfloat16; to nearest, ties to even, straight from double. */
double ifm_tensor_from_f16(uint16_t bits);
uint16_t ifm_tensor_to_f16(double value);
double ifm_tensor_from_bf16(uint16_t bits);
uint16_t ifm_tensor_to_bf16(double value);
double ifm_tensor_value(const struct ifm_tensor *t, size_t i); /* element i of the flat array */

/* Allocates zeroed data for dtype and dims; copies name. At most max_bytes. */
int ifm_tensor_new(struct ifm_tensor *t, const char *name, enum ifm_dtype dtype,
                   const int64_t *dims, int32_t rank, size_t max_bytes, struct ifm_err *err);
void ifm_tensor_done(struct ifm_tensor *t);

/* Errors begin with the path (read, write) or the array's name (parse) and say what to do. */
int ifm_npy_read(const char *path, const char *name, size_t max_bytes, struct ifm_tensor *out,
                 struct ifm_err *err);
int ifm_npy_parse(const void *bytes, size_t len, const char *name, size_t max_bytes,
                  struct ifm_tensor *out, struct ifm_err *err);
int ifm_npy_write(const char *path, const struct ifm_tensor *t, struct ifm_err *err);

/* Fills with seeded values: floats uniform in [low, high), integers uniform in [low, high], bool
 * 0/1. The same seed and name give the same bytes on every machine. */
void ifm_tensor_seed(struct ifm_tensor *t, uint64_t seed, double low, double high);

/* Comparison of one output with its reference (expected), accumulated in double; method.md
 * "Verification". allclose: |a - e| <= atol + rtol * |e|; NaN equals NaN only at the same place;
 * infinities by sign. max_*, cosine and snr_db are over the pairs where both are finite. */
struct ifm_comparison {
    int64_t elements;
    int64_t mismatched;     /* elements outside the tolerance */
    int64_t first_mismatch; /* flat index, -1: none */
    int64_t not_finite;     /* NaN or infinity where the reference has a finite value */
    double max_abs;         /* largest |a - e| over finite pairs */
    double max_rel;         /* largest |a - e| / |e| where e != 0 */
    double cosine;          /* 1 when both are zero, 0 when one is */
    double snr_db;          /* infinite when equal */
    double psnr_db;         /* 20 log10(max |e|) - 10 log10(mean square error); infinite when equal */
    double mean_abs;        /* mean |a - e| over finite pairs */
    /* Part of the rows (last dimension) whose greatest element is at the same place; values within
     * atol of a row's greatest one count as that. NAN: no row of 2 to 100,000 elements. */
    double top1_agreement;
};
/* Largest |value| that is finite; 0 when there is none. */
double ifm_tensor_magnitude(const struct ifm_tensor *t);
/* IFM_ERR_INVALID when dtype or shape differ (the sentence names both). */
int ifm_tensor_compare(const struct ifm_tensor *actual, const struct ifm_tensor *expected,
                       double rtol, double atol, struct ifm_comparison *out, struct ifm_err *err);

#endif
