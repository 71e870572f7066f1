#!/usr/bin/env python3
"""Runs over recorded trees whose files change while they are read: energy per inference, a wrap, a throttled verdict.

The trees are stand-ins, made by hand: what is checked is the way from a file to a verdict, no machine.
"""
import json
import os
import shutil
import subprocess
import threading

from cli_lib import BUILD, SOURCE, CliCase, main

TREES = os.path.join(SOURCE, "tests", "data", "sysroot")


class Tree:
    """A copy of a recorded tree, and a thread that moves its counters on."""

    def __init__(self, name, folder):
        self.path = os.path.join(folder, name)
        shutil.copytree(os.path.join(TREES, name), self.path)
        self.steps, self.stop = [], threading.Event()

    def file(self, path):
        return os.path.join(self.path, path)

    def get(self, path):
        with open(self.file(path), encoding="ascii") as file:
            return int(file.read())

    def moves(self, path, by, wrap=None):
        self.steps.append([path, self.get(path), by, wrap])

    def step(self):
        for row in self.steps:
            path, value, by, wrap = row
            row[1] = value + by if wrap is None else (value + by) % wrap
            descriptor = os.open(self.file(path), os.O_WRONLY)  # in place: the kernel's files stay, too
            os.pwrite(descriptor, b"%-20d\n" % row[1], 0)
            os.close(descriptor)

    def run(self):
        while not self.stop.wait(0.005):
            self.step()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def found(body, key):
    """The first value of this name anywhere in a reply, or None."""
    if isinstance(body, dict):
        if key in body:
            return body[key]
        body = list(body.values())
    for part in body if isinstance(body, list) else []:
        value = found(part, key)
        if value is not None:
            return value
    return None


class SamplerTree(CliCase):
    def measure(self, tree, *more):
        result = self.cli("run", "--runtime", "sim", "-O", "latency=1ms", "--invocations", "2", "--iterations", "300",
                          "--warmup", "3", "--cooldown", "0", "--no-allocations", "--sysroot", tree.path, "--json", *more)
        self.assertEqual(result.status, 0, result)
        return result.json

    def test_energy_and_throttling_reach_the_verdict(self):
        tree = Tree("server-throttled", self.work)
        for zone in ("intel-rapl:0", "intel-rapl:1"):
            tree.moves(f"sys/class/powercap/{zone}/energy_uj", 250000)  # 50 W in steps of 5 ms
        for cpu in range(4):
            tree.moves(f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count", 1)
        with tree:
            body = self.measure(tree)
        self.assertIn("throttled", [finding["code"] for finding in found(body, "trust_findings")])
        rails = found(body["invocations"], "energy")
        self.assertEqual([rail["rail"] for rail in rails], ["package_0", "package_1"])  # the memory's counters stood still
        self.assertTrue(all(rail["counted"] and rail["energy_uj"] > 0 for rail in rails))

    def test_energy_that_does_not_move_is_absent(self):
        body = self.measure(Tree("server-throttled", self.work))
        self.assertIsNone(found(body["invocations"], "energy"))
        texts = [finding["text"] for finding in found(body, "trust_findings") if finding["code"] == "throttled"]
        self.assertEqual(len(texts), 1)  # no throttle counter moved, but the cooling devices hold the CPU back all along
        self.assertIn("held the CPU back to cool it, steps: 4", texts[0])
        self.assertIn("energy", found(body, "trust_unobserved"))

    def worker(self, tree, **spec):
        spec = {"v": 1, "runtime": "sim", "options": {"latency": "1ms"}, "iterations": 600, "duration_ns": 600000000,
                "warmup_iterations": 3, "sysroot": tree.path, **spec}
        done = subprocess.run([os.path.join(BUILD, "bin", "inferometer-worker")], input=json.dumps(spec) + "\n",
                              capture_output=True, text=True, timeout=60, check=False)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(done.returncode, 0, done.stderr)
        return next(event for event in events if event["event"] == "result")

    def test_a_counter_that_wraps_while_it_is_read_gives_the_same_power(self):
        tree = Tree("laptop-x86", self.work)
        tree.moves("sys/class/powercap/intel-rapl:0/energy_uj", 50000, 262143328850)  # wraps after about 7 steps
        tree.moves("sys/class/powercap/intel-rapl:0:0/energy_uj", 20000)
        with tree:
            result = self.worker(tree, threads=1, sampler_period_ns=10000000, idle_ns=200000000)
        rails = {rail["rail"]: rail for rail in result["energy"]}
        self.assertEqual(sorted(rails), ["core_0", "package_0"])  # the others stood still: absent, not zero
        package, core = rails["package_0"], rails["core_0"]
        self.assertTrue(package["counted"])
        self.assertFalse(core["counted"])
        self.assertGreaterEqual(package["window_ns"], result["steady_ns"])
        # both were moved by the same steps, so that their ratio is known whatever the machine does
        self.assertAlmostEqual(package["energy_uj"] / core["energy_uj"], 2.5, delta=0.5)
        self.assertGreater(package["idle_uw"], 0)
        groups = {group["sampler"]: group for group in result["lanes"]}
        if os.cpu_count() > 1 and len(os.sched_getaffinity(0)) > 1:
            self.assertFalse(groups["rapl"].get("sparse", False))
            self.assertGreater(package["updates"], 5)
        lane = next(lane for lane in groups["rapl"]["lanes"] if lane["name"] == "package_0_uj")
        self.assertEqual(lane["values"], sorted(lane["values"]))
        self.assertLess(lane["values"][-1], 262143328850)

    def test_a_clock_that_falls_and_a_zone_that_heats_are_in_the_lanes(self):
        tree = Tree("laptop-x86", self.work)
        for cpu in range(4):
            tree.moves(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq", -2000)
        tree.moves("sys/class/thermal/thermal_zone2/temp", 100)
        with tree:
            result = self.worker(tree, threads=1)
        lanes = {lane["name"]: lane["values"] for group in result["lanes"] for lane in group["lanes"]}
        self.assertLess(lanes["busy_khz"][-1], lanes["busy_khz"][0])
        self.assertGreater(lanes["max_mc"][-1], lanes["max_mc"][0])
        self.assertEqual(set(lanes["throttle_count"]), {0})
        self.assertNotIn("energy", result)

    def test_none_and_an_unknown_sampler(self):
        tree = Tree("arm-board", self.work)
        result = self.worker(tree, samplers=["none"])
        self.assertNotIn("lanes", result)
        wrong = self.cli("run", "--runtime", "sim", "--samplers", "thremal", "--invocations", "1", "--iterations", "5")
        self.assertEqual(wrong.status, 64, wrong)
        self.assertIn("did you mean thermal?", wrong.err)


if __name__ == "__main__":
    main()
