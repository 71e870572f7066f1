/* inferometer: finds the verb, reads its options, runs it, prints what it made. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "agents/cli/doctor_tune.h"
#include "core/mem.h"

static bool is_true(const char *text)
{
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static void set_streams(struct ifm_cli *cli)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool dumb = !terminal || strcmp(terminal, "dumb") == 0;
    int when = cli->common->color;
    cli->ci = is_true(getenv("CI"));
    cli->terminal_out = isatty(STDOUT_FILENO) && !cli->common->output;
    cli->terminal_err = isatty(STDERR_FILENO) && !dumb && !cli->ci;
    cli->color = when == 1 || (when == 0 && cli->terminal_out && !dumb && !(no_color && *no_color));
    cli->format = cli->common->json ? IFM_FORMAT_JSON : (enum ifm_format)cli->common->format;
}

static int fail(const struct ifm_err *err)
{
    fprintf(stderr, "inferometer: %s\n", err->text);
    return ifm_err_exit(err->code);
}

/* With the options parsed: the verb itself, and what it made to its place. */
static int perform(const struct ifm_verb *verb, struct ifm_cli *cli, void *options, int count,
                   char **words, struct ifm_err *err)
{
    set_streams(cli);
    if (cli->common->help)
        ifm_help_verb(verb, &cli->out);
    int status = cli->common->help ? 0 : verb->run(cli, options, count, words, err);
    int flushed = ifm_cli_flush(cli, status < 0 ? NULL : err);
    return status < 0 || !flushed ? status : flushed;
}

static int run_verb(const struct ifm_verb *verb, int argc, char **argv)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_cli cli = { .command = argv, .command_count = argc };
    void *options = ifm_alloc(verb->options_size);
    char **words = ifm_alloc_array((size_t)argc + 1, sizeof *words);
    int count = 0, status = IFM_ERR_NOMEM;
    ifm_buf_init(&cli.out, IFM_CLI_OUT_MAX);
    if (options && words) {
        memcpy(words, argv, (size_t)argc * sizeof *words);
        cli.common = options;
        status = ifm_opt_defaults(verb->options, options, &err);
        if (!status)
            status = ifm_opt_parse(verb->options, options, argc, words, &count, &err);
        if (!status)
            status = perform(verb, &cli, options, count, words, &err);
        ifm_opt_done(verb->options, options);
    } else {
        ifm_err_set(&err, IFM_ERR_NOMEM, "", "out of memory");
    }
    if (status < 0) {
        status = fail(&err);
        if (err.code == IFM_ERR_USAGE)
            fprintf(stderr, "try: inferometer help %s\n", verb->name);
    }
    ifm_buf_done(&cli.out);
    ifm_free(words);
    ifm_free(options);
    return status;
}

/* A standard stream that was closed must not become the number of a file of ours. What is written
 * to such a stdout fails, and is said. */
static void fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
            _exit(74);
}

int main(int argc, char **argv)
{
    struct ifm_err err = IFM_ERR_INIT;
    fill_streams();
    /* Blocks of samples come and go: give their pages back at once, so that we stay small while
     * measuring. */
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    static char help_word[] = "help";
    char *bare[] = { help_word, NULL };
    if (argc <= 1)
        return run_verb(&ifm_verb_help, 1, bare);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    const struct ifm_verb *verb = ifm_verb_find(name, &err);
    if (!verb)
        return fail(&err);
    ifm_tune_recover();
    return run_verb(verb, argc - 1, argv + 1);
}
