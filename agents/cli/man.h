/* Manual pages and completion scripts, made from the table of verbs and their option rows, so that a fact
 * stands once.
 *
 * Threading: one thread. Ownership: out is the caller's. */
#ifndef IFM_MAN_H
#define IFM_MAN_H

#include "agents/cli/cli.h"

void ifm_man_overview(struct ifm_buf *out);                          /* inferometer.1 */
void ifm_man_verb(const struct ifm_verb *verb, struct ifm_buf *out); /* inferometer-VERB.1 */
void ifm_man_reference(struct ifm_buf *out); /* all verbs as Markdown: docs/cli-reference.md */
/* Writes all pages into a folder, which is made where it is not there. */
int ifm_man_write(const char *folder, struct ifm_err *err);
extern const char ifm_help_exits[]; /* the exit statuses, of help.c */

#endif
