# CHAP in both directions; and the target lets in an initiator that does not ask it to prove itself.
configure node.session.auth.authmethod CHAP node.session.auth.username "$INITIATOR_USER" node.session.auth.password "$INITIATOR_SECRET" \
	node.session.auth.username_in "$TARGET_USER" node.session.auth.password_in "$TARGET_SECRET"
connect "$MUTUAL"
exchange "$MUTUAL" "$LUN_DATA"
logout "$MUTUAL"
configure node.session.auth.authmethod CHAP node.session.auth.username "$INITIATOR_USER" node.session.auth.password "$INITIATOR_SECRET"
connect "$MUTUAL"
