#include "core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct ifm_mem_hooks hooks; /* alloc NULL: libc */

void *ifm_alloc(size_t bytes)
{
    if (bytes == 0)
        bytes = 1;
    if (bytes > PTRDIFF_MAX)
        return NULL;
    if (!hooks.alloc)
        return calloc(1, bytes);
    void *pointer = hooks.alloc(hooks.context, bytes);
    if (pointer)
        memset(pointer, 0, bytes);
    return pointer;
}

void *ifm_alloc_array(size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return ifm_alloc(total);
}

void *ifm_resize(void *pointer, size_t bytes)
{
    if (bytes == 0)
        bytes = 1;
    if (bytes > PTRDIFF_MAX)
        return NULL;
    return hooks.resize ? hooks.resize(hooks.context, pointer, bytes) : realloc(pointer, bytes);
}

void *ifm_resize_array(void *pointer, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return ifm_resize(pointer, total);
}

char *ifm_dup(const char *text)
{
    return text ? ifm_dup_bytes(text, strlen(text)) : NULL;
}

char *ifm_dup_bytes(const void *bytes, size_t len)
{
    if (len >= PTRDIFF_MAX)
        return NULL;
    char *copy = ifm_resize(NULL, len + 1); /* not ifm_alloc: every byte is written here */
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

void ifm_free(void *pointer)
{
    if (!pointer)
        return;
    if (hooks.release)
        hooks.release(hooks.context, pointer);
    else
        free(pointer);
}

void ifm_mem_set_hooks(const struct ifm_mem_hooks *replacement)
{
    if (replacement)
        hooks = *replacement;
    else
        memset(&hooks, 0, sizeof hooks);
}
