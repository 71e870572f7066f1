/* Which versions can be installed: the rows of deps.lock beside the fetch script. The script reads
 * the same file and checks the hashes; here only names and versions matter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "agents/cli/runtime.h"
#include "core/installed.h"

#define LOCK_MAX  ((size_t)1 << 20)
#define FIELDS    5 /* group, kind, name, version, machine */
#define FIELD_MAX 128
#define PINS_MAX  16

struct pins {
    char items[PINS_MAX][FIELD_MAX];
    size_t count;
};

void ifm_runtime_script(char *path, size_t size)
{
    const char *given = getenv("INFEROMETER_FETCH");
    if (given && *given)
        snprintf(path, size, "%s", given);
    else
        ifm_place_fetch(path, size);
}

static bool read_lock(struct ifm_buf *text)
{
    const char *given = getenv("INFEROMETER_DEPS_LOCK");
    char path[4096];
    ifm_runtime_script(path, sizeof path);
    char *slash = strrchr(path, '/');
    if (given && *given)
        snprintf(path, sizeof path, "%s", given);
    else if (slash)
        snprintf(slash, sizeof path - (size_t)(slash - path), "/deps.lock");
    ifm_buf_init(text, LOCK_MAX);
    return path[0] && ifm_buf_read_file(text, path, NULL) == 0 && text->data;
}

/* The first columns of a row; false where it has fewer. */
static bool split(const char *line, size_t len, char fields[FIELDS][FIELD_MAX])
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *bar = memchr(line, '|', len);
        if (!bar)
            return false;
        snprintf(fields[i], FIELD_MAX, "%.*s", (int)(bar - line), line);
        len -= (size_t)(bar - line) + 1;
        line = bar + 1;
    }
    return true;
}

static bool for_this_machine(const char *machine)
{
    const char *other = getenv("INFEROMETER_MACHINE");
    struct utsname system;
    if (uname(&system) || strcmp(machine, "any") == 0)
        return true;
    const char *own = other && *other ? other : system.machine;
    return strncmp(machine, own, strlen(own)) == 0;
}

static void add(struct pins *pins, const char *version)
{
    for (size_t i = 0; i < pins->count; i++)
        if (strcmp(pins->items[i], version) == 0)
            return;
    if (pins->count < PINS_MAX)
        snprintf(pins->items[pins->count++], FIELD_MAX, "%s", version);
}

/* "onnxruntime" is the group of the newest version, which its first row has; older ones have
 * "onnxruntime@1.31.0". */
static void take_row(struct pins *pins, const char *name, char fields[FIELDS][FIELD_MAX],
                     bool *newest)
{
    const size_t len = strlen(name);
    if (strcmp(fields[1], "apt") == 0 || !for_this_machine(fields[4]))
        return;
    for (const char *at = fields[0]; *at; at += *at == ',') {
        const size_t n = strcspn(at, ",");
        if (n > len && strncmp(at, name, len) == 0 && at[len] == '@') {
            char version[FIELD_MAX];
            snprintf(version, sizeof version, "%.*s", (int)(n - len - 1), at + len + 1);
            add(pins, version);
        } else if (n == len && strncmp(at, name, len) == 0 && !*newest) {
            *newest = true;
            fields[3][strcspn(fields[3], "-")] = '\0'; /* 2.21.0-1.5.14: of its wrapper */
            add(pins, fields[3]);
        }
        at += n;
    }
}

static int newest_first(const void *a, const void *b)
{
    return ifm_installed_compare(b, a);
}

static void read_pins(const char *name, struct pins *pins)
{
    struct ifm_buf text;
    char fields[FIELDS][FIELD_MAX];
    bool newest = false, there = read_lock(&text);
    pins->count = 0;
    for (const char *line = there ? text.data : ""; *line;) {
        const size_t len = strcspn(line, "\n");
        if (*line != '#' && split(line, len, fields))
            take_row(pins, name, fields, &newest);
        line += len + (line[len] == '\n');
    }
    qsort(pins->items, pins->count, sizeof *pins->items, newest_first);
    ifm_buf_done(&text);
}

void ifm_runtime_pinned(const char *name, char *versions, size_t size)
{
    struct pins pins;
    size_t used = 0;
    read_pins(name, &pins);
    versions[0] = '\0';
    for (size_t i = 0; i < pins.count && used < size; i++)
        used += (size_t)snprintf(versions + used, size - used, "%s%s", i ? ", " : "",
                                 pins.items[i]);
}

bool ifm_runtime_is_pinned(const char *name, const char *version)
{
    struct pins pins;
    read_pins(name, &pins);
    for (size_t i = 0; i < pins.count; i++)
        if (strcmp(pins.items[i], version) == 0)
            return true;
    return false;
}
