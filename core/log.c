#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"

#define LINE_MAX_BYTES 2048
#define CLOSE_RESERVE  4 /* quote, brace and newline always fit */

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool json;
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(fd, &st) < 0)
        return false;
    char ours[64];
    snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return strcmp(stream, ours) == 0;
}

void ifm_log_init(struct ifm_log *log, int fd, enum ifm_log_level level, enum ifm_log_format format,
                  const char *path)
{
    if (format == IFM_LOG_AUTO)
        format = fd >= 0 && is_journal(fd) ? IFM_LOG_JOURNAL : IFM_LOG_LOGFMT;
    *log = (struct ifm_log){ fd, level, format, path };
}

struct ifm_log ifm_log_child(const struct ifm_log *log, const char *path)
{
    struct ifm_log child = *log;
    child.path = path;
    return child;
}

static size_t room(const struct line *l)
{
    size_t limit = sizeof l->text - CLOSE_RESERVE;
    return l->len < limit ? limit - l->len : 0;
}

static void put(struct line *l, const char *bytes, size_t len)
{
    if (len > room(l))
        len = room(l);
    memcpy(l->text + l->len, bytes, len);
    l->len += len;
}

/* One character of a quoted string, escaped where the format or a terminal needs it; *used gets the
 * bytes it took from value. Both formats know the same escapes but for bytes that are not UTF-8. */
static size_t escape_char(bool json, const char *value, size_t len, char piece[8], size_t *used)
{
    unsigned code = 0;
    size_t n = ifm_text_char(value, len, &code);
    *used = n > 0 ? n : 1;
    if (n == 0)
        return (size_t)(json ? snprintf(piece, 8, "\\ufffd")
                             : snprintf(piece, 8, "\\x%02x", (unsigned char)*value));
    if (code == '"' || code == '\\')
        return (size_t)snprintf(piece, 8, "\\%c", (char)code);
    if (code == '\n')
        return (size_t)snprintf(piece, 8, "\\n");
    if (code == '\t')
        return (size_t)snprintf(piece, 8, "\\t");
    if (ifm_text_unsafe(code))
        return (size_t)snprintf(piece, 8, "\\u%04x", code);
    memcpy(piece, value, n);
    return n;
}

static void put_escaped(struct line *l, const char *value)
{
    size_t len = strlen(value), used;
    for (size_t i = 0; i < len; i += used) {
        char piece[8];
        size_t n = escape_char(l->json, value + i, len - i, piece, &used);
        if (n + 3 > room(l)) {
            put(l, "…", 3); /* the three bytes that every turn before left free */
            return;
        }
        put(l, piece, n);
    }
}

static bool is_bare(const char *value)
{
    if (!*value)
        return false;
    for (; *value; value++)
        if (*value <= ' ' || *value == '"' || *value == '=' || *value == '\\' || *value == 0x7F)
            return false;
    return true;
}

static void put_pair(struct line *l, const char *key, const char *value)
{
    /* Half a pair helps nobody: without room for the key and something of the value, leave it out.
     */
    if (strlen(key) + 16 > room(l))
        return;
    if (!value)
        value = "";
    if (l->json) {
        put(l, l->len > 1 ? ",\"" : "\"", l->len > 1 ? 2 : 1);
        put_escaped(l, key);
        put(l, "\":\"", 3);
    } else {
        if (l->len > 0 && l->text[l->len - 1] != '>')
            put(l, " ", 1);
        put(l, key, strlen(key));
        put(l, "=", 1);
        if (is_bare(value) && strlen(value) <= room(l)) {
            put(l, value, strlen(value));
            return;
        }
        put(l, "\"", 1);
    }
    put_escaped(l, value);
    l->text[l->len++] = '"'; /* from the reserve */
}

static void start_line(struct line *l, const struct ifm_log *log, enum ifm_log_level level,
                       const char *message)
{
    static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>" };
    l->len = 0;
    l->json = log->format == IFM_LOG_JSON;
    if (l->json)
        put(l, "{", 1);
    if (log->format == IFM_LOG_JOURNAL) {
        put(l, priorities[level], 3); /* the journal keeps the time itself */
    } else {
        char time[IFM_TIME_TEXT_MAX];
        ifm_clock_format(ifm_clock_wall_ms(), time);
        put_pair(l, "time", time);
    }
    put_pair(l, "level", level_names[level]);
    if (log->path)
        put_pair(l, "path", log->path);
    put_pair(l, "msg", message);
}

static void end_line(struct line *l, const struct ifm_log *log)
{
    if (l->json)
        l->text[l->len++] = '}';
    l->text[l->len++] = '\n';
    /* One write, so that lines of threads and processes do not mix; there is nobody to tell when it
     * fails. */
    ssize_t written = write(log->fd, l->text, l->len);
    (void)written;
}

static bool is_silent(const struct ifm_log *log, enum ifm_log_level level)
{
    return !log || log->fd < 0 || level > log->level;
}

void ifm_log_write(const struct ifm_log *log, enum ifm_log_level level, const char *message, ...)
{
    if (is_silent(log, level))
        return;
    struct line l;
    start_line(&l, log, level, message);
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        put_pair(&l, key, value);
    }
    va_end(args);
    end_line(&l, log);
}

void ifm_logf(const struct ifm_log *log, enum ifm_log_level level, const char *format, ...)
{
    if (is_silent(log, level))
        return;
    char message[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct line l;
    start_line(&l, log, level, message);
    end_line(&l, log);
}
