# A wrong secret and an unknown name are refused with authentication failure, and a right one is let in right after.
expect_trouble # the target closes the connection
try() { # USER SECRET WANT
	configure node.session.auth.authmethod CHAP node.session.auth.username "$1" node.session.auth.password "$2"
	discover
	iscsiadm -m node -T "$CHAP" --login
	same "$3" $? "login as $1 with secret '$2': iscsiadm's exit status"
}
try "$INITIATOR_USER" "$INITIATOR_SECRET." 24
try "$INITIATOR_USER" "initiator secret 2" 24
try "nobody" "$INITIATOR_SECRET" 24
try "$TARGET_USER" "$TARGET_SECRET" 24
[ -z "$(session "$CHAP")" ] || fail "there is a session"
try "$INITIATOR_USER" "$INITIATOR_SECRET" 0
