/* Passes that are no latency pass: they change what they look at, so each is a process of its own.
 */
#include "agents/worker/phase.h"
#include "agents/worker/profile.h"

int ifm_phase_can_profile(struct ifm_run *r, struct ifm_err *err)
{
    return ifm_profile_check(&r->module, err);
}

int ifm_phase_profile(struct ifm_run *r, struct ifm_err *err)
{
    r->context->step = IFM_STEP_STEADY;
    return ifm_profile_run(&r->module, r->spec, &r->result.profile, err);
}
