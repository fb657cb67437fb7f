"""The same word times in the files of several tools, each as its tool writes it."""

import json

ROWS = [
    {"id": "84-121", "text": "“Mr. O’Neil,” she said — go!", "duration": 2.0},
    {"id": "84/122", "text": "The New-York clock", "duration": 1.4},
    {"id": "85-1", "text": "Nobody spoke of it", "duration": 1.0},
]
# The words of the first two rows as every file below has them: (start, end) in s.
FIRST = [(0.1, 0.35), (0.35, 0.8), (0.8, 1.0), (1.0, 1.4), (None, None), (1.5, 1.9)]
SECOND = [(0.0, 0.2), (0.25, 0.9), (1.0, 1.42)]

CTM = """\
84-121 1 0.10 0.25 MR 0.9
84-121 1 0.35 0.45 O'NEIL 0.8
84-121 1 0.80 0.20 SHE 0.9
84-121 1 1.00 0.40 SAID 0.9
84-121 1 1.50 0.40 GO 1
84/122 1 0.00 0.20 the 0.9
84/122 1 0.25 0.35 new 0.5
84/122 1 0.60 0.30 york 0.7
84/122 1 1.00 0.42 clock 0.3
"""
MFA_LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0 
xmax = 2.0 
tiers? <exists> 
size = 2 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "words" 
        xmin = 0.0 
        xmax = 2.0 
        intervals: size = 8 
        intervals [1]:
            xmin = 0.0 
            xmax = 0.1 
            text = "" 
        intervals [2]:
            xmin = 0.1 
            xmax = 0.35 
            text = "mr" 
        intervals [3]:
            xmin = 0.35 
            xmax = 0.8 
            text = "o'neil" 
        intervals [4]:
            xmin = 0.8 
            xmax = 1.0 
            text = "she" 
        intervals [5]:
            xmin = 1.0 
            xmax = 1.4 
            text = "said" 
        intervals [6]:
            xmin = 1.4 
            xmax = 1.5 
            text = "<eps>" 
        intervals [7]:
            xmin = 1.5 
            xmax = 1.9 
            text = "go" 
        intervals [8]:
            xmin = 1.9 
            xmax = 2.0 
            text = "" 
    item [2]:
        class = "IntervalTier" 
        name = "phones" 
        xmin = 0.0 
        xmax = 2.0 
        intervals: size = 2 
        intervals [1]:
            xmin = 0.0 
            xmax = 0.1 
            text = "" 
        intervals [2]:
            xmin = 0.1 
            xmax = 2.0 
            text = "spn" 
"""
PRAAT_SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.42
<exists>
2
"IntervalTier"
"Ann - words"
0
1.42
5
0
0.2
"the"
0.2
0.25
""
0.25
0.9
"new-york"
0.9
1
""
1
1.42
"clock"
"IntervalTier"
"Ann - phones"
0
1.42
1
0
1.42
"AH0"
"""
WHISPERX = [
    {
        "segments": [
            {
                "start": 0.1,
                "end": 1.4,
                "text": " Mr. O'Neil, she said",
                "words": [
                    {"word": "Mr.", "start": 0.1, "end": 0.35, "score": 0.9},
                    {"word": "O'Neil,", "start": 0.35, "end": 0.8, "score": 0.8},
                    {"word": "she", "start": 0.8, "end": 1.0, "score": 0.9},
                    {"word": "said", "start": 1.0, "end": 1.4, "score": 0.9},
                ],
            },
            {
                "start": 1.5,
                "end": 1.9,
                "text": " go",
                "words": [{"word": "go", "start": 1.5, "end": 1.9, "score": 1.0}],
            },
        ],
        "word_segments": [],
        "language": "en",
    },
    {
        "segments": [
            {
                "text": " The New-York 1 clock",
                "words": [
                    {"word": "The", "start": 0.0, "end": 0.2, "score": 0.9},
                    {"word": "New-York", "start": 0.25, "end": 0.9, "score": 0.6},
                    {"word": "1"},
                    {"word": "clock", "start": 1.0, "end": 1.42, "score": 0.3},
                ],
            }
        ],
        "word_segments": [],
    },
]


def write_ctm(folder):
    (folder / "all.ctm").write_text(CTM)
    return f"ctm:{folder / 'all.ctm'}"


def write_nemo(folder):
    words = folder / "nemo" / "ctm" / "words"
    words.mkdir(parents=True)
    for row in ROWS[:2]:
        lines = [line.rpartition(" ")[0] + "\n" for line in CTM.splitlines() if line.startswith(row["id"])]
        (words / f"{row['id'].replace('/', '_')}.ctm").write_text("".join(lines))
    return f"ctm:{folder / 'nemo'}"


def write_textgrids(folder):
    (folder / "aligned" / "84").mkdir(parents=True)
    (folder / "aligned" / "84-121.TextGrid").write_text(MFA_LONG)
    (folder / "aligned" / "84" / "122.TextGrid").write_text(PRAAT_SHORT, encoding="utf-16")  # as Praat does
    return f"textgrid:{folder / 'aligned'}"


def write_whisperx(folder):
    (folder / "whisperx" / "84").mkdir(parents=True)
    for name, content in zip(("84-121", "84/122"), WHISPERX, strict=True):
        (folder / "whisperx" / f"{name}.json").write_text(json.dumps(content))
    return f"whisperx:{folder / 'whisperx'}"


def alignment(id_):
    from lhotse.supervision import AlignmentItem

    fields = (line.split() for line in CTM.splitlines() if line.split()[0] == id_)
    return [
        AlignmentItem(word, float(start), float(seconds), float(score)) for _, _, start, seconds, word, score in fields
    ]


def write_lhotse(folder):
    """Cuts as LibriHeavy's: the texts stand in the supervision's custom fields. The row is the cut."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
    from lhotse.audio import AudioSource

    source = AudioSource("file", [0], "/nowhere/book.flac")
    recording = Recording("book", [source], sampling_rate=16_000, num_samples=1_600_000, duration=100.0)
    cuts = []
    for begin, row in ((30.0, ROWS[0]), (50.0, ROWS[1])):
        supervision = SupervisionSegment(
            f"{row['id']}-part",
            "book",
            start=0.0,
            duration=row["duration"],
            language="English",
            custom={"texts": [row["text"], "MR O'NEIL"], "pre_texts": ["Then", "THEN"], "begin_byte": 1, "end_byte": 9},
            alignment={"word": alignment(row["id"])},
        )
        cuts.append(MonoCut(row["id"], begin, row["duration"], 0, [supervision], recording=recording))
    CutSet.from_cuts(cuts).to_file(folder / "libriheavy_cuts.jsonl.gz")
    return f"lhotse:{folder / 'libriheavy_cuts.jsonl.gz'}"


def write_lhotse_supervisions(folder):
    """Supervisions of a recording, whose alignments count from the recording's start, as Lhotse's do."""
    from lhotse import SupervisionSegment, SupervisionSet

    supervisions = [
        SupervisionSegment(
            row["id"],
            "book",
            start=begin,
            duration=row["duration"],
            alignment={"word": [item.with_offset(begin) for item in alignment(row["id"])], "phone": []},
        )
        for begin, row in ((30.1, ROWS[0]), (50.7, ROWS[1]))
    ]
    SupervisionSet.from_segments(supervisions).to_file(folder / "supervisions.jsonl")
    return f"lhotse:{folder / 'supervisions.jsonl'}"


def write_cuts_of_whole_recordings(folder):
    """The row is a supervision; the cut is longer, and holds another supervision too."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
    from lhotse.audio import AudioSource

    source = AudioSource("file", [0], "/nowhere/book.flac")
    recording = Recording("book", [source], sampling_rate=16_000, num_samples=1_600_000, duration=100.0)
    supervisions = [
        SupervisionSegment(
            row["id"],
            "book",
            start=begin,
            duration=row["duration"],
            alignment={"word": [item.with_offset(begin) for item in alignment(row["id"])]},
        )
        for begin, row in ((5.1, ROWS[1]), (0.3, ROWS[0]))
    ]
    CutSet.from_cuts([MonoCut("cut", 20.0, 10.0, 0, supervisions, recording=recording)]).to_file(folder / "cuts.jsonl")
    return f"lhotse:{folder / 'cuts.jsonl'}"


def write_trimmed_cuts(folder):
    """Cuts that Lhotse trims: their word times still count from the start of the recording."""
    from lhotse import CutSet, load_manifest

    write_cuts_of_whole_recordings(folder)
    (whole,) = load_manifest(folder / "cuts.jsonl")
    for part in whole.supervisions:  # counted from the cut until here, which began at 20 s
        part.alignment["word"] = [item.with_offset(20.0) for item in part.alignment["word"]]
    trimmed = [cut.with_id(cut.supervisions[0].id) for cut in whole.trim_to_supervisions(keep_overlapping=False)]
    for cut in trimmed:
        cut.supervisions[0].id += " as part"
    CutSet.from_cuts(trimmed).to_file(folder / "trimmed.jsonl")
    return f"lhotse:{folder / 'trimmed.jsonl'}"


WRITERS = [
    write_ctm,
    write_nemo,
    write_textgrids,
    write_whisperx,
    write_lhotse,
    write_lhotse_supervisions,
    write_cuts_of_whole_recordings,
    write_trimmed_cuts,
]
