/* Every byte of small model files flipped, and every length cut, through the readers of model files: a mutant may be
 * read or refused with a sentence; it may not crash, hang, leak or take more memory than its size explains. Most useful
 * under the address sanitizer.
 *   model_mutants FILE…        these files: every byte (of large ones, steps that give MUTANTS_MAX)
 *   model_mutants --facts FILE prints what was read, for tests that compare it
 *   model_mutants --time FILE  median of TIMES openings, in microseconds
 *   model_mutants              the models in build/models; 77 when there are none
 * With -DIFM_LIBFUZZER it is an entry for libFuzzer instead. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agents/model/graph.h"
#include "core/text.h"

#define MUTANTS_MAX    20000
#define CUTS_MAX       2000
#define TIMES          21
#define DEFAULT_FACTOR 10 /* fewer without arguments: seconds, not minutes */

static int memory = -1; /* a file in memory that holds the mutant */
static char path[64];

static void write_all(const unsigned char *bytes, size_t len)
{
    if (ftruncate(memory, 0) || ftruncate(memory, (off_t)len) ||
        pwrite(memory, bytes, len, 0) != (ssize_t)len) {
        perror("memfd");
        exit(1);
    }
}

static void make_file(void)
{
    memory = memfd_create("mutant", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
}

/* 1: read, 0: refused. */
static int try_open(const char *which)
{
    struct ifm_graph graph;
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_graph_open(which, &graph, &err)) {
        if (err.code >= 0 || !err.text[0] || !ifm_text_valid(err.text, strlen(err.text))) {
            printf("FAIL: refused without a sentence (code %d, \"%s\")\n", err.code, err.text);
            abort();
        }
        return 0;
    }
    for (size_t i = 0; i < graph.node_count; i++) {
        const struct ifm_graph_node *node = &graph.nodes[i];
        for (size_t j = 0; j < node->input_count; j++)
            if (node->inputs[j] != IFM_GRAPH_NONE && node->inputs[j] >= graph.tensor_count)
                abort();
        for (size_t j = 0; j < node->output_count; j++)
            if (node->outputs[j] != IFM_GRAPH_NONE && node->outputs[j] >= graph.tensor_count)
                abort();
    }
    volatile unsigned char sink = 0;
    for (size_t i = 0; i < graph.tensor_count; i++) { /* what is said to be inline must be readable */
        const struct ifm_graph_tensor *tensor = &graph.tensors[i];
        if (tensor->data && tensor->bytes > 0)
            sink = (unsigned char)(sink ^ tensor->data[0] ^ tensor->data[tensor->bytes - 1]);
    }
    ifm_graph_done(&graph);
    return 1;
}

#ifdef IFM_LIBFUZZER
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
    if (memory < 0)
        make_file();
    write_all(bytes, len);
    try_open(path);
    return 0;
}
#else
static unsigned char *load(const char *name, size_t *len)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*len ? *len : 1);
    if (!bytes || fread(bytes, 1, *len, file) != *len)
        exit(1);
    fclose(file);
    return bytes;
}

static int mutate(const char *name, size_t factor)
{
    static const unsigned char flips[] = { 0xff, 0x01, 0x80 };
    size_t len, read = 0, refused = 0, cut = 0;
    unsigned char *bytes = load(name, &len);
    if (!bytes)
        return -1;
    size_t step = len / (MUTANTS_MAX / factor) + 1, cut_step = len / (CUTS_MAX / factor) + 1;
    write_all(bytes, len);
    if (!try_open(path))
        printf("%s: not understood without its name or its neighbours\n", name);
    for (size_t at = 0; at < len; at += step) {
        for (size_t i = 0; i < sizeof flips; i++) {
            unsigned char changed = (unsigned char)(bytes[at] ^ flips[i]);
            if (pwrite(memory, &changed, 1, (off_t)at) != 1)
                return -1;
            if (try_open(path))
                read++;
            else
                refused++;
        }
        if (pwrite(memory, bytes + at, 1, (off_t)at) != 1)
            return -1;
    }
    for (size_t at = len; at > 0; at = at > cut_step ? at - cut_step : 0, cut++) {
        if (ftruncate(memory, (off_t)(at - 1)))
            return -1;
        try_open(path);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s: %zu mutants read, %zu refused, %zu cuts, peak %ld MB\n", name, read, refused, cut,
           usage.ru_maxrss / 1024);
    free(bytes);
    return 0;
}

static void number(const char *name, int64_t value)
{
    if (value == IFM_GRAPH_UNKNOWN)
        printf("%s null\n", name);
    else
        printf("%s %lld\n", name, (long long)value);
}

static long own_memory_kb(const char *field)
{
    char line[200];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            value = strtol(line + strlen(field) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static void print_tensor(const char *what, const struct ifm_graph_tensor *tensor)
{
    printf("%s %s %s", what, tensor->name, tensor->type[0] ? tensor->type : "-");
    for (int32_t d = 0; d < tensor->rank && d < IFM_MAX_RANK; d++)
        printf(" %lld", (long long)tensor->dims[d]);
    printf("\n");
}

static int facts(const char *name)
{
    struct ifm_graph graph;
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_graph_open(name, &graph, &err)) {
        printf("error %d %s\n", err.code, err.text);
        return 1;
    }
    printf("format %s\nversion %s\n", graph.format, graph.format_version ? graph.format_version : "-");
    number("nodes", (int64_t)graph.node_count);
    number("subgraphs", (int64_t)graph.subgraph_count);
    number("parameters", graph.parameters);
    number("buffers", graph.buffers);
    number("weight_bytes", graph.weight_bytes);
    number("macs", graph.macs);
    number("macs_unknown", graph.macs_unknown);
    number("activation_bytes", graph.activation_bytes);
    number("quantized", graph.quantized);
    for (size_t i = 0; i < graph.type_count; i++)
        printf("type %s %lld %lld %lld\n", graph.types[i].type, (long long)graph.types[i].tensors,
               (long long)graph.types[i].elements, (long long)graph.types[i].bytes);
    for (size_t i = 0; i < graph.op_count; i++)
        printf("op %s %lld\n", graph.ops[i].op, (long long)graph.ops[i].count);
    for (size_t i = 0; i < graph.input_count; i++)
        print_tensor("input", &graph.tensors[graph.inputs[i]]);
    for (size_t i = 0; i < graph.output_count; i++)
        print_tensor("output", &graph.tensors[graph.outputs[i]]);
    for (size_t i = 0; i < graph.metadata_count; i++)
        printf("metadata %s = %s\n", graph.metadata[i].key, graph.metadata[i].value);
    for (size_t i = 0; i < graph.problem_count; i++)
        printf("problem %s %s\n", graph.problems[i].code, graph.problems[i].text);
    number("peak_kb", own_memory_kb("VmHWM:"));
    number("anonymous_kb", own_memory_kb("RssAnon:"));
    ifm_graph_done(&graph);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int measure(const char *name)
{
    double spent[TIMES];
    for (int i = 0; i < TIMES; i++) {
        struct timespec begin, end;
        struct ifm_graph graph;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        if (ifm_graph_open(name, &graph, NULL))
            return 1;
        ifm_graph_done(&graph);
        clock_gettime(CLOCK_MONOTONIC, &end);
        spent[i] = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
    }
    qsort(spent, TIMES, sizeof *spent, by_size);
    printf("microseconds %.1f\npeak_kb %ld\n", spent[TIMES / 2], own_memory_kb("VmHWM:"));
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = { "nmp.tflite", "nmp.onnx", "nmp.ort", "fashion.pte", "fashion.pt", "fashion.pt2",
                                            "nmp.xml" };
    int done = 0;
    if (argc == 3 && strcmp(argv[1], "--facts") == 0)
        return facts(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--time") == 0)
        return measure(argv[2]);
    make_file();
    for (int i = 1; i < argc; i++)
        if (mutate(argv[i], 1))
            return 1;
    const char *root = getenv("IFM_SOURCE_DIR");
    for (size_t i = 0; argc == 1 && i < sizeof defaults / sizeof *defaults; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/build/models/%s", root ? root : ".", defaults[i]);
        done += mutate(name, DEFAULT_FACTOR) == 0;
    }
    if (argc == 1 && !done) {
        puts("skipped: no models in build/models: run deploy/fetch models");
        return 77;
    }
    return 0;
}
#endif
