"""Fills a data folder with many closed runs, straight into SQLite, for benchmarks of the list:
fill_runs.py DAEMON FOLDER [COUNT]. The daemon makes the schema. Rows have many models, devices and commits, as a
year of continuous integration has; they have no samples, which a list does not read."""
import os
import signal
import sqlite3
import subprocess
import sys

ROWS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
INSERT INTO run (started_at_ms, id, key, finished_at_ms, status, verification, trust, model, variant, variant_sha256,
  format, runtime, runtime_version, provider, device, device_key, config_key, commit_id, labels, method_version,
  invocations_ok, invocations_failed, iterations, p50_ns, p50_low_ns, p50_high_ns, p90_ns, p99_ns, p99_enough,
  throughput_per_s, load_ns, first_inference_ns, peak_rss_bytes, cpu_ns_per_inference)
SELECT 1700000000000 + i * 60000, randomblob(16), i + 1, 1700000050000 + i * 60000, i % 50 = 0, 1 + i % 2, i % 4,
  'model_' || (i % 40), 'model_' || (i % 40) || '-fp32', CAST(printf('%032d', i % 120) AS BLOB), 'onnx', 'runtime_' || (i % 3),
  '1.32.0', 'CPUExecutionProvider', 'device-' || (i % 25), CAST(printf('%032d', i % 25) AS BLOB),
  CAST(printf('%032d', i % 200) AS BLOB), printf('%07x', i / 100), '{"branch":"main","ci.build":"' || i || '"}', 1, 10, 0,
  1000, 1e6 + i % 1000, 9.9e5 + i % 1000, 1.01e6 + i % 1000, 1.1e6, 1.3e6, 1, 998.7 + i % 7, 4.8e7, 3.1e6, 4.9e7, 2e6
FROM n"""


def main():
    daemon, folder = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000000
    process = subprocess.Popen([daemon, "--data", folder, "--port", "0"], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    base = sqlite3.connect(os.path.join(folder, "inferometer.db"))
    base.execute("PRAGMA synchronous = OFF")
    base.execute("PRAGMA cache_size = -400000")
    with base:
        base.execute(ROWS, {"count": count})
        base.execute("INSERT INTO run_id (key, id, made_at_ms, started_at_ms) SELECT key, id, started_at_ms, started_at_ms FROM run")
        base.execute("INSERT INTO label (key, value, started_at_ms, id) SELECT 'branch', 'main', started_at_ms, id FROM run")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    print(f"{count} runs in {folder}, {os.path.getsize(os.path.join(folder, 'inferometer.db')) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
