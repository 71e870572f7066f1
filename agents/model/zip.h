/* The central directory of a zip archive that is mapped into memory, for the model formats that are one (PyTorch's).
 * Not an unpacker: nothing is written anywhere.
 *
 * Hostile input: entries may not overlap, stand twice, leave the archive's folder, be links or encrypted; deflated
 * ones are limited by the size that they declare and by the caller's maximum; zip64 is understood.
 *
 * Threading: one thread. Ownership: entries and inflated bytes live in the graph's arena, stored bytes in its map.
 * Errors: IFM_ERR_INVALID with the rule that was broken, IFM_ERR_TOO_LARGE, IFM_ERR_UNSUPPORTED (method). */
#ifndef IFM_ZIP_H
#define IFM_ZIP_H

#include "agents/model/graph.h"
#include "agents/model/name_map.h"

#define IFM_ZIP_ENTRIES_MAX 200000
#define IFM_ZIP_RATIO_MAX   1032 /* what deflate can reach at most: more is a lie */

struct ifm_zip_entry {
    const char *name; /* NUL-terminated */
    uint64_t offset;  /* of the data, in the file */
    uint64_t stored, size;
    uint32_t crc;
    uint16_t method; /* 0 or 8; others cannot be read */
};

struct ifm_zip {
    struct ifm_graph *graph;
    struct ifm_zip_entry *entries; /* without folders */
    size_t count;
    struct ifm_name_map names;
};

int ifm_zip_open(struct ifm_zip *zip, struct ifm_graph *graph, struct ifm_err *err);
/* By full name; NULL: none. */
const struct ifm_zip_entry *ifm_zip_find(const struct ifm_zip *zip, const char *name);
/* All bytes of an entry, checked by their CRC; at most max. */
int ifm_zip_bytes(const struct ifm_zip *zip, const struct ifm_zip_entry *entry, size_t max,
                  const unsigned char **bytes, size_t *len, struct ifm_err *err);
/* Calls visit for the names in the directory until it returns true; checks nothing but bounds. For recognition. */
bool ifm_zip_scan(const unsigned char *bytes, size_t len, bool (*visit)(void *context, const char *name, size_t len),
                  void *context);

#endif
