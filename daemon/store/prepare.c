/* The half of a write that needs no database (texts, keys, times, packed lanes): made on the caller's thread, so that
 * the writer thread only binds and steps. */
#include "daemon/store/internal.h"

#include <stdio.h>
#include <string.h>
#include "core/clock.h"
#include "core/mem.h"

#define BODY_MAX (64u * 1024 * 1024)
#define BODY_USUAL 1500 /* bytes without blocks: room that need not grow */

void ifm_put_free(struct ifm_put *put)
{
    if (!put) return;
    for (size_t i = 0; i < put->invocation_count; i++) {
        ifm_free(put->invocations[i].json);
        ifm_packed_lanes_done(&put->invocations[i].lanes);
    }
    ifm_free(put->json);
    ifm_free(put->labels);
    ifm_free(put->trust);
    ifm_free(put->ops);
    ifm_free(put);
}

static int set_json(const struct ifm_table *table, const void *body, char **json, size_t *len, struct ifm_err *err)
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, BODY_MAX);
    ifm_buf_room(&buf, BODY_USUAL);
    ifm_json_encode(table, body, &buf);
    int rc = ifm_buf_check(&buf, err);
    /* What is written may be longer than what was sent, by defaults and by the verdict: it must be readable again. */
    if (!rc && buf.len > IFM_JSON_TEXT_MAX) {
        rc = ifm_err_set(err, IFM_ERR_TOO_LARGE, "", "the message takes %zu bytes as it is stored, without its samples "
                         "and lanes; at most %d", buf.len, IFM_JSON_TEXT_MAX);
    }
    if (!rc) {
        *len = buf.len;
        *json = ifm_buf_take(&buf);
    }
    ifm_buf_done(&buf);
    return rc;
}

static int set_time(const char *text, const char *pointer, int64_t *wall_ms, struct ifm_err *err)
{
    if (!text) {
        *wall_ms = IFM_JSON_ABSENT;
        return 0;
    }
    if (ifm_clock_parse(text, wall_ms)) {
        return ifm_err_set(err, IFM_ERR_INVALID, pointer, "\"%.40s\" is not an RFC 3339 time", text);
    }
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A missing key is stored as NULL. */
static int set_key(const char *hex, const char *pointer, uint8_t out[IFM_SHA256_BYTES], struct ifm_err *err)
{
    if (!hex) return 0;
    bool good = strlen(hex) == 2 * IFM_SHA256_BYTES;
    for (int i = 0; good && i < IFM_SHA256_BYTES; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        good = high >= 0 && low >= 0;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return good ? 0 : ifm_err_set(err, IFM_ERR_INVALID, pointer, "is not a SHA-256: 64 lower-case hex digits");
}

static struct ifm_put *put_new(const char *run_id, const uint8_t *sha256, size_t invocations, struct ifm_err *err)
{
    struct ifm_put *put = ifm_alloc(sizeof *put + invocations * sizeof put->invocations[0]);
    if (!put) {
        ifm_err_set(err, IFM_ERR_NOMEM, "store", "out of memory");
        return NULL;
    }
    if (!run_id || ifm_uuid_parse(run_id, put->id)) {
        ifm_err_set(err, IFM_ERR_INVALID, "/id", "\"%.40s\" is not a UUID", run_id ? run_id : "");
        ifm_free(put);
        return NULL;
    }
    put->invocation_count = invocations;
    memcpy(put->sha256, sha256, IFM_SHA256_BYTES);
    return put;
}

static int set_invocation(struct ifm_put *put, size_t index, const struct ifm_msg_invocation *body,
                          const struct ifm_invocation_stats *stats, struct ifm_err *err)
{
    if (body->n < 0 || body->n >= IFM_INVOCATIONS_MAX) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/n", "%lld is not an invocation: 0..%d", (long long)body->n,
                           IFM_INVOCATIONS_MAX - 1);
    }
    if (body->samples.count > IFM_DB_BLOCKS) {
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "/samples", "%zu blocks; at most %d: put more samples into each",
                           body->samples.count, IFM_DB_BLOCKS);
    }
    struct ifm_put_invocation *made = &put->invocations[index];
    made->body = body;
    made->stats = stats;
    const struct ifm_msg_block *blocks = body->samples.items;
    for (size_t i = 0; i < body->samples.count; i++) {
        put->bytes += blocks[i].block.len + blocks[i].gaps.len + blocks[i].lateness.len;
    }
    struct ifm_msg_invocation facts = *body; /* without blocks and lanes, which go to tables of their own */
    facts.samples = facts.lanes = (struct ifm_list){ NULL, 0 };
    int rc = set_json(&ifm_invocation_table, &facts, &made->json, &made->json_len, err);
    if (!rc) rc = ifm_lanes_pack(&body->lanes, &made->lanes, err);
    put->bytes += made->json_len + made->lanes.head_len + made->lanes.blocks_len;
    return rc;
}

struct ifm_put *ifm_put_new_invocation(const struct ifm_store_invocation *write, struct ifm_err *err)
{
    struct ifm_put *put = put_new(write->run_id, write->sha256, 1, err);
    if (put && set_invocation(put, 0, write->body, write->stats, err)) {
        ifm_put_free(put);
        return NULL;
    }
    return put;
}

static int set_invocations(struct ifm_put *put, const struct ifm_store_run *write, struct ifm_err *err)
{
    const struct ifm_msg_invocation *bodies = write->body->invocation_bodies.items;
    bool seen[IFM_INVOCATIONS_MAX] = { false };
    for (size_t i = 0; i < put->invocation_count; i++) {
        const struct ifm_invocation_stats *stats = write->stats && write->stats[i].n ? &write->stats[i] : NULL;
        int rc = set_invocation(put, i, &bodies[i], stats, err);
        if (!rc && seen[bodies[i].n]) {
            rc = ifm_err_set(err, IFM_ERR_INVALID, "/n", "%lld is the number of an earlier one in this list",
                             (long long)bodies[i].n);
        }
        if (rc) {
            ifm_err_below(err, "invocation_bodies", i);
            return rc;
        }
        seen[bodies[i].n] = true;
    }
    return 0;
}

static int set_labels(struct ifm_put *put, const struct ifm_map *labels, struct ifm_err *err)
{
    struct ifm_buf buf;
    struct ifm_jw w;
    ifm_buf_init(&buf, BODY_MAX);
    ifm_jw_init(&w, &buf);
    ifm_jw_begin(&w, '{');
    for (size_t i = 0; i < labels->count; i++) {
        ifm_jw_key(&w, labels->items[i].key);
        ifm_jw_string(&w, labels->items[i].value);
    }
    ifm_jw_end(&w, '}');
    int rc = ifm_buf_check(&buf, err);
    if (!rc) put->labels = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

/* {"state","line","findings","unobserved"} of what the daemon found; nothing where it did not look. */
static int set_trust(struct ifm_put *put, const struct ifm_msg_run *body, struct ifm_err *err)
{
    struct ifm_buf buf;
    struct ifm_jw w;
    if (!body->trust) return 0;
    ifm_trust_line(body, put->trust_line, sizeof put->trust_line);
    ifm_buf_init(&buf, BODY_MAX);
    ifm_jw_init(&w, &buf);
    ifm_store_write_trust(body, put->trust_line, &w);
    int rc = ifm_buf_check(&buf, err);
    if (!rc) put->trust = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

/* Operators stand apart from the body, which is read far more often than they are. */
static int set_ops(struct ifm_put *put, const struct ifm_msg_profile *profile, struct ifm_err *err)
{
    const struct ifm_msg_op *ops = profile->ops.items;
    struct ifm_buf buf;
    struct ifm_jw w;
    if (!profile->ops.count) return 0;
    ifm_buf_init(&buf, BODY_MAX);
    ifm_jw_init(&w, &buf);
    ifm_jw_begin(&w, '[');
    for (size_t i = 0; i < profile->ops.count; i++) {
        const struct { const char *key, *text; } texts[] = {
            { "name", ops[i].name }, { "type", ops[i].type }, { "provider", ops[i].provider }, { "shapes", ops[i].shapes },
        };
        ifm_jw_begin(&w, '{');
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            ifm_jw_key(&w, texts[k].key);
            ifm_jw_string(&w, texts[k].text);
        }
        ifm_jw_key(&w, "calls");
        ifm_jw_i64(&w, ops[i].calls);
        ifm_jw_key(&w, "total_ns");
        ifm_jw_i64(&w, ops[i].total_ns);
        ifm_jw_key(&w, "start_ns");
        ifm_jw_i64(&w, ops[i].start_ns);
        ifm_jw_end(&w, '}');
    }
    ifm_jw_end(&w, ']');
    int rc = ifm_buf_check(&buf, err);
    if (!rc) put->ops = ifm_buf_take(&buf);
    ifm_buf_done(&buf);
    return rc;
}

/* The scenario is a setting like others; without it a run is of single inferences. */
static int64_t scenario_of(const struct ifm_map *config)
{
    static const char *const words[] = { "single", "multi", "offline", "paced", "server", "sustained" };
    const char *word = words[0];
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->items[i].key, "scenario") == 0) word = config->items[i].value;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], word) == 0) return (int64_t)i;
    }
    return IFM_JSON_ABSENT;
}

static int set_experiment(struct ifm_put *put, const struct ifm_msg_experiment *experiment, struct ifm_err *err)
{
    if (!experiment->id) return 0;
    if (ifm_uuid_parse(experiment->id, put->experiment)) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/experiment/id", "\"%.40s\" is not a UUID", experiment->id);
    }
    if (experiment->arms < 1 || experiment->arm >= experiment->arms) {
        return ifm_err_set(err, IFM_ERR_INVALID, "/experiment/arm", "arm %lld of %lld: arms count from 0",
                           (long long)experiment->arm, (long long)experiment->arms);
    }
    return 0;
}

static int set_keys(struct ifm_put *put, const struct ifm_msg_run *body, struct ifm_err *err)
{
    int rc = set_time(body->started_at, "/started_at", &put->started_at_ms, err);
    if (!rc && put->started_at_ms == IFM_JSON_ABSENT) {
        rc = ifm_err_set(err, IFM_ERR_INVALID, "/started_at", "is missing");
    }
    if (!rc) rc = set_time(body->finished_at, "/finished_at", &put->finished_at_ms, err);
    if (!rc) rc = set_key(body->variant_sha256, "/variant_sha256", put->variant_sha256, err);
    if (!rc) rc = set_key(body->device_key, "/device_key", put->device_key, err);
    if (!rc) rc = set_key(body->config_key, "/config_key", put->config_key, err);
    return rc ? rc : set_experiment(put, &body->experiment, err);
}

bool ifm_put_wrong_check(const struct ifm_msg_run *body)
{
    const struct ifm_msg_check *checks = body->checks.items;
    for (size_t i = 0; i < body->checks.count; i++) {
        if (checks[i].verification.state == IFM_VERIFY_WRONG) return true;
    }
    return false;
}

struct ifm_put *ifm_put_new_run(const struct ifm_store_run *write, struct ifm_err *err)
{
    const struct ifm_msg_run *body = write->body;
    struct ifm_put *put = put_new(body->id, write->sha256, body->invocation_bodies.count, err);
    if (!put) return NULL;
    struct ifm_msg_run facts = *body; /* what is stored as the run's body */
    facts.invocation_bodies = facts.profile.ops = (struct ifm_list){ NULL, 0 };
    facts.library.path = NULL; /* of the machine that measured; a client that sends it should not have */
    if (ifm_put_wrong_check(body)) facts.verification = IFM_VERIFY_WRONG;
    put->run = body;
    put->assessed = write->assessed;
    put->scenario = scenario_of(&body->config);
    int rc = set_keys(put, body, err);
    if (!rc) rc = set_labels(put, &body->labels, err);
    if (!rc) rc = set_trust(put, body, err);
    if (!rc) rc = set_json(&ifm_run_table, &facts, &put->json, &put->json_len, err);
    if (!rc) rc = set_ops(put, &body->profile, err);
    if (!rc) rc = set_invocations(put, write, err);
    put->bytes += put->json_len + (put->ops ? strlen(put->ops) : 0);
    if (rc) {
        ifm_put_free(put);
        return NULL;
    }
    return put;
}
