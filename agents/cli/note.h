/* A private note beside a kept run, local.json: where and with which words it was made, so that `rerun` finds
 * the model and the input files again. It never leaves this machine: a push sends named files, not this one.
 *
 * Threading: one thread. Ownership: ifm_note_done frees. */
#ifndef IFM_NOTE_H
#define IFM_NOTE_H

#include "core/json.h"

struct ifm_note {
    char *cwd;
    struct ifm_strings argv; /* the verb first */
};
/* Best effort: a run is no worse without it. argv: as it was typed. */
void ifm_note_write(const char *folder, int argc, char *const *argv);
/* IFM_ERR_NOT_FOUND where there is none. */
int ifm_note_read(const char *folder, struct ifm_note *out, struct ifm_err *err);
void ifm_note_done(struct ifm_note *note);

#endif
