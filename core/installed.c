#include "core/installed.h"
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/mem.h"

#define RUNTIME_JSON_MAX 65536

/* -- What there is --------------------------------------------------------------------------------
 */
const struct ifm_runtime_row ifm_runtime_rows[] = {
    { "onnxruntime", "ort", IFM_RUNTIME_VENDOR, "onnx,ort", "ONNX Runtime" },
    { "litert", "tflite", IFM_RUNTIME_VENDOR, "tflite", "TensorFlow Lite" },
    { "openvino", "ov", IFM_RUNTIME_VENDOR, "onnx,tflite,openvino,xml", "OpenVINO" },
    { "executorch", "et", IFM_RUNTIME_COMPILED, "pte,executorch", "ExecuTorch" },
    { "libtorch", "torch", IFM_RUNTIME_COMPILED, "torchscript,pt,jit,pt2", "libtorch" },
    { "null", NULL, IFM_RUNTIME_BUILT_IN, "", "does nothing: the cost of measuring" },
    { "sim", NULL, IFM_RUNTIME_BUILT_IN, "", "a simulated model" },
    { "tensorrt", "trt", IFM_RUNTIME_PLANNED, "engine,plan,onnx", "TensorRT" },
    { "coreml", NULL, IFM_RUNTIME_PLANNED, "mlmodel,mlpackage", "Core ML" },
    { NULL, NULL, IFM_RUNTIME_PLANNED, NULL, NULL },
};

const struct ifm_runtime_row *ifm_runtime_find(const char *name)
{
    for (const struct ifm_runtime_row *r = ifm_runtime_rows; r->name; r++)
        if (strcmp(name, r->name) == 0 || (r->alias && strcmp(name, r->alias) == 0))
            return r;
    return NULL;
}

bool ifm_runtime_reads(const char *name, const char *format)
{
    const struct ifm_runtime_row *row = ifm_runtime_find(name);
    const size_t len = strlen(format);
    for (const char *at = row ? row->formats : NULL; at && *at;) {
        const size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, format, n) == 0)
            return true;
        at += n + (at[n] == ',');
    }
    return !row;
}

/* -- runtime.json ---------------------------------------------------------------------------------
 */
struct description {
    char *name, *version, *library, *module;
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
    { .name = "module",
      .kind = IFM_FIELD_STRING,
      .offset = offsetof(struct description, module),
      .help = "module that was compiled for it" },
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
    out->folder = ifm_dup(folder);
    out->source = "installed";
    if (code == 0 && d->module)
        code = join(folder, d->module, &out->module, err);
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

/* -- Folders --------------------------------------------------------------------------------------
 */
#define ROOTS 2
/* Writes the roots into texts; returns how many there are. */
static size_t roots(char texts[ROOTS][PATH_MAX])
{
    const char *chosen = getenv("INFEROMETER_RUNTIME_DIR");
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const bool set = data && *data;
    size_t count = 0;
    if (chosen && *chosen) {
        snprintf(texts[0], PATH_MAX, "%s", chosen);
        return 1;
    }
    if (set || home)
        snprintf(texts[count++], PATH_MAX, "%s%s/inferometer/runtimes", set ? data : home,
                 set ? "" : "/.local/share");
    snprintf(texts[count++], PATH_MAX, "/usr/lib/inferometer/runtimes");
    return count;
}

static int find_in(const char *root, const char *name, const char *version,
                   struct ifm_installed *out, struct ifm_err *err)
{
    char found[NAME_MAX + 1], folder[PATH_MAX], path[PATH_MAX];
    struct stat info;
    if (version)
        snprintf(found, sizeof found, "%s", version);
    else if (!newest(root, name, found, sizeof found))
        return 0;
    if (strchr(found, '/') || found[0] == '.' ||
        (size_t)snprintf(folder, sizeof folder, "%s/%s/%s", root, name, found) >= sizeof folder ||
        (size_t)snprintf(path, sizeof path, "%s/runtime.json", folder) >= sizeof path ||
        stat(path, &info) != 0)
        return 0;
    return read_description(folder, out, err);
}

static int find(const char *name, const char *version, struct ifm_installed *out,
                struct ifm_err *err)
{
    char texts[ROOTS][PATH_MAX];
    const size_t count = roots(texts);
    int code = 0;
    *out = (struct ifm_installed){ .library = NULL };
    for (size_t i = 0; code == 0 && !out->library && i < count; i++)
        code = find_in(texts[i], name, version, out, err);
    if (code != 0)
        ifm_installed_done(out);
    return code;
}

/* Packages of the active virtual environment whose library one of our modules can load as it is. */
static void find_in_environment(const char *name, struct ifm_installed *out)
{
    static const char *const patterns[][2] = {
        { "onnxruntime", "onnxruntime/capi/libonnxruntime.so*" },
        { "openvino", "openvino/libs/libopenvino_c.so*" },
    };
    const char *environment = getenv("VIRTUAL_ENV");
    char pattern[PATH_MAX];
    glob_t found = { .gl_pathc = 0 };
    for (size_t i = 0; environment && *environment && i < sizeof patterns / sizeof *patterns; i++) {
        if (strcmp(name, patterns[i][0]) != 0 ||
            (size_t)snprintf(pattern, sizeof pattern, "%s/lib/python3*/site-packages/%s",
                             environment, patterns[i][1]) >= sizeof pattern)
            continue;
        if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0) {
            out->library = ifm_dup(found.gl_pathv[found.gl_pathc - 1]);
            out->source = out->library ? "environment" : NULL;
        }
        globfree(&found);
    }
}

int ifm_installed_find(const char *name, struct ifm_installed *out, struct ifm_err *err)
{
    const int code = find(name, NULL, out, err);
    if (code == 0 && !out->library)
        find_in_environment(name, out);
    return code;
}

int ifm_installed_version(const char *name, const char *version, struct ifm_installed *out,
                          struct ifm_err *err)
{
    return find(name, version, out, err);
}

int ifm_installed_of(const char *name, const char *library, struct ifm_installed *out,
                     struct ifm_err *err)
{
    char folder[PATH_MAX], path[PATH_MAX];
    struct stat info;
    *out = (struct ifm_installed){ .library = NULL };
    if ((size_t)snprintf(folder, sizeof folder, "%s", library) >= sizeof folder)
        return 0;
    for (int up = 0; up < 4; up++) { /* a library lies at most three folders deep */
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder)
            return 0;
        *slash = '\0';
        if ((size_t)snprintf(path, sizeof path, "%s/runtime.json", folder) >= sizeof path ||
            stat(path, &info) != 0)
            continue;
        int code = read_description(folder, out, err);
        const char *parent = strstr(folder, name);
        if (code != 0 || !parent || !out->library || strcmp(out->library, library) != 0)
            ifm_installed_done(out);
        return code;
    }
    return 0;
}

static int by_version(const void *a, const void *b)
{
    const struct ifm_installed_place *x = a, *y = b;
    return ifm_installed_compare(y->version, x->version);
}

static bool has_file(const char *folder, const char *file)
{
    char path[PATH_MAX];
    struct stat info;
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, file) < sizeof path &&
           stat(path, &info) == 0;
}

size_t ifm_installed_list(const char *name, struct ifm_installed_place *out, size_t most)
{
    char texts[ROOTS][PATH_MAX], path[PATH_MAX];
    const size_t n = roots(texts);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        DIR *dir = (size_t)snprintf(path, sizeof path, "%s/%s", texts[i], name) < sizeof path
                       ? opendir(path)
                       : NULL;
        for (struct dirent *e = dir ? readdir(dir) : NULL; e && count < most; e = readdir(dir)) {
            struct ifm_installed_place *p = &out[count];
            const int len = snprintf(p->folder, sizeof p->folder, "%s/%s", path, e->d_name);
            if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof p->version || len < 0 ||
                (size_t)len >= sizeof p->folder)
                continue;
            snprintf(p->version, sizeof p->version, "%.63s", e->d_name);
            p->whole = has_file(p->folder, "runtime.json");
            count += p->whole || has_file(p->folder, ".unpacked") ||
                     has_file(p->folder, ".unpacked-torch");
        }
        if (dir)
            closedir(dir);
    }
    qsort(out, count, sizeof *out, by_version);
    return count;
}

void ifm_installed_done(struct ifm_installed *installed)
{
    for (char **p = installed->preloads; p && *p; p++) {
        ifm_free(*p);
    }
    ifm_free(installed->preloads);
    ifm_free(installed->library);
    ifm_free(installed->module);
    ifm_free(installed->folder);
    ifm_free(installed->version);
    *installed = (struct ifm_installed){ .library = NULL };
}
