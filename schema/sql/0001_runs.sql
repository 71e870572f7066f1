-- Runs, their invocations, raw sample blocks and labels. Files of this folder are append-only: a released
-- one is never edited; the next change is the next number.
--
-- Keys. A run has a small number of its own, run_id.key; invocation n of it has the key
-- run_id.key * 1024 + n; block s of that invocation has the key invocation.key * 4096 + s. So everything of
-- one run lies together, a range of keys finds it, and neither table needs a further index. That relation
-- stands in CHECKs instead of foreign keys, which would need one index more on each insert.
--
-- Times *_at_ms are milliseconds since 1970, UTC. Everything *_ns is nanoseconds. NULL: not known.

CREATE TABLE run_id (
    key INTEGER PRIMARY KEY CHECK (key BETWEEN 1 AND 2199023255551),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16), -- UUID
    made_at_ms INTEGER NOT NULL,                     -- when the first message about it came
    started_at_ms INTEGER                            -- with id: the row in `run`; NULL until closed
) STRICT;

-- One row per closed run, clustered in list order: the newest page is the table's right end.
CREATE TABLE run (
    started_at_ms INTEGER NOT NULL,
    id BLOB NOT NULL,
    key INTEGER NOT NULL,
    finished_at_ms INTEGER,
    status INTEGER NOT NULL,       -- complete, interrupted, failed
    verification INTEGER NOT NULL, -- no_reference, verified, cross_checked, wrong
    trust INTEGER NOT NULL,        -- not_assessed, trusted, caution, untrusted
    model TEXT,
    variant TEXT,
    variant_sha256 BLOB,
    format TEXT,
    runtime TEXT,
    runtime_version TEXT,
    provider TEXT,
    device TEXT,
    device_key BLOB,
    config_key BLOB,
    commit_id TEXT,
    labels TEXT NOT NULL,          -- JSON object
    method_version INTEGER NOT NULL,
    invocations_ok INTEGER NOT NULL,
    invocations_failed INTEGER NOT NULL,
    iterations REAL,               -- from here on: medians over the ok invocations
    p50_ns REAL,
    p50_low_ns REAL,               -- 95 % interval over invocations
    p50_high_ns REAL,
    p90_ns REAL,
    p99_ns REAL,
    p99_enough INTEGER NOT NULL,   -- 1: each invocation had the samples that a P99 needs
    throughput_per_s REAL,
    load_ns REAL,
    first_inference_ns REAL,
    peak_rss_bytes REAL,
    cpu_ns_per_inference REAL,
    PRIMARY KEY (started_at_ms, id)
) STRICT, WITHOUT ROWID;

-- Each ends in the list's order, so that a filtered page is one range too. Each also costs every run a page to
-- write, so there are few: what selects few runs, and of status and verification only the rare words.
CREATE INDEX run_by_model ON run (model, started_at_ms, id);
CREATE INDEX run_by_device ON run (device, started_at_ms, id);
CREATE INDEX run_by_config_key ON run (config_key, started_at_ms, id);
CREATE INDEX run_by_variant ON run (variant_sha256, started_at_ms, id);
CREATE INDEX run_by_commit ON run (commit_id, started_at_ms, id) WHERE commit_id IS NOT NULL;
CREATE INDEX run_by_status ON run (status, started_at_ms, id) WHERE status <> 0;
CREATE INDEX run_by_verification ON run (verification, started_at_ms, id) WHERE verification > 1;

CREATE TABLE label (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL, -- of the run
    id BLOB NOT NULL,
    PRIMARY KEY (key, value, started_at_ms, id)
) STRICT, WITHOUT ROWID;

-- What the client sent to close the run. Apart from `run`, so that a page of the list reads no bodies.
CREATE TABLE run_body (
    key INTEGER PRIMARY KEY REFERENCES run_id (key),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32), -- of the request, for idempotency
    body TEXT NOT NULL
) STRICT;

CREATE TABLE invocation (
    key INTEGER PRIMARY KEY,           -- run_id.key * 1024 + n
    n INTEGER NOT NULL CHECK (n BETWEEN 0 AND 999 AND key % 1024 = n),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    status INTEGER NOT NULL,           -- ok, failed
    verification INTEGER NOT NULL,     -- as in run
    -- from the body, for the run's summary
    load_ns INTEGER,
    first_inference_ns INTEGER,
    peak_rss_bytes INTEGER,            -- highest of all phases
    cpu_ns_per_inference REAL,
    -- recomputed from the steady samples; NULL when there are none
    samples INTEGER,
    p50_ns INTEGER,
    p90_ns INTEGER,
    p99_ns INTEGER,
    min_ns INTEGER,
    max_ns INTEGER,
    p50_low_ns INTEGER,                -- within this process
    p50_high_ns INTEGER,
    p90_enough INTEGER,
    p99_enough INTEGER,
    mean_ns REAL,
    sd_ns REAL,
    p50_interp_ns REAL,
    p90_interp_ns REAL,
    p99_interp_ns REAL,
    throughput_per_s REAL,
    autocorrelation REAL,
    body TEXT NOT NULL                 -- as sent, without the sample blocks
) STRICT;

CREATE TABLE sample (
    key INTEGER PRIMARY KEY,           -- invocation.key * 4096 + number of the block
    phase INTEGER NOT NULL,            -- 0 warmup, 1 steady
    first INTEGER NOT NULL,            -- index of its first sample within the phase
    count INTEGER NOT NULL,
    block BLOB NOT NULL,               -- codec block of latencies
    gaps BLOB                          -- codec block of the pauses before each sample
) STRICT;
