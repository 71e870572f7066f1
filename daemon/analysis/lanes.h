/* What samplers sent, before it is believed: each lane has one value for each time, times ascend, nothing stands
 * twice. Not a judgement of the values: that is trust's.
 *
 * Threading: pure functions. */
#ifndef IFM_LANES_H
#define IFM_LANES_H

#include "core/msg.h"

/* IFM_ERR_INVALID with err->where a JSON pointer ("/lanes/0/lanes/3/values", "/energy/1/rail"). The field tables have
 * checked how many there may be. */
int ifm_lanes_check(const struct ifm_msg_invocation *body, struct ifm_err *err);

#endif
