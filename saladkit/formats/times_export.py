"""Times export: word times in the formats of other tools, written by `export-times`.

The folder has either `words.ctm`, or a `.TextGrid` for each row, named after the percent-escaped id, with one tier
`words`. Times are rounded to microseconds. `left-out.jsonl` lists words that could not be written, each with `id`,
`index` in the text, `word` and `reason`.
"""

SCHEMA, VERSION = "times-export", 1
