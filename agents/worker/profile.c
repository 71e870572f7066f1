#include "agents/worker/profile.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/worker/loop.h"
#include "agents/worker/report.h"
#include "core/mem.h"

_Static_assert(offsetof(struct ifm_op_profile, shapes) == IFM_OP_PROFILE_FIRST_SIZE,
               "rows of older modules end where shapes begins");

#define NAME_MAX_BYTES 200
#define TEXT_MAX       (128 * 1024) /* of IFM_JSON_TEXT_MAX, which the whole event has, and then the whole run */
#define ROW_TEXT       150          /* of a row without its texts */

int ifm_profile_check(const struct ifm_registry_module *module, struct ifm_err *err)
{
    if (module->ops.profile_start && module->ops.profile_stop) {
        return 0;
    }
    return ifm_err_set(err, IFM_ERR_UNSUPPORTED, module->ops.name,
                       "runtime %s has no operator profile", module->ops.name);
}

/* -- Timing -------------------------------------------------------------------------------------- */
static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank, as everywhere. */
static int64_t median(int64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return n ? values[(n + 1) / 2 - 1] : IFM_JSON_ABSENT;
}

struct pass {
    struct ifm_registry_module *module;
    struct ifm_loop_array array;
    int64_t *plain; /* of both blocks without a profiler */
    size_t plain_count;
    int64_t max_ns;
};

/* One block of at most n inferences into the array; *count: how many. */
static int block(struct pass *pass, size_t n, size_t *count, struct ifm_err *err)
{
    struct ifm_loop_result result;
    const struct ifm_loop loop = { .run = pass->module->ops.run,
                                   .sync = pass->module->ops.sync,
                                   .state = pass->module->state,
                                   .samples = pass->array.samples,
                                   .capacity = pass->array.capacity,
                                   .iterations = (int64_t)n,
                                   .max_ns = pass->max_ns };
    ifm_loop_run(&loop, &result);
    *count = result.count;
    return result.status ? ifm_registry_failed(pass->module, "run", result.status,
                                               IFM_ERR_MEASUREMENT, err)
                         : 0;
}

static int plain_block(struct pass *pass, size_t n, struct ifm_err *err)
{
    size_t count = 0;
    const int code = block(pass, n, &count, err);
    for (size_t i = 0; code == 0 && i < count; i++) {
        pass->plain[pass->plain_count++] = pass->array.samples[i].duration_ns;
    }
    return code;
}

/* -- Rows ---------------------------------------------------------------------------------------- */
static int take_row(const struct ifm_op_profile *row, struct ifm_msg_op *op)
{
    char text[sizeof row->shapes + 1];
    const struct {
        const char *from;
        size_t size;
        char **to;
    } texts[] = { { row->name, sizeof row->name, &op->name },
                  { row->type, sizeof row->type, &op->type },
                  { row->provider, sizeof row->provider, &op->provider },
                  { row->shapes, sizeof row->shapes, &op->shapes } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t len = strnlen(texts[i].from, texts[i].size); /* a module may forget the NUL */
        memcpy(text, texts[i].from, len);
        text[len] = '\0';
        *texts[i].to = len ? ifm_report_text(text, NAME_MAX_BYTES) : NULL;
        if (len && !*texts[i].to) {
            return -1;
        }
    }
    op->name = op->name ? op->name : ifm_dup("?");
    op->calls = row->calls > INT32_MAX ? INT32_MAX : (int64_t)row->calls;
    op->total_ns = row->total_ns > INT64_MAX / 4096 ? INT64_MAX / 4096 : (int64_t)row->total_ns;
    op->start_ns = row->start_ns >= 0 && row->start_ns < INT64_MAX / 4096 ? row->start_ns : IFM_JSON_ABSENT;
    return op->name ? 0 : -1;
}

static int longest_first(const void *a, const void *b)
{
    const struct ifm_msg_op *x = a, *y = b;
    return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
}

static double fallback_share(const struct ifm_list *ops, const char *asked)
{
    const struct ifm_msg_op *op = ops->items;
    double known = 0, elsewhere = 0;
    for (size_t i = 0; i < ops->count; i++) {
        if (op[i].provider && asked) {
            known += (double)op[i].total_ns;
            elsewhere += strcmp(op[i].provider, asked) != 0 ? (double)op[i].total_ns : 0;
        }
    }
    return known > 0 ? elsewhere / known : NAN;
}

static size_t text_of(const char *text)
{
    size_t bytes = 0;
    for (; text && *text; text++) {
        bytes += (unsigned char)*text < 0x20 ? 6 : *text == '"' || *text == '\\' ? 2 : 1;
    }
    return bytes;
}

/* The shortest ones become one row where all of them are more than a message may hold: nothing of the time is lost. */
static int join_rest(struct ifm_list *list)
{
    struct ifm_msg_op *op = list->items, rest = { .start_ns = IFM_JSON_ABSENT };
    size_t kept = 0, text = 0;
    char name[48];
    for (; kept < list->count; kept++) {
        text += ROW_TEXT + text_of(op[kept].name) + text_of(op[kept].type) + text_of(op[kept].provider) +
                text_of(op[kept].shapes);
        if (text > TEXT_MAX) {
            break;
        }
    }
    if (kept == list->count) {
        return 0;
    }
    snprintf(name, sizeof name, "(%zu others)", list->count - kept);
    rest.name = ifm_dup(name);
    if (!rest.name) {
        return -1;
    }
    for (size_t i = kept; i < list->count; i++) {
        rest.calls += op[i].calls;
        rest.total_ns += op[i].total_ns;
        ifm_free(op[i].name);
        ifm_free(op[i].type);
        ifm_free(op[i].provider);
        ifm_free(op[i].shapes);
    }
    op[kept] = rest;
    list->count = kept + 1;
    return 0;
}

int ifm_profile_take(const void *rows, size_t count, size_t size, const char *asked,
                     struct ifm_msg_profile *out, struct ifm_err *err)
{
    int64_t total = 0;
    struct ifm_msg_op *ops = ifm_alloc_array(count ? count : 1, sizeof *ops);
    out->ops = (struct ifm_list){ .items = ops };
    if (!ops) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "profile", "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct ifm_op_profile row = { .start_ns = -1 };
        memcpy(&row, (const char *)rows + i * size, size < sizeof row ? size : sizeof row);
        out->ops.count++;
        if (take_row(&row, &ops[i]) != 0) {
            return ifm_err_set(err, IFM_ERR_NOMEM, "profile", "out of memory");
        }
        total += ops[i].total_ns;
    }
    qsort(ops, count, sizeof *ops, longest_first);
    out->attributed_ns = out->inferences > 0 ? total / out->inferences : 0;
    out->fallback_share = fallback_share(&out->ops, asked);
    if (join_rest(&out->ops) != 0) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "profile", "out of memory");
    }
    return 0;
}

/* The provider that the runtime says it was asked for, from its effective settings. */
static const char *asked_provider(const struct ifm_registry_module *module, char *text, size_t size)
{
    text[0] = '\0';
    if (!module->ops.effective || module->ops.effective(module->state, text, size) != 0) {
        return NULL;
    }
    text[size - 1] = '\0';
    char *at = strncmp(text, "provider=", 9) == 0 ? text : strstr(text, "\nprovider=");
    if (!at) {
        return NULL;
    }
    at = strchr(at, '=') + 1;
    at[strcspn(at, "\n")] = '\0';
    return at;
}

/* -- The pass ------------------------------------------------------------------------------------ */
static int profiled(struct pass *pass, size_t n, struct ifm_msg_profile *out, struct ifm_err *err)
{
    const struct ifm_runtime_ops *ops = &pass->module->ops;
    const size_t size = ops->op_size >= IFM_OP_PROFILE_FIRST_SIZE ? ops->op_size
                                                                  : IFM_OP_PROFILE_FIRST_SIZE;
    size_t count = 0, rows = IFM_OPS_MAX;
    char effective[4096];
    struct ifm_op_profile *table = ifm_alloc_array(rows, size);
    if (!table) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "profile", "out of memory");
    }
    int status = ops->profile_start(pass->module->state), code = 0;
    if (status != 0) {
        code = ifm_registry_failed(pass->module, "profile_start", status, IFM_ERR_MEASUREMENT, err);
    } else {
        code = block(pass, n, &count, err);
        status = ops->profile_stop(pass->module->state, table, &rows); /* also after a failed run */
    }
    if (code == 0 && status != 0) {
        code = ifm_registry_failed(pass->module, "profile_stop", status, IFM_ERR_MEASUREMENT, err);
    }
    for (size_t i = 0; code == 0 && i < count; i++) {
        pass->plain[pass->plain_count + i] = pass->array.samples[i].duration_ns;
    }
    if (code == 0) {
        out->inferences = (int64_t)count;
        out->p50_ns = median(pass->plain + pass->plain_count, count);
        code = ifm_profile_take(table, rows < IFM_OPS_MAX ? rows : IFM_OPS_MAX, size,
                                asked_provider(pass->module, effective, sizeof effective), out, err);
    }
    ifm_free(table);
    return code;
}

int ifm_profile_run(struct ifm_registry_module *module, const struct ifm_msg_spec *spec,
                    struct ifm_msg_profile *out, struct ifm_err *err)
{
    int64_t asked = spec->iterations > 0 ? spec->iterations : IFM_PROFILE_INFERENCES;
    asked = asked < IFM_PROFILE_INFERENCES_MAX ? asked : IFM_PROFILE_INFERENCES_MAX;
    const size_t n = (size_t)asked, half = n / 2 ? n / 2 : 1;
    struct pass pass = { .module = module, .max_ns = spec->max_ns };
    int code = ifm_profile_check(module, err);
    if (code == 0) {
        code = ifm_loop_array_init(&pass.array, n, err);
    }
    if (code != 0) {
        return code;
    }
    pass.plain = ifm_alloc_array(2 * half + n, sizeof *pass.plain);
    code = pass.plain ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "profile", "out of memory");
    if (code == 0) {
        code = plain_block(&pass, half, err);
    }
    if (code == 0) {
        code = profiled(&pass, n, out, err);
    }
    if (code == 0) { /* what drifts meanwhile is on both sides of the profiled block */
        code = plain_block(&pass, half, err);
    }
    if (code == 0) {
        out->unprofiled_p50_ns = median(pass.plain, pass.plain_count);
    }
    ifm_free(pass.plain);
    ifm_loop_array_done(&pass.array);
    return code;
}
