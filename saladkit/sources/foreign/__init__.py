"""Samples as other tools lay them out. Every command that reads samples recognises and reads these layouts too.

- NeMo manifest: a `.json`, `.jsonl` or `.jsonl.gz` file with `audio_filepath` in its first line. A line is a whole
  audio file or, if it has an `offset`, the stretch of `duration` that starts there. Manifests of tar files are refused.
- Lhotse cuts: a `.jsonl` or `.jsonl.gz` file whose first line has the `type` of a cut. Lhotse Shar: a folder with
  `cuts.NUMBER.jsonl.gz`, and the recordings in tar files beside them. Both need the extra `lhotse`.
- Hugging Face's `audiofolder`: a folder in which, at any depth, a `metadata.csv`, `.jsonl` or `.parquet` has a column
  `file_name`; or one such table. Each row is a sample.
- Common Voice: a `.tsv` file with `path`, `sentence` and `client_id`, or its folder; the recordings are in `clips/`.
- Recordings with their texts: a folder in which, at any depth, there are audio files. The text of a recording is in a
  file of the same name with `.txt`, `.lab` or `.normalized.txt` (the first that exists), or in LibriSpeech's
  `SPEAKER-CHAPTER.trans.txt`. A recording without a text is an error where every row needs a text. A text without a
  recording is ignored, but an error in `.trans.txt`.

A folder is listed once, and the first reader that recognises it reads it; the table of readers is in `recognition.py`.
A Parquet or JSON-lines file with our columns needs no reader.

The `id` is the source's own if it has one. If not, it is the path of the recording from the folder or the manifest,
without the suffix; lines of NeMo with an `offset` add `@START`. The text is `text`, or `sentence` in Common Voice, or
the column that `--text-column` names; in Lhotse's supervisions that is a custom field. Other columns of tables are
kept.

The supervisions of a Lhotse cut are joined by start time, several speakers by ` + `. Their word alignment becomes
`words` if it has the same words as the text. Lhotse counts word times from the start of the recording, also after it
moved a part of the recording into memory. Where that part began is then unknown, so cuts in memory and in Shar have no
`words`; `saladkit timestamps` computes them. Mixes, recordings with Lhotse's transforms, and all audio of Shar are
computed when they are read, and held in memory. Beyond 2 GB, `timestamps` and `cache-speech` hold them in a temporary
file beside their output; `synth` does not read audio.
"""
