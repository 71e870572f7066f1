/* Right and wrong answers of two runs over the same labelled samples, and the precisions that they computed in: what a
 * comparison says beside latency.
 *
 * Threading: safe. Ownership: appended to the writer; runs are borrowed. Formulas: core/stat.h (Wilson's interval,
 * McNemar's exact test). */
#ifndef IFM_ANALYSIS_ACCURACY_H
#define IFM_ANALYSIS_ACCURACY_H

#include "core/msg.h"

#define IFM_PRECISION_NOTE_MAX 128

/* null where one of the runs has no accuracy, or {"a":{"samples","correct","skipped","value","low","high"},"b":{…},
 * "difference":b-a,"p":…,"only_a":…,"only_b":…,"text":…}. Everything but a, b and text is null where the samples were
 * other ones; p, only_a and only_b where one run did not keep which samples were right. */
void ifm_accuracy_write(struct ifm_jw *w, const struct ifm_msg_run *a, const struct ifm_msg_run *b);

/* "A computed in float32, B in bfloat16"; "" where both were the same or one runtime does not tell. */
void ifm_precision_note(const struct ifm_msg_run *a, const struct ifm_msg_run *b, char text[IFM_PRECISION_NOTE_MAX]);

#endif
