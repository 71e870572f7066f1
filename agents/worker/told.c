#include "agents/worker/told.h"
#include <stdio.h>
#include <string.h>
#include "agents/worker/report.h"
#include "core/mem.h"

void ifm_told_precision(const char *effective, char *text, size_t size)
{
    static const char key[] = "precision=";
    text[0] = '\0';
    for (const char *line = effective; *line;) {
        const size_t len = strcspn(line, "\n");
        if (strncmp(line, key, sizeof key - 1) == 0 && len >= sizeof key) {
            snprintf(text, size, "%.*s", (int)(len - (sizeof key - 1)), line + sizeof key - 1);
        }
        line += len + (line[len] == '\n');
    }
}

int ifm_told_placement(const struct ifm_runtime_ops *ops, void *state, struct ifm_list *out,
                       struct ifm_err *err)
{
    struct ifm_placement rows[IFM_PLACEMENTS_MAX];
    size_t count = IFM_PLACEMENTS_MAX;
    memset(rows, 0, sizeof rows);
    if (!ops->placement || ops->placement(state, rows, &count) != 0 || count == 0 ||
        count > IFM_PLACEMENTS_MAX) {
        return 0;
    }
    struct ifm_msg_placement *items = ifm_alloc_array(count, sizeof *items);
    if (!items) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "placement", "out of memory");
    }
    *out = (struct ifm_list){ .items = items, .count = count };
    for (size_t i = 0; i < count; i++) {
        rows[i].provider[sizeof rows[i].provider - 1] = '\0';
        items[i].provider = ifm_report_text(rows[i].provider, 63);
        items[i].operators = (int64_t)rows[i].operators;
    }
    return 0;
}
