#include "agents/cli/grid.h"

#include <stdio.h>
#include <string.h>

#include "agents/cli/format.h"
#include "core/mem.h"

void ifm_grid_add(struct ifm_grid *grid, const char *const *texts, size_t columns)
{
    char(*cells)[IFM_GRID_COLUMNS][IFM_GRID_CELL] =
        ifm_resize_array(grid->cells, grid->rows + 1, sizeof *cells);
    grid->failed = grid->failed || !cells;
    if (!cells)
        return;
    grid->cells = cells;
    memset(cells[grid->rows], 0, sizeof cells[grid->rows]);
    grid->columns = columns < IFM_GRID_COLUMNS ? columns : IFM_GRID_COLUMNS;
    for (size_t i = 0; i < grid->columns; i++)
        snprintf(cells[grid->rows][i], IFM_GRID_CELL, "%s", texts[i] ? texts[i] : "");
    grid->rows++;
}

static size_t width_of(const struct ifm_grid *grid, size_t column)
{
    size_t width = 0;
    for (size_t i = 0; i < grid->rows; i++) {
        size_t one = ifm_format_width(grid->cells[i][column]);
        width = one > width ? one : width;
    }
    return width;
}

void ifm_grid_row(const struct ifm_grid *grid, size_t index, const char *before, const char *after,
                  struct ifm_buf *out)
{
    ifm_buf_addf(out, "  %s", before ? before : "");
    for (size_t i = 0; i < grid->columns; i++) {
        const char *text = grid->cells[index][i];
        size_t width = i + 1 < grid->columns ? width_of(grid, i) + 2 : 0;
        if (i + 1 < grid->columns && width == 2)
            continue; /* nobody has anything to say here */
        ifm_buf_adds(out, text);
        for (size_t used = ifm_format_width(text); used < width; used++)
            ifm_buf_addc(out, ' ');
    }
    while (out->len && out->data[out->len - 1] == ' ')
        out->len--;
    ifm_buf_addf(out, "%s\n", after ? after : "");
}

void ifm_grid_markdown(const struct ifm_grid *grid, struct ifm_buf *out)
{
    for (size_t i = 0; i < grid->rows; i++) {
        ifm_buf_addc(out, '|');
        for (size_t k = 0; k < grid->columns; k++) {
            ifm_buf_addc(out, ' ');
            for (const char *p = grid->cells[i][k]; *p; p++)
                ifm_buf_adds(out, *p == '|' ? "\\|" : (char[2]){ *p, '\0' });
            ifm_buf_adds(out, " |");
        }
        ifm_buf_addc(out, '\n');
        for (size_t k = 0; i == 0 && k < grid->columns; k++)
            ifm_buf_adds(out, k ? "---|" : "|---|");
        if (i == 0)
            ifm_buf_addc(out, '\n');
    }
}

void ifm_grid_done(struct ifm_grid *grid)
{
    ifm_free(grid->cells);
    *grid = (struct ifm_grid){ .rows = 0 };
}
