"""Writes pairs.json.gz: pairs of texts as the Rust library frames and truncates them (tokenizers 0.23).

usage: python pairs.py

With the small MiniLM tokenizer beside it and each kind of post-processor that puts something around a pair.
"""
import gzip
import json
import pathlib

from tokenizers import Tokenizer

here = pathlib.Path(__file__).parent
source = json.loads(gzip.decompress((here / "tokenizers/minilm-part/tokenizer.json.gz").read_bytes()))
texts = [item["text"] for item in json.loads(gzip.decompress((here / "texts.json.gz").read_bytes())) if "js" not in item]
texts = [text for text in texts if len(text) < 120]
cls, sep = ["[CLS]", source["model"]["vocab"]["[CLS]"]], ["[SEP]", source["model"]["vocab"]["[SEP]"]]
part = lambda name, kind, type: {kind: {"id": name, "type_id": type}}
special = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in (cls, sep)}
odd = {
    "type": "TemplateProcessing",
    "single": [part("A", "Sequence", 0), part("[SEP]", "SpecialToken", 2)],
    "pair": [part("B", "Sequence", 1), part("[SEP]", "SpecialToken", 2), part("A", "Sequence", 0), part("[CLS]", "SpecialToken", 3)],
    "special_tokens": special,
}
byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
processors = {
    "none": None,
    "template": source["post_processor"],
    "bert": {"type": "BertProcessing", "sep": sep, "cls": cls},
    "roberta": {"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": True, "add_prefix_space": False},
    "odd": odd,
    "sequence": {"type": "Sequence", "processors": [byte_level, odd]},
}
pairs = [[texts[(7 * i) % len(texts)], texts[(11 * i + 3) % len(texts)]] for i in range(40)]
pairs += [["", "a b c d e f g h i j"], ["a b c d e f g h i j", ""], ["", ""], ["a b c", "a b c d e f g h i j"]]
pairs += [["a b c d e f g h", "i j k l m n o p"]] * 7
cases = []
for name, processor in processors.items():
    tokenizer = Tokenizer.from_str(json.dumps({**source, "post_processor": processor, "truncation": None, "padding": None}))
    for number, pair in enumerate(pairs):
        most = [None, 5, 6, 7, 12, 13, 20][(number + len(name)) % 7]
        tokenizer.no_truncation()
        whole = len(tokenizer.encode(*pair))
        if most:
            tokenizer.enable_truncation(most, strategy="longest_first")
        single, both = tokenizer.encode(pair[0]), tokenizer.encode(*pair)
        cases.append({
            "processor": name, "texts": pair, "most": most, "whole": whole,
            "single": single.ids, "singleTypes": single.type_ids, "ids": both.ids, "types": both.type_ids,
        })
raw = json.dumps({"processors": processors, "cases": cases}, ensure_ascii=False, separators=(",", ":")).encode()
(here / "pairs.json.gz").write_bytes(gzip.compress(raw, 9, mtime=0))
print(len(cases), "cases,", len(raw), "bytes")
