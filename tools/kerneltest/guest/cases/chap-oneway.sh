# CHAP in one direction (RFC 7143 section 12.1.3), with the default MD5.
configure node.session.auth.authmethod CHAP node.session.auth.username "$INITIATOR_USER" node.session.auth.password "$INITIATOR_SECRET"
connect "$CHAP"
exchange "$CHAP" "$LUN_DATA"
logout "$CHAP"
