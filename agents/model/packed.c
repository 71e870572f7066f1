#include "agents/model/packed.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static la_ssize_t count(struct archive *archive, void *total, const void *bytes, size_t len)
{
    (void)archive;
    (void)bytes;
    *(int64_t *)total += (int64_t)len;
    return (la_ssize_t)len;
}

/* One raw entry through the gzip filter, into a counter. */
static int pack(int fd, int64_t *left, int64_t *packed)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    char buffer[32768];
    ssize_t n = 1;
    bool fine = archive && entry && archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
                archive_write_set_format_raw(archive) == ARCHIVE_OK &&
                archive_write_open(archive, packed, NULL, count, NULL) == ARCHIVE_OK;
    if (fine) {
        archive_entry_set_pathname(entry, "m");
        archive_entry_set_filetype(entry, AE_IFREG);
        fine = archive_write_header(archive, entry) == ARCHIVE_OK;
    }
    while (fine && *left > 0 && (n = read(fd, buffer, sizeof buffer)) > 0) {
        fine = archive_write_data(archive, buffer, (size_t)n) == n;
        *left -= n;
    }
    fine = fine && n >= 0 && archive_write_close(archive) == ARCHIVE_OK;
    archive_entry_free(entry);
    if (archive)
        archive_write_free(archive);
    return fine ? 0 : -1;
}

int ifm_packed_bytes(const char *path, int64_t *packed, bool *whole, struct ifm_err *err)
{
    struct stat status;
    int64_t left = IFM_PACKED_BYTES_MAX;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *packed = 0;
    if (fd < 0)
        return ifm_err_errno(err, errno, "packed", path);
    int rc = fstat(fd, &status) || !S_ISREG(status.st_mode) || pack(fd, &left, packed)
                 ? ifm_err_set(err, IFM_ERR_IO, "packed", "%.120s cannot be compressed", path)
                 : 0;
    close(fd);
    *whole = left >= 0 && status.st_size <= IFM_PACKED_BYTES_MAX;
    if (!rc && !*whole)
        *packed = (int64_t)((double)*packed * ((double)status.st_size / (double)IFM_PACKED_BYTES_MAX));
    return rc;
}
