#include "daemon/http/problem.h"

#include <stdbool.h>
#include <stdio.h>

#include "core/json.h"

/* Statuses that only HTTP has; every other name comes from the error map. */
static const char *name_of(int status, int code)
{
    switch (status) {
    case 411: return "length-required";
    case 414: return "address-too-long";
    case 431: return "headers-too-large";
    default: return ifm_err_name(code);
    }
}

/* "not-found" becomes "Not found". */
static void title_of(const char *name, char title[48])
{
    snprintf(title, 48, "%s", name);
    if (title[0] >= 'a' && title[0] <= 'z') {
        title[0] = (char)(title[0] - 'a' + 'A');
    }
    for (char *c = title; *c; c++) {
        if (*c == '-') {
            *c = ' ';
        }
    }
}

static void add_text(struct ifm_jw *w, const char *key, const char *text)
{
    ifm_jw_key(w, key);
    ifm_jw_string(w, text);
}

void ifm_problem_write(struct ifm_buf *out, int status, const struct ifm_err *err, const char *instance,
                       const char *request_id)
{
    if (status == 0) {
        status = ifm_err_http(err->code);
    }
    const char *name = name_of(status, err->code);
    bool pointer = err->where[0] == '/';
    char type[64], title[48], detail[sizeof err->where + sizeof err->text + 2];
    snprintf(type, sizeof type, "/problems/%s", name);
    /* The sentence of a wrong field does not always name it. */
    snprintf(detail, sizeof detail, "%s%s%s", pointer ? err->where : "", pointer ? ": " : "", err->text);
    title_of(name, title);
    struct ifm_jw w;
    ifm_jw_init(&w, out);
    ifm_jw_begin(&w, '{');
    add_text(&w, "type", type);
    add_text(&w, "title", title);
    ifm_jw_key(&w, "status");
    ifm_jw_i64(&w, status);
    add_text(&w, "detail", detail);
    add_text(&w, "instance", instance);
    add_text(&w, "request_id", request_id);
    if (pointer) {
        ifm_jw_key(&w, "errors");
        ifm_jw_begin(&w, '[');
        ifm_jw_begin(&w, '{');
        add_text(&w, "pointer", err->where);
        add_text(&w, "detail", err->text);
        ifm_jw_end(&w, '}');
        ifm_jw_end(&w, ']');
    }
    ifm_jw_end(&w, '}');
}
