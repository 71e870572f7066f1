#include "core/opt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define NAMES_MAX 128 /* rows that "did you mean" looks at */

static bool same_name(const char *row, const char *given, size_t len)
{
    size_t i = 0;
    for (; i < len && row[i]; i++)
        if (row[i] != given[i] && !(row[i] == '-' && given[i] == '_'))
            return false;
    return i == len && !row[i];
}

static const struct ifm_option *find(const struct ifm_option *rows, const char *name, size_t len)
{
    for (; rows->name; rows++)
        if (same_name(rows->name, name, len))
            return rows;
    return NULL;
}

/* `dashes` is "--" on a command line and "" in a configuration or a key=value list. */
static int unknown(const struct ifm_option *rows, const char *dashes, const char *name, size_t len,
                   struct ifm_err *err)
{
    const char *names[NAMES_MAX + 1] = { NULL };
    for (size_t i = 0; i < NAMES_MAX && rows[i].name; i++)
        names[i] = rows[i].name;
    char word[80];
    size_t n = len < sizeof word - 1 ? len : sizeof word - 1;
    memcpy(word, name, n);
    word[n] = '\0';
    const char *near = ifm_opt_nearest(word, names);
    if (near)
        return ifm_err_set(err, IFM_ERR_USAGE, "options", "unknown option %s%s; did you mean %s%s?",
                           dashes, word, dashes, near);
    return ifm_err_set(err, IFM_ERR_USAGE, "options", "unknown option %s%s", dashes, word);
}

static int refuse(const struct ifm_option *row, const char *what, const char *value,
                  struct ifm_err *err)
{
    return ifm_err_set(err, IFM_ERR_USAGE, "options", "option %s wants %s, got \"%s\"", row->name,
                       what, value);
}

static int set_bool(const struct ifm_option *row, void *at, const char *value, struct ifm_err *err)
{
    static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no",
                                                                                   "off", "0" };
    if (!value) {
        *(bool *)at = true;
        return 0;
    }
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(value, yes[i]) != 0 && strcmp(value, no[i]) != 0)
            continue;
        *(bool *)at = strcmp(value, yes[i]) == 0;
        return 0;
    }
    return refuse(row, "true or false", value, err);
}

static int parse_int(const char *text, int64_t *out)
{
    char *end;
    if (strspn(text, "-+0123456789") != strlen(text))
        return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return -1;
    *out = value;
    return 0;
}

static int set_whole(const struct ifm_option *row, void *at, const char *value, struct ifm_err *err)
{
    int64_t number = 0;
    const char *what = "a whole number";
    int rc;
    if (row->type == IFM_OPT_DURATION) {
        what = "a duration like 500ms, 3s or 1m";
        rc = ifm_opt_parse_duration(value, &number);
    } else if (row->type == IFM_OPT_SIZE) {
        what = "a size like 1.5GB or 64MiB";
        rc = ifm_opt_parse_size(value, &number);
    } else {
        rc = parse_int(value, &number);
    }
    if (rc)
        return refuse(row, what, value, err);
    if ((row->min != 0 || row->max != 0) && (number < row->min || number > row->max)) {
        char low[32], high[32], range[96];
        ifm_opt_format(row, row->min, low);
        ifm_opt_format(row, row->max, high);
        snprintf(range, sizeof range, "%s from %s to %s",
                 row->type == IFM_OPT_INT ? "a whole number" : "a value", low, high);
        return refuse(row, range, value, err);
    }
    *(int64_t *)at = number;
    return 0;
}

static int set_double(const struct ifm_option *row, void *at, const char *value,
                      struct ifm_err *err)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number))
        return refuse(row, "a number", value, err);
    if ((row->min != 0 || row->max != 0) &&
        (number < (double)row->min || number > (double)row->max)) {
        char range[80];
        snprintf(range, sizeof range, "a number from %lld to %lld", (long long)row->min,
                 (long long)row->max);
        return refuse(row, range, value, err);
    }
    *(double *)at = number;
    return 0;
}

static int set_choice(const struct ifm_option *row, void *at, const char *value,
                      struct ifm_err *err)
{
    int index = 0;
    size_t len = strlen(value);
    for (const char *word = row->choices; word; index++) {
        if (len > 0 && strcspn(word, "|") == len && memcmp(word, value, len) == 0) {
            *(int *)at = index;
            return 0;
        }
        word = strchr(word, '|');
        if (word)
            word++;
    }
    char what[120];
    snprintf(what, sizeof what, "one of %s", row->choices);
    return refuse(row, what, value, err);
}

static int set_text(const struct ifm_option *row, void *at, const char *value, struct ifm_err *err)
{
    size_t max = row->max > 0 ? (size_t)row->max : 4096;
    if (strlen(value) > max)
        return ifm_err_set(err, IFM_ERR_USAGE, "options",
                           "option %s wants at most %zu bytes, got %zu", row->name, max,
                           strlen(value));
    if (row->type == IFM_OPT_STRING) {
        *(const char **)at = value;
        return 0;
    }
    struct ifm_option_list *list = at;
    const char **items = ifm_resize_array((void *)list->items, list->count + 1, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "options", "out of memory");
    items[list->count++] = value;
    list->items = items;
    return 0;
}

static int set_row(const struct ifm_option *row, void *target, const char *value,
                   struct ifm_err *err)
{
    void *at = (char *)target + row->offset;
    if (row->type == IFM_OPT_BOOL)
        return set_bool(row, at, value, err);
    if (!value)
        return ifm_err_set(err, IFM_ERR_USAGE, "options", "option %s needs a value (%s)", row->name,
                           row->value     ? row->value
                           : row->choices ? row->choices
                                          : "text");
    switch (row->type) {
    case IFM_OPT_INT:
    case IFM_OPT_DURATION:
    case IFM_OPT_SIZE:
        return set_whole(row, at, value, err);
    case IFM_OPT_DOUBLE:
        return set_double(row, at, value, err);
    case IFM_OPT_CHOICE:
        return set_choice(row, at, value, err);
    default:
        return set_text(row, at, value, err);
    }
}

int ifm_opt_defaults(const struct ifm_option *rows, void *target, struct ifm_err *err)
{
    static const size_t sizes[] = {
        [IFM_OPT_BOOL] = sizeof(bool),        [IFM_OPT_INT] = sizeof(int64_t),
        [IFM_OPT_DOUBLE] = sizeof(double),    [IFM_OPT_STRING] = sizeof(char *),
        [IFM_OPT_DURATION] = sizeof(int64_t), [IFM_OPT_SIZE] = sizeof(int64_t),
        [IFM_OPT_CHOICE] = sizeof(int),       [IFM_OPT_LIST] = sizeof(struct ifm_option_list)
    };
    for (const struct ifm_option *row = rows; row->name; row++)
        memset((char *)target + row->offset, 0, sizes[row->type]);
    for (; rows->name; rows++) {
        int rc = rows->fallback ? set_row(rows, target, rows->fallback, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

int ifm_opt_set(const struct ifm_option *rows, void *target, const char *name, const char *value,
                struct ifm_err *err)
{
    const struct ifm_option *row = find(rows, name, strlen(name));
    return row ? set_row(row, target, value, err) : unknown(rows, "", name, strlen(name), err);
}

struct line { /* a command line on its way through the parser */
    const struct ifm_option *rows;
    void *target;
    int argc, i;
    char **argv;
    struct ifm_err *err;
};

/* The argument after the option, unless it is another option that we know: "--model --quick" forgot
 * a value. */
static const char *take_next(struct line *l)
{
    if (l->i + 1 >= l->argc)
        return NULL;
    const char *next = l->argv[l->i + 1];
    if (next[0] == '-' && next[1] == '-') {
        if (!next[2] || find(l->rows, next + 2, strcspn(next + 2, "=")))
            return NULL;
    }
    l->i++;
    return next;
}

static int parse_long(struct line *l, const char *text)
{
    size_t len = strcspn(text, "=");
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    const struct ifm_option *row = find(l->rows, text, len);
    if (row) {
        if (!value && row->type != IFM_OPT_BOOL)
            value = take_next(l);
        return set_row(row, l->target, value, l->err);
    }
    if (len > 3 && strncmp(text, "no-", 3) == 0) {
        row = find(l->rows, text + 3, len - 3);
        if (row && row->type == IFM_OPT_BOOL && !value)
            return set_row(row, l->target, "false", l->err);
        if (row)
            return ifm_err_set(l->err, IFM_ERR_USAGE, "options",
                               "option --%s cannot be switched off with --no-", row->name);
    }
    return unknown(l->rows, "--", text, len, l->err);
}

static int parse_short(struct line *l, const char *text)
{
    for (const struct ifm_option *row = l->rows; row->name; row++) {
        if (!row->letter || row->letter != text[0])
            continue;
        const char *value = text[1] ? text + 1 : NULL;
        if (value && *value == '=')
            value++;
        if (row->type == IFM_OPT_BOOL && value)
            return ifm_err_set(l->err, IFM_ERR_USAGE, "options",
                               "option -%c takes no value; write letters apart", text[0]);
        if (!value && row->type != IFM_OPT_BOOL)
            value = take_next(l);
        return set_row(row, l->target, value, l->err);
    }
    return ifm_err_set(l->err, IFM_ERR_USAGE, "options",
                       "unknown option -%s; put -- before an argument that starts with a dash",
                       text);
}

int ifm_opt_parse(const struct ifm_option *rows, void *target, int argc, char **argv,
                  int *rest_count, struct ifm_err *err)
{
    struct line l = { rows, target, argc, 1, argv, err };
    int rest = 0;
    bool ended = false;
    for (; l.i < argc; l.i++) {
        char *arg = argv[l.i];
        int rc = 0;
        if (ended || arg[0] != '-' || arg[1] == '\0')
            argv[rest++] = arg; /* rest <= i - 1: never overwrites what is still to come */
        else if (arg[1] != '-')
            rc = parse_short(&l, arg + 1);
        else if (arg[2] == '\0')
            ended = true;
        else
            rc = parse_long(&l, arg + 2);
        if (rc)
            return rc;
    }
    *rest_count = rest;
    return 0;
}

void ifm_opt_done(const struct ifm_option *rows, void *target)
{
    if (!target)
        return;
    for (; rows->name; rows++) {
        if (rows->type != IFM_OPT_LIST)
            continue;
        struct ifm_option_list *list = (void *)((char *)target + rows->offset);
        ifm_free((void *)list->items);
        *list = (struct ifm_option_list){ NULL, 0 };
    }
}
