/* Where the vendor library of a runtime lies: read from <folder>/<name>/<version>/runtime.json,
 * which the installer writes. Not a search of LD_LIBRARY_PATH.
 *
 * Folders: $INFEROMETER_RUNTIME_DIR alone if set, else
 * ${XDG_DATA_HOME:-~/.local/share}/inferometer/runtimes, then /usr/lib/inferometer/runtimes. The
 * highest version wins. Paths inside runtime.json are relative to its folder and hold no "..".
 * Threading: one thread. Ownership: strings belong to the struct. */
#ifndef IFM_INSTALLED_H
#define IFM_INSTALLED_H

#include "core/json.h"

struct ifm_installed {
    char *version;
    char *library;   /* absolute path; NULL: not installed */
    char **preloads; /* absolute paths, NULL-terminated; NULL: none */
};

/* Not installed is no error: library stays NULL. A runtime.json that cannot be used is
 * IFM_ERR_CONFIG. */
int ifm_installed_find(const char *name, struct ifm_installed *out, struct ifm_err *err);
void ifm_installed_done(struct ifm_installed *installed);

/* Dotted numbers: -1, 0 or 1 as a is older than, equal to or newer than b. */
int ifm_installed_compare(const char *a, const char *b);

#endif
