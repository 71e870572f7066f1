#include "agents/cli/man.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DATE     "November 25, 2026"
#define PAGE_MAX (1024 * 1024)

#ifndef IFM_VERSION
#define IFM_VERSION "0"
#endif

/* One line of text. A dot or a quote at its start would be a request, a backslash an escape. */
static void line(struct ifm_buf *out, const char *text, size_t len)
{
    if (len && (*text == '.' || *text == '\''))
        ifm_buf_adds(out, "\\&");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            ifm_buf_adds(out, "\\e");
        else
            ifm_buf_addc(out, text[i]);
    }
    ifm_buf_addc(out, '\n');
}

#define FILL 76 /* columns of source */

/* Words, filled anew; a sentence begins on a line of its own, as the formatter wants it. Lines that are empty
 * separate paragraphs. */
static void prose(struct ifm_buf *out, const char *text)
{
    char full[FILL * 4];
    size_t used = 0;
    for (const char *at = text + strspn(text, " \n"); *at;) {
        size_t len = strcspn(at, " \n"), blanks = strspn(at + len, " \n");
        bool paragraph = false, ends = strchr(".?!", at[len - 1]) != NULL;
        for (const char *p = at + len; p + 1 < at + len + blanks; p++)
            paragraph = paragraph || (p[0] == '\n' && p[1] == '\n');
        if (used && (used + 1 + len > FILL || used + 1 + len >= sizeof full)) {
            line(out, full, used);
            used = 0;
        }
        if (used)
            full[used++] = ' ';
        len = len < sizeof full - used ? len : sizeof full - used;
        memcpy(full + used, at, len);
        used += len;
        at += len + blanks;
        if (ends || paragraph || !*at) {
            line(out, full, used);
            used = 0;
        }
        if (paragraph && *at)
            ifm_buf_adds(out, ".Pp\n");
    }
}

static void literal(struct ifm_buf *out, const char *text)
{
    ifm_buf_adds(out, ".Bd -literal\n");
    while (*text) {
        size_t len = strcspn(text, "\n"), blank = strspn(text, " ");
        blank = blank > 2 ? 2 : blank; /* the indent of --help */
        line(out, text + blank, len - blank);
        text += len + (text[len] == '\n');
    }
    ifm_buf_adds(out, ".Ed\n");
}

static void upper(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; name[n] && n + 1 < size; n++)
        out[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 32) : name[n];
    out[n] = '\0';
}

static void head(struct ifm_buf *out, const char *page, const char *summary)
{
    char title[64];
    upper(page, title, sizeof title);
    ifm_buf_addf(out, ".Dd " DATE "\n.Dt %s 1\n.Os Inferometer " IFM_VERSION "\n.Sh NAME\n.Nm %s\n.Nd %s\n",
                 title, page, summary);
}

static void exits(struct ifm_buf *out)
{
    ifm_buf_adds(out, ".Sh EXIT STATUS\n");
    prose(out, ifm_help_exits);
}

void ifm_man_verb(const struct ifm_verb *verb, struct ifm_buf *out)
{
    char page[64];
    snprintf(page, sizeof page, "inferometer-%.40s", verb->name);
    head(out, page, verb->summary);
    ifm_buf_addf(out, ".Sh SYNOPSIS\n.Nm inferometer %s\n.Op Ar options\n", verb->name);
    if (verb->arguments[0])
        ifm_buf_addf(out, ".Ar %s\n", verb->arguments);
    ifm_buf_adds(out, ".Sh DESCRIPTION\n");
    prose(out, verb->notes ? verb->notes : verb->summary);
    ifm_buf_adds(out, ".Pp\nThe options are:\n.Bl -tag -width Ds\n");
    ifm_opt_man(verb->options, out);
    ifm_buf_adds(out, ".El\n");
    exits(out);
    ifm_buf_adds(out, ".Sh EXAMPLES\n");
    literal(out, verb->examples);
    ifm_buf_adds(out, ".Sh SEE ALSO\n.Xr inferometer 1\n");
}

/* The verb that follows in the alphabet; NULL: none. */
static const char *after(const char *name)
{
    const char *next = NULL;
    for (size_t i = 0; ifm_verbs[i]; i++)
        if (strcmp(ifm_verbs[i]->name, name) > 0 && (!next || strcmp(ifm_verbs[i]->name, next) < 0))
            next = ifm_verbs[i]->name;
    return next;
}

void ifm_man_overview(struct ifm_buf *out)
{
    head(out, "inferometer", "measure how fast models run, and whether their outputs are right");
    ifm_buf_adds(out, ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar options\n.Op Ar arguments\n.Sh DESCRIPTION\n"
                      "Each invocation of a measurement is a fresh process; numbers carry an interval over\n"
                      "invocations, a verdict on the conditions (trust) and one on the outputs\n"
                      "(verification).\nThe commands are:\n.Bl -tag -width Ds\n");
    for (size_t i = 0; ifm_verbs[i]; i++)
        ifm_buf_addf(out, ".It Ic %s %s%s\n%s;\n.Xr inferometer-%s 1\n", ifm_verbs[i]->name,
                     ifm_verbs[i]->arguments[0] ? "Ar " : "", ifm_verbs[i]->arguments, ifm_verbs[i]->summary,
                     ifm_verbs[i]->name);
    ifm_buf_adds(out,
                 ".El\n.Pp\nA run is named by its id, the start of one, @1 for the latest,\n"
                 "@2 for the one before, the path of its folder or file, or its address at a daemon.\n.Sh ENVIRONMENT\n"
                 ".Bl -tag -width Ds\n"
                 ".It Ev INFEROMETER_DAEMON\naddress of the daemon, as of\n.Fl -daemon\n"
                 ".It Ev INFEROMETER_WORKER , INFEROMETER_MODULE_DIR , INFEROMETER_FETCH\nwhere the worker, the runtime modules and the fetch script lie\n"
                 ".It Ev XDG_STATE_HOME\nruns are kept below inferometer/runs in it\n"
                 ".It Ev NO_COLOR , CI\nno colours; plain progress lines\n.El\n.Sh FILES\n.Bl -tag -width Ds\n"
                 ".It Pa ~/.local/state/inferometer/runs\nruns, one folder each\n"
                 ".It Pa ~/.config/inferometer/config.json\n"
                 "the daemon's address; also ./inferometer.json and /etc/inferometer/config.json\n"
                 ".It Pa /run/inferometer/tune.json\nwhat doctor --tune has to put back\n.El\n");
    exits(out);
    ifm_buf_adds(out, ".Sh SEE ALSO\n");
    for (const char *last = "", *next; (next = after(last)) != NULL; last = next)
        ifm_buf_addf(out, ".Xr inferometer-%s 1%s\n", next, after(next) ? " ," : "");
}

void ifm_man_reference(struct ifm_buf *out)
{
    ifm_buf_adds(out, "# Commands and options\n\nMade by `ninja reference` from the tables that the program parses "
                      "by; what scripts rely on stands in [cli.md](cli.md).\n");
    for (size_t i = 0; ifm_verbs[i]; i++) {
        const struct ifm_verb *verb = ifm_verbs[i];
        ifm_buf_addf(out, "\n## `%s%s%s`\n%s\n\n```\n%s\n", verb->name, verb->arguments[0] ? " " : "",
                     verb->arguments, verb->summary, verb->examples);
        ifm_opt_help(verb->options, out);
        ifm_buf_addf(out, "```\n%s%s", verb->notes ? "\n" : "", verb->notes ? verb->notes : "");
    }
}

static int write_page(const char *folder, const char *page, const struct ifm_buf *text, struct ifm_err *err)
{
    char path[4096];
    int rc = ifm_buf_check(text, err);
    snprintf(path, sizeof path, "%.4000s/%.60s.1", folder, page);
    return rc ? rc : ifm_buf_write_file(path, text->data, text->len, err);
}

int ifm_man_write(const char *folder, struct ifm_err *err)
{
    struct ifm_buf text;
    ifm_buf_init(&text, PAGE_MAX);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return ifm_err_errno(err, errno, "", folder);
    ifm_man_overview(&text);
    int rc = write_page(folder, "inferometer", &text, err);
    for (size_t i = 0; !rc && ifm_verbs[i]; i++) {
        char page[64];
        snprintf(page, sizeof page, "inferometer-%.40s", ifm_verbs[i]->name);
        ifm_buf_reset(&text);
        ifm_man_verb(ifm_verbs[i], &text);
        rc = write_page(folder, page, &text, err);
    }
    ifm_buf_done(&text);
    return rc;
}
