/* A library with one custom operator for ONNX Runtime, ifm.test:Double, y = 2 x: what --custom-ops is given in a
 * test. Own declarations of the few things it needs; the slots are held against the vendor's header where that is
 * at hand (onnxruntime_abi_test.c). */
#include "tests/contract/custom_op.h"

static const void *const *api;

#define SLOT(index, type) ((type)(uintptr_t)api[index])

static void *create(const struct custom_op *op, const void *table, const void *info)
{
    (void)op;
    (void)info;
    api = table;
    return &api; /* there is no state, and NULL would be an error */
}

static const char *name(const struct custom_op *op)
{
    (void)op;
    return "Double";
}

static const char *provider(const struct custom_op *op)
{
    (void)op;
    return 0; /* the CPU's */
}

static int type(const struct custom_op *op, size_t index)
{
    (void)op;
    (void)index;
    return 1; /* float */
}

static int zero_of(const struct custom_op *op, size_t index)
{
    (void)op;
    (void)index;
    return 0;
}

static int first_version(const struct custom_op *op)
{
    (void)op;
    return 1;
}

static int last_version(const struct custom_op *op)
{
    (void)op;
    return INT32_MAX;
}

static size_t one(const struct custom_op *op)
{
    (void)op;
    return 1;
}

static void destroy(void *kernel)
{
    (void)kernel;
}

/* Errors of the small calls are let through: a test would see wrong numbers. */
static void compute(void *kernel, void *context)
{
    const void *input = 0;
    void *shape = 0, *output = 0, *from = 0, *to = 0;
    int64_t dims[8] = { 0 };
    size_t rank = 0, count = 0;
    (void)kernel;
    SLOT(CUSTOM_GET_INPUT, void *(*)(const void *, size_t, const void **))(context, 0, &input);
    SLOT(CUSTOM_TYPE_AND_SHAPE, void *(*)(const void *, void **))(input, &shape);
    SLOT(CUSTOM_DIMENSION_COUNT, void *(*)(const void *, size_t *))(shape, &rank);
    rank = rank < 8 ? rank : 8;
    SLOT(CUSTOM_DIMENSIONS, void *(*)(const void *, int64_t *, size_t))(shape, dims, rank);
    SLOT(CUSTOM_ELEMENT_COUNT, void *(*)(const void *, size_t *))(shape, &count);
    SLOT(CUSTOM_RELEASE_SHAPE, void (*)(void *))(shape);
    SLOT(CUSTOM_GET_OUTPUT, void *(*)(void *, size_t, const int64_t *, size_t, void **))
    (context, 0, dims, rank, &output);
    SLOT(CUSTOM_DATA, void *(*)(const void *, void **))(input, &from);
    SLOT(CUSTOM_DATA, void *(*)(const void *, void **))(output, &to);
    for (size_t i = 0; i < count; i++) {
        ((float *)to)[i] = 2 * ((const float *)from)[i];
    }
}

static const struct custom_op doubling = {
    .version = 18,
    .create = create,
    .name = name,
    .provider = provider,
    .input_type = type,
    .input_count = one,
    .output_type = type,
    .output_count = one,
    .compute = compute,
    .destroy = destroy,
    .input_kind = zero_of,
    .output_kind = zero_of,
    .input_memory = zero_of,
    .variadic = { first_version, first_version, first_version, first_version },
    .start_version = first_version,
    .end_version = last_version,
};

__attribute__((visibility("default"))) void *RegisterCustomOps(void *options, const struct custom_base *base);
void *RegisterCustomOps(void *options, const struct custom_base *base)
{
    void *domain = 0;
    api = base->get_api(12);
    void *status = SLOT(CUSTOM_CREATE_DOMAIN, void *(*)(const char *, void **))("ifm.test", &domain);
    if (!status) {
        status = SLOT(CUSTOM_DOMAIN_ADD, void *(*)(void *, const struct custom_op *))(domain, &doubling);
    }
    return status ? status : SLOT(CUSTOM_ADD_DOMAIN, void *(*)(void *, void *))(options, domain);
}
