/* Options of the sim runtime, and its tensors' shapes from text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "agents/runtimes/sim.h"

#define ROW(field, opt, kind, dflt, lo, hi, val, text)                                             \
    {                                                                                              \
        .name = opt, .type = kind, .offset = offsetof(struct sim_state, field), .fallback = dflt,  \
        .min = lo, .max = hi, .value = val, .help = text                                           \
    }
#define AT(field, opt, text) ROW(field, opt, IFM_OPT_INT, "0", 0, MOST, "N", text " (0: never)")
#define MOST                 INT64_MAX
#define HOUR                 INT64_C(3600000000000)

const struct ifm_option sim_options[] = {
    ROW(law.latency, "latency", IFM_OPT_DURATION, "100us", 0, HOUR, "TIME", "time of one inference"),
    { "distribution", IFM_OPT_CHOICE, offsetof(struct sim_state, law.kind), "constant", 0, 0,
      "constant|normal|lognormal|bimodal", "LAW", "law of the latency", 0 },
    ROW(law.sd, "sd", IFM_OPT_DOUBLE, "0.03", 0, 10, "X", "spread, as a part of the latency"),
    ROW(law.between_sd, "between-sd", IFM_OPT_DOUBLE, "0", 0, 10, "X", "spread between processes"),
    ROW(law.outliers, "outliers", IFM_OPT_DOUBLE, "0", 0, 1, "X", "part of the runs that are slow"),
    ROW(law.outlier_factor, "outlier-factor", IFM_OPT_DOUBLE, "5", 0, 1000, "X", "how slow those are"),
    ROW(law.correlation, "correlation", IFM_OPT_DOUBLE, "0", -1, 1, "X", "of a run with the next"),
    ROW(law.step_at, "step-at", IFM_OPT_INT, "0", 0, MOST, "N", "run with which all get slower"),
    ROW(law.step_factor, "step-factor", IFM_OPT_DOUBLE, "1.2", 0, 1000, "X", "how slow those are"),
    ROW(law.drift, "drift", IFM_OPT_DOUBLE, "0", -1, 1000, "X", "growth of the latency per second"),
    ROW(law.warmup_iterations, "warmup-iterations", IFM_OPT_INT, "0", 0, MOST, "N", "slow first runs"),
    ROW(law.warmup_factor, "warmup-factor", IFM_OPT_DOUBLE, "3", 0, 1000, "X", "how slow those are"),
    ROW(load_time, "load-time", IFM_OPT_DURATION, "0s", 0, HOUR, "TIME", "time that opening takes"),
    ROW(memory, "memory", IFM_OPT_SIZE, "0", 0, MOST, "SIZE", "bytes held from opening on"),
    ROW(leak, "leak", IFM_OPT_SIZE, "0", 0, MOST, "SIZE", "bytes lost in each run"),
    ROW(work, "work", IFM_OPT_INT, "0", 0, MOST, "N", "steps of arithmetic in each run"),
    ROW(alloc, "alloc", IFM_OPT_INT, "0", 0, 1000000, "N", "blocks of 100 bytes in each run"),
    AT(fail_at, "fail-at", "run that returns an error"),
    AT(crash_at, "crash-at", "run that reads a bad address"),
    AT(abort_at, "abort-at", "run that aborts"),
    AT(hang_at, "hang-at", "run that never returns"),
    AT(exit_at, "exit-at", "run that ends the process"),
    ROW(exit_status, "exit-status", IFM_OPT_INT, "3", 0, 255, "N", "exit status for exit-at"),
    AT(oom_at, "oom-at", "run that takes memory without end"),
    ROW(wrong_outputs, "wrong-outputs", IFM_OPT_BOOL, "false", 0, 0, NULL,
        "outputs are off by one"),
    ROW(nan_outputs, "nan-outputs", IFM_OPT_BOOL, "false", 0, 0, NULL, "outputs begin with NaN"),
    ROW(sleep, "sleep", IFM_OPT_BOOL, "false", 0, 0, NULL, "sleep instead of spinning"),
    ROW(chatter, "chatter", IFM_OPT_BOOL, "false", 0, 0, NULL, "print to stdout in each run"),
    ROW(profile_factor, "profile-factor", IFM_OPT_DOUBLE, "1.05", 0, 1000, "X",
        "how much a profiler slows a run"),
    ROW(servers, "servers", IFM_OPT_INT, "1", 1, 1024, "N", "answer submitted runs in parallel"),
    ROW(seed, "seed", IFM_OPT_INT, "0", 0, MOST, "N", "of the law; 0: new in each process"),
    ROW(input_shapes, "inputs", IFM_OPT_LIST, NULL, 0, 0, "SHAPE",
        "an input, e.g. 1x3x8 or i64:?x4"),
    ROW(output_shapes, "outputs", IFM_OPT_LIST, NULL, 0, 0, "SHAPE",
        "an output; default: as the inputs"),
    IFM_OPTION_END,
};

static const char *const input_names[] = { "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7" };
static const char *const output_names[] = { "y0", "y1", "y2", "y3", "y4", "y5", "y6", "y7" };

/* One dimension: a number of at least 1, or ? for a dynamic one (-1). Returns its end, NULL if it
 * is neither. */
static const char *parse_dim(const char *text, int64_t *dim)
{
    char *end = NULL;
    *dim = -1;
    if (*text == '?') {
        return text + 1;
    }
    errno = 0;
    *dim = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    return errno || *dim < 1 || *dim > 1 << 28 ? NULL : end;
}

/* "1x3x8", "?x4", "i64:2", "f32:" (a scalar). */
static int parse_shape(const char *text, struct ifm_tensor_info *info)
{
    info->dtype = strncmp(text, "i64:", 4) == 0 ? IFM_DTYPE_I64 : IFM_DTYPE_F32;
    if (info->dtype == IFM_DTYPE_I64 || strncmp(text, "f32:", 4) == 0) {
        text += 4;
        if (!*text) {
            return 0;
        }
    }
    for (;;) {
        text = info->rank < IFM_MAX_RANK ? parse_dim(text, &info->dims[info->rank]) : NULL;
        if (!text || (*text && *text != 'x')) {
            return -1;
        }
        info->rank++;
        if (!*text) {
            return 0;
        }
        text++;
    }
}

static int make_infos(const struct ifm_host *host, const struct ifm_option_list *shapes,
                      const char *const *names, struct ifm_tensor_info *infos, size_t *count)
{
    *count = shapes->count ? shapes->count : 1;
    if (*count > TENSORS_MAX) {
        return host->fail(host->context, "at most %d inputs or outputs, not %zu", TENSORS_MAX,
                          *count);
    }
    for (size_t i = 0; i < *count; i++) {
        const char *text = shapes->count ? shapes->items[i] : "1x16";
        if (parse_shape(text, &infos[i]) != 0) {
            return host->fail(host->context, "'%.40s' is not a shape; write e.g. 1x3x8 or i64:?x4",
                              text);
        }
        infos[i].name = names[i];
        infos[i].dim_names[0] = infos[i].rank && infos[i].dims[0] < 0 ? "batch" : NULL;
    }
    return 0;
}

int sim_shapes(struct sim_state *s, const struct ifm_host *host)
{
    const struct ifm_option_list *out =
        s->output_shapes.count ? &s->output_shapes : &s->input_shapes;
    const int code = make_infos(host, &s->input_shapes, input_names, s->in_info, &s->in_count);
    return code != 0 ? code : make_infos(host, out, output_names, s->out_info, &s->out_count);
}
