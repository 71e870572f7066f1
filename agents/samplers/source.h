/* What every sampler over /proc and /sys needs: a file that is opened once and read again and
 * again, and numbers out of texts that may be anything. Not a parser of whole files.
 *
 * Hostile trees: a source is a regular file (a FIFO, folder, device or socket in its place is
 * absent, and opening it does not block); a read takes at most the buffer; a number is at most 2^62
 * either way, everything else is no number. Threading: none of its own. Ownership: a zeroed struct
 * is a closed source, and ifm_source_close may be called on it. */
#ifndef IFM_SOURCE_H
#define IFM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "inferometer/sampler.h"

#define IFM_SOURCE_PATH_MAX   1024
#define IFM_SOURCE_NUMBER_MAX ((int64_t)1 << 62)

struct ifm_source {
    int handle; /* descriptor + 1; 0: closed */
};

/* Opens a path below the host's sysroot. False, and *source closed, where it is absent. */
bool ifm_source_open(struct ifm_source *source, const struct ifm_sampler_host *host,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
void ifm_source_close(struct ifm_source *source);
static inline bool ifm_source_is_open(const struct ifm_source *source)
{
    return source->handle > 0;
}

/* The start of the file as a string; "" when it cannot be read. Returns its length. */
size_t ifm_source_text(const struct ifm_source *source, char *text, size_t size);
/* A file that holds one number. */
bool ifm_source_value(const struct ifm_source *source, int64_t *value);
/* The same for a file that is read once. */
bool ifm_source_once(const struct ifm_sampler_host *host, const char *path, char *text,
                     size_t size);

/* A number after blanks, followed by a blank, a line's end or the text's end; *end (if not NULL) is
 * behind it. */
bool ifm_source_number(const char *text, const char **end, int64_t *value);
/* The number behind `key` at the begin of a line: "nr_throttled 3", "key:\t3". */
bool ifm_source_key(const char *text, const char *key, int64_t *value);

/* Writes a value and its bit when it is known. Both are asked before: arguments have no order. */
static inline void ifm_source_put(bool known, int64_t value, size_t index, int64_t *values,
                                  uint32_t *valid)
{
    if (known) {
        values[index] = value;
        *valid |= 1u << index;
    }
}

#endif
