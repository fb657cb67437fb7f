"""Public benchmarks by name. Every command that reads samples accepts these names; the table is in `named.py`.

`NAME` is read from the Hugging Face cache, or downloaded. `NAME=FOLDER` is read from a copy of the data set's Parquet,
JSON-lines or CSV files, `FOLDER/SPLIT*`. `NAME:SPLIT` and `NAME=FOLDER:SPLIT` name another split. Two benchmarks are
called MMSU: `voicebench_mmsu` is VoiceBench's spoken part of MMLU-Pro; `mmsu` is the Massive Multi-task Spoken Language
Understanding and Reasoning Benchmark, whose recordings have no text.

The five text benchmarks are read by lm-evaluation-harness's own tasks (`pip install 'saladkit[eval]'`): its prompts,
its processing of rows, its choices and answers. The spoken ones have readers of their own, one file each.

| column | content |
|---|---|
| `id` | the data set's own id, or the number of the row |
| `text` | the question, which may be heard; empty where a recording has no transcript |
| `lead`, `trail` | text that is always read, before and after the question |
| `cue` | text that is read last where the options are not listed, such as "Answer:" |
| `choices`, `answer` | the options, and the index of the right one |
| `domain` | the subject, if the data set names one |
| `audio` | the recording of a spoken benchmark |
| `letters` | true if the question itself lists the options behind letters |
| `excluded` | why the question cannot be asked; it is counted, and not asked |
"""
