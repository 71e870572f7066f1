#include "agents/worker/installed.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/mem.h"

#define RUNTIME_JSON_MAX 65536

struct description {
    char *name, *version, *library;
    struct ifm_strings preloads;
};
static const struct ifm_field fields[] = {
    { .name = "name",
      .kind = IFM_FIELD_STRING,
      .offset = offsetof(struct description, name),
      .help = "runtime" },
    { .name = "version",
      .kind = IFM_FIELD_STRING,
      .offset = offsetof(struct description, version),
      .flags = IFM_FIELD_REQUIRED,
      .help = "of the vendor library" },
    { .name = "library",
      .kind = IFM_FIELD_STRING,
      .offset = offsetof(struct description, library),
      .flags = IFM_FIELD_REQUIRED,
      .help = "file, relative to this folder" },
    { .name = "preloads",
      .kind = IFM_FIELD_STRINGS,
      .offset = offsetof(struct description, preloads),
      .max = 32,
      .help = "files to load first" },
    { .name = NULL },
};
static const struct ifm_table table = { "runtime", "An installed vendor runtime.",
                                        sizeof(struct description), fields };

int ifm_installed_compare(const char *a, const char *b)
{
    while (*a || *b) {
        char *end_a = NULL, *end_b = NULL;
        const unsigned long long x = strtoull(a, &end_a, 10), y = strtoull(b, &end_b, 10);
        if (x != y) {
            return x < y ? -1 : 1;
        }
        if (end_a == a || end_b == b || *end_a != *end_b) { /* not a number, or one ends here */
            const int order = strcmp(end_a == a ? a : end_a, end_b == b ? b : end_b);
            return order < 0 ? -1 : order > 0;
        }
        a = end_a + (*end_a != '\0');
        b = end_b + (*end_b != '\0');
    }
    return 0;
}

/* Writes the newest version folder of `root`/`name` that holds a runtime.json into version. */
static bool newest(const char *root, const char *name, char *version, size_t size)
{
    char path[PATH_MAX];
    struct stat info;
    version[0] = '\0';
    if ((size_t)snprintf(path, sizeof path, "%s/%s", root, name) >= sizeof path) {
        return false;
    }
    DIR *dir = opendir(path);
    if (!dir) {
        return false;
    }
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const int n = snprintf(path, sizeof path, "%s/%s/%s/runtime.json", root, name, e->d_name);
        if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path || strlen(e->d_name) >= size ||
            stat(path, &info) != 0) {
            continue;
        }
        if (!version[0] || ifm_installed_compare(version, e->d_name) < 0) {
            snprintf(version, size, "%s", e->d_name);
        }
    }
    closedir(dir);
    return version[0] != '\0';
}

static bool stays_inside(const char *path)
{
    const size_t len = strlen(path);
    return len > 0 && path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 &&
           !strstr(path, "/../") && !(len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

static int join(const char *folder, const char *file, char **out, struct ifm_err *err)
{
    struct ifm_buf path;
    if (!stays_inside(file)) {
        return ifm_err_set(err, IFM_ERR_CONFIG, "runtime.json",
                           "%s/runtime.json names '%s', which lies "
                           "outside its folder; install the runtime again",
                           folder, file);
    }
    ifm_buf_init(&path, PATH_MAX);
    ifm_buf_addf(&path, "%s/%s", folder, file);
    const int code = ifm_buf_check(&path, err);
    *out = code == 0 ? ifm_buf_take(&path) : NULL;
    ifm_buf_done(&path);
    return code != 0 ? code
           : *out    ? 0
                     : ifm_err_set(err, IFM_ERR_NOMEM, "runtime.json", "out of memory");
}

static int fill(const char *folder, const struct description *d, struct ifm_installed *out,
                struct ifm_err *err)
{
    int code = join(folder, d->library, &out->library, err);
    out->version = ifm_dup(d->version);
    if (code == 0 && d->preloads.count > 0) {
        out->preloads = ifm_alloc_array(d->preloads.count + 1, sizeof *out->preloads);
        for (size_t i = 0; code == 0 && out->preloads && i < d->preloads.count; i++) {
            code = join(folder, d->preloads.items[i], &out->preloads[i], err);
        }
    }
    if (code == 0 && (!out->version || (d->preloads.count > 0 && !out->preloads))) {
        code = ifm_err_set(err, IFM_ERR_NOMEM, "runtime.json", "out of memory");
    }
    return code;
}

static int read_description(const char *folder, struct ifm_installed *out, struct ifm_err *err)
{
    char path[PATH_MAX];
    struct ifm_buf text;
    struct description d = { .name = NULL };
    ifm_buf_init(&text, RUNTIME_JSON_MAX);
    int code =
        (size_t)snprintf(path, sizeof path, "%s/runtime.json", folder) >= sizeof path
            ? ifm_err_set(err, IFM_ERR_CONFIG, "runtime.json", "the folder's name is too long")
            : 0;
    if (code == 0) {
        code = ifm_buf_read_file(&text, path, err);
    }
    if (code == 0) {
        code = ifm_json_decode(&table, text.data ? text.data : "", text.len, &d, err);
    }
    if (code == 0) {
        code = fill(folder, &d, out, err);
    } else if (code != IFM_ERR_NOMEM) {
        ifm_err_prefix(err, "%s", path);
        code = IFM_ERR_CONFIG;
        if (err) {
            err->code = code;
        }
    }
    ifm_json_free(&table, &d);
    ifm_buf_done(&text);
    return code;
}

static int find_in(const char *root, const char *name, struct ifm_installed *out,
                   struct ifm_err *err)
{
    char version[NAME_MAX + 1], folder[PATH_MAX];
    if (!newest(root, name, version, sizeof version) ||
        (size_t)snprintf(folder, sizeof folder, "%s/%s/%s", root, name, version) >= sizeof folder) {
        return 0;
    }
    return read_description(folder, out, err);
}

int ifm_installed_find(const char *name, struct ifm_installed *out, struct ifm_err *err)
{
    const char *chosen = getenv("INFEROMETER_RUNTIME_DIR");
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char user[PATH_MAX];
    int code = 0;
    *out = (struct ifm_installed){ .library = NULL };
    if (chosen && *chosen) {
        code = find_in(chosen, name, out, err);
    } else {
        const bool set = data && *data;
        const int n = snprintf(user, sizeof user, "%s%s/inferometer/runtimes",
                               set    ? data
                               : home ? home
                                      : "",
                               set ? "" : "/.local/share");
        if ((set || home) && n > 0 && (size_t)n < sizeof user) {
            code = find_in(user, name, out, err);
        }
        if (code == 0 && !out->library) {
            code = find_in("/usr/lib/inferometer/runtimes", name, out, err);
        }
    }
    if (code != 0) {
        ifm_installed_done(out);
    }
    return code;
}

void ifm_installed_done(struct ifm_installed *installed)
{
    for (char **p = installed->preloads; p && *p; p++) {
        ifm_free(*p);
    }
    ifm_free(installed->preloads);
    ifm_free(installed->library);
    ifm_free(installed->version);
    *installed = (struct ifm_installed){ .library = NULL };
}
