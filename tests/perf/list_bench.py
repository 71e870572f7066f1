"""Fills a folder with a million runs (once, some minutes and 3 GB; kept below the build folder) and measures lists of
them at a fixed rate. IFM_LIST_RUNS says another number."""
import os
import subprocess

BUILD = os.environ["IFM_BUILD_DIR"]
RUNS = os.environ.get("IFM_LIST_RUNS", "1000000")
FOLDER = os.path.join(BUILD, "perf-list-" + RUNS)
QUERIES = ("limit=50", "limit=50&model=model-07", "limit=50&device=device-03&status=complete", "limit=50&label.team=vision",
           "limit=50&q=litert")


def main():
    if not os.path.exists(os.path.join(FOLDER, "filled")):
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        subprocess.run([os.path.join(BUILD, "tests", "fill"), FOLDER, RUNS], check=True)
        with open(os.path.join(FOLDER, "filled"), "w"):
            pass
    print(f"over {RUNS} runs", flush=True)
    for query in QUERIES:
        subprocess.run([os.path.join(BUILD, "tests", "list_bench"), FOLDER, "5", "500", query], check=True)


if __name__ == "__main__":
    main()
