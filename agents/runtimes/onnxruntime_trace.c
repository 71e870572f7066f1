/* Reads what ONNX Runtime's profiler writes: an array of flat events, of which those of category "Node" that
 * end in "_kernel_time" are calls of operators, and "model_run" is the end of an inference. An operator that
 * contains others (If, Loop, Scan) is written after them: what they took is taken off its own time. */
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/onnxruntime.h"

#define DEPTH_MAX  32   /* of nested values */
#define TEXT_MAX   1024 /* longer strings are cut */
#define RECENT_MAX 256  /* calls that a containing operator is looked for among */
#define SLOTS      8192 /* of the hash table; more than twice the rows that are taken */
#define ROWS_MAX   2048
#define US_MAX     INT64_C(1000000000000)

struct reader {
    const char *at, *end;
};

struct event {
    char category[16], name[TEXT_MAX], type[64], provider[64], shapes[160];
    int64_t tid, dur_us, ts_us;
};

struct trace {
    struct ifm_op_profile *rows;
    size_t count, capacity;
    uint64_t keys[ROWS_MAX];
    uint16_t slots[SLOTS]; /* row + 1 */
    struct {
        int64_t tid, begin, end, calls_us;
    } recent[RECENT_MAX];
    size_t recent_count, runs;
    struct { /* of each row: first begin in the inference under way, and the sum over those that ended */
        int64_t first_us, sum_us;
        size_t inferences;
    } starts[ROWS_MAX];
};

/* -- JSON, as far as it occurs ------------------------------------------------------------------- */
static void blank(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
        r->at++;
    }
}

static bool take(struct reader *r, char c)
{
    blank(r);
    if (r->at < r->end && *r->at == c) {
        r->at++;
        return true;
    }
    return false;
}

/* A string, cut to size - 1 bytes; text NULL: skipped. Escapes become what they mean, or '?'. */
static bool string(struct reader *r, char *text, size_t size)
{
    size_t n = 0;
    if (!take(r, '"')) {
        return false;
    }
    for (; r->at < r->end && *r->at != '"'; r->at++) {
        char c = *r->at;
        if (c == '\\') {
            if (++r->at >= r->end) {
                return false;
            }
            const char *known = strchr("\"\\/", *r->at);
            c = known && *known ? *known : '?'; /* what a name may hold; controls are not shown anyway */
        }
        if (text && n + 1 < size) {
            text[n++] = (unsigned char)c < 0x20 ? '?' : c;
        }
    }
    if (text) {
        text[n] = '\0';
    }
    return take(r, '"');
}

static bool number(struct reader *r, int64_t *value)
{
    blank(r);
    const bool minus = take(r, '-');
    int64_t n = 0;
    const char *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        n = n > US_MAX ? n : n * 10 + (*r->at - '0');
    }
    const bool whole = r->at > first;
    while (r->at < r->end && *r->at && strchr("+-.eE0123456789", *r->at)) {
        r->at++; /* a fraction, which no field that counts has */
    }
    *value = minus ? -n : n;
    return whole;
}

static bool skip_value(struct reader *r)
{
    int depth = 0;
    do {
        blank(r);
        if (r->at >= r->end) {
            return false;
        }
        if (*r->at == '"') {
            if (!string(r, NULL, 0)) {
                return false;
            }
        } else if (*r->at == '{' || *r->at == '[') {
            depth++;
            r->at++;
        } else if (*r->at == '}' || *r->at == ']') {
            depth--;
            r->at++;
        } else {
            r->at++; /* a digit, a letter, a comma, a colon */
        }
        if (depth > DEPTH_MAX || depth < 0) {
            return false;
        }
        blank(r);
        /* a scalar ends where the next thing stands */
    } while (depth > 0 || (r->at < r->end && !strchr(",}]", *r->at)));
    return true;
}

/* -- Fields of an event -------------------------------------------------------------------------- */
static void add_text(char *to, size_t size, const char *text)
{
    const size_t used = strlen(to), room = size - used - 1, len = strlen(text);
    memcpy(to + used, text, len < room ? len : room);
    to[used + (len < room ? len : room)] = '\0';
}

static void add_number(char *to, size_t size, int64_t value)
{
    char digits[24];
    size_t n = sizeof digits;
    digits[--n] = '\0';
    for (uint64_t rest = value < 0 ? 0 : (uint64_t)value; n == sizeof digits - 1 || rest; rest /= 10) {
        digits[--n] = (char)('0' + rest % 10);
    }
    add_text(to, size, digits + n);
}

/* [{"float":[1,3,224,224]},{"int64":[]}] -> "1x3x224x224 scalar" */
static bool shapes(struct reader *r, char *text, size_t size)
{
    text[0] = '\0';
    if (!take(r, '[')) {
        return skip_value(r);
    }
    while (!take(r, ']')) {
        if (!take(r, '{')) {
            return false;
        }
        while (!take(r, '}')) {
            bool any = false;
            if (!string(r, NULL, 0) || !take(r, ':') || !take(r, '[')) {
                return false;
            }
            add_text(text, size, text[0] ? " " : "");
            while (!take(r, ']')) {
                int64_t dim;
                if (!number(r, &dim)) {
                    return false;
                }
                add_text(text, size, any ? "x" : "");
                add_number(text, size, dim);
                any = true;
                take(r, ',');
            }
            add_text(text, size, any ? "" : "scalar");
            take(r, ',');
        }
        take(r, ',');
    }
    return true;
}

static bool arguments(struct reader *r, struct event *e)
{
    char key[64];
    if (!take(r, '{')) {
        return skip_value(r);
    }
    while (!take(r, '}')) {
        if (!string(r, key, sizeof key) || !take(r, ':')) {
            return false;
        }
        blank(r);
        const bool text = r->at < r->end && *r->at == '"';
        if (text && strcmp(key, "op_name") == 0) {
            string(r, e->type, sizeof e->type);
        } else if (text && strcmp(key, "provider") == 0) {
            string(r, e->provider, sizeof e->provider);
        } else if (strcmp(key, "input_type_shape") == 0) {
            if (!shapes(r, e->shapes, sizeof e->shapes)) {
                return false;
            }
        } else if (!skip_value(r)) {
            return false;
        }
        take(r, ',');
    }
    return true;
}

static bool event(struct reader *r, struct event *e)
{
    char key[32];
    memset(e, 0, sizeof *e);
    if (!take(r, '{')) {
        return false;
    }
    while (!take(r, '}')) {
        bool good;
        if (!string(r, key, sizeof key) || !take(r, ':')) {
            return false;
        }
        if (strcmp(key, "cat") == 0) {
            good = string(r, e->category, sizeof e->category);
        } else if (strcmp(key, "name") == 0) {
            good = string(r, e->name, sizeof e->name);
        } else if (strcmp(key, "tid") == 0) {
            good = number(r, &e->tid);
        } else if (strcmp(key, "dur") == 0) {
            good = number(r, &e->dur_us);
        } else if (strcmp(key, "ts") == 0) {
            good = number(r, &e->ts_us);
        } else if (strcmp(key, "args") == 0) {
            good = arguments(r, e);
        } else {
            good = skip_value(r);
        }
        if (!good) {
            return false;
        }
        take(r, ',');
    }
    return true;
}

/* -- Rows ---------------------------------------------------------------------------------------- */
static uint64_t key_of(const struct event *e)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    const char *const parts[] = { e->name, "\n", e->type };
    for (size_t i = 0; i < 3; i++) {
        for (const char *p = parts[i]; *p; p++) {
            h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
        }
    }
    return h;
}

/* Names of fused operators are lists; the last one says what comes out. Long ones keep their end. */
static void show_name(const char *name, char *to, size_t size)
{
    const char *last = strrchr(name, ';');
    name = last && last[1] ? last + 1 : name;
    const size_t len = strlen(name);
    to[0] = '\0';
    if (len < size) {
        add_text(to, size, name);
        return;
    }
    const char *tail = name + len - (size - 4);
    while (((unsigned char)*tail & 0xc0) == 0x80) {
        tail++; /* not in the middle of a character */
    }
    add_text(to, size, "...");
    add_text(to, size, tail);
}

/* The row of this operator. The last row takes what finds no place, so that the sum stays true. */
static struct ifm_op_profile *row_of(struct trace *t, const struct event *e)
{
    const uint64_t key = key_of(e);
    size_t slot = (size_t)(key % SLOTS);
    while (t->slots[slot] && t->keys[t->slots[slot] - 1] != key) {
        slot = (slot + 1) % SLOTS;
    }
    if (t->slots[slot]) {
        return &t->rows[t->slots[slot] - 1];
    }
    if (t->count == t->capacity) {
        struct ifm_op_profile *rest = &t->rows[t->count - 1];
        memcpy(rest->name, "(others)", sizeof "(others)");
        rest->type[0] = rest->shapes[0] = '\0';
        return rest;
    }
    struct ifm_op_profile *row = &t->rows[t->count];
    memset(row, 0, sizeof *row);
    show_name(e->name, row->name, sizeof row->name);
    add_text(row->type, sizeof row->type, e->type);
    add_text(row->provider, sizeof row->provider, e->provider);
    add_text(row->shapes, sizeof row->shapes, e->shapes);
    t->starts[t->count].first_us = -1;
    t->keys[t->count] = key;
    t->slots[slot] = (uint16_t)++t->count;
    return row;
}

/* Time of the call itself: without the calls inside it, which end before it on the same thread. */
static int64_t own_us(struct trace *t, const struct event *e)
{
    const int64_t end = e->ts_us + e->dur_us;
    int64_t inside = 0;
    while (t->recent_count) {
        const size_t last = t->recent_count - 1;
        if (t->recent[last].tid != e->tid || t->recent[last].begin < e->ts_us ||
            t->recent[last].end > end || e->dur_us == 0) {
            break;
        }
        inside += t->recent[last].end - t->recent[last].begin;
        t->recent_count--;
    }
    if (t->recent_count == RECENT_MAX) { /* the oldest can no longer be inside anything short */
        memmove(t->recent, t->recent + 1, (RECENT_MAX - 1) * sizeof *t->recent);
        t->recent_count--;
    }
    t->recent[t->recent_count].tid = e->tid;
    t->recent[t->recent_count].begin = e->ts_us;
    t->recent[t->recent_count].end = end;
    t->recent_count++;
    return inside < e->dur_us ? e->dur_us - inside : 0;
}

/* Its event comes after those of its operators, and is the one that says when it began. */
static void end_inference(struct trace *t, int64_t begin_us)
{
    for (size_t i = 0; i < t->count; i++) {
        if (begin_us >= 0 && begin_us <= US_MAX && t->starts[i].first_us >= begin_us) {
            t->starts[i].sum_us += t->starts[i].first_us - begin_us;
            t->starts[i].inferences++;
        }
        t->starts[i].first_us = -1;
    }
}

static void count(struct trace *t, struct event *e, size_t skip)
{
    static const char suffix[] = "_kernel_time";
    const size_t len = strlen(e->name), cut = sizeof suffix - 1;
    if (strcmp(e->category, "Session") == 0 && strcmp(e->name, "model_run") == 0) {
        t->runs++;
        t->recent_count = 0;
        end_inference(t, e->ts_us);
        return;
    }
    if (strcmp(e->category, "Node") != 0 || len <= cut || strcmp(e->name + len - cut, suffix) != 0 ||
        t->runs < skip || t->capacity == 0 || e->dur_us < 0 || e->dur_us > US_MAX || e->ts_us < 0 ||
        e->ts_us > US_MAX) {
        return;
    }
    e->name[len - cut] = '\0';
    const int64_t us = own_us(t, e);
    struct ifm_op_profile *row = row_of(t, e);
    int64_t *first = &t->starts[row - t->rows].first_us;
    *first = *first < 0 || e->ts_us < *first ? e->ts_us : *first;
    row->calls++;
    row->total_ns += (uint64_t)us * 1000;
}

static int longest_first(const void *a, const void *b)
{
    const struct ifm_op_profile *x = a, *y = b;
    return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
}

const char *onnx_trace_read(const char *text, size_t size, size_t skip, struct ifm_op_profile *rows,
                            size_t *row_count)
{
    struct reader r = { .at = text, .end = text + size };
    struct trace *t = calloc(1, sizeof *t);
    struct event *e = malloc(sizeof *e);
    const char *wrong = t && e ? NULL : "out of memory";
    if (!wrong && !take(&r, '[')) {
        wrong = "it is not a list of events";
    }
    if (!wrong) {
        t->rows = rows;
        t->capacity = *row_count < ROWS_MAX ? *row_count : ROWS_MAX;
        while (!wrong && !take(&r, ']')) {
            if (!event(&r, e)) {
                wrong = "it is cut off or broken";
            } else {
                count(t, e, skip);
                take(&r, ',');
            }
        }
        for (size_t i = 0; i < t->count; i++) {
            const int64_t n = (int64_t)t->starts[i].inferences, sum = t->starts[i].sum_us;
            rows[i].start_ns = n ? sum / n * 1000 + sum % n * 1000 / n : -1;
        }
        if (t->count) {
            qsort(rows, t->count, sizeof *rows, longest_first);
        }
        *row_count = t->count;
    }
    free(e);
    free(t);
    return wrong;
}
