"""Public benchmarks by name, wherever samples are read: the names are those of `named.py`'s table.

`NAME` is read from the Hugging Face cache, or downloaded; `NAME=FOLDER` from a copy of the data set's Parquet or
JSON-lines files, `FOLDER/SPLIT*`. `NAME:SPLIT` and `NAME=FOLDER:SPLIT` name another split. Two benchmarks are called
MMSU: `voicebench_mmsu` is VoiceBench's spoken part of MMLU-Pro, `mmsu` the Massive Multi-task Spoken Language
Understanding and Reasoning Benchmark, of whose recordings there is no text.
"""
