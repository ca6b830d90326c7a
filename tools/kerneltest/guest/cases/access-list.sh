# A target that lets in one initiator name alone refuses ours (RFC 7143 section 11.13.5: 0202h, or 0203h as if it were not
# there) and takes the other, beside a session of ours.
expect_trouble # the target closes the connection
connect "$SMALL"
portal=127.0.0.1:${PORTAL#*:}
must iscsiadm -m node -o new -T "$CLOSED" -p "$portal,1"
iscsiadm -m node -T "$CLOSED" -p "$portal" --login
rc=$?
case $rc in
24 | 19) ;; # as iscsiadm shows 0202h and 0203h
*) fail "login under the wrong name: iscsiadm's exit status $rc, want 24 or 19" ;;
esac
[ -z "$(session "$CLOSED")" ] || fail "there is a session"
must iscsiadm -m node -o delete -T "$CLOSED"

step "under the right name"
must iscsiadm -m iface -I friend -o new
must iscsiadm -m iface -I friend -o update -n iface.initiatorname -v "$FRIEND"
must iscsiadm -m discovery -t sendtargets -p "$PORTAL" -I friend >/run/kt/targets
grep -q " $CLOSED\$" /run/kt/targets || fail "SendTargets does not list it to the right name"
login "$CLOSED"
same "$FRIEND" "$(cat "$(session "$CLOSED")/initiatorname")" "initiator name"
exchange "$CLOSED" "$LUN_DATA"
same LOGGED_IN "$(negotiated "$SMALL" state)" "state of the session beside it"
