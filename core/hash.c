#include "core/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CHUNK_BYTES 65536

static const EVP_MD *sha256_method;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

/* OpenSSL 3 looks an algorithm up in its providers, under a lock, for each digest that was not
 * fetched. The fetched method lives until the process ends. */
static void fetch_sha256(void)
{
    sha256_method = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    pthread_once(&sha256_once, fetch_sha256);
    return sha256_method;
}

int ifm_hash_sha256(const void *bytes, size_t len, uint8_t out[IFM_SHA256_BYTES])
{
    const EVP_MD *method = sha256();
    unsigned written = 0;
    if (!method || EVP_Digest(len ? bytes : "", len, out, &written, method, NULL) != 1)
        return IFM_ERR_INTERNAL;
    return written == IFM_SHA256_BYTES ? 0 : IFM_ERR_INTERNAL;
}

int ifm_hash_sha256_hex(const void *bytes, size_t len, char out[IFM_SHA256_HEX])
{
    uint8_t digest[IFM_SHA256_BYTES];
    int rc = ifm_hash_sha256(bytes, len, digest);
    if (rc) {
        out[0] = '\0';
        return rc;
    }
    ifm_hash_hex(digest, sizeof digest, out);
    return 0;
}

/* Feeds the file to the digest; the number of bytes, or -1 with errno set (0: the digest itself
 * failed). */
static int64_t digest_descriptor(int fd, EVP_MD_CTX *context)
{
    unsigned char chunk[FILE_CHUNK_BYTES];
    int64_t total = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got == 0)
            return total;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (EVP_DigestUpdate(context, chunk, (size_t)got) != 1) {
            errno = 0;
            return -1;
        }
        total += got;
    }
}

int ifm_hash_file(const char *path, char out[IFM_SHA256_HEX], int64_t *size, struct ifm_err *err)
{
    int rc = 0;
    uint8_t digest[IFM_SHA256_BYTES];
    EVP_MD_CTX *context = NULL;
    struct stat info;
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ifm_err_errno(err, errno, "hash", path);
    if (fstat(fd, &info) != 0) {
        rc = ifm_err_errno(err, errno, "hash", path);
        goto out;
    }
    if (S_ISDIR(info.st_mode)) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "hash", "%s is a folder; name a file", path);
        goto out;
    }
    context = EVP_MD_CTX_new();
    if (!context || !sha256() || EVP_DigestInit_ex(context, sha256(), NULL) != 1) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "hash", "SHA-256 is not available in libcrypto");
        goto out;
    }
    int64_t total = digest_descriptor(fd, context);
    if (total < 0 && errno) {
        rc = ifm_err_errno(err, errno, "hash", path);
        goto out;
    }
    if (total < 0 || EVP_DigestFinal_ex(context, digest, NULL) != 1) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "hash", "libcrypto failed to hash %s", path);
        goto out;
    }
    ifm_hash_hex(digest, sizeof digest, out);
    if (size)
        *size = total;
out:
    EVP_MD_CTX_free(context);
    close(fd);
    return rc;
}

void ifm_hash_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

bool ifm_hash_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* -- Base64 (RFC 4648, section 4) -------------------------------------------------------------- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t ifm_base64_length(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

void ifm_base64_encode(const uint8_t *bytes, size_t len, char *out)
{
    size_t i = 0;
    for (; i + 3 <= len; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        *out++ = base64_digits[word >> 18];
        *out++ = base64_digits[word >> 12 & 63];
        *out++ = base64_digits[word >> 6 & 63];
        *out++ = base64_digits[word & 63];
    }
    if (i < len) {
        bool two = i + 1 < len;
        uint32_t word = (uint32_t)bytes[i] << 16 | (two ? (uint32_t)bytes[i + 1] << 8 : 0);
        *out++ = base64_digits[word >> 18];
        *out++ = base64_digits[word >> 12 & 63];
        *out++ = two ? base64_digits[word >> 6 & 63] : '=';
        *out++ = '=';
    }
    *out = '\0';
}

/* Value of a digit, 0x80 for any other byte, so that one OR over four digits finds a wrong one. */
#define BAD 0x80
/* clang-format off */
static const uint8_t base64_values[256] = {
#define ROW16 BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD
    ROW16, ROW16,
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, 62, BAD, BAD, BAD, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, BAD, BAD, BAD, BAD, BAD, BAD,
    BAD, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, BAD, BAD, BAD, BAD, BAD,
    BAD, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, BAD, BAD, BAD, BAD, BAD,
    ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16, ROW16
#undef ROW16
};
/* clang-format on */

/* The last four characters, with up to two '='. The bits that padding leaves over must be zero, so
 * that one byte string has one text. Number of bytes, or -1. */
static int decode_tail(const unsigned char *in, uint8_t *out)
{
    int padding = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
    uint8_t a = base64_values[in[0]], b = base64_values[in[1]];
    uint8_t c = padding < 2 ? base64_values[in[2]] : 0;
    uint8_t d = padding < 1 ? base64_values[in[3]] : 0;
    if ((a | b | c | d) & BAD)
        return -1;
    if ((padding == 2 && (b & 15)) || (padding == 1 && (c & 3)))
        return -1;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (padding < 2)
        out[1] = (uint8_t)(b << 4 | c >> 2);
    if (padding < 1)
        out[2] = (uint8_t)(c << 6 | d);
    return 3 - padding;
}

int ifm_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    const unsigned char *in = (const unsigned char *)text;
    *out_len = 0;
    if (len % 4)
        return -1;
    if (len == 0)
        return 0;
    size_t done = 0;
    for (size_t i = 0; i + 4 < len; i += 4, done += 3) {
        uint8_t a = base64_values[in[i]], b = base64_values[in[i + 1]];
        uint8_t c = base64_values[in[i + 2]], d = base64_values[in[i + 3]];
        if ((a | b | c | d) & BAD)
            return -1;
        out[done] = (uint8_t)(a << 2 | b >> 4);
        out[done + 1] = (uint8_t)(b << 4 | c >> 2);
        out[done + 2] = (uint8_t)(c << 6 | d);
    }
    int tail = decode_tail(in + len - 4, out + done);
    if (tail < 0)
        return -1;
    *out_len = done + (size_t)tail;
    return 0;
}
