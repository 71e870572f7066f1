/* What another program printed, from text to the blocks of an invocation. */
#include <math.h>
#include <string.h>

#include "agents/executors/external.h"
#include "core/codec.h"
#include "core/mem.h"

#define LATENCY_MAX 3600e9 /* an hour, as in every message */

struct line {
    double latency_ns;
    bool warmup;
};
static const struct ifm_field line_fields[] = {
    { .name = "latency_ns", .kind = IFM_FIELD_F64, .offset = offsetof(struct line, latency_ns),
      .flags = IFM_FIELD_REQUIRED, .min = 0, .max = (int64_t)LATENCY_MAX, .help = "of one inference" },
    { .name = "warmup", .kind = IFM_FIELD_BOOL, .offset = offsetof(struct line, warmup),
      .help = "it does not count" },
    { .name = NULL }
};
static const struct ifm_table line_table = { "external", "A line of an external program.",
                                             sizeof(struct line), line_fields };

struct reader {
    struct ifm_external_output *out;
    size_t number, capacity; /* line, from 1; of the array */
    struct ifm_err *err;
};

/* "latency_ns" somewhere in a line that begins as an object: it wants to be a measurement. */
static bool is_measurement(const char *line, size_t len)
{
    static const char key[] = "\"latency_ns\"";
    size_t at = 0;
    while (at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    return at < len && line[at] == '{' && memmem(line, len, key, sizeof key - 1) != NULL;
}

static int keep(struct reader *r, const struct line *line)
{
    struct ifm_external_output *out = r->out;
    if (line->warmup && out->warmup < out->count)
        return ifm_err_set(r->err, IFM_ERR_INVALID, "", "line %zu says warmup after a latency that counts",
                           r->number);
    if (out->count == r->capacity) {
        size_t more = r->capacity ? 2 * r->capacity : 4096;
        int64_t *grown = ifm_resize_array(out->latency_ns, more, sizeof *grown);
        if (!grown)
            return ifm_err_set(r->err, IFM_ERR_NOMEM, "", "out of memory");
        out->latency_ns = grown;
        r->capacity = more;
    }
    out->latency_ns[out->count++] = llround(line->latency_ns);
    out->warmup += line->warmup;
    return 0;
}

static int one(struct reader *r, const char *text, size_t len)
{
    struct line line = { .latency_ns = -1 };
    struct ifm_err why = IFM_ERR_INIT;
    if (!is_measurement(text, len)) {
        if (++r->out->other > IFM_EXTERNAL_OTHER_MAX)
            return ifm_err_set(r->err, IFM_ERR_INVALID, "", "more than %d lines without a latency",
                               IFM_EXTERNAL_OTHER_MAX);
        return 0;
    }
    if (len > IFM_EXTERNAL_LINE_MAX)
        return ifm_err_set(r->err, IFM_ERR_INVALID, "", "line %zu is longer than %d bytes", r->number,
                           IFM_EXTERNAL_LINE_MAX);
    if (ifm_json_decode(&line_table, text, len, &line, &why))
        return ifm_err_set(r->err, IFM_ERR_INVALID, "", "line %zu is no {\"latency_ns\":N}: %s", r->number,
                           why.text);
    int rc = line.latency_ns >= 0 && line.latency_ns <= LATENCY_MAX
                 ? keep(r, &line)
                 : ifm_err_set(r->err, IFM_ERR_INVALID, "", "line %zu: a latency is from 0 ns to an hour",
                               r->number);
    ifm_json_free(&line_table, &line);
    return rc;
}

int ifm_external_read(const char *text, size_t len, struct ifm_external_output *out, struct ifm_err *err)
{
    struct reader r = { .out = out, .err = err };
    int rc = 0;
    *out = (struct ifm_external_output){ .latency_ns = NULL };
    for (size_t at = 0; !rc && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - (text + at)) : len - at;
        r.number++;
        rc = one(&r, text + at, line && text[at + line - 1] == '\r' ? line - 1 : line);
        at += line + 1;
    }
    return rc;
}

void ifm_external_output_done(struct ifm_external_output *out)
{
    ifm_free(out->latency_ns);
    *out = (struct ifm_external_output){ .latency_ns = NULL };
}

static int add_blocks(const int64_t *values, size_t count, int phase, struct ifm_list *blocks,
                      struct ifm_err *err)
{
    for (size_t first = 0; first < count; first += IFM_CODEC_SAMPLES_MAX) {
        size_t left = count - first, n = left < IFM_CODEC_SAMPLES_MAX ? left : IFM_CODEC_SAMPLES_MAX;
        struct ifm_msg_block *items = ifm_resize_array(blocks->items, blocks->count + 1, sizeof *items);
        if (!items)
            return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
        blocks->items = items;
        items[blocks->count] =
            (struct ifm_msg_block){ .phase = phase, .first = (int64_t)first, .count = (int64_t)n };
        int rc = ifm_codec_encode(values + first, n, &items[blocks->count].block, err);
        if (rc)
            return rc;
        blocks->count++;
    }
    return 0;
}

static int64_t sum(const int64_t *values, size_t count)
{
    int64_t total = 0; /* 3 million latencies of an hour each overflow; the message's own limit is below */
    for (size_t i = 0; i < count; i++)
        total = total > INT64_MAX / 2 ? total : total + values[i];
    return total;
}

int ifm_external_store(const struct ifm_external_output *output, struct ifm_msg_invocation *inv,
                       struct ifm_err *err)
{
    const int64_t *timed = output->latency_ns + output->warmup;
    size_t count = output->count - output->warmup;
    inv->first_inference_ns = output->count ? output->latency_ns[0] : 0;
    inv->warmup_iterations = (int64_t)output->warmup;
    inv->warmup_ns = sum(output->latency_ns, output->warmup);
    inv->iterations = (int64_t)count;
    inv->steady_ns = sum(timed, count); /* it may do other things in between: that is not known */
    int rc = add_blocks(output->latency_ns, output->warmup, 0, &inv->samples, err);
    return rc ? rc : add_blocks(timed, count, 1, &inv->samples, err);
}
