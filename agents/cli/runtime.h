/* Parts of `inferometer runtime`: what is listed, what can be installed, and folders on disk.
 *
 * Threading: one thread. Ownership: texts are the caller's buffers. Sizes are bytes on disk. */
#ifndef IFM_CLI_RUNTIME_H
#define IFM_CLI_RUNTIME_H

#include "agents/cli/cli.h"

#define IFM_RUNTIME_EXEC "exec" /* known to the command line only: there is no module */

int ifm_runtime_list(struct ifm_cli *cli, struct ifm_err *err);
/* typed: NAME or NAME@VERSION, aliases too. Install returns the exit status of the fetch script. */
int ifm_runtime_install(struct ifm_cli *cli, const char *typed, struct ifm_err *err);
int ifm_runtime_remove(struct ifm_cli *cli, const char *typed, struct ifm_err *err);

/* The script that installs: $INFEROMETER_FETCH, else what ifm_place_fetch finds; "" for none. */
void ifm_runtime_script(char *path, size_t size);
/* Versions of a runtime that can be installed here, newest first, as the lock file of the fetch
 * script pins them; separated by ", ". "" where the lock file cannot be read or has none. */
void ifm_runtime_pinned(const char *name, char *versions, size_t size);
bool ifm_runtime_is_pinned(const char *name, const char *version);

/* What a folder takes on disk, links not followed; IFM_JSON_ABSENT where it cannot be read. */
int64_t ifm_runtime_folder_bytes(const char *folder);
/* Deletes a folder below `parent` with all that is in it and never what a link points to. */
int ifm_runtime_folder_remove(const char *parent, const char *name, struct ifm_err *err);

#endif
