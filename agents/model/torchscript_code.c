#include "agents/model/torchscript.h"

#include <string.h>

static int failed(const struct ifm_err *err)
{
    return err && err->code ? err->code : IFM_ERR_NOMEM;
}

static const char *find(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what));
}

static bool word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct ifm_torch_code ifm_torch_class(struct ifm_torch_code file, const char *name, size_t name_len)
{
    const char *end = file.text + file.len, *at = file.text;
    while ((at = find(at, (size_t)(end - at), "class "))) {
        at += 6;
        if ((size_t)(end - at) <= name_len || memcmp(at, name, name_len) != 0 || at[name_len] != '(')
            continue;
        const char *next = find(at, (size_t)(end - at), "\nclass ");
        return (struct ifm_torch_code){ at, (size_t)((next ? next : end) - at) };
    }
    return (struct ifm_torch_code){ "", 0 };
}

bool ifm_torch_listed(struct ifm_torch_code class_text, const char *list, const char *name, size_t name_len)
{
    const char *at = find(class_text.text, class_text.len, list);
    if (!at)
        return false;
    size_t left = class_text.len - (size_t)(at - class_text.text);
    const char *end = memchr(at, ']', left);
    for (const char *quote; end && (quote = memchr(at, '"', (size_t)(end - at)));) {
        const char *closing = memchr(quote + 1, '"', (size_t)(end - quote - 1));
        if (!closing)
            return false;
        if ((size_t)(closing - quote - 1) == name_len && memcmp(quote + 1, name, name_len) == 0)
            return true;
        at = closing + 1;
    }
    return false;
}

/* -- Signature ----------------------------------------------------------------------------------- */
static int add_end(struct ifm_graph *graph, uint32_t **list, size_t *count, const char *name, size_t len,
                   struct ifm_err *err)
{
    uint32_t *moved = ifm_graph_alloc(graph, *count + 1, sizeof *moved, err);
    uint32_t index = (uint32_t)graph->tensor_count;
    struct ifm_graph_tensor *tensor = moved ? ifm_graph_add_tensor(graph, err) : NULL;
    if (!tensor || !(tensor->name = ifm_graph_text(graph, name, len, err)))
        return failed(err);
    tensor->type = "Tensor"; /* the code tells neither element type nor shape */
    if (*count)
        memcpy(moved, *list, *count * sizeof *moved);
    moved[(*count)++] = index;
    *list = moved;
    return 0;
}

/* Ends of one piece between commas on the outermost level. */
static const char *piece_end(const char *at, const char *end)
{
    int depth = 0;
    for (; at < end; at++) {
        if (*at == '[' || *at == '(')
            depth++;
        else if ((*at == ']' || *at == ')') && depth-- == 0)
            return at;
        else if (*at == ',' && depth == 0)
            return at;
    }
    return end;
}

static bool is_tensor(const char *type, const char *end)
{
    while (type < end && (*type == ' ' || *type == '\n'))
        type++;
    size_t len = (size_t)(end - type);
    return (len >= 6 && memcmp(type, "Tensor", 6) == 0) || (len >= 16 && memcmp(type, "Optional[Tensor]", 16) == 0);
}

static int add_results(struct ifm_graph *graph, const char *at, const char *end, struct ifm_err *err)
{
    int rc = 0;
    while (at < end && *at == ' ')
        at++;
    bool tuple = end - at > 6 && memcmp(at, "Tuple[", 6) == 0;
    at += tuple ? 6 : 0;
    for (unsigned i = 0; !rc && at < end && i < IFM_MAX_TENSORS; i++) {
        const char *stop = piece_end(at, end);
        char name[16] = "output";
        if (tuple) {
            name[6] = (char)('0' + i / 10);
            name[7] = (char)('0' + i % 10);
        }
        if (is_tensor(at, stop))
            rc = add_end(graph, &graph->outputs, &graph->output_count, name, strlen(name), err);
        if (!tuple || *stop == ']')
            break;
        at = stop + 1;
    }
    return rc;
}

/* "name: Type" between at and stop. */
static int add_argument(struct ifm_graph *graph, const char *at, const char *stop, struct ifm_err *err)
{
    while (at < stop && (*at == ' ' || *at == '\n'))
        at++;
    const char *colon = at < stop ? memchr(at, ':', (size_t)(stop - at)) : NULL;
    if (!colon || colon == at || !is_tensor(colon + 1, stop))
        return 0;
    return add_end(graph, &graph->inputs, &graph->input_count, at, (size_t)(colon - at), err);
}

int ifm_torch_signature(struct ifm_graph *graph, struct ifm_torch_code class_text, struct ifm_err *err)
{
    const char *end = class_text.text + class_text.len;
    const char *at = class_text.len ? find(class_text.text, class_text.len, "def forward(self") : NULL;
    int rc = 0;
    if (!at)
        return 0;
    at = piece_end(at + 12, end); /* behind self and its class */
    while (!rc && at < end && *at == ',') {
        const char *stop = piece_end(++at, end);
        rc = add_argument(graph, at, stop, err);
        at = stop;
    }
    const char *arrow = at < end ? find(at, (size_t)(end - at), "->") : NULL;
    const char *line = arrow ? memchr(arrow, '\n', (size_t)(end - arrow)) : NULL;
    return rc || !line ? rc : add_results(graph, arrow + 2, line - 1, err);
}

/* -- Operators ----------------------------------------------------------------------------------- */
static const char *skip_text(const char *at, const char *end)
{
    char quote = *at++;
    while (at < end && *at != quote)
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at < end ? at + 1 : end;
}

static int add_operator(struct ifm_graph *graph, const char *space, size_t space_len, const char *name, size_t len,
                        struct ifm_err *err)
{
    static const char *const helpers[] = { "aten::device", "aten::dtype", "aten::append", "aten::format" };
    char op[200];
    if (space_len + len + 3 > sizeof op)
        return 0; /* no operator has such a name */
    memcpy(op, space, space_len);
    memcpy(op + space_len, "::", 2);
    memcpy(op + space_len + 2, name, len);
    op[space_len + 2 + len] = '\0';
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
        if (strcmp(op, helpers[i]) == 0)
            return 0;
    struct ifm_graph_node *node = ifm_graph_add_node(graph, err);
    return node && (node->op = ifm_graph_text(graph, op, strlen(op), err)) ? 0 : failed(err);
}

/* Takes a word; its length. */
static size_t take_word(const char **at, const char *end)
{
    const char *begin = *at;
    while (*at < end && word(**at))
        ++*at;
    return (size_t)(*at - begin);
}

static int operator_at(struct ifm_graph *graph, const char **at, const char *end, struct ifm_err *err)
{
    const char *space = "aten", *name = *at;
    size_t space_len = 4, len = take_word(at, end);
    bool ops = len == 3 && memcmp(name, "ops", 3) == 0, torch = len == 5 && memcmp(name, "torch", 5) == 0;
    if ((!ops && !torch) || *at == end || **at != '.')
        return 0;
    name = ++*at;
    len = take_word(at, end);
    if (ops && *at < end && **at == '.') {
        space = name;
        space_len = len;
        name = ++*at;
        len = take_word(at, end);
    } else if (ops) {
        return 0;
    }
    return *at < end && **at == '(' && len ? add_operator(graph, space, space_len, name, len, err) : 0;
}

int ifm_torch_operators(struct ifm_graph *graph, struct ifm_torch_code file, struct ifm_err *err)
{
    const char *at = file.text, *end = file.text + file.len;
    int rc = 0;
    while (!rc && at < end) {
        if (*at == '"' || *at == '\'')
            at = skip_text(at, end);
        else if (*at == '#')
            while (at < end && *at != '\n')
                at++;
        else if (word(*at) && (at == file.text || at[-1] != '.'))
            rc = operator_at(graph, &at, end, err);
        else if (word(*at)) /* a member: not an operator */
            while (at < end && word(*at))
                at++;
        else
            at++;
    }
    return rc;
}
