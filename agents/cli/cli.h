/* What the verbs share: the context of one command, the table of verbs, the common options. A verb
 * is one file with one struct ifm_verb; main.c knows the list of them and nothing else.
 *
 * Streams: results go to `out`, which becomes stdout (or the file of -o) when the verb has ended;
 * everything else is said on stderr, through ifm_cli_note and ifm_cli_warn. Threading: one thread.
 * Ownership: the context outlives the verb; texts in options point into argv. */
#ifndef IFM_CLI_H
#define IFM_CLI_H

#include "agents/agent/config.h"
#include "agents/agent/spool.h"
#include "core/opt.h"

#define IFM_EXIT_GATE         1 /* a limit of --fail-above was exceeded */
#define IFM_EXIT_INCONCLUSIVE 3
#define IFM_CLI_OUT_MAX       (256 * 1024 * 1024)

enum ifm_format {
    IFM_FORMAT_HUMAN,
    IFM_FORMAT_JSON,
    IFM_FORMAT_NDJSON,
    IFM_FORMAT_CSV,
    IFM_FORMAT_MD
};

struct ifm_cli_common { /* the first member of every verb's options */
    int format, color;
    bool json, quiet, verbose, help;
    const char *output, *daemon;
};
/* Rows of the common options, for the end of a verb's table. */
#define IFM_CLI_COMMON_ROWS                                                                        \
    { .name = "format",                                                                            \
      .type = IFM_OPT_CHOICE,                                                                      \
      .offset = offsetof(struct ifm_cli_common, format),                                           \
      .fallback = "human",                                                                         \
      .choices = "human|json|ndjson|csv|md",                                                       \
      .value = "FORMAT",                                                                           \
      .help = "how to print" },                                                                    \
        { .name = "json",                                                                          \
          .type = IFM_OPT_BOOL,                                                                    \
          .offset = offsetof(struct ifm_cli_common, json),                                         \
          .help = "the same as --format json" },                                                   \
        { .name = "output",                                                                        \
          .type = IFM_OPT_STRING,                                                                  \
          .offset = offsetof(struct ifm_cli_common, output),                                       \
          .value = "FILE",                                                                         \
          .help = "write the result to a file",                                                    \
          .letter = 'o' },                                                                         \
        { .name = "daemon",                                                                        \
          .type = IFM_OPT_STRING,                                                                  \
          .offset = offsetof(struct ifm_cli_common, daemon),                                       \
          .value = "URL",                                                                          \
          .help =                                                                                  \
              "address of the daemon, or none; else INFEROMETER_DAEMON, else the config file" },   \
        { .name = "color",                                                                         \
          .type = IFM_OPT_CHOICE,                                                                  \
          .offset = offsetof(struct ifm_cli_common, color),                                        \
          .fallback = "auto",                                                                      \
          .choices = "auto|always|never",                                                          \
          .value = "WHEN",                                                                         \
          .help = "colours (NO_COLOR counts)" },                                                   \
        { .name = "quiet",                                                                         \
          .type = IFM_OPT_BOOL,                                                                    \
          .offset = offsetof(struct ifm_cli_common, quiet),                                        \
          .help = "no plan, no progress, no notes",                                                \
          .letter = 'q' },                                                                         \
        { .name = "verbose",                                                                       \
          .type = IFM_OPT_BOOL,                                                                    \
          .offset = offsetof(struct ifm_cli_common, verbose),                                      \
          .help = "more detail in the result",                                                     \
          .letter = 'v' },                                                                         \
        { .name = "details",                                                                       \
          .type = IFM_OPT_BOOL,                                                                    \
          .offset = offsetof(struct ifm_cli_common, verbose),                                      \
          .help = "the same as --verbose" },                                                       \
    {                                                                                              \
        .name = "help", .type = IFM_OPT_BOOL, .offset = offsetof(struct ifm_cli_common, help),     \
        .help = "this text", .letter = 'h'                                                         \
    }

struct ifm_cli {
    const struct ifm_cli_common *common;
    enum ifm_format format;
    bool color;        /* of what goes to stdout */
    bool terminal_out; /* stdout is a terminal and no -o */
    bool terminal_err; /* stderr is a terminal that can redraw a line */
    bool ci;           /* CI=true */
    struct ifm_buf out;
    char **command; /* argv as it was typed, for the command to repeat */
    int command_count;
};

struct ifm_verb {
    const char *name;
    const char *arguments; /* "MODEL|BUNDLE" */
    const char *summary;   /* one line, lower case */
    const char *examples;  /* lines, two spaces in front */
    const char *notes;     /* paragraphs after the options; NULL: none */
    const struct ifm_option *options;
    size_t options_size;
    /* Returns an exit status (>= 0), or a negative code with err filled. */
    int (*run)(struct ifm_cli *cli, void *options, int argc, char **argv, struct ifm_err *err);
};
extern const struct ifm_verb ifm_verb_run, ifm_verb_list, ifm_verb_show, ifm_verb_compare,
    ifm_verb_push, ifm_verb_inspect, ifm_verb_lint, ifm_verb_doctor, ifm_verb_rerun, ifm_verb_profile,
    ifm_verb_completion,
    ifm_verb_runtime, ifm_verb_version, ifm_verb_help;
extern const struct ifm_verb *const ifm_verbs[]; /* NULL-terminated */
const struct ifm_verb *ifm_verb_find(const char *name, struct ifm_err *err);
void ifm_help_verb(const struct ifm_verb *verb, struct ifm_buf *out);
int ifm_help_bare(struct ifm_cli *cli, struct ifm_err *err);

/* Writes what cli->out holds to its place and empties it. */
int ifm_cli_flush(struct ifm_cli *cli, struct ifm_err *err);
/* A file is replaced as a whole; a device or a pipe is written to: a rename would put a file in its
 * place. */
int ifm_cli_write(const char *path, const struct ifm_buf *out, struct ifm_err *err);
/* Sentences on stderr; notes not with --quiet. */
void ifm_cli_note(const struct ifm_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ifm_cli_warn(const struct ifm_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Colour codes, "" without colour. */
const char *ifm_cli_bold(const struct ifm_cli *cli);
const char *ifm_cli_red(const struct ifm_cli *cli);
const char *ifm_cli_dim(const struct ifm_cli *cli);
const char *ifm_cli_plain(const struct ifm_cli *cli);
/* Refuses arguments that a verb does not take. */
int ifm_cli_arguments(int argc, char **argv, int least, int most, const char *what,
                      struct ifm_err *err);

/* -- Where things lie ----------------------------------------------------------------------------
 */
int ifm_place_worker(char *path, size_t size, struct ifm_err *err);
int ifm_place_modules(char *path, size_t size, struct ifm_err *err);
/* Names of the modules that are there, sorted, in one buffer, NULL-terminated list; freed with
 * ifm_free. */
int ifm_place_runtimes(char ***names, struct ifm_err *err);
/* deploy/fetch of a checkout above the program, or ../share/inferometer/fetch; "" when neither is
 * there. */
void ifm_place_fetch(char *path, size_t size);
/* "ort" -> "onnxruntime"; checks that the module is there, else IFM_ERR_UNAVAILABLE or a "did you
 * mean". */
int ifm_place_runtime(const char *typed, char name[32], struct ifm_err *err);

#endif
