#!/usr/bin/env python3
"""Runs a Python script with PyTorch on a machine without a GPU and without the vendor's GPU libraries.

    agents/prepare/torch_cpu.py SCRIPT [ARGUMENT]…

The packaged torch is linked with a dozen GPU libraries (over 2 GB) that nothing here calls. Empty libraries of those
names, compiled once into a cache folder, let the loader go on; calls are bound lazily, so that none is ever looked for.
torch comes from the installed runtime libtorch, other packages from what `deploy/fetch prepare export` brought.
"""

import os
import runpy
import subprocess
import sys

import common

ABSENT = ("libcublas.so.13", "libcublasLt.so.13", "libcuda.so.1", "libcudnn.so.9", "libcufft.so.12", "libcufile.so.0",
          "libcusolver.so.12", "libcusparse.so.12", "libcusparseLt.so.0", "libnccl.so.2", "libnvrtc.so.13",
          "libnvshmem_host.so.3")
# The one datum that is bound at once, with the version that the loader wants to see.
DATUM, VERSION = "nvshmem_selected_device_transport", "NVSHMEM"


def stand_ins():
    """Folder of the empty libraries, made when it is not there."""
    folder = common.cache("stand-ins-1")
    if all(os.path.exists(os.path.join(folder, name)) for name in ABSENT):
        return folder
    os.makedirs(folder, exist_ok=True)
    versions = os.path.join(folder, "versions")
    with open(versions, "w", encoding="utf-8") as file:
        file.write(f"{VERSION} {{ global: *; }};\n")
    for name in ABSENT:
        shmem = name.startswith("libnvshmem")
        source = f"char {DATUM}[4096];\n" if shmem else "typedef int nothing;\n"
        extra = [f"-Wl,--version-script={versions}"] if shmem else []
        temporary = os.path.join(folder, f"{name}.{os.getpid()}")
        try:
            subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", temporary, f"-Wl,-soname,{name}", *extra],
                           input=source.encode(), stderr=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise common.Failed(69, "gcc is needed to make stand-ins of the GPU libraries that torch is linked with") from error
        os.replace(temporary, os.path.join(folder, name))
    return folder


def environment(env):
    """env for a process that may import torch; such a process calls `lazy` first."""
    torch = common.newest("libtorch")
    if torch:
        folders = [stand_ins(), os.path.join(torch, "nvidia/cu13/lib"), env.get("LD_LIBRARY_PATH")]
        env = dict(env, LD_LIBRARY_PATH=os.pathsep.join(filter(None, folders)))
    return env


def lazy():
    sys.setdlopenflags(os.RTLD_LAZY)


def main():
    if len(sys.argv) < 2:
        raise common.Failed(64, "name a script to run")
    if os.environ.get("INFEROMETER_TORCH_CPU") != "1":  # the loader reads its path at the start of a process
        if not common.newest("libtorch"):
            raise common.Failed(69, "libtorch is not installed; run: inferometer runtime install libtorch")
        env = dict(common.environment(), INFEROMETER_TORCH_CPU="1")
        os.execve(sys.executable, [sys.executable, *sys.argv], env)
    lazy()
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    common.run(main)
