"""Word times in the files of other tools: read by `import-times --times KIND:PATH`, written by `export-times`.

- `ctm`: a CTM file, whose first column is the id, or a folder of CTM files, such as the output of NeMo Forced Aligner.
- `textgrid`: a folder of `.TextGrid` files (Praat, MFA), or one file. The id is the name of a file, or its path from
  the folder, without the suffix. The tiers `words` and `SPEAKER - words` are read, or else the only interval tier.
- `lhotse`: Lhotse's cuts or supervisions in `.jsonl`, `.jsonl.gz` or `.json`: the words of
  `supervision.alignment["word"]`. The id is that of a cut, or else of a supervision. Lhotse counts word times from the
  start of the recording, wherever it cuts. In cuts, times may also count from the start of the cut, if only then
  they lie within the supervision. LibriHeavy as published has no alignment; data sets derived from it may have one.
- `whisperx`: a folder of WhisperX's `.json` files, named as with `textgrid`, or one file. A word without a score has
  no times here: WhisperX interpolated them from the neighbouring words, or left them out.

Files may be named after the percent-escaped id, as `export-times` does. Times are seconds from the start of the row's
own audio.
"""
