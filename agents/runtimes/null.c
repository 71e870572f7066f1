/* The runtime that does nothing: what remains is the cost of measuring. The template for a new one.
 */
#include <stdint.h>
#include <stdio.h>
#include "inferometer/runtime.h"

struct null_state {
    const struct ifm_host *host;
    struct ifm_tensor input; /* borrowed from the host at bind */
    struct ifm_tensor output;
    float value;
};

static const struct ifm_host *the_host; /* one host a process; slots take it from here */

static const struct ifm_tensor_info input_info = {
    .name = "x", .dtype = IFM_DTYPE_F32, .rank = 1, .dims = { 1 }
};
static const struct ifm_tensor_info output_info = {
    .name = "y", .dtype = IFM_DTYPE_F32, .rank = 1, .dims = { 1 }
};

static int null_probe(void *state, struct ifm_runtime_info *info)
{
    (void)state;
    snprintf(info->version, sizeof info->version, "1");
    snprintf(info->providers, sizeof info->providers, "none");
    return 0;
}

static int null_open(void *state, const char *model_path)
{
    struct null_state *s = state;
    (void)model_path;
    s->host = the_host;
    return 0;
}

static int null_describe(void *state, const struct ifm_tensor_info **inputs, size_t *input_count,
                         const struct ifm_tensor_info **outputs, size_t *output_count)
{
    (void)state;
    *inputs = &input_info;
    *input_count = 1;
    *outputs = &output_info;
    *output_count = 1;
    return 0;
}

static int null_bind(void *state, const struct ifm_tensor *inputs, size_t input_count)
{
    struct null_state *s = state;
    if (input_count != 1 || inputs[0].dtype != IFM_DTYPE_F32 || inputs[0].bytes != sizeof(float)) {
        return s->host->fail(s->host->context, "the null runtime takes one input, float32 [1]");
    }
    s->input = inputs[0];
    s->output = (struct ifm_tensor){ .name = "y",
                                     .dtype = IFM_DTYPE_F32,
                                     .rank = 1,
                                     .dims = { 1 },
                                     .data = &s->value,
                                     .bytes = sizeof s->value };
    return 0;
}

static int null_run(void *state)
{
    (void)state;
    return 0;
}

/* Submitted is done: wait has nothing to wait for. */
static int null_submit(void *state)
{
    (void)state;
    return 0;
}

static int null_wait(void *state)
{
    (void)state;
    return 0;
}

/* The output is the input, so that verification has something to look at. */
static int null_fetch(void *state, const struct ifm_tensor **outputs, size_t *output_count)
{
    struct null_state *s = state;
    s->value = *(const float *)s->input.data;
    *outputs = &s->output;
    *output_count = 1;
    return 0;
}

static void null_close(void *state)
{
    (void)state;
}

static const struct ifm_runtime_ops null_ops = {
    .abi = IFM_RUNTIME_ABI,
    .size = sizeof(struct ifm_runtime_ops),
    .name = "null",
    .summary = "does nothing: measures the measuring",
    .caps = IFM_CAP_MODELLESS | IFM_CAP_ASYNC,
    .state_size = sizeof(struct null_state),
    .probe = null_probe,
    .open = null_open,
    .describe = null_describe,
    .bind = null_bind,
    .run = null_run,
    .fetch = null_fetch,
    .close = null_close,
    .submit = null_submit,
    .wait = null_wait,
};

const struct ifm_runtime_ops *ifm_runtime_entry(const struct ifm_host *host)
{
    the_host = host;
    return &null_ops;
}
