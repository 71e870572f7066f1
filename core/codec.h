/* Lossless, compact blocks of samples in time order: residual to the block's median, zigzag, byte
 * shuffle, zstd -3. Bound on real latencies: max(1.0, log2(IQR_ns) / 8 + 0.7) bytes a sample.
 *
 * Block: magic 'I' 'S', version 1, width (bytes per residual, 1..8), count (u32 LE), median (i64
 * LE), then one zstd frame of width * count shuffled bytes. Hostile blocks: every length is checked
 * before memory is taken.
 *
 * Threading: safe; each thread keeps its zstd contexts until it ends. */
#ifndef IFM_CODEC_H
#define IFM_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "core/json.h" /* struct ifm_block */

#define IFM_CODEC_SAMPLES_MAX 65536 /* per block */

/* Encodes 1..IFM_CODEC_SAMPLES_MAX values; out->bytes is the caller's, to be given to ifm_free. */
int ifm_codec_encode(const int64_t *values, size_t count, struct ifm_block *out,
                     struct ifm_err *err);
/* Number of samples a block claims, after checking its header; 0 when it is not a block. */
size_t ifm_codec_count(const uint8_t *block, size_t len);
/* Decodes into values[capacity]; *count gets the number. IFM_ERR_INVALID for anything malformed. */
int ifm_codec_decode(const uint8_t *block, size_t len, int64_t *values, size_t capacity,
                     size_t *count, struct ifm_err *err);

#endif
