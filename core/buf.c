#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

void ifm_buf_init(struct ifm_buf *buf, size_t max)
{
    *buf = (struct ifm_buf){ .max = max < PTRDIFF_MAX
                                        ? max
                                        : PTRDIFF_MAX - 1 }; /* so that sums cannot wrap */
}

void ifm_buf_done(struct ifm_buf *buf)
{
    if (!buf)
        return;
    ifm_free(buf->data);
    buf->data = NULL;
    buf->len = buf->cap = 0;
}

void ifm_buf_reset(struct ifm_buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

char *ifm_buf_room(struct ifm_buf *buf, size_t len)
{
    if (buf->failed)
        return NULL;
    if (len > buf->max || buf->len > buf->max - len) {
        buf->failed = IFM_ERR_TOO_LARGE;
        return NULL;
    }
    size_t need = buf->len + len + 1;
    if (need > buf->cap) {
        /* Doubling keeps appends linear; never beyond the stated maximum and its NUL. */
        size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
        if (cap > buf->max)
            cap = buf->max + 1;
        if (cap < need)
            cap = need;
        char *data = ifm_resize(buf->data, cap);
        if (!data) {
            buf->failed = IFM_ERR_NOMEM;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    buf->data[buf->len] = '\0';
    buf->data[buf->len + len] = '\0';
    return buf->data + buf->len;
}

void ifm_buf_add(struct ifm_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    char *room = ifm_buf_room(buf, len);
    if (!room)
        return;
    memcpy(room, bytes, len);
    buf->len += len;
}

void ifm_buf_adds(struct ifm_buf *buf, const char *text)
{
    ifm_buf_add(buf, text, strlen(text));
}

void ifm_buf_addc(struct ifm_buf *buf, char c)
{
    char *room = ifm_buf_room(buf, 1);
    if (room) {
        *room = c;
        buf->len++;
    }
}

void ifm_buf_addf(struct ifm_buf *buf, const char *format, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    if (n < 0) {
        if (!buf->failed)
            buf->failed = IFM_ERR_INTERNAL;
    } else if ((size_t)n < sizeof small) {
        ifm_buf_add(buf, small, (size_t)n);
    } else {
        char *room = ifm_buf_room(buf, (size_t)n);
        if (room) {
            vsnprintf(room, (size_t)n + 1, format, again);
            buf->len += (size_t)n;
        }
    }
    va_end(again);
    va_end(args);
}

char *ifm_buf_take(struct ifm_buf *buf)
{
    if (buf->failed)
        return NULL;
    char *data = buf->data;
    buf->data = NULL;
    buf->len = buf->cap = 0;
    return data;
}

int ifm_buf_check(const struct ifm_buf *buf, struct ifm_err *err)
{
    if (!buf->failed)
        return 0;
    if (buf->failed == IFM_ERR_NOMEM)
        return ifm_err_set(err, buf->failed, "buf", "out of memory");
    if (buf->failed == IFM_ERR_TOO_LARGE)
        return ifm_err_set(err, buf->failed, "buf", "text grew over its limit of %zu bytes",
                           buf->max);
    return ifm_err_set(err, buf->failed, "buf", "text could not be formatted");
}

/* Reads until end of file; the size that stat tells is only a hint (0 under /proc). */
static int read_all(struct ifm_buf *buf, int fd, size_t hint, const char *path, struct ifm_err *err)
{
    for (;;) {
        size_t left = buf->max - buf->len, want = hint > buf->len ? hint - buf->len : 64 * 1024;
        char probe; /* at the maximum, one more byte tells a full buffer from a file that is too
                       large */
        char *room = left == 0 ? &probe : ifm_buf_room(buf, want < left ? want : left);
        if (!room)
            return ifm_buf_check(buf, err);
        ssize_t n = read(fd, room, left == 0 ? 1 : want < left ? want : left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ifm_err_errno(err, errno, "file", path);
        if (n == 0)
            break;
        if (left == 0) {
            buf->failed = IFM_ERR_TOO_LARGE;
            return ifm_err_set(err, IFM_ERR_TOO_LARGE, "file",
                               "%s: larger than the limit of %zu bytes", path, buf->max);
        }
        buf->len += (size_t)n;
    }
    if (buf->data)
        buf->data[buf->len] = '\0';
    return 0;
}

int ifm_buf_read_file(struct ifm_buf *buf, const char *path, struct ifm_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ifm_err_errno(err, errno, "file", path);
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0) {
        rc = ifm_err_errno(err, errno, "file", path);
    } else if (S_ISDIR(st.st_mode)) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "file", "%s: is a folder, a file was wanted", path);
    } else {
        rc = read_all(buf, fd, st.st_size > 0 ? (size_t)st.st_size + 1 : 0, path, err);
    }
    close(fd);
    return rc;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        !slash ? ifm_dup(".") : ifm_dup_bytes(path, slash == path ? 1 : (size_t)(slash - path));
    if (!folder) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ifm_free(folder);
    if (fd < 0)
        return -1;
    int rc = fsync(fd), saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

/* Opens a new file beside path, so that the rename stays inside one file system. */
static int open_beside(struct ifm_buf *name, const char *path, struct ifm_err *err)
{
    static atomic_uint counter;
    for (int attempt = 0; attempt < 100; attempt++) {
        ifm_buf_reset(name);
        ifm_buf_addf(name, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&counter, 1));
        if (ifm_buf_check(name, err))
            return -1;
        int fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            break; /* EEXIST: left by a process that died and had our number */
    }
    ifm_err_errno(err, errno, "file", path);
    return -1;
}

int ifm_buf_write_file(const char *path, const void *bytes, size_t len, struct ifm_err *err)
{
    struct ifm_err own = IFM_ERR_INIT; /* the code is needed even when the caller wants no text */
    struct ifm_buf name;
    ifm_buf_init(&name, 64 * 1024);
    int fd = open_beside(&name, path, &own);
    if (fd < 0)
        goto out;
    if (write_all(fd, bytes, len) < 0)
        ifm_err_errno(&own, errno, "file", path);
    if (close(fd) < 0 && own.code == 0)
        ifm_err_errno(&own, errno, "file", path);
    if (own.code == 0 && rename(name.data, path) < 0)
        ifm_err_errno(&own, errno, "file", path);
    if (own.code)
        unlink(name.data);
    else if (sync_folder(path) < 0)
        ifm_err_errno(&own, errno, "file", path);
out:
    ifm_buf_done(&name);
    if (err && own.code)
        *err = own;
    return own.code;
}
