#include "daemon/store/cursor.h"

#include <string.h>

#define KEY_BYTES (8 + IFM_UUID_BYTES)
#define TAG_BYTES 8
#define ALL_BYTES (KEY_BYTES + TAG_BYTES) /* 32: 43 characters of base64url */
#define TEXT_LEN 43

int ifm_cursor_filter_digest(const struct ifm_store_filter *filter, uint8_t digest[IFM_SHA256_BYTES],
                             struct ifm_err *err)
{
    const char *const texts[] = {
        filter->id_prefix, filter->model, filter->runtime, filter->provider, filter->device, filter->commit,
        filter->status, filter->verification, filter->trust, filter->format, filter->variant_sha256,
        filter->device_key, filter->config_key, filter->search, filter->label_key, filter->label_value,
        filter->experiment, filter->scenario
    };
    struct ifm_buf buf;
    ifm_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = texts[i] ? texts[i] : "";
        ifm_buf_addf(&buf, "%zu:", strlen(text)); /* lengths, so that no two filters give one text */
        ifm_buf_adds(&buf, text);
    }
    ifm_buf_addf(&buf, "%lld:%lld", (long long)filter->since_ms, (long long)filter->until_ms);
    int rc = ifm_buf_check(&buf, err);
    if (!rc && ifm_hash_sha256(buf.data, buf.len, digest)) {
        rc = ifm_err_set(err, IFM_ERR_INTERNAL, "store", "SHA-256 failed");
    }
    ifm_buf_done(&buf);
    return rc;
}

static int tag_of(const uint8_t *key, const uint8_t digest[IFM_SHA256_BYTES], uint8_t tag[TAG_BYTES])
{
    static const char domain[] = "inferometer cursor 1";
    uint8_t text[sizeof domain + KEY_BYTES + IFM_SHA256_BYTES], hash[IFM_SHA256_BYTES];
    memcpy(text, domain, sizeof domain);
    memcpy(text + sizeof domain, key, KEY_BYTES);
    memcpy(text + sizeof domain + KEY_BYTES, digest, IFM_SHA256_BYTES);
    int rc = ifm_hash_sha256(text, sizeof text, hash);
    memcpy(tag, hash, TAG_BYTES);
    return rc;
}

int ifm_cursor_write(const struct ifm_cursor *cursor, const uint8_t digest[IFM_SHA256_BYTES],
                     char text[IFM_CURSOR_TEXT], struct ifm_err *err)
{
    uint8_t bytes[ALL_BYTES];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)((uint64_t)cursor->started_at_ms >> (56 - 8 * i));
    memcpy(bytes + 8, cursor->id, IFM_UUID_BYTES);
    if (tag_of(bytes, digest, bytes + KEY_BYTES)) {
        return ifm_err_set(err, IFM_ERR_INTERNAL, "store", "SHA-256 failed");
    }
    ifm_base64_encode(bytes, ALL_BYTES, text); /* 43 characters and one '=' */
    text[TEXT_LEN] = '\0';
    for (char *c = text; *c; c++) *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    return 0;
}

int ifm_cursor_read(const char *text, const uint8_t digest[IFM_SHA256_BYTES], struct ifm_cursor *cursor,
                    struct ifm_err *err)
{
    char base64[IFM_CURSOR_TEXT];
    uint8_t bytes[TEXT_LEN / 4 * 3 + 3], tag[TAG_BYTES];
    size_t len = 0;
    bool good = strlen(text) == TEXT_LEN && !strpbrk(text, "+/=");
    if (good) {
        for (int i = 0; i < TEXT_LEN; i++) base64[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
        base64[TEXT_LEN] = '=';
        good = ifm_base64_decode(base64, TEXT_LEN + 1, bytes, &len) == 0 && len == ALL_BYTES &&
               tag_of(bytes, digest, tag) == 0 && ifm_hash_equal(tag, bytes + KEY_BYTES, TAG_BYTES);
    }
    if (!good) {
        return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "cursor", "this cursor is not from this list with this "
                           "filter: start again without a cursor");
    }
    uint64_t ms = 0;
    for (int i = 0; i < 8; i++) ms = ms << 8 | bytes[i];
    cursor->started_at_ms = (int64_t)ms;
    memcpy(cursor->id, bytes + 8, IFM_UUID_BYTES);
    return 0;
}
