/* SQLite's memory through ifm_mem, so that a test which makes the n-th allocation fail reaches SQLite too.
 * SQLite asks for the size of a block, which ifm_mem does not keep: it stands in the 16 bytes before it. */
#include <pthread.h>
#include "core/mem.h"
#include "daemon/store/db.h"

#define HEAD 16

static void *mem_alloc(int bytes)
{
    char *block = ifm_resize(NULL, (size_t)bytes + HEAD);
    if (!block) return NULL;
    *(int *)(void *)block = bytes;
    return block + HEAD;
}

static void mem_free(void *pointer)
{
    if (pointer) ifm_free((char *)pointer - HEAD);
}

static void *mem_resize(void *pointer, int bytes)
{
    char *block = ifm_resize((char *)pointer - HEAD, (size_t)bytes + HEAD);
    if (!block) return NULL;
    *(int *)(void *)block = bytes;
    return block + HEAD;
}

static int mem_size(void *pointer)
{
    return *(int *)(void *)((char *)pointer - HEAD);
}

static int mem_round(int bytes)
{
    return (bytes + 7) & ~7;
}

static int mem_init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void mem_end(void *context)
{
    (void)context;
}

static void setup(void)
{
    static const sqlite3_mem_methods methods = { mem_alloc, mem_free, mem_resize, mem_size,
                                                 mem_round, mem_init, mem_end, NULL };
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void ifm_db_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, setup);
}
