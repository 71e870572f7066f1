/* One sampler and what it read: a part of observe.c, not to be used by anybody else.
 *
 * Threading: one thread at a time; observe.c sees to it. Ownership: state and points are mappings
 * of their own, so that nothing the measuring thread touches shares a cache line or a page with
 * them. */
#ifndef IFM_OBSERVE_GROUP_H
#define IFM_OBSERVE_GROUP_H

#include <stdbool.h>
#include "agents/worker/observe.h"

enum {
    IFM_OBSERVE_IDLE_BEGIN = IFM_OBSERVE_STEADY_END + 1,
    IFM_OBSERVE_IDLE_END,
    IFM_OBSERVE_TIMED
};

struct ifm_observe_point { /* the values of its lanes stand in group.values */
    int64_t t_ns;          /* CLOCK_MONOTONIC */
    uint32_t valid;        /* by lane */
    int edge;              /* enum ifm_observe_edge or one of the above */
};
struct ifm_observe_group {
    const struct ifm_sampler_ops *ops;
    struct ifm_sampler_host host;
    void *state;
    bool named;       /* asked for by its name */
    bool on;          /* off: absent, or failed */
    char failed[200]; /* its sentence; "": it did not fail */
    size_t lanes;
    unsigned char metric[IFM_SAMPLER_METRICS_MAX]; /* of each lane */
    int64_t period_ns, due_ns;
    int64_t cost_ns;
    size_t count, capacity;
    struct ifm_observe_point *points;
    int64_t *values;                          /* capacity x lanes */
    int64_t moves[IFM_SAMPLER_METRICS_MAX];   /* times each lane's value changed */
    int64_t updates[IFM_SAMPLER_METRICS_MAX]; /* the same within the timed phase */
    int64_t bytes;                            /* of state and points */
};

/* ABI, size, slots and rows of a sampler; IFM_ERR_INTERNAL names what is wrong. */
int ifm_observe_group_check(const struct ifm_sampler_ops *ops, struct ifm_err *err);
/* Probes and opens. A sampler that is absent or fails is off, with its reason; only IFM_ERR_NOMEM
 * is an error. host: abi, size, sysroot, pid and cpus are taken. */
int ifm_observe_group_open(struct ifm_observe_group *group, const struct ifm_sampler_ops *ops,
                           const struct ifm_sampler_host *host, struct ifm_err *err);
void ifm_observe_group_read(struct ifm_observe_group *group, int edge);
bool ifm_observe_group_has_energy(const struct ifm_observe_group *group);
/* Drops every second point that is not at an edge, of those before before_ns. False when nothing
 * could be dropped. */
bool ifm_observe_group_thin(struct ifm_observe_group *group, int64_t before_ns);
/* Once, after the last read: missing values are filled, counters start at 0. */
void ifm_observe_group_settle(struct ifm_observe_group *group);
size_t ifm_observe_group_text(const struct ifm_observe_group *group, int64_t begin_ns); /* bytes */
int ifm_observe_group_lanes(const struct ifm_observe_group *group, int64_t begin_ns,
                            struct ifm_msg_lanes *out, struct ifm_err *err);
/* Appends a rail for each energy lane that moved between the edges of the timed phase. */
int ifm_observe_group_energy(const struct ifm_observe_group *group, struct ifm_list *rails,
                             struct ifm_err *err);
void ifm_observe_group_close(struct ifm_observe_group *group);

#endif
