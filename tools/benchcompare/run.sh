#!/bin/sh
# Compares the Go benchmarks of a package with those of another commit. benchstat judges. docs/benchmarking.md explains the
# method and how to read the result.
#
#   REF=main tools/benchcompare/run.sh                the working tree, compared with main
#   REF=HEAD~1 NEW=HEAD tools/benchcompare/run.sh     one commit, compared with another
#
# Exit status: 0 nothing is slower, 1 a benchmark is slower, 2 there is no comparison, 130 interrupted.
set -eu

fail() { echo "bench-compare: $*" >&2; exit 2; }

ref=${REF:-} new=${NEW:-} bench=${BENCH:-Window} pkg=${PKG:-./session} rounds=${ROUNDS:-10}
benchtime=${BENCHTIME:-100ms} threshold=${THRESHOLD:-10} cpus=${CPUS:-} raw=${RAW:-} relink=${RELINK:-1}
[ -n "$ref" ] || fail "which commit to compare with? make bench-compare REF=<git ref>"
case $rounds in *[!0-9]*) fail "ROUNDS=$rounds is not a number" ;; esac
# With fewer than six samples a side, benchstat gives no 95% interval of the median.
[ "$rounds" -ge 6 ] || fail "ROUNDS=$rounds: six or more"
case $threshold in '' | *[!0-9.]*) fail "THRESHOLD=$threshold is not a percentage" ;; esac
here=$(cd "$(dirname "$0")" && pwd)
top=$(git rev-parse --show-toplevel) || fail "not in a git repository"
folder=$(git rev-parse --show-prefix)$pkg

work=$(mktemp -d)
clean() {
	for side in old new; do
		[ ! -e "$work/$side" ] || git -C "$top" worktree remove --force "$work/$side"
	done
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# checkout makes a tree of a commit, beside the user's own.
checkout() {
	git rev-parse --verify --quiet "$2^{commit}" >/dev/null || fail "\"$2\" is not a commit of this repository"
	git worktree add --quiet --detach "$work/$1" "$2" >&2 || fail "cannot check out $2"
}
checkout old "$ref"
old_tree=$work/old new_tree=$top
if [ -n "$new" ]; then
	checkout new "$new"
	new_tree=$work/new
fi
go -C "$here" build -o "$work/benchstat" golang.org/x/perf/cmd/benchstat || fail "benchstat does not build"

# build links the functions in an order of its own for each round: the address of a hot loop changes its time by several percent.
build() {
	go -C "$2/$folder" test -c -trimpath -buildvcs=false -ldflags="-s -w -randlayout=$3" -o "$work/$1.test" . ||
		fail "$1 does not build"
	[ -e "$work/$1.test" ] || fail "$1 has no tests in $pkg"
}

# measure runs every benchmark once, in a process of its own.
measure() {
	(cd "$2/$folder" && ${cpus:+taskset -c "$cpus"} "$work/$1.test" -test.run '^$' -test.bench "$bench" \
		-test.benchtime "$benchtime" -test.benchmem) >"$work/out" 2>&1 || { cat "$work/out" >&2; fail "a benchmark of $1 failed"; }
	cat "$work/out" >>"$work/$1.txt"
}

round=1
while [ "$round" -le "$rounds" ]; do
	printf '\rround %d of %d' "$round" "$rounds" >&2
	if [ "$round" = 1 ] || [ "$relink" = 1 ]; then
		build old "$old_tree" "$round"
		build new "$new_tree" "$round"
	fi
	# Neither side is always first.
	if [ $((round % 2)) = 1 ]; then
		measure old "$old_tree"
		measure new "$new_tree"
	else
		measure new "$new_tree"
		measure old "$old_tree"
	fi
	round=$((round + 1))
done
echo >&2
grep -q '^Benchmark' "$work/old.txt" && grep -q '^Benchmark' "$work/new.txt" ||
	fail "nothing was compared: no benchmark matches \"$bench\" on both sides"
if [ -n "$raw" ]; then
	cp "$work/old.txt" "$raw.old"
	cp "$work/new.txt" "$raw.new"
fi
cd "$work"
./benchstat -alpha 0.01 old.txt new.txt
# The rows of the table of times: name, old, its interval, new, its interval, change, p. "~" is no significant change.
./benchstat -alpha 0.01 -format csv old.txt new.txt 2>/dev/null | awk -F, -v most="$threshold" '
	/^,/ { times = $2 == "sec/op"; next }
	times && $1 != "geomean" && $6 + 0 > most { print "SLOWER: " $1 " " $6; slower = 1 }
	END { exit slower }'
