/* What C++ modules share: the fence that no exception passes, and the sentence that is made of one.
 * A C++ runtime has no C ABI, so its module is compiled against that version's own headers when the
 * runtime is installed (deploy/build_module); this header is compiled with it and includes the
 * standard library alone.
 *
 * Threading: as the slot it is used in. Ownership: nothing is kept but text. Errors: a slot that
 * ends in an exception returns -1 after host->fail got one sentence. */
#ifndef IFM_RUNTIME_SHIM_HPP
#define IFM_RUNTIME_SHIM_HPP

#include <cctype>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include "inferometer/runtime.h"

namespace ifm
{

/* What a module throws itself: the text is already the sentence for the user. */
struct problem : std::runtime_error {
    explicit problem(const std::string &text, int code = -1)
        : std::runtime_error(text), status(code)
    {
    }
    int status; /* what the slot returns */
};

/* The first line of a vendor's message that says something, without what only the vendor's own
 * developers use: places in its source and stack traces. Empty in, a word out. */
inline std::string first_line(const char *text)
{
    std::string all = text ? text : "", line;
    for (size_t from = 0; line.empty() && from < all.size();) {
        const size_t end = std::min(all.find('\n', from), all.size());
        line = all.substr(from, end - from);
        from = end + 1;
        const size_t start = line.find_first_not_of(" \t\r");
        line = start == std::string::npos ? "" : line.substr(start);
    }
    const size_t trace = line.find(" (Exception raised from");
    line = trace == std::string::npos ? line : line.substr(0, trace);
    for (char &c : line) {
        c = static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
    return line.empty() ? "no reason given" : line;
}

/* Runs a slot's body; whatever it throws becomes `what` and the sentence. */
template <class Body> int guard(std::string &what, Body body) noexcept
{
    try {
        return body();
    } catch (const problem &e) {
        what = e.what();
        return e.status;
    } catch (const std::bad_alloc &) {
        what = "out of memory";
    } catch (const std::exception &e) {
        what = first_line(e.what());
    } catch (...) {
        what = "the runtime threw something that is no exception";
    }
    return -1;
}

/* The same for slots that report through the host; `context` says what was being done, "" for
 * nothing. */
template <class Body>
int fence(const struct ifm_host *host, const char *context, Body body) noexcept
{
    std::string what;
    const int status = guard(what, body);
    if (status != 0) {
        host->fail(host->context, "%s%s%s", context, *context ? ": " : "", what.c_str());
    }
    return status;
}

/* Row-major copy of an array whose dimensions lie in memory as `strides` (in elements) say. */
inline void densify(char *to, const char *from, const struct ifm_tensor &t, const int64_t *strides,
                    size_t width)
{
    int64_t at[IFM_MAX_RANK] = { 0 };
    for (size_t n = t.bytes / width; n > 0; n--, to += width) {
        int64_t offset = 0;
        for (int32_t d = 0; d < t.rank; d++) {
            offset += at[d] * strides[d];
        }
        std::memcpy(to, from + offset * static_cast<int64_t>(width), width);
        for (int32_t d = t.rank - 1; d >= 0 && ++at[d] == t.dims[d]; d--) {
            at[d] = 0;
        }
    }
}

/* Bytes of one element; 0 for NONE. */
inline size_t width_of(enum ifm_dtype type)
{
    switch (type) {
    case IFM_DTYPE_F64:
    case IFM_DTYPE_I64:
    case IFM_DTYPE_U64:
        return 8;
    case IFM_DTYPE_F32:
    case IFM_DTYPE_I32:
    case IFM_DTYPE_U32:
        return 4;
    case IFM_DTYPE_F16:
    case IFM_DTYPE_BF16:
    case IFM_DTYPE_I16:
    case IFM_DTYPE_U16:
        return 2;
    case IFM_DTYPE_I8:
    case IFM_DTYPE_U8:
    case IFM_DTYPE_BOOL:
        return 1;
    default:
        return 0;
    }
}

} // namespace ifm
#endif
