/* UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits; sorts by time of
 * making. Threading: safe. Randomness comes from getrandom(2). */
#ifndef IFM_UUID_H
#define IFM_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define IFM_UUID_BYTES 16
#define IFM_UUID_TEXT  37 /* 36 characters and the NUL */

int ifm_uuid_new(char text[IFM_UUID_TEXT]); /* 0, or -1 when no randomness can be had */
bool ifm_uuid_valid(const char *text);      /* 8-4-4-4-12 lower-case hex digits, any version */
int ifm_uuid_parse(const char *text, uint8_t out[IFM_UUID_BYTES]);
void ifm_uuid_format(const uint8_t bytes[IFM_UUID_BYTES], char text[IFM_UUID_TEXT]);

#endif
