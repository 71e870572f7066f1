#include "core/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void ifm_wire_init(struct ifm_wire *wire, size_t line_max)
{
    *wire = (struct ifm_wire){ .line_max = line_max };
    /* One unfinished line, and what a reader may feed at once before it takes the lines out. */
    ifm_buf_init(&wire->pending, 2 * line_max + 1024 * 1024);
}

void ifm_wire_done(struct ifm_wire *wire)
{
    if (!wire)
        return;
    ifm_buf_done(&wire->pending);
    wire->taken = wire->tail = 0;
}

static void drop_taken(struct ifm_wire *wire)
{
    if (wire->taken == 0)
        return;
    struct ifm_buf *p = &wire->pending;
    p->len -= wire->taken;
    memmove(p->data, p->data + wire->taken, p->len);
    wire->tail -= wire->taken;
    wire->taken = 0;
}

static int too_long(const struct ifm_wire *wire, struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_TOO_LARGE, "wire",
                       "a line is longer than the limit of %zu bytes", wire->line_max);
}

int ifm_wire_feed(struct ifm_wire *wire, const void *bytes, size_t len, struct ifm_err *err)
{
    if (len == 0)
        return 0;
    drop_taken(wire);
    size_t at = wire->pending.len, end = at + len;
    /* Judged before anything is kept, so that a line without an end costs no more than line_max. */
    const char *text = bytes, *newline;
    size_t line = wire->tail, from = 0;
    while ((newline = memchr(text + from, '\n', len - from))) {
        size_t stop = at + (size_t)(newline - text);
        if (stop - line > wire->line_max)
            return too_long(wire, err);
        line = stop + 1;
        from = (size_t)(newline - text) + 1;
    }
    if (end - line > wire->line_max)
        return too_long(wire, err);
    ifm_buf_add(&wire->pending, bytes, len);
    if (ifm_buf_check(&wire->pending, err)) {
        int code = wire->pending.failed;
        wire->pending.failed = 0; /* nothing was added: the caller may go on */
        return code;
    }
    wire->tail = line;
    return 0;
}

bool ifm_wire_next(struct ifm_wire *wire, const char **line, size_t *len)
{
    if (wire->taken >= wire->tail)
        return false;
    const char *start = wire->pending.data + wire->taken;
    const char *newline = memchr(start, '\n', wire->tail - wire->taken);
    if (!newline)
        return false;
    *line = start;
    *len = (size_t)(newline - start);
    wire->taken += *len + 1;
    if (*len > 0 && start[*len - 1] == '\r')
        (*len)--;
    return true;
}

int ifm_wire_read_line(int fd, size_t line_max, struct ifm_buf *out, struct ifm_err *err)
{
    ifm_buf_reset(out);
    for (;;) {
        char chunk[16 * 1024];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ifm_err_errno(err, errno, "wire", "reading a line");
        if (n == 0)
            return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "wire",
                               "input ended before a whole line came");
        const char *newline = memchr(chunk, '\n', (size_t)n);
        size_t len = newline ? (size_t)(newline - chunk) : (size_t)n;
        if (out->len + len > line_max)
            return ifm_err_set(err, IFM_ERR_TOO_LARGE, "wire",
                               "a line is longer than the limit of %zu bytes", line_max);
        ifm_buf_add(out, chunk, len);
        if (ifm_buf_check(out, err))
            return out->failed;
        if (newline)
            break;
    }
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->data[--out->len] = '\0';
    return 0;
}

int ifm_wire_write(int fd, const void *bytes, size_t len, struct ifm_err *err)
{
    const char *next = bytes;
    while (len > 0) {
        ssize_t n = write(fd, next, len);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            poll(&ready, 1, -1);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ifm_err_errno(err, errno, "wire", "writing a line");
        next += n;
        len -= (size_t)n;
    }
    return 0;
}
