"""Fills a folder with a million runs (once; kept below the build folder) and measures the list over it."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["IFM_BUILD_DIR"]
FOLDER = os.path.join(BUILD, "perf-million")
BENCH = os.path.join(BUILD, "tests", "list_bench")


def main():
    if not os.path.exists(os.path.join(FOLDER, "filled")):
        subprocess.run([sys.executable, os.path.join(HERE, "fill_runs.py"), os.path.join(BUILD, "bin", "inferometerd"), FOLDER],
                       check=True)
        open(os.path.join(FOLDER, "filled"), "w").close()
    for query in ("limit=50", "limit=50&model=model_7", "limit=50&device=device-3&status=complete", "limit=50&label.branch=main"):
        subprocess.run([BENCH, FOLDER, "5", "500", query], check=True)


if __name__ == "__main__":
    main()
