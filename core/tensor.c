#include "core/tensor.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/rng.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor data and .npy files are little endian");

#define ALIGNMENT 64

static const struct {
    const char *name;
    size_t bytes;
} dtypes[IFM_DTYPE_COUNT] = {
    [IFM_DTYPE_NONE] = { "unsupported", 0 }, [IFM_DTYPE_F32] = { "float32", 4 },
    [IFM_DTYPE_F64] = { "float64", 8 },      [IFM_DTYPE_F16] = { "float16", 2 },
    [IFM_DTYPE_BF16] = { "bfloat16", 2 },    [IFM_DTYPE_I8] = { "int8", 1 },
    [IFM_DTYPE_I16] = { "int16", 2 },        [IFM_DTYPE_I32] = { "int32", 4 },
    [IFM_DTYPE_I64] = { "int64", 8 },        [IFM_DTYPE_U8] = { "uint8", 1 },
    [IFM_DTYPE_U16] = { "uint16", 2 },       [IFM_DTYPE_U32] = { "uint32", 4 },
    [IFM_DTYPE_U64] = { "uint64", 8 },       [IFM_DTYPE_BOOL] = { "bool", 1 },
};

static bool is_dtype(enum ifm_dtype dtype)
{
    return (int)dtype > IFM_DTYPE_NONE && (int)dtype < IFM_DTYPE_COUNT;
}

const char *ifm_dtype_name(enum ifm_dtype dtype)
{
    return dtypes[is_dtype(dtype) ? dtype : IFM_DTYPE_NONE].name;
}

enum ifm_dtype ifm_dtype_from_name(const char *name)
{
    for (int i = IFM_DTYPE_NONE + 1; name && i < IFM_DTYPE_COUNT; i++)
        if (strcmp(name, dtypes[i].name) == 0)
            return (enum ifm_dtype)i;
    return IFM_DTYPE_NONE;
}

size_t ifm_dtype_bytes(enum ifm_dtype dtype)
{
    return is_dtype(dtype) ? dtypes[dtype].bytes : 0;
}

int64_t ifm_tensor_elements(const int64_t *dims, int32_t rank)
{
    int64_t product = 1;
    bool zero = false;
    if (rank < 0)
        return -1;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return -1;
        zero = zero || dims[i] == 0;
    }
    for (int32_t i = 0; i < rank && !zero; i++)
        if (__builtin_mul_overflow(product, dims[i], &product))
            return -1;
    return zero ? 0 : product;
}

void ifm_tensor_shape_text(const int64_t *dims, int32_t rank, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < rank && used < size; i++) {
        int wrote = snprintf(text + used, size - used, "%s%lld", i ? "x" : "", (long long)dims[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    if (rank == 0)
        snprintf(text, size, "scalar");
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* ifm_alloc aligns as malloc does; the pointer that it gave stands just before the aligned data. */
static void *alloc_aligned(size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT - sizeof(void *))
        return NULL;
    char *base = ifm_alloc(bytes + ALIGNMENT + sizeof(void *));
    if (!base)
        return NULL;
    uintptr_t first = (uintptr_t)base + sizeof(void *);
    char *data = base + sizeof(void *) + (ALIGNMENT - first % ALIGNMENT) % ALIGNMENT;
    memcpy(data - sizeof(void *), &base, sizeof base);
    return data;
}

static void free_aligned(void *data)
{
    if (!data)
        return;
    char *base;
    memcpy(&base, (char *)data - sizeof(void *), sizeof base);
    ifm_free(base);
}

int ifm_tensor_new(struct ifm_tensor *t, const char *name, enum ifm_dtype dtype,
                   const int64_t *dims, int32_t rank, size_t max_bytes, struct ifm_err *err)
{
    *t = (struct ifm_tensor){ 0 };
    const char *shown = name ? name : "";
    if (!is_dtype(dtype))
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "tensor",
                           "tensor \"%s\" is of a type that is not supported (text or a sequence); "
                           "supported are arrays of numbers",
                           shown);
    if (rank < 0 || rank > IFM_MAX_RANK)
        return ifm_err_set(err, IFM_ERR_INVALID, "tensor",
                           "tensor \"%s\" has %d dimensions, 0 to %d are supported", shown,
                           (int)rank, IFM_MAX_RANK);
    char shape[IFM_SHAPE_TEXT_MAX];
    ifm_tensor_shape_text(dims, rank, shape, sizeof shape);
    int64_t elements = ifm_tensor_elements(dims, rank);
    if (elements < 0)
        return ifm_err_set(err, IFM_ERR_INVALID, "tensor",
                           "shape %s of tensor \"%s\" is negative or too large to count", shape,
                           shown);
    size_t bytes;
    if (__builtin_mul_overflow((size_t)elements, ifm_dtype_bytes(dtype), &bytes) ||
        bytes > max_bytes)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "tensor",
                           "tensor \"%s\" of shape %s and type %s is over the limit of %zu bytes",
                           shown, shape, ifm_dtype_name(dtype), max_bytes);
    t->data = alloc_aligned(bytes);
    t->name = ifm_dup(shown);
    if (!t->data || !t->name) {
        ifm_tensor_done(t);
        return ifm_err_set(err, IFM_ERR_NOMEM, "tensor",
                           "out of memory for tensor \"%s\" of %zu bytes", shown, bytes);
    }
    t->dtype = dtype;
    t->rank = rank;
    for (int32_t i = 0; i < rank; i++)
        t->dims[i] = dims[i];
    t->bytes = bytes;
    return 0;
}

void ifm_tensor_done(struct ifm_tensor *t)
{
    if (!t)
        return;
    free_aligned(t->data);
    ifm_free((void *)(uintptr_t)t->name);
    *t = (struct ifm_tensor){ 0 };
}

/* -- Narrow floats ----------------------------------------------------------------------------- */

static double widen(uint16_t bits, int mantissa_bits)
{
    int exponent_bits = 15 - mantissa_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
    int mantissa = bits & ((1 << mantissa_bits) - 1);
    double magnitude;
    if (exponent == (1 << exponent_bits) - 1)
        magnitude = mantissa ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(mantissa, 1 - bias - mantissa_bits);
    else
        magnitude = ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
    return bits >> 15 ? -magnitude : magnitude;
}

/* Straight from double, to the nearest, ties to even: by way of float it would round twice. */
static uint16_t narrow(double value, int mantissa_bits)
{
    int exponent_bits = 15 - mantissa_bits, bias = (1 << (exponent_bits - 1)) - 1;
    uint32_t sign = signbit(value) ? 0x8000u : 0;
    uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
    double magnitude = fabs(value);
    if (isnan(value))
        return (uint16_t)(sign | infinity | 1u << (mantissa_bits - 1));
    if (isinf(value))
        return (uint16_t)(sign | infinity);
    if (magnitude == 0.0)
        return (uint16_t)sign;
    int exponent;
    frexp(magnitude, &exponent);
    exponent--; /* magnitude is in [2^exponent, 2^(exponent+1)) */
    int least = 1 - bias;
    if (exponent > bias)
        return (uint16_t)(sign | infinity);
    int unit = (exponent > least ? exponent : least) - mantissa_bits;
    uint32_t steps = (uint32_t)nearbyint(ldexp(magnitude, -unit));
    /* The hidden bit adds 1 to the exponent field; a carry out of the mantissa does the same. */
    uint32_t bits =
        exponent > least ? ((uint32_t)(exponent - least) << mantissa_bits) + steps : steps;
    return (uint16_t)(sign | (bits < infinity ? bits : infinity));
}

double ifm_tensor_from_f16(uint16_t bits)
{
    return widen(bits, 10);
}
uint16_t ifm_tensor_to_f16(double value)
{
    return narrow(value, 10);
}
double ifm_tensor_from_bf16(uint16_t bits)
{
    return widen(bits, 7);
}
uint16_t ifm_tensor_to_bf16(double value)
{
    return narrow(value, 7);
}

double ifm_tensor_value(const struct ifm_tensor *t, size_t i)
{
    const void *data = t->data;
    switch (t->dtype) {
    case IFM_DTYPE_F32:
        return (double)((const float *)data)[i];
    case IFM_DTYPE_F64:
        return ((const double *)data)[i];
    case IFM_DTYPE_F16:
        return widen(((const uint16_t *)data)[i], 10);
    case IFM_DTYPE_BF16:
        return widen(((const uint16_t *)data)[i], 7);
    case IFM_DTYPE_I8:
        return ((const int8_t *)data)[i];
    case IFM_DTYPE_I16:
        return ((const int16_t *)data)[i];
    case IFM_DTYPE_I32:
        return ((const int32_t *)data)[i];
    case IFM_DTYPE_I64:
        return (double)((const int64_t *)data)[i];
    case IFM_DTYPE_U8:
        return ((const uint8_t *)data)[i];
    case IFM_DTYPE_U16:
        return ((const uint16_t *)data)[i];
    case IFM_DTYPE_U32:
        return ((const uint32_t *)data)[i];
    case IFM_DTYPE_U64:
        return (double)((const uint64_t *)data)[i];
    case IFM_DTYPE_BOOL:
        return ((const uint8_t *)data)[i] != 0;
    default:
        return (double)NAN;
    }
}

/* -- Seeded inputs ----------------------------------------------------------------------------- */

/* Uniform in [low, high) as seen after rounding to the element type: a value that rounds up to high
 * is drawn again, a bounded number of times. Product and sum stand apart, so that no compiler fuses
 * them. */
static double draw_real(struct ifm_rng *rng, enum ifm_dtype dtype, double low, double high)
{
    double value = low, span = high - low;
    for (int i = 0; i < 100; i++) {
        double scaled = ifm_rng_unit(rng) * span;
        value = low + scaled;
        if (dtype == IFM_DTYPE_F32)
            value = (double)(float)value;
        else if (dtype == IFM_DTYPE_F16)
            value = widen(narrow(value, 10), 10);
        else if (dtype == IFM_DTYPE_BF16)
            value = widen(narrow(value, 7), 7);
        if (value < high)
            return value;
    }
    return low;
}

static void fill_real(struct ifm_tensor *t, struct ifm_rng *rng, size_t n, double low, double high)
{
    int mantissa = t->dtype == IFM_DTYPE_F16 ? 10 : 7;
    double most = t->dtype == IFM_DTYPE_F32 ? (double)FLT_MAX
                  : t->dtype == IFM_DTYPE_F64
                      ? DBL_MAX
                      : widen((uint16_t)(narrow((double)INFINITY, mantissa) - 1), mantissa);
    low = fmin(fmax(low, -most), most);
    high = fmin(fmax(high, -most), most);
    for (size_t i = 0; i < n; i++) {
        double value = low < high ? draw_real(rng, t->dtype, low, high) : low;
        switch (t->dtype) {
        case IFM_DTYPE_F32:
            ((float *)t->data)[i] = (float)value;
            break;
        case IFM_DTYPE_F64:
            ((double *)t->data)[i] = value;
            break;
        default:
            ((uint16_t *)t->data)[i] = narrow(value, mantissa);
            break;
        }
    }
}

/* A whole number as the type's two's complement bits, held within its range. A double of 2^63 or
 * 2^64 does not convert, so the upper edge is compared first. */
static uint64_t integer_bits(enum ifm_dtype dtype, double value)
{
    int bits = (int)ifm_dtype_bytes(dtype) * 8;
    if (dtype == IFM_DTYPE_U8 || dtype == IFM_DTYPE_U16 || dtype == IFM_DTYPE_U32 ||
        dtype == IFM_DTYPE_U64) {
        if (value >= ldexp(1.0, bits))
            return UINT64_MAX >> (64 - bits);
        return value > 0.0 ? (uint64_t)value : 0;
    }
    double beyond = ldexp(1.0, bits - 1);
    if (value >= beyond)
        return UINT64_MAX >> (65 - bits);
    return (uint64_t)(int64_t)(value > -beyond ? value : -beyond);
}

static void fill_integer(struct ifm_tensor *t, struct ifm_rng *rng, size_t n, double low,
                         double high)
{
    uint64_t start = 0, span = 1; /* bool */
    size_t bytes = ifm_dtype_bytes(t->dtype);
    if (t->dtype != IFM_DTYPE_BOOL) {
        start = integer_bits(t->dtype, ceil(low));
        span = integer_bits(t->dtype, fmax(ceil(low), floor(high))) - start;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t drawn = span == UINT64_MAX ? ifm_rng_next(rng) : ifm_rng_below(rng, span + 1);
        uint64_t value = start + drawn;
        memcpy((char *)t->data + i * bytes, &value, bytes); /* little endian: the low bytes */
    }
}

void ifm_tensor_seed(struct ifm_tensor *t, uint64_t seed, double low, double high)
{
    uint64_t name_hash = 0xcbf29ce484222325u; /* FNV-1a, so that inputs of one model differ */
    for (const char *c = t->name ? t->name : ""; *c; c++)
        name_hash = (name_hash ^ (unsigned char)*c) * 0x100000001b3u;
    struct ifm_rng rng;
    ifm_rng_init(&rng, seed ^ name_hash);
    size_t bytes = ifm_dtype_bytes(t->dtype), n = bytes ? t->bytes / bytes : 0;
    if (!isfinite(low))
        low = 0.0;
    if (!isfinite(high) || high < low)
        high = low;
    switch (t->dtype) {
    case IFM_DTYPE_F32:
    case IFM_DTYPE_F64:
    case IFM_DTYPE_F16:
    case IFM_DTYPE_BF16:
        fill_real(t, &rng, n, low, high);
        break;
    case IFM_DTYPE_NONE:
        break;
    default:
        fill_integer(t, &rng, n, low, high);
        break;
    }
}
