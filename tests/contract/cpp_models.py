#!/usr/bin/env python3
"""Makes the tiny models that the tests of the runtimes executorch and libtorch use; run by torch_cpu.py.
Usage: cpp_models.py FOLDER [executorch] [libtorch] [aot] [bench]. Exit 77, with the reason, where a package is missing.
Each model has a known answer, so that a test needs no reference file: y = relu(x) * 2 + 1 and its like."""
import os
import sys


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


try:
    import torch
except ImportError as error:
    skip(f"torch cannot be imported ({error}); run: inferometer runtime install libtorch; deploy/fetch prepare export")


class Affine(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x) * 2 + 1


class Net(torch.nn.Module):
    """A convolution and a linear layer: what backends take."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.line = torch.nn.Linear(4 * 28 * 28, 10)

    def forward(self, x):
        return self.line(torch.relu(self.conv(x)).flatten(1))


class Bench(torch.nn.Module):
    """Some milliseconds of work, for benchmarks."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        sizes = [3, 16, 32, 64, 64]
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(sizes, sizes[1:]))
        self.line = torch.nn.Linear(64, 10)

    def forward(self, x):
        for conv in self.convs:
            x = torch.relu(conv(x))
        return self.line(x.mean((2, 3)))


class Two(torch.nn.Module):
    """Two outputs, one of whole numbers, and an input that is a number."""

    def forward(self, x: torch.Tensor, sr: int):
        return x * sr, torch.argmax(x, dim=1)


class Named(torch.nn.Module):
    def forward(self, x: torch.Tensor):
        return {"sum": x.sum(dim=1), "twice": x * 2}


def executorch(folder):
    try:
        from executorch.exir import to_edge, to_edge_transform_and_lower
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    except ImportError as error:
        skip(f"executorch cannot be imported ({error})")

    def save(name, program):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(program.to_executorch().buffer)

    def export(net, args, **more):
        return torch.export.export(net.eval(), args, **more)

    image = (torch.rand(1, 1, 28, 28),)
    save("affine.pte", to_edge(export(Affine(), (torch.rand(2, 3),))))
    batch = torch.export.Dim("n", min=1, max=8)
    save("bounded.pte", to_edge(export(Affine(), (torch.rand(4, 3),), dynamic_shapes={"x": {0: batch}})))
    save("net.pte", to_edge(export(Net(), image)))
    save("net-xnnpack.pte", to_edge_transform_and_lower(export(Net(), image), partitioner=[XnnpackPartitioner()]))


def libtorch(folder):
    for name, net, args in (("affine.pt", Affine(), (torch.rand(2, 3),)), ("net.pt", Net(), (torch.rand(1, 1, 28, 28),))):
        torch.jit.trace(net.eval(), args).save(os.path.join(folder, name))
    torch.jit.script(Two()).save(os.path.join(folder, "two.pt"))
    torch.jit.script(Named()).save(os.path.join(folder, "named.pt"))


def bench(folder):
    from executorch.exir import to_edge_transform_and_lower
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    net, args = Bench().eval(), (torch.rand(1, 3, 224, 224),)
    torch.jit.trace(net, args).save(os.path.join(folder, "bench.pt"))
    program = to_edge_transform_and_lower(torch.export.export(net, args), partitioner=[XnnpackPartitioner()])
    with open(os.path.join(folder, "bench.pte"), "wb") as file:
        file.write(program.to_executorch().buffer)


def aot(folder):
    program = torch.export.export(Net().eval(), (torch.rand(1, 1, 28, 28),))
    torch._inductor.aoti_compile_and_package(program, package_path=os.path.join(folder, "net.pt2"))


def main():
    folder, kinds = sys.argv[1], sys.argv[2:] or ["executorch", "libtorch", "aot"]
    os.makedirs(folder, exist_ok=True)
    with torch.no_grad():
        for kind in kinds:
            {"executorch": executorch, "libtorch": libtorch, "aot": aot, "bench": bench}[kind](folder)


if __name__ == "__main__":
    main()
