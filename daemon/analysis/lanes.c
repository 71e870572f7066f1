#include "daemon/analysis/lanes.h"

#include <stdio.h>
#include <string.h>

static int refuse(struct ifm_err *err, const char *pointer, const char *why)
{
    return ifm_err_set(err, IFM_ERR_INVALID, pointer, "%s", why);
}

static int check_group(const struct ifm_msg_lanes *group, size_t index, struct ifm_err *err)
{
    const struct ifm_msg_lane *lanes = group->lanes.items;
    char pointer[64];
    for (size_t i = 1; i < group->t_ns.count; i++) {
        if (group->t_ns.items[i] >= group->t_ns.items[i - 1]) continue;
        snprintf(pointer, sizeof pointer, "/lanes/%zu/t_ns/%zu", index, i);
        return refuse(err, pointer, "is before the time in front of it: times ascend");
    }
    for (size_t i = 0; i < group->lanes.count; i++) {
        if (lanes[i].values.count != group->t_ns.count) {
            snprintf(pointer, sizeof pointer, "/lanes/%zu/lanes/%zu/values", index, i);
            return refuse(err, pointer, "must have one value for each of t_ns");
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(lanes[i].name, lanes[k].name) != 0) continue;
            snprintf(pointer, sizeof pointer, "/lanes/%zu/lanes/%zu/name", index, i);
            return refuse(err, pointer, "is the name of an earlier lane of this sampler");
        }
    }
    return 0;
}

int ifm_lanes_check(const struct ifm_msg_invocation *body, struct ifm_err *err)
{
    const struct ifm_msg_lanes *groups = body->lanes.items;
    const struct ifm_msg_energy *rails = body->energy.items;
    char pointer[64];
    for (size_t i = 0; i < body->lanes.count; i++) {
        int rc = check_group(&groups[i], i, err);
        if (rc) return rc;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(groups[i].sampler, groups[k].sampler) != 0) continue;
            snprintf(pointer, sizeof pointer, "/lanes/%zu/sampler", i);
            return refuse(err, pointer, "is the sampler of an earlier group");
        }
    }
    for (size_t i = 0; i < body->energy.count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(rails[i].rail, rails[k].rail) != 0) continue;
            snprintf(pointer, sizeof pointer, "/energy/%zu/rail", i);
            return refuse(err, pointer, "is a rail that stands there already");
        }
    }
    return 0;
}
