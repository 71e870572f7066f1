/* Structured log lines: logfmt for a terminal, JSON for machines, journald priority prefixes where stderr is
 * the journal. A logger is a value that a context carries, with a dotted path ("daemon/http"). Core and
 * plug-ins return errors and never log above debug. Secrets are never passed in.
 *
 * Threading: one line is one write(2); a logger may be shared by threads. Ownership: the struct is the
 * caller's; `path` is borrowed. */
#ifndef IFM_LOG_H
#define IFM_LOG_H

#include <stdbool.h>
#include "inferometer/runtime.h" /* enum ifm_log_level */

enum ifm_log_format { IFM_LOG_AUTO, IFM_LOG_LOGFMT, IFM_LOG_JSON, IFM_LOG_JOURNAL };

struct ifm_log {
    int fd; /* -1: silent */
    enum ifm_log_level level;
    enum ifm_log_format format;
    const char *path;
};

/* AUTO becomes JOURNAL when JOURNAL_STREAM names fd, else LOGFMT. */
void ifm_log_init(struct ifm_log *log, int fd, enum ifm_log_level level, enum ifm_log_format format,
                  const char *path);
struct ifm_log ifm_log_child(const struct ifm_log *log, const char *path);

/* message is a constant sentence; then key (const char *), value (const char *) pairs, ended by NULL. A
 * line is at most 2,048 bytes; what does not fit is cut. */
void ifm_log_write(const struct ifm_log *log, enum ifm_log_level level, const char *message, ...)
    __attribute__((sentinel));
/* The common case: one formatted sentence. */
void ifm_logf(const struct ifm_log *log, enum ifm_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
