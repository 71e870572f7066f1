/* What a loaded runtime tells of itself beside its outputs: the precision in which it computes, and which
 * provider took how many operators.
 *
 * Threading: one thread. Ownership: the list belongs to the event it goes into. */
#ifndef IFM_TOLD_H
#define IFM_TOLD_H

#include "core/msg.h"
#include "inferometer/runtime.h"

/* The value of the line "precision=" of effective settings; "" where there is none. */
void ifm_told_precision(const char *effective, char *text, size_t size);
/* ifm_msg_placement of the slot `placement`; empty where the runtime has none or it fails: placement is a
 * remark, and no reason to lose a measurement. Asked after bind. */
int ifm_told_placement(const struct ifm_runtime_ops *ops, void *state, struct ifm_list *out,
                       struct ifm_err *err);

#endif
