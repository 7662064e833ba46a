#!/bin/sh
# Trains the wide model (configs/wide.cfg) from packed data, in pieces that resume from each other, scores it on what was held
# out, and leaves 16-bit weights in at most four files of at most 15 MB. One command to pack, one for all the rest:
#
#   tools/train-default.sh --pack DATA ARCHIVE.tar.gz
#   tools/train-default.sh ARCHIVE.tar.gz RUN [--config FILE] [--device DEVICE] [--minutes M] [--piece P] [-- OPTIONS]
#
# --pack   puts what training needs of a data folder (docs/data.md) into an archive of less than 60 MB: photos/, strands/,
#          cards/, particles/ and objects/, pictures as large as training keeps them, photographs recompressed until all fits.
#          The same data give the same archive. Other folders, such as benchmarks, are never looked at.
# RUN      the folder for everything: data, drawn foregrounds, checkpoint, weights, log, and shards/ in the end.
#          The same command again goes on where the last one stopped, however that came about.
# --minutes M   train for that long (25), in pieces of P minutes (9) that end with a checkpoint each
# --device      as mgm's: cpu, cuda, cuda:N (cuda)
# OPTIONS       go to `mgm train`, for instance --set iterations=20000; the same ones with every call for a RUN
#
# Needs the repository and its build (in $BUILD, or build), and tar, gzip and sha256sum.
set -eu
export LC_ALL=C

MOST_BYTES=60000000 SHARD_MB=15 MOST_SHARDS=4 FOLDERS='photos strands cards particles objects'
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
mgm=$build/cli/mgm

say() { echo "train-default: $*" >&2; }
die() { say "$@"; exit 1; }
usage() { sed -n '5,6s/^# *//p' "$0" >&2; exit 2; }
built() { [ -x "$1" ] || die "there is no program $1: build it, or name the build's folder in BUILD"; }
size_of() { wc -c < "$1" | tr -d ' '; }

# ---- packing ------------------------------------------------------------------------------------------------------------

# What is no picture: strands, and the terms that all of it is under.
copy_rest() {
    for folder in $FOLDERS; do
        mkdir -p "$2/$folder"
        for file in "$1/$folder"/*.tfx "$1/$folder"/*.txt "$1/$folder"/LICENSE* "$1/$folder"/license*; do
            if [ -f "$file" ]; then cp -f "$file" "$2/$folder/"; fi
        done
    done
    if [ -f "$1/README.md" ]; then cp -f "$1/README.md" "$2/"; fi
}

# CONTENTS: a line for each folder, then what sha256sum checks.
list_contents() {
    (
        cd "$1"
        echo "# Packed for training by tools/train-default.sh; photographs are JPEG of quality $2."
        for folder in $FOLDERS; do
            echo "# $folder: $(find "$folder" -type f | wc -l) files, $(find "$folder" -type f -exec cat {} + | wc -c) bytes"
        done
        find . -type f ! -name CONTENTS | sort | xargs -d '\n' sha256sum
    ) > "$1.contents"
    mv "$1.contents" "$1/CONTENTS"
}

archive_of() {
    tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        -C "$1" -cf - data | gzip -9n > "$2"
}

pack() {
    built "$build/tools/pack-data"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    for quality in 95 92 90 87 84 80 75 70 60 50; do
        rm -rf "$work/data"
        mkdir "$work/data"
        copy_rest "$1" "$work/data"
        "$build/tools/pack-data" "$1" "$work/data" $quality
        list_contents "$work/data" $quality
        archive_of "$work" "$work/archive"
        say "quality $quality: $(size_of "$work/archive") bytes"
        if [ "$(size_of "$work/archive")" -lt $MOST_BYTES ]; then
            mv "$work/archive" "$2"
            grep '^#' "$work/data/CONTENTS"
            return
        fi
    done
    die "$1: does not fit into $MOST_BYTES bytes, whatever the photographs' quality"
}

# ---- training -----------------------------------------------------------------------------------------------------------

# Only once for an archive; a half unpacked folder is never taken for a whole one.
unpack() {
    sum=$(sha256sum < "$1")
    if [ "$(cat "$run/data.sum" 2>/dev/null)" = "$sum" ]; then return; fi
    rm -rf "$run/data" "$run/data.sum"
    tar -C "$run" -xzf "$1"
    (cd "$run/data" && grep -v '^#' CONTENTS | sha256sum -c --quiet) || die "$1: is damaged"
    grep '^#' "$run/data/CONTENTS" >&2
    echo "$sum" > "$run/data.sum"
}

# In a process of its own, which becomes mgm, so that a signal reaches it.
train() {
    exec "$mgm" train "$config" --data "$run/data" --run "$run" --set "foregrounds.cache=$run/foregrounds.cache" --resume "$@"
}

# A number of what the weights say about their training.
fact() { "$mgm" info "$run/weights.safetensors" --json | sed -n 's/^[[:space:]]*"'"$1"'":[[:space:]]*\([0-9]*\).*/\1/p'; }

is_complete() { [ -f "$run/weights.safetensors" ] && [ "$(fact iterations)" -ge "$(fact of_iterations)" ]; }

# A piece that is ended by force costs what came after its last checkpoint; three in a row, and something is wrong.
train_pieces() {
    end=$(($(date +%s) + 60 * minutes)) killed=0 stopping=''
    trap 'stopping=yes; kill -TERM "$child" 2>/dev/null || :' HUP INT TERM
    while [ -z "$stopping" ] && ! is_complete; do
        left=$(((end - $(date +%s) + 59) / 60))
        if [ $left -le 0 ]; then break; fi
        if [ $left -gt "$piece" ]; then left=$piece; fi
        train --device "$device" --minutes "$left" "$@" & child=$!
        status=0
        wait $child || status=$?
        while [ -n "$stopping" ] && kill -0 $child 2>/dev/null; do wait $child || :; done
        if [ $status -lt 128 ]; then killed=0; else killed=$((killed + 1)); fi
        if [ -n "$stopping" ]; then break; fi
        if [ $status -ne 0 ] && [ $status -lt 128 ]; then die "training failed"; fi
        if [ $killed -ge 3 ]; then die "three pieces in a row were ended by force"; fi
        if [ $killed -gt 0 ]; then say "a piece was ended by force (signal $((status - 128))); going on from its last checkpoint"; fi
    done
    trap - HUP INT TERM
    if [ -n "$stopping" ]; then die "stopped; the same command goes on"; fi
    [ -f "$run/weights.safetensors" ] || die "nothing was trained yet; the same command goes on"
}

# ---- the result ---------------------------------------------------------------------------------------------------------

write_shards() {
    rm -rf "$run/shards"
    mkdir "$run/shards"
    index=$run/shards/$(basename "$config" .cfg).safetensors.index.json
    "$mgm" convert "$run/weights.safetensors" "$index" --max-shard $SHARD_MB
    set -- "$run"/shards/*-of-*.safetensors
    if [ $# -gt $MOST_SHARDS ]; then die "$index: $# shards, more than $MOST_SHARDS"; fi
    for shard; do
        if [ "$(size_of "$shard")" -gt ${SHARD_MB}000000 ]; then die "$shard: larger than $SHARD_MB MB"; fi
    done
    "$mgm" matte "$here/examples/photo.jpg" "$here/examples/mask.png" -o "$run/example.png" --model "$index" --quiet
    say "iteration $(fact iterations) of $(fact of_iterations); $# shards: $index; the example, matted: $run/example.png"
}

if [ "${1:-}" = --pack ]; then
    [ $# -eq 3 ] || usage
    pack "$2" "$3"
    exit 0
fi
[ $# -ge 2 ] || usage
archive=$1 run=$2 config=$here/configs/wide.cfg device=cuda minutes=25 piece=9
shift 2
while [ $# -gt 0 ]; do
    if [ "$1" = -- ]; then shift; break; fi
    [ $# -ge 2 ] || usage
    case $1 in
    --config) config=$2 ;;
    --device) device=$2 ;;
    --minutes) minutes=$2 ;;
    --piece) piece=$2 ;;
    *) usage ;;
    esac
    shift 2
done
built "$mgm"
mkdir -p "$run"
unpack "$archive"
train_pieces "$@"
(train --validate "$@")
write_shards
