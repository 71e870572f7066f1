/* Where the vendor library of a runtime lies: read from <folder>/<name>/<version>/runtime.json,
 * which the installer writes; where none is installed, in the active virtual environment. Not a
 * search of LD_LIBRARY_PATH. And what runtimes there are.
 *
 * Folders: $INFEROMETER_RUNTIME_DIR alone if set, else
 * ${XDG_DATA_HOME:-~/.local/share}/inferometer/runtimes, then /usr/lib/inferometer/runtimes. The
 * highest version wins. Paths inside runtime.json are relative to its folder and hold no "..".
 * Threading: one thread. Ownership: strings belong to the struct. */
#ifndef IFM_INSTALLED_H
#define IFM_INSTALLED_H

#include "core/json.h"

/* How a runtime comes to this machine. */
enum ifm_runtime_kind {
    IFM_RUNTIME_BUILT_IN, /* nothing to install */
    IFM_RUNTIME_VENDOR,   /* a module of the product loads the vendor's library */
    IFM_RUNTIME_COMPILED, /* the module is compiled when the vendor's package is installed */
    IFM_RUNTIME_PLANNED   /* a later version of the product has it */
};
struct ifm_runtime_row {
    const char *name, *alias; /* alias NULL: none */
    enum ifm_runtime_kind kind;
    const char *formats; /* that it reads, comma-separated, as `format` of a run; "": none */
    const char *summary;
};
extern const struct ifm_runtime_row ifm_runtime_rows[]; /* ended by a row without a name */
/* The row of a name or an alias; NULL: no such runtime is known (somebody's own module). */
const struct ifm_runtime_row *ifm_runtime_find(const char *name);
/* Whether a known runtime reads the format; true for runtimes that are not known. */
bool ifm_runtime_reads(const char *name, const char *format);

struct ifm_installed {
    char *version;
    char *library;   /* absolute path; NULL: not installed */
    char **preloads; /* absolute paths, NULL-terminated; NULL: none */
    char *module;    /* of ours, absolute path; NULL: the product's own */
    char *folder;    /* that all of it lies in; NULL in a virtual environment */
    const char *source; /* one of IFM_LIBRARY_SOURCES (core/msg.h); NULL: not found */
};

/* Not installed is no error: library stays NULL. A runtime.json that cannot be used is
 * IFM_ERR_CONFIG. */
int ifm_installed_find(const char *name, struct ifm_installed *out, struct ifm_err *err);
/* One version of it; not there is no error either. */
int ifm_installed_version(const char *name, const char *version, struct ifm_installed *out,
                          struct ifm_err *err);
/* The installed version that a library file belongs to, whatever folder that is in. */
int ifm_installed_of(const char *name, const char *library, struct ifm_installed *out,
                     struct ifm_err *err);
/* Every installed version with its folder, newest first, also broken ones (no runtime.json but an
 * installer's stamp). At most `most`; returns how many. */
struct ifm_installed_place {
    char version[64], folder[1024];
    bool whole; /* runtime.json is there */
};
size_t ifm_installed_list(const char *name, struct ifm_installed_place *out, size_t most);
void ifm_installed_done(struct ifm_installed *installed);

/* Dotted numbers: -1, 0 or 1 as a is older than, equal to or newer than b. */
int ifm_installed_compare(const char *a, const char *b);

#endif
