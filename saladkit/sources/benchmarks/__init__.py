"""Public benchmarks by name. Every command that reads samples accepts these names; the table is in `named.py`.

`NAME` is read from the Hugging Face cache, or downloaded. `NAME=FOLDER` is read from a copy of the data set's Parquet,
JSON-lines or CSV files, `FOLDER/SPLIT*`. `NAME:SPLIT` and `NAME=FOLDER:SPLIT` name another split. Two benchmarks are
called MMSU: `voicebench_mmsu` is VoiceBench's spoken part of MMLU-Pro; `mmsu` is the Massive Multi-task Spoken Language
Understanding and Reasoning Benchmark, whose recordings have no text.
"""
