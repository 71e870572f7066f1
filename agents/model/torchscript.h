/* Parts of the reader of TorchScript archives: what the code in them says. The code is text; it is searched, never
 * run. Private to agents/model.
 *
 * Threading: one thread. Ownership: texts lie in the archive (mapped or in the arena). Errors: as graph.h. */
#ifndef IFM_TORCHSCRIPT_H
#define IFM_TORCHSCRIPT_H

#include "agents/model/graph.h"

struct ifm_torch_code {
    const char *text;
    size_t len;
};

/* The text of `class NAME(…):` up to the next class; len 0: none. */
struct ifm_torch_code ifm_torch_class(struct ifm_torch_code file, const char *name, size_t name_len);
/* Whether the class lists `name` in __parameters__ or __buffers__ (given by `list`). */
bool ifm_torch_listed(struct ifm_torch_code class_text, const char *list, const char *name, size_t name_len);
/* Tensors of the arguments and results of a class's forward, as inputs and outputs of the graph. */
int ifm_torch_signature(struct ifm_graph *graph, struct ifm_torch_code class_text, struct ifm_err *err);
/* A node for every call of an operator in the text: `torch.conv2d(` is aten::conv2d, `ops.ns.name(` ns::name. */
int ifm_torch_operators(struct ifm_graph *graph, struct ifm_torch_code file, struct ifm_err *err);

#endif
