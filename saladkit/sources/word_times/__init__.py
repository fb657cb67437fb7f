"""Word times in other tools' files: read by `import-times --times KIND:PATH`, written by `export-times`.

- `ctm`: a CTM file, whose first column is the id, or a folder of them, also NeMo Forced Aligner's output folder.
- `textgrid`: a folder of `.TextGrid` files (Praat, MFA), named after the id by their names or by their paths below it;
  or one file. The tiers `words` and `SPEAKER - words` are read, else the only interval tier.
- `lhotse`: Lhotse's cuts or supervisions, `.jsonl`, `.jsonl.gz` or `.json`: the words of
  `supervision.alignment["word"]`. The id is a cut's or else a supervision's. Lhotse counts these times from the start
  of the recording, wherever it cuts; in cuts they may count from the cut's start where only that lies within the
  supervision. What LibriHeavy itself publishes has texts and no alignment: words have times in sets
  that were derived from it.
- `whisperx`: a folder of WhisperX's `.json` files, named as with `textgrid`, or one file. A word counts as placed if it
  has a score: the times of the others WhisperX has made up from their neighbours', or left out.

Files may be named after the percent-escaped id, as `export-times` does. Times are seconds from the start of the row's
own audio.
"""
