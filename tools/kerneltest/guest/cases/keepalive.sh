# An idle session answers the initiator's NOP-Outs in time, and a second session of the same name lives beside it
# (RFC 7143 section 11.18).
configure "node.conn[0].timeo.noop_out_interval" 1 "node.conn[0].timeo.noop_out_timeout" 2 node.session.nr_sessions 2
discover
must iscsiadm -m node -T "$SMALL" --login
sleep 6 # five intervals in which nothing else is sent
same 2 "$(ls -d /sys/class/iscsi_session/session* | wc -l)" "sessions"
for session in /sys/class/iscsi_session/session*; do
	same LOGGED_IN "$(cat "$session/state")" "state of ${session##*/}"
done
