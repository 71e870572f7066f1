/* The only user of libarchive. */
#include "agents/model/npz.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

#define PATH_BYTES_MAX 512

static bool is_dots(const char *part, size_t len)
{
    return len <= 2 && strncmp(part, "..", len) == 0; /* "", "." and ".." */
}

int ifm_path_check(const char *path, const char *where, struct ifm_err *err)
{
    const char *flaw = NULL;
    if (!path || !*path || strlen(path) > PATH_BYTES_MAX || path[0] == '/')
        return ifm_err_set(err, IFM_ERR_INVALID, where,
                           "path \"%.80s\" must be relative and not empty", path ? path : "");
    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");
        if (is_dots(part, len))
            flaw = "must not hold empty, \".\" or \"..\" parts";
        part += len;
        if (!*part)
            break;
    }
    for (const char *p = path; *p; p++)
        if (*p == '\\' || (unsigned char)*p < 0x20 || *p == 0x7f)
            flaw = "holds a forbidden character";
    return flaw ? ifm_err_set(err, IFM_ERR_INVALID, where, "path \"%.80s\" %s", path, flaw) : 0;
}

static int archive_failed(struct archive *archive, const char *path, struct ifm_err *err)
{
    const char *base = strrchr(path, '/');
    return ifm_err_set(
        err, IFM_ERR_INVALID, "archive", "%s cannot be unpacked: %s", base ? base + 1 : path,
        archive_error_string(archive) ? archive_error_string(archive) : "unknown format");
}

/* Copies the current entry to a new file; *left is what the whole archive may still bring. */
static int write_entry(struct archive *archive, const char *archive_path, const char *file,
                       int64_t *left, struct ifm_err *err)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ifm_err_errno(err, errno, "archive", "cannot write an unpacked file");
    char buffer[32768];
    int rc = 0;
    for (;;) {
        la_ssize_t n = archive_read_data(archive, buffer, sizeof buffer);
        if (n == 0)
            break;
        if (n < 0) {
            rc = archive_failed(archive, archive_path, err);
            break;
        }
        *left -= n;
        if (*left < 0) {
            rc = ifm_err_set(err, IFM_ERR_TOO_LARGE, "archive",
                             "unpacks to more than the limit of this kind of file");
            break;
        }
        if (write(fd, buffer, (size_t)n) != n) {
            rc = ifm_err_errno(err, errno ? errno : ENOSPC, "archive",
                               "cannot write an unpacked file");
            break;
        }
    }
    if (close(fd) && !rc)
        rc = ifm_err_errno(err, errno, "archive", "cannot write an unpacked file");
    return rc;
}

/* libarchive hands out UTF-8 names only where the thread's locale can hold them, and ours is "C".
 * NULL where the system has no such locale: then names are ASCII or refused. */
static locale_t utf8_begin(locale_t *before)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    *before = utf8 ? uselocale(utf8) : (locale_t)0;
    return utf8;
}

static void utf8_end(locale_t utf8, locale_t before)
{
    if (!utf8)
        return;
    uselocale(before);
    freelocale(utf8);
}

static struct archive *open_archive(const char *path, bool zip, struct ifm_err *err)
{
    struct stat status;
    if (access(path, R_OK) || stat(path, &status)) {
        char what[160];
        snprintf(what, sizeof what, "cannot read %.120s", path);
        ifm_err_errno(err, errno, "archive", what);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) { /* opening a FIFO would wait for whoever writes to it */
        ifm_err_set(err, IFM_ERR_INVALID, "archive", "%.120s is not a plain file", path);
        return NULL;
    }
    struct archive *archive = archive_read_new();
    if (!archive) {
        ifm_err_set(err, IFM_ERR_NOMEM, "archive", "out of memory");
        return NULL;
    }
    if (zip) {
        archive_read_support_format_zip(archive);
    } else {
        archive_read_support_filter_zstd(archive);
        archive_read_support_filter_gzip(archive);
        archive_read_support_format_tar(archive);
    }
    if (archive_read_open_filename(archive, path, 65536) != ARCHIVE_OK) {
        archive_failed(archive, path, err);
        archive_read_free(archive);
        return NULL;
    }
    return archive;
}

/* The array's name: the entry without ".npy", checked. */
static int array_name(const char *entry, struct ifm_npz *out, char **name, struct ifm_err *err)
{
    size_t len = entry ? strlen(entry) : 0;
    if (len < 5 || strcmp(entry + len - 4, ".npy") != 0 || len > 260)
        return ifm_err_set(err, IFM_ERR_INVALID, "npz", "entry \"%.80s\" is not a .npy array",
                           entry ? entry : "");
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)entry[i] < 0x20)
            return ifm_err_set(err, IFM_ERR_INVALID, "npz",
                               "an array's name holds a control character");
    if (out->count >= IFM_NPZ_ARRAYS_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "npz", "holds more than %d arrays",
                           IFM_NPZ_ARRAYS_MAX);
    *name = ifm_dup_bytes(entry, len - 4);
    if (!*name)
        return ifm_err_set(err, IFM_ERR_NOMEM, "npz", "out of memory");
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->arrays[i].name, *name) == 0)
            return ifm_err_set(err, IFM_ERR_INVALID, "npz", "array \"%.80s\" stands twice", *name);
    return 0;
}

static int add_array(struct archive *archive, struct archive_entry *entry, const char *path,
                     const char *folder, const char *prefix, struct ifm_npz *out, int64_t *left,
                     struct ifm_err *err)
{
    char file[512];
    char *name = NULL;
    int rc = 0;
    if (archive_entry_filetype(entry) != AE_IFREG)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "npz", "holds something that is not a file");
    if (!rc)
        rc = array_name(archive_entry_pathname_utf8(entry), out, &name, err);
    if (!rc) {
        snprintf(file, sizeof file, "%s/%s-%zu.npy", folder, prefix, out->count);
        rc = write_entry(archive, path, file, left, err);
    }
    if (!rc) {
        struct ifm_npz_array *array = &out->arrays[out->count];
        array->name = name;
        array->file = ifm_dup(file);
        out->count++;
        return array->file ? 0 : ifm_err_set(err, IFM_ERR_NOMEM, "npz", "out of memory");
    }
    ifm_free(name);
    return rc;
}

int ifm_npz_unpack(const char *path, const char *folder, const char *prefix, struct ifm_npz *out,
                   struct ifm_err *err)
{
    *out = (struct ifm_npz){ .arrays = ifm_alloc_array(IFM_NPZ_ARRAYS_MAX, sizeof *out->arrays) };
    if (!out->arrays)
        return ifm_err_set(err, IFM_ERR_NOMEM, "npz", "out of memory");
    locale_t before, utf8 = utf8_begin(&before);
    struct archive *archive = open_archive(path, true, err);
    int rc = archive ? 0 : (err ? err->code : IFM_ERR_INVALID);
    int64_t left = IFM_NPZ_BYTES_MAX;
    struct archive_entry *entry;
    int state = ARCHIVE_EOF;
    while (!rc && (state = archive_read_next_header(archive, &entry)) == ARCHIVE_OK)
        rc = add_array(archive, entry, path, folder, prefix, out, &left, err);
    if (!rc && state != ARCHIVE_EOF)
        rc = archive_failed(archive, path, err);
    if (!rc && !out->count)
        rc = ifm_err_set(err, IFM_ERR_INVALID, "npz", "%.100s holds no arrays", path);
    if (archive)
        archive_read_free(archive);
    utf8_end(utf8, before);
    if (rc)
        ifm_npz_done(out);
    return rc;
}

void ifm_npz_done(struct ifm_npz *npz)
{
    for (size_t i = 0; i < npz->count; i++) {
        ifm_free(npz->arrays[i].name);
        ifm_free(npz->arrays[i].file);
    }
    ifm_free(npz->arrays);
    *npz = (struct ifm_npz){ 0 };
}

/* Makes the folders above folder/path; only real folders can be there, because we made them. */
static int make_parents(const char *folder, const char *path, struct ifm_err *err)
{
    char full[1024];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(full, sizeof full, "%s/%.*s", folder, (int)(slash - path), path);
        if (mkdir(full, 0700) && errno != EEXIST)
            return ifm_err_errno(err, errno, "archive", "cannot make an unpacked folder");
    }
    return 0;
}

/* The entry's path without "./" before it and a slash behind it; one byte too long stays too long.
 */
static void entry_path(struct archive_entry *entry, char path[PATH_BYTES_MAX + 2])
{
    const char *given = archive_entry_pathname_utf8(entry);
    if (given && strncmp(given, "./", 2) == 0) /* tar writes what it was told to pack that way */
        given += 2;
    size_t len = given ? strlen(given) : 0;
    len = len > PATH_BYTES_MAX ? PATH_BYTES_MAX + 1 : len;
    if (len)
        memcpy(path, given, len);
    if (len && archive_entry_filetype(entry) == AE_IFDIR && path[len - 1] == '/')
        len--;
    path[len] = '\0';
}

static int unpack_entry(struct archive *archive, struct archive_entry *entry,
                        const char *archive_path, const char *folder, int64_t *left,
                        struct ifm_err *err)
{
    char path[PATH_BYTES_MAX + 2], full[1024];
    bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    entry_path(entry, path);
    if (is_folder && (!path[0] || strcmp(path, ".") == 0))
        return 0;
    int rc = ifm_path_check(path, "archive", err);
    if (rc || is_folder) /* folders come with their files */
        return rc;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return ifm_err_set(err, IFM_ERR_INVALID, "archive",
                           "entry \"%.80s\" is a link or a device: not allowed in a bundle", path);
    rc = make_parents(folder, path, err);
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return rc ? rc : write_entry(archive, archive_path, full, left, err);
}

int ifm_archive_unpack(const char *path, const char *folder, struct ifm_err *err)
{
    locale_t before, utf8 = utf8_begin(&before);
    struct archive *archive = open_archive(path, false, err);
    int64_t left = IFM_BUNDLE_BYTES_MAX;
    int files = 0, state = ARCHIVE_EOF;
    int rc = archive ? 0 : (err ? err->code : IFM_ERR_INVALID);
    struct archive_entry *entry;
    while (!rc && (state = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        if (++files > IFM_BUNDLE_FILES_MAX)
            rc = ifm_err_set(err, IFM_ERR_TOO_LARGE, "archive", "holds more than %d entries",
                             IFM_BUNDLE_FILES_MAX);
        else
            rc = unpack_entry(archive, entry, path, folder, &left, err);
    }
    if (!rc && state != ARCHIVE_EOF)
        rc = archive_failed(archive, path, err);
    if (archive)
        archive_read_free(archive);
    utf8_end(utf8, before);
    return rc;
}
