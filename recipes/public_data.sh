#!/usr/bin/env bash
# The paper's corpora by their public names, made into what recipes/salad_3b.sh and salad_7b.sh read: data/speech, data/pool, data/replay.
#
#   bash recipes/public_data.sh               needs a network, `hf auth login` (Emilia asks for consent), and terabytes of disk
#   DATA=/big/disk bash recipes/public_data.sh
#   DRY_RUN=1 bash recipes/public_data.sh     print the lines alone
#   LIBRIHEAVY=small EMILIA='*B000000.tar' POOL_FILES='000_00000.parquet' REPLAY_FILES='train-00000*' bash recipes/public_data.sh
#
# WE HAVE NOT RUN THE DOWNLOADS. What follows them is tested on files of the published schemas (tests/test_public_data.py).
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
DATA=${DATA:-data}
LIBRIHEAVY=${LIBRIHEAVY:-large}        # small, medium or large: 500, 5,000 or 50,000 hours as published
EMILIA=${EMILIA:-*.tar}                # files of Emilia-YODAS/EN
POOL_FILES=${POOL_FILES:-*.parquet}    # files of FineWeb-Edu's sample of 10 billion tokens
REPLAY_FILES=${REPLAY_FILES:-*.parquet}  # files of each part of the SmolLM corpus
do_line() { printf '%s\n' "$*" >&2; [ -n "${DRY_RUN:-}" ] || "$@"; }
download() { do_line hf download "$1" --repo-type dataset --local-dir "$DATA/$2" --include "$3"; }

# LibriHeavy: cuts of Lhotse, whose recordings are Libri-Light's FLAC files, a tar file of each size.
download pkufool/libriheavy libriheavy "libriheavy_cuts_$LIBRIHEAVY.jsonl.gz"
do_line mkdir -p "$DATA/libriheavy/download/librilight"
do_line curl -L -C - -o "$DATA/libriheavy/$LIBRIHEAVY.tar" "https://dl.fbaipublicfiles.com/librilight/data/$LIBRIHEAVY.tar"
do_line tar -xf "$DATA/libriheavy/$LIBRIHEAVY.tar" -C "$DATA/libriheavy/download/librilight"
do_line python recipes/public_data.py libriheavy "$DATA/libriheavy/libriheavy_cuts_$LIBRIHEAVY.jsonl.gz" -o "$DATA/speech"

# Emilia's YODAS part in English: tar files of ID.mp3 and ID.json. Remove the tar files afterwards.
download amphion/Emilia-Dataset emilia "Emilia-YODAS/EN/$EMILIA"
do_line python recipes/public_data.py emilia "$DATA/emilia/Emilia-YODAS/EN/$EMILIA" -o "$DATA/speech"

# FineWeb-Edu, 10 billion tokens: the pool that is selected from.
download HuggingFaceFW/fineweb-edu fineweb-edu "sample/10BT/$POOL_FILES"
do_line python recipes/public_data.py texts "$DATA/fineweb-edu/sample/10BT/$POOL_FILES" -o "$DATA/pool"

# The SmolLM corpus, without code: the text replay.
for PART in cosmopedia-v2 fineweb-edu-dedup; do
  download HuggingFaceTB/smollm-corpus smollm-corpus "$PART/$REPLAY_FILES"
  do_line python recipes/public_data.py texts "$DATA/smollm-corpus/$PART/$REPLAY_FILES" -o "$DATA/replay"
done
