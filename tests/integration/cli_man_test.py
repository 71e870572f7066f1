"""Manual pages and completions: made from the tables, complete, and what a formatter and a shell take."""
import os
import re
import shutil
import subprocess

from cli_lib import SOURCE, CliCase, main


class Pages(CliCase):
    def setUp(self):
        super().setUp()
        self.pages = os.path.join(self.work, "man")
        self.ok("help", "--man", self.pages)
        text = self.ok("help").out.split("commands:\n")[1].split("\n\n")[0]
        self.verbs = [line.split()[0] for line in text.splitlines()]
        self.assertIn("doctor", self.verbs)

    def options(self, verb):
        """Long names, with no- where they are on by default, as help prints them."""
        text = self.ok("help", verb).out
        return re.findall(r"^  (?:-\w, |    )--(\[no-\])?([a-z-]+)", text, re.M)

    def page(self, name):
        with open(os.path.join(self.pages, name + ".1"), encoding="utf-8") as file:
            return file.read()

    def test_every_verb_has_a_page_with_every_option(self):
        self.assertEqual(sorted(os.listdir(self.pages)), sorted(["inferometer.1"] + [f"inferometer-{v}.1" for v in self.verbs]))
        for verb in self.verbs:
            page = self.page("inferometer-" + verb)
            self.assertIn(f"Xr inferometer-{verb} 1", self.page("inferometer"))
            for no, name in self.options(verb):
                self.assertRegex(page, rf"(?m)^\.It .*Fl -{re.escape(no + name)}\b", verb)

    def test_the_formatter_has_nothing_to_say(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        for name in sorted(os.listdir(self.pages)):
            got = subprocess.run(["mandoc", "-Tlint", "-Wwarning", os.path.join(self.pages, name)], capture_output=True, text=True, check=False)
            self.assertEqual((got.returncode, got.stdout + got.stderr), (0, ""), name)

    def test_a_folder_that_cannot_be_made(self):
        self.fails(66, "no/such", "help", "--man", "no/such")

    def complete(self, *words):
        script = os.path.join(self.work, "completion")
        self.ok("completion", "bash", "-o", script)
        quoted = " ".join(f"'{word}'" for word in words)
        code = f"source '{script}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _inferometer; echo \"${{COMPREPLY[@]}}\""
        got = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True, cwd=self.work)
        self.assertEqual(got.stderr, "")
        return got.stdout.split()

    def test_bash(self):
        if not shutil.which("bash"):
            self.skipTest("bash is not installed")
        self.assertEqual(self.complete("inferometer", ""), self.verbs)
        self.assertEqual(self.complete("ifm", "doc"), ["doctor"])
        self.assertEqual(self.complete("inferometer", "help", "pro"), ["profile"])
        self.assertEqual(self.complete("inferometer", "run", "m.onnx", "--scenario", "se"), ["server"])
        self.assertEqual(self.complete("inferometer", "show", "--format", "j"), ["json"])
        self.assertEqual(self.complete("inferometer", "run", "--expect", "x"), [])  # bash offers files
        for verb in self.verbs:
            self.assertEqual(self.complete("inferometer", verb, "--"),
                             ["--" + ("no-" if no else "") + name for no, name in self.options(verb)], verb)

    def test_zsh_and_fish_name_every_option(self):
        zsh, fish = self.ok("completion", "zsh").out, self.ok("completion", "fish").out
        for verb in self.verbs:
            self.assertIn(f"        '{verb}:", zsh)
            self.assertIn(f" -a {verb} -d ", fish)
            for no, name in self.options(verb):
                name = ("no-" if no else "") + name
                self.assertIn(f"__fish_seen_subcommand_from {verb}' -l {name}", fish)
                if verb != "help":
                    self.assertRegex(zsh.split(f"\n    {verb})\n")[1].split(";;")[0], rf"'\*?--{name}=?\[")
        for shell, script in (("zsh", zsh), ("fish", fish)):
            if shutil.which(shell):
                path = self.write("script", script)
                subprocess.run([shell, "-n", path], check=True)
        self.fails(64, "bash, zsh or fish", "completion", "tcsh")

    def test_the_committed_reference_is_what_the_program_says(self):
        with open(os.path.join(SOURCE, "docs", "cli-reference.md"), encoding="utf-8") as file:
            committed = file.read()
        self.assertTrue(self.ok("help", "--format", "md").out == committed, "docs/cli-reference.md is old; make it with: ninja reference")
        with open(os.path.join(SOURCE, "docs", "cli.md"), encoding="utf-8") as file:
            guide = file.read()
        for verb in self.verbs:
            self.assertIn(f"`{verb}", guide)


if __name__ == "__main__":
    main()
