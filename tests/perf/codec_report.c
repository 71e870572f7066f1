/* Bytes per stored sample on real latencies, against the bound max(1.0, log2(IQR_ns) / 8 + 0.7).
 *   codec_report invocation-0000.json … */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/codec.h"
#include "core/mem.h"
#include "core/msg.h"
#include "core/stat.h"

struct totals { size_t samples, bytes, gap_bytes; int64_t *values; };

static int add_block(struct totals *t, const struct ifm_msg_block *b, struct ifm_err *err)
{
    size_t count = ifm_codec_count(b->block.bytes, b->block.len), got = 0;
    int64_t *grown = ifm_resize_array(t->values, t->samples + count, sizeof *grown);
    if (!grown)
        return ifm_err_set(err, IFM_ERR_NOMEM, "codec_report", "out of memory");
    t->values = grown;
    int rc = ifm_codec_decode(b->block.bytes, b->block.len, t->values + t->samples, count, &got, err);
    t->samples += got;
    t->bytes += b->block.len;
    t->gap_bytes += b->gaps.len;
    return rc;
}

static int add_file(struct totals *t, const char *path, struct ifm_err *err)
{
    struct ifm_buf text;
    struct ifm_msg_invocation invocation;
    ifm_buf_init(&text, 64u << 20);
    int rc = ifm_buf_read_file(&text, path, err);
    if (!rc)
        rc = ifm_json_decode(&ifm_invocation_table, text.data, text.len, &invocation, err);
    ifm_buf_done(&text);
    if (rc)
        return rc;
    const struct ifm_msg_block *blocks = invocation.samples.items;
    for (size_t i = 0; !rc && i < invocation.samples.count; i++)
        if (blocks[i].phase == 1)
            rc = add_block(t, &blocks[i], err);
    ifm_json_free(&ifm_invocation_table, &invocation);
    return rc;
}

int main(int argc, char **argv)
{
    struct totals t = {0};
    struct ifm_err err = IFM_ERR_INIT;
    for (int i = 1; i < argc; i++) {
        if (add_file(&t, argv[i], &err)) {
            fprintf(stderr, "codec_report: %s: %s\n", argv[i], err.text);
            return ifm_err_exit(err.code);
        }
    }
    if (!t.samples) {
        fprintf(stderr, "usage: codec_report invocation-0000.json …\n");
        return 64;
    }
    ifm_stat_sort(t.values, t.samples);
    int64_t iqr = ifm_stat_percentile(t.values, t.samples, 7500) - ifm_stat_percentile(t.values, t.samples, 2500);
    double bound = fmax(1.0, log2(fmax(1.0, (double)iqr)) / 8 + 0.7);
    printf("%zu samples, IQR %lld ns: %.3f bytes a latency (bound %.3f), gaps %.3f bytes\n", t.samples,
           (long long)iqr, (double)t.bytes / (double)t.samples, bound, (double)t.gap_bytes / (double)t.samples);
    ifm_free(t.values);
    return 0;
}
