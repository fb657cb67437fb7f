"""Samples as other tools lay them out, read wherever samples are read; `recognition.py` tells which they are.

- A NeMo manifest: `.json`, `.jsonl` or `.jsonl.gz` with `audio_filepath` in its first line. A line with an `offset` is
  that stretch of the file, of `duration`; a line without one is the whole file. Manifests of tar files are refused.
- Lhotse cuts: `.jsonl` or `.jsonl.gz` whose first line has the `type` of a cut. Shar: a folder with
  `cuts.NUMBER.jsonl.gz`, and the recordings in tar files beside. Both need the extra `lhotse`.
- Hugging Face's `audiofolder`: a folder in which, at any depth, `metadata.csv`, `.jsonl` or `.parquet` has a
  `file_name`; or such a table. Its rows are the samples.
- Common Voice: a `.tsv`, or the folder of one, with `path`, `sentence`, `client_id`; the recordings are in `clips/`.
- Recordings with their texts: a folder in which, at any depth, there are audio files. Its text stands beside a
  recording in a file of its name with `.txt`, `.lab` or `.normalized.txt`, the first that there is, or in LibriSpeech's
  `SPEAKER-CHAPTER.trans.txt`. A recording without a text is an error where every row needs one; a text without a
  recording is no sample, but an error in `.trans.txt`.

`id` is the source's own where it has one. Otherwise it is the recording's path from the folder or the manifest, without
its suffix, and with `@START` after it for a line of NeMo with an `offset`. The text is `text`, or `sentence` (Common
Voice), or what `--text-column` says; in Lhotse's supervisions that is a custom field. Further columns of tables are
kept.

Of Lhotse cuts the supervisions are joined in the order of their times, several speakers by ` + `, and their word
alignment becomes `words` where it reads as the text does. Lhotse counts its times from the beginning of the recording
and leaves them so when it moves a part into memory: what comes out of memory and of Shar has no `words`, as nobody
knows where that part began (`saladkit timestamps` finds them anew). A mix, or a recording with Lhotse's transforms, is
computed when it is read and held in memory, as is what comes out of Shar; beyond 2 GB both stand in a file without a
name beside the output of `timestamps` and `cache-speech`, and `synth` does not read them.
"""
