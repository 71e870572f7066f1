/* `run --runtime exec`: other people's programs as what is measured. `-- ./bench ARGS` names one by its words,
 * each --program "COMMAND" another one; all are arms of one experiment. A command is split at blanks, with quotes
 * and backslashes as a shell knows them and nothing else of a shell.
 *
 * Threading: one thread. Ownership: subjects own their command. */
#ifndef IFM_CLI_PROGRAM_H
#define IFM_CLI_PROGRAM_H

#include "agents/cli/arms.h"

bool ifm_program_is(const struct ifm_run_options *o);
/* Refuses what has no meaning for a program that is not ours, and --program without exec. */
int ifm_program_check(const struct ifm_run_options *o, struct ifm_err *err);
/* Appends a subject for each program; out's arrays are there. words: what was typed after --. */
int ifm_program_subjects(const struct ifm_run_asked *asked, int word_count, char **words,
                         struct ifm_arms *out, struct ifm_err *err);
/* One command line into words; *words and each of them is the caller's, NULL-terminated. */
int ifm_program_split(const char *text, char ***words, struct ifm_err *err);
/* The words as a command that is split into them again; NULL when out of memory. */
char *ifm_program_quote(char *const *words, size_t count);
/* Arguments (words behind the program) as a configuration keeps them; NULL when out of memory. */
char *ifm_program_arguments(char *const *arguments);
void ifm_program_words_free(char **words); /* accepts NULL */

#endif
