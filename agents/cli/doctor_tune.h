/* Settings of the machine that `doctor --tune` changes for as long as it runs: the governor becomes
 * performance, turbo goes off. Before the first change the old values are on disk, below
 * ROOT/run/inferometer: like the settings themselves they do not outlive the machine's next start. A lock is
 * held by the process that tuned; where the values are there and the lock is free, that process died, and the
 * next start of any command puts them back.
 *
 * A value that somebody else changed meanwhile is left as it is. Threading: one thread. Ownership:
 * ifm_tune_done frees and never restores. */
#ifndef IFM_DOCTOR_TUNE_H
#define IFM_DOCTOR_TUNE_H

#include "core/json.h"

struct ifm_tune_setting {
    char *path; /* below the root */
    char *old, *now;
};
struct ifm_tune {
    int64_t v, pid;
    struct ifm_list settings; /* ifm_tune_setting */
    const char *root;
    int lock_fd;       /* -1: not held */
    size_t restored;   /* by the latest restore */
    size_t foreign;    /* that it left, because somebody else had changed them */
};

/* Notes and changes. Nothing is changed on failure. IFM_ERR_BUSY: another process tunes; IFM_ERR_PERMISSION:
 * needs root. settings.count 0: there is nothing to change. */
int ifm_tune_begin(const char *root, struct ifm_tune *tune, struct ifm_err *err);
/* Puts the old values back and forgets them. On failure the note stays, so that it can be tried again. */
int ifm_tune_end(struct ifm_tune *tune, struct ifm_err *err);
void ifm_tune_done(struct ifm_tune *tune);

/* What a process left that died. settings.count 0 and lock_fd -1: nothing. IFM_ERR_BUSY: its owner is alive. */
int ifm_tune_undo(const char *root, struct ifm_tune *tune, struct ifm_err *err);
/* At the start of every command: as undo, quietly when there is nothing to do; says on stderr what it did or
 * what it could not do. The root is INFEROMETER_SYSROOT, for tests, else this machine. */
void ifm_tune_recover(void);
const char *ifm_tune_root(void);

#endif
