# Mutual CHAP with one secret wrong, in each direction. A wrong secret of the initiator is refused by the target with status
# 0201h; a target that does not prove itself is refused by the initiator, whatever the target thinks of it.
expect_trouble # the target closes the connection
try() { # TARGET SECRET NAME_IN SECRET_IN WANT
	configure node.session.auth.authmethod CHAP node.session.auth.username "$INITIATOR_USER" node.session.auth.password "$2" \
		node.session.auth.username_in "$3" node.session.auth.password_in "$4"
	discover
	iscsiadm -m node -T "$1" --login
	same "$5" $? "login with secrets '$2' and '$4': iscsiadm's exit status"
}
try "$MUTUAL" "wrong secret 12345" "$TARGET_USER" "$TARGET_SECRET" 24
try "$MUTUAL" "$INITIATOR_SECRET" "$TARGET_USER" "wrong secret 12345" 19 # non-retryable login failure: it was the initiator that gave up
try "$MUTUAL" "$INITIATOR_SECRET" "nobody" "$TARGET_SECRET" 19
# A target without a secret of its own cannot pass mutual CHAP.
iscsiadm -m node -T "$CHAP" --login && fail "a target without a secret passed mutual CHAP"
[ -z "$(session "$MUTUAL")$(session "$CHAP")" ] || fail "there is a session"
try "$MUTUAL" "$INITIATOR_SECRET" "$TARGET_USER" "$TARGET_SECRET" 0
