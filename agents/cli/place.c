/* Where the worker, the modules and the fetch script lie: beside this program, unless the
 * environment says otherwise. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/cli/cli.h"
#include "core/installed.h"
#include "core/mem.h"

#define PLACE_MAX     4096
#define MODULE_PREFIX "ifm_rt_"
#define MODULE_SUFFIX ".so"

/* Folder of this program, without a slash at the end. */
static int program_folder(char folder[PLACE_MAX], struct ifm_err *err)
{
    ssize_t n = readlink("/proc/self/exe", folder, PLACE_MAX - 1);
    if (n <= 0)
        return ifm_err_errno(err, errno, "",
                             "cannot tell where this program lies (/proc/self/exe)");
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

static int beside(const char *variable, const char *relative, char *path, size_t size,
                  struct ifm_err *err)
{
    const char *given = getenv(variable);
    char folder[PLACE_MAX];
    if (given && *given) {
        snprintf(path, size, "%s", given);
        return 0;
    }
    int rc = program_folder(folder, err);
    if (!rc && (size_t)snprintf(path, size, "%s/%s", folder, relative) >= size)
        rc = ifm_err_set(err, IFM_ERR_CONFIG, "", "the path of this program is too long");
    return rc;
}

int ifm_place_worker(char *path, size_t size, struct ifm_err *err)
{
    int rc = beside("INFEROMETER_WORKER", "inferometer-worker", path, size, err);
    if (!rc && access(path, X_OK))
        rc = ifm_err_set(err, IFM_ERR_CONFIG, "",
                         "the worker program %.100s is not there; reinstall, or set "
                         "INFEROMETER_WORKER",
                         path);
    return rc;
}

int ifm_place_modules(char *path, size_t size, struct ifm_err *err)
{
    return beside("INFEROMETER_MODULE_DIR", "../lib/inferometer", path, size, err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool listed(char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

int ifm_place_runtimes(char ***names, struct ifm_err *err)
{
    enum { MOST = 64, WIDTH = 32 };
    char path[PLACE_MAX];
    int rc = ifm_place_modules(path, sizeof path, err);
    /* one block: the list, then the texts */
    char **list = rc ? NULL : ifm_alloc((MOST + 1) * sizeof *list + MOST * WIDTH);
    if (!rc && !list)
        rc = ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    char *texts = list ? (char *)(list + MOST + 1) : NULL;
    DIR *dir = rc ? NULL : opendir(path);
    struct dirent *entry;
    size_t count = 0, prefix = strlen(MODULE_PREFIX), suffix = strlen(MODULE_SUFFIX);
    while (dir && count < MOST && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len <= prefix + suffix || len - prefix - suffix >= WIDTH ||
            strncmp(entry->d_name, MODULE_PREFIX, prefix) != 0 ||
            strcmp(entry->d_name + len - suffix, MODULE_SUFFIX) != 0)
            continue;
        list[count] = texts + count * WIDTH;
        memcpy(list[count], entry->d_name + prefix, len - prefix - suffix);
        count++;
    }
    if (dir)
        closedir(dir);
    /* Modules that were compiled when their runtime was installed. */
    for (const struct ifm_runtime_row *r = ifm_runtime_rows; list && r->name && count < MOST; r++) {
        struct ifm_installed_place place;
        if (r->kind != IFM_RUNTIME_COMPILED || ifm_installed_list(r->name, &place, 1) == 0 ||
            !place.whole || listed(list, count, r->name))
            continue;
        list[count] = texts + count * WIDTH;
        snprintf(list[count++], WIDTH, "%s", r->name);
    }
    if (list)
        qsort(list, count, sizeof *list, compare_names);
    *names = list;
    return rc;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static int not_here(const char *typed, const char *const *names, struct ifm_err *err)
{
    const struct ifm_runtime_row *row = ifm_runtime_find(typed);
    if (row && row->kind == IFM_RUNTIME_PLANNED)
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "%s is planned and not there yet; see `inferometer runtime list`",
                           row->name);
    if (row && row->kind == IFM_RUNTIME_COMPILED)
        return ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                           "%s is not installed; run: inferometer runtime install %s", row->summary,
                           row->name);
    const char *near = ifm_opt_nearest(typed, names);
    if (near)
        return ifm_err_set(err, IFM_ERR_USAGE, "", "unknown runtime \"%.40s\"; did you mean %s?",
                           typed, near);
    struct ifm_buf list;
    ifm_buf_init(&list, 2048);
    for (size_t i = 0; names[i]; i++)
        ifm_buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    const char *text = list.data ? list.data : "none";
    int rc =
        row
            ? ifm_err_set(err, IFM_ERR_UNAVAILABLE, "",
                          "this build has no module for the runtime %s; it has: %s", typed, text)
            : ifm_err_set(err, IFM_ERR_USAGE, "", "unknown runtime \"%.40s\"; there are: %s", typed,
                          text);
    ifm_buf_done(&list);
    return rc;
}

int ifm_place_runtime(const char *typed, char name[32], struct ifm_err *err)
{
    char **names;
    const struct ifm_runtime_row *row = ifm_runtime_find(typed);
    if (row)
        typed = row->name;
    int rc = ifm_place_runtimes(&names, err);
    if (rc)
        return rc;
    if (is_one_of(typed, (const char *const *)names))
        snprintf(name, 32, "%.31s", typed);
    else
        rc = not_here(typed, (const char *const *)names, err);
    ifm_free(names);
    return rc;
}

void ifm_place_fetch(char *path, size_t size)
{
    char folder[PLACE_MAX];
    path[0] = '\0';
    if (program_folder(folder, NULL))
        return;
    for (;;) {
        snprintf(path, size, "%.*s/deploy/fetch", (int)(size - 16), folder);
        if (access(path, X_OK) == 0)
            return;
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    program_folder(folder, NULL);
    snprintf(path, size, "%.*s/../share/inferometer/fetch", (int)(size - 40), folder);
    if (access(path, X_OK))
        path[0] = '\0';
}
