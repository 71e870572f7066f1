/* .npy files: see core/tensor.h. The header is a Python dict literal; it is read by a small scanner
 * that knows the three keys numpy writes, never evaluated. */
#include "core/tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define HEADER_MAX  65536
#define PREFIX_MAX  12 /* magic, version, length of version 2 */

struct npy_header {
    enum ifm_dtype dtype;
    int32_t rank;
    int64_t dims[IFM_MAX_RANK];
    size_t data_offset;
    size_t data_bytes;
};

struct scanner {
    const char *at, *end;
};

static const struct {
    const char *descr;
    enum ifm_dtype dtype;
} descrs[] = {
    { "<f4", IFM_DTYPE_F32 },  { "<f8", IFM_DTYPE_F64 },  { "<f2", IFM_DTYPE_F16 },
    { "<V2", IFM_DTYPE_BF16 }, { "|V2", IFM_DTYPE_BF16 }, { "|i1", IFM_DTYPE_I8 },
    { "<i1", IFM_DTYPE_I8 },   { "<i2", IFM_DTYPE_I16 },  { "<i4", IFM_DTYPE_I32 },
    { "<i8", IFM_DTYPE_I64 },  { "|u1", IFM_DTYPE_U8 },   { "<u1", IFM_DTYPE_U8 },
    { "<u2", IFM_DTYPE_U16 },  { "<u4", IFM_DTYPE_U32 },  { "<u8", IFM_DTYPE_U64 },
    { "|b1", IFM_DTYPE_BOOL },
};

/* -- Scanner ----------------------------------------------------------------------------------- */

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool take(struct scanner *s, char wanted)
{
    skip_space(s);
    if (s->at >= s->end || *s->at != wanted)
        return false;
    s->at++;
    return true;
}

static bool take_word(struct scanner *s, const char *word)
{
    size_t len = strlen(word);
    skip_space(s);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

/* A quoted text without escapes, as printable ASCII, NUL-terminated; false when it does not fit. */
static bool take_text(struct scanner *s, char *out, size_t size)
{
    skip_space(s);
    if (s->at >= s->end || (*s->at != '\'' && *s->at != '"'))
        return false;
    char quote = *s->at++;
    size_t len = 0;
    while (s->at < s->end && *s->at != quote) {
        if (*s->at < ' ' || *s->at > '~' || *s->at == '\\' || len + 1 >= size)
            return false;
        out[len++] = *s->at++;
    }
    out[len] = '\0';
    return take(s, quote);
}

static bool take_dimension(struct scanner *s, int64_t *out)
{
    int64_t value = 0;
    skip_space(s);
    if (s->at >= s->end || *s->at < '0' || *s->at > '9')
        return false;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *s->at - '0', &value))
            return false;
    if (s->at < s->end && *s->at == 'L') /* written by Python 2 */
        s->at++;
    *out = value;
    return true;
}

/* -- The three keys ---------------------------------------------------------------------------- */

static int bad_header(struct ifm_err *err, const char *what)
{
    return ifm_err_set(err, IFM_ERR_INVALID, "npy",
                       "not a usable .npy file: %s; write it with numpy.save", what);
}

static int read_descr(struct scanner *s, struct npy_header *h, struct ifm_err *err)
{
    char descr[32];
    skip_space(s);
    if (s->at < s->end && *s->at == '[')
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                           "holds a structured array; save each field as an array of its own");
    if (!take_text(s, descr, sizeof descr))
        return bad_header(err, "its header names no element type");
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; i++)
        if (strcmp(descr, descrs[i].descr) == 0) {
            h->dtype = descrs[i].dtype;
            return 0;
        }
    if (descr[0] == '>')
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                           "is big endian (%s); save a.astype(a.dtype.newbyteorder('<')) instead",
                           descr);
    return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                       "has element type %s; supported are floats of 16, 32 and 64 bits, "
                       "integers of 8 to 64 bits and bool",
                       descr);
}

static int read_order(struct scanner *s, struct ifm_err *err)
{
    if (take_word(s, "False"))
        return 0;
    if (!take_word(s, "True"))
        return bad_header(err, "its header does not say fortran_order True or False");
    return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                       "is stored in Fortran (column-major) order; "
                       "save numpy.ascontiguousarray(a) instead");
}

static int read_shape(struct scanner *s, struct npy_header *h, struct ifm_err *err)
{
    if (!take(s, '('))
        return bad_header(err, "its header gives no shape");
    bool comma = true;
    while (!take(s, ')')) {
        if (h->rank == IFM_MAX_RANK)
            return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                               "has more than %d dimensions; reshape it", IFM_MAX_RANK);
        if (!comma || !take_dimension(s, &h->dims[h->rank]))
            return bad_header(err, "its shape is not a list of whole numbers");
        h->rank++;
        comma = take(s, ',');
    }
    if (h->rank == 1 && !comma) /* (3) is no tuple in Python */
        return bad_header(err, "its shape is not a list of whole numbers");
    return 0;
}

enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEY_ALL = 7 };

static int key_bit(const char *key)
{
    if (strcmp(key, "descr") == 0)
        return KEY_DESCR;
    if (strcmp(key, "fortran_order") == 0)
        return KEY_ORDER;
    return strcmp(key, "shape") == 0 ? KEY_SHAPE : 0;
}

static int read_dict(struct scanner *s, struct npy_header *h, struct ifm_err *err)
{
    int seen = 0;
    bool comma = true;
    if (!take(s, '{'))
        return bad_header(err, "its header is not a dictionary");
    while (!take(s, '}')) {
        char key[32];
        if (!comma || !take_text(s, key, sizeof key) || !take(s, ':'))
            return bad_header(err, "its header is not a dictionary");
        int bit = key_bit(key);
        if (bit == 0 || (seen & bit))
            return bad_header(err, "its header has a key that is unknown or there twice");
        seen |= bit;
        int rc = bit == KEY_DESCR   ? read_descr(s, h, err)
                 : bit == KEY_ORDER ? read_order(s, err)
                                    : read_shape(s, h, err);
        if (rc)
            return rc;
        comma = take(s, ',');
    }
    skip_space(s);
    if (seen != KEY_ALL || s->at != s->end)
        return bad_header(err, "its header lacks a key, or text follows it");
    return 0;
}

/* Checks mark and version, finds where the dictionary stands. */
static int find_dict(const uint8_t *bytes, size_t len, struct scanner *dict, struct ifm_err *err)
{
    if (len < MAGIC_BYTES + 4 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return bad_header(err, "it does not begin with the mark of one");
    unsigned version = bytes[6];
    if ((version != 1 && version != 2) || bytes[7] != 0)
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "npy",
                           "is .npy version %u.%u; 1.0 and 2.0 are supported", version,
                           (unsigned)bytes[7]);
    size_t prefix = version == 1 ? 10 : 12;
    if (len < prefix)
        return bad_header(err, "it ends inside its header");
    size_t header_bytes = bytes[8] | (size_t)bytes[9] << 8;
    if (version == 2)
        header_bytes |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (header_bytes > HEADER_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "npy",
                           "has a header of %zu bytes; at most %d are read", header_bytes,
                           HEADER_MAX);
    if (header_bytes > len - prefix)
        return bad_header(err, "it ends inside its header");
    dict->at = (const char *)bytes + prefix;
    dict->end = dict->at + header_bytes;
    return 0;
}

/* Reads everything before the data from the first `len` bytes of a file of `total` bytes, and
 * checks that the data are as long as the header says. */
static int read_header(const uint8_t *bytes, size_t len, uint64_t total, struct npy_header *h,
                       struct ifm_err *err)
{
    *h = (struct npy_header){ 0 };
    struct scanner s;
    int rc = find_dict(bytes, len, &s, err);
    if (!rc)
        rc = read_dict(&s, h, err);
    if (rc)
        return rc;
    int64_t elements = ifm_tensor_elements(h->dims, h->rank);
    if (elements < 0 ||
        __builtin_mul_overflow((size_t)elements, ifm_dtype_bytes(h->dtype), &h->data_bytes))
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "npy", "has a shape too large to count");
    h->data_offset = (size_t)(s.end - (const char *)bytes);
    uint64_t held = total - h->data_offset;
    if (held < h->data_bytes)
        return ifm_err_set(err, IFM_ERR_INVALID, "npy",
                           "holds %llu of the %zu bytes of data that its header announces; "
                           "copy it again",
                           (unsigned long long)held, h->data_bytes);
    if (held > h->data_bytes)
        return ifm_err_set(err, IFM_ERR_INVALID, "npy",
                           "has %llu bytes after its data; save each array in a file of its own",
                           (unsigned long long)(held - h->data_bytes));
    return 0;
}

/* -- Reading and writing ----------------------------------------------------------------------- */

int ifm_npy_parse(const void *bytes, size_t len, const char *name, size_t max_bytes,
                  struct ifm_tensor *out, struct ifm_err *err)
{
    struct npy_header h;
    *out = (struct ifm_tensor){ 0 };
    int rc = read_header(bytes, len, len, &h, err);
    if (!rc)
        rc = ifm_tensor_new(out, name, h.dtype, h.dims, h.rank, max_bytes, err);
    if (!rc)
        memcpy(out->data, (const uint8_t *)bytes + h.data_offset, h.data_bytes);
    else
        ifm_err_prefix(err, "array \"%s\"", name ? name : "");
    return rc;
}

/* Reads up to len bytes from `offset`; the number read, less only at the end of the file, or -1
 * with errno. */
static int64_t read_at(int fd, void *out, size_t len, size_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (char *)out + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static int read_open_file(int fd, const char *name, size_t max_bytes, struct ifm_tensor *out,
                          struct ifm_err *err)
{
    struct stat info;
    struct npy_header h;
    if (fstat(fd, &info) != 0)
        return ifm_err_errno(err, errno, "npy", "cannot be read");
    if (!S_ISREG(info.st_mode))
        return ifm_err_set(err, IFM_ERR_INVALID, "npy", "is not a regular file; name a .npy file");
    uint8_t *head = ifm_alloc(PREFIX_MAX + HEADER_MAX);
    if (!head)
        return ifm_err_set(err, IFM_ERR_NOMEM, "npy", "out of memory while reading the header");
    int64_t got = read_at(fd, head, PREFIX_MAX + HEADER_MAX, 0);
    int rc = got < 0 ? ifm_err_errno(err, errno, "npy", "cannot be read") : 0;
    if (!rc && (uint64_t)got > (uint64_t)info.st_size)
        info.st_size = got; /* it grew since fstat */
    if (!rc)
        rc = read_header(head, (size_t)got, (uint64_t)info.st_size, &h, err);
    ifm_free(head);
    if (!rc)
        rc = ifm_tensor_new(out, name, h.dtype, h.dims, h.rank, max_bytes, err);
    if (rc)
        return rc;
    got = read_at(fd, out->data, h.data_bytes, h.data_offset);
    if (got < 0)
        return ifm_err_errno(err, errno, "npy", "cannot be read");
    if ((size_t)got != h.data_bytes)
        return ifm_err_set(err, IFM_ERR_IO, "npy",
                           "was cut short while it was read; copy it again");
    return 0;
}

int ifm_npy_read(const char *path, const char *name, size_t max_bytes, struct ifm_tensor *out,
                 struct ifm_err *err)
{
    *out = (struct ifm_tensor){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC |
                            O_NONBLOCK); /* a FIFO must not block before it is refused */
    if (fd < 0)
        return ifm_err_errno(err, errno, "npy", path);
    int rc = read_open_file(fd, name, max_bytes, out, err);
    close(fd);
    if (rc) {
        ifm_tensor_done(out);
        ifm_err_prefix(err, "%s", path);
    }
    return rc;
}

/* The dictionary as numpy writes it, padded so that the data begin on a multiple of 64 bytes. */
static void add_header(struct ifm_buf *buf, const struct ifm_tensor *t)
{
    const char *descr = "";
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0] && !*descr; i++)
        if (descrs[i].dtype == t->dtype)
            descr = descrs[i].descr;
    char dict[512];
    size_t used = (size_t)snprintf(dict, sizeof dict,
                                   "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int32_t i = 0; i < t->rank; i++)
        used += (size_t)snprintf(dict + used, sizeof dict - used, "%s%lld%s", i ? " " : "",
                                 (long long)t->dims[i], i + 1 < t->rank || t->rank == 1 ? "," : "");
    used += (size_t)snprintf(dict + used, sizeof dict - used, "), }");
    size_t padding = (64 - (10 + used + 1) % 64) % 64, len = used + padding + 1;
    ifm_buf_add(buf, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    ifm_buf_addc(buf, (char)(len & 255));
    ifm_buf_addc(buf, (char)(len >> 8));
    ifm_buf_add(buf, dict, used);
    for (size_t i = 0; i < padding; i++)
        ifm_buf_addc(buf, ' ');
    ifm_buf_addc(buf, '\n');
}

int ifm_npy_write(const char *path, const struct ifm_tensor *t, struct ifm_err *err)
{
    int64_t elements =
        t->rank >= 0 && t->rank <= IFM_MAX_RANK ? ifm_tensor_elements(t->dims, t->rank) : -1;
    size_t width = ifm_dtype_bytes(t->dtype);
    if (width == 0 || elements < 0 || (size_t)elements > t->bytes / width)
        return ifm_err_set(err, IFM_ERR_INVALID, "npy",
                           "%s: tensor \"%s\" has no element type, or less data "
                           "than its shape says",
                           path, t->name ? t->name : "");
    struct ifm_buf buf;
    ifm_buf_init(&buf, (size_t)elements * width + HEADER_MAX);
    add_header(&buf, t);
    if (elements > 0)
        ifm_buf_add(&buf, t->data, (size_t)elements * width);
    int rc = ifm_buf_check(&buf, err);
    if (!rc)
        rc = ifm_buf_write_file(path, buf.data, buf.len, err);
    ifm_buf_done(&buf);
    return rc;
}
