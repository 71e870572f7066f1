/* Writes events, one JSON line each, to the worker's private descriptor; turns sample arrays into
 * blocks, after the phase they belong to.
 *
 * Threading: the measuring thread, never inside the timed loop. Ownership: events stay the
 * caller's. */
#ifndef IFM_REPORT_H
#define IFM_REPORT_H

#include "agents/worker/loop.h"
#include "core/msg.h"

enum ifm_report_phase { IFM_REPORT_WARMUP, IFM_REPORT_STEADY }; /* as IFM_PHASE_CHOICES */

void ifm_report_init(struct ifm_msg_event *event, enum ifm_event_kind kind); /* an empty event */
void ifm_report_done(struct ifm_msg_event *event); /* frees what it holds */
int ifm_report_event(int fd, const struct ifm_msg_event *event, struct ifm_err *err);
struct ifm_report_series { /* the samples of one phase */
    enum ifm_report_phase phase;
    const struct ifm_loop_sample *samples;
    const int64_t *lateness_ns; /* one a sample; NULL: closed loop */
    size_t count;
    int64_t begin_ns; /* of the phase */
};
/* As many `samples` events as needed. */
int ifm_report_samples(int fd, const struct ifm_report_series *series, struct ifm_err *err);

/* Appends one formatted text to a list of an event (warnings, assumptions); too many, or out of
 * memory, drops it: these are remarks, and no reason to lose a measurement. */
void ifm_report_note(struct ifm_strings *notes, size_t max, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A copy that is safe to send: valid UTF-8 of at most max bytes. NULL when out of memory. */
char *ifm_report_text(const char *text, size_t max);
char *ifm_report_lines(const char *text, size_t max); /* keeps line ends, drops empty lines */

#endif
