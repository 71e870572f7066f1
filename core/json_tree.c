#include "core/json_tree.h"

#include <pthread.h>
#include <string.h>

#include "core/mem.h"

#define CHUNK_MAX (1024 * 1024)

struct ifm_json_chunk {
    struct ifm_json_chunk *older;
    _Alignas(16) char bytes[];
};

/* jansson's allocator knows no context; this is the tree that the thread is parsing. */
static _Thread_local struct ifm_json_tree *current;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *arena_alloc(size_t bytes)
{
    struct ifm_json_tree *tree = current;
    size_t need = (bytes + 15) & ~(size_t)15;
    if (need > tree->left) {
        size_t size = need > tree->chunk_bytes ? need : tree->chunk_bytes;
        struct ifm_json_chunk *chunk = ifm_resize(NULL, sizeof *chunk + size);
        if (!chunk) {
            /* jansson takes some failures for bad syntax, and after others it goes on with a
             * character lost (in its token buffer), so the tree remembers. */
            tree->failed = true;
            return NULL;
        }
        chunk->older = tree->chunks;
        tree->chunks = chunk;
        tree->next = chunk->bytes;
        tree->left = size;
        if (tree->chunk_bytes < CHUNK_MAX)
            tree->chunk_bytes *= 2;
    }
    char *pointer = tree->next;
    tree->next += need;
    tree->left -= need;
    return pointer;
}

static void arena_free(void *pointer)
{
    (void)pointer; /* goes with the arena */
}

static void set_allocator(void)
{
    json_set_alloc_funcs(arena_alloc, arena_free);
}

int ifm_json_tree_parse(struct ifm_json_tree *tree, const char *text, size_t len,
                        struct ifm_err *err)
{
    pthread_once(&once, set_allocator);
    tree->root = NULL;
    tree->chunks = NULL;
    tree->next = tree->first;
    tree->left = sizeof tree->first;
    tree->chunk_bytes = 2 * sizeof tree->first;
    tree->failed = false;
    json_error_t error;
    current = tree;
    tree->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    current = NULL;
    if (tree->failed) {
        tree->root = NULL;
        return ifm_err_set(err, IFM_ERR_NOMEM, "json", "out of memory");
    }
    if (tree->root)
        return 0;
    tree->error_at = error.position > 0 ? (size_t)error.position : 0;
    return ifm_err_set(err, IFM_ERR_BAD_REQUEST, "", "%s", error.text);
}

void ifm_json_tree_done(struct ifm_json_tree *tree)
{
    while (tree->chunks) {
        struct ifm_json_chunk *chunk = tree->chunks;
        tree->chunks = chunk->older;
        ifm_free(chunk);
    }
}
