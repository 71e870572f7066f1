#include "core/uuid.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "core/clock.h"
#include "core/hash.h"

int ifm_uuid_new(char text[IFM_UUID_TEXT])
{
    uint8_t bytes[IFM_UUID_BYTES];
    ssize_t got;
    do { /* requests of up to 256 bytes are never cut short by a signal once the pool is ready */
        got = getrandom(bytes, sizeof bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof bytes) {
        text[0] = '\0';
        return -1;
    }
    uint64_t ms = (uint64_t)ifm_clock_wall_ms();
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* variant 10 */
    ifm_uuid_format(bytes, text);
    return 0;
}

static bool is_dash_place(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ifm_uuid_valid(const char *text)
{
    if (!text)
        return false;
    for (int i = 0; i < IFM_UUID_TEXT - 1;
         i++) /* a NUL inside fails here, before what follows is read */
        if (is_dash_place(i) ? text[i] != '-' : hex_value(text[i]) < 0)
            return false;
    return text[IFM_UUID_TEXT - 1] == '\0';
}

int ifm_uuid_parse(const char *text, uint8_t out[IFM_UUID_BYTES])
{
    if (!ifm_uuid_valid(text))
        return -1;
    for (int i = 0, digit = 0; i < IFM_UUID_TEXT - 1; i++) {
        if (is_dash_place(i))
            continue;
        int value = hex_value(text[i]);
        if (digit % 2 == 0)
            out[digit / 2] = (uint8_t)(value << 4);
        else
            out[digit / 2] = (uint8_t)(out[digit / 2] | value);
        digit++;
    }
    return 0;
}

void ifm_uuid_format(const uint8_t bytes[IFM_UUID_BYTES], char text[IFM_UUID_TEXT])
{
    char digits[2 * IFM_UUID_BYTES + 1];
    ifm_hash_hex(bytes, IFM_UUID_BYTES, digits);
    for (int i = 0, digit = 0; i < IFM_UUID_TEXT - 1; i++)
        text[i] = is_dash_place(i) ? '-' : digits[digit++];
    text[IFM_UUID_TEXT - 1] = '\0';
}
