#include "agents/cli/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/plan/keys.h"
#include "core/mem.h"

#define WORDS_MAX     256
#define ARGUMENTS_MAX 900 /* of the text that a configuration keeps */

bool ifm_program_is(const struct ifm_run_options *o)
{
    return o->runtime && strcmp(o->runtime, "exec") == 0;
}

int ifm_program_check(const struct ifm_run_options *o, struct ifm_err *err)
{
    static const char no_effect[] =
        "the program decides that itself: pass it the program's own argument instead of %s";
    const struct {
        bool typed;
        const char *name;
    } rows[] = {
        { o->provider != NULL, "--provider" },
        { o->strict, "--strict" },
        { o->custom_ops != NULL, "--custom-ops" },
        { o->threads != NULL, "--threads" },
        { o->batch != NULL, "--batch" },
        { o->options.count > 0, "--option" },
        { o->vary.count > 0, "--vary" },
        { o->variant != NULL, "--variant" },
        { o->inputs.count > 0, "--input" },
        { o->shapes.count > 0, "--shape" },
        { o->ranges.count > 0, "--range" },
        { o->expect != NULL, "--expect" },
        { o->iterations > 0, "--iterations" },
        { o->duration > 0, "--duration" },
        { o->maximum > 0, "--maximum" },
        { o->warmup_max > 0, "--warmup-max" },
        { o->scenario != IFM_SCENARIO_SINGLE || o->find_max_qps, "--scenario" },
        { o->cold != IFM_COLD_C1, "--cold" },
        { o->samplers != NULL, "--samplers" },
        { o->count_allocations, "--count-allocations" },
    };
    if (!ifm_program_is(o))
        return o->programs.count
                   ? ifm_err_set(err, IFM_ERR_USAGE, "", "--program belongs to --runtime exec")
                   : 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].typed)
            return ifm_err_set(err, IFM_ERR_USAGE, "", no_effect, rows[i].name);
    return 0;
}

/* -- Words --------------------------------------------------------------------------------------- */

void ifm_program_words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        ifm_free(words[i]);
    ifm_free(words);
}

/* One word of text, without its quotes; *at moves behind it. False: a quote is left open. */
static bool next_word(const char **at, char *word)
{
    char quote = '\0';
    const char *p = *at;
    for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? '\0' : *p;
        else if (*p == '\\' && quote != '\'' && p[1])
            *word++ = *++p;
        else
            *word++ = *p;
    }
    *word = '\0';
    *at = p;
    return quote == '\0';
}

int ifm_program_split(const char *text, char ***words, struct ifm_err *err)
{
    size_t count = 0;
    bool closed = true;
    char *word = ifm_alloc(strlen(text) + 1), **list = ifm_alloc_array(WORDS_MAX + 1, sizeof *list);
    bool memory = word && list;
    for (const char *at = text + strspn(text, " \t\n"); memory && closed && *at && count < WORDS_MAX;
         at += strspn(at, " \t\n")) {
        closed = next_word(&at, word);
        list[count] = ifm_dup(word);
        memory = list[count++] != NULL;
    }
    ifm_free(word);
    *words = list;
    if (memory && closed && count && count < WORDS_MAX)
        return 0;
    ifm_program_words_free(list);
    *words = NULL;
    return !memory   ? ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory")
           : !closed ? ifm_err_set(err, IFM_ERR_USAGE, "", "a quote is left open in \"%.80s\"", text)
           : !count  ? ifm_err_set(err, IFM_ERR_USAGE, "", "--program wants a command")
                     : ifm_err_set(err, IFM_ERR_USAGE, "", "a command has at most %d words", WORDS_MAX - 1);
}

static int copy_words(int count, char **typed, char ***words, struct ifm_err *err)
{
    char **list = count < WORDS_MAX ? ifm_alloc_array(WORDS_MAX + 1, sizeof *list) : NULL;
    for (int i = 0; list && i < count; i++)
        if (!(list[i] = ifm_dup(typed[i]))) {
            ifm_program_words_free(list);
            list = NULL;
        }
    *words = list;
    return list ? 0
                : ifm_err_set(err, count < WORDS_MAX ? IFM_ERR_NOMEM : IFM_ERR_USAGE, "",
                              count < WORDS_MAX ? "out of memory" : "a command has at most %d words",
                              WORDS_MAX - 1);
}

char *ifm_program_quote(char *const *words, size_t count)
{
    struct ifm_buf out;
    ifm_buf_init(&out, 65536);
    for (size_t i = 0; i < count; i++) {
        ifm_buf_adds(&out, i ? " '" : "'");
        for (const char *p = words[i]; *p; p++)
            if (*p == '\'')
                ifm_buf_adds(&out, "'\\''");
            else
                ifm_buf_addc(&out, *p);
        ifm_buf_addc(&out, '\'');
    }
    char *text = ifm_buf_take(&out);
    ifm_buf_done(&out);
    return text;
}

/* -- The program --------------------------------------------------------------------------------- */

static bool runs(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* A name without a slash is looked for in PATH; found, it takes the word's place. */
static int find(char **word, struct ifm_err *err)
{
    char path[4096];
    const char *at = strchr(*word, '/') ? "" : getenv("PATH");
    bool found = strchr(*word, '/') && runs(*word);
    for (; !found && at && *at; at += strspn(at, ":")) {
        size_t len = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)(len < 2048 ? len : 2048), at, *word);
        found = len && runs(path);
        if (found) {
            ifm_free(*word);
            *word = ifm_dup(path);
        }
        at += len;
    }
    if (found)
        return *word ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    return access(*word, F_OK) || !strchr(*word, '/')
               ? ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "there is no program %.120s", *word)
               : ifm_err_set(err, IFM_ERR_PERMISSION, "", "%.120s is no program that can be started", *word);
}

/* A long one keeps its beginning and the hash of all of it, so that no two are the same by being cut. */
static char *shorten(char *text)
{
    char hex[IFM_SHA256_HEX];
    struct ifm_buf out;
    size_t len = text ? strlen(text) : 0;
    if (len <= ARGUMENTS_MAX)
        return text;
    ifm_hash_sha256_hex(text, len, hex);
    for (len = ARGUMENTS_MAX - 64; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--; /* not within a character */
    ifm_buf_init(&out, 65536);
    ifm_buf_add(&out, text, len);
    ifm_buf_addf(&out, " \xe2\x80\xa6 sha256:%.16s", hex);
    ifm_free(text);
    text = ifm_buf_take(&out);
    ifm_buf_done(&out);
    return text;
}

char *ifm_program_arguments(char *const *words)
{
    struct ifm_buf out;
    ifm_buf_init(&out, 1 << 20);
    for (size_t i = 0; words[i]; i++)
        ifm_buf_addf(&out, "%s%s", i ? " " : "", words[i]);
    char *whole = out.data ? ifm_buf_take(&out) : out.failed ? NULL : ifm_dup("");
    char *text = whole ? ifm_scrub(whole, NULL) : NULL;
    ifm_free(whole);
    ifm_buf_done(&out);
    return shorten(text);
}

/* Takes the words. */
static int open_program(const struct ifm_run_options *o, char **words, struct ifm_subject *out,
                        struct ifm_err *err)
{
    char hex[IFM_SHA256_HEX];
    memset(out, 0, sizeof *out);
    out->command = words;
    int rc = find(&words[0], err);
    if (!rc)
        rc = ifm_hash_file(words[0], hex, &out->bytes, err);
    if (rc) {
        ifm_subject_done(out);
        return rc;
    }
    const char *base = strrchr(words[0], '/') + 1;
    snprintf(out->runtime, sizeof out->runtime, "exec");
    out->path = ifm_dup(words[0]);
    out->model = ifm_dup(o->name ? o->name : base);
    out->variant = ifm_dup(base);
    out->format = ifm_dup("program");
    out->sha256 = ifm_dup(hex);
    out->arguments = ifm_program_arguments(words + 1);
    if (out->path && out->model && out->variant && out->format && out->sha256 && out->arguments)
        return 0;
    ifm_subject_done(out);
    return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
}

int ifm_program_subjects(const struct ifm_run_asked *asked, int word_count, char **words,
                         struct ifm_arms *out, struct ifm_err *err)
{
    const struct ifm_option_list *list = &asked->o->programs;
    char **command = NULL;
    int rc = 0;
    if (!word_count && !list->count)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "name a program: --runtime exec -- ./bench ARGS, or --program \"./bench ARGS\"");
    if (list->count + (word_count > 0) > IFM_EXPERIMENT_ARMS_MAX)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "at most %d programs", IFM_EXPERIMENT_ARMS_MAX);
    if (word_count)
        rc = copy_words(word_count, words, &command, err);
    if (!rc && word_count)
        rc = open_program(asked->o, command, &out->subjects[out->subject_count], err);
    out->subject_count += !rc && word_count;
    for (size_t i = 0; !rc && i < list->count; i++) {
        rc = ifm_program_split(list->items[i], &command, err);
        if (!rc)
            rc = open_program(asked->o, command, &out->subjects[out->subject_count], err);
        out->subject_count += !rc;
    }
    return rc;
}
