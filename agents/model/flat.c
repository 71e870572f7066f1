#include "agents/model/flat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fault(struct ifm_flat *flat, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct ifm_flat *flat, const char *format, ...)
{
    va_list args;
    if (flat->fault[0])
        return; /* what follows the first fault is its consequence */
    va_start(args, format);
    vsnprintf(flat->fault, sizeof flat->fault, format, args);
    va_end(args);
}

static bool inside(const struct ifm_flat *flat, uint64_t at, uint64_t bytes)
{
    return at <= flat->len && bytes <= flat->len - at;
}

/* Byte by byte: positions in a hostile file need not be aligned. */
static uint64_t load(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void ifm_flat_init(struct ifm_flat *flat, const unsigned char *bytes, size_t len)
{
    *flat = (struct ifm_flat){ .bytes = bytes, .len = len };
}

/* Where the unsigned offset at `at` leads. */
static size_t follow(struct ifm_flat *flat, size_t at)
{
    if (!inside(flat, at, 4)) {
        fault(flat, "an offset at byte %zu lies outside the file", at);
        return 0;
    }
    uint64_t target = at + load(flat->bytes + at, 4);
    if (target == at || !inside(flat, target, 4)) {
        fault(flat, "the offset at byte %zu leads outside the file", at);
        return 0;
    }
    return (size_t)target;
}

size_t ifm_flat_root(struct ifm_flat *flat)
{
    return follow(flat, 0);
}

/* Position of a field's value; 0: absent. `bytes` of it are in bounds of the table and the file. */
static size_t field_at(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes)
{
    if (!table || flat->fault[0])
        return 0;
    if (!inside(flat, table, 4)) {
        fault(flat, "a table at byte %zu lies outside the file", table);
        return 0;
    }
    int64_t vtable = (int64_t)table - (int32_t)(uint32_t)load(flat->bytes + table, 4);
    if (vtable < 0 || !inside(flat, (uint64_t)vtable, 4)) {
        fault(flat, "the table at byte %zu has its vtable outside the file", table);
        return 0;
    }
    const unsigned char *head = flat->bytes + vtable;
    uint64_t vtable_bytes = load(head, 2), table_bytes = load(head + 2, 2), slot = 4 + 2 * (uint64_t)field;
    if (vtable_bytes < 4 || vtable_bytes % 2 || !inside(flat, (uint64_t)vtable, vtable_bytes) ||
        table_bytes < 4 || !inside(flat, table, table_bytes)) {
        fault(flat, "the vtable at byte %lld is damaged", (long long)vtable);
        return 0;
    }
    uint64_t offset = slot + 2 <= vtable_bytes ? load(head + slot, 2) : 0;
    if (!offset)
        return 0;
    if (offset < 4 || offset + bytes > table_bytes) {
        fault(flat, "field %u of the table at byte %zu lies outside of it", field, table);
        return 0;
    }
    return table + (size_t)offset;
}

bool ifm_flat_has(struct ifm_flat *flat, size_t table, unsigned field)
{
    return field_at(flat, table, field, 1) != 0;
}

uint64_t ifm_flat_unsigned(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes,
                           uint64_t fallback)
{
    size_t at = field_at(flat, table, field, bytes);
    return at ? load(flat->bytes + at, bytes) : fallback;
}

int64_t ifm_flat_signed(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes,
                        int64_t fallback)
{
    size_t at = field_at(flat, table, field, bytes);
    if (!at)
        return fallback;
    uint64_t value = load(flat->bytes + at, bytes);
    unsigned spare = 64 - 8 * bytes;
    return (int64_t)(value << spare) >> spare;
}

double ifm_flat_float(struct ifm_flat *flat, size_t table, unsigned field, double fallback)
{
    size_t at = field_at(flat, table, field, 4);
    float value;
    if (!at)
        return fallback;
    uint32_t bits = (uint32_t)load(flat->bytes + at, 4);
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

const unsigned char *ifm_flat_struct(struct ifm_flat *flat, size_t table, unsigned field, unsigned bytes)
{
    size_t at = field_at(flat, table, field, bytes);
    return at ? flat->bytes + at : NULL;
}

size_t ifm_flat_table(struct ifm_flat *flat, size_t table, unsigned field)
{
    size_t at = field_at(flat, table, field, 4);
    return at ? follow(flat, at) : 0;
}

static struct ifm_flat_list list_at(struct ifm_flat *flat, size_t at, unsigned element_bytes, bool walked)
{
    struct ifm_flat_list list = { 0 };
    if (!at || !(at = follow(flat, at)))
        return list;
    uint64_t count = load(flat->bytes + at, 4), bytes = count * element_bytes;
    if (!inside(flat, at + 4, bytes)) {
        fault(flat, "the vector at byte %zu has %llu elements: more than the file", at,
              (unsigned long long)count);
        return list;
    }
    if (walked && (flat->work += bytes + 16) > IFM_FLAT_WORK_FACTOR * (uint64_t)flat->len + 4096) {
        fault(flat, "its vectors share their bytes so often that reading them would take too long");
        return list;
    }
    return (struct ifm_flat_list){ .at = at + 4, .count = (uint32_t)count, .present = true };
}

struct ifm_flat_list ifm_flat_list(struct ifm_flat *flat, size_t table, unsigned field,
                                   unsigned element_bytes)
{
    return list_at(flat, field_at(flat, table, field, 4), element_bytes, true);
}

struct ifm_flat_list ifm_flat_blob(struct ifm_flat *flat, size_t table, unsigned field)
{
    return list_at(flat, field_at(flat, table, field, 4), 1, false);
}

static struct ifm_flat_text as_text(const struct ifm_flat *flat, struct ifm_flat_list list)
{
    if (!list.present)
        return (struct ifm_flat_text){ "", 0 };
    return (struct ifm_flat_text){ (const char *)flat->bytes + list.at, list.count };
}

struct ifm_flat_text ifm_flat_text(struct ifm_flat *flat, size_t table, unsigned field)
{
    return as_text(flat, ifm_flat_list(flat, table, field, 1));
}

size_t ifm_flat_list_table(struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index)
{
    return flat->fault[0] ? 0 : follow(flat, list.at + 4 * (size_t)index);
}

struct ifm_flat_text ifm_flat_list_text(struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index)
{
    if (flat->fault[0])
        return (struct ifm_flat_text){ "", 0 };
    return as_text(flat, list_at(flat, list.at + 4 * (size_t)index, 1, true));
}

int32_t ifm_flat_list_i32(const struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index)
{
    return (int32_t)(uint32_t)load(flat->bytes + list.at + 4 * (size_t)index, 4);
}

int64_t ifm_flat_list_i64(const struct ifm_flat *flat, struct ifm_flat_list list, uint32_t index)
{
    return (int64_t)load(flat->bytes + list.at + 8 * (size_t)index, 8);
}
