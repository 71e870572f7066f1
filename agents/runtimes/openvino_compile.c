/* Compiling a model for a device, and what the compiled one says of itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/openvino.h"

static const char *const hints[] = { NULL, "LATENCY", "THROUGHPUT" };
static const char *const precisions[] = { NULL, "f32", "bf16", "f16" };

struct settings { /* key, value, key, value … */
    const char *texts[2 * OV_PROPERTIES];
    size_t count;
    char numbers[2][24];
    char keys[OV_PROPERTIES][64]; /* of KEY=VALUE */
};

static void set(struct settings *p, const char *key, const char *value)
{
    if (value && *value && p->count + 2 <= 2 * OV_PROPERTIES) {
        p->texts[p->count++] = key;
        p->texts[p->count++] = value;
    }
}

static int add_properties(const struct ov_state *s, struct settings *p)
{
    for (size_t i = 0; i < s->properties.count; i++) {
        const char *item = s->properties.items[i], *equals = strchr(item, '=');
        if (!equals || equals == item || equals - item >= 64 || !equals[1]) {
            return ov_host->fail(ov_host->context, "property '%.60s' is not KEY=VALUE", item);
        }
        if (p->count + 2 > 2 * OV_PROPERTIES) {
            return ov_host->fail(ov_host->context, "more than %d properties", OV_PROPERTIES);
        }
        snprintf(p->keys[i], sizeof p->keys[i], "%.*s", (int)(equals - item), item);
        set(p, p->keys[i], equals + 1);
    }
    return 0;
}

/* Nothing is set that was not asked for: the runtime's defaults are what users get. */
static int settings(const struct ov_state *s, struct settings *p, bool counters)
{
    const int64_t numbers[] = { s->threads, s->streams };
    for (size_t i = 0; i < 2; i++) {
        snprintf(p->numbers[i], sizeof p->numbers[i], "%lld", (long long)numbers[i]);
    }
    set(p, "PERFORMANCE_HINT", hints[s->hint]);
    set(p, "INFERENCE_PRECISION_HINT", precisions[s->precision]);
    set(p, "INFERENCE_NUM_THREADS", s->threads ? p->numbers[0] : NULL);
    set(p, "NUM_STREAMS", s->streams ? p->numbers[1] : NULL);
    set(p, "CACHE_DIR", s->cache);
    set(p, "PERF_COUNT", counters ? "YES" : NULL);
    return add_properties(s, p);
}

int ov_compile(struct ov_state *s, bool counters)
{
    struct settings p = { .count = 0 };
    if (settings(s, &p, counters) != 0) {
        return -1;
    }
    const char **t = p.texts; /* the call reads as many of them as it is told */
    OV_TRY(ov_core_compile_model(s->core, s->model, s->device, p.count, &s->compiled, t[0], t[1], t[2],
                                 t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13],
                                 t[14], t[15], t[16], t[17], t[18], t[19], t[20], t[21], t[22], t[23],
                                 t[24], t[25], t[26], t[27], t[28], t[29], t[30], t[31]),
           "OpenVINO cannot compile the model");
    return 0;
}
_Static_assert(OV_PROPERTIES == 16, "ov_compile passes 32 texts");

int ov_make_request(struct ov_state *s, ov_request **request)
{
    OV_TRY(ov_compiled_model_create_infer_request(s->compiled, request), "infer request");
    for (size_t i = 0; i < s->in.count; i++) {
        OV_TRY(ov_infer_request_set_input_tensor_by_index(*request, i, s->inputs[i]),
               s->in.info[i].name);
    }
    return 0;
}

/* -- Asked back ---------------------------------------------------------------------------------- */
static bool property(struct ov_state *s, const char *key, char *text, size_t size)
{
    char *value = NULL;
    if (!s->compiled || s->api.ov_compiled_model_get_property(s->compiled, key, &value) != 0 || !value) {
        return false;
    }
    snprintf(text, size, "%.*s", (int)strcspn(value, "\r\n"), value);
    s->api.ov_free(value);
    return text[0] != '\0';
}

static void add_line(char *text, size_t size, const char *key, const char *value)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s=%s", used ? "\n" : "", key, value);
}

/* The word that tolerances are chosen by, of OpenVINO's. */
static const char *precision_word(const char *hint)
{
    static const char *const words[][2] = {
        { "f32", "float32" }, { "bf16", "bfloat16" }, { "f16", "float16" }
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(hint, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return NULL; /* "dynamic": the device chooses and does not tell */
}

int ov_effective(void *state, char *text, size_t text_size)
{
    static const char *const asked[][2] = {
        { "EXECUTION_DEVICES", "devices" },
        { "INFERENCE_NUM_THREADS", "threads" },
        { "NUM_STREAMS", "streams" },
        { "PERFORMANCE_HINT", "hint" },
        { "EXECUTION_MODE_HINT", "execution-mode" },
        { "ENABLE_CPU_PINNING", "pinning" },
        { "INFERENCE_PRECISION_HINT", "inference-precision" },
    };
    struct ov_state *s = state;
    char value[256];
    text[0] = '\0';
    add_line(text, text_size, "provider", s->device);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        if (!property(s, asked[i][0], value, sizeof value)) {
            continue;
        }
        add_line(text, text_size, asked[i][1], value);
        if (strcmp(asked[i][1], "inference-precision") == 0 && precision_word(value)) {
            add_line(text, text_size, "precision", precision_word(value));
        }
    }
    snprintf(value, sizeof value, "%zu", s->queue.count);
    add_line(text, text_size, "requests", value);
    return 0;
}
