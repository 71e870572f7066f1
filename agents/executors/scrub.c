/* What leaves this machine names no folder of it. */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/executors/executor.h"
#include "core/mem.h"

#define HIDDEN "\xe2\x80\xa6" /* … */

/* Replaces each `path` that is longer than "/" and ends at a folder boundary. */
static void replace_path(struct ifm_buf *out, const char *text, const char *path)
{
    size_t len = path ? strlen(path) : 0;
    while (len > 1 && path[len - 1] == '/')
        len--;
    const char *at = text;
    const char *hit;
    while (len > 1 && (hit = strstr(at, path)) != NULL && strncmp(hit, path, len) == 0) {
        char next = hit[len];
        bool whole = !(isalnum((unsigned char)next) || next == '_' || next == '-');
        ifm_buf_add(out, at, (size_t)(hit - at));
        if (whole)
            ifm_buf_adds(out, HIDDEN);
        else
            ifm_buf_add(out, hit, len);
        at = hit + len;
    }
    ifm_buf_adds(out, at);
}

static bool path_char(char c)
{
    return isalnum((unsigned char)c) || c == '/' || c == '.' || c == '_' || c == '-' || c == '+' ||
           c == '@' || c == '~' || c == '%' || (unsigned char)c >= 0x80;
}

/* A slash where an absolute path begins: not within a word ("1/2"), not of "http://host"; but also
 * the third one of "file:///". */
static bool begins_path(const char *text, const char *slash)
{
    if (*slash != '/' || !(isalnum((unsigned char)slash[1]) || slash[1] == '.' || slash[1] == '_'))
        return false;
    if (slash - text >= 3 && strncmp(slash - 3, "://", 3) == 0)
        return true;
    return slash == text || !path_char(slash[-1]);
}

/* "/srv/models/a.onnx" becomes "…/a.onnx"; "/tmp" alone stays as it is. */
static void hide_absolute(struct ifm_buf *out, const char *text)
{
    for (const char *p = text; *p;) {
        if (!begins_path(text, p)) {
            ifm_buf_addc(out, *p++);
            continue;
        }
        const char *end = p, *last = p;
        for (; *end && path_char(*end); end++)
            if (*end == '/')
                last = end;
        if (last != p)
            ifm_buf_adds(out, HIDDEN);
        ifm_buf_add(out, last, (size_t)(end - last));
        p = end;
    }
}

static char *pass(char *text, const char *path)
{
    if (!text || !path || strlen(path) < 3)
        return text;
    struct ifm_buf out;
    ifm_buf_init(&out, 1024 * 1024);
    replace_path(&out, text, path);
    ifm_free(text);
    if (!out.data && !out.failed)
        ifm_buf_adds(&out, "");
    char *taken = ifm_buf_take(&out);
    ifm_buf_done(&out);
    return taken ? taken : ifm_dup("");
}

char *ifm_scrub(const char *text, const char *const *private_paths)
{
    if (!text)
        return NULL;
    char *copy = ifm_dup(text);
    for (size_t i = 0; private_paths && private_paths[i]; i++)
        copy = pass(copy, private_paths[i]);
    char folder[4096];
    copy = pass(copy, getcwd(folder, sizeof folder));
    copy = pass(copy, getenv("HOME"));
    if (!copy)
        return NULL;
    struct ifm_buf out;
    ifm_buf_init(&out, 1024 * 1024);
    hide_absolute(&out, copy);
    ifm_free(copy);
    char *taken = ifm_buf_take(&out);
    ifm_buf_done(&out);
    return taken ? taken : ifm_dup("");
}
