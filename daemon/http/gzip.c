#include "daemon/http/gzip.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "core/mem.h"

#define GZIP_WINDOW (15 + 16) /* zlib's way to say: 32 KiB window, gzip header */
#define GZIP_CHUNK 65536
#define GZIP_KEPT 4 /* encoder states kept, 268 KB each */

static voidpf z_alloc(voidpf opaque, uInt items, uInt size)
{
    (void)opaque;
    return ifm_alloc_array(items, size);
}

static void z_free(voidpf opaque, voidpf address)
{
    (void)opaque;
    ifm_free(address);
}

static int decode_step(z_stream *z, struct ifm_buf *out, struct ifm_err *err)
{
    size_t left = out->max - out->len;
    size_t chunk = left < GZIP_CHUNK ? left + 1 : GZIP_CHUNK; /* one byte more shows that it is too large */
    unsigned char overflow[GZIP_CHUNK];
    char *room = left < GZIP_CHUNK ? (char *)overflow : ifm_buf_room(out, chunk);
    if (!room) {
        return ifm_buf_check(out, err);
    }
    z->next_out = (unsigned char *)room;
    z->avail_out = (uInt)chunk;
    int state = inflate(z, Z_NO_FLUSH);
    size_t made = chunk - z->avail_out;
    if (made > left) {
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "http", "the body is over %zu bytes once decoded", out->max);
    }
    if (room == (char *)overflow) {
        ifm_buf_add(out, overflow, made);
    } else {
        out->len += made;
        out->data[out->len] = '\0';
    }
    if (state == Z_STREAM_END) {
        return z->avail_in == 0 ? 1 : ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http",
                                                  "there are bytes after the end of the gzip body");
    }
    if (state != Z_OK || (made == 0 && z->avail_in == 0)) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "http", "the gzip body is damaged or cut off");
    }
    return 0;
}

int ifm_gzip_decode(const void *bytes, size_t len, struct ifm_buf *out, struct ifm_err *err)
{
    z_stream z = { .zalloc = z_alloc, .zfree = z_free };
    if (len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory for decoding gzip");
    }
    union { const void *in; unsigned char *out; } cast = { .in = bytes }; /* zlib's next_in is not const */
    z.next_in = cast.out;
    z.avail_in = (uInt)len;
    int rc = 0;
    while (rc == 0) {
        rc = decode_step(&z, out, err);
    }
    inflateEnd(&z);
    if (rc > 0) {
        return ifm_buf_check(out, err);
    }
    return rc;
}

struct ifm_gzip_pool {
    pthread_mutex_t lock;
    int level;
    size_t kept;
    z_stream *streams[GZIP_KEPT];
};

int ifm_gzip_pool_new(struct ifm_gzip_pool **pool, int level, struct ifm_err *err)
{
    *pool = ifm_alloc(sizeof **pool);
    if (!*pool) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory");
    }
    pthread_mutex_init(&(*pool)->lock, NULL);
    (*pool)->level = level;
    return 0;
}

static void stream_free(z_stream *z)
{
    deflateEnd(z);
    ifm_free(z);
}

void ifm_gzip_pool_free(struct ifm_gzip_pool *pool)
{
    if (!pool) {
        return;
    }
    for (size_t i = 0; i < pool->kept; i++) {
        stream_free(pool->streams[i]);
    }
    pthread_mutex_destroy(&pool->lock);
    ifm_free(pool);
}

static z_stream *stream_take(struct ifm_gzip_pool *pool)
{
    z_stream *z = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->kept) {
        z = pool->streams[--pool->kept];
    }
    pthread_mutex_unlock(&pool->lock);
    if (z) {
        return z;
    }
    z = ifm_alloc(sizeof *z);
    if (!z) {
        return NULL;
    }
    z->zalloc = z_alloc;
    z->zfree = z_free;
    if (deflateInit2(z, pool->level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        ifm_free(z);
        return NULL;
    }
    return z;
}

static void stream_give(struct ifm_gzip_pool *pool, z_stream *z)
{
    bool keep = deflateReset(z) == Z_OK;
    pthread_mutex_lock(&pool->lock);
    keep = keep && pool->kept < GZIP_KEPT;
    if (keep) {
        pool->streams[pool->kept++] = z;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        stream_free(z);
    }
}

int ifm_gzip_encode(struct ifm_gzip_pool *pool, const void *bytes, size_t len, struct ifm_buf *out,
                    struct ifm_err *err)
{
    char *room = len <= UINT32_MAX ? ifm_buf_room(out, len) : NULL;
    z_stream *z = room ? stream_take(pool) : NULL;
    if (!z) {
        return ifm_err_set(err, IFM_ERR_NOMEM, "http", "out of memory for gzip");
    }
    union { const void *in; unsigned char *out; } cast = { .in = bytes };
    z->next_in = cast.out;
    z->avail_in = (uInt)len;
    z->next_out = (unsigned char *)room;
    z->avail_out = (uInt)len;
    int state = deflate(z, Z_FINISH);
    size_t made = len - z->avail_out;
    stream_give(pool, z);
    if (state != Z_STREAM_END) {
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "http", "gzip does not make it shorter");
    }
    out->len += made;
    out->data[out->len] = '\0';
    return 0;
}
