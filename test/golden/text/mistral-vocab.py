"""Writes gguf-vocab/ggml-vocab-mistral-v1.gguf.gz and mistral-v1.json.gz from a tokenizer.json of Mistral 7B v0.1.

usage: python mistral-vocab.py TOKENIZER_JSON(.gz)

In that vocabulary, as in every SentencePiece BPE of this make, piece i from 259 on has the score 259 - i, but for runs of
spaces, which merge last.
"""
import gzip
import json
import pathlib
import struct
import sys

here = pathlib.Path(__file__).parent
raw = pathlib.Path(sys.argv[1]).read_bytes()
source = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
vocab = sorted(source["model"]["vocab"].items(), key=lambda item: item[1])
assert [index for _, index in vocab] == list(range(len(vocab)))
tokens = [token for token, _ in vocab]
types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
scores = [0.0] * 259 + [float(259 - i) for i in range(259, len(tokens))]
for index, token in enumerate(tokens):
    if len(token) > 1 and not token.strip("\u2581"):
        scores[index] = -1e9


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, data):
    return text(key) + struct.pack("<I", kind) + data


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


metadata = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.add_bos_token": True,
}
pairs = [
    pair("general.architecture", 8, text("llama")),
    pair("tokenizer.ggml.tokens", 9, array(8, [text(token) for token in tokens])),
    pair("tokenizer.ggml.scores", 9, array(6, [struct.pack("<f", score) for score in scores])),
    pair("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", kind) for kind in types])),
]
for key, value in metadata.items():
    if isinstance(value, str):
        pairs.append(pair(key, 8, text(value)))
    elif isinstance(value, bool):
        pairs.append(pair(key, 7, struct.pack("<B", value)))
    else:
        pairs.append(pair(key, 4, struct.pack("<I", value)))
gguf = struct.pack("<IIQQ", 0x46554747, 3, 0, len(pairs)) + b"".join(pairs)
(here / "gguf-vocab/ggml-vocab-mistral-v1.gguf.gz").write_bytes(gzip.compress(gguf, 9, mtime=0))

reference = json.loads(gzip.decompress((here / "tokenizers/mistral_v1/cases.json.gz").read_bytes()))
cases = [{"id": case["id"], "hf": case["ids"]} for case in reference["cases"]]
summary = {
    "gguf": "ggml-vocab-mistral-v1.gguf.gz",
    "metadata": metadata,
    "hf_family": "mistral_v1",
    "cases": cases,
}
(here / "gguf-vocab/mistral-v1.json.gz").write_bytes(gzip.compress(json.dumps(summary).encode(), 9, mtime=0))
