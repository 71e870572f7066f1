#include "core/trust.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"

const char *ifm_trust_code_name(enum ifm_trust_code code)
{
    static const char *const names[] = {
#define X(symbol, code) code,
        IFM_TRUST_CODES(X)
#undef X
    };
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

const char *ifm_trust_remedy(enum ifm_trust_code code)
{
    (void)code;
    return "";
}

int ifm_trust_assess(const struct ifm_msg_run *run, const struct ifm_trust_item *items, size_t count,
                     struct ifm_trust *out, struct ifm_err *err)
{
    (void)run;
    (void)items;
    (void)count;
    (void)err;
    memset(out, 0, sizeof *out); /* not assessed */
    return 0;
}

int ifm_trust_store(struct ifm_trust *trust, struct ifm_msg_run *run, struct ifm_err *err)
{
    (void)err;
    run->trust = (int)trust->state;
    return 0;
}

void ifm_trust_done(struct ifm_trust *trust)
{
    memset(trust, 0, sizeof *trust);
}

void ifm_trust_line(const struct ifm_msg_run *run, char *text, size_t size)
{
    static const char *const words[] = { "not assessed", "trusted", "caution", "untrusted" };
    snprintf(text, size, "%s", words[run->trust & 3]);
}
