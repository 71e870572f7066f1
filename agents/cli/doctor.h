/* `inferometer doctor`: is this machine fit for measuring? Checks what the method asks for before a run; what
 * happens during one is for the samplers and the trust verdict. Every check reads below a root, so that a
 * recorded tree stands for a machine.
 *
 * Threading: one thread. Ownership: fixed-size texts, nothing to free. Errors: none: a source that is absent is
 * a note. Source of the list: measurement.md 7.1, 7.6, 7.8. */
#ifndef IFM_DOCTOR_H
#define IFM_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFM_DOCTOR_CHECKS 40
#define IFM_DOCTOR_CPUS   1024

enum ifm_doctor_state { IFM_DOCTOR_OK, IFM_DOCTOR_NOTE, IFM_DOCTOR_PROBLEM };
struct ifm_doctor_check {
    const char *name;     /* one or two words, stable */
    int state;            /* enum ifm_doctor_state; a problem makes numbers untrustworthy */
    char text[200];       /* what was found */
    char remedy[160];     /* what to do about it; "" */
    char command[200];    /* the command that does it; "" */
};
struct ifm_doctor {
    const char *root; /* "": this machine, live */
    struct ifm_doctor_check checks[IFM_DOCTOR_CHECKS];
    size_t count;
    char unobserved[128]; /* "clock, temperature": sources that this machine has not */
};

/* Fills the checks. Takes about 0.3 s on a live machine, in which the load of others is watched. */
void ifm_doctor_look(const char *root, struct ifm_doctor *out);
bool ifm_doctor_fit(const struct ifm_doctor *doctor);

/* -- For the files of doctor ------------------------------------------------------------------- */
void ifm_doctor_clocks(struct ifm_doctor *d);  /* doctor_clock.c: governor … timer */
void ifm_doctor_system(struct ifm_doctor *d);  /* doctor_system.c: load … disk */
void ifm_doctor_sources(struct ifm_doctor *d); /* doctor_system.c: perf events, what cannot be observed */
/* Adds a check; format gives its text. */
struct ifm_doctor_check *ifm_doctor_add(struct ifm_doctor *d, const char *name, int state,
                                        const char *format, ...) __attribute__((format(printf, 4, 5)));
void ifm_doctor_remedy(struct ifm_doctor_check *check, const char *remedy, const char *command);
/* First line of a file below the root, without white space at its ends; false when it cannot be read. */
bool ifm_doctor_read(const char *root, const char *path, char *text, size_t size);
bool ifm_doctor_read_all(const char *root, const char *path, char *text, size_t size);
bool ifm_doctor_read_number(const char *root, const char *path, int64_t *value);
/* Numbers of the processors that are online, ascending; at most IFM_DOCTOR_CPUS. */
size_t ifm_doctor_cpus(const char *root, int *cpus);

#endif
