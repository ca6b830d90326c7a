# LOGICAL UNIT RESET and TARGET WARM RESET while fio runs: aborted commands are retried and every block verifies
# (RFC 7143 section 11.5).
expect_trouble
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_SECOND")
fio_verify "$d" --size=8m --rate_iops=400,400 &
fio=$!
sleep 1
step "LOGICAL UNIT RESET"
must sg_reset --no-escalate --device "$d"
kill -0 $fio || fail "fio ended before the resets did"
step "TARGET WARM RESET"
must sg_reset --no-escalate --target "$d"
other=$(disk "$PLAIN" "$LUN_DATA")
sg_turs "$other" # may report the reset, as a unit attention
must sg_turs "$other"
wait $fio || fail "fio: $(grep -E 'err=|verify' /run/kt/fio | head -n 2)"
same LOGGED_IN "$(negotiated "$PLAIN" state)" "session state"
