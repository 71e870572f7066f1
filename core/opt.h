/* Parses options by the rows of inferometer/option.h: command lines, config objects and key=value lists; and
 * prints what those rows say: help text, completion scripts, man page sections, JSON.
 *
 * Threading: no shared state. Ownership: the target struct is the caller's; strings point into argv or the
 * texts given; lists allocate only their item array, freed by ifm_opt_done. */
#ifndef IFM_OPT_H
#define IFM_OPT_H

#include "core/buf.h"
#include "inferometer/option.h"

/* Writes every row's fallback into target. Call first. */
int ifm_opt_defaults(const struct ifm_option *rows, void *target, struct ifm_err *err);
/* Sets one option from text; checks type and range. An unknown name fails with IFM_ERR_USAGE and names the
 * nearest known one ("did you mean --runtime?"). value NULL: a bare flag. */
int ifm_opt_set(const struct ifm_option *rows, void *target, const char *name, const char *value,
                struct ifm_err *err);
/* Parses argv[1..argc): --name value, --name=value, --no-flag, -n value, and "--" that ends the options.
 * Everything else is moved, in order, to the front: *rest_count arguments stand in argv[0..]. */
int ifm_opt_parse(const struct ifm_option *rows, void *target, int argc, char **argv, int *rest_count,
                  struct ifm_err *err);
void ifm_opt_done(const struct ifm_option *rows, void *target);

/* Help, one row a line, aligned, wrapped at 100 columns, with default and range. */
void ifm_opt_help(const struct ifm_option *rows, struct ifm_buf *out);
void ifm_opt_man(const struct ifm_option *rows, struct ifm_buf *out);  /* mdoc .It entries */
void ifm_opt_json(const struct ifm_option *rows, struct ifm_buf *out); /* array of objects */

/* Words nearest to `word` by edit distance (at most 2, or a third of its length); NULL when none is near. */
const char *ifm_opt_nearest(const char *word, const char *const *words);
/* "1.5GB", "64MiB", "250ms", "3s", "2m": 0 or -1. A bare number is bytes, or seconds. */
int ifm_opt_parse_size(const char *text, int64_t *bytes);
int ifm_opt_parse_duration(const char *text, int64_t *ns);
/* A whole number in the unit of the row's type ("64MiB", "500ms", "4"), as a user would type it. */
void ifm_opt_format(const struct ifm_option *row, int64_t value, char text[32]);

#endif
