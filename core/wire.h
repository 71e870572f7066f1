/* Newline-delimited JSON over a descriptor: the worker's events and the spec line. Bounded lines, partial
 * reads, no copies beyond one. Not a protocol of its own: what the lines mean stands in core/msg.h.
 *
 * Threading: one reader, one thread. Ownership: a line is valid until the next feed or next call. */
#ifndef IFM_WIRE_H
#define IFM_WIRE_H

#include <stdbool.h>
#include "core/buf.h"

#define IFM_WIRE_SPEC_MAX (1024 * 1024)      /* bytes of the spec line */
#define IFM_WIRE_EVENT_MAX (4 * 1024 * 1024) /* bytes of an event line */

struct ifm_wire {
    struct ifm_buf pending;
    size_t line_max;
    size_t taken; /* bytes of pending that earlier lines used */
    size_t tail;  /* where the unfinished line starts in pending */
};

void ifm_wire_init(struct ifm_wire *wire, size_t line_max);
void ifm_wire_done(struct ifm_wire *wire);
/* Adds bytes as they came. IFM_ERR_TOO_LARGE once a line, finished or not, is over
 * line_max; nothing of that piece is kept then. */
int ifm_wire_feed(struct ifm_wire *wire, const void *bytes, size_t len, struct ifm_err *err);
/* The next whole line without its newline (a CR before it is dropped); false when there is none yet. */
bool ifm_wire_next(struct ifm_wire *wire, const char **line, size_t *len);
/* Reads one line from a blocking descriptor; what stands behind its newline in the same read is lost: for
 * inputs of one line. IFM_ERR_TOO_LARGE, IFM_ERR_IO, IFM_ERR_BAD_REQUEST at EOF. */
int ifm_wire_read_line(int fd, size_t line_max, struct ifm_buf *out, struct ifm_err *err);
/* Writes all bytes, restarting after EINTR and short writes. */
int ifm_wire_write(int fd, const void *bytes, size_t len, struct ifm_err *err);

#endif
