/* inferometer runtime install, remove */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/cli/format.h"
#include "agents/cli/runtime.h"
#include "core/installed.h"

#define NAME_MAX_BYTES 32
#define PLACES         32
#define PATH_BYTES     4096
#define REMOVING       ".removing-"

struct wanted {
    char name[NAME_MAX_BYTES], version[64]; /* version "": not said */
    const struct ifm_runtime_row *row;      /* NULL: a module of somebody's own */
};

static int unknown(const char *name, struct ifm_err *err)
{
    const char *words[32] = { IFM_RUNTIME_EXEC };
    struct ifm_buf list;
    size_t count = 1;
    ifm_buf_init(&list, 1024);
    for (const struct ifm_runtime_row *r = ifm_runtime_rows; r->name && count < 31; r++) {
        words[count++] = r->name;
        if (r->kind == IFM_RUNTIME_VENDOR || r->kind == IFM_RUNTIME_COMPILED)
            ifm_buf_addf(&list, "%s%s", list.len ? ", " : "", r->name);
    }
    const char *near = ifm_opt_nearest(name, words);
    int rc =
        near ? ifm_err_set(err, IFM_ERR_USAGE, "", "unknown runtime \"%.40s\"; did you mean %s?",
                           name, near)
             : ifm_err_set(err, IFM_ERR_USAGE, "",
                           "unknown runtime \"%.40s\"; those to install are: %s", name,
                           list.data ? list.data : "none");
    ifm_buf_done(&list);
    return rc;
}

static int parse(const char *typed, struct wanted *out, struct ifm_err *err)
{
    const char *at = strchr(typed, '@');
    size_t len = at ? (size_t)(at - typed) : strlen(typed);
    if (len == 0 || len >= sizeof out->name || strchr(typed, '/') ||
        (at && (!at[1] || at[1] == '.' || strlen(at + 1) >= sizeof out->version)))
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "\"%.60s\" is no runtime; name one like onnxruntime or "
                           "onnxruntime@1.31.0",
                           typed);
    snprintf(out->name, sizeof out->name, "%.*s", (int)len, typed);
    snprintf(out->version, sizeof out->version, "%s", at ? at + 1 : "");
    out->row = ifm_runtime_find(out->name);
    if (out->row)
        snprintf(out->name, sizeof out->name, "%s", out->row->name);
    return 0;
}

/* -- Install ------------------------------------------------------------------------------------
 */

/* Its output is the user's to see; its exit status is ours. */
static int run_script(const char *script, const char *name, struct ifm_err *err)
{
    char *arguments[] = { (char *)(uintptr_t)script, (char *)(uintptr_t)name, NULL };
    pid_t pid;
    int status, rc = posix_spawn(&pid, script, NULL, NULL, arguments, environ);
    if (rc)
        return ifm_err_errno(err, rc, "", "cannot run the fetch script");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ifm_err_errno(err, errno, "", "cannot wait for the fetch script");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_own_module(const char *name)
{
    char found[NAME_MAX_BYTES];
    return ifm_place_runtime(name, found, NULL) == 0;
}

/* 0: the script can bring it. 1: nothing to do, which was said. */
static int may_install(struct ifm_cli *cli, const struct wanted *w, struct ifm_err *err)
{
    char versions[256];
    bool built_in = strcmp(w->name, IFM_RUNTIME_EXEC) == 0 ||
                    (w->row && w->row->kind == IFM_RUNTIME_BUILT_IN);
    if (built_in) {
        ifm_cli_note(cli, "%s is built in: nothing to install", w->name);
        return 1;
    }
    if (!w->row && is_own_module(w->name))
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "%s is a module of your own: only you can install what it needs",
                           w->name);
    if (!w->row)
        return unknown(w->name, err);
    if (w->row->kind == IFM_RUNTIME_PLANNED)
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "%s is planned and not there yet: nothing to install", w->name);
    ifm_runtime_pinned(w->name, versions, sizeof versions);
    if (w->version[0] && versions[0] && !ifm_runtime_is_pinned(w->name, w->version))
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "version %.40s of %s is not one that can be installed; these are: %s; "
                           "measure a library of your own with --runtime %s=FILE",
                           w->version, w->name, versions, w->name);
    return 0;
}

int ifm_runtime_install(struct ifm_cli *cli, const char *typed, struct ifm_err *err)
{
    struct wanted w;
    char script[PATH_BYTES], group[NAME_MAX_BYTES + 80];
    int rc = parse(typed, &w, err);
    if (!rc)
        rc = may_install(cli, &w, err);
    if (rc)
        return rc == 1 ? 0 : rc;
    snprintf(group, sizeof group, "%s%s%s", w.name, w.version[0] ? "@" : "", w.version);
    ifm_runtime_script(script, sizeof script);
    if (!script[0])
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "the fetch script is not beside this program; from a checkout, "
                           "run: deploy/fetch %s",
                           group);
    rc = run_script(script, group, err);
    if (rc == 0)
        ifm_cli_note(cli, "%s is installed; see `inferometer runtime list`", group);
    return rc;
}

/* -- Remove -------------------------------------------------------------------------------------
 */

/* The one folder that the install writes to; a system's own is never touched. */
static int user_root(char root[PATH_BYTES], struct ifm_err *err)
{
    const char *chosen = getenv("INFEROMETER_RUNTIME_DIR");
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    bool set = data && *data;
    int n = chosen && *chosen ? snprintf(root, PATH_BYTES, "%s", chosen)
            : set || home     ? snprintf(root, PATH_BYTES, "%s%s/inferometer/runtimes",
                                         set ? data : home, set ? "" : "/.local/share")
                              : -1;
    return n < 0 || n >= PATH_BYTES
               ? ifm_err_set(err, IFM_ERR_CONFIG, "", "there is no home folder: set HOME")
               : 0;
}

/* The folder of the runtime, checked to lie where its name says: not a link to elsewhere. */
static int own_folder(const char *name, char folder[PATH_BYTES], struct ifm_err *err)
{
    char root[PATH_BYTES];
    struct stat info;
    int rc = user_root(root, err);
    if (rc)
        return rc;
    if ((size_t)snprintf(folder, PATH_BYTES, "%s/%s", root, name) >= PATH_BYTES)
        return ifm_err_set(err, IFM_ERR_CONFIG, "", "the name of the runtimes' folder is too long");
    if (lstat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
        return ifm_err_set(err, IFM_ERR_PERMISSION, "",
                           "%.120s is a link: what it leads to is not removed", folder);
    return 0;
}

static bool lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* Which of the installed versions is meant. */
static int choose(const struct wanted *w, const char *own, struct ifm_installed_place *out,
                  struct ifm_err *err)
{
    struct ifm_installed_place places[PLACES], *mine = NULL, *theirs = NULL;
    size_t count = ifm_installed_list(w->name, places, PLACES), matches = 0, used = 0;
    char list[160] = "";
    for (size_t i = 0; i < count; i++) {
        bool in_own = lies_in(places[i].folder, own);
        if (in_own && used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", used ? ", " : "",
                                     places[i].version);
        if (w->version[0] && strcmp(w->version, places[i].version) != 0)
            continue;
        matches += in_own;
        *(in_own ? &mine : &theirs) = &places[i];
    }
    if (matches > 1)
        return ifm_err_set(err, IFM_ERR_USAGE, "",
                           "several versions of %s are installed (%s); say which, like %s@%s",
                           w->name, list, w->name, mine->version);
    if (mine) {
        *out = *mine;
        return 0;
    }
    if (theirs)
        return ifm_err_set(err, IFM_ERR_PERMISSION, "",
                           "%.120s is the system's and not yours: its package manager removes it",
                           theirs->folder);
    return used ? ifm_err_set(err, IFM_ERR_NOT_FOUND, "",
                              "version %.40s of %s is not installed; installed: %s", w->version,
                              w->name, list)
                : ifm_err_set(err, IFM_ERR_NOT_FOUND, "", "%s is not installed: nothing to remove",
                              w->name);
}

/* Also what an interrupted removal left. */
static int delete_hidden(const char *own, struct ifm_err *err)
{
    DIR *dir = opendir(own);
    int rc = 0;
    for (struct dirent *e; !rc && dir && (e = readdir(dir)) != NULL;)
        if (strncmp(e->d_name, REMOVING, strlen(REMOVING)) == 0)
            rc = ifm_runtime_folder_remove(own, e->d_name, err);
    if (dir)
        closedir(dir);
    return rc;
}

/* Under its name it is there whole or not at all, whatever interrupts the deletion. */
static int hide_and_delete(const char *own, const char *version, struct ifm_err *err)
{
    char hidden[96];
    int folder = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), failure = 0;
    snprintf(hidden, sizeof hidden, REMOVING "%ld-%.60s", (long)getpid(), version);
    if (folder < 0 || renameat(folder, version, folder, hidden))
        failure = errno;
    if (folder >= 0)
        close(folder);
    if (failure)
        return ifm_err_errno(err, failure, "", "cannot remove the folder");
    int rc = delete_hidden(own, err);
    if (!rc)
        rmdir(own); /* only where no version is left */
    return rc;
}

int ifm_runtime_remove(struct ifm_cli *cli, const char *typed, struct ifm_err *err)
{
    struct wanted w;
    struct ifm_installed_place place;
    struct stat info;
    char own[PATH_BYTES], size[IFM_FORMAT_MAX];
    int rc = parse(typed, &w, err);
    if (rc)
        return rc;
    if (strcmp(w.name, IFM_RUNTIME_EXEC) == 0 || (w.row && w.row->kind == IFM_RUNTIME_BUILT_IN))
        return ifm_err_set(err, IFM_ERR_USAGE, "", "%s is built in and cannot be removed", w.name);
    if (!w.row && !is_own_module(w.name))
        return unknown(w.name, err);
    rc = own_folder(w.name, own, err);
    if (!rc)
        rc = choose(&w, own, &place, err);
    if (rc)
        return rc;
    bool link = lstat(place.folder, &info) == 0 && S_ISLNK(info.st_mode);
    int64_t bytes = link ? 0 : ifm_runtime_folder_bytes(place.folder);
    ifm_format_bytes(bytes == IFM_JSON_ABSENT ? 0 : (double)bytes, size);
    rc = hide_and_delete(own, place.version, err);
    if (!rc)
        ifm_cli_note(cli, link ? "%s %s is removed; it was a link, and what it led to is kept"
                               : "%s %s is removed: %s are free again",
                     w.name, place.version, size);
    return rc;
}
