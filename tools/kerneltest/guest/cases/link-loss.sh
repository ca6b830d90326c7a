# The cable is out for longer than the initiator's NOP timeout while fio runs: the initiator gives the connection up, comes
# back with the same ISID (session reinstatement, RFC 7143 section 6.3.5), and every block verifies.
expect_trouble
configure "node.conn[0].timeo.noop_out_interval" 2 "node.conn[0].timeo.noop_out_timeout" 2 "node.conn[0].timeo.login_timeout" 5
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_SECOND")
fio_verify "$d" --size=8m --rate_iops=100,100 &
fio=$!
sleep 2
host link off
step "the cable is out"
timed_out() { dmesg | sed -n '/kt: begin link-loss$/,$p' | grep -q -E 'ping timeout|detected conn error'; }
eventually 20 timed_out || fail "the initiator did not notice"
sleep 4 # so that the initiator's first attempts to come back fail
kill -0 $fio || fail "fio ended while the cable was out"
host link on
step "the cable is in"
back() { [ "$(negotiated "$PLAIN" state)" = LOGGED_IN ]; }
eventually 40 back || fail "the session is $(negotiated "$PLAIN" state) 40 s after the cable came back"
step "the session is back"
wait $fio || fail "fio: $(grep -E 'err=|verify' /run/kt/fio | head -n 2)"
must fio_verify "$d" --size=2m
