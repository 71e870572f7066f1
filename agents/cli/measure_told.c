/* What the worker told of the runtime, as facts of the run: precision and placement. */
#include <stdio.h>
#include <string.h>

#include "agents/cli/measure.h"
#include "core/hash.h"
#include "core/mem.h"

#define IFM_LIBRARIES_SAID 16

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

/* Arms that share a library say so once. */
static bool first_time(const char hex[IFM_SHA256_HEX])
{
    static char seen[IFM_LIBRARIES_SAID][IFM_SHA256_HEX];
    for (size_t i = 0; i < IFM_LIBRARIES_SAID; i++) {
        if (strcmp(seen[i], hex) == 0)
            return false;
        if (!seen[i][0]) {
            snprintf(seen[i], IFM_SHA256_HEX, "%s", hex);
            return true;
        }
    }
    return true;
}

static void note_size(struct ifm_msg_run *run, int64_t bytes)
{
    run->library.bytes = bytes > 0 ? bytes : IFM_JSON_ABSENT;
    if (bytes > 0)
        run->deployed_bytes = bytes + run->variant_bytes;
}

/* Name, version, source and size as the worker told them; the hash is made here, so that no measured
 * process reads the whole file. The path stays on this machine: it is shown, not kept. */
static int note_library(struct ifm_measure *m, const struct ifm_msg_library *from,
                        struct ifm_err *err)
{
    struct ifm_msg_run *run = &m->view.run;
    char hex[IFM_SHA256_HEX] = "";
    int64_t bytes;
    struct ifm_err why = IFM_ERR_INIT;
    note_size(run, from->bytes);
    if (run->library.name || !from->name)
        return 0;
    run->library.name = ifm_dup(from->name);
    run->library.version = from->version ? ifm_dup(from->version) : NULL;
    run->library.source = from->source ? ifm_dup(from->source) : NULL;
    if (from->path && ifm_hash_file(from->path, hex, &bytes, &why) == 0)
        run->library.sha256 = ifm_dup(hex);
    if (from->path && first_time(hex))
        ifm_cli_note(m->cli, "%s%slibrary %s (%s)", m->name, m->name[0] ? ": " : "", from->path,
                     from->source ? from->source : "?");
    return run->library.name ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
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
    int rc = note_library(m, &result->library_file, err);
    if (rc)
        return rc;
    if (!run->placement.count && body->placement.count)
        return copy_placement(&body->placement, &run->placement, err);
    return 0;
}
