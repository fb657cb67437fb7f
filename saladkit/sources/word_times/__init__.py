"""Word times in the files of other tools: read by `import-times --times KIND:PATH`, written by `export-times`.

- `ctm`: a CTM file, whose first column is the id, or a folder of CTM files, such as the output of NeMo Forced Aligner.
- `textgrid`: a folder of `.TextGrid` files (Praat, MFA), or one file. The id is the path of a file from the folder,
  without the suffix. The tiers `words`, `SPEAKER - words` and `ORT-MAU` (WebMAUS) are read, or else the
  only interval tier. Binary
  TextGrids, and files that declare fewer tiers or intervals than they have, are refused.
- `lhotse`: Lhotse's cuts or supervisions in `.jsonl`, `.jsonl.gz` or `.json`: the words of
  `supervision.alignment["word"]`. The id is that of a cut, or else of a supervision. Lhotse counts word times from the
  start of the recording, wherever it cuts. In cuts, times may also count from the start of the cut, if only then
  they lie within the supervision. A word without a duration has no times. LibriHeavy as published has no alignment;
  data sets derived from it may have one.
- `whisperx`: a folder of WhisperX's `.json` files, named as with `textgrid`, or one file. A word without a score has no
  times here: WhisperX interpolated them from the neighbouring words, or left them out.

An id that is not there is matched with the one name that shares the end of its path: `wav/one` with `one` or
`aligned/one`, if no other id ends so too. Composed and decomposed letters are equal, and so are a space and `-`, and
`/` and `_`; the suffix of an audio file does not count. Names may also be the percent-escaped id, as `export-times`
writes it. Times are seconds from the start of the row's own audio.

Words are paired by their letters and digits, or by what is said for them: "1984" with "nineteen eighty four", "$5" with
"five dollars" (English). Words that share one interval ("New York") or one word of the tool have its times once: the
first word has them, the others have none. One word whose times overlap others', are reversed or not finite loses its
times, and is listed in `left-out.jsonl`. A row is left out where half of the times are so, where times lie before or
after its audio, or where most intervals are phrases.
"""
