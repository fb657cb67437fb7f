"""Samples as other tools lay them out. Every command that reads samples recognises and reads these layouts too.

- NeMo manifest: a `.json`, `.jsonl` or `.jsonl.gz` file with `audio_filepath` in its first line. A line is a whole
  audio file or, if it has an `offset`, the stretch of `duration` that starts there. Manifests of tar files are refused.
- Lhotse cuts: a `.jsonl` or `.jsonl.gz` file whose first line has the `type` of a cut. Lhotse Shar: a folder with
  `cuts.NUMBER.jsonl.gz`, and the recordings in tar files beside them. Both need the extra `lhotse`.
- Hugging Face's `audiofolder`: a folder in which, at any depth, a `metadata.csv`, `.jsonl` or `.parquet` has a column
  `file_name`; or one such table. Each row is a sample. A `metadata.csv` may have commas, semicolons, tabs or bars
  between its columns, and be in UTF-8, UTF-16 or else Windows-1252; anything but UTF-8 with commas is said.
- Common Voice: a `.tsv` file with `path`, `sentence` and `client_id`, or its folder; the recordings are in `clips/`. In
  Spontaneous Speech, these are `audio_file`, `transcription` and `audios/`; recordings that nobody has transcribed are
  left out where texts are read. Quotes that a release puts around a sentence and doubles within it are removed.
- LJSpeech, and corpora in its form such as M-AILABS: a `metadata.csv` of `ID|text|normalized text` without a header, or
  a folder that has some at any depth; the recordings are in `wavs/`. The second text is `normalized_text`. A header
  such as Coqui's `audio_file|text|speaker_name` is read as one.
- VCTK: a folder with `txt/` and `wav48/` or `wav48_silence_trimmed/`, in the same order of folders below. The first of
  two microphones is read. Recordings without a text and texts without a recording are left out.
- Multilingual LibriSpeech (MLS): a `transcripts.txt` beside `audio/`, or the folder of a split.
- Kaldi: a folder with `wav.scp`, and `text`, `segments`, `utt2spk` and `utt2dur` if they are there. Relative paths
  start at the folder. A command or a place in an archive in `wav.scp` is never run or opened: its rows have no audio.
- Recordings with their texts: a folder in which, at any depth, there are audio files. The text of a recording is in a
  file of the same name with `.txt`, `.lab` or `.normalized.txt` (the first that exists), or in LibriSpeech's
  `SPEAKER-CHAPTER.trans.txt`. A recording without a text is an error where every row needs a text. A text without a
  recording is ignored, but an error in `.trans.txt`.

A folder is listed once, and the first reader that recognises it reads it; the table of readers is in `recognition.py`.
A Parquet, JSON-lines or Arrow file with our columns needs no reader.

The `id` is the source's own if it has one. If not, it is the path of the recording from the folder or the manifest,
without the suffix, in Unicode's NFC; lines of NeMo with an `offset` add `@START`. A file whose name is stored in
another form of Unicode than the table has it, as on macOS, is found. The text is `text`, or `sentence` in Common Voice,
or the column that `--text-column` names; in Lhotse's supervisions that is a custom field. Other columns of tables are
kept.

Marks in the texts of recordings are no words, whatever source they are from: `<sil>`, `[laughter]`, `<MUSIC>`, `<unk>`
and the like (the list is `marks.py`) are taken out, `<COMMA>`, `<PERIOD>`, `<QUESTIONMARK>` and `<EXCLAMATIONPOINT>`
become the punctuation, and a row of marks alone is left out, which is said. Texts without recordings, and texts beside
`words` or `choices`, stay as they are.

The supervisions of a Lhotse cut are joined by start time, several speakers by ` + `. Their word alignment becomes
`words` if it has the same words as the text; a word without a duration has no times. Lhotse counts word times from the
start of the recording, also after it moved a part of the recording into memory. Where that part began is then unknown,
so cuts in memory and in Shar have no `words`; `saladkit timestamps` computes them. Mixes, recordings with Lhotse's
transforms, and all audio of Shar are computed when they are read, and held in memory. Beyond 2 GB, `timestamps` and
`cache-speech` hold them in a temporary file beside their output; `synth` does not read audio.
"""
