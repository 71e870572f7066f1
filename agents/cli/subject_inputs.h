/* Inputs and references of a subject: from a bundle's .npz files, and from what was typed. Part of
 * subject.h. Threading, ownership: as there. */
#ifndef IFM_SUBJECT_INPUTS_H
#define IFM_SUBJECT_INPUTS_H

#include "agents/cli/subject.h"

/* inputs/000.npz and reference/000.npz of the bundle, under the variant's own names. */
int ifm_subject_bundle_arrays(struct ifm_subject *subject, size_t variant, struct ifm_err *err);
/* --input, --shape, --range, --expect: they win over what the bundle says. */
int ifm_subject_asked_arrays(const struct ifm_subject_asked *asked, struct ifm_subject *subject,
                             struct ifm_err *err);

#endif
