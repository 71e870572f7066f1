/* The part of ONNX Runtime's interface for custom operators that custom_op.c uses: slots of its table, and an
 * operator's description. */
#ifndef IFM_TEST_CUSTOM_OP_H
#define IFM_TEST_CUSTOM_OP_H

#include <stddef.h>
#include <stdint.h>

enum {
    CUSTOM_CREATE_DOMAIN = 26,
    CUSTOM_DOMAIN_ADD = 27,
    CUSTOM_ADD_DOMAIN = 28,
    CUSTOM_DATA = 51,
    CUSTOM_DIMENSION_COUNT = 61,
    CUSTOM_DIMENSIONS = 62,
    CUSTOM_ELEMENT_COUNT = 64,
    CUSTOM_TYPE_AND_SHAPE = 65,
    CUSTOM_GET_INPUT = 90,
    CUSTOM_GET_OUTPUT = 91,
    CUSTOM_RELEASE_SHAPE = 99
};

struct custom_op {
    uint32_t version;
    void *(*create)(const struct custom_op *, const void *api, const void *info);
    const char *(*name)(const struct custom_op *);
    const char *(*provider)(const struct custom_op *);
    int (*input_type)(const struct custom_op *, size_t index);
    size_t (*input_count)(const struct custom_op *);
    int (*output_type)(const struct custom_op *, size_t index);
    size_t (*output_count)(const struct custom_op *);
    void (*compute)(void *kernel, void *context);
    void (*destroy)(void *kernel);
    int (*input_kind)(const struct custom_op *, size_t index); /* 0: required */
    int (*output_kind)(const struct custom_op *, size_t index);
    int (*input_memory)(const struct custom_op *, size_t index); /* 0: where the provider has it */
    int (*variadic[4])(const struct custom_op *);
    void *later[3]; /* of version 16: NULL */
    int (*start_version)(const struct custom_op *);
    int (*end_version)(const struct custom_op *);
    void *last[4]; /* of version 18: NULL */
};

struct custom_base {
    const void *const *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
};

#endif
