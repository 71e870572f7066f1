/* A delegate for TensorFlow Lite as a plug-in, for tests: it takes additions and computes them itself. Options:
 * library=PATH of TensorFlow Lite (needed), act=take|none|refuse|fail (default take), fixed=yes: no delegate may
 * follow it. Its sums are 1000 too large with wrong=yes, so that a test sees who computed. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/litert_abi.h"

static struct {
    void *library;
    const char *act;
    float extra;
} the;
static char act_text[16];

static void *find(const char *name)
{
    return dlsym(the.library, name);
}
#define CALL(result, name, parameters) ((result(*) parameters)(uintptr_t)find("TfLite" #name))

__attribute__((visibility("default"))) tfl_delegate *
tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                              void (*report)(const char *));
__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(tfl_delegate *delegate);

static tfl_status prepare_sum(void *user, tfl_context *context, tfl_node *node)
{
    (void)user;
    (void)context;
    (void)node;
    return TFL_OK;
}

/* Every operator that the kernel stands for adds its two inputs; here there is one. */
static tfl_status invoke_sum(void *user, tfl_context *context, tfl_node *node)
{
    const int *in = NULL, *out = NULL;
    int in_count = 0, out_count = 0;
    (void)user;
    CALL(tfl_status, OpaqueNodeInputs, (const tfl_node *, const int **, int *))(node, &in, &in_count);
    CALL(tfl_status, OpaqueNodeOutputs, (const tfl_node *, const int **, int *))(node, &out, &out_count);
    tfl_tensor *(*tensor)(const tfl_context *, int) =
        CALL(tfl_tensor *, OpaqueContextGetOpaqueTensor, (const tfl_context *, int));
    void *(*data)(const tfl_tensor *) = CALL(void *, TensorData, (const tfl_tensor *));
    size_t (*bytes)(const tfl_tensor *) = CALL(size_t, TensorByteSize, (const tfl_tensor *));
    if (in_count != 2 || out_count != 1) {
        return TFL_ERROR;
    }
    const float *a = data(tensor(context, in[0])), *b = data(tensor(context, in[1]));
    float *y = data(tensor(context, out[0]));
    const size_t n = bytes(tensor(context, out[0])) / sizeof *y, m = bytes(tensor(context, in[1])) / sizeof *b;
    for (size_t i = 0; i < n; i++) {
        y[i] = a[i] + b[i % m] + the.extra;
    }
    return TFL_OK;
}

static tfl_status prepare(tfl_context *context, tfl_delegate *delegate, void *data)
{
    struct tfl_ints *plan = NULL;
    struct { int size; int items[64]; } taken = { .size = 0 };
    (void)data;
    if (strcmp(the.act, "fail") == 0) {
        CALL(void, OpaqueContextReportError, (tfl_context *, const char *, ...))(context, "the test delegate fails");
        return TFL_DELEGATE_ERROR;
    }
    CALL(tfl_status, OpaqueContextGetExecutionPlan, (tfl_context *, struct tfl_ints **))(context, &plan);
    for (int i = 0; plan && i < plan->size && taken.size < 64 && strcmp(the.act, "take") == 0; i++) {
        tfl_node *node = NULL;
        tfl_operator *operator= NULL;
        CALL(tfl_status, OpaqueContextGetNodeAndRegistration, (tfl_context *, int, tfl_node **, tfl_operator **))
        (context, plan->items[i], &node, &operator);
        if (CALL(int, OperatorGetBuiltInCode, (const tfl_operator *))(operator) == 0) {
            taken.items[taken.size++] = plan->items[i];
        }
    }
    if (taken.size == 0) {
        return TFL_OK;
    }
    tfl_operator *kernel = CALL(tfl_operator *, OperatorCreate, (int, const char *, int, void *))(
        TFL_OP_DELEGATE, "TestSum", 1, NULL);
    typedef tfl_status step(void *, tfl_context *, tfl_node *);
    CALL(tfl_status, OperatorSetPrepareWithData, (tfl_operator *, step *))(kernel, prepare_sum);
    CALL(tfl_status, OperatorSetInvokeWithData, (tfl_operator *, step *))(kernel, invoke_sum);
    return CALL(tfl_status, OpaqueContextReplaceNodeSubsetsWithDelegateKernels,
                (tfl_context *, tfl_operator *, const void *, tfl_delegate *))(context, kernel, &taken, delegate);
}

static tfl_builder builder = { .prepare = prepare, .flags = TFL_ALLOW_DYNAMIC };

tfl_delegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                            void (*report)(const char *))
{
    the.act = "take";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], "library") == 0) {
            the.library = dlopen(values[i], RTLD_NOW | RTLD_NOLOAD);
        } else if (strcmp(keys[i], "act") == 0) {
            snprintf(act_text, sizeof act_text, "%s", values[i]);
            the.act = act_text;
        } else if (strcmp(keys[i], "fixed") == 0) {
            builder.flags = 0;
        } else if (strcmp(keys[i], "wrong") == 0) {
            the.extra = 1000;
        } else {
            report("an option that the test delegate does not know");
            return NULL;
        }
    }
    if (!the.library || strcmp(the.act, "refuse") == 0) {
        report("the test delegate has no such device");
        return NULL;
    }
    return CALL(tfl_delegate *, OpaqueDelegateCreate, (const tfl_builder *))(&builder);
}

void tflite_plugin_destroy_delegate(tfl_delegate *delegate)
{
    CALL(void, OpaqueDelegateDelete, (tfl_delegate *))(delegate);
}
