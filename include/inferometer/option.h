/* One option row serves every program and plug-in: from it come parsing, range checks, --help, man pages,
 * shell completion and the JSON that a job form is drawn from. Plug-ins declare a const array of rows; the
 * host writes the parsed value at `offset` inside the plug-in's state before any slot is called.
 *
 * Threading: rows are const. Ownership: strings and list items are borrowed from the host and stay valid
 * until the plug-in's close slot has returned. This header includes libc alone. */
#ifndef INFEROMETER_OPTION_H
#define INFEROMETER_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ifm_option_type {
    IFM_OPT_BOOL,     /* bool; a bare --name means true, --no-name false */
    IFM_OPT_INT,      /* int64_t within [min, max] */
    IFM_OPT_DOUBLE,   /* double within [min, max] */
    IFM_OPT_STRING,   /* const char *, at most `max` bytes (0: 4096) */
    IFM_OPT_DURATION, /* int64_t nanoseconds within [min, max]; text like 500ms, 3s, 1m */
    IFM_OPT_SIZE,     /* int64_t bytes within [min, max]; text like 1.5GB, 64MiB */
    IFM_OPT_CHOICE,   /* int, the index of the word in `choices` ("off|basic|all") */
    IFM_OPT_LIST      /* struct ifm_option_list, one item for each time the option is given */
};

struct ifm_option_list {
    const char **items;
    size_t count;
};

struct ifm_option {
    const char *name; /* long name without dashes, words joined by '-' */
    enum ifm_option_type type;
    size_t offset;       /* of the value in the owner's struct; the type of that field is given above */
    const char *fallback; /* default in the text form a user would type; NULL: zero, NULL or empty */
    int64_t min, max;    /* both 0: unbounded (except STRING, see above) */
    const char *choices; /* CHOICE only */
    const char *value;   /* what stands for the value in help, e.g. "FILE"; NULL for BOOL */
    const char *help;    /* one line, lower case, no full stop */
    char letter;         /* short form, 0 for none */
};

#ifdef __cplusplus
#define IFM_OPTION_END {}
#else
#define IFM_OPTION_END { .name = NULL }
#endif

#ifdef __cplusplus
}
#endif
#endif
