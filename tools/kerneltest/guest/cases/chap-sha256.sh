# CHAP in both directions with SHA256 alone offered (CHAP_A, RFC 7143 section 12.1.3 and IANA's registry).
configure node.session.auth.authmethod CHAP node.session.auth.chap_algs SHA256 \
	node.session.auth.username "$INITIATOR_USER" node.session.auth.password "$INITIATOR_SECRET" \
	node.session.auth.username_in "$TARGET_USER" node.session.auth.password_in "$TARGET_SECRET"
connect "$MUTUAL"
