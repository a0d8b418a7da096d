"""Copies the reference data's malformed safetensors files here, and folders of them with their index.

    python3 test/golden/safetensors/subset.py GOLDEN

GOLDEN is the folder of the whole reference data. Cases of quantized models (their config or their matrices are wrong) are
not among these. `index.json` says of each case whether it must be read or refused, and which words the refusal must hold.
"""

import json
import shutil
import sys
from pathlib import Path

source = Path(sys.argv[1]) / "quant" / "bad"
target = Path(__file__).parent
for old in target.iterdir():
    if old.is_dir():
        shutil.rmtree(old)
    elif old.suffix == ".safetensors":
        old.unlink()

lines = []
for case in json.loads((source / "index.json").read_text()):
    path = case["path"]
    if path == "ok-quant" or path.startswith("quant-"):
        continue
    (shutil.copytree if case["folder"] else shutil.copyfile)(source / path, target / path)
    kept = {key: case[key] for key in ("path", "folder", "verdict", "what", "words")}
    lines.append(json.dumps(kept, ensure_ascii=False))
for path in [target, *target.rglob("*")]:
    path.chmod(0o755 if path.is_dir() else 0o644)
(target / "index.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
