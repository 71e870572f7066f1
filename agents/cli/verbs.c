/* The list of verbs, and what all of them use. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/cli/cli.h"

const struct ifm_verb *const ifm_verbs[] = {
    &ifm_verb_run,     &ifm_verb_list,   &ifm_verb_show,    &ifm_verb_compare, &ifm_verb_rerun,
    &ifm_verb_profile, &ifm_verb_push,   &ifm_verb_inspect, &ifm_verb_lint, &ifm_verb_doctor,  &ifm_verb_runtime,
    &ifm_verb_completion, &ifm_verb_version, &ifm_verb_help, NULL
};

const struct ifm_verb *ifm_verb_find(const char *name, struct ifm_err *err)
{
    const char *names[32] = { NULL };
    if (strcmp(name, "runtimes") == 0)
        name = "runtime";
    for (size_t i = 0; ifm_verbs[i] && i < 31; i++) {
        names[i] = ifm_verbs[i]->name;
        if (strcmp(name, names[i]) == 0)
            return ifm_verbs[i];
    }
    const char *near = ifm_opt_nearest(name, names);
    if (near)
        ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.40s\" is not a command; did you mean %s?", name,
                    near);
    else
        ifm_err_set(err, IFM_ERR_USAGE, "",
                    "\"%.40s\" is not a command; `inferometer help` lists them", name);
    return NULL;
}

void ifm_cli_warn(const struct ifm_cli *cli, const char *format, ...)
{
    va_list args;
    (void)cli;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void ifm_cli_note(const struct ifm_cli *cli, const char *format, ...)
{
    va_list args;
    if (cli->common->quiet)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

const char *ifm_cli_bold(const struct ifm_cli *cli)
{
    return cli->color ? "\x1b[1m" : "";
}
const char *ifm_cli_red(const struct ifm_cli *cli)
{
    return cli->color ? "\x1b[1;31m" : "";
}
const char *ifm_cli_dim(const struct ifm_cli *cli)
{
    return cli->color ? "\x1b[2m" : "";
}
const char *ifm_cli_plain(const struct ifm_cli *cli)
{
    return cli->color ? "\x1b[0m" : "";
}

/* Names in a model are somebody else's text: of control characters only newlines and our own
 * colours stay. */
static void make_safe(struct ifm_buf *out)
{
    for (size_t i = 0; i < out->len; i++) {
        unsigned char c = (unsigned char)out->data[i];
        size_t end = i + 2;
        if (c == 0x1b && i + 1 < out->len && out->data[i + 1] == '[') {
            while (end < out->len && strchr("0123456789;", out->data[end]))
                end++;
            if (end < out->len && out->data[end] == 'm') {
                i = end;
                continue;
            }
        }
        if ((c < 0x20 && c != '\n') || c == 0x7f)
            out->data[i] = '?';
    }
}

static int write_all(int fd, const struct ifm_buf *out, const char *name, struct ifm_err *err)
{
    size_t at = 0;
    while (at < out->len) {
        ssize_t n = write(fd, out->data + at, out->len - at);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno == EPIPE) /* a reader that went away, like `| head`, is no news */
            break;
        else if (n == 0 || errno != EINTR)
            return ifm_err_errno(err, n ? errno : EIO, "", name);
    }
    return 0;
}

int ifm_cli_write(const char *path, const struct ifm_buf *out, struct ifm_err *err)
{
    struct stat status;
    if (stat(path, &status) || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return ifm_buf_write_file(path, out->data, out->len, err);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int rc = fd < 0 ? ifm_err_errno(err, errno, "", path) : write_all(fd, out, path, err);
    if (fd >= 0)
        close(fd);
    return rc;
}

int ifm_cli_flush(struct ifm_cli *cli, struct ifm_err *err)
{
    int rc = ifm_buf_check(&cli->out, err);
    if (!rc && cli->out.len && cli->common->output) {
        rc = ifm_cli_write(cli->common->output, &cli->out, err);
        if (!rc)
            ifm_buf_reset(&cli->out);
        return rc;
    }
    if (cli->format == IFM_FORMAT_HUMAN || cli->format == IFM_FORMAT_MD)
        make_safe(&cli->out);
    if (!rc)
        rc = write_all(STDOUT_FILENO, &cli->out, "standard output", err);
    ifm_buf_reset(&cli->out);
    return rc;
}

int ifm_cli_arguments(int argc, char **argv, int least, int most, const char *what,
                      struct ifm_err *err)
{
    if (argc < least)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "name %s", what);
    if (argc > most)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "\"%.60s\" is one argument too many: name %s",
                           argv[most], what);
    return 0;
}
