# A target with CHAP refuses an initiator that has none: status 0201h, authentication failure (RFC 7143 section 11.13.5).
expect_trouble # the target closes the connection
discover
iscsiadm -m node -T "$CHAP" --login
same 24 $? "iscsiadm's exit status (24 is: login failed, authorization failure)"
[ -z "$(session "$CHAP")" ] || fail "there is a session"
# Others are not troubled.
login "$SMALL"
