/* SHA-256 (libcrypto), base64, hexadecimal, and comparison in constant time.
 * Threading: no shared state. Ownership: all buffers are the caller's. */
#ifndef IFM_HASH_H
#define IFM_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

#define IFM_SHA256_BYTES 32
#define IFM_SHA256_HEX   65 /* 64 digits and the NUL */

int ifm_hash_sha256(const void *bytes, size_t len, uint8_t out[IFM_SHA256_BYTES]);
int ifm_hash_sha256_hex(const void *bytes, size_t len, char out[IFM_SHA256_HEX]);
/* Streams the file; *size (if not NULL) gets its length in bytes. */
int ifm_hash_file(const char *path, char out[IFM_SHA256_HEX], int64_t *size, struct ifm_err *err);
void ifm_hash_hex(const uint8_t *bytes, size_t len, char *out); /* 2 * len digits and a NUL */
bool ifm_hash_equal(const void *a, const void *b, size_t len);  /* constant time */

size_t ifm_base64_length(size_t bytes); /* characters, without the NUL */
void ifm_base64_encode(const uint8_t *bytes, size_t len, char *out); /* NUL-terminated */
/* Strict: padding required, no white space. out holds len / 4 * 3 bytes. 0 or -1. */
int ifm_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

#endif
