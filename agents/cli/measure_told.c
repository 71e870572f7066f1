/* What the worker told of the runtime, as facts of the run: precision and placement. */
#include "agents/cli/measure.h"
#include "core/mem.h"

static int copy_placement(const struct ifm_list *from, struct ifm_list *to, struct ifm_err *err)
{
    const struct ifm_msg_placement *rows = from->items;
    struct ifm_msg_placement *items = ifm_alloc_array(from->count, sizeof *items);
    if (!items)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    *to = (struct ifm_list){ .items = items, .count = from->count };
    for (size_t i = 0; i < from->count; i++)
        items[i] = (struct ifm_msg_placement){ .provider = ifm_dup(rows[i].provider),
                                               .operators = rows[i].operators };
    return 0;
}

int ifm_measure_told(struct ifm_measure *m, const struct ifm_exec_result *result,
                     struct ifm_err *err)
{
    struct ifm_msg_run *run = &m->view.run;
    const struct ifm_msg_invocation *body = &result->invocation;
    if (!run->variant_precision && m->subject->precision)
        run->variant_precision = ifm_dup(m->subject->precision);
    if (!run->precision && body->precision)
        run->precision = ifm_dup(body->precision);
    if (!run->placement.count && body->placement.count)
        return copy_placement(&body->placement, &run->placement, err);
    return 0;
}
