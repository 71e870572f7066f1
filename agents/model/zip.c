#include "agents/model/zip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "agents/model/npz.h"

#define END_BYTES     22
#define COMMENT_MAX   65535
#define LOCATOR_BYTES 20
#define CENTRAL_BYTES 46
#define LOCAL_BYTES   30
#define NAME_MAX_     512

static uint64_t load(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static int invalid(const struct ifm_graph *graph, struct ifm_err *err, const char *rule)
{
    return ifm_err_set(err, IFM_ERR_INVALID, "zip", "%.90s is a damaged archive: %s", graph->path, rule);
}

struct directory {
    uint64_t at, bytes, count;
};

/* The end record stands last, before a comment; zip64's lies before it. */
static const char *find_directory(const unsigned char *map, size_t len, struct directory *out)
{
    if (len < END_BYTES)
        return "it is too short";
    size_t end = len - END_BYTES, lowest = end > COMMENT_MAX ? end - COMMENT_MAX : 0;
    while (load(map + end, 4) != 0x06054b50 || load(map + end + 20, 2) > len - end - END_BYTES)
        if (end-- == lowest)
            return "it has no end record (cut?)";
    out->count = load(map + end + 10, 2);
    out->bytes = load(map + end + 12, 4);
    out->at = load(map + end + 16, 4);
    if (load(map + end + 4, 4) != 0)
        return "it spans several disks";
    if (end >= LOCATOR_BYTES && load(map + end - LOCATOR_BYTES, 4) == 0x07064b50) {
        uint64_t record = load(map + end - LOCATOR_BYTES + 8, 8);
        if (record > len || len - record < 56 || load(map + record, 4) != 0x06064b50)
            return "its zip64 record lies outside";
        out->count = load(map + record + 32, 8);
        out->bytes = load(map + record + 40, 8);
        out->at = load(map + record + 48, 8);
        end = (size_t)record;
    }
    if (out->at > end || out->bytes > end - out->at)
        return "its directory lies outside";
    if (out->count > out->bytes / CENTRAL_BYTES)
        return "its directory is shorter than its count of entries";
    return NULL;
}

/* Sizes and place of a large entry stand in an extra field, in this order, those that are all ones before. */
static bool zip64_extra(const unsigned char *extra, size_t len, uint64_t *size, uint64_t *stored, uint64_t *local)
{
    uint64_t *const wide[] = { size, stored, local };
    while (len >= 4) {
        size_t field = (size_t)load(extra + 2, 2);
        if (field > len - 4)
            return false;
        if (load(extra, 2) == 1) {
            const unsigned char *at = extra + 4, *end = at + field;
            for (size_t i = 0; i < 3; i++) {
                if (*wide[i] != UINT32_MAX)
                    continue;
                if (end - at < 8)
                    return false;
                *wide[i] = load(at, 8);
                at += 8;
            }
        }
        extra += 4 + field;
        len -= 4 + field;
    }
    return true;
}

struct central {
    const unsigned char *name;
    size_t name_bytes, bytes;
    uint64_t size, stored, local;
    uint32_t crc, attributes;
    uint16_t flags, method, made_by;
};

static const char *read_central(const unsigned char *at, size_t left, struct central *out)
{
    if (left < CENTRAL_BYTES || load(at, 4) != 0x02014b50)
        return "an entry of its directory is damaged";
    size_t name = (size_t)load(at + 28, 2), extra = (size_t)load(at + 30, 2), comment = (size_t)load(at + 32, 2);
    if (name + extra + comment > left - CENTRAL_BYTES)
        return "an entry of its directory is cut";
    *out = (struct central){ .name = at + CENTRAL_BYTES, .name_bytes = name,
                             .bytes = CENTRAL_BYTES + name + extra + comment,
                             .size = load(at + 24, 4), .stored = load(at + 20, 4), .local = load(at + 42, 4),
                             .crc = (uint32_t)load(at + 16, 4), .attributes = (uint32_t)load(at + 38, 4),
                             .flags = (uint16_t)load(at + 8, 2), .method = (uint16_t)load(at + 10, 2),
                             .made_by = (uint16_t)load(at + 4, 2) };
    if (!zip64_extra(out->name + name, extra, &out->size, &out->stored, &out->local))
        return "a zip64 field is damaged";
    return NULL;
}

static const char *data_of(const struct ifm_graph *graph, const struct central *central, uint64_t limit, uint64_t *at)
{
    const unsigned char *map = graph->map;
    if (central->local > limit || limit - central->local < LOCAL_BYTES ||
        load(map + central->local, 4) != 0x04034b50)
        return "an entry has no header where its directory says";
    const unsigned char *local = map + central->local;
    uint64_t name = load(local + 26, 2), extra = load(local + 28, 2);
    uint64_t room = limit - central->local - LOCAL_BYTES;
    if (name + extra > room || central->stored > room - name - extra)
        return "an entry's bytes lie outside";
    if (name != central->name_bytes || memcmp(local + LOCAL_BYTES, central->name, name) != 0)
        return "an entry has two names";
    if (central->flags & 1)
        return "an entry is encrypted";
    if (central->made_by >> 8 == 3 && S_ISLNK(central->attributes >> 16))
        return "an entry is a link";
    if (central->method == 0 && central->stored != central->size)
        return "a stored entry has two sizes";
    if (central->method == 8 && central->size / IFM_ZIP_RATIO_MAX > central->stored)
        return "an entry claims to unpack to more than deflate can hold (a bomb?)";
    *at = central->local + LOCAL_BYTES + name + extra;
    return NULL;
}

/* Begin and end of what each entry occupies, so that two that share bytes are seen. */
struct span {
    uint64_t from, to;
};
static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static int add_entry(struct ifm_zip *zip, const struct central *central, uint64_t limit, struct span *span,
                     struct ifm_err *err)
{
    struct ifm_graph *graph = zip->graph;
    uint64_t at = 0;
    const char *rule = data_of(graph, central, limit, &at);
    if (rule)
        return invalid(graph, err, rule);
    *span = (struct span){ central->local, at + central->stored };
    if (central->name_bytes == 0 || central->name_bytes > NAME_MAX_ || memchr(central->name, 0, central->name_bytes))
        return invalid(graph, err, "a name is empty, too long or holds a NUL");
    if (central->name[central->name_bytes - 1] == '/')
        return 0;
    char *name = ifm_graph_alloc(graph, central->name_bytes + 1, 1, err);
    if (!name)
        return err ? err->code : IFM_ERR_NOMEM;
    memcpy(name, central->name, central->name_bytes);
    int rc = ifm_path_check(name, "zip", err);
    if (rc)
        return rc;
    if (!ifm_name_map_add(&zip->names, name, central->name_bytes, (uint32_t)zip->count))
        return invalid(graph, err, "an entry stands twice");
    zip->entries[zip->count++] = (struct ifm_zip_entry){ .name = name, .offset = at, .stored = central->stored,
                                                         .size = central->size, .crc = central->crc,
                                                         .method = central->method };
    return 0;
}

int ifm_zip_open(struct ifm_zip *zip, struct ifm_graph *graph, struct ifm_err *err)
{
    struct directory directory;
    *zip = (struct ifm_zip){ .graph = graph };
    const char *rule = find_directory(graph->map, graph->map_bytes, &directory);
    if (rule)
        return invalid(graph, err, rule);
    if (directory.count > IFM_ZIP_ENTRIES_MAX)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "zip", "%.90s holds more than %d entries", graph->path,
                           IFM_ZIP_ENTRIES_MAX);
    size_t count = (size_t)directory.count;
    zip->entries = ifm_graph_alloc(graph, count, sizeof *zip->entries, err);
    struct span *spans = ifm_graph_alloc(graph, count, sizeof *spans, err);
    if (!zip->entries || !spans)
        return err ? err->code : IFM_ERR_NOMEM;
    int rc = ifm_name_map_init(&zip->names, graph, count, NULL, err);
    const unsigned char *at = graph->map + directory.at;
    size_t left = (size_t)directory.bytes;
    for (size_t i = 0; !rc && i < count; i++) {
        struct central central;
        rule = read_central(at, left, &central);
        rc = rule ? invalid(graph, err, rule) : add_entry(zip, &central, directory.at, &spans[i], err);
        at += rule ? 0 : central.bytes;
        left -= rule ? 0 : central.bytes;
    }
    if (!rc)
        qsort(spans, count, sizeof *spans, by_begin);
    for (size_t i = 1; !rc && i < count; i++)
        if (spans[i].from < spans[i - 1].to)
            rc = invalid(graph, err, "entries overlap");
    return rc;
}

const struct ifm_zip_entry *ifm_zip_find(const struct ifm_zip *zip, const char *name)
{
    uint32_t index = ifm_name_map_find(&zip->names, name, strlen(name));
    return index == IFM_GRAPH_NONE ? NULL : &zip->entries[index];
}

static int inflate_entry(const struct ifm_zip *zip, const struct ifm_zip_entry *entry, unsigned char *out,
                         struct ifm_err *err)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)(zip->graph->map + entry->offset), .next_out = out,
                        .avail_in = (uInt)entry->stored, .avail_out = (uInt)entry->size };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return ifm_err_set(err, IFM_ERR_NOMEM, "zip", "out of memory");
    int state = inflate(&stream, Z_FINISH);
    bool whole = state == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return whole ? 0 : invalid(zip->graph, err, "a deflated entry does not unpack to its size");
}

int ifm_zip_bytes(const struct ifm_zip *zip, const struct ifm_zip_entry *entry, size_t max,
                  const unsigned char **bytes, size_t *len, struct ifm_err *err)
{
    if (max > UINT32_MAX)
        max = UINT32_MAX;
    if (entry->size > max || entry->stored > max)
        return ifm_err_set(err, IFM_ERR_TOO_LARGE, "zip", "entry \"%.60s\" has %llu bytes, the limit is %zu",
                           entry->name, (unsigned long long)entry->size, max);
    *len = (size_t)entry->size;
    if (entry->method == 0) {
        *bytes = zip->graph->map + entry->offset;
    } else if (entry->method == 8) {
        unsigned char *out = ifm_graph_alloc(zip->graph, *len + 1, 1, err);
        if (!out)
            return err ? err->code : IFM_ERR_NOMEM;
        int rc = inflate_entry(zip, entry, out, err);
        if (rc)
            return rc;
        *bytes = out;
    } else {
        return ifm_err_set(err, IFM_ERR_UNSUPPORTED, "zip", "entry \"%.60s\" is packed by method %u", entry->name,
                           entry->method);
    }
    if (crc32(0, *bytes, (uInt)*len) != entry->crc)
        return ifm_err_set(err, IFM_ERR_INVALID, "zip", "entry \"%.60s\" of %.80s is damaged (CRC)", entry->name,
                           zip->graph->path);
    return 0;
}

bool ifm_zip_scan(const unsigned char *bytes, size_t len, bool (*visit)(void *context, const char *name, size_t len),
                  void *context)
{
    struct directory directory;
    struct central central;
    if (len < 4 || load(bytes, 4) != 0x04034b50 || find_directory(bytes, len, &directory))
        return false;
    const unsigned char *at = bytes + directory.at;
    size_t left = (size_t)directory.bytes;
    for (uint64_t i = 0; i < directory.count && i < IFM_ZIP_ENTRIES_MAX; i++) {
        if (read_central(at, left, &central))
            return false;
        if (visit(context, (const char *)central.name, central.name_bytes))
            return true;
        at += central.bytes;
        left -= central.bytes;
    }
    return false;
}
