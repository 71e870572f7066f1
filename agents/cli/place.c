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
#define NAMES_MOST    64
#define NAME_WIDTH    32

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

/* "onnxruntime" of "ifm_rt_onnxruntime.so"; false for any other file. */
static bool module_name(const char *file, char name[NAME_WIDTH])
{
    size_t len = strlen(file), prefix = strlen(MODULE_PREFIX), suffix = strlen(MODULE_SUFFIX);
    if (len <= prefix + suffix || len - prefix - suffix >= NAME_WIDTH ||
        strncmp(file, MODULE_PREFIX, prefix) != 0 ||
        strcmp(file + len - suffix, MODULE_SUFFIX) != 0)
        return false;
    memcpy(name, file + prefix, len - prefix - suffix);
    name[len - prefix - suffix] = '\0';
    return true;
}

/* Modules that were compiled when their runtime was installed. */
static size_t add_compiled(char **list, char *texts, size_t count)
{
    for (const struct ifm_runtime_row *r = ifm_runtime_rows; r->name && count < NAMES_MOST; r++) {
        struct ifm_installed_place place;
        if (r->kind != IFM_RUNTIME_COMPILED || ifm_installed_list(r->name, &place, 1) == 0 ||
            !place.whole || listed(list, count, r->name))
            continue;
        list[count] = texts + count * NAME_WIDTH;
        snprintf(list[count++], NAME_WIDTH, "%s", r->name);
    }
    return count;
}

int ifm_place_runtimes(char ***names, struct ifm_err *err)
{
    char path[PLACE_MAX];
    *names = NULL;
    int rc = ifm_place_modules(path, sizeof path, err);
    if (rc)
        return rc;
    /* one block: the list, then the texts */
    char **list = ifm_alloc((NAMES_MOST + 1) * sizeof *list + NAMES_MOST * NAME_WIDTH);
    if (!list)
        return ifm_err_set(err, IFM_ERR_NOMEM, "", "out of memory");
    char *texts = (char *)(list + NAMES_MOST + 1);
    size_t count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e && count < NAMES_MOST; e = readdir(dir)) {
        list[count] = texts + count * NAME_WIDTH;
        count += module_name(e->d_name, list[count]);
    }
    if (dir)
        closedir(dir);
    list[count] = NULL;
    count = add_compiled(list, texts, count);
    qsort(list, count, sizeof *list, compare_names);
    *names = list;
    return 0;
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
