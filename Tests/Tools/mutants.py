#!/usr/bin/env python3
"""Breaks the code on purpose, one line at a time, and wants a named test to turn red for each.

    mutants.py [--list] [NAME...]

The definitions stand in Tests/Mutants/*.toml. The work happens on a copy in .build-mutants, so the tree stays as it is;
the copy is kept, since only its first build takes long. Exits 1 when a mutant survives or cannot be tried.
"""

import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
import testrun  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
PLACE = TOP / ".build-mutants"
TREE = PLACE / "tree"
SCRATCH = PLACE / "build"
BUILD_LIMIT = 3600
TEST_LIMIT = 300


class Broken(Exception):
    """A definition that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    name: str
    breaks: str
    file: str
    was: str
    becomes: str
    test: str
    # Where one promise is kept in several places, the others: a line of a file each.
    also: tuple = ()
    definition: Path
    line: int

    @property
    def edits(self):
        """What changes: files, texts, and what they become."""
        others = [(edit["file"], edit["was"], edit["becomes"]) for edit in self.also]
        return [(self.file, self.was, self.becomes)] + others

    def problem(self, top=TOP):
        """Why it cannot be applied, or None."""
        for file, was, becomes in self.edits:
            path = top / file
            if not path.is_file():
                return f"{self.name}: there is no {file}"
            if "\n" in was.strip("\n") or "\n" in becomes.strip("\n"):
                return f"{self.name}: a mutant changes one line"
            times = path.read_text().count(was)
            if times != 1:
                return f"{self.name}: its text stands {times} times in {file}, not once"
            if was == becomes:
                return f"{self.name}: it changes nothing"
        return None


def load(top=TOP):
    mutants = []
    for path in sorted((top / "Tests/Mutants").glob("*.toml")):
        text = path.read_text()
        try:
            tables = tomllib.loads(text).get("mutant", [])
            for table in tables:
                line = text[: text.index(f'"{table["name"]}"')].count("\n") + 1
                also = tuple(table.pop("also", ()))
                mutants.append(Mutant(**table, also=also, definition=path, line=line))
        except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
            raise Broken(f"{path.relative_to(top)}: {error}") from error
    names = [mutant.name for mutant in mutants]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise Broken(f"mutants of the same name: {', '.join(sorted(doubled))}")
    return mutants


# The copy --------------------------------------------------------------------------------------------------------------


def project_files():
    command = ["git", "-c", f"safe.directory={TOP}", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=TOP, capture_output=True, check=True).stdout.decode().split("\0")
    return {name for name in names if name and (TOP / name).is_file()}


def copy_tree():
    """Makes the copy like the working tree. Files that are the same keep their times, so that little is built anew."""
    wanted = project_files() | ({"Package.resolved"} if (TOP / "Package.resolved").exists() else set())
    TREE.mkdir(parents=True, exist_ok=True)
    for path in list(TREE.rglob("*")):
        if path.is_file() and str(path.relative_to(TREE)) not in wanted:
            path.unlink()
    for name in sorted(wanted):
        put(TREE / name, (TOP / name).read_bytes(), (TOP / name).stat().st_mode)


def put(path, content, mode=None):
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if mode is not None:
        path.chmod(mode & 0o777 | 0o200)


# Building and testing --------------------------------------------------------------------------------------------------


def run(arguments, limit, log):
    """The exit status and the output of a program; the status is None where it was ended after `limit` seconds."""
    environment = {key: value for key, value in os.environ.items() if key not in ("BURSAR_REAL", "BURSAR_SOAK")}
    environment["BURSAR_TIMED"] = "1"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            arguments, cwd=TREE, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=environment, start_new_session=True,
        )
        try:
            status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            testrun.end(process)
    return status, log.read_text(errors="replace")


def build():
    status, output = run(["swift", "build", "--build-tests", "--scratch-path", str(SCRATCH)], BUILD_LIMIT, PLACE / "build.log")
    return status == 0, output


def test(filters):
    """The exit status, the events and the output of the tests that any of the filters names."""
    events = testrun.Events(PLACE / "test-events.jsonl")
    events.path.unlink(missing_ok=True)
    arguments = testrun.arguments(events.path, "--scratch-path", str(SCRATCH))
    for expression in filters:
        arguments += ["--filter", expression]
    status, output = run(arguments, TEST_LIMIT * max(1, len(filters) // 4), PLACE / "test.log")
    events.update()
    return status, events, output


def known_tests():
    _, output = run(["swift", "test", "list", "--skip-build", "--scratch-path", str(SCRATCH)], 120, PLACE / "list.log")
    return [line.strip() for line in output.splitlines() if re.match(r"\w+\.\w", line.strip())]


def shown(output, pattern=r"error:", most=15):
    lines = [line for line in output.splitlines() if re.search(pattern, line)]
    return "\n".join("    " + line for line in lines[-most:])


def verdict(mutant):
    """What became of one mutant, and what to show of it."""
    originals = {file: (TREE / file).read_bytes() for file, _, _ in mutant.edits}
    try:
        for file, was, becomes in mutant.edits:
            put(TREE / file, (TREE / file).read_text().replace(was, becomes).encode())
        built, output = build()
        if not built:
            return "does not compile", shown(output)
        status, events, output = test([mutant.test])
        if events.failed:
            return "red", ""
        if status is None:
            return "hung", f"    {mutant.test} did not end within {TEST_LIMIT} s"
        if status == 0:
            return "SURVIVED", f"    {mutant.test} passes though {mutant.breaks}"
        return "no test failed", shown(output, r".", most=10)
    finally:
        for file, original in originals.items():
            put(TREE / file, original)


def prepare(mutants):
    """Builds the copy as it is and proves that the named tests exist and pass there."""
    print(f"building a copy in {PLACE.relative_to(TOP)} (the first time takes as long as a whole build)", flush=True)
    copy_tree()
    built, output = build()
    if not built:
        return f"the copy does not build:\n{shown(output)}"
    known = known_tests()
    for mutant in mutants:
        if not any(re.search(mutant.test, name) for name in known):
            return f"{mutant.name}: no test is called {mutant.test}"
    status, events, output = test(sorted({mutant.test for mutant in mutants}))
    if status != 0:
        told = "\n".join(map(str, events.issues)) or shown(output, ".")
        return f"the tests are not green without any mutant:\n{told}"
    return None


def main(arguments):
    try:
        mutants = load()
    except Broken as error:
        print(f"error: {error}", file=sys.stderr)
        return 65
    if arguments == ["--list"]:
        for mutant in mutants:
            print(f"{mutant.name}\n    {mutant.breaks}\n    {mutant.file} · {mutant.test}")
        return 0
    if unknown := set(arguments) - {mutant.name for mutant in mutants}:
        print(f"error: no mutant is called {', '.join(sorted(unknown))}; make mutants MUTANTS=--list", file=sys.stderr)
        return 64
    mutants = [mutant for mutant in mutants if not arguments or mutant.name in arguments]
    if problems := [problem for problem in (mutant.problem() for mutant in mutants) if problem]:
        print("error: " + "\nerror: ".join(problems), file=sys.stderr)
        return 65
    PLACE.mkdir(exist_ok=True)
    if problem := prepare(mutants):
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return report(mutants)


def report(mutants):
    width = max(len(mutant.name) for mutant in mutants)
    caught = 0
    for mutant in mutants:
        began = time.monotonic()
        word, details = verdict(mutant)
        caught += word == "red"
        print(f"{mutant.name:<{width}}  {word:<16}  {time.monotonic() - began:4.0f} s  {mutant.test}", flush=True)
        if details:
            print(details, flush=True)
    print(f"{caught} of {len(mutants)} mutants turned their test red")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
