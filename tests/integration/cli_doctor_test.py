"""doctor: checks over made trees, and settings that are put back however it ends."""
import json
import os
import signal
import subprocess
import time
import unittest

from cli_lib import CLI, CliCase, main

CPU = "sys/devices/system/cpu"


class Tree(CliCase):
    """A machine of two processors in a folder: fit, unless a test changes a file."""

    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.folder, "machine")
        files = {
            f"{CPU}/online": "0-1", f"{CPU}/smt/active": "0", f"{CPU}/isolated": "",
            f"{CPU}/intel_pstate/no_turbo": "0",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
            "sys/class/thermal/thermal_zone0/temp": "45000",
            "sys/class/power_supply/BAT0/status": "Charging",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
            "sys/class/powercap/intel-rapl:0/energy_uj": "123",
            "sys/fs/cgroup/cpu.max": "max 100000",
            f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "0",
            "proc/stat": "cpu  100 0 50 9000 10 0 1 0 0 0\ncpu0 50 0 25 4500 5 0 1 0 0 0",
            "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu tsc\n\nprocessor\t: 1\nflags\t\t: fpu tsc\n",
            "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB",
            "proc/loadavg": "0.05 0.03 0.01 1/200 1234",
            "proc/pressure/cpu": "some avg10=0.10 avg60=0.20 avg300=0.00 total=1",
            "proc/sys/kernel/randomize_va_space": "2", "proc/sys/kernel/perf_event_paranoid": "1",
        }
        for cpu in (0, 1):
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "powersave"
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_driver"] = "intel_pstate"
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_available_governors"] = "performance powersave"
            files[f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq"] = "2000000"
        for path, text in files.items():
            self.put(path, text)

    def put(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @staticmethod
    def text(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def get(self, path):
        return self.text(os.path.join(self.root, path)).strip()

    def doctor(self, *args, **more):
        return self.cli("doctor", "--sysroot", self.root, *args, **more)

    def checks(self, status):
        got = self.doctor("--json")
        self.assertEqual(got.status, status, got)
        self.assertEqual(got.json["fit"], status == 0)
        return {check["name"]: check for check in got.json["checks"]}


class Look(Tree):
    def test_a_fit_machine(self):
        checks = self.checks(0)
        self.assertEqual({name for name, check in checks.items() if check["state"] == "problem"}, set())
        self.assertEqual(checks["sources"]["state"], "ok", checks["sources"])
        for check in checks.values():
            self.assertTrue(check["text"])
        self.assertIn("fit for measuring", self.doctor().out)
        self.assertIn("| ok | smt | off |", self.doctor("--format", "md").out)
        self.assertEqual(len(self.doctor("--format", "ndjson").out.splitlines()), len(checks))
        self.assertEqual(len(self.doctor("--format", "csv").out.splitlines()), len(checks) + 1)

    def test_each_problem_is_named_with_what_to_do(self):
        for name, path, text in (
                ("governor", f"{CPU}/cpu1/cpufreq/scaling_governor", "performance"),  # they differ
                ("temperature", "sys/class/thermal/thermal_zone0/temp", "93000"),
                ("clock source", "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
                ("load", "proc/loadavg", "1.50 1.00 0.90 2/200 1"),
                ("pressure", "proc/pressure/cpu", "some avg10=12.00 avg60=0.20 avg300=0.00 total=1"),
                ("memory", "proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 100000 kB"),
                ("address layout", "proc/sys/kernel/randomize_va_space", "0"),
                ("cpu quota", "sys/fs/cgroup/cpu.max", "150000 100000"),
                ("power", "sys/class/power_supply/BAT0/status", "Discharging"),
                ("power profile", "sys/firmware/acpi/platform_profile", "low-power")):
            with self.subTest(name):
                before = self.get(path) if os.path.exists(os.path.join(self.root, path)) else None
                self.put(path, text)
                checks = self.checks(1)
                self.assertEqual([n for n, c in checks.items() if c["state"] == "problem"], [name])
                self.assertTrue(checks[name]["remedy"])
                self.assertIn(f"not fit for measuring: {name}", self.doctor().out)
                if before is None:
                    os.unlink(os.path.join(self.root, path))
                else:
                    self.put(path, before)
        self.checks(0)

    def test_notes_leave_it_fit(self):
        self.put(f"{CPU}/smt/active", "1")
        self.put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        self.put("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor tsc\n")
        checks = self.checks(0)
        for name in ("smt", "huge pages", "steal", "turbo", "governor"):
            self.assertEqual(checks[name]["state"], "note", name)
        for line in self.doctor("--format", "md").out.splitlines():  # "| sudo tee" must not make a column
            self.assertEqual(line.replace("\\|", "").count("|"), 5, line)

    def test_an_empty_tree_is_fit_and_names_what_is_missing(self):
        empty = os.path.join(self.folder, "empty")
        os.mkdir(empty)
        got = self.cli("doctor", "--sysroot", empty, "--json")
        self.assertEqual(got.status, 0, got)
        sources = [c for c in got.json["checks"] if c["name"] == "sources"][0]
        self.assertIn("clock, temperature, throttling, steal, pressure, energy", sources["text"])

    def test_this_machine(self):
        got = self.cli("doctor", "--json")
        self.assertIn(got.status, (0, 1), got)
        self.assertIn("timer", [check["name"] for check in got.json["checks"]])

    def test_wrong_words(self):
        self.fails(64, "contradict", "doctor", "--tune", "--undo")
        self.fails(64, "--tune -- COMMAND", "doctor", "sleep")
        self.fails(66, "nowhere", "doctor", "--sysroot", os.path.join(self.folder, "nowhere"))


class Tune(Tree):
    GOVERNORS = [f"{CPU}/cpu{cpu}/cpufreq/scaling_governor" for cpu in (0, 1)]
    TURBO = f"{CPU}/intel_pstate/no_turbo"
    NOTE = "run/inferometer/tune.json"

    def values(self):
        return [self.get(path) for path in (*self.GOVERNORS, self.TURBO)]

    def has_note(self):
        return os.path.exists(os.path.join(self.root, self.NOTE))

    def begin(self):
        """A doctor --tune that holds until it is stopped; returns when everything is changed."""
        process = subprocess.Popen([CLI, "doctor", "--tune", "--sysroot", self.root], env=self.env, cwd=self.work,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait(),
                                 process.stdout.close(), process.stderr.close()))
        for line in process.stderr:
            if "held until" in line:
                return process
        self.fail("it ended at once")

    def test_a_command_runs_tuned_and_all_is_put_back(self):
        code = f"echo $(cat {' '.join(os.path.join(self.root, p) for p in (*self.GOVERNORS, self.TURBO))}); exit 7"
        got = self.doctor("--tune", "--", "sh", "-c", code)
        self.assertEqual(got.status, 7, got)
        self.assertEqual(got.out.split(), ["performance", "performance", "1"])
        self.assertIn("3 settings put back", got.err)
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])
        self.assertFalse(self.has_note())

    def test_a_command_that_is_not_there(self):
        got = self.doctor("--tune", "--", "no-such-program")
        self.assertEqual(got.status, 127, got)
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])

    def test_ctrl_c_and_terminate_put_it_back(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = self.begin()
            self.assertEqual(self.values(), ["performance", "performance", "1"])
            process.send_signal(number)
            self.assertEqual(process.wait(20), 0)
            self.assertEqual(self.values(), ["powersave", "powersave", "0"])
            self.assertFalse(self.has_note())

    def test_only_one_at_a_time(self):
        self.begin()
        lock = os.stat(os.path.join(self.root, "run/inferometer/tune.lock"))
        self.assertEqual(lock.st_mode & 0o777, 0o600)  # who can open it can lock it
        got = self.doctor("--tune")
        self.assertEqual(got.status, 75, got)
        self.assertEqual(self.doctor("--undo").status, 75)
        got = self.ok("version", env={"INFEROMETER_SYSROOT": self.root})  # the owner lives: nothing is touched
        self.assertEqual(got.err, "")
        self.assertEqual(self.values(), ["performance", "performance", "1"])

    def test_after_a_kill_the_next_command_puts_it_back(self):
        process = self.begin()
        process.kill()
        process.wait()
        self.assertEqual(self.values(), ["performance", "performance", "1"])
        got = self.ok("version", env={"INFEROMETER_SYSROOT": self.root})
        self.assertIn("3 settings put back", got.err)
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])
        self.assertFalse(self.has_note())
        self.assertEqual(self.ok("version", env={"INFEROMETER_SYSROOT": self.root}).err, "")

    def test_after_a_kill_undo_and_tune_know_the_true_values(self):
        for again in (("--undo",), ("--tune", "--", "true")):
            process = self.begin()
            process.kill()
            process.wait()
            self.assertEqual(self.doctor(*again).status, 0)
            self.assertEqual(self.values(), ["powersave", "powersave", "0"])
            self.assertFalse(self.has_note())
        self.assertIn("nothing to put back", self.doctor("--undo").err)

    def test_a_kill_between_two_changes(self):
        self.put(self.NOTE, json.dumps({"v": 1, "pid": 1, "settings": [
            {"path": "/" + path, "old": "powersave", "now": "performance"} for path in self.GOVERNORS]}))
        self.put(self.GOVERNORS[0], "performance")  # the second was not reached
        got = self.doctor("--undo")
        self.assertIn("1 setting put back", got.err)
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])

    def test_what_somebody_else_changed_stays(self):
        process = self.begin()
        self.put(self.GOVERNORS[1], "schedutil")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(self.values(), ["powersave", "schedutil", "0"])

    def test_a_killed_owner_ends_its_command(self):
        mark = os.path.join(self.work, "mark")
        process = subprocess.Popen([CLI, "doctor", "--tune", "--sysroot", self.root, "--", "sh", "-c",
                                    f"echo $$ > {mark}; exec sleep 60"], env=self.env, cwd=self.work,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        while not os.path.exists(mark) or not self.text(mark).strip():
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        child = int(self.text(mark))
        process.kill()
        process.wait()
        for _ in range(500):
            try:
                with open(f"/proc/{child}/stat", encoding="utf-8") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":  # nobody to wait for it
                        break
            except OSError:
                break
            time.sleep(0.02)
        else:
            self.fail("the command runs on")
        self.doctor("--undo")
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])

    def test_nothing_to_tune(self):
        for path in self.GOVERNORS:
            self.put(path, "performance")
        os.unlink(os.path.join(self.root, self.TURBO))
        got = self.doctor("--tune", "--", "true")
        self.assertEqual(got.status, 0, got)
        self.assertIn("nothing to tune", got.err)
        self.assertFalse(self.has_note())

    def test_a_note_that_names_other_files_changes_none(self):
        victim = self.write("victim", "performance\n")
        self.put(self.NOTE, json.dumps({"v": 1, "pid": 1, "settings": [
            {"path": "/sys/devices/system/cpu/../../../../" + os.path.relpath(victim, self.root), "old": "gone", "now": "performance"}]}))
        self.doctor("--undo")
        self.assertEqual(self.text(victim), "performance\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_without_root_it_says_so_and_changes_nothing(self):
        os.chmod(self.folder, 0o755)
        os.chmod(self.home, 0o777)
        drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        if subprocess.run([*drop, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("setpriv cannot drop privileges here")
        if not all(os.stat(d).st_mode & 0o1 for d in self.parents(CLI)):
            self.skipTest("the program's folder is closed to others")
        got = self.cli("doctor", "--tune", "--sysroot", self.root, wrapper=drop)
        self.assertEqual(got.status, 77, got)
        self.assertIn("as root", got.err)
        self.assertEqual(self.values(), ["powersave", "powersave", "0"])

    @staticmethod
    def parents(path):
        while path != "/":
            path = os.path.dirname(path)
            yield path


if __name__ == "__main__":
    main()
