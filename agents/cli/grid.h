/* A small table of texts, printed aligned for people or as markdown.
 * Threading: one thread. Ownership: ifm_grid_done frees; texts are copied. */
#ifndef IFM_GRID_H
#define IFM_GRID_H

#include <stdbool.h>

#include "core/buf.h"

#define IFM_GRID_COLUMNS 12
#define IFM_GRID_CELL    96

struct ifm_grid {
    char (*cells)[IFM_GRID_COLUMNS][IFM_GRID_CELL];
    size_t rows, columns;
    bool failed; /* out of memory: rows are missing */
};
/* The next row; the first is the head. texts has `columns` items, NULL counts as "". */
void ifm_grid_add(struct ifm_grid *grid, const char *const *texts, size_t columns);
/* before, after: around the whole row `index`, for colours; may be NULL. */
void ifm_grid_row(const struct ifm_grid *grid, size_t index, const char *before, const char *after,
                  struct ifm_buf *out);
void ifm_grid_markdown(const struct ifm_grid *grid, struct ifm_buf *out);
void ifm_grid_done(struct ifm_grid *grid);

#endif
