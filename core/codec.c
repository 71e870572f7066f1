#include "core/codec.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "core/mem.h"
#include "core/stat.h"

#define HEADER_BYTES   16
#define FORMAT_VERSION 1
#define ZSTD_LEVEL     3
/* Noise has no long matches: a small window and small tables pack as well as the defaults of level
 * 3, and a context takes 0.25 MB instead of 1.5 MB in the process that is being measured. */
#define ZSTD_WINDOW_LOG 15
#define ZSTD_TABLE_LOG  10

/* -- One zstd context per thread: making one costs more than a block of 1,000 samples ---------- */

struct contexts {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

static _Thread_local struct contexts contexts;
static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static bool contexts_have_key;

static void free_contexts(void *pointer)
{
    struct contexts *own = pointer;
    ZSTD_freeCCtx(own->compress);
    ZSTD_freeDCtx(own->decompress);
    *own = (struct contexts){ 0 };
}

static void make_key(void)
{
    contexts_have_key = pthread_key_create(&contexts_key, free_contexts) == 0;
}

/* The calling thread's contexts; NULL when the system has no key left to free them by. */
static struct contexts *own_contexts(void)
{
    pthread_once(&contexts_once, make_key);
    if (!contexts_have_key)
        return NULL;
    if (!contexts.compress && !contexts.decompress &&
        pthread_setspecific(contexts_key, &contexts) != 0)
        return NULL;
    return &contexts;
}

static ZSTD_CCtx *new_compressor(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context &&
        (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
         ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, ZSTD_WINDOW_LOG)) ||
         ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, ZSTD_TABLE_LOG)) ||
         ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, ZSTD_TABLE_LOG)))) {
        ZSTD_freeCCtx(context);
        return NULL;
    }
    return context;
}

static ZSTD_CCtx *own_compressor(void)
{
    struct contexts *own = own_contexts();
    if (own && !own->compress)
        own->compress = new_compressor();
    return own ? own->compress : NULL;
}

static ZSTD_DCtx *own_decompressor(void)
{
    struct contexts *own = own_contexts();
    if (own && !own->decompress)
        own->decompress = ZSTD_createDCtx();
    return own ? own->decompress : NULL;
}

/* -- Little-endian fields ---------------------------------------------------------------------- */

static void put_le(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)in[i] << (8 * i);
    return value;
}

/* Residual to the median as an unsigned number whose size is its distance. All arithmetic wraps, so
 * that INT64_MIN against a median of INT64_MAX comes back as it was. */
static uint64_t zigzag(int64_t value, uint64_t median)
{
    uint64_t residual = (uint64_t)value - median;
    return residual << 1 ^ (0 - (residual >> 63));
}

static int64_t unzigzag(uint64_t code, uint64_t median)
{
    return (int64_t)((code >> 1 ^ (0 - (code & 1))) + median);
}

static unsigned bytes_needed(uint64_t value)
{
    return value ? (unsigned)(64 - __builtin_clzll(value) + 7) / 8 : 1;
}

/* Byte j of every residual stands together: the high bytes are nearly all zero, the low ones nearly
 * noise. */
static unsigned shuffle(const int64_t *values, size_t count, uint64_t median, uint8_t *planes)
{
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= zigzag(values[i], median);
    unsigned width = bytes_needed(all);
    for (unsigned j = 0; j < width; j++)
        for (size_t i = 0; i < count; i++)
            planes[j * count + i] = (uint8_t)(zigzag(values[i], median) >> (8 * j));
    return width;
}

static void unshuffle(const uint8_t *planes, size_t count, unsigned width, uint64_t median,
                      int64_t *values)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t code = planes[i];
        for (unsigned j = 1; j < width; j++)
            code |= (uint64_t)planes[j * count + i] << (8 * j);
        values[i] = unzigzag(code, median);
    }
}

/* One frame, but each plane ends its own block: planes differ so much that a shared entropy table
 * would cost more than the headers of the blocks. Bytes written, 0 on failure. */
static size_t compress_planes(const uint8_t *planes, size_t count, unsigned width, uint8_t *out,
                              size_t room)
{
    ZSTD_CCtx *context = own_compressor();
    if (!context)
        return 0;
    ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
    if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, width * count)))
        return 0;
    ZSTD_outBuffer output = { out, room, 0 };
    for (unsigned j = 0; j < width; j++) {
        ZSTD_inBuffer input = { planes + j * count, count, 0 };
        ZSTD_EndDirective end = j + 1 == width ? ZSTD_e_end : ZSTD_e_flush;
        size_t left;
        do {
            left = ZSTD_compressStream2(context, &output, &input, end);
            if (ZSTD_isError(left) || (left && output.pos == output.size))
                return 0;
        } while (left);
    }
    return output.pos;
}

int ifm_codec_encode(const int64_t *values, size_t count, struct ifm_block *out,
                     struct ifm_err *err)
{
    *out = (struct ifm_block){ 0 };
    if (count == 0 || count > IFM_CODEC_SAMPLES_MAX)
        return ifm_err_set(err, IFM_ERR_INVALID, "codec", "a block holds 1 to %d samples, not %zu",
                           IFM_CODEC_SAMPLES_MAX, count);
    int rc = IFM_ERR_NOMEM;
    size_t room =
        HEADER_BYTES + ZSTD_compressBound(8 * count) + 8 * 8; /* a block header per plane */
    int64_t *scratch = ifm_alloc_array(count, sizeof *scratch);
    uint8_t *block = ifm_alloc(room), *fitting;
    if (!scratch || !block) {
        ifm_err_set(err, rc, "codec", "out of memory while packing %zu samples", count);
        goto out;
    }
    memcpy(scratch, values, count * sizeof *scratch);
    ifm_stat_sort(scratch, count);
    uint64_t median = (uint64_t)scratch[(count - 1) / 2];
    /* The scratch is done with as numbers and holds the planes from here on. */
    uint8_t *planes = (uint8_t *)scratch;
    unsigned width = shuffle(values, count, median, planes);
    block[0] = 'I';
    block[1] = 'S';
    block[2] = FORMAT_VERSION;
    block[3] = (uint8_t)width;
    put_le(block + 4, count, 4);
    put_le(block + 8, median, 8);
    size_t packed =
        compress_planes(planes, count, width, block + HEADER_BYTES, room - HEADER_BYTES);
    if (packed == 0) {
        ifm_err_set(err, rc, "codec", "zstd has no memory to pack %zu samples", count);
        goto out;
    }
    fitting = ifm_resize(block, HEADER_BYTES + packed);
    out->bytes = fitting ? fitting : block;
    out->len = HEADER_BYTES + packed;
    block = NULL;
    rc = 0;
out:
    ifm_free(scratch);
    ifm_free(block);
    return rc;
}

size_t ifm_codec_count(const uint8_t *block, size_t len)
{
    if (!block || len <= HEADER_BYTES || block[0] != 'I' || block[1] != 'S' ||
        block[2] != FORMAT_VERSION)
        return 0;
    size_t count = (size_t)get_le(block + 4, 4);
    if (block[3] < 1 || block[3] > 8 || count > IFM_CODEC_SAMPLES_MAX)
        return 0;
    return count;
}

int ifm_codec_decode(const uint8_t *block, size_t len, int64_t *values, size_t capacity,
                     size_t *count, struct ifm_err *err)
{
    *count = 0;
    size_t claimed = ifm_codec_count(block, len);
    if (claimed == 0)
        return ifm_err_set(err, IFM_ERR_INVALID, "codec",
                           "not a block of samples (magic IS, version 1, 1 to %d samples)",
                           IFM_CODEC_SAMPLES_MAX);
    if (claimed > capacity)
        return ifm_err_set(err, IFM_ERR_INVALID, "codec",
                           "block claims %zu samples, at most %zu fit here", claimed, capacity);
    unsigned width = block[3];
    size_t plane_bytes = width * claimed;
    const uint8_t *frame = block + HEADER_BYTES;
    size_t frame_bytes = len - HEADER_BYTES;
    /* Both sizes are read from the frame's headers, before anything is unpacked or allocated. */
    if (ZSTD_getFrameContentSize(frame, frame_bytes) != plane_bytes ||
        ZSTD_findFrameCompressedSize(frame, frame_bytes) != frame_bytes)
        return ifm_err_set(err, IFM_ERR_INVALID, "codec",
                           "block is damaged: its zstd frame is not one of %zu bytes", plane_bytes);
    ZSTD_DCtx *context = own_decompressor();
    uint8_t *planes = context ? ifm_alloc(plane_bytes) : NULL;
    if (!planes)
        return ifm_err_set(err, IFM_ERR_NOMEM, "codec", "out of memory while unpacking %zu samples",
                           claimed);
    size_t unpacked = ZSTD_decompressDCtx(context, planes, plane_bytes, frame, frame_bytes);
    int rc = 0;
    if (unpacked != plane_bytes) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "codec", "block is damaged: %s",
                         ZSTD_isError(unpacked) ? ZSTD_getErrorName(unpacked) : "it unpacks short");
    } else {
        unshuffle(planes, claimed, width, (uint64_t)get_le(block + 8, 8), values);
        *count = claimed;
    }
    ifm_free(planes);
    return rc;
}
