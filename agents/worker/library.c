#include "agents/worker/library.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/hash.h"
#include "core/mem.h"

#define FILES_MAX 256 /* distinct ones that are counted */

/* Path of the mapping in one line of /proc/self/maps; NULL: it is of no file. */
static const char *path_in(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    return strchr(line, '/');
}

/* The mapped file with this base name: what a soname was resolved to. */
static bool find_mapped(const char *name, char path[PATH_MAX])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[PATH_MAX + 128];
    bool found = false;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        const char *file = path_in(line);
        const char *slash = file ? strrchr(file, '/') : NULL;
        found = slash && strcmp(slash + 1, name) == 0;
        if (found) {
            snprintf(path, PATH_MAX, "%s", file);
        }
    }
    if (maps) {
        fclose(maps);
    }
    return found;
}

static void folder_of(const struct ifm_registry_module *module, const char *path,
                      char folder[PATH_MAX])
{
    const char *own = module->installed.folder;
    snprintf(folder, PATH_MAX, "%s",
             own && strncmp(path, own, strlen(own)) == 0 ? own : path);
    char *slash = folder[0] == '/' && strcmp(folder, path) == 0 ? strrchr(folder, '/') : NULL;
    if (slash) {
        *slash = '\0';
    }
}

struct counted {
    struct {
        dev_t device;
        ino_t file;
    } seen[FILES_MAX];
    size_t count;
    int64_t bytes;
};

/* Each file once, however many mappings it has. */
static void count_file(const char *path, struct counted *c)
{
    struct stat info;
    if (c->count == FILES_MAX || stat(path, &info) != 0) {
        return;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->seen[i].device == info.st_dev && c->seen[i].file == info.st_ino) {
            return;
        }
    }
    c->seen[c->count].device = info.st_dev;
    c->seen[c->count++].file = info.st_ino;
    c->bytes += info.st_size;
}

int64_t ifm_library_mapped_bytes(const struct ifm_registry_module *module, const char *path)
{
    char folder[PATH_MAX], line[PATH_MAX + 128];
    struct counted counted = { .count = 0 };
    FILE *maps = path ? fopen("/proc/self/maps", "re") : NULL;
    if (!maps) {
        return IFM_JSON_ABSENT;
    }
    folder_of(module, path, folder);
    const size_t len = strlen(folder);
    while (fgets(line, sizeof line, maps)) {
        const char *file = path_in(line);
        /* A system library's folder holds everybody's: there only the file itself counts. */
        if (file && (module->installed.library
                         ? strncmp(file, folder, len) == 0 && file[len] == '/'
                         : strcmp(file, path) == 0)) {
            count_file(file, &counted);
        }
    }
    fclose(maps);
    return counted.count ? counted.bytes : IFM_JSON_ABSENT;
}

void ifm_library_describe(const struct ifm_registry_module *module,
                          const struct ifm_runtime_info *info, bool hash,
                          struct ifm_msg_library *out)
{
    const char *given = module->host.library_path;
    char path[PATH_MAX] = "", hex[IFM_SHA256_HEX];
    int64_t bytes = 0;
    out->bytes = IFM_JSON_ABSENT;
    if (!info->library[0]) {
        out->source = ifm_dup("built_in");
        return;
    }
    char *real = given && strchr(given, '/') ? realpath(given, NULL) : NULL;
    if (real) {
        snprintf(path, sizeof path, "%s", real);
        free(real);
    } else if (!find_mapped(info->library, path)) {
        path[0] = '\0';
    }
    const bool installed = module->installed.library && given &&
                           strcmp(module->installed.library, given) == 0;
    out->source = ifm_dup(installed ? module->installed.source : given ? "given" : "system");
    out->name = ifm_dup(info->library);
    out->version = info->version[0] ? ifm_dup(info->version) : NULL;
    if (!path[0]) {
        return;
    }
    out->path = ifm_dup(path);
    out->bytes = ifm_library_mapped_bytes(module, path);
    if (hash && ifm_hash_file(path, hex, &bytes, NULL) == 0) {
        out->sha256 = ifm_dup(hex);
    }
}

void ifm_library_done(struct ifm_msg_library *library)
{
    ifm_free(library->name);
    ifm_free(library->version);
    ifm_free(library->sha256);
    ifm_free(library->source);
    ifm_free(library->path);
    *library = (struct ifm_msg_library){ .bytes = IFM_JSON_ABSENT };
}
