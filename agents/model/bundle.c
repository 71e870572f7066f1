#include "agents/model/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/model/npz.h"
#include "core/mem.h"

static char *join(const char *folder, const char *path)
{
    struct ifm_buf text;
    ifm_buf_init(&text, 8192);
    ifm_buf_addf(&text, "%s/%s", folder, path);
    char *taken = ifm_buf_take(&text);
    ifm_buf_done(&text);
    return taken;
}

char *ifm_bundle_path(const struct ifm_bundle *bundle, const char *path)
{
    return join(bundle->folder, path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

int ifm_bundle_is(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        char *manifest = join(path, "manifest.json");
        bool there = manifest && access(manifest, F_OK) == 0;
        ifm_free(manifest);
        return there;
    }
    return ends_with(path, ".tar.zst") || ends_with(path, ".tar.gz") || ends_with(path, ".tar");
}

/* A plain file whose every folder on the way is a real folder, with the hash that the manifest
 * says. */
static int check_file(const struct ifm_bundle *bundle, const char *path, const char *sha256,
                      struct ifm_err *err)
{
    struct stat status;
    char *full = NULL;
    int rc = ifm_path_check(path, "bundle", err);
    for (const char *slash = rc ? NULL : strchr(path, '/'); slash && !rc;
         slash = strchr(slash + 1, '/')) {
        char part[600];
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        full = join(bundle->folder, part);
        if (full && lstat(full, &status) == 0 && S_ISLNK(status.st_mode))
            rc = ifm_err_set(err, IFM_ERR_INVALID, "bundle",
                             "\"%.80s\" is a link: not allowed in a bundle", part);
        ifm_free(full);
    }
    if (rc)
        return rc;
    full = join(bundle->folder, path);
    char hex[IFM_SHA256_HEX];
    if (!full)
        return ifm_err_set(err, IFM_ERR_NOMEM, "bundle", "out of memory");
    if (lstat(full, &status))
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "bundle",
                         "the manifest names \"%.100s\", which is not there", path);
    else if (!S_ISREG(status.st_mode))
        rc = ifm_err_set(err, IFM_ERR_INVALID, "bundle", "\"%.80s\" is not a plain file", path);
    else
        rc = ifm_hash_file(full, hex, NULL, err);
    if (!rc && strcmp(hex, sha256) != 0)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "bundle",
                         "\"%.80s\" has SHA-256 %.12s…, the manifest says %.12s…: the bundle was "
                         "changed or damaged",
                         path, hex, sha256);
    ifm_free(full);
    return rc;
}

static int check_files(const struct ifm_bundle *bundle, struct ifm_err *err)
{
    const struct ifm_bundle_variant *variants = bundle->manifest.variants.items;
    const struct ifm_bundle_file *inputs = bundle->manifest.inputs.items;
    const struct ifm_bundle_file *references = bundle->manifest.references.items;
    int rc = 0;
    for (size_t i = 0; !rc && i < bundle->manifest.variants.count; i++)
        rc = check_file(bundle, variants[i].path, variants[i].sha256, err);
    for (size_t i = 0; !rc && i < bundle->manifest.inputs.count; i++)
        rc = check_file(bundle, inputs[i].path, inputs[i].sha256, err);
    for (size_t i = 0; !rc && i < bundle->manifest.references.count; i++)
        rc = check_file(bundle, references[i].path, references[i].sha256, err);
    return rc;
}

/* An archive may hold the bundle at its top or in one folder, whatever either is called. */
static char *find_root(const char *folder)
{
    char *manifest = join(folder, "manifest.json");
    bool top = manifest && access(manifest, F_OK) == 0;
    ifm_free(manifest);
    if (top)
        return ifm_dup(folder);
    DIR *entries = opendir(folder);
    struct dirent *entry;
    char *root = NULL;
    while (entries && !root && (entry = readdir(entries)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            root = join(folder, entry->d_name);
    if (entries)
        closedir(entries);
    return root ? root : ifm_dup(folder);
}

static int unpack(const char *path, struct ifm_tempdir *temp, char **folder, struct ifm_err *err)
{
    int rc = ifm_tempdir_make(temp, err);
    char *below = rc ? NULL : join(temp->path, "bundle");
    if (!rc && (!below || mkdir(below, 0700)))
        rc = ifm_err_errno(err, errno, "bundle", "cannot make a temporary folder");
    if (!rc)
        rc = ifm_archive_unpack(path, below, err);
    if (!rc)
        *folder = find_root(below);
    ifm_free(below);
    return rc;
}

static int read_manifest(const char *path, const char *folder, struct ifm_manifest *out,
                         struct ifm_err *err)
{
    struct stat status;
    struct ifm_buf text;
    char *manifest = folder ? join(folder, "manifest.json") : NULL;
    int rc = 0;
    ifm_buf_init(&text, IFM_MANIFEST_MAX);
    if (!manifest)
        rc = ifm_err_set(err, IFM_ERR_NOMEM, "bundle", "out of memory");
    else if (stat(manifest, &status))
        rc = ifm_err_set(err, IFM_ERR_INVALID, "bundle",
                         "%.100s holds no manifest.json, so it is not a bundle", path);
    else if (!S_ISREG(status.st_mode))
        rc = ifm_err_set(err, IFM_ERR_INVALID, "bundle",
                         "manifest.json of %.100s is not a plain file", path);
    if (!rc)
        rc = ifm_buf_read_file(&text, manifest, err);
    if (!rc)
        rc = ifm_manifest_decode(text.data ? text.data : "", text.len, out, err);
    ifm_buf_done(&text);
    ifm_free(manifest);
    return rc;
}

int ifm_bundle_open(const char *path, struct ifm_tempdir *temp, struct ifm_bundle *out,
                    struct ifm_err *err)
{
    struct stat status;
    *out = (struct ifm_bundle){ 0 };
    int rc = 0;
    if (stat(path, &status))
        rc = ifm_err_set(err, IFM_ERR_NOT_FOUND, "bundle", "%.120s: no such file or folder", path);
    else if (S_ISDIR(status.st_mode))
        out->folder = ifm_dup(path);
    else
        rc = unpack(path, temp, &out->folder, err);
    if (!rc)
        rc = read_manifest(path, out->folder, &out->manifest, err);
    if (!rc)
        rc = check_files(out, err);
    if (rc)
        ifm_bundle_done(out);
    return rc;
}

void ifm_bundle_done(struct ifm_bundle *bundle)
{
    ifm_manifest_done(&bundle->manifest);
    ifm_free(bundle->folder);
    *bundle = (struct ifm_bundle){ 0 };
}
