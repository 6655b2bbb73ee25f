#!/usr/bin/env bash
# The commands behind the built-in model and the numbers on its card.
#
#   INSTRUCTUIE_DATA=path/to/data ENCODER=path/to/all-MiniLM-L6-v2 runs/builtin.sh
#
# On one H200 with 16 cores the two training stages took 5 and 3.5 minutes. Each can be stopped at any
# time and goes on from its last checkpoint when the script is run again. Fewer cores want fewer
# `train.workers`; that does not change the batches.
set -euo pipefail
cd "$(dirname "$0")/.."

DATA=runs/prepared.jsonl.gz
TRAIN=(instructuie train --config configs/train/builtin.toml --data "$DATA")
SETS=conll2003/NER,bc5cdr/NER,ncbi_disease/NER,anatem/NER,broad_twitter_corpus/NER,harveyner/NER,genia/NER
SETS+=,conll04/RE,ade_corpus_v2/RE,scierc/RE,nyt/RE,phee/EE,casie/EE
SETS+=,crossner_ai/NER,crossner_literature/NER,crossner_music/NER,crossner_politics/NER
SETS+=,crossner_science/NER,mit_movie/NER,mit_restaurant/NER

[ -f "$DATA" ] || instructuie data prepare --output "$DATA"
"${TRAIN[@]}" --output runs/builtin_stage1 --set train.steps=5800 \
    --set model.encoder="'${ENCODER:?folder of the encoder}'"
"${TRAIN[@]}" --output runs/builtin_stage2 --set train.steps=1900 --set train.seed=2 --set train.warmup=50 \
    --set train.decay=1.0 --set train.rounding=true --set train.consistency=0.5 \
    --set model.encoder="''" --set model.start="'runs/builtin_stage1/model'"
instructuie export runs/builtin_stage2/model --data "$DATA" --output runs/builtin
instructuie evaluate run --model runs/builtin --data "$DATA" --sets "$SETS" --output runs/builtin_scores.json
instructuie card runs/builtin_stage2/model --scores runs/builtin_scores.json --output runs/builtin/README.md \
    --title "instructuie built-in model 3" --command "runs/builtin.sh"
rm -rf src/instructuie/assets/models/builtin && cp -r runs/builtin src/instructuie/assets/models/builtin
