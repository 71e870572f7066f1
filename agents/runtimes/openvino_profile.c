/* The operator profile of OpenVINO. Counters are on from a model's compilation or never, so that profile_start
 * compiles it again; that one stands in the place of the plain one until profile_stop. The CPU plugin tells
 * means over all inferences so far, in whole microseconds, also of those that are not to be counted: what came
 * before is taken off, and an operator of less than a microsecond may show as nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/openvino.h"

#define SKIP   2 /* inferences that are not counted */
#define US_MAX INT64_C(1000000000)

void ov_profile_end(struct ov_state *s)
{
    if (!s->plain.active) {
        return;
    }
    if (s->plain.before.items) {
        s->api.ov_profiling_info_list_free(&s->plain.before);
    }
    if (s->request) {
        s->api.ov_infer_request_free(s->request);
    }
    if (s->compiled) {
        s->api.ov_compiled_model_free(s->compiled);
    }
    s->compiled = s->plain.compiled;
    s->request = s->plain.request;
    s->plain.active = false;
}

int ov_profile_start(void *state)
{
    struct ov_state *s = state;
    if (s->plain.active || !s->request) {
        return ov_host->fail(ov_host->context, "a profile is running already, or nothing is bound");
    }
    s->plain.active = true;
    s->plain.compiled = s->compiled;
    s->plain.request = s->request;
    s->plain.before = (struct ov_profile){ .items = NULL };
    s->compiled = NULL;
    s->request = NULL;
    int status = ov_compile(s, true);
    status = status == 0 ? ov_make_request(s, &s->request) : status;
    for (int i = 0; status == 0 && i < SKIP; i++) {
        status = ov_check(s, s->api.ov_infer_request_infer(s->request), "profile");
    }
    if (status == 0) {
        status = ov_check(s, s->api.ov_infer_request_get_profiling_info(s->request, &s->plain.before),
                          "profile");
    }
    if (status != 0) {
        ov_profile_end(s);
    }
    s->plain.inferences = 0;
    return status;
}

/* Counters come in the order of execution, the same each time. */
static int64_t before_us(const struct ov_profile *before, size_t i, const char *name)
{
    const bool same = i < before->count && before->items[i].name && strcmp(before->items[i].name, name) == 0;
    return same ? before->items[i].real_us : 0;
}

static int longest_first(const void *a, const void *b)
{
    const struct ifm_op_profile *x = a, *y = b;
    return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
}

/* "Convolution brgconv_avx512_bf16": what computed it, and in which precision, is what a silent default hides. */
static void fill(struct ifm_op_profile *row, const struct ov_profiled *op, const char *device)
{
    memset(row, 0, sizeof *row);
    snprintf(row->name, sizeof row->name, "%.95s", op->name && *op->name ? op->name : "?");
    snprintf(row->type, sizeof row->type, "%.23s %.23s", op->type ? op->type : "?",
             op->exec_type ? op->exec_type : "");
    snprintf(row->provider, sizeof row->provider, "%.47s", device);
    row->start_ns = -1;
}

static void rows_of(const struct ov_state *s, const struct ov_profile *after, struct ifm_op_profile *rows,
                    size_t *row_count)
{
    const int64_t n = (int64_t)s->plain.inferences;
    const size_t capacity = *row_count;
    size_t used = 0;
    for (size_t i = 0; i < after->count && capacity; i++) {
        const struct ov_profiled *op = &after->items[i];
        if (op->status != OV_NODE_EXECUTED || op->real_us < 0 || op->real_us > US_MAX) {
            continue;
        }
        const int64_t all = op->real_us * (n + SKIP),
                      early = before_us(&s->plain.before, i, op->name ? op->name : "") * SKIP;
        struct ifm_op_profile *row = &rows[used < capacity ? used : capacity - 1];
        if (used < capacity) {
            fill(row, op, s->device);
            used++;
        } else { /* the last row takes what finds no place, so that the sum stays true */
            snprintf(row->name, sizeof row->name, "(others)");
            row->type[0] = '\0';
        }
        row->calls += (uint64_t)n;
        row->total_ns += all > early ? (uint64_t)(all - early) * 1000 : 0;
    }
    if (used) {
        qsort(rows, used, sizeof *rows, longest_first);
    }
    *row_count = used;
}

int ov_profile_stop(void *state, struct ifm_op_profile *rows, size_t *row_count)
{
    struct ov_state *s = state;
    struct ov_profile after = { .items = NULL };
    if (!s->plain.active) {
        return ov_host->fail(ov_host->context, "no profile is running");
    }
    const int status =
        ov_check(s, s->api.ov_infer_request_get_profiling_info(s->request, &after), "profile");
    if (status == 0) {
        rows_of(s, &after, rows, row_count);
        s->api.ov_profiling_info_list_free(&after);
    }
    ov_profile_end(s);
    return status;
}

/* Which devices compute. How many operators each of them took is known only to a model with counters, and a
 * second compilation has no place in the process whose memory is measured: the count stays 0. */
int ov_placement(void *state, struct ifm_placement *rows, size_t *row_count)
{
    struct ov_state *s = state;
    const size_t capacity = *row_count;
    char *value = NULL;
    *row_count = 0;
    OV_TRY(ov_compiled_model_get_property(s->compiled, "EXECUTION_DEVICES", &value), "placement");
    for (const char *at = value; at && *at;) {
        const size_t len = strcspn(at, " ,");
        if (len && *row_count < capacity) {
            struct ifm_placement *row = &rows[(*row_count)++];
            memset(row, 0, sizeof *row);
            snprintf(row->provider, sizeof row->provider, "%.*s", len < 47 ? (int)len : 47, at);
        }
        at += len + strspn(at + len, " ,");
    }
    s->api.ov_free(value);
    return 0;
}
