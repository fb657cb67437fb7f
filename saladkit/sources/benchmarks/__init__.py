"""Public benchmarks by name. Every command that reads samples accepts these names; the table is in `named.py`.

`NAME` is read from the Hugging Face cache, or downloaded. `NAME=FOLDER` is read from a copy of the data set's Parquet,
JSON-lines, JSON or CSV files, `FOLDER/SPLIT*`. `NAME:SPLIT` and `NAME=FOLDER:SPLIT` name another split. The splits of
`speech_mmlu` are its subjects; of a FOLDER those are read that it holds.

Three data sets are called MMSU. `voicebench_mmsu` is VoiceBench's spoken part of MMLU-Pro. `mmsu` (ddwang2000/MMSU) is
the Massive Multi-task Spoken Language Understanding and Reasoning Benchmark, whose recordings have no text; its newer
files have a column for each part of a question, its older ones have the questions in `question/mmsu.jsonl`.
`mmsu_lettered` (ngqtrung/mmsu) is the copy of it that lmms-eval reads, with the letter of the right option.

The six text benchmarks are read by lm-evaluation-harness's own tasks (`pip install 'saladkit[eval]'`): its prompts,
its processing of rows, its choices and answers. The spoken ones have readers of their own, one file a data set.

| column | content |
|---|---|
| `id` | the data set's own id, or the number of the row |
| `text` | the question, which may be heard; empty where a recording has no transcript |
| `lead`, `trail` | text that is always read, before and after the question |
| `cue` | text that is read last where the options are not listed, such as "Answer:" |
| `choices`, `answer` | the options, and the index of the right one; none where the question is open |
| `reference` | the right answer of an open question, in words |
| `domain` | the subject, if the data set names one; the accent, of `voicebench_sd_qa` |
| `speaker` | the voice, if the data set names it |
| `audio` | the recording of a spoken benchmark |
| `letters` | true if the question itself lists the options behind letters |
| `excluded` | why the question cannot be asked; it is counted, and not asked |

A row is excluded and listed with its id and the reason if two of its options are equal, or if its answer matches no
option or several. An answer matches an option with the same words; case and a final period do not count, and the first
letter alone is no match.
"""
