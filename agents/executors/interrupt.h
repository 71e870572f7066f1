/* Ctrl-C and its relatives, counted: SIGINT, SIGTERM and SIGHUP ask a command to end early but
 * tidily; the third one ends the process at once. Signals reach only the command line, because
 * workers have sessions of their own.
 *
 * Threading: install once from the main thread; the rest may be asked from anywhere. */
#ifndef IFM_INTERRUPT_H
#define IFM_INTERRUPT_H

#include "core/err.h"

int ifm_interrupt_install(struct ifm_err *err);
int ifm_interrupt_count(void);  /* signals so far */
int ifm_interrupt_signal(void); /* the first one; 0: none */
int ifm_interrupt_exit(void);   /* 130, 143, 129: 128 + the signal; 0: none */
int ifm_interrupt_fd(
    void); /* readable since the first signal, and again after each; -1: not installed */

#endif
