"""Runtimes as a user manages them: listed, installed, removed, in versions side by side, broken."""
import csv
import glob
import json
import os
import platform
import shutil

from cli_lib import BUILD, SOURCE, CliCase, main, model

CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/"), ".cache")
LOCK = os.path.join(SOURCE, "deploy", "deps.lock")
KNOWN = {"onnxruntime", "litert", "openvino", "executorch", "libtorch", "null", "sim", "exec", "tensorrt", "coreml"}


def rows():
    with open(LOCK, encoding="utf-8") as file:
        return [line.split("|") for line in file if not line.startswith("#") and line.count("|") >= 9]


def cached(group):
    """Whether everything of the group that is for this machine is in the cache of downloads."""
    wanted = [row for row in rows() if group in row[0].split(",") and row[1] != "apt" and
              row[4] in ("any", platform.machine())]
    return bool(wanted) and all(os.path.exists(os.path.join(CACHE, "inferometer", "deps", row[5], row[6])) for row in wanted)


class Runtimes(CliCase):
    """An empty folder of runtimes; `shared` is the one that the machine has."""

    def setUp(self):
        super().setUp()
        self.shared = self.env["INFEROMETER_RUNTIME_DIR"]
        self.own = os.path.join(self.folder, "runtimes")
        self.env.update(INFEROMETER_RUNTIME_DIR=self.own, INFEROMETER_FETCH=os.path.join(SOURCE, "deploy", "fetch"))

    def items(self, **more):
        return self.ok("runtime", "list", "--json", **more).json["items"]

    def item(self, name, version=None, **more):
        found = [i for i in self.items(**more) if i["name"] == name and version in (None, i["version"])]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def put(self, name, version, text=None, library=True):
        """A folder as the installer leaves one, with a library that is none."""
        folder = os.path.join(self.own, name, version)
        os.makedirs(folder)
        if text is None:
            text = json.dumps({"name": name, "version": version, "library": "lib.so", "preloads": []})
        if text:
            with open(os.path.join(folder, "runtime.json"), "w", encoding="utf-8") as file:
                file.write(text)
        if library:
            with open(os.path.join(folder, "lib.so"), "wb") as file:
                file.write(b"no library" * 1000)
        with open(os.path.join(folder, ".unpacked"), "w", encoding="utf-8") as file:
            file.write("# a stamp\n")
        return folder

    def cache(self, group):
        if not cached(group):
            self.skipTest(f"{group} is not in the cache of downloads; run: deploy/fetch {group}")
        return {"XDG_CACHE_HOME": CACHE}

    def installed(self, name, version):
        folder = os.path.join(self.shared, name, version)
        if not os.path.exists(os.path.join(folder, "runtime.json")):
            self.skipTest(f"{name} {version} is not installed; run: inferometer runtime install {name}@{version}")
        return folder


class List(Runtimes):
    def test_every_known_runtime_is_named(self):
        items = {i["name"]: i for i in self.items()}
        self.assertLessEqual(KNOWN, set(items))
        for name in ("null", "sim", "exec"):
            self.assertEqual((items[name]["kind"], items[name]["state"], items[name]["available"]), ("built_in", "ready", True))
        for name in ("tensorrt", "coreml"):
            self.assertEqual((items[name]["state"], items[name]["available"]), ("planned", False))
            self.assertIsNone(items[name]["remedy"])
        for name in ("executorch", "libtorch"):
            self.assertEqual((items[name]["state"], items[name]["remedy"]), ("missing", f"inferometer runtime install {name}"))
            self.assertIn(f"missing; run: inferometer runtime install {name}\n", self.ok("runtime", "list").out)

    def test_every_format_says_the_same(self):
        self.put("onnxruntime", "1.2.3", library=False)
        items = self.items()
        lines = [json.loads(line) for line in self.ok("runtime", "list", "--format", "ndjson").out.splitlines()]
        self.assertEqual(lines, items)
        table = list(csv.DictReader(self.ok("runtimes", "--format", "csv").out.splitlines()))
        self.assertEqual([(r["runtime"], r["version"], r["state"]) for r in table],
                         [(i["name"], i["version"] or "", i["state"]) for i in items])
        md = self.ok("runtime", "list", "--format", "md").out.splitlines()
        self.assertEqual(len(md), len(items) + 2)
        self.assertEqual({line.count("|") for line in md}, {11})

    def test_folders_that_cannot_be_used_say_why_and_what_to_do(self):
        pinned = next(row[3] for row in rows() if row[0] == "onnxruntime" and row[1] != "apt")
        for name, version, made, why in (
                ("onnxruntime", pinned, {"text": ""}, "no runtime.json"),
                ("onnxruntime", "1.2.3", {"library": False}, "lib.so is not there"),
                ("onnxruntime", "1.2.4", {"text": "{"}, "not valid JSON"),
                ("onnxruntime", "1.2.5", {"text": '{"version":"1.2.5","library":"../../lib.so"}'}, "outside its folder"),
                ("onnxruntime", "1.2.6", {}, "lib.so"),
                ("executorch", "0.1", {"text": '{"version":"0.1","library":"lib.so","module":"ifm_rt_executorch.so"}'},
                 "ifm_rt_executorch.so is not there")):
            folder = self.put(name, version, **made)
            item = self.item(name, version)
            self.assertEqual((item["state"], item["available"], item["folder"]), ("broken", False, folder))
            self.assertIn(why, item["problem"])
            verb = "install" if version == pinned else "remove"
            self.assertEqual(item["remedy"], f"inferometer runtime {verb} {name}@{version}")
            shown = self.ok("runtime", "list").out
            self.assertIn(item["remedy"], shown)
            self.assertIn("broken", shown)
        left = [i for i in self.items() if i["name"] == "onnxruntime"]
        self.assertEqual([i["version"] for i in left], [pinned, "1.2.6", "1.2.5", "1.2.4", "1.2.3"], "newest first")

    def test_versions_lie_side_by_side_and_the_newest_is_the_default(self):
        for version in ("1.31.0", "1.32.0"):
            folder = self.installed("onnxruntime", version)
            os.makedirs(os.path.join(self.own, "onnxruntime"), exist_ok=True)
            os.symlink(folder, os.path.join(self.own, "onnxruntime", version))
        found = [i for i in self.items() if i["name"] == "onnxruntime"]
        self.assertEqual([(i["version"], i["default"], i["state"], i["source"]) for i in found],
                         [("1.32.0", True, "ready", "installed"), ("1.31.0", False, "ready", "installed")])
        self.assertEqual(len({i["library_sha256"] for i in found}), 2)
        for i in found:
            self.assertIn("CPUExecutionProvider", i["providers"])
            self.assertEqual(len(i["library_sha256"]), 64)
            self.assertTrue(os.path.isfile(i["path"]), i["path"])
        # What a removed link led to is somebody else's.
        got = self.ok("runtime", "remove", "ort@1.31.0")
        self.assertIn("it was a link", got.err)
        self.assertTrue(os.path.exists(os.path.join(folder, "runtime.json")))

    def test_a_virtual_environment_serves_where_nothing_is_installed(self):
        folder = self.installed("onnxruntime", "1.32.0")
        place = os.path.join(self.folder, "venv", "lib", "python3.11", "site-packages", "onnxruntime", "capi")
        os.makedirs(place)
        os.symlink(os.path.join(folder, "libonnxruntime.so.1.32.0"), os.path.join(place, "libonnxruntime.so.1.32.0"))
        item = self.item("onnxruntime", env={"VIRTUAL_ENV": os.path.join(self.folder, "venv")})
        self.assertEqual((item["state"], item["source"], item["version"], item["folder"]),
                         ("ready", "environment", "1.32.0", None))

    def test_a_module_of_ones_own_is_listed(self):
        modules = os.path.join(self.folder, "modules")
        shutil.copytree(os.path.join(BUILD, "lib", "inferometer"), modules)
        with open(os.path.join(modules, "ifm_rt_mine.so"), "wb") as file:
            file.write(b"no module")
        env = {"INFEROMETER_MODULE_DIR": modules}
        item = self.item("mine", env=env)
        self.assertEqual((item["kind"], item["state"]), ("own", "broken"))
        self.assertTrue(item["problem"])
        self.fails(64, "a module of your own", "runtime", "install", "mine", env=env)
        self.fails(66, "not installed", "runtime", "remove", "mine", env=env)


class Install(Runtimes):
    def test_from_the_cache_listed_and_removed_again(self):
        env = self.cache("litert")
        self.ok("runtime", "install", "tflite", env=env)
        item = self.item("litert")
        self.assertEqual((item["state"], item["default"], item["source"]), ("ready", True, "installed"))
        self.assertTrue(item["path"].startswith(os.path.join(self.own, "litert", item["version"])))
        self.assertGreater(item["bytes"], os.path.getsize(item["path"]))
        self.ok("runtime", "install", f"litert@{item['version']}", env=env)  # again: nothing to do
        # Whatever is missing of it comes back.
        os.remove(item["path"])
        self.assertEqual(self.item("litert")["state"], "broken")
        self.ok("runtime", "install", "litert", env=env)
        os.remove(os.path.join(item["folder"], "runtime.json"))
        self.assertEqual(self.item("litert")["remedy"], f"inferometer runtime install litert@{item['version']}")
        self.ok("runtime", "install", f"litert@{item['version']}", env=env)
        self.assertEqual(self.item("litert"), item)
        self.assertRegex(self.ok("runtime", "remove", "litert").err, r"litert \S+ is removed: [\d.]+ MB are free again")
        self.assertEqual(self.item("litert")["state"], "missing")
        self.assertEqual(os.listdir(self.own), [])

    def test_an_older_version_beside_the_newest(self):
        env = self.cache("onnxruntime@1.31.0")
        self.put("onnxruntime", "1.30.0", library=False)
        self.ok("runtime", "install", "ort@1.31.0", env=env)
        self.assertEqual(self.item("onnxruntime", "1.31.0")["default"], True)

    def test_what_cannot_be_installed(self):
        self.fails(69, "planned", "runtime", "install", "tensorrt")
        self.fails(69, "planned", "runtime", "install", "coreml@1")
        got = self.fails(69, "version 0.9 of onnxruntime is not one that can be installed", "runtime", "install", "ort@0.9")
        for row in rows():
            if row[0].split("@")[0] == "onnxruntime" and row[1] != "apt" and row[4] in ("any", platform.machine()):
                self.assertIn(row[3], got.err)
        self.fails(64, "did you mean onnxruntime?", "runtime", "install", "onnxruntim")
        self.fails(64, "those to install are", "runtime", "install", "zzz")
        self.fails(64, "is no runtime", "runtime", "install", "../litert")
        self.fails(64, "is no runtime", "runtime", "install", "litert@")
        self.fails(64, "is no runtime", "runtime", "install", "litert@../2.21.0")
        self.fails(64, "did you mean install?", "runtime", "instal", "litert")
        self.assertIn("built in", self.ok("runtime", "install", "exec").err)
        self.assertIn("built in", self.ok("runtime", "install", "sim").err)
        self.assertFalse(os.path.exists(self.own))


class Remove(Runtimes):
    def test_one_of_several_must_be_named(self):
        for version in ("1.9.0", "1.10.0"):
            self.put("onnxruntime", version)
        self.fails(64, "several versions of onnxruntime are installed (1.10.0, 1.9.0)", "runtime", "remove", "ort")
        self.fails(66, "version 7 of onnxruntime is not installed; installed: 1.10.0, 1.9.0", "runtime", "remove", "ort@7")
        self.ok("runtime", "remove", "ort@1.10.0")
        self.assertEqual(os.listdir(os.path.join(self.own, "onnxruntime")), ["1.9.0"])
        self.ok("runtime", "remove", "onnxruntime")
        self.fails(66, "nothing to remove", "runtime", "remove", "onnxruntime")

    def test_links_inside_are_not_followed(self):
        outside = os.path.join(self.work, "outside")
        os.mkdir(outside)
        kept = self.write("outside/kept", b"mine")
        folder = self.put("litert", "2.0")
        os.makedirs(os.path.join(folder, "a", "b"))
        os.symlink(outside, os.path.join(folder, "a", "b", "folder"))
        os.symlink(kept, os.path.join(folder, "a", "file"))
        os.symlink("/", os.path.join(folder, "root"))
        self.ok("runtime", "remove", "litert@2.0")
        self.assertFalse(os.path.lexists(folder))
        with open(kept, "rb") as file:
            self.assertEqual(file.read(), b"mine")

    def test_a_linked_folder_of_versions_is_left_alone(self):
        elsewhere = self.put("litert", "2.0")
        os.rename(os.path.dirname(elsewhere), os.path.join(self.work, "litert"))
        os.symlink(os.path.join(self.work, "litert"), os.path.join(self.own, "litert"))
        self.fails(77, "is a link", "runtime", "remove", "litert")
        self.assertTrue(os.path.exists(os.path.join(self.work, "litert", "2.0", "lib.so")))

    def test_only_what_an_installer_made(self):
        os.makedirs(os.path.join(self.own, "litert", "notes"))
        self.fails(66, "nothing to remove", "runtime", "remove", "litert@notes")
        self.assertTrue(os.path.isdir(os.path.join(self.own, "litert", "notes")))
        self.fails(64, "built in", "runtime", "remove", "null")
        self.fails(64, "unknown runtime", "runtime", "remove", "zzz")
        self.fails(64, "is no runtime", "runtime", "remove", "litert@..")
        self.fails(66, "nothing to remove", "runtime", "remove", "tensorrt")

    def test_what_an_interrupted_removal_left_goes_too(self):
        self.put("litert", "2.0")
        os.makedirs(os.path.join(self.own, "litert", ".removing-1-1.0", "lib"))
        self.assertNotIn("1.0", [i["version"] for i in self.items()])
        self.ok("runtime", "remove", "litert")
        self.assertEqual(os.listdir(self.own), [])


class Measure(Runtimes):
    def setUp(self):
        super().setUp()
        self.env["INFEROMETER_RUNTIME_DIR"] = self.shared

    def test_two_versions_in_one_command(self):
        path = model("magika.onnx")
        for version in ("1.31.0", "1.32.0"):
            self.installed("onnxruntime", version)
        got = self.ok("run", path, "--runtime", "onnxruntime@1.31.0,onnxruntime@1.32.0", "--invocations", "6", "--iterations",
                      "20", "--duration", "20ms", "--warmup", "3", "--cooldown", "0", "--daemon", "none", "--json", "-q")
        runs = [arm["reply"]["run"] for arm in got.json["arms"]]
        self.assertEqual([run["runtime_version"] for run in runs], ["1.31.0", "1.32.0"])
        self.assertEqual([arm["name"] for arm in got.json["arms"]], ["@1.31.0", "@1.32.0"])
        self.assertEqual(len({run["config_key"] for run in runs}), 2)
        self.assertEqual(len({run["library"]["sha256"] for run in runs}), 2)
        self.assertEqual({run["library"]["source"] for run in runs}, {"installed"})
        self.assertEqual({run["variant_sha256"] for run in runs}, {runs[0]["variant_sha256"]})
        self.assertEqual([len(arm["reply"]["invocations"]) for arm in got.json["arms"]], [6, 6])
        for comparison in got.json["comparisons"]:
            self.assertGreater(comparison["ratio"], 0)
        for run in runs:  # no local folder is a part of what tells configurations apart
            self.assertNotIn(self.shared, json.dumps(run["config"]))

    def test_a_version_that_is_not_installed(self):
        self.fails(69, "inferometer runtime install onnxruntime@0.9", "run", model("magika.onnx"), "--runtime",
                   "onnxruntime@0.9", "--daemon", "none", "-q")
        self.assertEqual(self.kept(), [])

    def test_a_library_of_another_kind(self):
        found = glob.glob("/usr/lib/*/libzstd.so.1") + glob.glob("/usr/lib*/libzstd.so.1")
        if not found:
            self.skipTest("there is no libzstd here")
        for runtime, file in (("onnxruntime", "magika.onnx"), ("litert", "nmp.tflite"), ("openvino", "nmp.onnx")):
            self.fails(69, "libzstd", "run", model(file), "--runtime", f"{runtime}={found[0]}", "--daemon", "none", "-q")
        self.fails(69, "nothing.so", "run", model("magika.onnx"), "--runtime",
                   f"onnxruntime={self.write('nothing.so', b'no library')}", "--daemon", "none", "-q")
        self.assertEqual(self.kept(), [])


if __name__ == "__main__":
    main()
