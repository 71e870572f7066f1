/* /problems/NAME: what each problem type means and what to do about it; the addresses that problem+json names. */
#include "daemon/routes/routes.h"

#include <string.h>

struct kind { const char *name, *text; };

/* Every name of the error map, and those that only HTTP has. */
static const struct kind kinds[] = {
    { "usage", "The request asks for something that cannot be asked for." },
    { "invalid-data", "A field of the message cannot be what it says. errors[].pointer is the JSON pointer of the field; "
                      "correct it and send the message again. Nothing was stored." },
    { "not-found", "There is nothing at this address: no such run, invocation or page is stored here." },
    { "conflict", "What is stored never changes. Something else is stored under this id already, or the run was closed "
                  "with other invocations than it says. Use a new run id, or send what is missing first." },
    { "too-large", "The message is larger than what is accepted: 8 MiB in all, 256 KiB outside the sample blocks. Send "
                   "invocations one by one, or samples as codec blocks." },
    { "unsupported-media-type", "The body must be application/json, plain or with Content-Encoding: gzip." },
    { "busy", "Too much is waiting to be written, or another request about this run was under way. Send the request again "
              "after Retry-After." },
    { "unavailable", "The daemon is starting or shutting down. Try again." },
    { "internal", "The daemon met something that it did not expect. Its log has the request_id." },
    { "input-output", "The disk could not be read or written, or the database is damaged. The daemon's log says more." },
    { "disk-full", "There is no room to store anything. What was acknowledged is kept, and can be read; make room." },
    { "permission", "This may not be done from here: a write that a page of another origin sent, or a file that the daemon "
                    "may not use." },
    { "configuration", "The daemon's settings or its data folder do not fit. Its log says what to change." },
    { "misdirected-request", "The Host header names none of this daemon's hosts. Allow it with --host." },
    { "method-not-allowed", "The address is there, but not for this method. Allow lists those that are." },
    { "out-of-memory", "There was not enough memory for this request. Try again, or ask for less." },
    { "timeout", "The request took too long to arrive." },
    { "bad-request", "The request cannot be read: a parameter that does not exist or has no such value, or a body that is "
                     "no JSON. The detail says which." },
    { "unsupported", "This daemon cannot do that." },
    { "measurement-failed", "A measurement failed." },
    { "wrong-output", "The outputs of a run are wrong." },
    { "memory-limit", "A measurement went over its memory limit." },
    { "interrupted", "The work was interrupted. Try again." },
    { "not-acceptable", "The reply cannot be given in the form that Accept asks for." },
    { "length-required", "A body needs Content-Length." },
    { "address-too-long", "The address is longer than what is accepted. Leave out filters." },
    { "headers-too-large", "The request's headers are larger than what is accepted." },
};

void ifm_routes_get_problem(struct ifm_request *request)
{
    const struct kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !kind; i++) {
        kind = strcmp(kinds[i].name, request->match.name) == 0 ? &kinds[i] : NULL;
    }
    if (!kind) {
        struct ifm_err err = IFM_ERR_INIT;
        ifm_err_set(&err, IFM_ERR_NOT_FOUND, "http", "there is no problem of that name");
        ifm_request_problem(request, 0, &err);
        return;
    }
    ifm_buf_addf(&request->reply.body,
                 "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title></head>\n"
                 "<body><h1>%s</h1>\n<p>%s</p>\n<p>The problem's <code>detail</code> says what it was this time; all "
                 "addresses stand in <a href=\"/openapi.json\">/openapi.json</a>.</p></body></html>\n",
                 kind->name, kind->name, kind->text);
    request->reply.status = 200;
    request->reply.type = "text/html; charset=utf-8";
}
