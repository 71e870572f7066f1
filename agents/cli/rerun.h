/* `inferometer rerun`: the same spec measured here again, and whether the two agree.
 *
 * The words of `run` come from the note beside the run, else from the command it carries, which has no folders.
 * Of an experiment only this run's arm is measured: lists (--runtime a,b, --threads 1,2, --vary …) become what
 * the run's configuration says.
 *
 * Agreement: the 95 % interval of the ratio of P50s over both sets of invocations (Hodges-Lehmann, not paired,
 * because days may lie between them) contains 1, or lies within 1 +- `within`. The first alone would call a
 * difference of 0.3 % a disagreement as soon as the intervals are narrow enough: what two sessions on one
 * machine differ by (layout of memory, temperature, neighbours) is in neither interval, and 2 % is what
 * `compare` calls a change. The second alone would call everything a disagreement on a noisy machine. How large
 * a difference would have been seen is printed beside it. What is untrusted, of another device, of another
 * configuration or WRONG is no ground for either answer.
 *
 * Threading: one thread. Ownership: see each function. */
#ifndef IFM_RERUN_H
#define IFM_RERUN_H

#include "agents/cli/compare.h"
#include "agents/cli/note.h"
#include "agents/cli/view.h"

#define IFM_RERUN_WITHIN    0.02
#define IFM_RERUN_WORDS_MAX 1100

struct ifm_words { /* each word is a copy */
    char **items;
    size_t count;
};
int ifm_words_add(struct ifm_words *words, const char *text, struct ifm_err *err);
void ifm_words_done(struct ifm_words *words);
/* A command as it is stored with a run: words, single quotes as a shell takes them. */
int ifm_words_split(const char *command, struct ifm_words *out, struct ifm_err *err);

struct ifm_rerun_plan {
    struct ifm_words words; /* "run", the model if there is one, options; without --daemon and --format */
    char model[4096];       /* path; "": the runtime makes its own work */
    char cwd[4096];         /* relative paths in the words count from here; "": as they are */
};
/* given: --model, or NULL. IFM_ERR_NOT_FOUND when the model is not where it was, IFM_ERR_INVALID when it is
 * another file, or when the run was not made by `run`. */
int ifm_rerun_plan(const struct ifm_view *stored, const struct ifm_note *note, const char *given,
                   struct ifm_rerun_plan *out, struct ifm_err *err);
/* rerun_program.c: of the --program options and the words behind "--" those of this run's arm, as one --program.
 * note NULL (the run came from elsewhere): refused. */
int ifm_rerun_program(const struct ifm_view *stored, const struct ifm_note *note,
                      const struct ifm_words *programs, const struct ifm_words *words,
                      struct ifm_words *out, struct ifm_err *err);
void ifm_rerun_plan_done(struct ifm_rerun_plan *plan);

enum ifm_agreement { IFM_AGREES, IFM_DIFFERS, IFM_NOT_COMPARABLE };
/* A is the stored run, B the new one; text: one sentence. */
enum ifm_agreement ifm_rerun_judge(const struct ifm_compared *compared, double within, char *text,
                                   size_t size);

#endif
