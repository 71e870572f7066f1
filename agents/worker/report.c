#include "agents/worker/report.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "core/codec.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/wire.h"

void ifm_report_init(struct ifm_msg_event *event, enum ifm_event_kind kind)
{
    ifm_json_init(&ifm_event_table, event);
    event->v = IFM_MSG_VERSION;
    event->event = (int)kind;
}

void ifm_report_done(struct ifm_msg_event *event)
{
    ifm_json_free(&ifm_event_table, event);
}

int ifm_report_event(int fd, const struct ifm_msg_event *event, struct ifm_err *err)
{
    struct ifm_buf line;
    ifm_buf_init(&line, IFM_WIRE_EVENT_MAX);
    ifm_json_encode(&ifm_event_table, event, &line);
    ifm_buf_addc(&line, '\n');
    int code = ifm_buf_check(&line, err);
    if (code == 0) {
        code = ifm_wire_write(fd, line.data, line.len, err);
    }
    ifm_buf_done(&line);
    return code;
}

static int one_block(int fd, struct ifm_msg_event *event, int64_t *scratch,
                     const struct ifm_report_series *series, struct ifm_err *err)
{
    struct ifm_msg_block *b = &event->samples;
    const size_t first = (size_t)b->first, n = (size_t)b->count;
    const struct ifm_loop_sample *s = series->samples + first;
    int64_t previous_end_ns = first ? s[-1].start_ns + s[-1].duration_ns : series->begin_ns;
    for (size_t i = 0; i < n; i++) {
        scratch[i] = s[i].duration_ns;
    }
    int code = ifm_codec_encode(scratch, n, &b->block, err);
    for (size_t i = 0; i < n; i++) {
        scratch[i] = s[i].start_ns - previous_end_ns;
        previous_end_ns = s[i].start_ns + s[i].duration_ns;
    }
    if (code == 0) {
        code = ifm_codec_encode(scratch, n, &b->gaps, err);
    }
    if (code == 0 && series->lateness_ns) {
        code = ifm_codec_encode(series->lateness_ns + first, n, &b->lateness, err);
    }
    if (code == 0) {
        code = ifm_report_event(fd, event, err);
    }
    ifm_free(b->block.bytes);
    ifm_free(b->gaps.bytes);
    ifm_free(b->lateness.bytes);
    b->block = b->gaps = b->lateness = (struct ifm_block){ .bytes = NULL };
    return code;
}

int ifm_report_samples(int fd, const struct ifm_report_series *series, struct ifm_err *err)
{
    struct ifm_msg_event event;
    int64_t *scratch = ifm_alloc_array(IFM_CODEC_SAMPLES_MAX, sizeof *scratch);
    int code = scratch ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "report", "out of memory");
    ifm_report_init(&event, IFM_EVENT_SAMPLES);
    event.samples.phase = (int)series->phase;
    for (size_t first = 0; code == 0 && first < series->count; first += IFM_CODEC_SAMPLES_MAX) {
        const size_t left = series->count - first;
        event.samples.first = (int64_t)first;
        event.samples.count =
            (int64_t)(left < IFM_CODEC_SAMPLES_MAX ? left : IFM_CODEC_SAMPLES_MAX);
        code = one_block(fd, &event, scratch, series, err);
    }
    ifm_report_done(&event);
    ifm_free(scratch);
    return code;
}

void ifm_report_note(struct ifm_strings *notes, size_t max, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (notes->count >= max) {
        return;
    }
    char **grown = ifm_resize_array(notes->items, notes->count + 1, sizeof *grown);
    if (!grown) {
        return;
    }
    notes->items = grown;
    grown[notes->count] = ifm_report_text(text, 250);
    if (grown[notes->count]) {
        notes->count++;
    }
}

char *ifm_report_text(const char *text, size_t max)
{
    char *copy = text ? ifm_alloc(max + 1) : NULL;
    if (copy) {
        ifm_text_clip(copy, max + 1, text, strlen(text));
    }
    return copy;
}

char *ifm_report_lines(const char *text, size_t max)
{
    struct ifm_buf out;
    char line[512];
    ifm_buf_init(&out, max + 1);
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        if (end > text) {
            ifm_text_clip(line, sizeof line, text, (size_t)(end - text));
            ifm_buf_addf(&out, "%s%s", out.len ? "\n" : "", line);
        }
    }
    char *copy = ifm_buf_take(&out);
    ifm_buf_done(&out);
    return copy;
}
