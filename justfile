# The target folder lies outside the clone: burn with wgpu is long to build, and every clone can share it.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", home_directory() / ".cache/promptmine/target")

# What there is to do.
default:
    @just --list

# The main job on the built-in model and data.
quickstart *ARGS:
    cargo run --release -- run experiments/quickstart.yaml {{ARGS}}

# Every check, as CI runs them.
check:
    .ci/run

# The tests.
test *ARGS:
    cargo test --release {{ARGS}}

# Formatting, and every lint.
lint:
    cargo fmt --check
    cargo clippy --release --all-targets -- -D warnings

# The documentation of the library.
doc:
    cargo doc --release --no-deps --open

# Writes the fixtures anew; needs a Python with torch, transformers, scipy, statsmodels.
fixtures PYTHON="python3":
    {{PYTHON}} tests/fixtures/model/make_fixtures.py
    {{PYTHON}} tests/fixtures/model/make_peft_adapters.py
    {{PYTHON}} tests/fixtures/statistics/make_fixtures.py

# Models and adapters beside transformers and PEFT, on tiny models that no fixture holds; needs a Python with torch, transformers, peft.
parity PYTHON="python3":
    cargo build --release
    {{PYTHON}} tests/fixtures/model/live_parity.py "$CARGO_TARGET_DIR/release/promptmine"
    {{PYTHON}} tests/fixtures/model/live_peft.py --promptmine "$CARGO_TARGET_DIR/release/promptmine"

# Exported tasks in lm-evaluation-harness, on the same tiny models; needs a Python with torch, transformers, lm_eval.
parity-lm-eval PYTHON="python3":
    cargo build --release
    {{PYTHON}} tests/fixtures/model/live_lm_eval.py --promptmine "$CARGO_TARGET_DIR/release/promptmine"

# promptmine beside its peers on the same weights, data and threads; `just bench --help` says what can be given.
bench *ARGS:
    python3 tests/bench/bench.py {{ARGS}}
