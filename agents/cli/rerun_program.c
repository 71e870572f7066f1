/* A run of another program again: only what was started here before, never a command that came with a run. */
#include <string.h>

#include "agents/cli/program.h"
#include "agents/cli/rerun.h"
#include "agents/plan/keys.h"
#include "core/mem.h"

struct finder {
    const struct ifm_view *view;
    char *command; /* the arm's own, once it is found */
};

static bool is_its_own(const struct ifm_view *view, char **words)
{
    const char *slash = strrchr(words[0], '/'), *kept = ifm_map_get(&view->run.config, "arguments");
    char *arguments = ifm_program_arguments(words + 1);
    bool same = arguments && view->run.variant &&
                strcmp(slash ? slash + 1 : words[0], view->run.variant) == 0 &&
                strcmp(arguments, kept ? kept : "") == 0;
    ifm_free(arguments);
    return same;
}

static int look_at(struct finder *f, const char *command, struct ifm_err *err)
{
    char **words = NULL;
    int rc = f->command ? 0 : ifm_program_split(command, &words, err);
    if (!rc && words && is_its_own(f->view, words)) {
        f->command = ifm_dup(command);
        rc = f->command ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    }
    ifm_program_words_free(words);
    return rc;
}

int ifm_rerun_program(const struct ifm_view *stored, const struct ifm_note *note,
                      const struct ifm_words *programs, const struct ifm_words *words,
                      struct ifm_words *out, struct ifm_err *err)
{
    struct finder f = { .view = stored };
    int rc = 0;
    if (!note)
        return ifm_err_set(err, IFM_ERR_INVALID, "",
                           "the run tells of another program, and a command that comes with a run is not started: "
                           "measure with `run --runtime exec -- PROGRAM`, and compare");
    for (size_t i = 0; !rc && i < programs->count; i++)
        rc = look_at(&f, programs->items[i], err);
    char *typed = !rc && words->count ? ifm_program_quote(words->items, words->count) : NULL;
    if (typed)
        rc = look_at(&f, typed, err);
    ifm_free(typed);
    if (!rc && !f.command)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "", "nothing says with which words the program was started");
    if (!rc)
        rc = ifm_words_add(out, "--program", err);
    if (!rc)
        rc = ifm_words_add(out, f.command, err);
    ifm_free(f.command);
    return rc;
}
