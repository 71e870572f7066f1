/* What the store's tests and benchmarks share: runs and invocations made from a seed, and writes that wait for
 * their `done`. Include tests/lib/testlib.h (or cmocka) first where assertions are wanted; this header has none.
 *
 * Ownership: messages are freed by sf_run_done and sf_invocation_done. */
#ifndef IFM_STORE_FIXTURE_H
#define IFM_STORE_FIXTURE_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/rng.h"
#include "core/uuid.h"
#include "daemon/store/store.h"

#define SF_UNUSED __attribute__((unused))

/* -- Messages ------------------------------------------------------------------------------------ */
struct sf_invocation {
    struct ifm_msg_invocation body;
    struct ifm_invocation_stats stats;
    uint8_t sha256[IFM_SHA256_BYTES];
};

static SF_UNUSED void sf_hash(const struct ifm_table *table, const void *body, uint8_t sha256[IFM_SHA256_BYTES])
{
    struct ifm_buf buf;
    ifm_buf_init(&buf, 64 << 20);
    ifm_json_encode(table, body, &buf);
    if (!buf.failed) ifm_hash_sha256(buf.data, buf.len, sha256);
    ifm_buf_done(&buf);
}

/* Latencies round centre_ns, in time order. */
static SF_UNUSED void sf_latencies(int64_t *values, size_t count, uint64_t seed, int64_t centre_ns)
{
    struct ifm_rng rng;
    ifm_rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        double value = (double)centre_ns * (1.0 + 0.02 * ifm_rng_normal(&rng));
        values[i] = value < 1 ? 1 : (int64_t)value;
    }
}

/* One steady block of count <= 65,536 samples with gaps. NULL memory shows as 0 samples: check the return. */
static SF_UNUSED int sf_invocation_init(struct sf_invocation *made, int64_t n, uint64_t seed, size_t count,
                                        int64_t centre_ns)
{
    memset(made, 0, sizeof *made);
    struct ifm_msg_invocation *body = &made->body;
    int64_t *values = ifm_alloc_array(count, sizeof *values), *other = ifm_alloc_array(count, sizeof *other);
    struct ifm_msg_block *block = ifm_alloc(sizeof *block);
    body->samples = (struct ifm_list){ block, block != NULL };
    body->started_at = ifm_dup("2026-11-24T10:00:00.000Z");
    body->clock.source = ifm_dup("tsc");
    int rc = values && other && block && body->started_at && body->clock.source ? 0 : IFM_ERR_NOMEM;
    if (!rc) {
        body->v = IFM_MSG_VERSION;
        body->n = n;
        body->signal = body->exit_status = IFM_JSON_ABSENT;
        body->load_ns = 12000000 + (int64_t)(seed % 1000);
        body->first_inference_ns = 3 * centre_ns;
        body->iterations = (int64_t)count;
        body->cpu_ns = centre_ns * (int64_t)count;
        body->memory_load = body->memory_first = body->memory_steady =
            (struct ifm_msg_memory){ 30000000, 20000000, 10000000, 5, 0 };
        body->memory_first.peak_rss_bytes = 31000000;
        body->verification.state = IFM_VERIFY_VERIFIED;
        body->deterministic = true;
        sf_latencies(values, count, seed, centre_ns);
        *block = (struct ifm_msg_block){ .phase = 1, .count = (int64_t)count };
        rc = ifm_codec_encode(values, count, &block->block, NULL);
        if (!rc) ifm_summary_invocation(values, other, count, 0, &made->stats);
        for (size_t i = 0; i < count; i++) other[i] = 40 + (int64_t)(i % 7);
        if (!rc) rc = ifm_codec_encode(other, count, &block->gaps, NULL);
        sf_hash(&ifm_invocation_table, body, made->sha256);
    }
    ifm_free(values);
    ifm_free(other);
    return rc;
}

static SF_UNUSED void sf_invocation_done(struct sf_invocation *made)
{
    ifm_json_free(&ifm_invocation_table, &made->body);
}

struct sf_run {
    struct ifm_msg_run body;
    uint8_t sha256[IFM_SHA256_BYTES];
    struct ifm_invocation_stats *stats; /* of body.invocation_bodies */
};

static SF_UNUSED char *sf_key(const char *what)
{
    char hex[IFM_SHA256_HEX];
    ifm_hash_sha256_hex(what, strlen(what), hex);
    return ifm_dup(hex);
}

struct sf_facts { const char *model, *runtime, *device, *commit, *label_key, *label_value; int status; };

static SF_UNUSED void sf_run_init(struct sf_run *made, const char *id, int64_t invocations, int64_t started_at_ms,
                                  const struct sf_facts *facts)
{
    static const struct sf_facts defaults = { "nmp", "onnxruntime", "bench-1", NULL, NULL, NULL, 0 };
    char stamp[IFM_TIME_TEXT_MAX];
    if (!facts) facts = &defaults;
    memset(made, 0, sizeof *made);
    struct ifm_msg_run *body = &made->body;
    body->v = IFM_MSG_VERSION;
    body->id = ifm_dup(id);
    ifm_clock_format(started_at_ms, stamp);
    body->started_at = ifm_dup(stamp);
    ifm_clock_format(started_at_ms + 30000, stamp);
    body->finished_at = ifm_dup(stamp);
    body->status = facts->status;
    body->planned = body->invocations = invocations;
    body->model = ifm_dup(facts->model);
    body->variant = ifm_dup("onnx-fp32");
    body->variant_sha256 = sf_key(facts->model);
    body->variant_bytes = 230000;
    body->format = ifm_dup("onnx");
    body->runtime = ifm_dup(facts->runtime);
    body->runtime_version = ifm_dup("1.32.0");
    body->provider = ifm_dup("cpu");
    body->device = ifm_dup(facts->device);
    body->device_key = sf_key(facts->device);
    body->config_key = sf_key(facts->runtime);
    body->commit = ifm_dup(facts->commit);
    body->command = ifm_dup("inferometer run nmp.onnx --threads 1");
    body->tool_version = ifm_dup("0.1.0");
    body->method_version = IFM_METHOD_VERSION;
    body->verification = IFM_VERIFY_VERIFIED;
    body->config.items = ifm_alloc_array(2, sizeof *body->config.items);
    if (body->config.items) {
        body->config.count = 2;
        body->config.items[0] = (struct ifm_map_entry){ ifm_dup("batch"), ifm_dup("1") };
        body->config.items[1] = (struct ifm_map_entry){ ifm_dup("threads"), ifm_dup("1") };
    }
    struct ifm_msg_fact *fact = ifm_alloc_array(2, sizeof *fact);
    if (fact) {
        body->device_facts = (struct ifm_list){ fact, 2 };
        fact[0] = (struct ifm_msg_fact){ ifm_dup("cpu_model"), ifm_dup(facts->device), true };
        fact[1] = (struct ifm_msg_fact){ ifm_dup("load_average"), ifm_dup("0.10"), false };
    }
    if (facts->label_key) {
        body->labels.items = ifm_alloc(sizeof *body->labels.items);
        body->labels.count = 1;
        body->labels.items[0] = (struct ifm_map_entry){ ifm_dup(facts->label_key), ifm_dup(facts->label_value) };
    }
    sf_hash(&ifm_run_table, body, made->sha256);
}

static SF_UNUSED void sf_run_done(struct sf_run *made)
{
    ifm_json_free(&ifm_run_table, &made->body);
    ifm_free(made->stats);
    made->stats = NULL;
}

/* Lets invocations first..first + count - 1, of 50 samples each, go with the run. */
static SF_UNUSED int sf_run_carry(struct sf_run *made, int64_t first, int64_t count, int64_t centre_ns)
{
    struct ifm_msg_invocation *bodies = ifm_alloc_array((size_t)count, sizeof *bodies);
    made->stats = ifm_alloc_array((size_t)count, sizeof *made->stats);
    made->body.invocation_bodies.items = bodies;
    int rc = bodies && made->stats ? 0 : IFM_ERR_NOMEM;
    for (int64_t i = 0; !rc && i < count; i++) {
        struct sf_invocation one;
        rc = sf_invocation_init(&one, first + i, (uint64_t)(centre_ns + first + i), 50, centre_ns);
        bodies[i] = one.body;
        made->stats[i] = one.stats;
        made->body.invocation_bodies.count = (size_t)i + 1;
    }
    if (!rc) sf_hash(&ifm_run_table, &made->body, made->sha256);
    return rc;
}

/* -- Writes that wait ---------------------------------------------------------------------------- */
struct sf_wait {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int left;
    enum ifm_store_outcome outcome;
    struct ifm_err err;
};

static SF_UNUSED void sf_wait_init(struct sf_wait *wait, int left)
{
    memset(wait, 0, sizeof *wait);
    pthread_mutex_init(&wait->lock, NULL);
    pthread_cond_init(&wait->cond, NULL);
    wait->left = left;
}

static SF_UNUSED void sf_on_done(void *arg, enum ifm_store_outcome outcome, const struct ifm_err *err)
{
    struct sf_wait *wait = arg;
    pthread_mutex_lock(&wait->lock);
    wait->outcome = outcome;
    if (err) wait->err = *err;
    wait->left--;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->lock);
}

static SF_UNUSED void sf_wait_for(struct sf_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    while (wait->left > 0) pthread_cond_wait(&wait->cond, &wait->lock);
    pthread_mutex_unlock(&wait->lock);
}

static SF_UNUSED int sf_finish(int queued, struct sf_wait *wait, enum ifm_store_outcome *outcome,
                               struct ifm_err *err)
{
    if (!queued) sf_wait_for(wait);
    if (!queued && wait->err.code && err) *err = wait->err;
    if (outcome) *outcome = wait->outcome;
    pthread_mutex_destroy(&wait->lock);
    pthread_cond_destroy(&wait->cond);
    return queued ? queued : wait->err.code;
}

static SF_UNUSED int sf_put_invocation(struct ifm_store *store, const char *id, const struct sf_invocation *made,
                                       enum ifm_store_outcome *outcome, struct ifm_err *err)
{
    struct sf_wait wait;
    struct ifm_store_invocation write = { .run_id = id, .body = &made->body, .stats = &made->stats };
    if (made->stats.n == 0) write.stats = NULL;
    memcpy(write.sha256, made->sha256, IFM_SHA256_BYTES);
    sf_wait_init(&wait, 1);
    return sf_finish(ifm_store_put_invocation(store, &write, sf_on_done, &wait, err), &wait, outcome, err);
}

static SF_UNUSED int sf_put_run(struct ifm_store *store, const struct sf_run *made,
                                enum ifm_store_outcome *outcome, struct ifm_err *err)
{
    struct sf_wait wait;
    struct ifm_store_run write = { .body = &made->body, .stats = made->stats };
    memcpy(write.sha256, made->sha256, IFM_SHA256_BYTES);
    sf_wait_init(&wait, 1);
    return sf_finish(ifm_store_put_run(store, &write, sf_on_done, &wait, err), &wait, outcome, err);
}

/* A whole run of `invocations` invocations of 50 samples. */
static SF_UNUSED int sf_store_run(struct ifm_store *store, const char *id, int64_t invocations,
                                  int64_t started_at_ms, const struct sf_facts *facts, int64_t centre_ns,
                                  struct ifm_err *err)
{
    int rc = 0;
    for (int64_t n = 0; !rc && n < invocations; n++) {
        struct sf_invocation made;
        rc = sf_invocation_init(&made, n, (uint64_t)(started_at_ms + n), 50, centre_ns);
        if (!rc) rc = sf_put_invocation(store, id, &made, NULL, err);
        sf_invocation_done(&made);
    }
    struct sf_run run;
    sf_run_init(&run, id, invocations, started_at_ms, facts);
    if (!rc) rc = sf_put_run(store, &run, NULL, err);
    sf_run_done(&run);
    return rc;
}

/* The same in one write. */
static SF_UNUSED int sf_store_whole_run(struct ifm_store *store, const char *id, int64_t invocations,
                                        int64_t started_at_ms, int64_t centre_ns, struct ifm_err *err)
{
    struct sf_run run;
    sf_run_init(&run, id, invocations, started_at_ms, NULL);
    int rc = sf_run_carry(&run, 0, invocations, centre_ns);
    if (!rc) rc = sf_put_run(store, &run, NULL, err);
    sf_run_done(&run);
    return rc;
}

/* A UUID that sorts by `number`. */
static SF_UNUSED void sf_id(char text[IFM_UUID_TEXT], unsigned number)
{
    snprintf(text, IFM_UUID_TEXT, "019388a0-%04x-7000-8000-%012x", number >> 16 & 0xffffu, number);
}

/* The next_cursor of a list reply, or "". */
static SF_UNUSED void sf_cursor(const char *reply, char text[64])
{
    const char *at = strstr(reply, "\"next_cursor\":\"");
    text[0] = '\0';
    if (!at) return;
    at += strlen("\"next_cursor\":\"");
    size_t len = strcspn(at, "\"");
    memcpy(text, at, len < 63 ? len : 63);
    text[len < 63 ? len : 63] = '\0';
}

static SF_UNUSED size_t sf_count(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) count++;
    return count;
}

#endif
