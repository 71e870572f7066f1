/* UTF-8 checks, and making hostile text safe to show: the one place that decides what may reach a
 * terminal, a log line or an error sentence. Not a string library.
 *
 * Threading: pure functions. Ownership: all buffers are the caller's. */
#ifndef IFM_TEXT_H
#define IFM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes (1..4) of the well-formed UTF-8 character at text; 0 when it is malformed, overlong, a
 * surrogate or cut off by len. *code (if not NULL) gets the code point. */
size_t ifm_text_char(const char *text, size_t len, unsigned *code);
bool ifm_text_valid(const char *text, size_t len); /* all of it is UTF-8 without a NUL */

/* Control characters move a terminal's cursor, direction overrides make text read as what it is
 * not. */
bool ifm_text_unsafe(unsigned code);

/* Copies text into out[size], NUL-terminated: control characters, direction overrides and malformed
 * bytes become \xNN or \uNNNN; what does not fit is cut at a character boundary and ends in "…".
 * Returns the bytes written, without the NUL. size must be >= 8. */
size_t ifm_text_clip(char *out, size_t size, const char *text, size_t len);

#endif
