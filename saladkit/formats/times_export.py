"""Times export: word times as files of other tools, written by `export-times`.

A folder with a manifest, `left-out.jsonl` (words that could not be written, each with `id`, its
`index` in the text, `word` and `reason`) and either `words.ctm`, or for every row a `.TextGrid` with one tier `words`,
named after the id, percent-escaped. Times are rounded to microseconds.
"""

SCHEMA, VERSION = "times-export", 1
