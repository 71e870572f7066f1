#include "agents/model/pickle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct machine {
    struct ifm_graph *graph;
    struct ifm_err *err;
    const unsigned char *at, *end, *begin;
    struct ifm_pickle **stack, **memo;
    size_t depth, stack_room, memo_count, memo_room;
    size_t values;
};

static int failed(const struct machine *m)
{
    return m->err && m->err->code ? m->err->code : IFM_ERR_NOMEM;
}

static int invalid(struct machine *m, const char *what)
{
    return ifm_err_set(m->err, IFM_ERR_INVALID, "pickle", "%.80s holds a damaged pickle: %s at byte %zu",
                       m->graph->path, what, (size_t)(m->at - m->begin));
}

static int too_large(struct machine *m, const char *what)
{
    return ifm_err_set(m->err, IFM_ERR_TOO_LARGE, "pickle", "%.80s holds a pickle with too many %s", m->graph->path,
                       what);
}

/* A list outside the arena that doubles. */
static int grow(struct machine *m, struct ifm_pickle ***list, size_t *room, size_t wanted, size_t max, const char *what)
{
    if (wanted <= *room)
        return 0;
    if (wanted > max)
        return too_large(m, what);
    size_t more = *room ? *room : 64;
    while (more < wanted)
        more *= 2;
    struct ifm_pickle **moved = ifm_resize_array(*list, more, sizeof **list);
    if (!moved)
        return ifm_err_set(m->err, IFM_ERR_NOMEM, "pickle", "out of memory");
    memset(moved + *room, 0, (more - *room) * sizeof *moved);
    *list = moved;
    *room = more;
    return 0;
}

static int push(struct machine *m, struct ifm_pickle *value)
{
    if (!value)
        return failed(m);
    int rc = grow(m, &m->stack, &m->stack_room, m->depth + 1, IFM_PICKLE_STACK_MAX, "values at once");
    if (!rc)
        m->stack[m->depth++] = value;
    return rc;
}

static struct ifm_pickle *pop(struct machine *m)
{
    if (!m->depth || m->stack[m->depth - 1]->kind == IFM_PICKLE_MARK)
        return NULL;
    return m->stack[--m->depth];
}

static struct ifm_pickle *top(const struct machine *m)
{
    return m->depth && m->stack[m->depth - 1]->kind != IFM_PICKLE_MARK ? m->stack[m->depth - 1] : NULL;
}

static struct ifm_pickle *make(struct machine *m, enum ifm_pickle_kind kind)
{
    if (++m->values > IFM_PICKLE_VALUES_MAX) {
        too_large(m, "values");
        return NULL;
    }
    struct ifm_pickle *value = ifm_graph_alloc(m->graph, 1, sizeof *value, m->err);
    if (value)
        value->kind = kind;
    return value;
}

static int append(struct machine *m, struct ifm_pickle *list, struct ifm_pickle *const *items, size_t count)
{
    if (count > IFM_PICKLE_VALUES_MAX || list->count > IFM_PICKLE_VALUES_MAX)
        return too_large(m, "values");
    if (list->count + count > list->room) {
        size_t room = list->room * 2 > list->count + count ? list->room * 2 : list->count + count;
        struct ifm_pickle **moved = ifm_graph_alloc(m->graph, room, sizeof *moved, m->err);
        if (!moved)
            return failed(m);
        if (list->count)
            memcpy(moved, list->items, list->count * sizeof *moved);
        list->items = moved;
        list->room = room;
    }
    if (count)
        memcpy(list->items + list->count, items, count * sizeof *items);
    list->count += count;
    return 0;
}

/* -- Operands ------------------------------------------------------------------------------------ */
static bool take(struct machine *m, size_t count, const unsigned char **out)
{
    if (count > (size_t)(m->end - m->at))
        return false;
    *out = m->at;
    m->at += count;
    return true;
}

static bool take_number(struct machine *m, unsigned bytes, uint64_t *out)
{
    const unsigned char *at;
    *out = 0;
    if (!take(m, bytes, &at))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *out |= (uint64_t)at[i] << (8 * i);
    return true;
}

static bool take_line(struct machine *m, const char **text, size_t *len)
{
    const unsigned char *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!newline)
        return false;
    *text = (const char *)m->at;
    *len = (size_t)(newline - m->at);
    m->at = newline + 1;
    return true;
}

static int push_int(struct machine *m, int64_t number)
{
    struct ifm_pickle *value = make(m, IFM_PICKLE_INT);
    if (value)
        value->number = number;
    return push(m, value);
}

static int push_fixed(struct machine *m, unsigned bytes, bool is_signed)
{
    uint64_t number;
    if (!take_number(m, bytes, &number))
        return invalid(m, "a number is cut");
    return push_int(m, is_signed ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* Little-endian two's complement of any length; what does not fit 64 bits is of no use to us. */
static int push_long(struct machine *m, unsigned length_bytes)
{
    uint64_t count, number = 0;
    const unsigned char *at;
    if (!take_number(m, length_bytes, &count) || !take(m, (size_t)count, &at))
        return invalid(m, "a number is cut");
    for (size_t i = 0; i < 8; i++)
        number |= (uint64_t)(i < count ? at[i] : count && at[count - 1] & 0x80 ? 0xff : 0) << (8 * i);
    return push_int(m, (int64_t)number);
}

static int push_real(struct machine *m)
{
    const unsigned char *at;
    uint64_t bits = 0;
    struct ifm_pickle *value;
    if (!take(m, 8, &at))
        return invalid(m, "a number is cut");
    for (unsigned i = 0; i < 8; i++) /* big endian, this one alone */
        bits = bits << 8 | at[i];
    if ((value = make(m, IFM_PICKLE_FLOAT)))
        memcpy(&value->real, &bits, sizeof value->real);
    return push(m, value);
}

static int push_line_number(struct machine *m)
{
    const char *line;
    size_t len;
    char text[32], *end;
    if (!take_line(m, &line, &len) || len == 0 || len >= sizeof text)
        return invalid(m, "a number is cut");
    memcpy(text, line, len);
    text[len] = '\0';
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || (*end && strcmp(end, "L") != 0))
        return invalid(m, "a number is none");
    return push_int(m, number);
}

static int push_text(struct machine *m, unsigned length_bytes)
{
    uint64_t len = 0;
    const char *text = NULL;
    const unsigned char *at = NULL;
    if (length_bytes ? !take_number(m, length_bytes, &len) || len > SIZE_MAX || !take(m, (size_t)len, &at)
                     : !take_line(m, &text, &len))
        return invalid(m, "a text is cut");
    struct ifm_pickle *value = make(m, IFM_PICKLE_TEXT);
    if (value) {
        value->text = length_bytes ? (const char *)at : text;
        value->len = (size_t)len;
    }
    return push(m, value);
}

/* -- Building ------------------------------------------------------------------------------------ */
static bool find_mark(const struct machine *m, size_t *mark)
{
    for (size_t i = m->depth; i > 0; i--)
        if (m->stack[i - 1]->kind == IFM_PICKLE_MARK) {
            *mark = i - 1;
            return true;
        }
    return false;
}

/* The topmost `count` values become the items of a new one. */
static int collect(struct machine *m, enum ifm_pickle_kind kind, size_t count)
{
    struct ifm_pickle *value = make(m, kind);
    if (!value)
        return failed(m);
    int rc = append(m, value, m->stack + m->depth - count, count);
    m->depth -= count;
    return rc ? rc : push(m, value);
}

static int collect_marked(struct machine *m, enum ifm_pickle_kind kind)
{
    size_t mark;
    if (!find_mark(m, &mark))
        return invalid(m, "a mark is missing");
    struct ifm_pickle *value = make(m, kind);
    if (!value)
        return failed(m);
    int rc = append(m, value, m->stack + mark + 1, m->depth - mark - 1);
    m->depth = mark;
    return rc ? rc : push(m, value);
}

static int collect_few(struct machine *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (m->depth <= i || m->stack[m->depth - 1 - i]->kind == IFM_PICKLE_MARK)
            return invalid(m, "too few values");
    return collect(m, IFM_PICKLE_TUPLE, count);
}

/* What lies above the mark goes into the list or dictionary below it. */
static int append_marked(struct machine *m)
{
    size_t mark;
    if (!find_mark(m, &mark) || !mark || m->stack[mark - 1]->kind == IFM_PICKLE_MARK)
        return invalid(m, "a mark is missing");
    int rc = append(m, m->stack[mark - 1], m->stack + mark + 1, m->depth - mark - 1);
    m->depth = mark;
    return rc;
}

static int append_few(struct machine *m, size_t count)
{
    struct ifm_pickle *items[2];
    for (size_t i = count; i > 0; i--)
        if (!(items[i - 1] = pop(m)))
            return invalid(m, "too few values");
    return top(m) ? append(m, top(m), items, count) : invalid(m, "too few values");
}

static int push_global(struct machine *m, bool from_stack)
{
    struct ifm_pickle *value = make(m, IFM_PICKLE_GLOBAL);
    if (!value)
        return failed(m);
    if (from_stack) {
        const struct ifm_pickle *name = pop(m), *module = pop(m);
        if (!name || !module || name->kind != IFM_PICKLE_TEXT || module->kind != IFM_PICKLE_TEXT)
            return invalid(m, "a class has no name");
        value->text = module->text;
        value->len = module->len;
        value->more = name->text;
        value->more_len = name->len;
    } else if (!take_line(m, &value->text, &value->len) || !take_line(m, &value->more, &value->more_len)) {
        return invalid(m, "a class has no name");
    }
    return push(m, value);
}

static int call(struct machine *m, bool with_keywords)
{
    struct ifm_pickle *items[2];
    if (with_keywords && !pop(m))
        return invalid(m, "too few values");
    for (size_t i = 2; i > 0; i--)
        if (!(items[i - 1] = pop(m)))
            return invalid(m, "too few values");
    struct ifm_pickle *value = make(m, IFM_PICKLE_CALL);
    int rc = value ? append(m, value, items, 2) : failed(m);
    return rc ? rc : push(m, value);
}

static int build(struct machine *m)
{
    struct ifm_pickle *state = pop(m), *object = top(m);
    if (!state || !object)
        return invalid(m, "too few values");
    if (object->kind != IFM_PICKLE_CALL)
        return 0; /* attributes of a dictionary or list: nobody asks for them */
    return append(m, object, &state, 1);
}

static int persistent(struct machine *m)
{
    struct ifm_pickle *id = pop(m), *value = make(m, IFM_PICKLE_PERSISTENT);
    if (!id)
        return invalid(m, "too few values");
    int rc = value ? append(m, value, &id, 1) : failed(m);
    return rc ? rc : push(m, value);
}

/* -- Memo ---------------------------------------------------------------------------------------- */
static int put(struct machine *m, uint64_t index)
{
    if (!top(m))
        return invalid(m, "nothing to keep");
    if (index >= IFM_PICKLE_MEMO_MAX)
        return too_large(m, "kept values");
    int rc = grow(m, &m->memo, &m->memo_room, (size_t)index + 1, 2 * IFM_PICKLE_MEMO_MAX, "kept values");
    if (!rc) {
        m->memo[index] = top(m);
        m->memo_count++;
    }
    return rc;
}

static int get(struct machine *m, uint64_t index)
{
    if (index >= m->memo_room || !m->memo[index])
        return invalid(m, "a kept value is asked for that was never kept");
    return push(m, m->memo[index]);
}

static int memo(struct machine *m, bool keep, unsigned bytes)
{
    uint64_t index;
    if (!take_number(m, bytes, &index))
        return invalid(m, "an index is cut");
    return keep ? put(m, index) : get(m, index);
}

/* -- Opcodes ------------------------------------------------------------------------------------- */
static int scalar(struct machine *m, unsigned char op, bool *known)
{
    struct ifm_pickle *value;
    switch (op) {
    case 'N':
        return push(m, make(m, IFM_PICKLE_NONE));
    case 0x88:
    case 0x89:
        if ((value = make(m, IFM_PICKLE_BOOL)))
            value->number = op == 0x88;
        return push(m, value);
    case 'J': return push_fixed(m, 4, true);
    case 'K': return push_fixed(m, 1, false);
    case 'M': return push_fixed(m, 2, false);
    case 0x8a: return push_long(m, 1);
    case 0x8b: return push_long(m, 4);
    case 'G': return push_real(m);
    case 'I':
    case 'L': return push_line_number(m);
    default: *known = false; return 0;
    }
}

static int text(struct machine *m, unsigned char op, bool *known)
{
    switch (op) {
    case 0x8c: /* short forms */
    case 'C':
    case 'U': return push_text(m, 1);
    case 'X':
    case 'B':
    case 'T': return push_text(m, 4);
    case 0x8d:
    case 0x8e: return push_text(m, 8);
    case 'V':
    case 'F': /* a number as text: as good as text here */
    case 'S': return push_text(m, 0);
    default: *known = false; return 0;
    }
}

static int container(struct machine *m, unsigned char op, bool *known)
{
    switch (op) {
    case ')': return push(m, make(m, IFM_PICKLE_TUPLE));
    case ']':
    case 0x8f: return push(m, make(m, IFM_PICKLE_LIST));
    case '}': return push(m, make(m, IFM_PICKLE_DICT));
    case '(': return push(m, make(m, IFM_PICKLE_MARK));
    case 'a': return append_few(m, 1);
    case 's': return append_few(m, 2);
    case 'e':
    case 'u':
    case 0x90: return append_marked(m);
    default: *known = false; return 0;
    }
}

static int collection(struct machine *m, unsigned char op, bool *known)
{
    switch (op) {
    case 't': return collect_marked(m, IFM_PICKLE_TUPLE);
    case 'l':
    case 0x91: return collect_marked(m, IFM_PICKLE_LIST);
    case 'd': return collect_marked(m, IFM_PICKLE_DICT);
    case 0x85: return collect_few(m, 1);
    case 0x86: return collect_few(m, 2);
    case 0x87: return collect_few(m, 3);
    default: *known = false; return 0;
    }
}

static int object(struct machine *m, unsigned char op, bool *known)
{
    switch (op) {
    case 'c': return push_global(m, false);
    case 0x93: return push_global(m, true);
    case 'R':
    case 0x81: return call(m, false);
    case 0x92: return call(m, true);
    case 'b': return build(m);
    case 'Q': return persistent(m);
    case 'q': return memo(m, true, 1);
    case 'r': return memo(m, true, 4);
    case 'h': return memo(m, false, 1);
    case 'j': return memo(m, false, 4);
    case 0x94: return put(m, m->memo_count);
    default: *known = false; return 0;
    }
}

static int plain(struct machine *m, unsigned char op, bool *known)
{
    uint64_t ignored;
    size_t mark;
    switch (op) {
    case 0x80: return take_number(m, 1, &ignored) ? 0 : invalid(m, "it is cut");
    case 0x95: return take_number(m, 8, &ignored) ? 0 : invalid(m, "it is cut"); /* length of a frame */
    case '0': return pop(m) ? 0 : invalid(m, "too few values");
    case '2': return top(m) ? push(m, top(m)) : invalid(m, "too few values");
    case '1':
        if (!find_mark(m, &mark))
            return invalid(m, "a mark is missing");
        m->depth = mark;
        return 0;
    default: *known = false; return 0;
    }
}

static int step(struct machine *m, unsigned char op)
{
    static int (*const groups[])(struct machine *, unsigned char, bool *) = { scalar, text, container, collection, object, plain };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        bool known = true;
        int rc = groups[i](m, op, &known);
        if (known)
            return rc;
    }
    return ifm_err_set(m->err, IFM_ERR_UNSUPPORTED, "pickle", "%.80s holds a pickle with opcode 0x%02x, which is not read",
                       m->graph->path, op);
}

int ifm_pickle_read(struct ifm_graph *graph, const unsigned char *bytes, size_t len, struct ifm_pickle **out,
                    struct ifm_err *err)
{
    struct machine m = { .graph = graph, .err = err, .at = bytes, .end = bytes + len, .begin = bytes };
    int rc = 0;
    bool done = false;
    *out = NULL;
    while (!rc && !done) {
        if (m.at == m.end) {
            rc = invalid(&m, "it has no end");
        } else if (*m.at == '.') {
            *out = pop(&m);
            done = true;
        } else {
            unsigned char op = *m.at++;
            rc = step(&m, op);
        }
    }
    if (!rc && !*out)
        rc = invalid(&m, "it holds no value");
    ifm_free(m.stack);
    ifm_free(m.memo);
    return rc;
}

bool ifm_pickle_is(const struct ifm_pickle *value, const char *wanted)
{
    return value && value->kind == IFM_PICKLE_TEXT && value->len == strlen(wanted) &&
           memcmp(value->text, wanted, value->len) == 0;
}

bool ifm_pickle_global(const struct ifm_pickle *value, const char *module, const char *name)
{
    return value && value->kind == IFM_PICKLE_GLOBAL && value->len == strlen(module) &&
           value->more_len == strlen(name) && memcmp(value->text, module, value->len) == 0 &&
           memcmp(value->more, name, value->more_len) == 0;
}

struct ifm_pickle *ifm_pickle_get(const struct ifm_pickle *dict, const char *key)
{
    for (size_t i = 0; dict && dict->kind == IFM_PICKLE_DICT && i + 1 < dict->count; i += 2)
        if (ifm_pickle_is(dict->items[i], key))
            return dict->items[i + 1];
    return NULL;
}
