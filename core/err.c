#include "core/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

struct err_row {
    int code;
    const char *name;
    int http, exit_status;
};

static const struct err_row rows[] = {
#define X(symbol, code, name, http, exit_status) { code, name, http, exit_status },
    IFM_ERR_MAP(X)
#undef X
};

static const struct err_row *find_row(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

int ifm_err_vset(struct ifm_err *err, int code, const char *where, const char *format, va_list args)
{
    if (!err)
        return code;
    /* Sentences quote names and values that came from outside, so all of them pass through the
     * clipper. */
    char raw[1024];
    int n = vsnprintf(raw, sizeof raw, format, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    err->code = code;
    ifm_text_clip(err->where, sizeof err->where, where ? where : "", where ? strlen(where) : 0);
    ifm_text_clip(err->text, sizeof err->text, raw, len);
    return code;
}

int ifm_err_set(struct ifm_err *err, int code, const char *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ifm_err_vset(err, code, where, format, args);
    va_end(args);
    return code;
}

void ifm_err_prefix(struct ifm_err *err, const char *format, ...)
{
    if (!err || err->code == 0)
        return;
    char joined[2 * sizeof err->text + 4];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(joined, sizeof err->text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof err->text ? (size_t)n : sizeof err->text - 1;
    int m = snprintf(joined + used, sizeof joined - used, ": %s", err->text);
    ifm_text_clip(err->text, sizeof err->text, joined, used + (m < 0 ? 0 : (size_t)m));
}

void ifm_err_below(struct ifm_err *err, const char *list, size_t index)
{
    if (!err || err->code == 0 || (err->where[0] && err->where[0] != '/'))
        return;
    char part[sizeof err->where];
    snprintf(part, sizeof part, "%s", err->where);
    snprintf(err->where, sizeof err->where, "/%.20s/%zu%.*s", list, index, 40, part);
}

static int code_of_errno(int value)
{
    switch (value) {
    case ENOSPC:
    case EDQUOT:
        return IFM_ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return IFM_ERR_PERMISSION;
    case ENOENT:
        return IFM_ERR_NOT_FOUND;
    case ENOMEM:
        return IFM_ERR_NOMEM;
    default:
        return IFM_ERR_IO;
    }
}

int ifm_err_errno(struct ifm_err *err, int errno_value, const char *where, const char *what)
{
    char text[128]; /* the GNU strerror_r may return a constant instead of filling it */
    return ifm_err_set(err, code_of_errno(errno_value), where, "%s: %s", what,
                       strerror_r(errno_value, text, sizeof text));
}

const char *ifm_err_name(int code)
{
    const struct err_row *row = find_row(code);
    return row ? row->name : "unknown";
}

int ifm_err_http(int code)
{
    const struct err_row *row = find_row(code);
    return row ? row->http : 500;
}

int ifm_err_exit(int code)
{
    const struct err_row *row = find_row(code);
    return row ? row->exit_status : 70;
}
