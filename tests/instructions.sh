#!/usr/bin/env bash
# Whether benches/instructions.sh finds what it should: its arithmetic on counts that are written here, and the whole
# way with the binary that the tests have built, small inputs and a slow-down that is planted. What the code costs is
# not judged here: debug builds say nothing of it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
passed=0
failed=0

# expect NAME STATUS TEXT COMMAND...: the command ends with this status, and a line that it prints has this text, if any.
expect() {
  local name=$1 status=$2 text=$3 found=0
  shift 3
  "$@" >"$directory/output" 2>&1 || found=$?
  if [ "$found" -eq "$status" ] && { [ -z "$text" ] || grep -q -F -- "$text" "$directory/output"; }; then
    passed=$((passed + 1))
    echo "ok: $name"
  else
    failed=$((failed + 1))
    echo "FAILED: $name: status $found, not $status, or nothing says \"$text\":"
    cat "$directory/output"
  fi
}

# compare NAME STATUS TEXT COUNTS: these counts against a baseline of two cases, 1000 items each.
compare() {
  printf '%s\n' '# rustc 1' 'group/a 100000 1000' 'group/b 5000000 1000' >"$directory/baseline"
  printf "$4" >"$directory/counts"
  expect "$1" "$2" "$3" benches/instructions.sh --compare "$directory/baseline" "$directory/counts"
}

compare 'equal counts pass' 0 '2 cases compared, 0 faults' \
  '# rustc 1\ngroup/a 100000 1000\ngroup/b 5000000 1000\n'
compare 'up to the tolerance passes' 0 '0 faults' \
  '# rustc 1\ngroup/a 102000 1000\ngroup/b 5000000 1000\n'
compare 'beyond the tolerance fails' 1 'fault: group/a is slower by 2.10 %' \
  '# rustc 1\ngroup/a 102100 1000\ngroup/b 5000000 1000\n'
compare 'one case is not weighed up by another' 1 'fault: group/a is slower by 3.00 %' \
  '# rustc 1\ngroup/a 103000 1000\ngroup/b 2500000 1000\n'
compare 'what is faster passes, and is told' 0 'note: group/b is faster by 50.00 %' \
  '# rustc 1\ngroup/a 100000 1000\ngroup/b 2500000 1000\n'
compare 'a new case fails' 1 'fault: group/c is not in the baseline' \
  '# rustc 1\ngroup/a 100000 1000\ngroup/b 5000000 1000\ngroup/c 1 1\n'
compare 'a case that is gone fails' 1 'fault: group/b is gone' \
  '# rustc 1\ngroup/a 100000 1000\n'
compare 'other inputs fail' 1 'fault: group/a works on other inputs' \
  '# rustc 1\ngroup/a 100000 999\ngroup/b 5000000 1000\n'
compare 'another compiler is told' 0 'note: the baseline has # rustc 1, this is # rustc 2' \
  '# rustc 2\ngroup/a 100000 1000\ngroup/b 5000000 1000\n'
compare 'a line that is not a count fails' 1 'no case, instructions, items: group/a 1000' \
  '# rustc 1\ngroup/a 100000 1000\ngroup/b 5000000 1000\ngroup/a 1000\n'
compare 'no counts fail' 1 '0 cases compared' '# rustc 1\n'

# The whole way, with the binary that `cargo test` has built, so that nothing is built for this.
count() {
  benches/instructions.sh --profile test --scale small --baseline "$directory/saved" "$@"
}
# Cases that look symbols up, so that the seeds of hash tables would be seen, and one of the core.
cases=(batch_of_1000_quotes_to_100_topics latest_1000_sessions_on_the_same_10_topics_1_tick_each)
counts=target/instructions/test/counts

expect 'a baseline is saved' 0 'saved ' count --iterations 1 --save
expect 'it has every case' 0 'encode/1000_frames_of_one_tick' cat "$directory/saved"
expect 'it says what it was made with' 0 "# $(rustc --version)" cat "$directory/saved"
expect 'a run is compared with it' 0 ' cases compared, 0 faults' count --iterations 1 "${cases[@]}"
expect 'another number of iterations is told' 1 'works on other inputs' count --iterations 100 "${cases[@]}"
cp "$counts" "$directory/saved"
expect 'one part in a hundred passes' 0 ' cases compared, 0 faults' count --iterations 100 --planted 1 "${cases[@]}"
expect 'three parts in a hundred are found' 1 'is slower by 3.0' count --iterations 100 --planted 3 "${cases[@]}"
expect 'a second run passes' 0 ' cases compared, 0 faults' count --iterations 100 "${cases[@]}"
expect 'and is equal to the instruction' 0 '' cmp "$counts" "$directory/saved"
expect 'a filter that no case has fails' 1 '0 cases compared' count no_such_case

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
